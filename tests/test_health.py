"""``alembic.health``: what a readiness probe is told, and how often the database is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import types
import typing as t

import flask
import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import Project
from support.servers import Database

from flask_alembic.web import health

REGISTER = '\napp.register_blueprint(alembic.health, url_prefix="/health")\n'


@pytest.fixture
def line(project: Project) -> Project:
    project.tables("a", "b")
    project.config["ALEMBIC_HEALTH_INTERVAL"] = 0
    project.setup += REGISTER
    return project


@pytest.fixture
def probed(scripted: Scripted) -> Scripted:
    """The same with an env.py."""
    scripted.config["ALEMBIC_HEALTH_INTERVAL"] = 0
    scripted.setup += REGISTER.replace("alembic.", "migrate.")
    return scripted


@contextlib.contextmanager
def serving(project: Project) -> t.Iterator[types.ModuleType]:
    module = project.load()
    with project.closing(module):
        yield module


def ready(app: flask.Flask) -> tuple[int, dict[str, t.Any]]:
    response = app.test_client().get("/health/ready")
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.get_json()


@pytest.mark.parametrize("kind", ["line", "probed"])
def test_states(request: pytest.FixtureRequest, database: Database, kind: str) -> None:
    project = request.getfixturevalue(kind)

    def look() -> tuple[int, str]:
        with serving(project) as module:
            code, body = ready(module.app)
        assert body["heads"] == ["b"]
        assert body["ready"] is (code == 200)
        assert body["problem"] is None
        (state,) = body["databases"].values()
        return code, state["state"]

    assert look() == (503, "unstamped")
    project.invoke("upgrade", "a")
    assert look() == (503, "behind")
    project.invoke("upgrade")
    assert look() == (200, "current")
    database.execute("UPDATE alembic_version SET version_num = 'later'")
    assert look() == (200, "ahead")
    database.execute("INSERT INTO alembic_version (version_num) VALUES ('a')")
    assert look() == (503, "diverged")


@pytest.mark.one_database
def test_each_database(line: Project, database: Database) -> None:
    line.bind("log", database.sibling().url)
    line.invoke("upgrade", "--database", "log")
    line.invoke("upgrade", "a", "--database", "default")
    with serving(line) as module:
        code, body = ready(module.app)
        assert code == 503
        assert body["databases"] == {
            "default": {"state": "behind", "current": ["a"], "pending": 1},
            "log": {"state": "current", "current": ["b"], "pending": 0},
        }
        with module.app.app_context():
            module.alembic.upgrade()
        assert ready(module.app)[0] == 200


@pytest.mark.needs("password")
@pytest.mark.parametrize("kind", ["line", "probed"])
def test_unreachable(
    request: pytest.FixtureRequest, database: Database, kind: str
) -> None:
    """Nothing of where the database is, who asks it, or what the driver says."""
    project = request.getfixturevalue(kind)
    url = database.url_with(port=1, username="hubert", password="s3cret")
    project.config["SQLALCHEMY_DATABASE_URI"] = url
    with serving(project) as module:
        code, body = ready(module.app)
    assert code == 503
    assert [x["state"] for x in body["databases"].values()] == ["unreachable"]
    for word in ("hubert", "s3cret", "127.0.0.1", database.name, "efused", "rror"):
        assert word not in str(body)


@pytest.mark.one_database
def test_what_goes_wrong_is_logged_once_and_not_told(
    line: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(line) as module:
        line.migrations.rename(line.root / "elsewhere")
        for _ in range(3):
            code, body = ready(module.app)
            assert (code, body["ready"], body["databases"]) == (503, False, {})
            assert str(line.root) not in str(body)
        assert len([r for r in caplog.records if r.name == health.__name__]) == 1
        (line.root / "elsewhere").rename(line.migrations)
        assert ready(module.app)[1]["problem"] is None


@pytest.mark.one_database
def test_interval_that_cannot_be_read(line: Project) -> None:
    line.config["ALEMBIC_HEALTH_INTERVAL"] = "often"
    with serving(line) as module, pytest.raises(RuntimeError, match="HEALTH_INTERVAL"):
        module.app.testing = True
        module.app.test_client().get("/health/ready")


def count_selects(engine: sa.Engine, pause: float = 0) -> list[str]:
    """Note the statements of an engine from now on; each takes a while."""
    found: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(conn: t.Any, cursor: t.Any, statement: str, *more: t.Any) -> None:
        found.append(statement)
        time.sleep(pause)

    return found


def test_many_requests_are_one_question(line: Project) -> None:
    line.config["ALEMBIC_HEALTH_INTERVAL"] = "10min"
    line.invoke("upgrade")
    codes: list[int] = []
    with serving(line) as module:
        with module.app.app_context():
            selects = count_selects(module.db.engine, pause=0.1)
        start = threading.Barrier(16)

        def ask() -> None:
            start.wait()
            codes.extend(ready(module.app)[0] for _ in range(10))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == [200] * 160
    assert len(selects) == 1


@pytest.mark.one_database
def test_an_old_answer_is_asked_for_again(line: Project) -> None:
    line.config["ALEMBIC_HEALTH_INTERVAL"] = "10min"
    with serving(line) as module:
        with module.app.app_context():
            selects = count_selects(module.db.engine)
        assert ready(module.app)[0] == 503
        asked = len(selects)
        with module.app.app_context():
            module.alembic.upgrade()
        del selects[:]
        assert ready(module.app)[0] == 503
        assert selects == []
        module.app.config["ALEMBIC_HEALTH_INTERVAL"] = 0
        assert ready(module.app)[0] == 200
        assert 0 < len(selects) <= asked


@pytest.mark.one_database
def test_a_database_that_says_nothing(
    line: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It's waited for by one thread, for as long as a request has patience."""
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql+psycopg://me@127.0.0.1:{port}/nothing"
        line.config["SQLALCHEMY_DATABASE_URI"] = url
        with serving(line) as module:
            before = threading.active_count()
            for _ in range(3):
                code, body = ready(module.app)
                assert (code, body["ready"], body["databases"]) == (503, False, {})
                assert "in time" in body["problem"]
                assert threading.active_count() == before + 1
            server.accept()[0].close()
            looking = [x for x in threading.enumerate() if x.name == "alembic-health"]
            for thread in looking:
                thread.join(20)
            module.app.config["ALEMBIC_HEALTH_INTERVAL"] = "10min"
            (state,) = ready(module.app)[1]["databases"].values()
            assert state["state"] == "unreachable"


@pytest.mark.one_database
def test_one_extension_on_two_applications(line: Project, database: Database) -> None:
    line.invoke("upgrade")
    empty = database.sibling()
    line.setup += f"""
other = Flask("other", root_path=app.root_path)
other.config.update(app.config, SQLALCHEMY_DATABASE_URI={empty.url!r})
db.init_app(other)
alembic.init_app(other)
other.register_blueprint(alembic.health, url_prefix="/health")
"""
    with serving(line) as module:
        assert ready(module.app)[0] == 200
        assert ready(module.other)[0] == 503
        with module.other.app_context():
            module.db.engine.dispose()


@pytest.mark.one_database
def test_async_engine(line: Project, database: Database) -> None:
    line.invoke("upgrade")
    line.setup = f"""
from sqlalchemy.ext.asyncio import create_async_engine
engines = {{"default": create_async_engine({database.asynchronous_url()!r})}}
alembic = Alembic(app, metadatas=db.metadata, engines=engines)
{REGISTER}"""
    with serving(line) as module:
        assert ready(module.app)[0] == 200


@pytest.mark.one_database
def test_a_worker_loads_no_alembic(line: Project) -> None:
    line.invoke("upgrade")
    line.write()
    done = line.python("""
        import sys
        from app import app
        assert app.test_client().get("/health/ready").status_code == 200
        loaded = {name.partition(".")[0] for name in sys.modules}
        print(sorted(loaded & {"alembic", "mako", "rich", "filelock"}))
    """)
    assert done.stdout == "[]\n", done.stderr

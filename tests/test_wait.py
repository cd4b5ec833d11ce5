"""Ready or not: ``status`` with a database that doesn't answer, and ``wait``."""

from __future__ import annotations

import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import flask
import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import clean_environment
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic
from flask_alembic import NotReadyError
from flask_alembic import Status
from flask_alembic.results import Event

SECRET = "s3cr%40et/%25"
CLOSED = f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/nothing"
CLOSED_URLS = [
    CLOSED,
    f"postgresql+asyncpg://me:{SECRET}@127.0.0.1:1/nothing",
    f"mysql+pymysql://me:{SECRET}@127.0.0.1:1/nothing",
    "sqlite:////nowhere/at/all.db",
]


@pytest.fixture
def line(project: Project) -> Project:
    project.tables("a", "b")
    return project


def application(folder: Path, **urls: str) -> tuple[flask.Flask, Alembic]:
    """An application with plain engines, whose revisions are those of a project."""
    app = flask.Flask("plain", root_path=str(folder))
    engines: dict[str, t.Any] = {}
    for name, url in urls.items():
        if "asyncpg" in url:
            from sqlalchemy.ext.asyncio import create_async_engine

            engines[name] = create_async_engine(url)
        else:
            engines[name] = sa.create_engine(url, poolclass=sa.NullPool)
    metadatas = {name: sa.MetaData() for name in urls}
    return app, Alembic(app, metadatas=metadatas, engines=engines)


# A database that doesn't answer


@pytest.mark.one_database
@pytest.mark.parametrize("url", CLOSED_URLS, ids=lambda url: url.partition(":")[0])
def test_unreachable(line: Project, database: Database, url: str) -> None:
    app, alembic = application(line.root, default=url, log=database.url)
    with app.app_context():
        down, up = alembic.status()
        assert (down.state, down.reachable, down.current) == ("unknown", False, ())
        assert down.heads == ("b",)
        assert (up.state, up.reachable) == ("unstamped", True)
        assert down.note and down.note.startswith("it can't be reached: ")
        assert "\n" not in down.note
        assert "s3cr" not in str(down.as_dict())
        # Whoever wants to change something gets the driver's own error.
        with pytest.raises((sa.exc.OperationalError, OSError)):
            alembic.upgrade()


@pytest.mark.one_database
def test_unreachable_on_the_command_line(line: Project) -> None:
    line.config["SQLALCHEMY_DATABASE_URI"] = CLOSED
    assert line.invoke("status").exit_code == 0
    done = line.invoke("status", "--check")
    assert done.exit_code == 5
    assert done.stdout.startswith("default: unknown\n  it can't be reached: ")
    assert len(done.stdout.splitlines()) == 2
    assert "s3cr" not in done.stdout + done.stderr
    for arguments in (["current"], ["current", "--check-heads"]):
        done = line.invoke(*arguments)
        assert done.exit_code == 1
        assert len(done.error_lines) == 1
        assert "'default'" in done.stderr


@pytest.mark.needs("server")
def test_unreachable_through_env_py(scripted: Scripted, database: Database) -> None:
    scripted.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(port=1)
    answer = scripted.ok("status", "--json").json
    (status,) = answer["statuses"]
    assert status["database"]["name"] == "default"
    assert (status["state"], status["reachable"]) == ("unknown", False)
    assert status["heads"] == ["b"]
    assert scripted.invoke("status", "--check").exit_code == 5
    assert scripted.invoke("wait", "--timeout", "0").exit_code == 5


@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["managed", "scripted"])
def test_version_table_that_cannot_be_read(
    request: pytest.FixtureRequest, database: Database, kind: str
) -> None:
    project = request.getfixturevalue("line" if kind == "managed" else "scripted")
    database.execute("CREATE TABLE alembic_version (other INTEGER)")
    done = project.invoke("status", "--check", "--json")
    assert done.exit_code == 5
    (status,) = done.json["statuses"]
    assert (status["state"], status["reachable"]) == ("unknown", True)
    assert status["note"].startswith("the version table can't be read: ")


@pytest.mark.one_database
def test_an_error_of_env_py_is_an_error(scripted: Scripted) -> None:
    scripted.env.write_text('raise RuntimeError("not on this machine")\n')
    assert scripted.invoke("status", "--check").exit_code == 1
    assert scripted.invoke("wait", "--timeout", "0").exit_code == 1


@pytest.mark.one_database
def test_code_without_revisions_waits_for_nothing(project: Project) -> None:
    project.migrations.mkdir()
    assert project.invoke("status", "--check").exit_code == 0
    assert project.invoke("wait", "--timeout", "0").exit_code == 0


# Waiting


def stamp(database: Database, *ids: str) -> None:
    """Put ids into the version table, whoever may know them."""
    database.execute("DELETE FROM alembic_version")
    for id in ids:
        database.execute(f"INSERT INTO alembic_version (version_num) VALUES ('{id}')")


@pytest.mark.parametrize("kind", ["line", "scripted"])
def test_exit_codes(
    request: pytest.FixtureRequest, database: Database, kind: str
) -> None:
    project = request.getfixturevalue(kind)

    def exit_code(*options: str) -> int:
        done = project.invoke("wait", "--timeout", "0", *options)
        check = [o for o in options if o == "--exact"]
        assert project.invoke("status", "--check", *check).exit_code == done.exit_code
        if done.exit_code:
            said = [x for x in done.stderr.splitlines() if x.startswith("Error: ")]
            assert len(said) == 1
            assert "'default'" in said[0]
        return int(done.exit_code)

    assert exit_code() == 3  # unstamped
    project.invoke("upgrade", "a")
    assert exit_code() == 3  # behind
    project.invoke("upgrade")
    assert exit_code() == exit_code("--exact") == 0  # current
    stamp(database, "later")
    assert (exit_code(), exit_code("--exact")) == (0, 6)  # ahead
    stamp(database, "later", "a")
    assert exit_code() == 4  # diverged
    stamp(database, "a", "b")
    assert exit_code() == 5  # unknown


@pytest.mark.one_database
def test_worst_database_counts(line: Project, database: Database) -> None:
    line.bind("log", database.sibling().url)
    line.invoke("upgrade", "--database", "log")
    done = line.invoke("wait", "--timeout", "0", "--json")
    assert done.exit_code == 3
    assert done.json["exit_code"] == 3
    assert {s["database"]["name"]: s["state"] for s in done.json["statuses"]} == {
        "default": "unstamped",
        "log": "current",
    }
    assert "'log'" not in done.json["message"]
    assert line.invoke("wait", "--timeout", "0", "--database", "log").exit_code == 0
    assert line.invoke("wait", "--timeout", "0", "--database", "x").exit_code == 1


def waiting(
    project: Project, act: t.Callable[[], object]
) -> tuple[tuple[Status, ...], list[Event]]:
    """Wait, and do something as soon as it is known to wait."""
    events: list[Event] = []
    seen = threading.Event()

    def note(event: Event) -> None:
        events.append(event)
        seen.set()

    def later() -> None:
        assert seen.wait(20)
        act()

    thread = threading.Thread(target=later)
    with project.context() as alembic:
        thread.start()
        with alembic.listen(note):
            statuses = alembic.wait(30, 0.02)
        thread.join()
    return statuses, events


def test_until_somebody_migrates(line: Project, database: Database) -> None:
    def migrate() -> None:
        database.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('b')",
        )

    statuses, events = waiting(line, migrate)
    assert [s.state for s in statuses] == ["current"]
    # Looked more than once, told once.
    assert [(e.kind, e.status and e.status.state) for e in events] == [
        ("waiting", "unstamped")
    ]


@pytest.mark.one_database
@pytest.mark.parametrize("shared", [False, True])
def test_until_there_is_a_database(line: Project, tmp_path: Path, shared: bool) -> None:
    """It sees what others commit, also where the session's connection is used."""
    folder = tmp_path / "later"
    line.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/a.db"
    line.config["ALEMBIC_SESSION"] = shared

    def make() -> None:
        folder.mkdir()
        engine = sa.create_engine(f"sqlite:///{folder}/a.db")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('b')")
        engine.dispose()

    statuses, events = waiting(line, make)
    assert [s.state for s in statuses] == ["current"]
    first = events[0].status
    assert first is not None and not first.reachable


@pytest.mark.needs("server")
def test_nothing_is_held_between_looks(line: Project, database: Database) -> None:
    """A session that was used before stays as it is; every look sees what is new."""
    module = line.load()
    line.invoke("stamp", "a")
    selects: list[str] = []
    with line.closing(module) as app, app.app_context():
        engine = module.db.engine
        module.db.session.execute(sa.text("SELECT version_num FROM alembic_version"))
        before = engine.pool.checkedout()

        def look(event: Event) -> None:
            assert engine.pool.checkedout() == before
            stamp(database, "b")

        @sa.event.listens_for(engine, "before_cursor_execute")
        def note(conn: t.Any, cursor: t.Any, statement: str, *more: t.Any) -> None:
            selects.append(statement)

        with module.alembic.listen(look):
            module.alembic.wait(20, 0.01)
        module.db.session.rollback()
    assert len(selects) == 2


@pytest.mark.one_database
def test_async_engine(line: Project, database: Database) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    line.invoke("upgrade")
    app = flask.Flask("asynchronous", root_path=str(line.root))
    engine = create_async_engine(str(database.asynchronous_url()))
    alembic = Alembic(app, metadatas=sa.MetaData(), engines=engine)
    with app.app_context():
        assert alembic.wait(0)[0].state == "current"
        alembic.downgrade("a")
        with pytest.raises(NotReadyError, match="'default' is behind, at a") as caught:
            alembic.wait(0)
    assert caught.value.exit_code == 3
    assert caught.value.report.statuses[0].state == "behind"


@pytest.mark.one_database
def test_a_process_that_waits_loads_no_alembic(
    line: Project, database: Database
) -> None:
    line.setup += """
import sys
@app.teardown_appcontext
def loaded(error):
    print([x for x in ("alembic", "mako", "rich") if x in sys.modules], file=sys.stderr)
"""
    line.write()
    command = [sys.executable, "-m", "flask", "--app", "app", "db", "wait"]
    process = subprocess.Popen(
        [*command, "--timeout", "60", "--interval", "0.05"],
        cwd=line.root,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == (
        "Waiting for default: unstamped, at base, 2 pending\n"
    )
    assert line.invoke("upgrade").exit_code == 0
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert stdout == "default: current, at b\n"
    assert stderr.splitlines()[-1] == "[]"

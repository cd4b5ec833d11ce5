"""Several threads, applications and contexts in one process; nothing is left open."""

from __future__ import annotations

import concurrent.futures
import gc
import threading
import typing as t
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from support.application import checked_out
from support.application import engines_of
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic

MANY = "\n".join(
    f'op.create_table(f"{{prefix}}_{n}", sa.Column("id", sa.Integer, primary_key=True))'
    for n in range(15)
)


def together(*acts: t.Callable[[], t.Any]) -> list[t.Any]:
    """Run functions at the same time and give what they return."""
    start = threading.Barrier(len(acts), timeout=30)

    def act(function: t.Callable[[], t.Any]) -> t.Any:
        start.wait()
        return function()

    with concurrent.futures.ThreadPoolExecutor(len(acts)) as pool:
        return [f.result(60) for f in [pool.submit(act, a) for a in acts]]


def test_two_threads_migrate_two_databases(
    project: Project, database: Database, tmp_path: Path
) -> None:
    """Each thread's ``op`` writes into its own database."""
    databases = [database, database.sibling()]
    projects = [project, Project(tmp_path / "second", databases[1].url)]
    projects[1].root.mkdir()
    for number, one in enumerate(projects):
        for id, down in (("a", None), ("b", "a"), ("c", "b")):
            up = f"prefix = 'p{number}{id}'\n{MANY}"
            one.revision(id, down, up)
    modules = [one.load() for one in projects]

    def upgrade(number: int) -> bool:
        with modules[number].app.app_context():
            return bool(modules[number].alembic.upgrade().ok)

    with projects[0].closing(modules[0]), projects[1].closing(modules[1]):
        assert together(lambda: upgrade(0), lambda: upgrade(1)) == [True, True]
    for number, one in enumerate(databases):
        names = {f"p{number}{id}_{n}" for id in "abc" for n in range(15)}
        assert one.tables() == names
        assert one.versions() == {"c"}


@pytest.mark.one_database
def test_one_application_in_two_threads(project: Project, database: Database) -> None:
    """Threads share the extension, never a connection."""
    project.tables("a", "b")
    module = project.load()
    seen: list[t.Any] = []
    meet = threading.Barrier(2, timeout=30)

    def look() -> list[str]:
        with module.app.app_context():
            seen.append(module.alembic.context.connection)
            meet.wait()
            return [s.revision for _ in range(5) for s in module.alembic.current()]

    with project.closing(module) as app:
        with app.app_context():
            module.alembic.upgrade()
        assert together(look, look) == [["b"] * 5] * 2
        assert seen[0] is not seen[1]


@pytest.mark.one_database
def test_two_applications_in_one_process(
    project: Project, database: Database, tmp_path: Path
) -> None:
    """One extension object registered twice keeps folders and options apart."""
    alembic = Alembic()
    other = database.sibling()
    apps = []
    engines = []
    for name, target in (("one", database), ("two", other)):
        app = Flask(name, root_path=str(tmp_path / name))
        app.config["SQLALCHEMY_DATABASE_URI"] = target.url
        app.config["ALEMBIC_CONTEXT"] = {"version_table": f"versions_{name}"}
        db = SQLAlchemy(app)
        columns = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(f"of_{name}", db.metadata, columns)
        alembic.init_app(app)
        apps.append(app)
        with app.app_context():
            engines.append(db.engine)

    for app in apps:
        with app.app_context():
            alembic.revision("x")
            alembic.upgrade()
    with apps[0].app_context():
        first = alembic.context.connection
        with apps[1].app_context():
            assert alembic.config is not None
            assert alembic.context.connection is not first
        assert not first.closed
        alembic.upgrade()
    assert database.all_tables() == {"of_one", "versions_one"}
    assert other.all_tables() == {"of_two", "versions_two"}
    for engine in engines:
        assert checked_out(engine) == 0
        engine.dispose()


def test_nested_contexts(project: Project, database: Database) -> None:
    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade("a")
        connection = module.alembic.context.connection
        with app.app_context():
            module.alembic.upgrade("b")
            assert module.alembic.context.get_current_revision() == "b"
        assert not connection.closed
        assert module.alembic.context.get_current_revision() == "b"
        assert [s.revision for s in module.alembic.current()] == ["b"]


def test_command_inside_a_request(project: Project, database: Database) -> None:
    project.tables("a", "b")
    project.models += """

@app.get("/run")
def run():
    done = app.test_cli_runner().invoke(args=["db", "upgrade"])
    return {"code": done.exit_code, "now": [s.revision for s in alembic.current()]}
"""
    module = project.load()
    with project.closing(module) as app:
        answer = app.test_client().get("/run")
        assert answer.json == {"code": 0, "now": ["b"]}
        assert all(checked_out(e) == 0 for e in engines_of(module))
    assert database.versions() == {"b"}


@pytest.mark.one_database
def test_route_that_asks_under_load(project: Project) -> None:
    project.tables("a")
    project.models += """

@app.get("/current")
def current():
    return [script.revision for script in alembic.current()]
"""
    module = project.load()
    with project.closing(module) as app:
        with app.app_context():
            module.alembic.upgrade()

        def ask() -> list[t.Any]:
            client = app.test_client()
            return [client.get("/current").json for _ in range(10)]

        answers = together(*[ask] * 6)
    assert answers == [[["a"]] * 10] * 6


@pytest.mark.needs("file")
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_database_in_memory_survives(project: Project, url: str) -> None:
    project.config["SQLALCHEMY_DATABASE_URI"] = url
    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app:
        for target in ("a", "b"):
            with app.app_context():
                module.alembic.upgrade(target)
        with app.app_context():
            assert [s.revision for s in module.alembic.current()] == ["b"]
            assert sa.inspect(module.db.engine).has_table("t_a")
        with app.app_context():
            module.alembic.downgrade("base")
            assert module.alembic.current() == ()


def test_nothing_is_left_open(project: Project) -> None:
    """Neither after success nor after failure, with every method."""
    project.tables("a", "b")
    project.revision("c", "b", "raise ValueError('no luck')")
    module = project.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with project.closing(module) as app:
            alembic = module.alembic
            for act in (
                lambda: alembic.upgrade("b"),
                lambda: alembic.downgrade(),
                lambda: alembic.stamp("b"),
                lambda: alembic.current(),
                lambda: alembic.compare_metadata(),
                lambda: alembic.revision("d", empty=True),
                lambda: alembic.produce_migrations(),
                lambda: alembic.op.execute("SELECT 1"),
                lambda: alembic.status(),
                lambda: alembic.plan(),
            ):
                with app.app_context():
                    act()
                assert [checked_out(e) for e in engines_of(module)] == [0]
            with app.app_context(), pytest.raises(ValueError, match="no luck"):
                alembic.upgrade()
            assert [checked_out(e) for e in engines_of(module)] == [0]
        gc.collect()

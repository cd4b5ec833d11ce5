"""Asynchronous engines: the templates of today, and env.py files of 4.1."""

from __future__ import annotations

import asyncio
import threading
import typing as t

import pytest
import sqlalchemy as sa
from migrate.applications import alchemical
from migrate.applications import lite
from migrate.scripted import Scripted
from support.servers import Database

import flask_migrate

# The databases that the tests have an asynchronous driver for.
pytestmark = pytest.mark.needs("transactional_ddl")

OLD = ("aio", "aio_binds")
"""Folders of 4.1."""


@pytest.fixture
def address(database: Database) -> str:
    """The database by an asynchronous driver."""
    url = database.asynchronous_url()
    assert url is not None
    return url


def set_up(project: Scripted, kind: str, url: str, other: Database) -> None:
    """Have a folder: of 4.1, or made now."""
    second = other.asynchronous_url()
    assert second is not None
    several = kind.endswith(("binds", "multidb"))
    if kind.startswith("lite"):
        names = {"default": url} | ({"log": second} if several else {})
        lite(project, key="SQLALCHEMY_ASYNC_ENGINES", **names)
    else:
        binds = {"log": second} if several else {}
        # What those of 4.1 leave in a pool belongs to a loop that is closed.
        alchemical(project, url, pooled=kind not in OLD, **binds)
    if kind in OLD:
        project.folder(kind)
    else:
        template = kind.removeprefix("lite-")
        project.ok("init", "-t", template)


@pytest.fixture(
    params=[
        "aio",
        "aio_binds",
        "aioflask",
        "aioflask-multidb",
        "lite-aioflask",
        "lite-aioflask-multidb",
    ]
)
def folder(
    request: pytest.FixtureRequest, project: Scripted, address: str, other: Database
) -> Scripted:
    """Each kind of application and folder."""
    set_up(project, request.param, address, other)
    return project


def test_whole_life(folder: Scripted, database: Database, other: Database) -> None:
    several = "engine_name" in folder.env.read_text()
    folder.ok("migrate", "-m", "first", "--rev-id", "a")
    folder.ok("upgrade")
    assert database.tables() == {"person"}
    assert other.tables() == ({"log"} if several else set())
    assert folder.ok("current").stdout == "a (head)\n" * (2 if several else 1)
    assert folder.ok("check").stdout == "No new upgrade operations detected.\n"
    folder.ok("downgrade")
    assert database.tables() == other.tables() == set()
    folder.ok("stamp")
    assert database.versions() == {"a"}


@pytest.mark.one_database
def test_process(folder: Scripted, database: Database) -> None:
    folder.ok("migrate", "--rev-id", "a")
    done = folder.run("upgrade")
    assert done.exit_code == 0, done.stderr
    assert "Warning" not in done.stderr
    assert database.versions() == {"a"}


# Loops


def after_a_loop(work: t.Callable[[], object]) -> None:
    """``asyncio.run()`` leaves the thread without a loop."""
    asyncio.run(asyncio.sleep(0))
    work()


def inside_a_loop(work: t.Callable[[], object]) -> None:
    async def main() -> None:
        work()
        # The loop goes on.
        await asyncio.sleep(0)

    asyncio.run(main())


def twice(work: t.Callable[[], object]) -> None:
    work()
    work()


PLACES = {"after a loop": after_a_loop, "inside a loop": inside_a_loop, "twice": twice}


@pytest.mark.parametrize("place", PLACES)
def test_places(folder: Scripted, database: Database, place: str) -> None:
    folder.ok("migrate", "--rev-id", "a")
    with folder.app():
        PLACES[place](flask_migrate.upgrade)
        assert database.versions() == {"a"}
        PLACES[place](flask_migrate.check)


@pytest.mark.one_database
def test_in_a_thread(folder: Scripted, database: Database) -> None:
    """A thread has no loop of its own."""
    folder.ok("migrate", "--rev-id", "a")
    errors: list[BaseException] = []

    def work(app: t.Any) -> None:
        try:
            with app.app_context():
                flask_migrate.upgrade()
        except BaseException as error:
            errors.append(error)

    with folder.app() as module:
        thread = threading.Thread(target=work, args=(module.app,))
        thread.start()
        thread.join()
    assert errors == []
    assert database.versions() == {"a"}


@pytest.mark.parametrize("kind", ["aioflask", "aioflask-multidb"])
def test_engine_is_the_applications_own_afterwards(
    project: Scripted, address: str, other: Database, kind: str
) -> None:
    """A pooled connection belongs to its loop; none of another's is left in the pool."""
    set_up(project, kind, address, other)
    project.ok("migrate", "--rev-id", "a")

    async def main(engine: t.Any) -> t.Any:
        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))
        flask_migrate.upgrade()
        async with engine.connect() as connection:
            query = sa.text("SELECT count(*) FROM person")
            counted = (await connection.execute(query)).scalar()
        for each in engines:
            await each.dispose()
        return counted

    with project.app() as module:
        engines = list(module.engines.values())
        assert asyncio.run(main(module.engines[None])) == 0


@pytest.mark.parametrize("kind", ["aio", "aio_binds"])
def test_pooled_engine_in_a_folder_of_4_1(
    project: Scripted, address: str, other: Database, database: Database, kind: str
) -> None:
    """``upgrade()`` and then ``migrate()`` in one process, as 4.1 could do it."""
    set_up(project, kind, address, other)
    project.config["NO_POOL"] = False
    done = project.python("""
        import flask_migrate
        from app import app
        with app.app_context():
            flask_migrate.migrate(rev_id="a")
            flask_migrate.upgrade()
            flask_migrate.migrate(rev_id="b")
    """)
    assert done.exit_code == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in project.files] == ["a_.py"]
    assert database.tables() == {"person"}


@pytest.mark.parametrize("template", ["aioflask", "aioflask-multidb"])
def test_databases_that_have_metadatas_alone(
    project: Scripted, address: str, other: Database, database: Database, template: str
) -> None:
    """What env.py files of 4.1 look for first."""
    set_up(project, template, address, other)
    project.head = project.head.replace("def metadata(", "def no_metadata(")
    project.ok("migrate")
    project.ok("upgrade")
    assert database.tables() == {"person"}


def test_failure_leaves_nothing(folder: Scripted, database: Database) -> None:
    folder.ok("migrate", "--rev-id", "a")
    text = folder.files[0].read_text()
    name = "def upgrade_():" if "engine_name" in text else "def upgrade():"
    last = text.index("\n\n", text.index(name))
    broken = text[:last] + '\n    op.execute("SELECT 1 FROM nowhere")' + text[last:]
    folder.files[0].write_text(broken)
    assert "nowhere" in folder.fails("upgrade")
    assert database.tables() == set()
    folder.files[0].write_text(text)
    folder.ok("upgrade")
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_sql(folder: Scripted, database: Database) -> None:
    folder.ok("migrate", "--rev-id", "a")
    done = folder.ok("upgrade", "--sql")
    written = [path.read_text() for path in folder.root.glob("*.sql")]
    written += [path.read_text() for path in folder.root.glob(".sql")]
    assert "CREATE TABLE person" in "".join([done.stdout, *written])
    assert database.tables() == set()

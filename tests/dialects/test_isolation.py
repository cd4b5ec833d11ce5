"""Real transactions around a run, also where the application's are switched off."""

from __future__ import annotations

import asyncio
import typing as t

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from support.application import Project
from support.servers import Database

from flask_alembic.dialects import support

pytestmark = pytest.mark.needs("server")

Connect: t.TypeAlias = t.Callable[[str], sa.Connection]

ENGINE = {"isolation_level": "AUTOCOMMIT"}
OPTION = {"execution_options": {"isolation_level": "AUTOCOMMIT"}}


def is_autocommit(connection: sa.Connection) -> bool:
    """What the driver does with a statement, whatever SQLAlchemy takes it for."""
    driver = t.cast("t.Any", connection.connection.dbapi_connection)
    if hasattr(driver, "get_autocommit"):
        return bool(driver.get_autocommit())
    return bool(driver.autocommit)


def rows(connection: sa.Connection) -> int:
    found = connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one()
    connection.rollback()
    return t.cast("int", found)


def migrate(connection: sa.Connection, *, callers: bool = False) -> None:
    """Insert a row and roll it back, in a run."""
    setup = support(connection.dialect).prepare(connection, callers=callers)
    with setup.run():
        connection.begin()
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.rollback()
    setup.restore()


@pytest.mark.parametrize("options", [ENGINE, OPTION, {}], ids=["engine", "option", "-"])
def test_a_run_can_be_rolled_back(
    database: Database,
    make_engine: t.Callable[..., sa.Engine],
    options: dict[str, t.Any],
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    engine = make_engine(database.url, **options)
    with engine.connect() as connection:
        migrate(connection)
        assert is_autocommit(connection) is bool(options)
        assert rows(connection) == 0


def test_what_commits_stays(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    with make_engine(database.url, **ENGINE).connect() as connection:
        setup = support(connection.dialect).prepare(connection, callers=False)
        with setup.run(), connection.begin():
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert database.rows("SELECT id FROM t") == [(1,)]


def test_the_callers_connection_is_left_alone(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    with make_engine(database.url, **ENGINE).connect() as connection:
        migrate(connection, callers=True)
        assert rows(connection) == 1


@pytest.mark.parametrize("end", ["open", "close", "invalidate"])
def test_the_pool_gets_it_back_in_autocommit(
    database: Database, make_engine: t.Callable[..., sa.Engine], end: str
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    engine = make_engine(database.url, pool_size=1, max_overflow=0, **ENGINE)
    connection = engine.connect()
    setup = support(connection.dialect).prepare(connection, callers=False)
    with setup.run():
        connection.begin()
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        if end != "open":
            getattr(connection, end)()
    setup.restore()
    connection.close()
    with engine.connect() as connection:
        assert is_autocommit(connection)
        assert rows(connection) == 0


def test_the_pool_gets_it_back_without_the_option(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    engine = make_engine(database.url, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        migrate(connection)
        assert is_autocommit(connection)
    with engine.connect() as connection:
        assert not is_autocommit(connection)


@pytest.mark.needs("transactional_ddl")
def test_an_autocommit_block_inside(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    with make_engine(database.url, **ENGINE).connect() as connection:
        setup = support(connection.dialect).prepare(connection, callers=False)
        context = MigrationContext.configure(connection)
        with pytest.raises(ZeroDivisionError), setup.run(), context.begin_transaction():
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            with setup.autocommit(), context.autocommit_block():
                connection.exec_driver_sql("CREATE INDEX CONCURRENTLY ix ON t (id)")
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")
            _ = 1 / 0
        assert is_autocommit(connection)
        setup.restore()
    assert database.rows("SELECT id FROM t") == [(1,)]


@pytest.mark.needs("schemas")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_asynchronous_drivers(database: Database, driver: str) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")

    def run(connection: sa.Connection) -> None:
        migrate(connection)
        assert is_autocommit(connection)
        assert rows(connection) == 0

    async def main() -> None:
        target = database.url_with(drivername=f"postgresql+{driver}")
        engine = create_async_engine(target, **ENGINE)
        async with engine.connect() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(main())


@pytest.mark.needs("schemas")
def test_asking_for_constraints_begins_nothing(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    with make_engine(database.url).connect() as connection:
        setup = support(connection.dialect).prepare(connection, callers=False)
        with setup.run():
            setup.check_deferred()
            driver = t.cast("t.Any", connection.connection.dbapi_connection)
            assert driver.info.transaction_status.name == "IDLE"
        setup.restore()


@pytest.mark.parametrize("dml", [False, True])
def test_a_failing_revision_on_an_engine_in_autocommit(
    project: Project, database: Database, dml: bool
) -> None:
    project.config["SQLALCHEMY_ENGINE_OPTIONS"] = ENGINE
    database.execute("CREATE TABLE t (id INTEGER)")
    made = "" if dml else "op.execute('CREATE TABLE half (id INTEGER)')\n"
    project.revision(
        "a", None, f"{made}op.execute('INSERT INTO t VALUES (1)')\nraise ValueError"
    )
    with project.context() as alembic, pytest.raises(ValueError):
        alembic.upgrade()
    assert database.rows("SELECT id FROM t") == []
    if database.can("transactional_ddl"):
        assert database.all_tables() == {"t"}

"""A migration connection on SQLite: transactions, foreign keys, and back again."""

from __future__ import annotations

import asyncio
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from flask_alembic.dialects import support
from flask_alembic.dialects.sqlite.support import SQLiteSetup
from flask_alembic.dialects.sqlite.support import writes
from flask_alembic.errors import DatabaseError
from flask_alembic.errors import SessionError

TABLES = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY,"
    " parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
    "INSERT INTO parent VALUES (1)",
    "INSERT INTO child VALUES (1, 1)",
)


def url(tmp_path: Path, driver: str = "sqlite") -> str:
    return f"{driver}:///{tmp_path / 'test.db'}"


@pytest.fixture
def engine(tmp_path: Path, make_engine: t.Callable[..., sa.Engine]) -> sa.Engine:
    """A file with a parent and a child; foreign keys are enforced."""
    engine = make_engine(url(tmp_path), connect_args={"timeout": 0.1})
    enforce_foreign_keys(engine)
    fill(engine)
    return engine


def enforce_foreign_keys(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(driver: t.Any, _: t.Any) -> None:
        cursor = driver.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def fill(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for statement in TABLES:
            connection.exec_driver_sql(statement)


def prepare(connection: sa.Connection, *, callers: bool = False) -> SQLiteSetup:
    setup = support(connection.dialect).prepare(connection, callers=callers)
    assert isinstance(setup, SQLiteSetup)
    return setup


def tables(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def state(connection: sa.Connection) -> tuple[t.Any, bool]:
    """What an application could notice of a driver's connection."""
    driver = t.cast("t.Any", connection.connection.dbapi_connection)
    cursor = driver.cursor()
    cursor.execute("PRAGMA foreign_keys")
    (foreign_keys,) = cursor.fetchone()
    cursor.close()
    return driver.isolation_level, bool(foreign_keys)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select 1", False),
        ("  -- why\n/* what */ SELECT 1", False),
        ("PRAGMA table_info(t)", False),
        ("EXPLAIN DELETE FROM t", False),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False),
        ("VACUUM", False),
        ("", False),
        ("WITH x AS (SELECT 1) DELETE FROM t", True),
        ("with x as (select 1)\ninsert into t select * from x", True),
        ("CREATE TABLE selected (id)", True),
        ("SELECTED", True),
        ("SAVEPOINT a", True),
        ("UPDATE t SET a = 1", True),
    ],
)
def test_what_writes(statement: str, expected: bool) -> None:
    assert writes(statement) is expected


def test_ddl_is_rolled_back(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run():
            connection.begin()
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
            connection.exec_driver_sql("INSERT INTO new VALUES (1)")
            connection.exec_driver_sql("ALTER TABLE new ADD COLUMN a INTEGER")
            connection.rollback()
        assert "new" not in tables(connection)
        setup.restore()


def test_a_run_locks_out_writers_and_keeps_children(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run(), connection.begin():
            connection.exec_driver_sql("SELECT 1")
            with engine.connect() as other, pytest.raises(sa.exc.OperationalError):
                other.exec_driver_sql("INSERT INTO parent VALUES (2)")
            connection.exec_driver_sql("ALTER TABLE parent RENAME TO old")
            connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            connection.exec_driver_sql("INSERT INTO parent SELECT id FROM old")
            connection.exec_driver_sql("UPDATE child SET parent_id = 1")
            connection.exec_driver_sql("DROP TABLE old")
            connection.exec_driver_sql("DROP TABLE child")
            connection.exec_driver_sql(TABLES[1])
            connection.exec_driver_sql(TABLES[3])
        setup.restore()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM child").all() == [(1, 1)]


def test_a_busy_database_is_an_operational_error(engine: sa.Engine) -> None:
    with engine.connect() as holder, engine.connect() as connection:
        holder.exec_driver_sql("INSERT INTO parent VALUES (2)")
        setup = prepare(connection)
        with setup.run(), pytest.raises(sa.exc.OperationalError, match="locked"):
            connection.begin()
        setup.restore()


def test_reading_live_holds_no_lock(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        assert connection.exec_driver_sql("SELECT id FROM parent").all() == [(1,)]
        assert connection.in_transaction()
        with engine.begin() as application:
            application.exec_driver_sql("INSERT INTO parent VALUES (2)")
        assert len(connection.exec_driver_sql("SELECT id FROM parent").all()) == 2
        connection.rollback()
        setup.restore()


def test_live_ddl_is_atomic(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        assert "new" not in tables(connection)
        connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        connection.exec_driver_sql("CREATE TABLE newer (id INTEGER)")
        connection.rollback()
        assert not {"new", "newer"} & tables(connection)
        connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        connection.commit()
        setup.restore()
    with engine.connect() as connection:
        assert "new" in tables(connection)


def test_savepoints_work_live(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with connection.begin():
            with connection.begin_nested() as savepoint:
                connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
                savepoint.rollback()
            connection.exec_driver_sql("CREATE TABLE kept (id INTEGER)")
        assert {"kept"} == tables(connection) - {"parent", "child"}
        connection.rollback()
        setup.restore()


def test_a_lost_parent_stops_the_commit(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run():
            connection.begin()
            connection.exec_driver_sql("DELETE FROM parent")
            with pytest.raises(DatabaseError, match=r"'child'.*1 row.*'parent'"):
                connection.commit()
            connection.rollback()
            assert connection.exec_driver_sql("SELECT * FROM parent").all() == [(1,)]
            connection.rollback()
        setup.restore()


def test_rows_that_had_no_parent_before_are_left_alone(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        driver = t.cast("t.Any", connection.connection.dbapi_connection)
        driver.execute("INSERT INTO child VALUES (2, 99)")
        connection.rollback()
        with setup.run():
            with connection.begin():
                connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
            connection.begin()
            connection.exec_driver_sql("INSERT INTO child VALUES (3, 98)")
            with pytest.raises(DatabaseError, match="1 row"):
                setup.check_deferred()
            connection.rollback()
        setup.restore()


def test_a_foreign_key_that_fits_nothing_is_named(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run():
            with connection.begin():
                connection.exec_driver_sql("CREATE TABLE plain (a INTEGER)")
            connection.begin()
            connection.exec_driver_sql(
                "CREATE TABLE broken (a INTEGER REFERENCES plain (a))"
            )
            connection.exec_driver_sql("INSERT INTO broken VALUES (1)")
            with pytest.raises(DatabaseError, match=r"'broken'.*mismatch"):
                connection.commit()
            connection.rollback()
        setup.restore()


def test_a_check_is_not_repeated(engine: sa.Engine) -> None:
    asked: list[str] = []
    with engine.connect() as connection:
        setup = prepare(connection)
        driver = t.cast("t.Any", connection.connection.dbapi_connection)
        driver.set_trace_callback(asked.append)
        with setup.run(), connection.begin():
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
            before = len(asked)
            setup.check_deferred()
            assert len(asked) > before
            before = len(asked)
            setup.check_deferred()
            assert len(asked) == before
        driver.set_trace_callback(None)
        setup.restore()
    assert asked[-1] == "COMMIT"


def test_autocommit_in_the_middle_of_a_run(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run():
            transaction = connection.begin()
            connection.exec_driver_sql("CREATE TABLE before (id INTEGER)")
            with setup.autocommit():
                transaction.commit()
                level = connection.get_isolation_level()
                connection.execution_options(isolation_level="AUTOCOMMIT")
                with connection.begin():
                    connection.exec_driver_sql("VACUUM")
                    connection.exec_driver_sql("CREATE TABLE amid (id INTEGER)")
                connection.execution_options(isolation_level=level)
                connection.begin()
            connection.exec_driver_sql("CREATE TABLE after (id INTEGER)")
            connection.rollback()
            assert {"before", "amid"} == tables(connection) - {"parent", "child"}
            connection.rollback()
        setup.restore()
        assert state(connection) == ("", True)


def test_alembics_autocommit_block(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        context = MigrationContext.configure(connection)
        context.impl.transactional_ddl = True
        with pytest.raises(ZeroDivisionError), setup.run(), context.begin_transaction():
            connection.exec_driver_sql("CREATE TABLE before (id INTEGER)")
            with setup.autocommit(), context.autocommit_block():
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("CREATE TABLE amid (id INTEGER)")
            connection.exec_driver_sql("CREATE TABLE after (id INTEGER)")
            _ = 1 / 0
        assert {"before", "amid"} == tables(connection) - {"parent", "child"}
        connection.rollback()
        setup.restore()
        assert state(connection) == ("", True)


def test_an_autocommit_block_without_us_is_noticed(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("CREATE TABLE amid (id INTEGER)")
        connection.rollback()
        connection.execution_options(isolation_level="SERIALIZABLE")
        connection.exec_driver_sql("CREATE TABLE after (id INTEGER)")
        connection.rollback()
        assert {"amid"} == tables(connection) - {"parent", "child"}
        connection.rollback()
        setup.restore()


@pytest.mark.parametrize(
    "poolclass", [sa.QueuePool, sa.NullPool, sa.StaticPool, sa.SingletonThreadPool]
)
@pytest.mark.parametrize("own_recipe", [False, True])
def test_the_connection_goes_back_as_it_was(
    tmp_path: Path,
    make_engine: t.Callable[..., sa.Engine],
    poolclass: type[sa.Pool],
    own_recipe: bool,
) -> None:
    engine = make_engine(url(tmp_path), poolclass=poolclass)
    enforce_foreign_keys(engine)
    if own_recipe:
        begin_by_hand(engine)
    fill(engine)
    with engine.connect() as connection:
        before = state(connection)
        setup = prepare(connection)
        assert state(connection) == (None, False)
        with setup.run(), connection.begin():
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        setup.restore()
        setup.restore()
        assert state(connection) == before
    with engine.connect() as connection:
        assert state(connection) == before
        assert "new" in tables(connection)


def begin_by_hand(engine: sa.Engine) -> None:
    """Do what SQLAlchemy's documentation tells an application to do."""

    @sa.event.listens_for(engine, "connect")
    def connect(driver: t.Any, _: t.Any) -> None:
        driver.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def test_the_pool_gets_it_back_as_it_was_without_restore(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        before = state(connection)
        prepare(connection)
        connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
    with engine.connect() as connection:
        assert state(connection) == before
        assert "new" not in tables(connection)


@pytest.mark.parametrize("end", ["close", "invalidate"])
def test_restore_after_the_end(engine: sa.Engine, end: str) -> None:
    connection = engine.connect()
    before = state(connection)
    setup = prepare(connection)
    getattr(connection, end)()
    setup.restore()
    connection.close()
    with engine.connect() as connection:
        assert state(connection) == before


def test_a_reconnected_connection_is_set_up_again(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        setup = prepare(connection)
        connection.invalidate()
        with setup.run(), connection.begin():
            assert state(connection) == (None, False)
        setup.restore()
        assert state(connection) == ("", True)


def test_a_memory_database_survives(make_engine: t.Callable[..., sa.Engine]) -> None:
    engine = make_engine("sqlite://")
    fill(engine)
    with engine.connect() as connection:
        setup = prepare(connection)
        with setup.run(), connection.begin():
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        setup.restore()
    with engine.connect() as connection:
        assert tables(connection) == {"parent", "child", "new"}


def test_an_open_transaction_of_the_session_is_not_touched(
    make_engine: t.Callable[..., sa.Engine],
) -> None:
    engine = make_engine("sqlite://", poolclass=sa.StaticPool)
    fill(engine)
    with engine.connect() as session:
        session.exec_driver_sql("INSERT INTO parent VALUES (2)")
        assert support(engine.dialect).blocks_migration(session)
        migration = engine.connect()
        setup = prepare(migration)
        with pytest.raises(SessionError, match="session"), setup.run():
            raise AssertionError
        setup.restore()
        session.rollback()
        migration.close()
        count = session.exec_driver_sql("SELECT count(*) FROM parent").scalar()
        assert count == 1
        assert not support(engine.dialect).blocks_migration(session)


def test_a_session_that_reads_blocks_nothing(engine: sa.Engine) -> None:
    with engine.connect() as session:
        session.exec_driver_sql("SELECT * FROM parent").all()
        assert session.in_transaction()
        assert not support(engine.dialect).blocks_migration(session)


def test_the_callers_transaction_holds_the_ddl(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        before = state(connection)
        setup = prepare(connection, callers=True)
        with setup.run():
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
            connection.exec_driver_sql("INSERT INTO new VALUES (1)")
            setup.check_deferred()
        assert state(connection) == before
        setup.restore()
        connection.rollback()
        assert "new" not in tables(connection)


@pytest.mark.parametrize("memory", [False, True])
def test_aiosqlite(tmp_path: Path, memory: bool) -> None:
    def migrate(connection: sa.Connection) -> None:
        before = state(connection)
        setup = prepare(connection)
        assert state(connection) == (None, False)
        with setup.run():
            with connection.begin():
                connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
            connection.begin()
            connection.exec_driver_sql("CREATE TABLE newer (id INTEGER)")
            connection.rollback()
            connection.begin()
            connection.exec_driver_sql("DELETE FROM parent")
            with pytest.raises(DatabaseError, match="'child'"):
                connection.commit()
        setup.restore()
        assert state(connection) == before

    async def main() -> None:
        target = "sqlite+aiosqlite://" if memory else url(tmp_path, "sqlite+aiosqlite")
        engine = create_async_engine(target)
        enforce_foreign_keys(engine.sync_engine)
        async with engine.begin() as connection:
            for statement in TABLES:
                await connection.exec_driver_sql(statement)
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
        async with engine.connect() as connection:
            found = await connection.run_sync(tables)
            assert await connection.run_sync(state) == ("", True)
        await engine.dispose()
        assert found == {"parent", "child", "new"}

    asyncio.run(main())

"""Rows without a parent: those that were there before, and those that are new."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_alembic.dialects import support
from flask_alembic.dialects.sqlite.references import refuse_new
from flask_alembic.dialects.sqlite.references import violations
from flask_alembic.dialects.sqlite.support import SQLiteSetup
from flask_alembic.errors import DatabaseError


@pytest.fixture
def connection(make_engine: t.Callable[..., sa.Engine]) -> t.Iterator[sa.Connection]:
    with make_engine("sqlite://").connect() as connection:
        yield connection


def script(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


TABLES = {
    "rowid": "CREATE TABLE child (p INTEGER REFERENCES parent (id))",
    "key": "CREATE TABLE child (k INTEGER PRIMARY KEY, p INTEGER REFERENCES parent)",
    "without rowid": "CREATE TABLE child (p INT PRIMARY KEY REFERENCES parent)"
    " WITHOUT ROWID",
    "no parent": "CREATE TABLE child (p INT REFERENCES nowhere)",
    "quotes": 'CREATE TABLE child (p INT REFERENCES "par""ent" ("i d"))',
    "a column called rowid": "CREATE TABLE child (rowid TEXT, p INT REFERENCES parent)",
}
PARENTS = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    'CREATE TABLE "par""ent" ("i d" TEXT UNIQUE)',
    "INSERT INTO parent VALUES (1)",
    'INSERT INTO "par""ent" VALUES (\'1\')',
)


@pytest.mark.parametrize("table", TABLES)
def test_one_for_another_is_noticed(connection: sa.Connection, table: str) -> None:
    script(connection, *PARENTS, TABLES[table], "INSERT INTO child (p) VALUES (98)")
    before = violations(connection)
    script(connection, "INSERT INTO child (p) VALUES (99)")
    script(connection, "DELETE FROM child WHERE p = 98")
    with pytest.raises(DatabaseError, match=r"'child' would hold 1 row .*: 99\)"):
        refuse_new(before, violations(connection))
    refuse_new(before, before)


@pytest.mark.parametrize("type_", ["TEXT", "INTEGER", "BLOB", ""])
def test_a_rebuild_changes_nothing(connection: sa.Connection, type_: str) -> None:
    script(connection, *PARENTS, TABLES["rowid"])
    script(connection, "INSERT INTO child VALUES (1), (99), (98), (98), (NULL)")
    script(connection, "DELETE FROM child WHERE p = 1")
    before = violations(connection)
    script(
        connection,
        f"CREATE TABLE new (q {type_} REFERENCES parent)",
        "INSERT INTO new SELECT p FROM child ORDER BY p",
        "DROP TABLE child",
        "ALTER TABLE new RENAME TO child",
    )
    refuse_new(before, violations(connection))


def test_bytes_and_several_columns(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE parent (a, b COLLATE NOCASE, PRIMARY KEY (b, a))",
        "CREATE TABLE child (x, y, FOREIGN KEY (x, y) REFERENCES parent (a, b))",
        "INSERT INTO parent VALUES (1, 'b')",
        "INSERT INTO child VALUES (1, 'B'), (NULL, 'c')",
    )
    assert not violations(connection)
    script(connection, "INSERT INTO child VALUES (x'ff', 'c'), ('x', 'c')")
    with pytest.raises(DatabaseError, match=r"2 rows .*: x, c\)"):
        refuse_new({}, violations(connection))


@pytest.mark.parametrize(
    ("key", "child"), [("TEXT", "INTEGER"), ("INTEGER", "TEXT"), ("BLOB", "TEXT")]
)
def test_values_compare_as_foreign_keys_do(
    connection: sa.Connection, key: str, child: str
) -> None:
    script(
        connection,
        f"CREATE TABLE parent (id {key} UNIQUE)",
        f"CREATE TABLE child (p {child} REFERENCES parent (id))",
        "INSERT INTO parent VALUES (1), ('02'), ('x')",
        "INSERT INTO child VALUES (1), ('02'), ('x'), (5)",
    )
    found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    counted = sum(rows.total() for rows in violations(connection).values())
    assert counted == len(found)


def block(connection: sa.Connection, setup: SQLiteSetup, *statements: str) -> None:
    """What Alembic does around an autocommit block."""
    with setup.autocommit():
        transaction = connection.get_transaction()
        if transaction is not None:
            transaction.commit()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with connection.begin():
                script(connection, *statements)
        finally:
            connection.execution_options(isolation_level="SERIALIZABLE")
            connection.begin()


@pytest.fixture
def setup(connection: sa.Connection) -> t.Iterator[SQLiteSetup]:
    script(connection, *PARENTS, TABLES["rowid"], "INSERT INTO child VALUES (98)")
    connection.commit()
    setup = support(connection.dialect).prepare(connection, callers=False)
    assert isinstance(setup, SQLiteSetup)
    with setup.run():
        yield setup
        connection.rollback()
    setup.restore()


def test_an_autocommit_block_is_checked(
    connection: sa.Connection, setup: SQLiteSetup
) -> None:
    connection.begin()
    script(connection, "INSERT INTO child VALUES (1)")
    with pytest.raises(DatabaseError, match="'child' holds 1 row") as caught:
        block(connection, setup, "INSERT INTO child VALUES (99)")
    assert "Nothing was committed" not in str(caught.value)
    # The transaction after it is a real one, and counts anew.
    script(connection, "INSERT INTO child VALUES (1)")
    setup.check_deferred()
    connection.rollback()
    found = connection.exec_driver_sql("SELECT p FROM child ORDER BY 1").scalars()
    assert list(found) == [1, 98, 99]


def test_what_an_autocommit_block_does_well(
    connection: sa.Connection, setup: SQLiteSetup
) -> None:
    connection.begin()
    block(connection, setup, "VACUUM")
    block(connection, setup, "INSERT INTO child VALUES (1)", "UPDATE child SET p = 1")
    script(connection, "INSERT INTO child VALUES (97)")
    with pytest.raises(DatabaseError, match="1 row"):
        connection.commit()


def test_the_transaction_before_an_autocommit_block(
    connection: sa.Connection, setup: SQLiteSetup
) -> None:
    connection.begin()
    script(connection, "INSERT INTO child VALUES (99)")
    with pytest.raises(DatabaseError, match="'child' would hold 1 row"):
        block(connection, setup, "VACUUM")


def test_an_error_in_an_autocommit_block_comes_first(
    connection: sa.Connection, setup: SQLiteSetup
) -> None:
    connection.begin()
    with pytest.raises(sa.exc.OperationalError, match="nowhere"):
        block(connection, setup, "INSERT INTO child VALUES (99)", "DROP TABLE nowhere")

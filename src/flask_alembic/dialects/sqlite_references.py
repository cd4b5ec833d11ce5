"""What foreign keys say on SQLite: rows without a parent, and who refers to a table."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from ..errors import DatabaseError
from ..errors import MigrationError
from .base import run_raw
from .base import sql_string
from .sqlite_grammar import identifier

ACTIONS_ON_DELETE = {"CASCADE", "SET NULL", "SET DEFAULT"}


class Violation(t.NamedTuple):
    """A foreign key that isn't kept, whatever the number of rows.

    :param parent: The table referred to; empty where ``problem`` says it all.
    :param problem: SQLite's own words where a foreign key can't be checked at all.
    """

    schema: str
    table: str
    parent: str
    problem: str = ""


class Rows(t.NamedTuple):
    """How many rows violate a foreign key, and the rowid of one of them."""

    number: int
    example: int | None = None


Violations: t.TypeAlias = dict[Violation, Rows]


def violations(connection: sa.Connection) -> Violations:
    """Count the rows without a parent in all attached databases but the temporary."""
    found: Violations = {}
    for _, schema, *_ in run_raw(connection, "PRAGMA database_list"):
        if schema != "temp":
            found.update(_in_schema(connection, schema))
    return found


def _in_schema(connection: sa.Connection, schema: str) -> Violations:
    try:
        return _count(connection, schema, "NULL")
    except OperationalError:
        # One foreign key that fits no unique columns stops the check of all.
        return _table_by_table(connection, schema)


def _table_by_table(connection: sa.Connection, schema: str) -> Violations:
    found: Violations = {}
    for (table,) in run_raw(
        connection,
        f"SELECT name FROM {identifier(schema)}.sqlite_master WHERE type='table'",
    ):
        try:
            found.update(_count(connection, schema, sql_string(table)))
        except OperationalError as error:
            found[Violation(schema, table, "", str(error.orig))] = Rows(1)
    return found


def _count(connection: sa.Connection, schema: str, table: str) -> Violations:
    rows = run_raw(
        connection,
        'SELECT "table", "parent", count(*), min("rowid")'
        f" FROM pragma_foreign_key_check({table}, {sql_string(schema)})"
        " GROUP BY 1, 2",
    )
    return {
        Violation(schema, child, parent): Rows(count, example)
        for child, parent, count, example in rows
    }


def refuse_new(before: Violations, after: Violations) -> None:
    """Complain about rows that lost their parent between two counts.

    :raises DatabaseError: Naming table, rows and parent.
    """
    for what, rows in after.items():
        added = rows.number - before.get(what, Rows(0)).number
        if added > 0:
            raise DatabaseError(
                _sentence(what, added, rows.example),
                fix="Nothing was committed. Correct or delete these rows in the"
                " revision, or change its foreign key.",
            )


def _sentence(what: Violation, added: int, example: int | None) -> str:
    if what.problem:
        return f"A foreign key of table {what.table!r} is broken: {what.problem}."
    rows = "1 row" if added == 1 else f"{added} rows"
    where = "" if example is None else f" (for example rowid {example})"
    return (
        f"Table {what.table!r} would hold {rows}{where} with a foreign key to"
        f" {what.parent!r} that finds no row there."
    )


def refuse_losing_rebuild(
    connection: sa.Connection, table: str, schema: str | None = None
) -> None:
    """Refuse to drop and rename a table while foreign keys are enforced on its children.

    With ``foreign_keys`` on, DROP TABLE deletes the rows first: the actions of
    ON DELETE run, and what forbids the deletion fails with no table named.
    Source: https://www.sqlite.org/foreignkeys.html#fk_schemacommands

    :raises MigrationError: Naming the table and one that refers to it.
    """
    if not run_raw(connection, "PRAGMA foreign_keys")[0][0]:
        return
    for child, column, action in _references(connection, table, schema):
        if action in ACTIONS_ON_DELETE:
            reason = f"ON DELETE {action}"
        elif _refers(connection, child, column, schema):
            reason = "rows that refer to it"
        else:
            continue
        raise MigrationError(
            f"Table {table!r} can't be rebuilt inside the caller's transaction: table"
            f" {child!r} references it with {reason}, and SQLite can't switch foreign"
            " keys off there.",
            fix="Run this migration on a connection of its own, or execute"
            " PRAGMA foreign_keys=OFF before the transaction begins.",
        )


def _references(
    connection: sa.Connection, table: str, schema: str | None
) -> list[tuple[t.Any, ...]]:
    where = schema or "main"
    return run_raw(
        connection,
        'SELECT child.name, ref."from", ref.on_delete'
        f" FROM {identifier(where)}.sqlite_master AS child,"
        f" pragma_foreign_key_list(child.name, {sql_string(where)}) AS ref"
        " WHERE child.type = 'table'"
        f' AND ref."table" = {sql_string(table)} COLLATE NOCASE',
    )


def _refers(
    connection: sa.Connection, child: str, column: str, schema: str | None
) -> bool:
    return bool(
        run_raw(
            connection,
            f"SELECT 1 FROM {identifier(schema or 'main')}.{identifier(child)}"
            f" WHERE {identifier(column)} IS NOT NULL LIMIT 1",
        )
    )

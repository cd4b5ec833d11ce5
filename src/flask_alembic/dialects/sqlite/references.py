"""What foreign keys say on SQLite: rows without a parent, and who refers to a table."""

from __future__ import annotations

import typing as t
from collections import Counter

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from ...errors import DatabaseError
from ...errors import MigrationError
from ..base import identifier
from ..base import run_raw
from ..base import sql_string

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


Values: t.TypeAlias = tuple[str, ...]
"""What a row refers to: each value as the hexadecimal digits of its text."""

Violations: t.TypeAlias = dict[Violation, Counter[Values]]
"""How many rows refer to what.

Not which rows: in a rebuild a row may get another rowid, a key may be numbered anew. A
row that refers to what was missing before, in the place of another one, is no loss.
"""


def violations(connection: sa.Connection) -> Violations:
    """Find the rows without a parent in all attached databases but the temporary."""
    found: Violations = {}
    for _, schema, *_ in run_raw(connection, "PRAGMA database_list"):
        if schema != "temp":
            found.update(_in_schema(connection, schema))
    return found


def _in_schema(connection: sa.Connection, schema: str) -> Violations:
    try:
        return _find(connection, schema, "NULL")
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
            found.update(_find(connection, schema, sql_string(table)))
        except OperationalError as error:
            problem = Violation(schema, table, "", str(error.orig))
            found[problem] = Counter([()])
    return found


def _find(connection: sa.Connection, schema: str, table: str) -> Violations:
    broken = run_raw(
        connection,
        'SELECT DISTINCT "table", "parent", "fkid"'
        f" FROM pragma_foreign_key_check({table}, {sql_string(schema)})",
    )
    found: Violations = {}
    for child, parent, key in broken:
        what = Violation(schema, child, parent)
        rows = found.setdefault(what, Counter())
        rows.update(_without_parent(connection, what, key))
    return found


def _without_parent(
    connection: sa.Connection, what: Violation, key: int
) -> Counter[Values]:
    """Count what the rows refer to; by values, since not all tables have a rowid."""
    schema, child, parent, _ = what
    pairs = run_raw(
        connection,
        'SELECT "from", coalesce("to", (SELECT name FROM'
        f" pragma_table_info({sql_string(parent)}, {sql_string(schema)})"
        " WHERE pk = seq + 1))"
        f" FROM pragma_foreign_key_list({sql_string(child)}, {sql_string(schema)})"
        f" WHERE id = {key} ORDER BY seq",
    )
    names = [f"child.{identifier(name)}" for name, _ in pairs]
    conditions = [f"{name} IS NOT NULL" for name in names]
    if _exists(connection, parent, schema):
        # The "+" takes a column's type away: the parent's decides, as in the check.
        matches = " AND ".join(
            f"parent.{identifier(to)} = +{name}"
            for name, (_, to) in zip(names, pairs, strict=True)
        )
        conditions.append(
            f"NOT EXISTS (SELECT 1 FROM {identifier(schema)}.{identifier(parent)}"
            f" AS parent WHERE {matches})"
        )
    rows = run_raw(
        connection,
        f"SELECT {', '.join(f'hex({name})' for name in names)}, count(*)"
        f" FROM {identifier(schema)}.{identifier(child)} AS child"
        f" WHERE {' AND '.join(conditions)}"
        f" GROUP BY {', '.join(str(number + 1) for number in range(len(names)))}",
    )
    return Counter({tuple(values): count for *values, count in rows})


def _exists(connection: sa.Connection, table: str, schema: str) -> bool:
    return bool(
        run_raw(
            connection,
            f"SELECT 1 FROM pragma_table_info({sql_string(table)}, {sql_string(schema)})",
        )
    )


def refuse_new(
    before: Violations, after: Violations, *, committed: bool = False
) -> None:
    """Complain about rows that lost their parent between two looks.

    :param committed: The rows can't be rolled back any more.
    :raises DatabaseError: Naming table, rows and parent.
    """
    for what, rows in after.items():
        added = rows - before.get(what, Counter())
        if added:
            raise DatabaseError(
                _sentence(what, added, "holds" if committed else "would hold"),
                fix="They stay, since they were written outside of a transaction. Correct"
                " or delete them, and change the revision."
                if committed
                else "Nothing was committed. Correct or delete these rows in the"
                " revision, or change its foreign key.",
            )


def _sentence(what: Violation, added: Counter[Values], holds: str) -> str:
    if what.problem:
        return f"A foreign key of table {what.table!r} is broken: {what.problem}."
    rows = "1 row" if added.total() == 1 else f"{added.total()} rows"
    example = ", ".join(
        bytes.fromhex(value).decode(errors="replace") for value in min(added)
    )
    return (
        f"Table {what.table!r} {holds} {rows} with a foreign key to {what.parent!r}"
        f" that finds no row there (for example: {example})."
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

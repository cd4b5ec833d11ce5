"""What SQLite keeps about a table beside its columns, and what depends on it."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..base import identifier
from ..base import run_raw
from ..base import sql_string
from .columns import ColumnUse
from .text import qualify


@dataclasses.dataclass(frozen=True, slots=True)
class StoredTable:
    """A table as ``sqlite_schema`` holds it.

    :param use: Asks which of its columns an expression needs.
    :param indexes: Name -> CREATE INDEX as it was typed.
    :param triggers: CREATE TRIGGER as they were typed, with their schema.
    :param primary_key: Names of its columns, in lower case.
    :param sequence: The highest id that AUTOINCREMENT has given out.
    :param hidden: A temporary table has its name, and comes first.
    """

    name: str
    schema: str | None
    sql: str
    use: ColumnUse
    indexes: t.Mapping[str, str]
    triggers: tuple[str, ...]
    primary_key: tuple[str, ...]
    sequence: int | None
    hidden: bool


def quoted(name: str, schema: str | None) -> str:
    """Write a name with its schema, if it has one."""
    return ".".join(identifier(part) for part in (schema, name) if part)


def is_temporary(connection: sa.Connection, name: str, schema: str | None) -> bool:
    """Whether a name means a temporary table: those come before all others."""
    return schema in (None, "temp") and bool(
        run_raw(
            connection,
            "SELECT 1 FROM sqlite_temp_master WHERE type = 'table'"
            f" AND name = {sql_string(name)} COLLATE NOCASE",
        )
    )


def read_table(
    connection: sa.Connection, name: str, schema: str | None
) -> StoredTable | None:
    """Read all that a rebuild has to bring back; None if there is no such table."""
    rows = _rows_of(connection, name, schema)
    own = [(kind, item, sql) for place, kind, item, sql in rows if place == _OWN]
    sql = next((sql for kind, _, sql in own if kind == "table"), None)
    if sql is None:
        return None
    columns = _columns(connection, name, schema)
    names = tuple(column for column, *_ in columns)
    keys = sorted((place, column) for column, place, _ in columns if place)
    temporary = [(kind, sql) for place, kind, _, sql in rows if place == _TEMPORARY]
    counts = any(place == _SEQUENCE for place, *_ in rows)
    return StoredTable(
        name,
        schema,
        sql,
        ColumnUse(connection, name, names),
        {index: sql for kind, index, sql in own if kind == "index"},
        (
            *(_qualified(sql, schema) for kind, _, sql in own if kind == "trigger"),
            *(qualify(sql, "temp") for kind, sql in temporary if kind == "trigger"),
        ),
        tuple(column.lower() for _, column in keys),
        _sequence(connection, name, schema) if counts else None,
        hidden=schema in (None, "temp") and ("table" in dict(temporary)),
    )


StoredTexts: t.TypeAlias = t.Mapping[str, tuple[str, t.Mapping[str, str]]]
"""Name of a table, in lower case -> its CREATE TABLE and, by name, CREATE INDEX."""


def stored_texts(connection: sa.Connection, schema: str | None) -> StoredTexts:
    """Read what was typed for all tables of a schema and their indexes."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    rows = run_raw(
        connection,
        f"SELECT type, name, tbl_name, sql FROM {quoted('sqlite_master', schema or 'main')}"
        " WHERE type IN ('table', 'index') AND sql IS NOT NULL ORDER BY rowid",
    )
    for kind, name, _, sql in rows:
        if kind == "table":
            found[name.lower()] = (sql, {})
    for kind, name, table, sql in rows:
        if kind == "index" and table.lower() in found:
            found[table.lower()][1][name] = sql
    return found


_OWN, _TEMPORARY, _SEQUENCE = range(3)
"""Where a row that belongs to a table comes from."""


def _rows_of(
    connection: sa.Connection, name: str, schema: str | None
) -> list[tuple[t.Any, ...]]:
    """What is stored of a table and its triggers, and whether anything counts ids."""
    master = quoted("sqlite_master", schema or "main")
    of_table = f"tbl_name = {sql_string(name)} COLLATE NOCASE AND sql IS NOT NULL"
    rows = run_raw(
        connection,
        f"SELECT {_OWN} AS place, rowid, type, name, sql FROM {master} WHERE {of_table}"
        f" UNION ALL SELECT {_TEMPORARY}, rowid, type, name, sql FROM sqlite_temp_master"
        f" WHERE {of_table}"
        f" UNION ALL SELECT {_SEQUENCE}, rowid, type, name, sql FROM {master}"
        " WHERE name = 'sqlite_sequence' ORDER BY 1, 2",
    )
    return [(place, kind, item, sql) for place, _, kind, item, sql in rows]


def _qualified(sql: str, schema: str | None) -> str:
    return qualify(sql, schema) if schema else sql


def _columns(
    connection: sa.Connection, name: str, schema: str | None
) -> list[tuple[t.Any, ...]]:
    return run_raw(
        connection,
        "SELECT name, pk, hidden FROM"
        f" pragma_table_xinfo({sql_string(name)}, {sql_string(schema or 'main')})",
    )


def _sequence(connection: sa.Connection, name: str, schema: str | None) -> int | None:
    rows = run_raw(
        connection,
        f"SELECT seq FROM {quoted('sqlite_sequence', schema or 'main')}"
        f" WHERE name = {sql_string(name)} COLLATE NOCASE",
    )
    return t.cast("int | None", rows[0][0]) if rows else None


def sequence_statements(table: StoredTable) -> list[str]:
    """What gives a rebuilt AUTOINCREMENT table its old sequence."""
    if table.sequence is None:
        return []
    name = quoted("sqlite_sequence", table.schema)
    return [
        f"DELETE FROM {name} WHERE name = {sql_string(table.name)} COLLATE NOCASE",
        f"INSERT INTO {name} (name, seq)"
        f" VALUES ({sql_string(table.name)}, {int(table.sequence)})",
    ]


def index_statement(
    table: StoredTable, index: str, gone: t.Collection[str]
) -> str | None:
    """What makes an index again; None if a column that it uses is gone.

    :param gone: Names of columns, in lower case.
    """
    sql = table.indexes[index]
    return None if table.use.in_index(sql, gone) else _qualified(sql, table.schema)


# -- views and triggers ---------------------------------------------------------------


def broken(connection: sa.Connection, schema: str | None) -> dict[str, str]:
    """Try each view and each table with triggers: what fails -> why.

    Compiling is enough to see what is missing, so that no row is touched.
    """
    found: dict[str, str] = {}
    for where, kind, name, table in _dependents(connection, schema or "main"):
        try:
            trials = list(_trials(connection, kind, name, table, where))
        except DBAPIError as error:
            found[f"{kind} {name!r}"] = str(error.orig)
            continue
        for what, statement in trials:
            try:
                run_raw(connection, f"EXPLAIN {statement}")
            except DBAPIError as error:
                found[what] = str(error.orig)
    return found


def _dependents(connection: sa.Connection, schema: str) -> list[tuple[t.Any, ...]]:
    """Schema, kind, name and table of a schema's views and triggers, and temporary ones."""
    parts = [
        f"SELECT {sql_string(where)}, 'view', name, name FROM {master}"
        f" WHERE type = 'view' UNION ALL SELECT {sql_string(where)}, 'trigger',"
        f" group_concat(name, ', '), tbl_name FROM {master}"
        " WHERE type = 'trigger' GROUP BY tbl_name"
        for where, master in {
            schema: quoted("sqlite_master", schema),
            "temp": "sqlite_temp_master",
        }.items()
    ]
    return run_raw(connection, " UNION ALL ".join(parts))


def _trials(
    connection: sa.Connection, kind: str, name: str, table: str, schema: str
) -> t.Iterator[tuple[str, str]]:
    # A temporary trigger may belong to any schema's table.
    target = identifier(table) if schema == "temp" else quoted(table, schema)
    if kind == "view":
        yield f"view {name!r}", f"SELECT * FROM {target} LIMIT 0"
        return
    columns = _columns(connection, table, schema)
    sets = ", ".join(
        f"{identifier(column)} = {identifier(column)}"
        for column, _, hidden in columns
        if not hidden
    )
    on = f"trigger {name!r} on {table!r}"
    yield f"{on} (INSERT)", f"INSERT INTO {target} DEFAULT VALUES"
    yield f"{on} (DELETE)", f"DELETE FROM {target}"
    if sets:
        yield f"{on} (UPDATE)", f"UPDATE {target} SET {sets}"


def broken_views(
    connection: sa.Connection, schema: str | None, found: t.Container[str]
) -> list[tuple[str, list[str]]]:
    """Statements that drop and make again each view that :func:`broken` has found."""
    master = quoted("sqlite_master", schema or "main")
    rows = run_raw(
        connection,
        f"SELECT tbl_name, type, sql FROM {master} WHERE sql IS NOT NULL"
        f" AND tbl_name IN (SELECT name FROM {master} WHERE type = 'view')"
        " ORDER BY type DESC, rowid",
    )
    views = [name for name, kind, _ in rows if kind == "view"]
    return [
        (
            f"DROP VIEW {quoted(view, schema)}",
            [_qualified(sql, schema) for name, _, sql in rows if name == view],
        )
        for view in views
        if f"view {view!r}" in found
    ]

"""The rows that revisions insert: read, compared and written as Python literals."""

from __future__ import annotations

import datetime
import decimal
import math
import typing as t
import uuid

import sqlalchemy as sa

Row: t.TypeAlias = dict[str, t.Any]
Rows: t.TypeAlias = dict[str, list[Row]]
"""Name of a table -> its rows, ordered by their keys."""


class TooManyError(Exception):
    """There are more rows than a snapshot may hold.

    :param tables: Those that were read until then, with rows.
    """

    def __init__(self, tables: list[str]) -> None:
        super().__init__(tables)
        self.tables = tables


class UnwritableError(Exception):
    """A value has no literal.

    :param kind: Its type's name.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def read(
    connection: sa.Connection, tables: t.Iterable[sa.Table], limit: int, *, typed: bool
) -> Rows:
    """Read the rows of tables; tables without rows are left out.

    :param limit: How many rows there may be in all.
    :param typed: Read values as the columns' types say, not as the driver gives them.
    :raises TooManyError: There are more.
    """
    found: Rows = {}
    left = limit
    for table in tables:
        rows = (_typed if typed else _stored)(connection, table, left + 1)
        if rows:
            found[table.name] = sorted(rows, key=lambda row: _key(table, row))
        left -= len(rows)
        if left < 0:
            raise TooManyError(list(found))
    return found


def _written(table: sa.Table) -> list[sa.Column[t.Any]]:
    """The columns that a row has values for."""
    return [column for column in table.columns if column.computed is None]


def _stored(connection: sa.Connection, table: sa.Table, limit: int) -> list[Row]:
    names = [column.name for column in _written(table)]
    columns: list[t.Any] = [sa.column(name) for name in names]
    query = sa.select(*columns).select_from(table).limit(limit)
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]


def _typed(connection: sa.Connection, table: sa.Table, limit: int) -> list[Row]:
    columns = _written(table)
    documents = [column for column in columns if isinstance(column.type, sa.JSON)]
    # NULL and a document that says null are both None.
    nulls = [column.is_(sa.null()) for column in documents]
    rows = []
    for values in connection.execute(sa.select(*columns, *nulls).limit(limit)):
        row = {c.name: value for c, value in zip(columns, values, strict=False)}
        for column, is_null in zip(documents, values[len(columns) :], strict=True):
            if row[column.name] is None and not is_null:
                row[column.name] = sa.JSON.NULL
        rows.append(row)
    return rows


_STORED: t.Sequence[tuple[type, sa.types.TypeEngine[t.Any]]] = (
    (str, sa.String()),
    (bytes, sa.LargeBinary()),
    (int, sa.Integer()),
    (float, sa.Float()),
)


def stored_type(values: t.Iterable[t.Any]) -> sa.types.TypeEngine[t.Any] | None:
    """The type that gives values to the driver as they are; None if they are mixed."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return sa.Float()
    if len(kinds) > 1:
        return None
    return next((kind for found, kind in _STORED if kinds == {found}), sa.String())


def _key(table: sa.Table, row: Row) -> list[tuple[str, t.Any]]:
    """What rows are ordered by; numbers as numbers, whatever else as texts."""
    names = [column.name for column in table.primary_key] or list(row)
    return [
        ("", value) if isinstance(value, (int, float)) else (str(value), 0)
        for value in (row[name] for name in names)
    ]


def varying(first: Rows, second: Rows) -> list[tuple[str, str]]:
    """Find the columns whose values are others each time: table and column.

    The column is empty where there isn't the same number of rows.
    """
    found: list[tuple[str, str]] = []
    for table in sorted(first.keys() | second.keys()):
        rows, others = first.get(table, []), second.get(table, [])
        if len(rows) != len(others):
            found.append((table, ""))
            continue
        found += [
            (table, name)
            for name in rows[0]
            if any(
                row[name] != other[name]
                for row, other in zip(rows, others, strict=True)
            )
        ]
    return found


def without(rows: Rows, columns: t.Collection[tuple[str, str]]) -> Rows:
    """Leave columns out.

    :param columns: Table and column.
    """
    return {
        table: [
            {name: value for name, value in row.items() if (table, name) not in columns}
            for row in found
        ]
        for table, found in rows.items()
    }


_PLAIN = frozenset([type(None), bool, int, str, bytes])


def literal(value: t.Any) -> str:
    """Write a value as Python that has ``datetime``, ``decimal`` and ``uuid`` imported.

    :raises UnwritableError: It can't be written.
    """
    kind = type(value)
    if value is sa.JSON.NULL:
        return "sa.JSON.NULL"
    if kind in _PLAIN or (kind is float and math.isfinite(value)):
        return repr(value)
    if kind is float:
        return f"float({str(value)!r})"
    if kind is decimal.Decimal:
        return f"decimal.Decimal({str(value)!r})"
    if kind is uuid.UUID:
        return f"uuid.UUID({str(value)!r})"
    if kind is datetime.datetime and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC)
    if kind in (datetime.datetime, datetime.date, datetime.timedelta):
        return repr(value)
    if kind is datetime.time and value.tzinfo is None:
        return repr(value)
    if kind is list:
        return f"[{', '.join(map(literal, value))}]"
    if kind is dict:
        items = (f"{literal(k)}: {literal(v)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    raise UnwritableError(kind.__name__)

"""SQLite's primary keys change in a rebuild, which looks at no foreign key."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..keys import KeyOptions
from ..keys import Keys
from .grammar import CannotEdit
from .schema import read_table
from .text import TableText

AUTOINCREMENT = {"sqlite_autoincrement": True}


class SQLiteKeys(Keys):
    """An INTEGER that is the key alone counts by itself."""

    def numbers(self, column: sa.Column[t.Any]) -> bool:
        """Only if its type is that, and no other number."""
        return super().numbers(column) and self._is_integer(column)

    def _is_integer(self, column: sa.Column[t.Any]) -> bool:
        return column.type.compile(self.dialect) == "INTEGER"

    def options(self, schema: str | None, found: str, wanted: sa.Table) -> KeyOptions:
        """Tell whether no number is given twice, which AUTOINCREMENT is for."""
        stored = read_table(self.connection, found, schema)
        was = stored is not None and _never_twice(stored.sql)
        will = self._may_count(wanted)
        return KeyOptions(AUTOINCREMENT if was else {}, AUTOINCREMENT if will else {})

    def _may_count(self, wanted: sa.Table) -> bool:
        """Whether a model says AUTOINCREMENT where SQLite takes it."""
        columns = list(wanted.primary_key)
        return (
            bool(wanted.dialect_options["sqlite"]["autoincrement"])
            and len(columns) == 1
            and not columns[0].foreign_keys
            and self._is_integer(columns[0])
        )


def _never_twice(sql: str) -> bool:
    try:
        return TableText.parse(sql).autoincrement
    except CannotEdit:
        return False

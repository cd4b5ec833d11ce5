"""Enums of models that the database doesn't have yet, for as long as a table is tried.

A temporary type hides one of its name that is named without a schema; for one with a
schema there is another name, which is taken out again of what the database writes.

Source: https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SEARCH-PATH
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ..base import identifier
from ..base import sql_string
from ..expressions import TableWords


class ProbedTypes:
    """Temporary types in the place of some.

    :param types: The models'.
    """

    def __init__(self, dialect: sa.Dialect, types: t.Sequence[sa.Enum]) -> None:
        self._dialect = dialect
        self._types = {(each.schema, str(each.name)): each for each in types}

    def creation(self) -> sa.TextClause:
        """Make them all, in one statement."""
        parts = [
            f"CREATE TYPE pg_temp.{identifier(self._name(*key))}"
            f" AS ENUM ({', '.join(map(sql_string, each.enums))})"
            for key, each in self._types.items()
        ]
        body = "; ".join(parts).replace(":", r"\:")
        return sa.text(f"DO $flask_alembic$ BEGIN {body}; END $flask_alembic$")

    def of(self, type_: sa.types.TypeEngine[t.Any]) -> sa.types.TypeEngine[t.Any]:
        """Give a column's type as a temporary table has to have it."""
        found: t.Any = type_._unwrapped_dialect_impl(self._dialect)
        if isinstance(found, sa.ARRAY):
            item = self.of(found.item_type)
            if item is found.item_type:
                return type_
            made = copy.copy(found)
            made.item_type = item
            return made
        key = (getattr(found, "schema", None), str(getattr(found, "name", "")))
        if key not in self._types or key[0] is None:
            return type_
        return postgresql.ENUM(
            *found.enums, name=self._name(*key), schema="pg_temp", create_type=False
        )

    def without(self, words: TableWords) -> TableWords:
        """Write what the database says with the types' own names."""
        if not any(schema for schema, _ in self._types):
            return words
        return TableWords(
            tuple(
                dataclasses.replace(check, sql=self._own(check.sql))
                for check in words.checks
            ),
            {name: self._own(sql) for name, sql in words.computed.items()},
            {
                name: dataclasses.replace(index, words=self._own(index.words))
                for name, index in words.indexes.items()
            },
        )

    def _own(self, sql: str) -> str:
        quote = self._dialect.identifier_preparer.quote
        default = self._dialect.default_schema_name
        for schema, name in self._types:
            if schema is not None:
                parts = (name,) if schema == default else (schema, name)
                own = ".".join(map(quote, parts))
                probed = identifier(self._name(schema, name))
                sql = sql.replace(f"pg_temp.{probed}", own).replace(probed, own)
        return sql

    @staticmethod
    def _name(schema: str | None, name: str) -> str:
        return f"{schema}.{name}" if schema else name

"""Operations that make a computed column plain, written as plain Alembic."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import ExecuteSQLOp

from ...dialects.enums import ColumnKey


class LoseExpression(ExecuteSQLOp):
    """A computed column is left with the values that it has.

    :param key: The column.
    :param quote: Quotes a name.
    """

    def __init__(self, key: ColumnKey, quote: t.Callable[[str], str]) -> None:
        self.key = key
        table = ".".join(quote(part) for part in key[:2] if part)
        sql = f"ALTER TABLE {table} ALTER COLUMN {quote(key[2])} DROP EXPRESSION"
        # A ":" begins a parameter in what op.execute() is given.
        super().__init__(sql.replace(":", r"\:"))


class PlainColumn(AlterColumnOp):
    """A column has no expression any more, in a table that is rebuilt.

    :ivar column: As it is afterwards.
    """

    column: sa.Column[t.Any]

    @classmethod
    def of(cls, op: AlterColumnOp, column: sa.Column[t.Any]) -> PlainColumn:
        """Let an alteration tell of the column."""
        made = t.cast(t.Any, op)
        made.__class__ = cls
        made.column = column
        return t.cast(PlainColumn, made)

"""Operations that make a computed column plain, written as plain Alembic."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations.ops import AlterColumnOp

from .directions import Sql

if t.TYPE_CHECKING:
    from ...dialects.enums import ColumnKey


class LoseExpression(Sql):
    """A computed column is left with the values that it has.

    :param key: The column.
    """

    def __init__(self, key: ColumnKey, sql: str) -> None:
        super().__init__(sql)
        self.key = key


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

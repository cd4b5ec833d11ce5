"""Which columns the expressions of a SQLite table need."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..base import identifier
from ..base import run_raw
from .grammar import certain_columns
from .grammar import join
from .grammar import mentions
from .grammar import name_of
from .grammar import Reader
from .grammar import split
from .grammar import Token
from .grammar import tokens


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnUse:
    """Asks SQLite whether an expression can be without some columns of its table.

    A bare word may be a keyword, a type or a column, and SQLite's grammar has keywords
    that are columns where nothing else fits. So it is given the table without the
    columns, which nothing makes: EXPLAIN only compiles.

    :param columns: All columns of the table.
    """

    connection: sa.Connection
    table: str
    columns: tuple[str, ...]

    def in_check(self, clause: str, names: t.Collection[str]) -> bool:
        """Whether a CHECK constraint needs one of these columns.

        :param names: In lower case.
        """
        reader = Reader(tokens(clause))
        while reader.sign != "(":
            reader.take()
        return self._needs([reader.take_group()], names)

    def in_index(self, sql: str, names: t.Collection[str]) -> bool:
        """Whether an index needs one of these columns.

        :param sql: CREATE INDEX, as it is stored.
        :param names: In lower case.
        """
        return self._needs(_index_expressions(sql), names)

    def _needs(
        self, expressions: t.Sequence[t.Sequence[Token]], names: t.Collection[str]
    ) -> bool:
        found = [token for expression in expressions for token in expression]
        unwanted = mentions(found) & set(names)
        if not unwanted:
            return False
        return bool(certain_columns(found) & unwanted) or not self._compile(
            expressions, unwanted
        )

    def _compile(
        self, expressions: t.Iterable[t.Sequence[Token]], without: t.Container[str]
    ) -> bool:
        left = [name for name in self.columns if name.lower() not in without]
        # There must be one column. A comment may end without the end of its line.
        parts = [identifier(name) for name in [*left, "_alembic_tmp"]]
        parts += [f"CHECK ({join(expression)}\n)" for expression in expressions]
        table = f"temp.{identifier(self.table)}"
        try:
            run_raw(
                self.connection, f"EXPLAIN CREATE TABLE {table} ({', '.join(parts)})"
            )
        except DBAPIError:
            return False
        return True


def _index_expressions(sql: str) -> list[list[Token]]:
    """The indexed expressions, and the condition of a partial index."""
    reader = Reader(tokens(sql))
    while reader.sign != "(":
        reader.take()
    found = [_without_order(part) for part in split(reader.take_group())]
    if reader.take_word("WHERE"):
        found.append(list(reader.found[reader.at :]))
    return found


def _without_order(part: t.Sequence[Token]) -> list[Token]:
    solid = [token for token in part if token[0] != "space"]
    if len(solid) > 1 and solid[-1][1].upper() in ("ASC", "DESC"):
        solid.pop()
    if solid[0][0] == "string" and [text.upper() for _, text in solid[1:2]] in (
        [],
        ["COLLATE"],
    ):
        # SQLite takes a string that stands alone for the name of a column.
        solid[0] = ("quoted", identifier(name_of(solid[0])))
    return [spaced for token in solid for spaced in (token, ("space", " "))]

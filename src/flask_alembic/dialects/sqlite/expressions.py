"""Checks, computed columns and indexes as SQLite has stored them: as they were typed."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex

from ..expressions import Check
from ..expressions import check_name
from ..expressions import Expressions
from ..expressions import MadePlain
from ..expressions import ModelTable
from ..expressions import ModelWords
from ..expressions import StoredIndex
from ..expressions import TableWords
from .grammar import CannotEdit
from .grammar import Clause
from .grammar import join
from .grammar import name_of
from .grammar import Reader
from .grammar import split
from .grammar import Token
from .grammar import tokens
from .schema import stored_texts
from .schema import StoredTexts
from .text import TableText

if t.TYPE_CHECKING:
    from ..enums import ColumnKey


class SQLiteExpressions(Expressions):
    """Compares words: SQLite has none of its own."""

    known = True

    def made_plain(self, key: ColumnKey, computed: sa.Computed) -> MadePlain | None:
        """The table is rebuilt, and its rows are read as they are."""
        return MadePlain("default")

    def unreflected(self) -> frozenset[str]:
        """Tables with an index on an expression, and perhaps some more."""
        query = "SELECT tbl_name FROM sqlite_master WHERE type = 'index' AND sql LIKE ?"
        rows = self.connection.exec_driver_sql(query, ("%(%(%",))
        return frozenset(row[0] for row in rows)

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._stored: dict[str | None, StoredTexts] = {}

    def of_database(self, schema: str | None, table: str) -> TableWords:
        """Read what a table has; all of its schema are read at once."""
        if schema not in self._stored:
            self._stored[schema] = stored_texts(self.connection, schema)
        stored = self._stored[schema].get(table.lower())
        if stored is None:
            return TableWords()
        sql, stored_indexes = stored
        try:
            text = TableText.parse(sql)
        except CannotEdit:
            return TableWords()
        computed = {
            column.name: words(_computed(clause.text))
            for column in text.columns
            if (clause := column.find("AS")) is not None
        }
        indexes = {name: _index(sql) for name, sql in stored_indexes.items()}
        return TableWords(tuple(_checks(text, table)), computed, indexes)

    def of_model(self, model: ModelTable) -> ModelWords:
        """Write a model's table as it would be stored."""
        computed = {}
        for column in model.computed:
            default = t.cast(sa.Computed, column.server_default)
            kept = "STORED" if default.persisted else "VIRTUAL"
            computed[column.name] = words(f"{self.sql(default.sqltext)} {kept}")
        return ModelWords(
            tuple(words(self.sql(check.sqltext)) for check in model.checks),
            computed,
            {str(i.name): self._index(i) for i in model.table.indexes if i.name},
        )

    def normal(self, sql: str) -> str:
        """The words of what was typed."""
        return words(sql)

    def _index(self, index: sa.Index) -> StoredIndex | None:
        try:
            return _index(str(CreateIndex(index).compile(dialect=self.dialect)))
        except CompileError:
            return None


def words(sql: str) -> str:
    """An expression without what makes no difference: spaces, quotes, case."""
    found = [token for token in tokens(sql) if token[0] != "space"]
    while found[:1] == [("sign", "(")] and _closes_last(found):
        found = found[1:-1]
    return " ".join(
        text if kind == "string" else name_of((kind, text)).lower()
        for kind, text in found
    )


def _closes_last(found: t.Sequence[Token]) -> bool:
    """Whether the first parenthesis closes at the end."""
    depth = 0
    for place, (_, text) in enumerate(found):
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return place == len(found) - 1
    return False


def condition(clause: Clause) -> str:
    """What a check demands, as it was typed."""
    reader = Reader(tokens(clause.text))
    while reader.sign != "(":
        reader.take()
    return join(reader.take_group()).strip()


def unnamed_checks(text: TableText, table: str) -> dict[str, Clause]:
    """Give the checks without a name one, always the same.

    :param table: The table's name.
    """
    clauses = [clause for _, clause in text.all_clauses() if clause.kind == "CHECK"]
    taken = {clause.name for clause in clauses if clause.name}
    found: dict[str, Clause] = {}
    for clause in clauses:
        if clause.name is None:
            name = check_name(table, _mentioned(text, clause), {*taken, *found})
            found[name] = clause
    return found


def _mentioned(text: TableText, clause: Clause) -> tuple[str, ...]:
    names = {column.name.lower(): column.name for column in text.columns}
    found = (names.get(name_of(token).lower()) for token in tokens(condition(clause)))
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _checks(text: TableText, table: str) -> t.Iterator[Check]:
    for _, clause in text.all_clauses():
        if clause.kind == "CHECK":
            yield Check(clause.name, condition(clause), _mentioned(text, clause))


def _computed(clause: str) -> str:
    """A generated column's expression and how it is kept."""
    reader = Reader(tokens(clause))
    while reader.sign != "(":
        reader.take()
    expression = join(reader.take_group())
    return f"{expression} {reader.word or 'VIRTUAL'}"


def _index(sql: str) -> StoredIndex:
    """Read CREATE INDEX."""
    reader = Reader(tokens(sql))
    unique = False
    while reader.sign != "(":
        unique = unique or reader.word == "UNIQUE"
        reader.take()
    parts = tuple(join(part).strip() for part in split(reader.take_group()))
    where = join(reader.found[reader.at + 1 :]).strip() if reader.word else ""
    return StoredIndex(
        unique, f"{words(', '.join(parts))} where {words(where)}", parts, where
    )

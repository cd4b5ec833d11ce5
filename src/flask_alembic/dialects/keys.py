"""How primary keys are changed: the safe defaults."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .base import dotted


@dataclasses.dataclass(frozen=True, slots=True)
class KeyChange:
    """A table's primary key before and after; names are those after the draft's renames.

    :param found: The table's name in the database.
    :param renamed: A column's name in the database -> its new one.
    :param wanted: The model's table.
    :param before: The key's columns, in order; none for a table without a key.
    :param indexed: First columns of the other indexes that the table has and keeps.
    :param served: Indexes of foreign keys that the new key serves as well, by name.
    """

    schema: str | None
    found: str
    renamed: t.Mapping[str, str]
    wanted: sa.Table
    before: tuple[str, ...]
    after: tuple[str, ...]
    indexed: frozenset[str]
    served: t.Mapping[str, tuple[str, ...]]

    def column(self, name: str) -> sa.Column[t.Any] | None:
        """The model's column of a name."""
        return next((c for c in self.wanted.columns if c.name == name), None)

    @property
    def counting(self) -> sa.Column[t.Any] | None:
        """The column whose values the model leaves to the database."""
        column = self.wanted._autoincrement_column
        has_default = column is not None and column.server_default is not None
        sequence = column is not None and isinstance(column.default, sa.Sequence)
        return None if has_default or sequence else column


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """SQL, and the SQL that undoes it; either may be empty."""

    sql: str
    back: str


@dataclasses.dataclass(frozen=True, slots=True)
class Replaced:
    """One statement that changes a key.

    :param counts: The column that counts from now on.
    :param counted: The one that did until then.
    :param zero: A column that should count and can't: a row with 0 would be changed.
    """

    statement: Statement
    counts: str | None = None
    counted: str | None = None
    zero: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class KeyOptions:
    """Options of a table that come and go with its key: dialect options, by name."""

    before: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    after: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


class Keys:
    """Changes keys by dropping and making a constraint."""

    refers_to_key: t.ClassVar[bool] = False
    """Whether a foreign key belongs to the key that it refers to, and goes before it."""

    adds_counting: t.ClassVar[bool] = False
    """Whether a column that is added can count at once."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect

    def replaced(self, change: KeyChange) -> Replaced | None:
        """Change a key in one statement, where it can't be done in several."""
        return None

    def counting(self, change: KeyChange) -> tuple[Statement, ...]:
        """Let a column that is there count from now on, after its key is made."""
        return ()

    def numbers(self, column: sa.Column[t.Any]) -> bool:
        """Whether rows get a number in a model's column, as soon as it is the key."""
        return column.table is not None and column is column.table._autoincrement_column

    def sequence(self, schema: str | None, table: str, column: str) -> str | None:
        """The sequence that a column counts by, which is its own; names as they are."""
        return None

    def serial(
        self, schema: str | None, table: str, column: str, sequence: str | None = None
    ) -> tuple[Statement, ...]:
        """Let a column count by a sequence of its own, behind the values that are there.

        :param sequence: Its name; the one that it would have by itself otherwise.
        """
        return ()

    def options(self, schema: str | None, found: str, wanted: sa.Table) -> KeyOptions:
        """What a table has said beside its key, and what its model says.

        :param found: The table's name in the database.
        """
        return KeyOptions()

    def name(self, *parts: str | None) -> str:
        """Quote a name with what stands before it."""
        return dotted(self.dialect.identifier_preparer.quote_identifier, *parts)

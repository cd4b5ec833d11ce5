"""Foreign keys as a database has them, whoever has made their tables."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .base import dotted
from .bulk import TableKey


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key.

    :param schema: The referring table's; None for the default one.
    :param columns: The referring table's, in order.
    :param target: The table that it refers to.
    :param referred: Columns of the target, in the order of ``columns``.
    :param serving: All columns of the index that lets it refer to these.
    :param words: What its definition says after the columns, in the database's words.
    """

    schema: str | None
    table: str
    name: str
    columns: tuple[str, ...]
    target: TableKey
    referred: tuple[str, ...]
    serving: frozenset[str]
    words: str = ""

    @property
    def place(self) -> TableKey:
        """The table that it belongs to."""
        return self.schema, self.table


class References:
    """Reads foreign keys, and writes the SQL that drops and makes them.

    This one knows no database's: they let go of columns that are dropped.
    """

    holds: t.ClassVar[bool] = False
    """Whether no column can be dropped that a foreign key refers to."""

    holds_types: t.ClassVar[bool] = False
    """Whether no column gets another type while a foreign key uses it."""

    drop_words: t.ClassVar[str] = "DROP CONSTRAINT"

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def read(self, tables: t.Sequence[TableKey]) -> list[Reference]:
        """Read the foreign keys of some tables and those that refer to them."""
        return []

    def drop(self, reference: Reference) -> str:
        """Drop a foreign key."""
        return (
            f"{self._alter(reference)} {self.drop_words} {self._name(reference.name)}"
        )

    def create(self, reference: Reference) -> str:
        """Make a foreign key as it was."""
        columns = ", ".join(map(self._name, reference.columns))
        referred = ", ".join(map(self._name, reference.referred))
        return (
            f"{self._alter(reference)} ADD CONSTRAINT {self._name(reference.name)}"
            f" FOREIGN KEY ({columns}) REFERENCES"
            f" {self._name(*reference.target)} ({referred}){reference.words}"
        )

    def _alter(self, reference: Reference) -> str:
        return f"ALTER TABLE {self._name(*reference.place)}"

    def _name(self, *parts: str | None) -> str:
        return dotted(self.connection.dialect.identifier_preparer.quote, *parts)

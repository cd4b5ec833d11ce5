"""What a change is: other models, what is answered, and what becomes of the rows."""

from __future__ import annotations

import dataclasses
import typing as t

from sample.rows import Row
from sample.rows import Rows

Effect: t.TypeAlias = t.Callable[[Rows], None]

DATABASES = ("sqlite", "postgresql", "mariadb")


def nothing(_: Rows) -> None:
    """The rows stay as they are."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of the models.

    :param title: What it is, as the page of the documentation says it.
    :param tables: The tables that it is about, by all their names; no other change of
        its step is about one of them.
    :param edits: Text of the models -> other text.
    :param up: What an upgrade does to the rows.
    :param back: How the rows that an upgrade and a downgrade leave differ from those of
        before.
    :param only: The databases that have such a thing.
    """

    title: str
    tables: tuple[str, ...]
    edits: t.Mapping[str, str]
    up: Effect = nothing
    back: Effect = nothing
    renames: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    defaults: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    only: tuple[str, ...] = DATABASES

    def edited(self, models: str) -> str:
        """The models after the change."""
        for old, new in self.edits.items():
            assert models.count(old) == 1 or old.endswith('.id"'), (self.title, old)
            assert old in models, (self.title, old)
            models = models.replace(old, new)
        return models


@dataclasses.dataclass(frozen=True)
class Step:
    """Changes that are made together and become one revision."""

    name: str
    changes: tuple[Change, ...]

    def on(self, database: str) -> Step:
        """What of it a database can have."""
        found = [change for change in self.changes if database in change.only]
        return Step(self.name, tuple(found))

    def edited(self, models: str) -> str:
        """The models after the step."""
        for change in self.changes:
            models = change.edited(models)
        return models

    def up(self, rows: Rows) -> None:
        """What an upgrade does to the rows."""
        for change in self.changes:
            change.up(rows)

    def back(self, rows: Rows) -> None:
        """What an upgrade and a downgrade leave changed in the rows."""
        for change in self.changes:
            change.back(rows)

    @property
    def renames(self) -> dict[str, str]:
        """All that has to be said of names."""
        return {k: v for change in self.changes for k, v in change.renames.items()}

    @property
    def defaults(self) -> dict[str, str]:
        """All that has to be said of values."""
        return {k: v for change in self.changes for k, v in change.defaults.items()}


def both(*effects: Effect) -> Effect:
    """One effect after the other."""

    def apply(rows: Rows) -> None:
        for effect in effects:
            effect(rows)

    return apply


def table_renamed(old: str, new: str) -> Effect:
    """The rows are in another table."""

    def apply(rows: Rows) -> None:
        rows[new] = rows.pop(old)

    return apply


def column_renamed(table: str, old: str, new: str) -> Effect:
    """A value is in another column."""

    def apply(rows: Rows) -> None:
        for row in rows[table]:
            row[new] = row.pop(old)

    return apply


def changed(table: str, column: str, value: t.Callable[[Row], t.Any]) -> Effect:
    """A column has another value; it may be new."""

    def apply(rows: Rows) -> None:
        for row in rows[table]:
            row[column] = value(row)

    return apply


def replaced(table: str, column: str, old: t.Any, new: t.Any) -> Effect:
    """One value is another one."""
    return changed(table, column, lambda r: new if r[column] == old else r[column])


def gone(table: str, column: str) -> Effect:
    """A column isn't there."""

    def apply(rows: Rows) -> None:
        for row in rows[table]:
            del row[column]

    return apply


def table_gone(table: str) -> Effect:
    """A table isn't there."""

    def apply(rows: Rows) -> None:
        del rows[table]

    return apply


def no_rows(table: str) -> Effect:
    """A table is there, and empty."""

    def apply(rows: Rows) -> None:
        rows[table] = []

    return apply

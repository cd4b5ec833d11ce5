"""MySQL's and MariaDB's primary keys: one statement, since what counts must be a key.

Source: https://mariadb.com/docs/server/reference/data-types/auto_increment
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..keys import KeyChange
from ..keys import Keys
from ..keys import Replaced
from ..keys import Statement
from .bulk import show_create_tables
from .columns import definitions
from .columns import TOKEN

_COUNTS = "AUTO_INCREMENT"


class MySQLKeys(Keys):
    """Drops a key and makes the other at once, with what counts before and after."""

    def replaced(self, change: KeyChange) -> Replaced:
        """Change the key, and which column counts."""
        there = self._definitions(change)
        old = next((name for name, text in there.items() if _counts(text)), None)
        new = None if change.counting is None else str(change.counting.name)
        zero = None
        if new is not None and new in there and new != old:
            zero = new if self._has_zero(change, new) else None
            new = None if zero else new
        stays = new is None and old in (*change.after[:1], *change.indexed)
        if stays or new == old:
            changed: list[str] = []
        else:
            changed = [name for name in (old, new) if name is not None]
        forth = [self._wanted(change, there, name, name == new) for name in changed]
        back = [self._found(change, there, name) for name in changed]
        return Replaced(
            Statement(
                self._alter(change, change.before, forth, change.after),
                self._alter(change, change.after, back, change.before)
                + self._served_again(change),
            ),
            new if changed else None,
            old if changed else None,
            zero,
        )

    def _definitions(self, change: KeyChange) -> dict[str, str]:
        key = (change.schema, change.found)
        text = show_create_tables(self.connection, [key])[key]
        found = definitions(text)
        return {change.renamed.get(name, name): what for name, what in found.items()}

    def _has_zero(self, change: KeyChange, column: str) -> bool:
        """Whether a row would get another value, as if it had none."""
        olds = {new: old for old, new in change.renamed.items()}
        table = self.name(change.schema, change.found)
        own = self.name(olds.get(column, column))
        query = f"SELECT 1 FROM {table} WHERE {own} = 0 LIMIT 1"
        return self.connection.exec_driver_sql(query).first() is not None

    def _wanted(
        self, change: KeyChange, there: t.Mapping[str, str], name: str, counts: bool
    ) -> str:
        """A column as the draft leaves it."""
        column = change.column(name)
        if column is None:
            return f"{self.name(name)} {_without(there[name])}"
        return self._of_model(column, counts=counts)

    def _found(self, change: KeyChange, there: t.Mapping[str, str], name: str) -> str:
        """A column as it was."""
        column = change.column(name)
        if name in there or column is None:
            return f"{self.name(name)} {there[name]}"
        return self._of_model(column, counts=False)

    def _of_model(self, column: sa.Column[t.Any], *, counts: bool) -> str:
        compiler = t.cast(t.Any, self.dialect).ddl_compiler(self.dialect, None)
        text = _without(str(compiler.get_column_specification(column)))
        return f"{text} {_COUNTS}" if counts else text

    def _served_again(self, change: KeyChange) -> str:
        """Make indexes that MariaDB drops, unasked, as soon as the key serves, too.

        It drops only those that it has made by itself, which nobody can tell.
        """
        if not t.cast(t.Any, self.dialect).is_mariadb:
            return ""
        return "".join(
            f", ADD INDEX IF NOT EXISTS {self.name(name)}"
            f" ({', '.join(map(self.name, columns))})"
            for name, columns in change.served.items()
        )

    def _alter(
        self,
        change: KeyChange,
        dropped: t.Sequence[str],
        columns: t.Sequence[str],
        made: t.Sequence[str],
    ) -> str:
        parts = ["DROP PRIMARY KEY"] if dropped else []
        parts += [f"MODIFY {column}" for column in columns]
        if made:
            parts.append(f"ADD PRIMARY KEY ({', '.join(map(self.name, made))})")
        table = self.name(change.schema, change.wanted.name)
        return f"ALTER TABLE {table} {', '.join(parts)}"


def _counts(definition: str) -> bool:
    return _COUNTS in TOKEN.findall(definition)


def _without(definition: str) -> str:
    """A definition that doesn't count."""
    found = [token for token in TOKEN.findall(definition) if token != _COUNTS]
    return "".join(found).strip()

"""What pragmas tell of a SQLite table by themselves.

SQLAlchemy reads much of it from the table's text, for names and for what pragmas leave
out. Where there is nothing of that the text needn't be looked at.
"""

from __future__ import annotations

import typing as t

from ..bulk import FoundColumns
from ..bulk import FoundItem
from ..bulk import FoundReference
from ..bulk import Info

Rows: t.TypeAlias = t.Sequence[t.Sequence[t.Any]]
"""A pragma's."""


class Columns:
    """Tells of columns; there are few sorts of them.

    :param resolve: Makes the type for its text.
    """

    def __init__(self, resolve: t.Callable[[str], t.Any]) -> None:
        self._resolve = resolve
        self._infos: dict[tuple[t.Any, ...], Info] = {}

    def tell(self, rows: Rows) -> FoundColumns | None:
        """Tell of a table's columns; None if one is hidden or computed."""
        names: list[str] = []
        infos: list[Info] = []
        defaults: list[str | None] = []
        for _, name, type_, required, default, place, hidden in rows:
            if hidden:
                return None
            sort = (type_, required, place)
            info = self._infos.get(sort)
            if info is None:
                info = self._infos[sort] = {
                    "type": self._resolve(type_.upper()),
                    "nullable": not required,
                    "primary_key": place,
                }
            names.append(name)
            infos.append(info)
            defaults.append(None if default is None else str(default))
        return FoundColumns(names, infos, defaults, [None] * len(names))


def primary_key(rows: Rows) -> FoundItem:
    """Tell of a primary key, its name left out.

    :param rows: The columns'.
    """
    columns = [(row[5], row[1]) for row in rows if row[5]]
    return FoundItem(None, [name for _, name in sorted(columns)], _NOTHING_MORE)


_TOLD_BY_TEXT = ("deferr", "initially")


def foreign_keys(
    rows: Rows, schema: str | None, text: str
) -> list[FoundReference] | None:
    """Tell of foreign keys, their names left out; None if their rules say more."""
    if not rows:
        return []
    lower = text.lower()
    if any(word in lower for word in _TOLD_BY_TEXT):
        return None
    found: dict[int, FoundReference] = {}
    for number, _, table, own, other, on_update, on_delete, match in rows:
        if (on_update, on_delete, match) != _NO_RULES or other is None:
            return None
        key = found.get(number)
        if key is None:
            key = FoundReference(None, [], schema, table, [], _NO_OPTIONS)
            found[number] = key
        key.columns.append(own)
        key.referred.append(other)
    return list(found.values())


_NO_RULES = ("NO ACTION", "NO ACTION", "NONE")
_NOTHING_MORE: Info = {}
_NO_OPTIONS: Info = {"options": {}}
_INDEXES: t.Sequence[Info] = ({"unique": 0}, {"unique": 1})


def indexes(
    rows: Rows, columns: t.Callable[[str], Rows | None], own: str
) -> list[FoundItem] | None:
    """Tell of indexes; None if one has a condition or an expression.

    :param columns: Reads those of an index.
    :param own: How the names of those begin that SQLite makes for constraints.
    """
    found: list[FoundItem] = []
    for _, name, unique, _, partial in rows:
        if name.startswith(own):
            continue
        names = [row[2] for row in columns(name) or [(None, None, None)]]
        if partial or None in names:
            return None
        found.append(FoundItem(name, names, _INDEXES[unique]))
    return found

"""What is told of many in the same words is read once."""

from __future__ import annotations

import typing as t

from ....dialects.bulk import Info

Read = t.TypeVar("Read")


class Infos(t.Generic[Read]):
    """Reads infos.

    :param read: Finds out what matters of one.
    """

    def __init__(self, read: t.Callable[[Info], Read]) -> None:
        self._read = read
        # One is known by itself. It is held here, so that no other takes its place.
        self._known: dict[int, tuple[Info, Read]] = {}

    def of(self, info: Info) -> Read:
        """What matters of one."""
        known = self._known.get(id(info))
        if known is None:
            known = self._known[id(info)] = (info, self._read(info))
        return known[1]

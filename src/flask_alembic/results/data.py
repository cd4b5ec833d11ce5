"""What all results have in common: the conversion to plain data."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from pathlib import Path


def _plain(value: t.Any) -> t.Any:
    """Reduce a result to what :mod:`json` writes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, t.Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


class Data:
    """Base of all results: the conversion to plain data, equality and representation.

    The last two as a dataclass has them. Here once: made for each class anew they are
    a third of what commands wait for until a class is made.
    """

    __slots__ = ()

    def _values(self) -> dict[str, t.Any]:
        fields = dataclasses.fields(t.cast(t.Any, self))
        return {field.name: getattr(self, field.name) for field in fields}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().values()))

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name}={value!r}" for name, value in self._values().items()
        )
        return f"{type(self).__qualname__}({values})"

    def as_dict(self) -> dict[str, t.Any]:
        """Return the result as dicts, lists, strings and numbers."""
        return t.cast("dict[str, t.Any]", _plain(self))

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
    """Base of all results: the conversion to plain data."""

    __slots__ = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the result as dicts, lists, strings and numbers."""
        return t.cast("dict[str, t.Any]", _plain(self))

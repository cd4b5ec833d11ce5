"""How databases differ: one class for each system, found by its dialect's name."""

from __future__ import annotations

import functools
import importlib
import typing as t
from importlib.metadata import entry_points

import sqlalchemy as sa

from .base import ConnectionSetup
from .base import DialectSupport

__all__ = ["ConnectionSetup", "DialectSupport", "support"]

ENTRY_POINT_GROUP = "flask_alembic.dialects"

_OURS: t.Final[t.Mapping[str, tuple[str, str]]] = {
    "sqlite": ("sqlite.support", "SQLiteSupport"),
    "postgresql": ("postgresql.support", "PostgreSQLSupport"),
    "mysql": ("mysql.support", "MySQLSupport"),
    "mariadb": ("mysql.support", "MySQLSupport"),
}


def support(dialect: sa.Dialect) -> DialectSupport:
    """Return what is known about a database system; safe defaults for others.

    Systems that have no file here may have one in another distribution, under the
    entry point group ``flask_alembic.dialects``.
    """
    return _find(dialect.name)()


@functools.cache
def _find(name: str) -> type[DialectSupport]:
    if name in _OURS:
        module, attribute = _OURS[name]
        found = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return t.cast("type[DialectSupport]", found)
    # Last, since looking through all distributions takes its time.
    for entry in entry_points(group=ENTRY_POINT_GROUP, name=name):
        return t.cast("type[DialectSupport]", entry.load())
    return DialectSupport

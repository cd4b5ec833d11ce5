"""Plugins and companions: what compares more than tables, loaded and put in order.

``alembic.runtime.plugins._all_plugins`` is Alembic's list of plugins by name; there is
no public way to read it.
"""

from __future__ import annotations

import importlib
import re
import typing as t

from alembic.runtime import plugins as registry
from alembic.runtime.plugins import Plugin

from ...errors import SetupError

if t.TYPE_CHECKING:
    from .refining import Refinement

_REGISTER: t.Mapping[str, str] = {
    "sqlalchemy_declarative_extensions": "register_alembic_events",
}
"""Module -> its function that has to be called once."""

_loaded: dict[str, str | None] = {}
"""Module -> the plugin that it is; None if importing it is all that it needs."""


def load(names: t.Iterable[str]) -> list[str]:
    """Load modules and plugins, each once in a process.

    :return: The names of those that Alembic knows as plugins.
    :raises SetupError: One can't be imported.
    """
    for name in names:
        if name not in _loaded:
            _loaded[name] = _load(name)
    return [plugin for name in names if (plugin := _loaded[name]) is not None]


def _load(name: str) -> str | None:
    if name in registry._all_plugins:
        return name
    try:
        module = importlib.import_module(name)
    except ImportError as e:
        if (e.name or name).partition(".")[0] != name.partition(".")[0]:
            raise
        raise SetupError(
            f"ALEMBIC['plugins'] names {name!r}, which can't be imported.",
            fix=f"Install it ('pip install {name.partition('.')[0].replace('_', '-')}'),"
            " or correct the name.",
        ) from e
    if hasattr(module, "setup"):
        Plugin.setup_plugin_from_module(module, name)
        return name
    register = getattr(module, _REGISTER.get(name, ""), None)
    if register is not None:
        register()
    return None


# -- order ---------------------------------------------------------------------------

_NEEDED_BY_TABLES = frozenset(
    ["Schema", "Role", "Extension", "Type", "Enum", "Domain", "Sequence", "Database"]
)
_TAKES_AWAY = frozenset(["Drop", "Delete", "Remove", "Revoke"])


def put_in_order(refinement: Refinement) -> None:
    """Let what isn't Alembic's be made after the tables, and go before them.

    Schemas, roles and the like are what tables need: the other way round.
    """
    refinement.ops.ops.sort(key=_place)


def _place(op: t.Any) -> int:
    """Where an operation belongs; sorting keeps the order among its like."""
    if type(op).__module__.partition(".")[0] in ("alembic", "flask_alembic"):
        return 0
    words = set(re.findall(r"[A-Z][a-z]*", type(op).__name__))
    takes_away = bool(words & _TAKES_AWAY)
    before = takes_away != bool(words & _NEEDED_BY_TABLES)
    return -1 if before else 1

"""The interface of Flask-Migrate, on the core of Flask-Alembic.

Importing this package loads nothing of Alembic, nor the commands: who uses one does.
"""

from __future__ import annotations

import importlib
import typing as t

from .errors import MigrateError
from .extension import Migrate

if t.TYPE_CHECKING:
    from .commands import branches
    from .commands import catch_errors
    from .commands import check
    from .commands import current
    from .commands import downgrade
    from .commands import edit
    from .commands import heads
    from .commands import history
    from .commands import init
    from .commands import list_templates
    from .commands import merge
    from .commands import migrate
    from .commands import revision
    from .commands import show
    from .commands import stamp
    from .commands import upgrade
    from .config import alembic_version
    from .config import Config

__all__ = [
    "Config",
    "Migrate",
    "MigrateError",
    "alembic_version",
    "branches",
    "catch_errors",
    "check",
    "current",
    "downgrade",
    "edit",
    "heads",
    "history",
    "init",
    "list_templates",
    "merge",
    "migrate",
    "revision",
    "show",
    "stamp",
    "upgrade",
]


# Hidden from type checkers, which would take any name for one that is there.
if not t.TYPE_CHECKING:

    def __getattr__(name: str) -> t.Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = ".config" if name in ("Config", "alembic_version") else ".commands"
        return getattr(importlib.import_module(room, __name__), name)

"""Keep Mako from loading Pygments, only to colour pages that a command never shows."""

from __future__ import annotations

import contextlib
import sys
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_USER = "mako.exceptions"
_PLUGIN = "mako.ext.pygmentplugin"


class _Hiding:
    """Hides Mako's plugin from the one module that asks for it while it is imported.

    That module then does without, as where Pygments isn't installed; who imports the
    plugin at any other time gets it. Alembic imports Mako for each command that migrates,
    and forty modules of Pygments, a tenth of a command at head, would come with it.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname == _PLUGIN:
            spec = getattr(sys.modules.get(_USER), "__spec__", None)
            if getattr(spec, "_initializing", False):
                raise ModuleNotFoundError(f"{_PLUGIN} isn't needed", name=_PLUGIN)
        return None


@contextlib.contextmanager
def without_highlighting() -> t.Iterator[None]:
    """Let Mako, if it is imported in the block, do without Pygments."""
    finder = _Hiding()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

"""What lasts as long as an application: its configuration and files, as they were read."""

from __future__ import annotations

import os
import threading
import typing as t
from collections.abc import Mapping
from pathlib import PurePath

from .. import settings as settings_room
from .watch import HistoryCache

if t.TYPE_CHECKING:
    from ..settings import Settings
    from .history import History
    from .lookup import Scripts

Config: t.TypeAlias = "Mapping[str, t.Any]"

CONTEXT = "ALEMBIC_CONTEXT"
"""The key that every call reads anew: it holds functions."""

_UNCHANGING = (int, float, bool, bytes, type(None), PurePath)


class AppState:
    """What is kept of one application between its contexts. Safe for threads."""

    def __init__(self) -> None:
        self._caches: dict[tuple[t.Any, ...], HistoryCache] = {}
        self._lock = threading.Lock()
        self._scripts: Scripts | None = None
        self._read: _Read | None = None

    def settings(self, config: Config, root_path: str) -> Settings:
        """The configuration as it is now; parsed again if it has changed.

        Not the arguments of ``EnvironmentContext.configure``, which may be old.

        :raises SetupError: A key holds something that can't be used.
        """
        content = _content_of(config, root_path)
        known = self._read
        if known is not None and known.holds(content):
            settings_room.context_options(config)
            return known.settings
        settings = settings_room.read(config, root_path)
        self._read = None if content is None else _Read(content, settings)
        return settings

    def history(self, settings: Settings, *, fresh: bool = False) -> History:
        """The revision files, as they are now."""
        recursive = settings.flag("recursive_version_locations")
        sourceless = settings.flag("sourceless")
        key = (settings.folders, recursive, sourceless)
        cache = self._caches.get(key)
        if cache is None:
            made = HistoryCache(
                settings.folders, recursive=recursive, sourceless=sourceless
            )
            cache = self._caches.setdefault(key, made)
        return cache.get(fresh=fresh)

    def scripts(self, history: History) -> Scripts:
        """Alembic's view of a history, made once; the latest is kept."""
        from .lookup import Scripts

        with self._lock:
            if self._scripts is None or self._scripts.history is not history:
                self._scripts = Scripts(history)
            return self._scripts


class _Read:
    """A configuration that was read, and what it was read from."""

    def __init__(self, content: list[t.Any], settings: Settings) -> None:
        self.settings = settings
        self._content = content
        versions = settings.script_location / settings_room.VERSIONS
        self._versions = os.fspath(versions)
        self._listed = versions in settings.folders

    def holds(self, content: list[t.Any] | None) -> bool:
        """Whether it would be read as the same again."""
        # The folder of plain Alembic counts as soon as it is there.
        return (
            content == self._content and os.path.isdir(self._versions) == self._listed
        )


def _content_of(config: Config, root_path: str) -> list[t.Any] | None:
    """All that the configuration is read from; None if other things count, too."""
    content: list[t.Any] = [root_path]
    known = os.path.isabs(root_path)
    # Another thread may add to what is listed.
    for key, value in tuple(config.items()):
        if key.startswith("ALEMBIC") and key != CONTEXT:
            content.append(key)
            known = _add(value, content) and known
    return content if known else None


def _add(value: t.Any, content: list[t.Any]) -> bool:
    """List what a value holds, with the types: True is no number here.

    :return: Whether that is all; not for objects that may change, or for packages.
    """
    content.append(type(value))
    if isinstance(value, str):
        content.append(value)
        return ":" not in value or os.path.isabs(value)
    if isinstance(value, Mapping):
        content.append(len(value))
        items = tuple(value.items())
        return all([_add(part, content) for item in items for part in item])
    if isinstance(value, (list, tuple, set, frozenset)):
        content.append(len(value))
        return all([_add(item, content) for item in value])
    content.append(value)
    return isinstance(value, _UNCHANGING)

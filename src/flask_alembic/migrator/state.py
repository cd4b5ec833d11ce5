"""What lasts as long as an application: its revision files, as they were read."""

from __future__ import annotations

import threading
import typing as t

from .watch import HistoryCache

if t.TYPE_CHECKING:
    from ..settings import Settings
    from .history import History
    from .lookup import Scripts


class AppState:
    """What is kept of one application between its contexts. Safe for threads."""

    def __init__(self) -> None:
        self._caches: dict[tuple[t.Any, ...], HistoryCache] = {}
        self._lock = threading.Lock()
        self._scripts: Scripts | None = None

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

"""The scripts that callers only look at, made when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from alembic.config import Config
from alembic.script import Script
from alembic.script import ScriptDirectory

from .folder import SYMBOLS
from .headers import Entry
from .history import History
from .revisions import IndexedScript
from .revisions import script_directory


class Lookup:
    """The scripts of a script directory that somebody else may extend."""

    def __init__(self, directory: ScriptDirectory) -> None:
        self._directory = directory

    @property
    def directory(self) -> ScriptDirectory:
        """Alembic's view of all of them."""
        return self._directory

    @property
    def newest_first(self) -> tuple[Script, ...]:
        """All of them, as Alembic lists them."""
        return tuple(self.directory.walk_revisions())

    def find(self, ids: tuple[str, ...]) -> tuple[Script, ...]:
        """Find scripts by what Alembic takes for a revision."""
        found = self.directory.get_revisions(ids)
        return tuple(script for script in found if script is not None)


class Scripts:
    """The scripts of one history, for all contexts and threads of an application."""

    def __init__(self, history: History) -> None:
        self.history = history
        # Alembic's objects are made while nobody else makes any.
        self.lock = threading.RLock()
        self.directory: ScriptDirectory | None = None
        self.newest_first: tuple[Script, ...] | None = None
        self._made: dict[str, IndexedScript] = {}
        self._linked: dict[str, IndexedScript] = {}

    def of(self, entry: Entry) -> IndexedScript:
        """The script of a file."""
        script = self._made.get(entry.id)
        if script is None:
            script = self._made[entry.id] = IndexedScript(entry)
        return script

    def alone(self, ids: tuple[str, ...]) -> tuple[Script, ...] | None:
        """The scripts with these ids, without the others; None if that isn't enough."""
        entries = self.history.entries
        # Who has which label, Alembic finds by looking at all.
        if self.history.labelled or not SYMBOLS.isdisjoint(ids):
            return None
        if not all(id_ in entries for id_ in ids):
            return None
        for id_ in ids:
            if id_ not in self._linked:
                self._linked[id_] = self._link(self.of(entries[id_]))
        return tuple(self._linked[id_] for id_ in ids)

    def _link(self, script: IndexedScript) -> IndexedScript:
        """Tell a script of its neighbours, as Alembic's map does."""
        shown, history = self.history.describe(script.revision), self.history
        script.nextrev = frozenset(shown.children)
        script._all_nextrev = frozenset((*shown.children, *shown.dependents))
        needed = history.dependencies.get(script.revision, ())
        script._resolved_dependencies = needed
        script._normalized_resolved_dependencies = (
            history.own_dependencies[script.revision] if needed else ()
        )
        return script


class SharedLookup(Lookup):
    """A context's way to them.

    A process that asks for its heads gets these alone, out of thousands; those are the
    same objects when it asks for the others.

    :param config: Makes the configuration of a script directory.
    """

    def __init__(self, scripts: Scripts, config: Callable[[], Config]) -> None:
        self._scripts = scripts
        self._config = config

    @property
    def directory(self) -> ScriptDirectory:
        """Alembic's view of all of them, which nobody extends."""
        kept = self._scripts
        with kept.lock:
            if kept.directory is None:
                made = script_directory(self._config(), lambda: kept.history, kept.of)
                # Alembic builds its map when it is first asked for something.
                made.get_heads()
                kept.directory = made
            return kept.directory

    @property
    def newest_first(self) -> tuple[Script, ...]:
        """All of them, as Alembic lists them."""
        with self._scripts.lock:
            if self._scripts.newest_first is None:
                self._scripts.newest_first = super().newest_first
            return self._scripts.newest_first

    def find(self, ids: tuple[str, ...]) -> tuple[Script, ...]:
        """Find scripts by what Alembic takes for a revision."""
        with self._scripts.lock:
            found = self._scripts.alone(ids)
        return super().find(ids) if found is None else found

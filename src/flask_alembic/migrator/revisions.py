"""The index of revision files as Alembic's own objects.

Private names of Alembic that this file leans on, and what for:

========================================== ============================================
``RevisionMap._revision_map``              overridden: built in linear time
``RevisionMap._topological_sort``          overridden: the same order in linear time
``RevisionMap._get_all_current``           overridden: the same answer in linear time
``RevisionMap._real_heads/_real_bases``    set, as Alembic sets them
``RevisionMap._map_branch_labels``         labels beside ids in the map
``RevisionMap._add_depends_on``            labels in depends_on -> ids
``RevisionMap._detect_cycles``             refuses cycles
``RevisionMap._add_branches``              hands labels on to descendants
``RevisionMap._get_ancestor_nodes``        walks down
``Revision._is_real_base``                 a base that depends on nothing
``Revision._versioned_down_revisions``     parents
``Revision._resolved_dependencies``        dependencies as ids
``Revision._normalized_resolved_…``        set: those that no ancestor has already
``Revision._all_down_revisions``           parents and dependencies
``Revision._normalized_down_revisions``    parents and normalized dependencies
``Revision._all_nextrev``                  children and dependents
========================================== ============================================
"""

from __future__ import annotations

import sys
import threading
import typing as t
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from types import ModuleType

from alembic.config import Config
from alembic.script import Script
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision
from alembic.script.revision import RevisionError
from alembic.script.revision import RevisionMap
from alembic.util import memoized_property

from ..errors import RevisionFileError
from .headers import Entry
from .headers import entry_of_module
from .headers import execute
from .headers import module_name
from .history import History

_Map = dict[str | tuple[()] | None, Revision | None]

# Under this name a module keeps what is known of its file until it has run.
_ENTRY = "__flask_alembic_entry__"

_loading = threading.RLock()
_importing = threading.Lock()


class LazyModule(ModuleType):
    """A revision file's module, which runs when something of its body is asked for."""

    def __init__(self, entry: Entry, header: dict[str, t.Any]) -> None:
        super().__init__(module_name(entry.revision.path), entry.doc)
        vars(self).update(header, __file__=entry.revision.path)
        vars(self)[_ENTRY] = entry

    def __getattr__(self, name: str) -> t.Any:
        # What inspects modules asks for such names, Alembic for the encoding.
        inspected = name.startswith("__") and name.endswith("__")
        wanted = not inspected and name != "_alembic_source_encoding"
        if not wanted or vars(self)[_ENTRY] is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        run(self)
        return getattr(self, name)


def run(module: LazyModule) -> None:
    """Run a revision file in its module, once.

    :raises RevisionFileError: It fails, or its header isn't what was read.
    """
    with _loading:
        content = vars(module)
        entry: Entry | None = content[_ENTRY]
        if entry is None:
            return
        before = dict(content)
        for name in ("revision", "down_revision", "branch_labels", "depends_on"):
            content.pop(name)
        # A body that looks at its own module must not start it again.
        content[_ENTRY] = None
        try:
            execute(module, entry.revision.path)
            _compare(entry, entry_of_module(module, entry.revision.path))
        except BaseException:
            content.clear()
            content.update(before)
            raise
        for name, value in before.items():
            content.setdefault(name, value)


def _compare(read: Entry, executed: Entry) -> None:
    """Refuse a file that sets other values than its source shows."""
    names = {
        "id": "revision",
        "parents": "down_revision",
        "labels": "branch_labels",
        "depends_on": "depends_on",
    }
    for field, name in names.items():
        expected = getattr(read.revision, field)
        actual = getattr(executed.revision, field)
        if expected != actual:
            raise RevisionFileError(
                f"The revision file {read.revision.path} sets {name} to {actual!r}"
                f" when it runs, but {expected!r} was read from its source.",
                path=read.revision.path,
                fix=f"Set {name} once, to a literal; if it was just edited, try again.",
            )


class IndexedScript(Script):
    """A revision whose header is known and whose file isn't executed yet."""

    def __init__(self, entry: Entry) -> None:
        revision = entry.revision
        self.path = revision.path
        self._entry = entry
        Revision.__init__(
            self,
            revision.id,
            revision.parents,
            dependencies=revision.depends_on,
            branch_labels=revision.labels,
        )

    @memoized_property
    def module(self) -> ModuleType:
        """The file's module. Its ``upgrade`` and ``downgrade`` run the file."""
        header = {
            "revision": self.revision,
            "down_revision": self.down_revision,
            "branch_labels": self._entry.revision.labels or None,
            "depends_on": self.dependencies,
        }
        return LazyModule(self._entry, header)

    @property
    def longdoc(self) -> str:
        """The whole docstring."""
        return self._entry.doc


def load(scripts: Iterable[Script]) -> None:
    """Load the modules of these revisions, so that none fails after another ran.

    :raises RevisionFileError: A file can't be compiled or run; the cause is attached.
    """
    for script in scripts:
        if isinstance(script.module, LazyModule):
            run(script.module)


class LinearRevisionMap(RevisionMap):
    """Alembic's map of revisions, in a time that grows with their number only."""

    @memoized_property
    def _revision_map(self) -> _Map:
        revisions = list(self._generator())
        known: dict[str, Revision] = {rev.revision: rev for rev in revisions}
        map_ = t.cast("_Map", dict(known))
        labelled = [rev for rev in revisions if rev.branch_labels]
        self._map_branch_labels(labelled, map_)
        _require(revisions, map_)
        self._add_depends_on(revisions, map_)
        heads, real_heads = self._link(revisions, map_)
        bases = tuple(rev for rev in revisions if rev.is_base)
        real_bases = tuple(rev for rev in revisions if rev._is_real_base)
        self._detect_cycles(
            known,
            t.cast("set[Revision]", heads.keys()),
            bases,
            t.cast("set[Revision]", real_heads.keys()),
            real_bases,
        )
        _normalize(revisions, known)
        map_[None] = map_[()] = None
        self.heads = tuple(rev.revision for rev in heads)
        self._real_heads = tuple(rev.revision for rev in real_heads)
        self.bases = tuple(rev.revision for rev in bases)
        self._real_bases = tuple(rev.revision for rev in real_bases)
        self._add_branches(labelled, map_)
        return map_

    def _link(
        self, revisions: list[Revision], map_: _Map
    ) -> tuple[dict[Revision, None], dict[Revision, None]]:
        """Tell revisions what follows them; what nothing follows is left."""
        heads = dict.fromkeys(revisions)
        real_heads = dict.fromkeys(revisions)
        for rev in revisions:
            parents = rev._versioned_down_revisions
            for name in rev._all_down_revisions:
                below = t.cast("Revision", map_[name])
                below.add_nextrev(rev)
                real_heads.pop(below, None)
                if name in parents:
                    heads.pop(below, None)
        return heads, real_heads

    def _get_all_current(self, id_: tuple[str, ...]) -> set[t.Any]:
        current: set[t.Any] = set(self.get_revisions(id_))
        current.update(
            self._get_ancestor_nodes(list(current), include_dependencies=True)
        )
        ids = {rev.revision for rev in current}
        # With a descendant also a child is in the set, as its ancestors all are.
        return {rev for rev in current if ids.isdisjoint(rev.nextrev)}

    def _topological_sort(
        self, revisions: Collection[Revision], heads: t.Any
    ) -> list[str]:
        map_ = self._revision_map
        todo = {rev.revision: rev for rev in revisions}
        starts = {rev.revision for rev in heads if rev.revision in todo}
        if len(starts) > 1:
            position = {id_: number for number, id_ in enumerate(map_)}
            order = _Frontier(todo).sort(sorted(starts, key=position.__getitem__))
        else:
            order = _Frontier(todo).sort(list(starts))
        if len(order) == len(todo) and not self._has_gaps(todo):
            return order
        return super()._topological_sort(revisions, heads)

    def _has_gaps(self, todo: dict[str, Revision]) -> bool:
        """Whether a way leads out of these revisions and into them again."""
        outside = {
            name
            for rev in todo.values()
            for name in rev._normalized_down_revisions
            if name not in todo
        }
        targets = [self._revision_map[name] for name in outside]
        return any(rev.revision in todo for rev in self._get_ancestor_nodes(targets))


def _require(revisions: list[Revision], map_: _Map) -> None:
    """Refuse parents and dependencies that no file has."""
    for rev in revisions:
        needed = rev.dependencies or ()
        for name in (
            *rev._versioned_down_revisions,
            *((needed,) if isinstance(needed, str) else needed),
        ):
            if name not in map_:
                raise RevisionError(
                    f"Revision {name} referenced from {rev} is not present"
                )


def _normalize(revisions: list[Revision], known: dict[str, Revision]) -> None:
    """Leave out the dependencies that a revision's ancestors already have."""
    own: dict[str, int] = {}
    bits: dict[str, int] = {}
    for rev in revisions:
        rev._normalized_resolved_dependencies = rev._resolved_dependencies
        for name in rev._resolved_dependencies:
            bit = 1 << bits.setdefault(name, len(bits))
            own[rev.revision] = own.get(rev.revision, 0) | bit
    if not own:
        return
    inherited = dict.fromkeys(known, 0)
    waiting = {
        rev.revision: len(set(rev._versioned_down_revisions)) for rev in revisions
    }
    ready = [id_ for id_, count in waiting.items() if not count]
    while ready:
        id_ = ready.pop()
        below = inherited[id_]
        if below and id_ in own:
            rev = known[id_]
            rev._normalized_resolved_dependencies = tuple(
                name
                for name in rev._resolved_dependencies
                if not below >> bits[name] & 1
            )
        for child in known[id_].nextrev:
            inherited[child] |= below | own.get(id_, 0)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)


class _Frontier:
    """Alembic's order of revisions, from heads to bases.

    Alembic keeps a list of candidates, and goes down from one of them until it
    meets a revision that another candidate descends from; it then goes on with the
    first of these. Where the revisions have no gaps, "another candidate descends
    from it" is "one of its children isn't in the order yet", which can be counted.

    :param todo: What is to be ordered.
    """

    def __init__(self, todo: dict[str, Revision]) -> None:
        self.down = {
            id_: [name for name in rev._normalized_down_revisions if name in todo]
            for id_, rev in todo.items()
        }
        self.up: dict[str, list[str]] = {id_: [] for id_ in todo}
        for id_, names in self.down.items():
            for name in names:
                self.up[name].append(id_)
        self.waiting = {id_: len(above) for id_, above in self.up.items()}
        self.order: dict[str, None] = {}
        # A candidate keeps its place as it moves down; later ones have larger places.
        self.places: dict[str, int] = {}
        self.candidates: dict[int, str] = {}
        # Neighbours of places; 0 stands before the first and after the last.
        self.before: dict[int, int] = {0: 0}
        self.after: dict[int, int] = {0: 0}
        self.last = 0

    def sort(self, starts: list[str]) -> list[str]:
        """Order what can be reached from these revisions."""
        for id_ in starts:
            self._append(id_)
        place = self.after[0]
        while place:
            place = self._advance(place)
        return list(self.order)

    def _append(self, id_: str) -> None:
        place = self.last = self.last + 1
        left = self.before[0]
        self.after[left], self.before[place] = place, left
        self.after[place], self.before[0] = 0, place
        self.candidates[place] = id_
        self.places[id_] = place

    def _advance(self, place: int) -> int:
        """Take one candidate, or turn to the one that must come first; 0 at the end."""
        id_ = self.candidates[place]
        if self.waiting[id_]:
            return self._first_above(id_)
        self.order[id_] = None
        new = [name for name in self.down[id_] if name not in self.places]
        for name in self.down[id_]:
            self.waiting[name] -= 1
        del self.places[id_]
        if not new:
            return self._remove(place)
        self.candidates[place] = new[0]
        self.places[new[0]] = place
        for name in new[1:]:
            self._append(name)
        return place

    def _remove(self, place: int) -> int:
        """Take a place away; its left neighbour is next, or else its right one."""
        left, right = self.before.pop(place), self.after.pop(place)
        self.after[left], self.before[right] = right, left
        del self.candidates[place]
        return left or right

    def _first_above(self, id_: str) -> int:
        """The first candidate that descends from a revision."""
        seen = {id_}
        todo = [id_]
        found: list[int] = []
        while todo:
            for name in self.up[todo.pop()]:
                if name not in seen and name not in self.order:
                    seen.add(name)
                    todo.append(name)
                    if name in self.places:
                        found.append(self.places[name])
        return min(found, default=0)


def script_directory(config: Config, source: Callable[[], History]) -> ScriptDirectory:
    """Make Alembic's script directory on top of the index.

    :param source: Asked for the history once, when it is first needed.
    """
    paths = config.get_prepend_sys_paths_list() or []
    with _importing:
        directory = ScriptDirectory.from_config(config)
        # Alembic puts them in front each time.
        del sys.path[: len(paths)]
        sys.path[:0] = [path for path in paths if path not in sys.path]
    directory.revision_map = LinearRevisionMap(
        lambda: [IndexedScript(entry) for entry in source().entries.values()]
    )
    return directory

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
``Revision._all_nextrev``                  set: children and dependents, at once
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
        super().__init__(module_name(entry.path), entry.doc)
        vars(self).update(header, __file__=entry.path)
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
            execute(module, entry.path)
            _compare(entry, entry_of_module(module, entry.path))
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
        expected = getattr(read, field)
        actual = getattr(executed, field)
        if expected != actual:
            raise RevisionFileError(
                f"The revision file {read.path} sets {name} to {actual!r}"
                f" when it runs, but {expected!r} was read from its source.",
                path=read.path,
                fix=f"Set {name} once, to a literal; if it was just edited, try again.",
            )


class IndexedScript(Script):
    """A revision whose header is known and whose file isn't executed yet."""

    def __init__(self, entry: Entry) -> None:
        self.path = entry.path
        self._entry = entry
        Revision.__init__(
            self,
            entry.id,
            entry.parents,
            dependencies=entry.depends_on,
            branch_labels=entry.labels,
        )
        # All that it ever has, so that Python keeps one table of names for all scripts
        # instead of one for each: a third of what they take.
        self.nextrev = self._all_nextrev = frozenset()
        self._resolved_dependencies = self._normalized_resolved_dependencies = ()

    @memoized_property
    def module(self) -> ModuleType:
        """The file's module. Its ``upgrade`` and ``downgrade`` run the file."""
        header = {
            "revision": self.revision,
            "down_revision": self.down_revision,
            "branch_labels": self._entry.labels or None,
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
        _normalize(revisions)
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
        after: dict[Revision, list[str]] = {}
        dependents: dict[Revision, set[str]] = {}
        for rev in revisions:
            parents = rev._versioned_down_revisions
            for name in rev._all_down_revisions:
                below = t.cast("Revision", map_[name])
                after.setdefault(below, []).append(rev.revision)
                real_heads.pop(below, None)
                if name in parents:
                    heads.pop(below, None)
                else:
                    dependents.setdefault(below, set()).add(rev.revision)
        # Not add_nextrev(): it copies what it has for each that is added.
        for rev, ids in after.items():
            every = rev._all_nextrev = frozenset(ids)
            others = dependents.get(rev)
            rev.nextrev = every - others if others else every
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
        from .order import Frontier

        frontier = Frontier(
            {
                id_: [name for name in rev._normalized_down_revisions if name in todo]
                for id_, rev in todo.items()
            }
        )
        if len(starts) > 1:
            order = frontier.sort(str(id_) for id_ in map_ if id_ in starts)
        else:
            order = frontier.sort(starts)
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


def _normalize(revisions: list[Revision]) -> None:
    """Leave out the dependencies that a revision's ancestors already have."""
    needed = {
        r.revision: r._resolved_dependencies
        for r in revisions
        if r._resolved_dependencies
    }
    kept: dict[str, tuple[str, ...]] = {}
    if needed:
        parents = {r.revision: r._versioned_down_revisions for r in revisions}
        from .order import without_inherited

        kept = without_inherited(parents, needed)
    for rev in revisions:
        rev._normalized_resolved_dependencies = kept.get(rev.revision, ())


def script_directory(
    config: Config,
    source: Callable[[], History],
    make: Callable[[Entry], IndexedScript] = IndexedScript,
) -> ScriptDirectory:
    """Make Alembic's script directory on top of the index.

    :param source: Asked for the history once, when it is first needed.
    :param make: Gives the script of a file.
    """
    paths = config.get_prepend_sys_paths_list() or []
    with _importing:
        directory = ScriptDirectory.from_config(config)
        # Alembic puts them in front each time.
        del sys.path[: len(paths)]
        sys.path[:0] = [path for path in paths if path not in sys.path]
    directory.revision_map = LinearRevisionMap(
        lambda: [make(entry) for entry in source().entries.values()]
    )
    return directory

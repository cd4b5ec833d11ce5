"""All revision files as a graph: a snapshot, without Alembic."""

from __future__ import annotations

import functools
import itertools
import typing as t
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from types import MappingProxyType

from ..errors import HistoryError
from ..errors import TargetError

if t.TYPE_CHECKING:
    from ..results import LogEntry
    from .headers import Entry


class History:
    """A snapshot of all revision files: it never changes.

    :param entries: In the order of the files.
    :raises HistoryError: Two files have the same revision id.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        found: dict[str, Entry] = {}
        for entry in entries:
            other = found.setdefault(entry.id, entry)
            if other is not entry:
                raise HistoryError(
                    f"Two files have the revision id {entry.id!r}:"
                    f" {other.path} and {entry.path}.",
                    fix="Remove one, or give it another id.",
                )
        self.entries: Mapping[str, Entry] = MappingProxyType(found)
        self._down = self._link()

    def _link(self) -> dict[str, tuple[str, ...]]:
        """Find what each revision comes after, labels resolved; unknown ids stay."""
        entries = self.entries.values()
        down = {entry.id: entry.parents for entry in entries}
        depending = [entry for entry in entries if entry.depends_on]
        labels: dict[str, str] = {}
        for entry in entries if depending else ():
            for label in entry.labels:
                labels.setdefault(label, entry.id)
        for entry in depending:
            needed = (
                name if name in self.entries else labels.get(name, name)
                for name in entry.depends_on
            )
            down[entry.id] += tuple(needed)
        return down

    @functools.cached_property
    def heads(self) -> tuple[str, ...]:
        """Ids that no revision follows."""
        parents = {p for entry in self.entries.values() for p in entry.parents}
        return tuple(id_ for id_ in self.entries if id_ not in parents)

    @functools.cached_property
    def effective_heads(self) -> tuple[str, ...]:
        """Ids that no revision follows or depends on: the rows after an upgrade."""
        return tuple(id_ for id_ in self.entries if id_ not in self._needed)

    @functools.cached_property
    def _needed(self) -> frozenset[str]:
        """What some revision follows or depends on."""
        return frozenset(itertools.chain.from_iterable(self._down.values()))

    @functools.cached_property
    def bases(self) -> tuple[str, ...]:
        """Ids that follow no revision."""
        return tuple(id_ for id_, entry in self.entries.items() if not entry.parents)

    @functools.cached_property
    def newest_first(self) -> tuple[str, ...]:
        """All ids in the order in which Alembic lists them; the files must be sound."""
        # Late, as few commands list everything.
        from .order import Frontier

        down = self._parents() | {
            id_: tuple(dict.fromkeys((*self.entries[id_].parents, *names)))
            for id_, names in self.own_dependencies.items()
        }
        return tuple(Frontier(down).sort(self.effective_heads))

    def _parents(self) -> dict[str, tuple[str, ...]]:
        """What each revision follows, once each."""
        return {e.id: tuple(dict.fromkeys(e.parents)) for e in self.entries.values()}

    @functools.cached_property
    def dependencies(self) -> Mapping[str, tuple[str, ...]]:
        """Of the revisions that depend on others: the others' ids, labels resolved."""
        entries = (entry for entry in self.entries.values() if entry.depends_on)
        return {e.id: self._down[e.id][len(e.parents) :] for e in entries}

    @functools.cached_property
    def own_dependencies(self) -> Mapping[str, tuple[str, ...]]:
        """The same without what ancestors depend on already."""
        from .order import without_inherited

        return without_inherited(self._parents(), self.dependencies)

    @functools.cached_property
    def labelled(self) -> tuple[str, ...]:
        """Ids of the revisions with branch labels of their own."""
        return tuple(id_ for id_, entry in self.entries.items() if entry.labels)

    @functools.cached_property
    def _up(self) -> Mapping[str, list[str]]:
        """What comes directly after each revision."""
        up: dict[str, list[str]] = {id_: [] for id_ in self.entries}
        for id_, names in self._down.items():
            for name in dict.fromkeys(names):
                if name in up:
                    up[name].append(id_)
        return up

    def check(self) -> None:
        """Check that the files fit together.

        :raises HistoryError: It names the files that don't.
        """
        if self._fault:
            message, fix = self._fault
            raise HistoryError(message, fix=fix)

    @functools.cached_property
    def _fault(self) -> tuple[str, str] | None:
        """What is wrong and how to mend it; None if nothing is."""
        faults = (self._faulty_names(), self._faulty_links(), self._circles())
        return next(itertools.chain.from_iterable(faults), None)

    # Most histories are sound, and every command asks for it: what follows finds that in
    # a few steps over all revisions, and looks at single ones where something is wrong.

    def _faulty_names(self) -> Iterator[tuple[str, str]]:
        odd = () if "".join(self.entries).isalnum() else self.entries
        for id_ in odd:
            if wrong := sorted(set(id_) & set("@-+:")):
                yield (
                    f"The revision id {id_!r} in {self.entries[id_].path} has characters"
                    f" that targets are written with: {' '.join(wrong)}",
                    "Use letters, digits and underscores.",
                )
        taken: dict[str, Entry] = {}
        for entry in self.entries.values():
            for label in entry.labels:
                other = self.entries.get(label) or taken.setdefault(label, entry)
                if other is not entry or label == entry.id:
                    yield (
                        f"The branch label {label!r} in {entry.path} is already"
                        f" used by revision {other.id} in {other.path}.",
                        "Choose another label.",
                    )

    def _faulty_links(self) -> Iterator[tuple[str, str]]:
        unknown = self._needed - self.entries.keys()
        for id_, names in self._down.items():
            if id_ in names or not unknown.isdisjoint(names):
                yield from self._faults_of_links(self.entries[id_], names)

    def _faults_of_links(
        self, entry: Entry, names: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        for number, name in enumerate(names):
            follows = number < len(entry.parents)
            written = "down_revision" if follows else "depends_on"
            if name not in self.entries:
                yield (
                    f"The revision {name!r} doesn't exist, but {entry.path}"
                    f" names it as its {written}.",
                    f"Restore the missing file, or correct {written}.",
                )
            elif name == entry.id:
                yield (
                    f"The revision {entry.id} in {entry.path} names itself as its"
                    f" {written}.",
                    f"Correct {written}.",
                )

    def _circles(self) -> Iterator[tuple[str, str]]:
        """Find revisions that come after themselves, one circle at most."""
        # How often each is named by one that wasn't met yet, from the heads down.
        waiting = dict(Counter(itertools.chain.from_iterable(self._down.values())))
        met = list(self.effective_heads)
        for id_ in met:
            for name in self._down[id_]:
                waiting[name] -= 1
                if not waiting[name]:
                    met.append(name)
        if len(met) < len(self._down):
            stuck = {id_ for id_, count in waiting.items() if count}
            circle = self._circle_in(stuck)
            paths = ", ".join(self.entries[name].path for name in circle)
            yield (
                f"The revisions {', '.join(circle)} follow each other in a circle: {paths}",
                "Correct down_revision or depends_on in one of them.",
            )

    def _circle_in(self, stuck: t.Collection[str]) -> list[str]:
        """A circle among revisions of which each has another that follows it."""
        trail: dict[str, None] = {}
        id_ = next(id_ for id_ in self._down if id_ in stuck)
        while id_ not in trail:
            trail[id_] = None
            id_ = next(name for name in self._up[id_] if name in stuck)
        ids = list(trail)
        return sorted(ids[ids.index(id_) :])

    def at_head(self, applied: Collection[str]) -> bool:
        """Whether these ids are all that an upgrade would leave; False if unsound."""
        return set(applied) == set(self.effective_heads) and self._fault is None

    def unknown(self, applied: Iterable[str]) -> tuple[str, ...]:
        """The applied ids that no file has."""
        return tuple(id_ for id_ in dict.fromkeys(applied) if id_ not in self.entries)

    def overlapping(self, applied: Iterable[str]) -> tuple[str, ...]:
        """The applied ids that another applied one already includes.

        As Alembic sees it, a revision includes what it depends on, too.
        """
        known = [id_ for id_ in dict.fromkeys(applied) if id_ in self.entries]
        if len(known) < 2:
            return ()
        below = {name for id_ in known for name in self._down[id_]}
        included = self.ancestors(below)
        return tuple(id_ for id_ in known if id_ in included)

    def pending(self, applied: Iterable[str]) -> tuple[str, ...]:
        """What an upgrade to all heads would run, each after all that it needs."""
        known = {id_ for id_ in applied if id_ in self.entries}
        order, to_base = self._walk(self.effective_heads, known)
        # From heads down to one applied revision, without passing a base, the walk
        # can't have met its ancestors: they lead to a base.
        if known and (to_base or len(known) > 1):
            included = self.ancestors(known)
            order = [id_ for id_ in order if id_ not in included]
        return tuple(order)

    def below(self, id: str) -> tuple[str, ...]:
        """What a revision comes directly after, dependencies included."""
        return self._down.get(id, ())

    def ancestors(self, ids: Iterable[str]) -> set[str]:
        """These revisions and all that comes before them."""
        return set(self._walk(ids, frozenset())[0])

    def _walk(
        self, ids: Iterable[str], stop: Collection[str]
    ) -> tuple[list[str], bool]:
        """Go down from some revisions and list what is met, the earliest first.

        :param stop: Not met, and nothing behind them.
        :return: And whether a revision was met that comes after none.
        """
        order: list[str] = []
        to_base = False
        seen = set(stop)
        todo = [(id_, False) for id_ in reversed(list(ids))]
        while todo:
            id_, done = todo.pop()
            if done:
                order.append(id_)
            elif id_ not in seen and id_ in self._down:
                seen.add(id_)
                below = self._down[id_]
                to_base = to_base or not below
                todo.append((id_, True))
                todo.extend((name, False) for name in reversed(below))
        return order, to_base

    @functools.cached_property
    def _branches(self) -> Mapping[str, set[str]]:
        """Branch labels of the revisions that have any, of their own or from others.

        As in Alembic: whatever follows a labelled revision has the label, and in a line
        that nothing leaves or enters so has what comes before.
        """
        labelled = [(id_, self.entries[id_]) for id_ in self.labelled]
        children: dict[str, list[str]] = {}
        for id_, entry in self.entries.items() if labelled else ():
            for parent in entry.parents:
                children.setdefault(parent, []).append(id_)
        found: dict[str, set[str]] = {}
        for id_, entry in labelled:
            todo, seen = [id_], {id_}
            while todo:
                following = [c for c in children.get(todo.pop(), ()) if c not in seen]
                seen.update(following)
                todo += following
            if all(self._in_line(other) for other in seen):
                parents = entry.parents
                while parents and self._in_line(parents[0]):
                    seen.add(parents[0])
                    parents = self.entries[parents[0]].parents
            for other in seen:
                found.setdefault(other, set()).update(entry.labels)
        return found

    def _in_line(self, id_: str) -> bool:
        """Whether at most one revision comes before it, and one after it."""
        entry = self.entries.get(id_)
        one = entry is not None and len(entry.parents) < 2
        return one and len(self._up[id_]) < 2

    def describe(self, id: str) -> LogEntry:
        """Show a revision and its place in the history.

        :param id: The whole id.
        :raises TargetError: No file has it.
        """
        from ..results import LogEntry

        entry = self.entries.get(id)
        if entry is None:
            raise TargetError(
                f"There is no revision {id!r}.", fix="Run 'flask db log' to see them."
            )
        after = sorted(self._up[id]) if id in self._needed else []
        children = {i for i in after if id in self.entries[i].parents}
        return LogEntry(
            entry.revision,
            entry.doc,
            branches=tuple(sorted(self._branches.get(id, ()))),
            children=tuple(i for i in after if i in children),
            dependents=tuple(i for i in after if i not in children),
        )

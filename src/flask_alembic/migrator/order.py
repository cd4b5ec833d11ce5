"""The order in which Alembic lists revisions, found in linear time. Free of Alembic."""

from __future__ import annotations

import heapq
import typing as t

Names: t.TypeAlias = "t.Mapping[str, t.Sequence[str]]"


def without_inherited(parents: Names, needed: Names) -> dict[str, tuple[str, ...]]:
    """Leave out the dependencies that a revision's ancestors already have.

    :param parents: Of all revisions: id -> what it follows directly.
    :param needed: Of those that depend on others: id -> what it depends on.
    :return: As ``needed``.
    """
    own: dict[str, int] = {}
    bits: dict[str, int] = {}
    for id_, names in needed.items():
        for name in names:
            bit = 1 << bits.setdefault(name, len(bits))
            own[id_] = own.get(id_, 0) | bit
    kept = {id_: tuple(names) for id_, names in needed.items()}
    if not own:
        return kept
    children: dict[str, list[str]] = {id_: [] for id_ in parents}
    for id_, names in parents.items():
        for name in dict.fromkeys(names):
            children[name].append(id_)
    inherited = dict.fromkeys(parents, 0)
    waiting = {id_: len(set(names)) for id_, names in parents.items()}
    ready = [id_ for id_, count in waiting.items() if not count]
    while ready:
        id_ = ready.pop()
        below = inherited[id_]
        if below and id_ in own:
            kept[id_] = tuple(n for n in kept[id_] if not below >> bits[n] & 1)
        for child in children[id_]:
            inherited[child] |= below | own.get(id_, 0)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return kept


class Frontier:
    """Alembic's order of revisions, from heads to bases.

    Alembic keeps a list of candidates, and goes down from one of them until it
    meets a revision that another candidate descends from; it then goes on with the
    first of these. Where the revisions have no gaps, "another candidate descends
    from it" is "one of its children isn't in the order yet", which can be counted.

    :param down: What is to be ordered: id -> what it comes directly after, of these.
    """

    def __init__(self, down: Names) -> None:
        self.down = down
        self.up: dict[str, list[str]] = {id_: [] for id_ in down}
        for id_, names in down.items():
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
        self.heaps: dict[str, list[tuple[int, str, str]]] = {}

    def sort(self, starts: t.Iterable[str]) -> list[str]:
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
        """The first candidate that descends from a revision; 0 if there is none.

        What was found before is a lower bound, since candidates only move down and new
        ones come last; it still holds if that candidate hasn't moved. A heap of each
        revision's children tells which of them to look at again.
        """
        path = [id_]
        while True:
            found = 0
            heap = self._heap(path[-1])
            if heap:
                bound, child, candidate = heap[0]
                if self.candidates.get(bound) != candidate:
                    path.append(child)
                    continue
                found = bound
            while len(path) > 1:
                own = self.places.get(path[-1], 0)
                found = min(found or own, own or found)
                child = path.pop()
                heap = self.heaps[path[-1]]
                if not found:
                    heapq.heappop(heap)
                    break
                top = (found, child, self.candidates[found])
                heapq.heapreplace(heap, top)
                if heap[0] != top:
                    # Another child's bound is lower now.
                    break
            else:
                return found

    def _heap(self, id_: str) -> list[tuple[int, str, str]]:
        """Lower bounds of a revision's children that aren't in the order yet."""
        heap = self.heaps.get(id_)
        if heap is None:
            # Nothing is known of them: no candidate has this place.
            heap = self.heaps[id_] = [(0, name, "") for name in self.up[id_]]
        while heap and heap[0][1] in self.order:
            heapq.heappop(heap)
        return heap

"""Which of what is gone may have come back under another name.

Pure: descriptions in, candidates out. Nothing is asked and nothing decided here.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t

POSSIBLE = 0.5
"""From this score on a pair is worth a question."""

STRONG = 0.8
"""From this score on a pair is more likely a rename than not."""

LEAD = 0.1
"""How far a strong candidate must be ahead of others for the same name."""

EVIDENCE = 5
"""From so many matching columns on, a table's own name hardly matters."""

AGREES = 0.2
"""How much of its doubt a pair loses if other databases have it too."""

DIFFERS = 0.25
"""How much of its score it loses if they show that it isn't one."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """A column as far as it can be compared under another name.

    :param type: The type as the database spells it.
    :param family: What kind of type that is, such as ``String``.
    :param place: Where it stands in its table, from 0 to 1.
    :param keys: What uses it: ``primary``, ``unique``, ``index``, ``foreign``.
    :param source: What it was made from; not compared.
    """

    name: str
    type: str
    family: str
    nullable: bool = True
    default: str | None = None
    comment: str | None = None
    place: float = 0.0
    keys: frozenset[str] = frozenset()
    source: t.Any = dataclasses.field(default=None, compare=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class TableShape:
    """A table as far as it can be compared under another name."""

    name: str
    columns: tuple[Shape, ...]
    comment: str | None = None
    source: t.Any = dataclasses.field(default=None, compare=False, repr=False)


AnyShape = t.TypeVar("AnyShape", Shape, TableShape)
SameType: t.TypeAlias = t.Callable[[Shape, Shape], bool]


def same_text(old: Shape, new: Shape) -> bool:
    """Whether two types are spelled the same; a database may know better."""
    return old.type == new.type


@dataclasses.dataclass(frozen=True, slots=True)
class Other(t.Generic[AnyShape]):
    """The same table, or schema, in another database that has the same models.

    :param there: Name -> what is there by that name.
    :param same_type: How that database compares types.
    """

    there: t.Mapping[str, AnyShape]
    same_type: SameType = same_text


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate(t.Generic[AnyShape]):
    """Something gone and something new that may be the same.

    :param score: From 0 to 1.
    :param strong: It is likely, and nothing else is nearly as likely.
    """

    old: AnyShape
    new: AnyShape
    score: float
    strong: bool = False


def name_likeness(old: str, new: str) -> float:
    """How alike two names are, by their letters or by the words that they share."""
    letters = difflib.SequenceMatcher(None, _flat(old), _flat(new)).ratio()
    first, second = _words(old), _words(new)
    if not first or not second:
        return letters
    shared = sum(any(_alike(word, other) for other in second) for word in first)
    return max(letters, min(1.0, 2 * shared / (len(first) + len(second))))


def _flat(name: str) -> str:
    return name.replace("_", "").lower()


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _alike(word: str, other: str) -> bool:
    """Whether one is the other, or short for it."""
    short, long = sorted((word, other), key=len)
    return short == long or (len(short) > 2 and long.startswith(short))


def column_score(old: Shape, new: Shape, same_type: SameType = same_text) -> float:
    """How likely a new column is an old one; 0 for a type of another kind."""
    same = same_type(old, new)
    if not same and old.family != new.family:
        return 0.0
    keys = len(old.keys & new.keys) / len(old.keys | new.keys or {""})
    return (
        0.35 * name_likeness(old.name, new.name)
        + (0.25 if same else 0.12)
        + 0.12 * (keys if old.keys or new.keys else 1.0)
        + 0.10 * (1 - abs(old.place - new.place))
        + 0.08 * (old.nullable == new.nullable)
        + 0.06 * (old.default == new.default)
        + 0.04 * (old.comment == new.comment)
    )


def table_score(
    old: TableShape, new: TableShape, same_type: SameType = same_text
) -> float:
    """How likely a new table is an old one, by their columns and their names."""
    total = len(old.columns) + len(new.columns)
    if not total:
        return 0.0
    matching = _matching(old.columns, new.columns, same_type)
    weight = 0.6 + 0.2 * min(1.0, matching / EVIDENCE)
    return weight * 2 * matching / total + 0.2 * name_likeness(old.name, new.name)


def _matching(
    old: t.Sequence[Shape], new: t.Sequence[Shape], same_type: SameType
) -> float:
    """How many columns two tables share; renamed ones count for less than one."""
    by_name = {shape.name: shape for shape in new}
    kept = [
        shape
        for shape in old
        if shape.name in by_name and column_score(shape, by_name[shape.name], same_type)
    ]
    names = {shape.name for shape in kept}
    rest = column_candidates(
        [shape for shape in old if shape.name not in names],
        [shape for shape in new if shape.name not in names],
        same_type,
    )
    return len(kept) + sum(0.8 * candidate.score for candidate in chosen(rest))


def column_candidates(
    old: t.Sequence[Shape],
    new: t.Sequence[Shape],
    same_type: SameType = same_text,
    others: t.Sequence[Other[Shape]] = (),
) -> list[Candidate[Shape]]:
    """Pair the columns of one table, the likeliest pair first.

    :param others: The table in other databases.
    """
    return _ranked(old, new, column_score, same_type, others)


def table_candidates(
    old: t.Sequence[TableShape],
    new: t.Sequence[TableShape],
    same_type: SameType = same_text,
    others: t.Sequence[Other[TableShape]] = (),
) -> list[Candidate[TableShape]]:
    """Pair the tables of one schema, the likeliest pair first.

    :param others: The schema in other databases.
    """
    return _ranked(old, new, table_score, same_type, others)


def _ranked(
    old: t.Sequence[AnyShape],
    new: t.Sequence[AnyShape],
    score: t.Callable[[AnyShape, AnyShape, SameType], float],
    same_type: SameType,
    others: t.Sequence[Other[AnyShape]],
) -> list[Candidate[AnyShape]]:
    def weighed(a: AnyShape, b: AnyShape) -> float:
        verdicts = [_verdict(a, b, other, score) for other in others]
        return round(_weighed(score(a, b, same_type), verdicts), 3)

    found = [Candidate(a, b, weighed(a, b)) for a in old for b in new]
    found = [candidate for candidate in found if candidate.score >= POSSIBLE]
    found = [
        dataclasses.replace(candidate, strong=_is_strong(candidate, found))
        for candidate in found
    ]
    return sorted(found, key=lambda c: (-c.score, c.old.name, c.new.name))


def _verdict(
    old: AnyShape,
    new: AnyShape,
    other: Other[AnyShape],
    score: t.Callable[[AnyShape, AnyShape, SameType], float],
) -> float | None:
    """What another database says of a pair: 1 if it has it, -1 if it has something else.

    Where both are there, or none, one comes or goes without the other. One that has the
    new name alone is through with the change, and doesn't tell how; that is None.
    """
    has_old, has_new = old.name in other.there, new.name in other.there
    if has_new and not has_old:
        return None
    if has_old == has_new:
        return -1.0
    fits = score(other.there[old.name], new, other.same_type) >= POSSIBLE
    return 1.0 if fits else -1.0


def _weighed(score: float, verdicts: t.Iterable[float | None]) -> float:
    """Take into account what other databases say of a pair.

    It is asked about everywhere if it is somewhere: one answer holds for all, and a
    question too many costs less than a column that goes without one.
    """
    told = [verdict for verdict in verdicts if verdict is not None]
    mean = sum(told) / len(told) if told else 0.0
    least = POSSIBLE if 1.0 in told else min(score, POSSIBLE)
    if mean < 0:
        return max(score * (1 + DIFFERS * mean), least)
    return max(score + AGREES * (1 - score) * mean, least) if told else score


def _is_strong(
    candidate: Candidate[AnyShape], among: t.Iterable[Candidate[AnyShape]]
) -> bool:
    rivals = [
        other.score
        for other in among
        if (other.old is candidate.old) != (other.new is candidate.new)
    ]
    lead = candidate.score - max(rivals, default=0.0)
    return candidate.score >= STRONG and lead >= LEAD


def chosen(
    candidates: t.Iterable[Candidate[AnyShape]],
    accept: t.Callable[[Candidate[AnyShape]], bool] = lambda _: True,
) -> list[Candidate[AnyShape]]:
    """Take candidates in their order; each name is taken once.

    :param accept: Called for those whose names are still free.
    """
    taken: list[Candidate[AnyShape]] = []
    for candidate in candidates:
        free = all(
            candidate.old is not other.old and candidate.new is not other.new
            for other in taken
        )
        if free and accept(candidate):
            taken.append(candidate)
    return taken

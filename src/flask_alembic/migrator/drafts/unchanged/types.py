"""Pairs of types that are made alike are compared once."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

Key: t.TypeAlias = t.Hashable
Answer: t.TypeAlias = tuple[Key, "bool | None"]
"""What stands for a pair of types, and whether they are the same; None if unknown."""


class Types:
    """Compares what was reflected with what models say.

    :param same: Compares a type with a column's; None where it can't tell.
    """

    def __init__(self, same: t.Callable[[t.Any, t.Any], bool | None]) -> None:
        self._same = same
        # A type that belongs to many columns is known by itself. It is held here, so that
        # no other takes its place.
        self._known: dict[int, tuple[t.Any, dict[Key, Answer]]] = {}
        self._alike: dict[Key, dict[Key, Answer]] = {}

    def compare(self, found: t.Any, wanted: sa.Column[t.Any]) -> Answer:
        """Say what is known of two types, and under which key."""
        known = self._known.get(id(found))
        if known is None:
            known = self._known[id(found)] = (found, self._answers(found))
        answers, made = known[1], made_of(wanted.type)
        try:
            answer = answers.get(made)
        except TypeError:
            # It is made of lists, and is like no other.
            return object(), self._same(found, wanted)
        if answer is None:
            answer = answers[made] = (object(), self._same(found, wanted))
        return answer

    def _answers(self, found: t.Any) -> dict[Key, Answer]:
        """What is known of types that are made like this one."""
        try:
            return self._alike.setdefault(made_of(found), {})
        except TypeError:
            return {}


def without_events(parts: dict[str, t.Any]) -> dict[str, t.Any]:
    """What types that are alike have in common beside their class.

    :param parts: The attributes of one.
    """
    if "dispatch" not in parts:
        return parts
    # Of booleans: events, each its own.
    parts = parts.copy()
    del parts["dispatch"]
    return parts


def made_of(type_: t.Any) -> tuple[t.Any, ...]:
    """What types that are alike have in common."""
    parts = without_events(vars(type_))
    return (type_.__class__, *parts, *parts.values())


def is_hashable(type_: t.Any) -> bool:
    """Whether a type may be compared part by part; one of lists is like no other."""
    try:
        hash(made_of(type_))
    except TypeError:
        return False
    return True


_MADE_OF_OTHERS = (sa.Enum, sa.ARRAY, sa.types.TypeDecorator)


def is_plain(type_: t.Any) -> bool:
    """Whether a type is no enum of any database, and holds none."""
    return not (isinstance(type_, _MADE_OF_OTHERS) or type_._variant_mapping)

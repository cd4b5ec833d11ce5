"""In which order renames run. Pure."""

from __future__ import annotations

import typing as t


def in_order(
    renames: t.Mapping[str, str], taken: t.Collection[str]
) -> list[tuple[str, str]]:
    """Order renames so that no name is wanted before it is free.

    :param taken: Names that a third name for a swap must not be.
    """
    left, done = dict(renames), []
    while left:
        free = [old for old, new in left.items() if new not in left]
        if free:
            done += [(old, left.pop(old)) for old in free]
            continue
        old = next(iter(left))
        third = _third(old, {*taken, *left, *left.values()})
        done.append((old, third))
        left[third] = left.pop(old)
    return done


def _third(name: str, taken: t.Collection[str]) -> str:
    third = f"{name[:50]}_renamed"
    while third in taken:
        third += "_"
    return third

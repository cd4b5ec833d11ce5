"""What callers write for a revision: ids, prefixes, counts, scripts, symbols. Pure."""

from __future__ import annotations

import typing as t

from ..errors import TargetError
from ..settings import MIN_PREFIX


class HasRevision(t.Protocol):
    """Anything that names a revision, such as Alembic's Script."""

    revision: str


Target: t.TypeAlias = (
    "str | int | HasRevision | t.Sequence[str] | t.Sequence[HasRevision]"
)


def names(target: Target, ids: t.Collection[str], *, counts: bool = False) -> list[str]:
    """Write a target the way Alembic reads it.

    :param ids: The ids that exist.
    :param counts: Whether digits that name no revision are a relative count.
    :raises TargetError: Nothing was named.
    """
    if isinstance(target, bool):
        raise TargetError(f"{target!r} names no revision.")
    if isinstance(target, int):
        return [f"{target:+d}"]
    if isinstance(target, str):
        return [_name(target, ids, counts)]
    if hasattr(target, "revision"):
        return [t.cast(HasRevision, target).revision]
    several = t.cast("t.Sequence[Target]", target)
    found = [name for item in several for name in names(item, ids)]
    if not found:
        raise TargetError("No revision was named.")
    return found


def _name(text: str, ids: t.Collection[str], counts: bool) -> str:
    if not text.strip():
        raise TargetError(
            "An empty revision was named.", fix="Name one, or 'heads', or 'base'."
        )
    if not counts or text in ids or not is_count(text):
        return text
    digits = text.lstrip("+-")
    if digits == text and len(digits) >= MIN_PREFIX:
        matches = [id_ for id_ in ids if id_.startswith(digits)]
        if len(matches) == 1:
            return matches[0]
    return f"{int(text):+d}"


def texts(value: str | t.Iterable[str] | None) -> tuple[str, ...]:
    """Make a tuple of what may be nothing, one text or several."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def is_count(text: str) -> bool:
    """Whether a text is a whole number, in plain digits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit()

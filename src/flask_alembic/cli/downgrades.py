"""What a downgrade's target means on the command line."""

from __future__ import annotations

import re
import typing as t

from ..errors import TargetError
from ..settings import MIN_PREFIX

if t.TYPE_CHECKING:
    from ..extension import Alembic


def downgrade_target(extension: Alembic, target: str) -> str:
    """Take a count as negative, since a shell makes ``-1`` hard to give.

    Digits that are a revision's id, or the beginning of one alone, are that revision.
    """
    digits = target.removeprefix("+")
    if not re.fullmatch(r"[0-9]+", digits):
        return target
    if digits == target and is_revision(extension, digits):
        return target
    return f"-{int(digits)}"


def is_revision(extension: Alembic, digits: str) -> bool:
    """Whether digits name a revision."""
    try:
        ids = [entry.revision.id for entry in extension.describe([digits])]
    except TargetError:
        return False
    if len(digits) < MIN_PREFIX:
        return digits in ids
    return len(ids) == 1 and ids[0].startswith(digits)

"""Enums in a draft: their values, and the types that databases make of them."""

from __future__ import annotations

import sys
import typing as t

from ..settled import prune
from . import columns as enum_columns
from .columns import Columns
from .types import Types
from .uses import Uses

if t.TYPE_CHECKING:
    from ..refining import Refinement

COMPANION = "alembic_postgresql_enum"
"""Compares types on its own as soon as it is imported; then ours doesn't."""

watch = enum_columns.watch
add_comparator = enum_columns.add_comparator


def refine_columns(refinement: Refinement) -> None:
    """Write what becomes of lists of values that are a column's own."""
    Columns(refinement).write()


def refine_types(refinement: Refinement) -> None:
    """Write what becomes of types."""
    kind = refinement.context.target.dialect.enum_types
    if kind is None or COMPANION in sys.modules:
        return
    uses = Uses(refinement)
    if uses.models() or uses.lost:
        Types(refinement, kind, uses).write()
        prune(refinement.ops)

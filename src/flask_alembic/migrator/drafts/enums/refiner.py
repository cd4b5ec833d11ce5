"""Enums in a draft: their values, and the types that databases make of them."""

from __future__ import annotations

import sys
import typing as t

from ..settled import prune
from . import columns as enum_columns
from . import decided
from .columns import Columns
from .reflected import relabel
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


def decide(refinement: Refinement) -> None:
    """Find out what becomes of types' values."""
    kind = refinement.context.target.dialect.enum_types
    if kind is None or COMPANION in sys.modules:
        return
    uses = Uses(refinement)
    if uses.models() or uses.lost:
        refinement.types = decided.decide(refinement, kind, uses)
        relabel(refinement, refinement.types)


def refine_types(refinement: Refinement) -> None:
    """Write what becomes of types."""
    if refinement.types is not None:
        Types(refinement, refinement.types, Uses(refinement)).write()
        prune(refinement.ops)

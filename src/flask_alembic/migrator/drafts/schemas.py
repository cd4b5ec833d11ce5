"""Schemas of what a draft makes: they come before all else, and nothing drops them."""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from .directions import Sql

if t.TYPE_CHECKING:
    from .refining import Refinement


def make(refinement: Refinement) -> None:
    """Make those that aren't there."""
    context, operations = refinement.context, refinement.ops.ops
    ours = context.target.dialect.expressions_class(context.live)
    wanted = refinement.schemas | {
        op.schema
        for op in operations
        if isinstance(op, ops.CreateTableOp) and op.schema is not None
    }
    missing = (ours.missing_schema(name) for name in sorted(wanted))
    operations[:0] = [Sql(sql) for sql in missing if sql is not None]

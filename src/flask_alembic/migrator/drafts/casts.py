"""Changes of a column's type that a database has to be told how to make."""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from .enums.conversions import converted
from .enums.operations import ConvertColumn
from .table_operations import changes_of

if t.TYPE_CHECKING:
    from .refining import Refinement


def convert(refinement: Refinement) -> None:
    """Write how values get their new type, and the old one again."""
    for container in refinement.ops.ops:
        if not isinstance(container, ops.ModifyTableOps):
            continue
        several = [steps(refinement, op) for op in container.ops]
        if any(len(step) > 1 for step in several):
            # What is undone has to be undone from the last to the first.
            changes_of(container)
        container.ops = [op for step in several for op in step]


def steps(
    refinement: Refinement, op: ops.MigrateOperation
) -> list[ops.MigrateOperation]:
    """The same operation, with what has to be said for a change of type."""
    if (
        not isinstance(op, ops.AlterColumnOp)
        or isinstance(op, ConvertColumn)
        or op.modify_type is None
        or op.existing_type is None
    ):
        return [op]
    context = refinement.context
    words = context.target.dialect.conversion(
        context.live, op.column_name, op.existing_type, op.modify_type
    )
    return [op] if words is None else converted(refinement, op, *words)

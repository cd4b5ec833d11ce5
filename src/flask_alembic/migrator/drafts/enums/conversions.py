"""Columns whose type becomes an enum of the database, or was one.

A default is of the column's type: it goes before and comes again after.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ..table_operations import TableChanges
from .operations import converting
from .uses import model_of
from .uses import named

if t.TYPE_CHECKING:
    from ....dialects.enums import EnumTypes
    from ..refining import Refinement
    from .uses import Uses


def convert(refinement: Refinement, sql: EnumTypes, uses: Uses) -> None:
    """Write the steps of each such column."""
    for container in refinement.ops.ops:
        if not isinstance(container, ops.ModifyTableOps):
            continue
        steps = [_steps(refinement, sql, op) for op in container.ops]
        if any(len(step) > 1 for step in steps):
            # What is undone has to be undone from the last to the first.
            t.cast(t.Any, container).__class__ = _kind(container)
        container.ops = [op for step in steps for op in step]


def _kind(container: ops.ModifyTableOps) -> type[ops.ModifyTableOps]:
    return type(container) if isinstance(container, TableChanges) else TableChanges


def _steps(
    refinement: Refinement, sql: EnumTypes, op: ops.MigrateOperation
) -> list[ops.MigrateOperation]:
    dialect = refinement.context.dialect
    if not isinstance(op, ops.AlterColumnOp) or op.modify_type is None:
        return [op]
    old, new = named(op.existing_type, dialect), named(op.modify_type, dialect)
    if op.existing_type is None or old.keys() == new.keys():
        return [op]
    return converted(
        refinement,
        op,
        sql.using(op.column_name, op.modify_type),
        sql.using(op.column_name, op.existing_type),
    )


def converted(
    refinement: Refinement, op: ops.AlterColumnOp, using: str, back: str
) -> list[ops.MigrateOperation]:
    """Let a change of type say how values are converted, and take the default along."""
    assert op.existing_type is not None and op.modify_type is not None
    converting(op, using, back)
    before: t.Any = op.existing_server_default
    after: t.Any = op.modify_server_default
    if after is False:
        model = model_of(refinement, op)
        after = model.server_default if before and model is not None else None
    steps: list[ops.MigrateOperation] = [op]
    if before:
        steps.insert(0, _default(op, op.existing_type, before, None))
    if after is not None:
        steps.append(_default(op, op.modify_type, None, after))
    op.existing_server_default, op.modify_server_default = None, False
    return steps


def _default(
    op: ops.AlterColumnOp,
    type_: sa.types.TypeEngine[t.Any],
    before: t.Any,
    after: t.Any,
) -> ops.AlterColumnOp:
    return ops.AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=type_,
        existing_nullable=op.existing_nullable,
        existing_server_default=before,
        modify_server_default=after,
    )

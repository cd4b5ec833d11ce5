"""Views and the like of columns that change: the draft stops rather than fails."""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from ...dialects.dependents import ColumnName
from ...dialects.dependents import Dependent
from ...results import Finding
from .enums.operations import ChangeEnum
from .required_operations import Stop

if t.TYPE_CHECKING:
    from .refining import Refinement


class InUse(Stop):
    """The revision ends here as long as something needs a column as it is."""

    def __init__(self, column: str, dependent: Dependent) -> None:
        super().__init__(
            column,
            dependent.query,
            f"The {dependent.what} needs {column} as it is. Drop it in this revision"
            " before this line, and make it again after the change.",
        )
        self.comment = f"the {dependent.what} needs it as it is"


def stop_for_dependents(refinement: Refinement) -> None:
    """Stop before each change that something doesn't allow."""
    written: list[ops.MigrateOperation] = []
    for op in refinement.ops.ops:
        changed = _changed(refinement, op)
        written += _stops(refinement, changed) if changed else []
        written.append(op)
    refinement.ops.ops[:] = written


def _changed(
    refinement: Refinement, op: ops.MigrateOperation
) -> dict[ColumnName, ColumnName]:
    """The columns that go or get another type, and what they are called by then."""
    if isinstance(op, ChangeEnum):
        return {column: column for column in (ColumnName(*key) for key in op.columns)}
    if not isinstance(op, ops.ModifyTableOps):
        return {}
    names, schema, table = refinement.names, op.schema, op.table_name
    changed = [
        str(inner.column_name)
        for inner in op.ops
        if isinstance(inner, ops.DropColumnOp)
        or (isinstance(inner, ops.AlterColumnOp) and inner.modify_type is not None)
    ]
    old, key = names.old_table(schema, table), (schema, table)
    return {
        ColumnName(schema, old, names.old_column(key, name)): ColumnName(
            schema, table, name
        )
        for name in changed
    }


def _stops(
    refinement: Refinement, changed: t.Mapping[ColumnName, ColumnName]
) -> list[InUse]:
    context = refinement.context
    support = context.target.dialect
    stops: list[InUse] = []
    for dependent in support.dependents(context.live, list(changed)):
        at = changed[dependent.needs]
        column = ".".join(part for part in (at.schema, at.table, at.column) if part)
        stops.append(InUse(column, dependent))
        refinement.findings.append(
            Finding(
                "in-use",
                "warning",
                f"{column} changes, and the {dependent.what} needs it as it is"
                f" (database {context.target.name!r}).",
                effect="The revision stops there.",
                fix="Drop it in the revision before the change, and make it again"
                " after it.",
                where=column,
            )
        )
    return stops

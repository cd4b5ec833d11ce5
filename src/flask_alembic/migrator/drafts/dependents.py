"""Views and the like of columns that change: the draft stops rather than fails."""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from ...dialects.dependents import ColumnName
from ...dialects.dependents import Dependent
from ...results import Finding
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
    """Stop before each table's changes that something doesn't allow."""
    written: list[ops.MigrateOperation] = []
    for container in refinement.ops.ops:
        if isinstance(container, ops.ModifyTableOps):
            written += _stops(refinement, container)
        written.append(container)
    refinement.ops.ops[:] = written


def _stops(refinement: Refinement, container: ops.ModifyTableOps) -> list[InUse]:
    names, key = refinement.names, (container.schema, container.table_name)
    changed = {
        ColumnName(
            container.schema,
            names.old_table(*key),
            names.old_column(key, str(op.column_name)),
        ): str(op.column_name)
        for op in container.ops
        if isinstance(op, ops.DropColumnOp)
        or (isinstance(op, ops.AlterColumnOp) and op.modify_type is not None)
    }
    context = refinement.context
    support = context.target.dialect
    found = support.dependents(context.live, list(changed)) if changed else []
    prefix = f"{container.schema}." if container.schema else ""
    stops: list[InUse] = []
    for dependent in found:
        column = f"{prefix}{container.table_name}.{changed[dependent.needs]}"
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

"""The SQL of a draft that isn't written."""

from __future__ import annotations

import io
import typing as t
import warnings

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.operations.ops import AddColumnOp
from alembic.operations.ops import DropColumnOp
from alembic.operations.ops import ModifyTableOps
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext

from ..bridge import write_sql_verbatim
from .check_operations import DropCheck
from .directions import shown
from .plain_operations import PlainColumn
from .refining import Refinement


def upgrade_sql(refinement: Refinement, found: t.Iterable[UpgradeOps]) -> str:
    """Write what an upgrade would run; a rebuild on SQLite is shown as Alembic does it.

    :param found: The operations on this database.
    """
    text = io.StringIO()
    offline = MigrationContext.configure(
        dialect=refinement.context.dialect,
        opts={"as_sql": True, "output_buffer": text},
    )
    write_sql_verbatim(offline)
    operations, added = Operations(offline), Added()
    for op in (op for ops in found for op in ops.ops):
        if isinstance(op, ModifyTableOps):
            _modify(operations, refinement, op, added)
        else:
            operations.invoke(op)
    doubled = refinement.context.dialect.identifier_preparer._double_percents
    sql = text.getvalue()
    return sql.replace("%%", "%") if doubled else sql


class Added(dict[tuple[str | None, str], dict[str, t.Any]]):
    """Table -> the columns that were added to it so far, and None for dropped ones."""


def _modify(
    operations: Operations,
    refinement: Refinement,
    change: ModifyTableOps,
    added: Added,
) -> None:
    name, schema = change.table_name, change.schema
    convention = getattr(change, "naming_convention", None)
    columns = added.setdefault((schema, name), {})
    table = _existing(refinement, schema, name, convention, columns)
    if table is None:
        # The indexes of a table that the draft makes.
        for op in change.ops:
            operations.invoke(op)
        return
    for column in columns.values():
        if column is not None:
            table.append_column(column._copy(), replace_existing=True)
    for done in map(shown, change.ops):
        if isinstance(done, (AddColumnOp, PlainColumn)):
            columns[str(done.column.name)] = done.column
        elif isinstance(done, DropColumnOp):
            columns[str(done.column_name)] = None
    _name_checks(table, change.ops)
    options = getattr(change, "table_kwargs", {})
    with operations.batch_alter_table(
        name, schema, copy_from=table, table_kwargs=options
    ) as batch:
        for op in change.ops:
            batch.invoke(op)


def _existing(
    refinement: Refinement,
    schema: str | None,
    name: str,
    convention: t.Mapping[str, str] | None,
    gone: t.Container[str],
) -> sa.Table | None:
    """Read a table as it is before its own changes, but called by its new name."""
    old, connection = refinement.names.old_table(schema, name), refinement.context.live
    if not sa.inspect(connection).has_table(old, schema):
        return None
    columns = sa.inspect(connection).get_columns(old, schema)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Omitting index key")
        table = sa.Table(
            old,
            sa.MetaData(naming_convention=convention),
            schema=schema,
            autoload_with=connection,
            include_columns=[c["name"] for c in columns if c["name"] not in gone],
            resolve_fks=False,
        )
    return table.to_metadata(sa.MetaData(), name=name)


def _name_checks(table: sa.Table, operations: t.Iterable[t.Any]) -> None:
    """Let checks without a name have the one that they are dropped by."""
    for op in operations:
        for constraint in table.constraints:
            if (
                isinstance(op, DropCheck)
                and isinstance(constraint, sa.CheckConstraint)
                and constraint.name is None
                and str(constraint.sqltext) == op.sql
            ):
                constraint.name = op.constraint_name

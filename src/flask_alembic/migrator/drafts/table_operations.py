"""Changes of one table that are written as a batch where nothing else would run."""

from __future__ import annotations

import copy
import re
import typing as t

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops

from .directions import shown
from .directions import Ways
from .sql_text import literal

if t.TYPE_CHECKING:
    from .refining import Refinement


class TableChanges(ops.ModifyTableOps):
    """Operations on one table.

    :ivar batch: They are written as a batch, whatever ``render_as_batch`` says.
    :ivar naming_convention: Names under which the batch knows constraints without one.
    """

    batch: bool = False
    naming_convention: t.Mapping[str, str] | None = None

    @classmethod
    def of(
        cls, found: ops.ModifyTableOps, operations: t.Sequence[ops.MigrateOperation]
    ) -> TableChanges:
        """Hold operations in the way of another container for the same table."""
        made = cls(found.table_name, operations, schema=found.schema)
        if isinstance(found, TableChanges):
            made.batch, made.naming_convention = found.batch, found.naming_convention
        return made

    @property
    def table_kwargs(self) -> dict[str, t.Any]:
        """Options that the table has afterwards, where an operation says so."""
        said = (getattr(op, "table_kwargs", {}) for op in self.ops)
        return {name: value for options in said for name, value in options.items()}

    def reverse(self) -> TableChanges:
        """Undo them from the last to the first."""
        return self.of(self, [op.reverse() for op in reversed(self.ops)])


def changes_of(found: ops.ModifyTableOps) -> TableChanges:
    """Turn a container of Alembic's into one of ours, where it stands."""
    if not isinstance(found, TableChanges):
        t.cast(t.Any, found).__class__ = TableChanges
    return t.cast(TableChanges, found)


def retyped(container: ops.ModifyTableOps) -> set[str]:
    """The columns of a table that get another type."""
    return {
        op.column_name
        for op in container.ops
        if isinstance(op, ops.AlterColumnOp) and op.modify_type is not None
    }


_NEED_BATCH = (ops.AddConstraintOp, ops.DropConstraintOp)


def in_batches(refinement: Refinement) -> None:
    """Write as a batch what SQLite can't do in another way, in either direction.

    Where ``render_as_batch`` was chosen, it holds for all that Alembic drafts itself.
    """
    if not refinement.context.target.dialect.keeps_rebuilt_tables:
        return
    context = refinement.context
    # What an env.py leaves out can't be told from what it has turned off.
    dialect = context.dialect
    chosen = context.scripted or "render_as_batch" in context.settings.context
    for op in refinement.ops.ops:
        inside = op.ops if isinstance(op, ops.ModifyTableOps) else ()
        if any(
            getattr(inner, "needs_batch", not chosen and _needs_batch(inner, dialect))
            for each in inside
            for inner in (each.both if isinstance(each, Ways) else (each,))
        ):
            changes_of(t.cast(ops.ModifyTableOps, op)).batch = True


def _needs_batch(op: ops.MigrateOperation, dialect: sa.Dialect) -> bool:
    if isinstance(op, ops.AlterColumnOp):
        # A name alone is changed without.
        return op.modify_name is None
    if isinstance(op, (ops.AddColumnOp, ops.DropColumnOp)):
        # A column that is dropped is added on the way back.
        column = op.column if isinstance(op, ops.AddColumnOp) else op.to_column()
        # The check of an enum or a boolean comes and goes with it.
        checked = bool(getattr(column.type, "create_constraint", False))
        stored = column.computed is not None and bool(column.computed.persisted)
        return checked or stored or not _is_constant(column.server_default, dialect)
    return isinstance(op, _NEED_BATCH)


_CONSTANT = re.compile(
    r"\(*([-+]?[\d.]+(e[-+]?\d+)?|x?'([^']|'')*'|null|true|false)\)*", re.IGNORECASE
)


def _is_constant(default: t.Any, dialect: sa.Dialect) -> bool:
    """Whether a column's default is the same for all rows, or there is none.

    Without a rebuild SQLite gives no other default to rows that are there.
    Source: https://www.sqlite.org/lang_altertable.html#alter_table_add_column
    """
    if not isinstance(default, sa.DefaultClause) or isinstance(default.arg, str):
        return True
    text = literal(dialect, default.arg)
    return text is None or _CONSTANT.fullmatch(text.strip()) is not None


@renderers.dispatch_for(TableChanges)
def _render_table_changes(autogen: AutogenContext, op: TableChanges) -> list[str]:
    written = copy.copy(op)
    # Without any, not even the batch is written.
    written.ops = [inner for each in op.ops if (inner := shown(each)) is not None]
    if not op.batch and not op.naming_convention:
        render: t.Callable[..., list[str]] = renderers.dispatch(ops.ModifyTableOps)
        return render(autogen, written)
    if not written.ops:
        return []
    module = autogen.opts["alembic_module_prefix"] or ""
    arguments = [repr(str(op.table_name)), f"schema={op.schema!r}"]
    if op.naming_convention:
        arguments.append(f"naming_convention={dict(op.naming_convention)!r}")
    if op.table_kwargs:
        arguments.append(f"table_kwargs={op.table_kwargs!r}")
    lines = [f"with {module}batch_alter_table({', '.join(arguments)}) as batch_op:"]
    with autogen._within_batch():
        for inner in written.ops:
            found = renderers.dispatch(inner)(autogen, inner)
            lines += [found] if isinstance(found, str) else found
    return [*lines, ""]

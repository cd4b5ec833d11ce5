"""Changes of one table that are written as a batch where nothing else would run."""

from __future__ import annotations

import copy
import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations import ops

if t.TYPE_CHECKING:
    from .refining import Refinement


class Nothing(ops.MigrateOperation):
    """The way back of what needs none."""

    def reverse(self) -> Nothing:
        """Do nothing again."""
        return self

    def to_diff_tuple(self) -> t.Any:
        """There is no difference."""
        return []


class OneWay(ops.MigrateOperation):
    """An operation that is done in one direction; in the other one nothing is.

    :param forth: In the upgrade; in the downgrade otherwise.
    :param differences: What is shown of it, if that isn't the operation itself.
    """

    def __init__(
        self,
        op: ops.MigrateOperation,
        *,
        forth: bool,
        differences: t.Sequence[tuple[t.Any, ...]] | None = None,
    ) -> None:
        self.op, self.forth, self.differences = op, forth, differences

    def reverse(self) -> OneWay:
        """Do the same, or nothing, instead."""
        return OneWay(self.op, forth=not self.forth, differences=self.differences)

    def to_diff_tuple(self) -> t.Any:
        """Say the difference, if it is one of this direction."""
        if not self.forth:
            return []
        if self.differences is not None:
            return list(self.differences)
        return t.cast(t.Any, self.op).to_diff_tuple()


class BothWays(ops.ExecuteSQLOp):
    """SQL, and the SQL of its way back.

    :param sql: Empty where there is nothing to do.
    :param differences: What is shown of it.
    """

    def __init__(
        self, sql: str, back: str, differences: t.Sequence[tuple[t.Any, ...]] = ()
    ) -> None:
        # A ":" begins a parameter in what op.execute() is given.
        super().__init__(sql.replace(":", r"\:"))
        self.sql, self.back, self.differences = sql, back, list(differences)

    def reverse(self) -> t.Any:
        """Run the other SQL."""
        return BothWays(self.back, self.sql)

    def to_diff_tuple(self) -> t.Any:
        """Say it as differences."""
        return self.differences


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
        back = [op.reverse() for op in reversed(self.ops)]
        return self.of(self, [op for op in back if not isinstance(op, Nothing)])


def does_nothing(op: ops.MigrateOperation) -> bool:
    """Whether nothing is written of an operation: not even a batch may be."""
    return (
        isinstance(op, Nothing)
        or (isinstance(op, OneWay) and not op.forth)
        or getattr(op, "does_nothing", False)
    )


def changes_of(found: ops.ModifyTableOps) -> TableChanges:
    """Turn a container of Alembic's into one of ours, where it stands."""
    if not isinstance(found, TableChanges):
        t.cast(t.Any, found).__class__ = TableChanges
    return t.cast(TableChanges, found)


_NEED_BATCH = (ops.AddConstraintOp, ops.DropConstraintOp)


def in_batches(refinement: Refinement) -> None:
    """Write as a batch what SQLite can't do in another way, in either direction.

    Where ``render_as_batch`` was chosen, it holds for all that Alembic drafts itself.
    """
    if not refinement.context.target.dialect.keeps_rebuilt_tables:
        return
    context = refinement.context
    # What an env.py leaves out can't be told from what it has turned off.
    chosen = context.scripted or "render_as_batch" in context.settings.context
    for op in refinement.ops.ops:
        inside = op.ops if isinstance(op, ops.ModifyTableOps) else ()
        if any(
            getattr(inner, "needs_batch", not chosen and _needs_batch(inner))
            for inner in (x.op if isinstance(x, OneWay) else x for x in inside)
        ):
            changes_of(t.cast(ops.ModifyTableOps, op)).batch = True


def _needs_batch(op: ops.MigrateOperation) -> bool:
    if isinstance(op, ops.AlterColumnOp):
        # A name alone is changed without.
        return op.modify_name is None
    if isinstance(op, (ops.AddColumnOp, ops.DropColumnOp)):
        # A column that is dropped is added on the way back.
        column = op.column if isinstance(op, ops.AddColumnOp) else op.to_column()
        # The check of an enum or a boolean comes and goes with it.
        checked = bool(getattr(column.type, "create_constraint", False))
        stored = column.computed is not None and bool(column.computed.persisted)
        return checked or stored
    return isinstance(op, _NEED_BATCH)


@renderers.dispatch_for(TableChanges)
def _render_table_changes(autogen: AutogenContext, op: TableChanges) -> list[str]:
    written = copy.copy(op)
    written.ops = [inner for inner in op.ops if not does_nothing(inner)]
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


@renderers.dispatch_for(Nothing)
def _render_nothing(_: AutogenContext, __: Nothing) -> list[str]:
    return []


@Operations.implementation_for(Nothing)
def _run_nothing(_: Operations, __: Nothing) -> None:
    """The SQL of a draft has nothing of it."""


@renderers.dispatch_for(OneWay)
def _render_one_way(autogen: AutogenContext, op: OneWay) -> str | list[str]:
    render: t.Callable[..., str | list[str]] = renderers.dispatch(op.op)
    return render(autogen, op.op) if op.forth else []


@Operations.implementation_for(OneWay)
def _run_one_way(operations: Operations, op: OneWay) -> None:
    if op.forth:
        operations.invoke(op.op)


@renderers.dispatch_for(BothWays)
def _render_both_ways(autogen: AutogenContext, op: BothWays) -> str | list[str]:
    render: t.Callable[..., str] = renderers.dispatch(ops.ExecuteSQLOp)
    return render(autogen, op) if op.sql else []


@Operations.implementation_for(BothWays)
def _run_both_ways(operations: Operations, op: BothWays) -> None:
    if op.sql:
        operations.execute(op.sqltext)

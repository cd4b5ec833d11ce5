"""Columns that aren't computed any more: they keep the values that they have.

They do so before anything else changes: what they were computed from may go, or have
other values. The way back makes them computed when all else is undone; a column that
becomes computed goes the same way in the other direction.
"""

from __future__ import annotations

import itertools
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...dialects.base import dotted
from . import casts
from .directions import Ways
from .plain_operations import LoseExpression
from .plain_operations import PlainColumn
from .renames.operations import RenameColumn
from .required_operations import Adjust
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from .constraints import Met
    from .refining import Refinement

Column: t.TypeAlias = "sa.Column[t.Any]"
Operations: t.TypeAlias = list[ops.MigrateOperation]


def make_plain(refinement: Refinement, met: Met, new: Column) -> Operations:
    """Let a column lose its expression, before the table's other changes.

    Those are told what else the plain column has.
    """
    old = met.found.columns[str(new.name)]
    refinement.plain.add((met.schema, met.name, str(new.name)))
    found = list(_alterations(met, new))
    changes = old.nullable != new.nullable or new.server_default is not None
    made = [_alteration(met, old)] if changes and not found else []
    _tell([*found, *made], old, new)
    steps = _lose(refinement, met, old, new)
    return [*steps, *(_part(met, op) for op in made)]


def make_computed(refinement: Refinement, met: Met, new: Column) -> Operations:
    """Let a plain column become computed, behind the table's other changes.

    What else the plain column has comes with a downgrade only.
    """
    old = met.found.columns[str(new.name)]
    forth = list(_alterations(met, old))
    met.container.ops[:] = [op for op in met.container.ops if op not in forth]
    back = [op.reverse() for op in forth]
    if not back and (old.server_default is not None or old.nullable != new.nullable):
        back.append(_alteration(met, new))
    _tell(back, new, old)
    steps = _lose(refinement, met, new, old)
    return [
        *(
            _part(met, Ways(back=step))
            for op in back
            for step in reversed(casts.steps(refinement, op))
        ),
        *(op.reverse() for op in reversed(steps)),
    ]


def once(refinement: Refinement) -> None:
    """Let what a column gets as a plain one stay: a downgrade drops the column."""
    for container in refinement.ops.ops:
        inside = container.ops if isinstance(container, ops.ModifyTableOps) else []
        for number, op in enumerate(inside):
            if (
                isinstance(op, ops.AlterColumnOp)
                and (op.schema, op.table_name, op.column_name) in refinement.plain
            ):
                inside[number] = Ways(op)


def _alterations(met: Met, column: Column) -> t.Iterator[ops.AlterColumnOp]:
    for op in met.container.ops:
        if isinstance(op, ops.AlterColumnOp) and op.column_name == column.name:
            yield op


def _alteration(met: Met, found: Column, **changes: t.Any) -> ops.AlterColumnOp:
    """Alter a column that has, or doesn't have by then, an expression."""
    return ops.AlterColumnOp(
        met.name,
        str(found.name),
        schema=met.schema,
        existing_type=found.type,
        existing_nullable=found.nullable,
        existing_comment=found.comment,
        **changes,
    )


def _tell(alterations: t.Sequence[ops.AlterColumnOp], old: Column, new: Column) -> None:
    """Let alterations of what is plain by then say what was not compared.

    Nobody asks whether a computed column is required, and what else it would have.
    """
    for op in alterations:
        op.existing_server_default = False
    if new.server_default is not None:
        alterations[0].modify_server_default = t.cast(t.Any, new.server_default)
    if old.nullable != new.nullable:
        alterations[0].modify_nullable = new.nullable


def _lose(refinement: Refinement, met: Met, old: Column, new: Column) -> Operations:
    """Make a computed column plain as it is; a downgrade drops it and makes it anew."""
    add = ops.AddColumnOp.from_column_and_tablename(met.schema, met.name, old)
    drop = ops.DropColumnOp.from_column_and_tablename(met.schema, met.name, new)
    first, *others = _in_place(refinement, met, old) or _anew(refinement, met, old)
    place = met.schema, met.name, str(old.name)
    defaults = old.server_default, new.server_default
    return [
        _step(met, first, ("modify_default", *place, {}, *defaults)),
        *(_step(met, op) for op in others),
        # Apart, since one batch knows one column of a name.
        _part(met, Ways(back=add)),
        _part(met, Ways(back=drop)),
    ]


def _step(met: Met, op: ops.MigrateOperation, *shown: t.Any) -> ops.MigrateOperation:
    made = Ways(op, differences=shown)
    return made if isinstance(op, ops.ExecuteSQLOp) else _part(met, made)


def _part(met: Met, op: ops.MigrateOperation) -> TableChanges:
    return TableChanges(met.name, [op], schema=met.schema)


def _in_place(refinement: Refinement, met: Met, old: Column) -> Operations:
    """Leave the column where it is; nothing if the database can't."""
    context = refinement.context
    assert old.computed is not None
    expressions = context.target.dialect.expressions_class(context.live)
    key = (met.schema, met.name, str(old.name))
    found = expressions.made_plain(key, old.computed)
    if found is None:
        return []
    if found.what == "expression":
        return [LoseExpression(key, found.sql)]
    if found.what == "default":
        op = _alteration(met, old, modify_server_default=None)
        op.existing_server_default = t.cast(t.Any, old.server_default)
        return [PlainColumn.of(op, _as_plain(old))]
    return [_alteration(met, old, modify_type=old.type)]


def _anew(refinement: Refinement, met: Met, old: Column) -> Operations:
    """Copy the values into another column, which takes the name."""
    plain = _as_plain(old)
    plain.name, plain.nullable = _free_name(met, str(old.name)), True
    quote = refinement.context.dialect.identifier_preparer.quote
    table = dotted(quote, met.schema, met.name)
    values = f"SET {quote(str(plain.name))} = {quote(str(old.name))}"
    steps: Operations = [
        ops.AddColumnOp.from_column_and_tablename(met.schema, met.name, plain),
        Adjust(f"UPDATE {table} {values}"),
        ops.DropColumnOp.from_column_and_tablename(met.schema, met.name, old),
        RenameColumn(
            met.name,
            str(plain.name),
            schema=met.schema,
            modify_name=str(old.name),
            existing_type=plain.type,
            existing_nullable=True,
            existing_comment=plain.comment,
        ),
    ]
    if not old.nullable:
        required = _alteration(met, old, modify_nullable=False)
        required.existing_nullable = True
        steps.append(required)
    return steps


def _as_plain(column: Column) -> Column:
    """The same column with an expression no more."""
    return sa.Column(
        column.name, column.type, nullable=column.nullable, comment=column.comment
    )


def _free_name(met: Met, name: str) -> str:
    """A name that no column of the table has, before or after."""
    taken = {*met.found.columns.keys(), *met.wanted.columns.keys()}
    names = (f"{name[:40]}_values{number or ''}" for number in itertools.count())
    return next(name for name in names if name not in taken)

"""Identity columns: what Alembic finds and doesn't write completely."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops

from .constraints import Met
from .directions import BothWays
from .directions import Ways
from .references import name_in_draft
from .required_operations import Adjust

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from .refining import Refinement


class AlterIdentity(ops.AlterColumnOp):
    """A change of a column's identity, which depends on what it was before."""


def complete(refinement: Refinement, met: Met, expressions: Expressions) -> None:
    """Let changes of identities run, and go on after the values that are there.

    A column that counts by a sequence, or does so afterwards, has it until then and from
    then on.
    """
    for op in met.container.ops:
        if isinstance(op, ops.AlterColumnOp) and _is_identity(op):
            t.cast(t.Any, op).__class__ = AlterIdentity
            _change_counting(refinement, met, op)
            _go_on(refinement, met, op, expressions)


def _go_on(
    refinement: Refinement,
    met: Met,
    op: ops.AlterColumnOp,
    expressions: Expressions,
) -> None:
    """Begin behind the values that are there, also where a downgrade makes it again."""
    new, old = op.modify_server_default, op.existing_server_default
    made = [isinstance(default, sa.Identity) for default in (new, old)]
    if all(made):
        return
    identity = t.cast(sa.Identity, new if made[0] else old)
    sql = expressions.identity_start(
        met.schema, met.name, str(op.column_name), identity.start or 1
    )
    if sql is not None:
        # Not in the container: a batch would run it too early.
        operations = refinement.ops.ops
        place = operations.index(met.container)
        if made[0]:
            operations.insert(place + 1, Adjust(sql))
        else:
            operations.insert(place, Ways(back=Adjust(sql)))


def _change_counting(refinement: Refinement, met: Met, op: ops.AlterColumnOp) -> None:
    """Take a sequence away before an identity comes, or make one when it has gone."""
    new, context, name = op.modify_server_default, refinement.context, op.column_name
    keys = context.target.dialect.keys_class(context.live)
    operations, key = refinement.ops.ops, (met.schema, met.name)
    place = operations.index(met.container)
    if new is None and _counts(met, name):
        made = keys.serial(*key, name)
        operations[place + 1 : place + 1] = [BothWays(x.sql, x.back) for x in made]
    elif isinstance(new, sa.Identity):
        names = refinement.names
        found = keys.sequence(
            met.schema, names.old_table(*key), names.old_column(key, name)
        )
        if found is not None:
            made = keys.serial(
                *key, name, name_in_draft(refinement, met, "sequence", found)
            )
            operations[place:place] = [BothWays(x.back, x.sql) for x in reversed(made)]


def _counts(met: Met, name: str) -> bool:
    """Whether the model leaves a column's values to the database."""
    column = met.wanted._autoincrement_column
    return column is not None and column.name == name


def _is_identity(op: ops.AlterColumnOp) -> bool:
    defaults = (op.modify_server_default, op.existing_server_default)
    return op.modify_server_default is not False and any(
        isinstance(default, sa.Identity) for default in defaults
    )


@renderers.dispatch_for(AlterIdentity)
def _render_alter_identity(autogen: AutogenContext, op: AlterIdentity) -> str:
    plain: t.Callable[..., str] = renderers.dispatch(ops.AlterColumnOp)
    text = plain(autogen, op)
    existing = op.existing_server_default
    value = "None"
    if isinstance(existing, sa.Identity):
        value = str(render._render_server_default(existing, autogen))
    line = f",\n{' ' * 11}existing_server_default={value})"
    return text.removesuffix(")") + line

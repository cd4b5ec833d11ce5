"""Identity columns: what Alembic finds and doesn't write completely."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops

from .constraints import Met
from .required_operations import Adjust

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from .refining import Refinement


class AlterIdentity(ops.AlterColumnOp):
    """A change of a column's identity, which depends on what it was before."""


def complete(refinement: Refinement, met: Met, expressions: Expressions) -> None:
    """Let changes of identities run, and go on after the values that are there."""
    for op in met.container.ops:
        if isinstance(op, ops.AlterColumnOp) and _is_identity(op):
            t.cast(t.Any, op).__class__ = AlterIdentity
            new, old = op.modify_server_default, op.existing_server_default
            if isinstance(new, sa.Identity) and not isinstance(old, sa.Identity):
                sql = expressions.identity_start(
                    met.schema, met.name, str(op.column_name), new.start or 1
                )
                if sql is not None:
                    # Not in the container: a batch would run it too early.
                    place = refinement.ops.ops.index(met.container) + 1
                    refinement.ops.ops.insert(place, Adjust(sql))


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

"""How the creation of a constraint is written in a revision, where Alembic writes none."""

from __future__ import annotations

import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AddConstraintOp


def creation(autogen: AutogenContext, method: str, op: AddConstraintOp, of: str) -> str:
    """Write a call, in a batch or outside of one.

    :param method: What is called.
    :param op: The operation; its name is written as one that is final.
    :param of: The constraint itself, as Python.
    """
    made: t.Any = op
    inside = autogen._has_batch
    prefix = "batch_op." if inside else autogen.opts["alembic_module_prefix"] or ""
    arguments = [f"{prefix}f({str(made.constraint_name)!r})"]
    arguments += [] if inside else [repr(str(made.table_name))]
    arguments.append(of)
    if made.schema and not inside:
        arguments.append(f"schema={str(made.schema)!r}")
    return f"{prefix}{method}({', '.join(arguments)})"

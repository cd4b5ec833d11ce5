"""Operations that make a column required: they reverse, and are written as plain Alembic."""

from __future__ import annotations

import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import MigrateOperation

from .directions import Sql
from .directions import Ways
from .sql_text import verbatim


class Adjust(Sql):
    """SQL that goes with a change of a table; it changes no schema."""

    def to_diff_tuple(self) -> t.Any:
        """There is no difference."""
        return []


class NewRequired(AlterColumnOp):
    """A column that was added becomes required."""

    needs_batch = True

    def reverse(self) -> t.Any:
        """Nothing: the column is dropped."""
        return Ways()


class Stop(MigrateOperation):
    """The revision ends here, with an error, where a table has rows.

    :param column: What the error is about.
    :param query: Finds a row.
    """

    def __init__(self, column: str, query: str, message: str) -> None:
        self.column, self.query, self.message = column, query, message
        self.comment = "there is no value for the rows that are there"

    def reverse(self) -> Ways:
        """A downgrade needs no value."""
        return Ways()

    def to_diff_tuple(self) -> t.Any:
        """There is no difference."""
        return []


@renderers.dispatch_for(Stop)
def _render_stop(autogen: AutogenContext, op: Stop) -> list[str]:
    module = autogen.opts["alembic_module_prefix"] or ""
    text = f"{autogen.opts['sqlalchemy_module_prefix'] or ''}text"
    return [
        f"# {op.column}: {op.comment}.",
        f"if not {module}get_context().as_sql:",
        f"if {module}get_bind().execute({text}({verbatim(op.query)!r})).first():",
        f"raise RuntimeError({op.message!r})",
        "",
        "",
    ]


@Operations.implementation_for(Stop)
def _run_stop(_: Operations, __: Stop) -> None:
    """The SQL of a draft shows what runs where there are no rows."""

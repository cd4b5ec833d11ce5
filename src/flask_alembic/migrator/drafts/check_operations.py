"""Operations on check constraints: they reverse, whatever Alembic's version compares."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations.ops import CreateCheckConstraintOp
from alembic.operations.ops import DropConstraintOp

from .constraint_text import creation
from .sql_text import verbatim


class CreateCheck(CreateCheckConstraintOp):
    """A check constraint, its condition as plain SQL.

    :param sql: The condition.
    """

    needs_batch = True

    def __init__(self, name: str, table: str, sql: str, schema: str | None) -> None:
        text = verbatim(sql)
        super().__init__(name, table, sa.text(text), schema=schema)
        self.sql, self.text = sql, text

    def reverse(self) -> DropCheck:
        """Drop it."""
        assert self.constraint_name is not None
        name = str(self.constraint_name)
        return DropCheck(name, self.table_name, self.sql, self.schema)


class DropCheck(DropConstraintOp):
    """A check constraint goes.

    :param name: What the database calls it.
    :param sql: Its condition.
    """

    needs_batch = True

    def __init__(self, name: str, table: str, sql: str, schema: str | None) -> None:
        check = CreateCheck(name, table, sql, schema)
        super().__init__(name, table, "check", schema=schema, _reverse=check)
        self.sql = sql

    def reverse(self) -> CreateCheck:
        """Make it again."""
        name = str(self.constraint_name)
        return CreateCheck(name, self.table_name, self.sql, self.schema)


@renderers.dispatch_for(CreateCheck)
def _render_create_check(autogen: AutogenContext, op: CreateCheck) -> str:
    return creation(autogen, "create_check_constraint", op, repr(op.text))


@renderers.dispatch_for(DropCheck)
def _render_drop_check(autogen: AutogenContext, op: DropCheck) -> list[str]:
    render: t.Callable[..., list[str]] = renderers.dispatch(DropConstraintOp)
    plain = DropConstraintOp(
        sa.schema.conv(str(op.constraint_name)),
        op.table_name,
        "check",
        schema=op.schema,
    )
    return render(autogen, plain)

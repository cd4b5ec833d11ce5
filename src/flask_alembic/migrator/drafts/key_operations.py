"""Operations on primary keys: they reverse, and are written as plain Alembic."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations.ops import AddColumnOp
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import CreatePrimaryKeyOp
from alembic.operations.ops import DropColumnOp
from alembic.operations.ops import DropConstraintOp

from .constraint_text import creation
from .renames.operations import NotedDropColumn
from .required_operations import Stop


class CreateKey(CreatePrimaryKeyOp):
    """A table gets a primary key.

    :param columns: Names, in the key's order.
    """

    needs_batch = True
    table_kwargs: t.Mapping[str, t.Any] = {}
    """Options that the table has with it."""

    def __init__(
        self, name: str, table: str, columns: t.Sequence[str], schema: str | None
    ) -> None:
        super().__init__(sa.schema.conv(name), table, list(columns), schema=schema)

    def reverse(self) -> DropKey:
        """Drop it."""
        name = str(self.constraint_name)
        return DropKey(name, self.table_name, self.columns, self.schema)

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference."""
        return ("add_primary_key", self.to_constraint())


class DropKey(DropConstraintOp):
    """A table loses its primary key.

    :param name: What the database calls it.
    """

    needs_batch = True

    def __init__(
        self, name: str, table: str, columns: t.Sequence[str], schema: str | None
    ) -> None:
        self.made = CreateKey(name, table, columns, schema)
        super().__init__(
            sa.schema.conv(name), table, "primary", schema=schema, _reverse=self.made
        )

    def reverse(self) -> CreateKey:
        """Make it again."""
        return self.made

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference."""
        return ("remove_primary_key", self.made.to_constraint())


class RetypeKey(AlterColumnOp):
    """The column that is a table's key gets another type."""

    table_kwargs: t.Mapping[str, t.Any] = {}
    """Options that the table has afterwards."""
    kwargs_before: t.Mapping[str, t.Any] = {}

    def reverse(self) -> t.Any:
        """Give it the old type; the table has its old options then."""
        back = t.cast(RetypeKey, super().reverse())
        back.table_kwargs, back.kwargs_before = self.kwargs_before, self.table_kwargs
        return back


class AddCounting(AddColumnOp):
    """A new column whose values the database counts, also those of rows that are there."""

    def reverse(self) -> DropColumnOp:
        """Drop it."""
        return DropColumnOp.from_column_and_tablename(
            self.schema, self.table_name, self.column
        )


class DropCounting(NotedDropColumn):
    """A column goes whose values the database counts; it counts again in a downgrade."""

    def reverse(self) -> AddCounting:
        """Add it, also to rows that are there."""
        add: t.Any = super().reverse()
        add.__class__ = AddCounting
        return t.cast(AddCounting, add)


class NotUnique(Stop):
    """The revision ends here where rows have the same values in a new key."""

    def __init__(self, table: str, columns: str, query: str) -> None:
        super().__init__(
            table,
            query,
            f"{table} has rows with the same {columns}, which becomes its primary key."
            " Nothing was changed. Change the rows first.",
        )
        self.comment = f"rows with the same {columns} can't have that as their key"


class Referred(Stop):
    """The revision ends here: a foreign key would refer to nothing that is unique."""

    def __init__(self, table: str, key: str, columns: str) -> None:
        super().__init__(
            table,
            "SELECT 1",
            f"The foreign key {key} refers to {columns} of {table}, which isn't unique"
            " any more. Nothing was changed. Make it unique or change the foreign key,"
            " and write this revision anew.",
        )
        self.comment = f"the foreign key {key} needs its key"


@renderers.dispatch_for(CreateKey)
def _render_create_key(autogen: AutogenContext, op: CreateKey) -> str:
    columns = repr([str(name) for name in op.columns])
    return creation(autogen, "create_primary_key", op, columns)


@renderers.dispatch_for(DropKey)
def _render_drop_key(autogen: AutogenContext, op: DropKey) -> t.Any:
    render: t.Callable[..., t.Any] = renderers.dispatch(DropConstraintOp)
    return render(autogen, op)


@renderers.dispatch_for(AddCounting)
def _render_add_counting(autogen: AutogenContext, op: AddCounting) -> t.Any:
    render: t.Callable[..., t.Any] = renderers.dispatch(AddColumnOp)
    text = render(autogen, op)
    # Alembic leaves it out; with it the column is a serial one.
    return text.replace("nullable=False", "primary_key=True, nullable=False", 1)

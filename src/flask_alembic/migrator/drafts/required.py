"""Required columns of tables that have rows: added or filled in three steps, or not at all.

A new column is added without NOT NULL, the rows get a value, then it becomes required.
Who knows the value, in this order: the caller, who is asked, the model's own default.
Where nobody does, the revision stops before it has changed anything.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...dialects.base import dotted
from ...errors import DraftError
from ...results import Finding
from .directions import Sql
from .enums.operations import ChangeEnum
from .key_operations import AddCounting
from .key_operations import CreateKey
from .key_operations import DropKey
from .required_operations import NewRequired
from .required_operations import Stop
from .required_values import example
from .required_values import option
from .required_values import Values
from .sql_text import literal
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from ...dialects.keys import Keys
    from .refining import Choices
    from .refining import Refinement

Column: t.TypeAlias = "sa.Column[t.Any]"


def check_understood(choices: Choices, refinements: t.Sequence[Refinement]) -> None:
    """Refuse values for columns that no database's draft makes required.

    :raises DraftError: Lists those that there are.
    """
    known = dict.fromkeys(name for item in refinements for name in item.fillable)
    unknown = [name for name in choices.defaults if name not in known]
    if unknown:
        raise DraftError(
            f"The draft has no required column {', '.join(unknown)} to give a value to.",
            fix=f"It has: {', '.join(known) or 'none'}.",
        )


def require(refinement: Refinement) -> None:
    """Write the steps of every column that becomes required."""
    written: list[ops.MigrateOperation] = []
    stops: list[ops.MigrateOperation] = []
    for op in refinement.ops.ops:
        if isinstance(op, ops.ModifyTableOps):
            table = _Table(refinement, op)
            written += table.steps()
            stops += table.stops
        else:
            written.append(op)
    refinement.ops.ops[:] = [*stops, *written]


@dataclasses.dataclass(frozen=True, slots=True)
class _Required:
    """A column that becomes required.

    :param column: The model's.
    :param value: SQL for the rows that are there.
    """

    op: ops.AddColumnOp | ops.AlterColumnOp
    column: Column
    value: str


class _Table:
    """The columns of one table."""

    def __init__(self, refinement: Refinement, container: ops.ModifyTableOps) -> None:
        self.stops: list[Stop] = []
        self._refinement = refinement
        self._container = container
        self._dialect = refinement.context.dialect
        self._values = Values(refinement)
        support = refinement.context.target.dialect
        self._keys = support.keys_class(refinement.context.live)
        self._schema = container.schema
        self._name = container.table_name
        self._key = (self._schema, self._name)
        self._found = refinement.names.old_table(*self._key)

    def steps(self) -> list[ops.MigrateOperation]:
        """The table's operations, in three steps if a column needs them."""
        required = [found for op in self._container.ops if (found := self._read(op))]
        if not required:
            return [self._container]
        by_op = {id(item.op): item for item in required}
        before: list[ops.MigrateOperation] = []
        after: list[ops.MigrateOperation] = [self._second(item) for item in required]
        there = _there_with_values(self._keys, self._container.ops)
        for op in self._container.ops:
            item = by_op.get(id(op))
            first = op if item is None else _first(item)
            beside = isinstance(op, ChangeEnum) and id(op.beside) in by_op
            if item is not None or beside or isinstance(op, there):
                before += [first] if first is not None else []
            else:
                after.append(op)
        backfills = [self._backfill(item) for item in required]
        parts = [self._part(before), *backfills, self._part(after)]
        return [part for part in parts if part is not None]

    def _part(
        self, operations: list[ops.MigrateOperation]
    ) -> ops.ModifyTableOps | None:
        return TableChanges.of(self._container, operations) if operations else None

    # -- what needs a value --------------------------------------------------------------

    def _read(self, op: ops.MigrateOperation) -> _Required | None:
        column = self._becomes_required(op)
        if column is None:
            return None
        assert isinstance(op, (ops.AddColumnOp, ops.AlterColumnOp))
        name = self._full_name(column)
        self._refinement.fillable.append(name)
        value = self._values.said(name)
        if value is None:
            if not self._has_rows_without_value(op):
                return None
            value = self._values.of_database(column)
            if value is not None and isinstance(op, ops.AddColumnOp):
                return None
        value = value or self._values.asked(column, name)
        if not value:
            self._stop(op, column, name)
            return None
        self._say_value(name, value)
        return _Required(op, column, value)

    def _becomes_required(self, op: ops.MigrateOperation) -> Column | None:
        if isinstance(op, ops.AddColumnOp):
            column = op.column
            wanted = not column.nullable and not self._fills_itself(column)
            return column if wanted else None
        if isinstance(op, ops.AlterColumnOp) and op.modify_nullable is False:
            key = sa.schema._get_table_key(self._name, self._model_schema())
            table = self._refinement.autogen.table_key_to_table.get(key)
            names = {c.name: c for c in table.columns} if table is not None else {}
            return names.get(op.column_name)
        return None

    def _fills_itself(self, column: Column) -> bool:
        default = column.server_default
        computed = isinstance(default, (sa.Computed, sa.Identity))
        return computed or self._keys.numbers(column)

    def _model_schema(self) -> str | None:
        default = self._dialect.default_schema_name
        keys = self._refinement.autogen.table_key_to_table
        if self._schema is None and f"{default}.{self._name}" in keys:
            return default
        return self._schema

    def _full_name(self, column: Column) -> str:
        prefix = f"{self._schema}." if self._schema else ""
        return f"{prefix}{self._name}.{column.name}"

    def _has_rows_without_value(self, op: t.Any) -> bool:
        query = self._query(op, self._found)
        return self._refinement.context.live.execute(query).first() is not None

    def _query(self, op: t.Any, table: str) -> sa.Select[t.Any]:
        """Find one row that needs a value, in the database as it is."""
        query: sa.Select[t.Any] = sa.select(sa.literal_column("1")).limit(1)
        query = query.select_from(sa.table(table, schema=self._schema))
        if isinstance(op, ops.AlterColumnOp):
            column: sa.ColumnClause[t.Any] = sa.column(
                self._refinement.names.old_column(self._key, op.column_name)
            )
            query = query.where(column.is_(None))
        return query

    # -- what is written -----------------------------------------------------------------

    def _backfill(self, item: _Required) -> Sql:
        quote = self._dialect.identifier_preparer.quote
        table = dotted(quote, self._schema, self._name)
        column = quote(str(item.column.name))
        return Sql(f"UPDATE {table} SET {column} = {item.value} WHERE {column} IS NULL")

    def _second(self, item: _Required) -> ops.AlterColumnOp:
        kind = (
            NewRequired if isinstance(item.op, ops.AddColumnOp) else ops.AlterColumnOp
        )
        column, op = item.column, item.op
        more = {k: v for k, v in op.kw.items() if k == "autoincrement"}
        return kind(
            self._name,
            str(column.name),
            schema=self._schema,
            existing_type=column.type,
            existing_nullable=True,
            existing_server_default=column.server_default or False,
            existing_comment=column.comment,
            modify_nullable=False,
            **more,
        )

    def _stop(self, op: t.Any, column: Column, name: str) -> None:
        self.stops.append(
            Stop(
                name,
                literal(self._dialect, self._query(op, self._found)) or "",
                f"{name} needs a value for the rows that are there. Nothing was changed."
                f" Write this revision anew with {option(name, example(column))}, or"
                " write the value into it.",
            )
        )
        self._refinement.findings.append(
            Finding(
                "needs-value",
                "warning",
                f"{name} becomes required, and there are rows without a value (database"
                f" {self._refinement.context.target.name!r}).",
                effect="The revision stops before it changes anything, where there are"
                " such rows.",
                fix=f"Say {option(name, example(column))}.",
                where=name,
            )
        )

    def _say_value(self, name: str, value: str) -> None:
        self._refinement.findings.append(
            Finding(
                "backfill",
                "info",
                f"{name} becomes required: rows without a value get {value} (database"
                f" {self._refinement.context.target.name!r}).",
                where=name,
            )
        )


def _there_with_values(
    keys: Keys, operations: t.Sequence[ops.MigrateOperation]
) -> tuple[type[ops.MigrateOperation], ...]:
    """What is done before rows get their values: new columns are added.

    One may count only as its table's key: then the key is made together with it.
    """
    by_key = any(
        isinstance(op, ops.AddColumnOp)
        and not isinstance(op, AddCounting)
        and keys.numbers(op.column)
        for op in operations
    )
    return (ops.AddColumnOp, DropKey, CreateKey) if by_key else (ops.AddColumnOp,)


def _first(item: _Required) -> ops.MigrateOperation | None:
    """What comes before the rows get their value."""
    op = copy.copy(item.op)
    if isinstance(op, ops.AddColumnOp):
        op.column = op.column._copy()
        op.column.nullable = True
        return op
    op.modify_nullable = None
    return op if op.has_changes() else None

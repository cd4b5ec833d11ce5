"""Computed columns: another expression is another column, computed anew for every row."""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from alembic.util import PriorityDispatchResult

from ...results import Finding
from .constraints import Met
from .required_operations import Refill
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from ...dialects.expressions import ModelWords
    from ...dialects.expressions import TableWords
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


def add_comparators(plugin: Plugin) -> None:
    """Come before Alembic, which only warns of a difference."""
    plugin.add_autogenerate_comparator(
        _leave, "column", "server_default", priority=DispatchPriority.FIRST
    )


def _leave(*arguments: t.Any) -> PriorityDispatchResult:
    found, wanted = arguments[-2:]
    if found.computed is not None or wanted.computed is not None:
        return PriorityDispatchResult.STOP
    return PriorityDispatchResult.CONTINUE


def compare(
    refinement: Refinement, met: Met, found: TableWords, wanted: ModelWords
) -> None:
    """Drop and make the computed columns of a table that differ."""
    for column in met.wanted.columns:
        name = str(column.name)
        if name not in met.found.columns:
            continue
        was = found.computed.get(name)
        if was is None and column.computed is None:
            continue
        now = wanted.computed.get(name)
        unknown = column.computed is not None and now is None
        if not unknown and was != now:
            _replace(refinement, met, column)


def _replace(refinement: Refinement, met: Met, column: sa.Column[t.Any]) -> None:
    name, table, schema = str(column.name), met.name, met.schema
    old = met.found.columns[name]
    logger.info("Detected changed computed column '%s.%s'", met.full_name, name)
    container = met.container
    container.ops[:] = [op for op in container.ops if not _is_about(op, name)]
    indexes = [index for index in met.wanted.indexes if name in index.columns]
    before = {index.name for index in met.found.indexes if name in index.columns}
    kept = [index for index in indexes if index.name in before]
    gone: list[ops.MigrateOperation] = [
        *(ops.DropIndexOp.from_index(index) for index in kept),
        ops.DropColumnOp.from_column_and_tablename(schema, table, old),
    ]
    made: list[ops.MigrateOperation] = [
        ops.AddColumnOp.from_column_and_tablename(schema, table, column),
        *(ops.CreateIndexOp.from_index(index) for index in kept),
    ]
    # Apart, since one batch knows one column of a name.
    parts: list[ops.MigrateOperation] = [
        TableChanges(table, gone, schema=schema),
        TableChanges(table, made, schema=schema),
    ]
    fill = _fill(refinement, met, old, column)
    if fill is not None:
        # What fills on the way back stands last there.
        parts.insert(len(parts) if fill.forth else 0, fill)
    place = _place(refinement, container)
    refinement.ops.ops[place:place] = parts
    if column.computed is not None and old.computed is None:
        _say_lost(refinement, met, name)


def _place(refinement: Refinement, container: ops.ModifyTableOps) -> int:
    operations = refinement.ops.ops
    places = (n for n, op in enumerate(operations) if op is container)
    return next(places, len(operations) - 1) + 1


def _is_about(op: ops.MigrateOperation, name: str) -> bool:
    return isinstance(op, ops.AlterColumnOp) and op.column_name == name


def _fill(
    refinement: Refinement,
    met: Met,
    old: sa.Column[t.Any],
    new: sa.Column[t.Any],
) -> Refill | None:
    """Let a column that isn't computed any more have the values that it had."""
    if old.computed is not None and new.computed is not None:
        return None
    dialect = refinement.context.dialect
    computed = old.computed if old.computed is not None else new.computed
    assert computed is not None
    quote = dialect.identifier_preparer.quote
    table = ".".join(quote(part) for part in (met.schema, met.name) if part)
    words = refinement.context.target.dialect.expressions_class(refinement.context.live)
    sql = f"UPDATE {table} SET {quote(str(new.name))} = {words.sql(computed.sqltext)}"
    return Refill(sql, forth=new.computed is None)


def _say_lost(refinement: Refinement, met: Met, name: str) -> None:
    refinement.findings.append(
        Finding(
            "computed",
            "warning",
            f"{met.full_name}.{name} becomes a computed column (database"
            f" {refinement.context.target.name!r}).",
            effect="The values that its rows have are replaced by computed ones.",
            where=f"{met.full_name}.{name}",
        )
    )

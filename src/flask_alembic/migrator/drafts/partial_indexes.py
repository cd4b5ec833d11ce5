"""Indexes on expressions or on a part of the rows, compared in the database's own words."""

from __future__ import annotations

import contextlib
import logging
import typing as t
import warnings

import sqlalchemy as sa
from alembic.operations import ops

from .constraints import keep
from .constraints import Met
from .sql_text import verbatim
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from ...dialects.expressions import ModelWords
    from ...dialects.expressions import StoredIndex
    from ...dialects.expressions import TableWords
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


def is_special(index: sa.Index) -> bool:
    """Whether an index is more than a list of columns."""
    if any(not isinstance(x, sa.Column) for x in index.expressions):
        return True
    # An expression has no truth value.
    plain: tuple[t.Any, ...] = (None, False)
    options = index.dialect_kwargs.values()
    return any(
        isinstance(value, sa.ClauseElement) or (value not in plain and bool(value))
        for value in options
    )


@contextlib.contextmanager
def unwarned() -> t.Iterator[None]:
    """Compare in the block without being told of what is compared here."""
    with warnings.catch_warnings():
        for message in _UNFOUNDED:
            warnings.filterwarnings("ignore", message=message)
        yield


_UNFOUNDED = (
    "Skipped unsupported reflection of expression-based index",
    "autogenerate skipping metadata-specified expression-based index",
    # Foreign keys in a circle are made by themselves.
    "Cannot correctly sort tables",
    # Of the temporary table that the expressions are put in.
    "Computed column .* is being created as 'STORED'",
)


def complete_new_tables(refinement: Refinement) -> None:
    """Make the indexes of new tables that Alembic leaves out."""
    operations = refinement.ops.ops
    for table in [op for op in operations if isinstance(op, ops.CreateTableOp)]:
        made = {
            inner.index_name
            for op in operations
            if isinstance(op, ops.ModifyTableOps)
            for inner in op.ops
            if isinstance(inner, ops.CreateIndexOp)
        }
        key = sa.schema._get_table_key(table.table_name, table.schema)
        model = refinement.autogen.table_key_to_table.get(key)
        left = [
            ops.CreateIndexOp.from_index(index)
            for index in (model.indexes if model is not None else ())
            if index.name not in made
            and is_special(index)
            and refinement.autogen.run_object_filters(
                index, index.name, "index", False, None
            )
        ]
        if left:
            place = operations.index(table) + 1
            container = ops.ModifyTableOps(table.table_name, left, schema=table.schema)
            operations.insert(place, container)


def keep_of_gone_tables(
    refinement: Refinement, ours: Expressions, unreflected: t.Container[str]
) -> None:
    """Drop the indexes that reflection doesn't show with their tables: they come back.

    :param unreflected: The tables that may have such.
    """
    operations = refinement.ops.ops
    for drop in [op for op in operations if isinstance(op, ops.DropTableOp)]:
        name = refinement.names.old_table(drop.schema, drop.table_name)
        if name not in unreflected:
            continue
        table = drop.to_table()
        shown = {index.name for index in table.indexes} | {
            _name(inner)
            for op in operations
            if isinstance(op, ops.ModifyTableOps)
            for inner in op.ops
        }
        stored = ours.of_database(drop.schema, name).indexes
        gone = [
            ops.DropIndexOp.from_index(_described(table, own, stored[own]))
            for own in sorted(stored.keys() - shown)
        ]
        if gone:
            place = operations.index(drop)
            container = TableChanges(drop.table_name, gone, schema=drop.schema)
            operations.insert(place, container)


def compare(
    refinement: Refinement, met: Met, found: TableWords, wanted: ModelWords
) -> None:
    """Drop and make the indexes of a table that differ."""
    models = {str(index.name): index for index in met.wanted.indexes if index.name}
    for name, index in models.items():
        now, was = wanted.indexes.get(name), found.indexes.get(name)
        if now is None:
            continue
        if was is None:
            _make(refinement, met, index)
        elif (was.unique, was.words) == (now.unique, now.words):
            _forget(met, name)
        elif not _is_in(met, name):
            _change(refinement, met, index, was)
    reflected = {index.name for index in met.found.indexes}
    for name in sorted(found.indexes.keys() - models.keys() - reflected):
        _drop(refinement, met, name, found.indexes[name])


def _is_in(met: Met, name: str) -> bool:
    return any(_name(op) == name for op in met.container.ops)


def _name(op: t.Any) -> str | None:
    indexes = (ops.CreateIndexOp, ops.DropIndexOp)
    return str(op.index_name) if isinstance(op, indexes) else None


def _forget(met: Met, name: str) -> None:
    """Take away what Alembic takes for a difference."""
    met.container.ops[:] = [op for op in met.container.ops if _name(op) != name]


def _make(refinement: Refinement, met: Met, index: sa.Index) -> None:
    name = str(index.name)
    if _is_in(met, name) or not refinement.autogen.run_object_filters(
        index, index.name, "index", False, None
    ):
        return
    logger.info("Detected added index %r on %r", name, met.name)
    _draft(refinement, met, made=index)


def _change(
    refinement: Refinement, met: Met, index: sa.Index, was: StoredIndex
) -> None:
    old = _old(met, str(index.name), was)
    filters = refinement.autogen.run_object_filters
    if filters(index, index.name, "index", False, old):
        logger.info("Detected changed index %r on %r", index.name, met.name)
        _draft(refinement, met, gone=old, made=index)


def _drop(refinement: Refinement, met: Met, name: str, was: StoredIndex) -> None:
    old = _old(met, name, was)
    autogen = refinement.autogen
    names: t.Any = {"table_name": met.name, "schema_name": met.schema}
    if autogen.run_name_filters(name, "index", names) and autogen.run_object_filters(
        old, old.name, "index", True, None
    ):
        logger.info("Detected removed index %r on %r", name, met.name)
        _draft(refinement, met, gone=old)


def _draft(
    refinement: Refinement,
    met: Met,
    *,
    gone: sa.Index | None = None,
    made: sa.Index | None = None,
) -> None:
    operations = met.container.ops
    if gone is not None:
        operations.insert(0, ops.DropIndexOp.from_index(gone))
    if made is not None:
        operations.append(ops.CreateIndexOp.from_index(made))
    keep(refinement, met.container)


def _old(met: Met, name: str, was: StoredIndex) -> sa.Index:
    """The index as it is, so that a downgrade can make it."""
    for index in met.found.indexes:
        if index.name == name:
            return index
    return _described(met.found.to_metadata(sa.MetaData()), name, was)


def _described(table: sa.Table, name: str, was: StoredIndex) -> sa.Index:
    """An index in the database's words.

    :param table: One that nobody else looks at.
    """
    texts = [sa.text(verbatim(text)) for text in was.expressions]
    where = sa.text(verbatim(was.where)) if was.where else None
    return sa.Index(
        name,
        *texts,
        unique=was.unique,
        sqlite_where=where,
        _table=table,
    )

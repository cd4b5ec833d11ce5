"""What is said beside a table's key and its columns, such as SQLite's AUTOINCREMENT.

A table's options are no difference by themselves. Where a batch makes a table's key anew, or gives its
column another type, it says what the table has afterwards, both ways.
"""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from .constraints import Met
from .key_operations import CreateKey
from .key_operations import DropKey
from .key_operations import RetypeKey

if t.TYPE_CHECKING:
    from ...dialects.keys import KeyOptions
    from .refining import Refinement


def keep(refinement: Refinement) -> None:
    """Say the options where a table's key changes."""
    context, names = refinement.context, refinement.names
    support = context.target.dialect
    keys = support.keys_class(context.live)
    restates = support.rename_statements(context.dialect).restates_columns
    for met in refinement.tables:
        if not restates:
            _leave_counting(met)
        changes = [op for op in met.container.ops if _changes_key(op, met)]
        if changes:
            found = names.old_table(met.schema, met.name)
            options = keys.options(met.schema, found, met.wanted)
            for op in changes:
                _say(op, options)


def _leave_counting(met: Met) -> None:
    """Don't say that a column counts, of which Alembic would warn."""
    for op in met.container.ops:
        if isinstance(op, ops.AlterColumnOp):
            op.kw.pop("autoincrement", None)


def _changes_key(op: ops.MigrateOperation, met: Met) -> bool:
    if isinstance(op, ops.AlterColumnOp) and op.modify_type is not None:
        return [op.column_name] == [column.name for column in met.wanted.primary_key]
    return isinstance(op, (CreateKey, DropKey))


def _say(op: ops.MigrateOperation, options: KeyOptions) -> None:
    if isinstance(op, CreateKey):
        op.table_kwargs = options.after
    elif isinstance(op, DropKey):
        op.made.table_kwargs = options.before
    elif options.before or options.after:
        t.cast(t.Any, op).__class__ = RetypeKey
        retyped = t.cast(RetypeKey, op)
        retyped.table_kwargs, retyped.kwargs_before = options.after, options.before

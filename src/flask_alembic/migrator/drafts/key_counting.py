"""Columns that count, or did, among the changes of a table whose primary key changes."""

from __future__ import annotations

import typing as t

from alembic.operations import ops

from .key_operations import DropCounting

if t.TYPE_CHECKING:
    from .constraints import Met


def count_again(met: Met, before: t.Collection[str]) -> None:
    """Let a column of the key that goes have numbers when it comes back.

    :param before: The key's columns.
    """
    for op in met.container.ops:
        if isinstance(op, ops.DropColumnOp) and op.column_name in before:
            found = met.found.columns[str(op.column_name)]
            if found.autoincrement is True and found.identity is None:
                t.cast(t.Any, op).__class__ = DropCounting


def count_as_key(met: Met, counts: str | None, counted: str | None) -> None:
    """Let other changes of a column leave it counting as long as it is the key.

    They come before the key's change, and in a downgrade after it.

    :param counts: The column that counts from now on.
    :param counted: The one that did until then.
    """
    for op in met.container.ops:
        if isinstance(op, ops.AlterColumnOp) and op.column_name == counts:
            op.kw.pop("autoincrement", None)
        elif isinstance(op, ops.AlterColumnOp) and op.column_name == counted:
            op.kw["autoincrement"] = True

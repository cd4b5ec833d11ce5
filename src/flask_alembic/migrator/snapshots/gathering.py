"""Make tables together with their indexes, where each statement costs a commit.

Private names that this file leans on, and what for:

=========================== =====================================================
``DefaultImpl._exec``       each statement of Alembic's operations goes through it
``_compiler_dispatcher``    whether somebody else compiles a kind of statement
=========================== =====================================================
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from sqlalchemy import schema

WholeTables: t.TypeAlias = (
    "t.Callable[[sa.Table, t.Sequence[sa.Index]], schema.CreateTable]"
)

_REPLACED = ("create_table", "create_index", "_exec")
_OTHERS = "_compiler_dispatcher"


class Gathering(contextlib.AbstractContextManager["Gathering"]):
    """Holds each CREATE TABLE of its block back until all of its indexes are known.

    For operations that are nobody's own: whoever would look at a table between its
    statements finds none.

    :param impl: Runs them; made as it was at the end of the block.
    :param whole: Makes the one statement.
    """

    def __init__(self, impl: DefaultImpl, whole: WholeTables) -> None:
        self._impl = impl
        self._whole = whole
        self._found = {name: getattr(impl, name) for name in _REPLACED}
        self._table: sa.Table | None = None
        self._indexes: list[sa.Index] = []

    def __enter__(self) -> t.Self:
        for name in _REPLACED:
            setattr(self._impl, name, getattr(self, name))
        return self

    def __exit__(self, kind: t.Any, error: t.Any, trace: t.Any) -> None:
        for name in _REPLACED:
            delattr(self._impl, name)
        if error is None:
            self._make()

    def create_table(self, table: sa.Table, **options: t.Any) -> None:
        """Hold a table back."""
        self._make()
        others = hasattr(schema.CreateTable, _OTHERS) or hasattr(
            schema.CreateIndex, _OTHERS
        )
        if others or options or table.indexes:
            self._found["create_table"](table, **options)
            return
        self._table = table

    def create_index(self, index: sa.Index, **options: t.Any) -> None:
        """Add an index to the table that is held back, if it is that one's."""
        held, table = self._table, t.cast("sa.Table", index.table)
        if held is None or options or held.key != table.key:
            self._found["create_index"](index, **options)
            return
        self._indexes.append(index)

    def _exec(self, *args: t.Any, **options: t.Any) -> t.Any:
        """Make what is held back before anything else runs."""
        self._make()
        return self._found["_exec"](*args, **options)

    def _make(self) -> None:
        table, self._table = self._table, None
        if table is None:
            return
        indexes, self._indexes = self._indexes, []
        told: dict[str, t.Any] = {"checkfirst": False, "_ddl_runner": self._impl}
        connection = self._impl.connection
        table.dispatch.before_create(table, connection, **told)
        self._found["_exec"](self._whole(table, indexes))
        table.dispatch.after_create(table, connection, **told)

"""The rows of the version table during a run: when they are written.

Where each revision commits by itself, its row is written with it. Where all of a run is
one transaction, nobody outside of it sees a row before the COMMIT: then what has changed is
written at the end, or before the first statement that could look. DDL of SQLAlchemy's and
Alembic's own kinds reads no rows of other tables; whatever else is executed, and whoever
asks for the connection, may look.
"""

from __future__ import annotations

import contextlib
import functools
import typing as t

import sqlalchemy as sa
from alembic.ddl.base import AlterTable
from sqlalchemy import event
from sqlalchemy import schema

from .bridge import Heads

if t.TYPE_CHECKING:
    from .context import StepContext

_BLIND = (
    AlterTable,
    schema.CreateTable,
    schema.DropTable,
    schema.CreateIndex,
    schema.DropIndex,
    schema.AddConstraint,
    schema.DropConstraint,
    schema.SetTableComment,
    schema.SetColumnComment,
)
"""Statements that read no rows but those of the table that they change."""


class VersionRows(Heads):
    """Keeps the version table; its rows may be written later than they change."""

    def __init__(self, context: StepContext, heads: t.Iterable[str]) -> None:
        super().__init__(context, heads)
        self._late = False
        self._written: set[str] = set()

    @contextlib.contextmanager
    def late(self) -> t.Iterator[None]:
        """Put writing off in the block, as long as nobody looks."""
        context = t.cast("StepContext", self.context)
        connection = context.live
        listeners: dict[str, t.Callable[..., None]] = {
            "before_cursor_execute": self._on_execute,
            "savepoint": self._on_change,
            "commit": self._on_change,
            "rollback": self._on_rollback,
        }
        self._late, self._written = True, set(self.heads)
        for name, listener in listeners.items():
            event.listen(connection, name, listener)
        try:
            yield
            self.write()
        except BaseException:
            if context.scripted or context._in_external_transaction:
                # Whoever the transaction belongs to may commit what ran before.
                with contextlib.suppress(Exception):
                    self.write()
            raise
        finally:
            self._late = False
            for name, listener in listeners.items():
                event.remove(connection, name, listener)

    def write(self) -> None:
        """Write now what was put off."""
        if not self._late or self._written == self.heads:
            return
        old, new = (
            sorted(self._written - self.heads),
            sorted(self.heads - self._written),
        )
        # What is written here is no reason to write.
        self._written = set(self.heads)
        both = min(len(old), len(new))
        for from_, to_ in zip(old, new, strict=False):
            super()._write(from_, to_)
        for from_ in old[both:]:
            super()._write(from_, None)
        for to_ in new[both:]:
            super()._write(None, to_)

    def _write(self, from_: str | None, to_: str | None) -> None:
        if self._late:
            return
        if from_ is None or to_ is None or self.context.as_sql:
            super()._write(from_, to_)
            return
        values = {"from_": from_, "to_": to_}
        self._check(self.context.impl._exec(self._move, params=values), from_)

    @functools.cached_property
    def _move(self) -> sa.Update:
        """Replaces a row by another; built once, as most steps do the same."""
        column = self.context._version.c.version_num
        change = self.context._version.update()
        row = column == sa.bindparam("from_", type_=sa.String)
        return change.where(row).values({column: sa.bindparam("to_", type_=sa.String)})

    def _on_execute(
        self,
        connection: sa.Connection,
        cursor: t.Any,
        sql: str,
        parameters: t.Any,
        context: t.Any,
        executemany: bool,
    ) -> None:
        compiled = getattr(context, "compiled", None)
        blind = isinstance(getattr(compiled, "statement", None), _BLIND)
        if not blind or self.context.version_table in sql:
            self.write()

    def _on_change(self, *_: t.Any) -> None:
        self.write()

    def _on_rollback(self, _: sa.Connection) -> None:
        # A revision has undone those before it: their rows are gone like the rest.
        self._written = set(self.heads)

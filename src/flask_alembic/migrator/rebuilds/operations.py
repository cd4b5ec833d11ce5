"""``op`` as revisions have it, on every database; SQLite's rebuilds only where it is one."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations import BatchOperations
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext


def use_keeping_impl(context: MigrationContext) -> None:
    """Let batches on this context's SQLite database keep all that a table has.

    Other databases and offline SQL are left alone.
    """
    if isinstance(context.impl, SQLiteImpl) and not context.as_sql:
        from .batch import keep

        keep(context)


class KeepingOperations(Operations):
    """``op``, with batches that keep what a SQLite table has."""

    def get_bind(self) -> sa.Connection:
        """The connection of the database that is migrated."""
        return t.cast("sa.Connection", self.migration_context.bind)

    @contextlib.contextmanager
    def batch_alter_table(
        self,
        table_name: str,
        schema: str | None = None,
        *args: t.Any,
        **kwargs: t.Any,
    ) -> t.Iterator[BatchOperations]:
        """Gather operations on one table; see Alembic's documentation.

        Tables that foreign keys point to are not reflected, unless ``reflect_kwargs``
        asks for it: the rebuild doesn't need them.
        """
        kind = getattr(self.impl, "batch_class", None)
        if kind is not None and len(args) < _PLACE_OF_REFLECT_KWARGS:
            given = kwargs.get("reflect_kwargs") or {}
            kwargs["reflect_kwargs"] = {"resolve_fks": False, **given}
        with super().batch_alter_table(table_name, schema, *args, **kwargs) as batch:
            if kind is not None:
                t.cast("t.Any", batch.impl).__class__ = kind
            yield batch


_PLACE_OF_REFLECT_KWARGS = 7
"""After recreate, partial_reordering, copy_from, table_args, table_kwargs, reflect_args."""

"""``op`` as revisions have it, on every database; SQLite's rebuilds only where it is one."""

from __future__ import annotations

import contextlib
import functools
import typing as t

import sqlalchemy as sa
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations import BatchOperations
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

if t.TYPE_CHECKING:
    from alembic.operations.batch import BatchOperationsImpl


def use_keeping_impl(context: MigrationContext) -> None:
    """Let batches on this context's SQLite database keep all that a table has.

    Other databases and offline SQL are left alone. What was registered with Alembic for
    SQLite stays in force below.
    """
    impl = context.impl
    if (
        not isinstance(impl, SQLiteImpl)
        or context.as_sql
        or hasattr(type(impl), "batch_class")
    ):
        return
    impl.__class__ = _mixed(AwaitingImpl, type(impl))


@functools.cache
def _mixed(kind: type[SQLiteImpl], base: type[SQLiteImpl]) -> type[SQLiteImpl]:
    # No __dialect__ of its own: Alembic would register it for the whole process.
    meta: t.Any = type(base)
    made: type[SQLiteImpl] = meta(f"{kind.__name__}Of{base.__name__}", (kind, base), {})
    return made


class AwaitingImpl(SQLiteImpl):
    """Becomes what keeps tables at the first batch: most runs have none to load it for."""

    def _keep(self) -> t.Any:
        from .batch import KeepingImpl

        # Mixed in above: the other one is what was found.
        base = type(self).__bases__[1]
        self.__class__ = _mixed(KeepingImpl, base)  # type: ignore[assignment]
        return self

    @property
    def batch_class(self) -> type[BatchOperationsImpl]:
        """What gathers a batch's operations."""
        return t.cast("type[BatchOperationsImpl]", self._keep().batch_class)

    def prep_table_for_batch(self, batch_impl: t.Any, table: sa.Table) -> None:
        """Begin a batch that whoever made it hasn't asked :attr:`batch_class` for."""
        self._keep().prep_table_for_batch(batch_impl, table)


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

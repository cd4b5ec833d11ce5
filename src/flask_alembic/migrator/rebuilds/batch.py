"""Alembic's batch mode on SQLite, without losing what Alembic has no words for.

A batch makes a new table, copies the rows, drops the old table and renames the new
one. Here the new table gets the old one's text with the changes in it, and its
indexes, triggers and sequence come back as they were.

Names of Alembic that aren't documented:

=================================== ===================================================
``ApplyBatchImpl``                  ``table`` before, ``new_table`` and ``columns``
                                    after, ``column_transfers``, ``indexes``,
                                    ``named_constraints``, ``unnamed_constraints``,
                                    ``reflected``, ``table_args``, ``table_kwargs``
``BatchOperationsImpl``             ``batch``, ``flush()``, ``_should_recreate()``
``DefaultImpl``                     ``_exec()``, ``prep_table_for_batch()``
SQLAlchemy's constraints, indexes   ``_type_bound``, ``_create_rule``,
                                    ``_creation_order``, ``_column_flag``, ``_copy()``
=================================== ===================================================
"""

from __future__ import annotations

import typing as t
import warnings
from contextlib import nullcontext

import sqlalchemy as sa
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.batch import BatchOperationsImpl
from sqlalchemy.schema import CreateTable

from ...dialects.sqlite.expressions import unnamed_checks
from ...dialects.sqlite.grammar import CannotEdit
from ...dialects.sqlite.references import refuse_losing_rebuild
from ...dialects.sqlite.schema import is_temporary
from ...dialects.sqlite.schema import read_table
from ...dialects.sqlite.schema import StoredTable
from ...dialects.sqlite.text import TableText
from ...errors import MigrationError
from .rebuild import Rebuild
from .rebuild import verbatim


class KeepingImpl(SQLiteImpl):
    """Alembic's hooks for a rebuild."""

    _rebuild: Rebuild | None = None
    stored: StoredTable | None = None
    """The table of the batch, as it is; None before anybody has read it."""
    dropped: frozenset[str] = frozenset()
    """Names of constraints typed in a column, which the batch drops."""
    retyped: t.Mapping[str, t.Any] = {}
    """Column -> its type before, if the revision says so; those that get another."""

    @property
    def batch_class(self) -> type[BatchOperationsImpl]:
        """What gathers a batch's operations."""
        return KeepingBatch

    def prep_table_for_batch(self, batch_impl: t.Any, table: sa.Table) -> None:
        """Note what the old table has; the new one is described but not made yet."""
        super().prep_table_for_batch(batch_impl, table)
        assert self.connection is not None
        self._rebuild = None
        stored = self.stored or read_table(self.connection, table.name, table.schema)
        _refuse_temporary(self.connection, table, stored)
        if stored is not None:
            refuse_losing_rebuild(self.connection, table.name, table.schema)
            rebuild = Rebuild(self, batch_impl, table)
            rebuild.prepare(stored)
            self._rebuild = rebuild

    def _exec(self, construct: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
        rebuild = self._rebuild
        if (
            rebuild is not None
            and isinstance(construct, CreateTable)
            and construct.element is rebuild.batch.new_table
        ):
            construct = verbatim(rebuild.sql)
        return super()._exec(construct, *args, **kwargs)

    def drop_table(self, table: sa.Table, **kwargs: t.Any) -> None:
        """Alembic drops the new table if the rows can't be copied."""
        if self._rebuild is not None and table is self._rebuild.batch.new_table:
            self._rebuild = None
        super().drop_table(table, **kwargs)

    def rename_table(
        self, old_table_name: str, new_table_name: t.Any, schema: t.Any = None
    ) -> None:
        """The end of a rebuild, or an ordinary rename."""
        rebuild = self._rebuild
        if rebuild is None or old_table_name != rebuild.batch.temp_table_name:
            super().rename_table(old_table_name, new_table_name, schema)
            return
        self._rebuild = None
        with rebuild.unnoticed():
            super().rename_table(old_table_name, new_table_name, schema)
        rebuild.finish()


def _refuse_temporary(
    connection: sa.Connection, table: sa.Table, stored: StoredTable | None
) -> None:
    if (
        stored.hidden
        if stored is not None
        else is_temporary(connection, table.name, table.schema)
    ):
        raise MigrationError(
            f"Table {table.name!r} is temporary: a batch would replace it by a table"
            " that stays.",
            fix="Drop it and create it anew instead.",
        )


Entry: t.TypeAlias = tuple[str, tuple[t.Any, ...], dict[str, t.Any]]
"""What a batch gathers: the name of an operation and its arguments."""


class KeepingBatch(BatchOperationsImpl):
    """A batch that also does what SQLAlchemy's reflection is blind for.

    Index operations are SQLite's own, before and after the rebuild: Alembic can't drop
    an index on an expression, and creates one without its expressions and sort orders.
    """

    def flush(self) -> None:
        """Run what was gathered."""
        if not self._should_recreate() or not isinstance(self.impl, KeepingImpl):
            super().flush()
            return
        connection = self.impl.connection
        assert connection is not None
        # As Alembic does; the operations here would begin a transaction for nobody.
        with nullcontext() if connection.in_transaction() else connection.begin():
            self._flush(self.impl)

    def _flush(self, impl: KeepingImpl) -> None:
        stored = self._stored()
        before = self._take(lambda entry: _drops_index(entry, stored))
        after = self._take(lambda entry: entry[0] == "create_index")
        inline = self._take(lambda entry: self._drops_inline(entry, stored))
        if inline:
            # Nothing else may be left that needs a rebuild.
            self.recreate = "always"
        self._run(before)
        impl.stored = self._stored() if before else stored
        impl.dropped = frozenset(str(entry[1][0].name) for entry in inline)
        impl.retyped = {
            arguments[1]: keywords.get("existing_type")
            for name, arguments, keywords in self.batch
            if name == "alter_column" and keywords.get("type_") is not None
        }
        try:
            with warnings.catch_warnings():
                # Both say that something gets lost; it doesn't.
                for message in _UNFOUNDED:
                    warnings.filterwarnings("ignore", message=message)
                super().flush()
        finally:
            impl.dropped, impl.retyped, impl.stored = frozenset(), {}, None
        self._run(after)

    def _stored(self) -> StoredTable | None:
        assert self.impl.connection is not None
        return read_table(self.impl.connection, self.table_name, self.schema)

    def _take(self, wanted: t.Callable[[Entry], bool]) -> list[Entry]:
        taken: list[Entry] = []
        rest: list[Entry] = []
        for entry in self.batch:
            (taken if wanted(entry) else rest).append(entry)
        self.batch = rest
        return taken

    def _drops_inline(self, entry: Entry, stored: StoredTable | None) -> bool:
        """Whether a constraint isn't reflected under this name.

        It is typed in a column, or a check that has none but the draft's name for it.
        """
        name, arguments, _ = entry
        if name != "drop_constraint" or stored is None or self.copy_from is not None:
            return False
        try:
            text = TableText.parse(stored.sql)
        except CannotEdit:
            return False
        constraint_name = str(arguments[0].name)
        found = text.named_in_columns([constraint_name])
        return any(clause.kind != "PRIMARY" for clause in found) or (
            constraint_name in unnamed_checks(text, self.table_name)
        )

    def _run(self, entries: t.Iterable[Entry]) -> None:
        for name, arguments, keywords in entries:
            getattr(self.impl, name)(*arguments, **keywords)


_UNFOUNDED = ("Unnamed CHECK constraint", "Skipped unsupported reflection")


def _drops_index(entry: Entry, stored: StoredTable | None) -> bool:
    name, arguments, _ = entry
    return (
        name == "drop_index"
        and stored is not None
        and arguments[0].name in stored.indexes
    )

"""One SQLite table on its way through a batch: what is read before, made good after."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ...dialects.base import identifier
from ...dialects.base import run_raw
from ...dialects.sqlite.schema import broken
from ...dialects.sqlite.schema import broken_views
from ...dialects.sqlite.schema import index_statement
from ...dialects.sqlite.schema import quoted
from ...dialects.sqlite.schema import read_table
from ...dialects.sqlite.schema import sequence_statements
from ...dialects.sqlite.schema import StoredTable
from ...dialects.sqlite.text import TableText
from ...errors import MigrationError
from .text import RebuiltText

if t.TYPE_CHECKING:
    from .batch import KeepingImpl


class Rebuild:
    """One table on its way through a batch."""

    def __init__(self, impl: KeepingImpl, batch: t.Any, table: sa.Table) -> None:
        assert impl.connection is not None
        self.connection = impl.connection
        self.impl = impl
        self.batch = batch
        self.table = table
        self.schema: str | None = table.schema
        self.sql = ""
        self.after: list[str] = []
        self.broken_before: dict[str, str] = {}

    def prepare(self, stored: StoredTable) -> None:
        """Rename columns, write the new table's text, note what comes back after.

        :param stored: The table as it is now.
        """
        self.broken_before = broken(self.connection, self.schema)
        transfers = self.batch.column_transfers
        existing = frozenset(key for key, how in transfers.items() if "expr" in how)
        renamed, gone = self._rename_columns(existing)
        if renamed:
            again = read_table(self.connection, self.table.name, self.schema)
            assert again is not None
            stored = again
        dialect = self.connection.dialect
        text = RebuiltText(
            self.batch,
            stored,
            dialect,
            existing,
            gone,
            self.impl.dropped,
            self.impl.retyped,
        )
        self.sql = text.sql()
        new = TableText.parse(self.sql)
        self._leave_out_flagged_indexes()
        self._leave_out_generated(new)
        self.after = [
            *(sequence_statements(stored) if new.autoincrement else ()),
            *self._indexes(stored, gone),
            *stored.triggers,
        ]

    def _rename_columns(
        self, existing: t.Collection[str]
    ) -> tuple[bool, frozenset[str]]:
        """Let SQLite rename: it knows views, triggers, indexes and foreign keys.

        :return: Whether there was anything to rename, and the names that the dropped
            columns have now, in lower case.
        """
        before = [column.name for column in self.table.columns]
        kept = [name for name in before if name in existing]
        after = {name: str(self.batch.columns[name].name) for name in kept}
        renamed = {old: new for old, new in after.items() if new != old}
        now = self._free_names(before, renamed)
        statements = [(old, name) for old, name in now.items() if name != old]
        statements += [(now[old], new) for old, new in renamed.items()]
        if statements:
            with self._without_broken():
                for old, new in statements:
                    self._rename_column(old, new)
            self._read_from_new_names(renamed)
        gone = frozenset(now[name].lower() for name in before if name not in after)
        return bool(statements), gone

    def _free_names(
        self, before: t.Iterable[str], renamed: t.Mapping[str, str]
    ) -> dict[str, str]:
        """Where a column stands in the way of another's new name, give it a third."""
        wanted = {new.lower() for new in renamed.values()}
        return {
            name: f"_alembic_tmp_{number}" if name.lower() in wanted else name
            for number, name in enumerate(before)
        }

    def _rename_column(self, old: str, new: str) -> None:
        self._run(
            f"ALTER TABLE {quoted(self.table.name, self.schema)}"
            f" RENAME COLUMN {identifier(old)} TO {identifier(new)}"
        )

    def _read_from_new_names(self, renamed: t.Mapping[str, str]) -> None:
        new_columns: dict[t.Any, t.Any] = {}
        for old in self.table.columns:
            if old.name in renamed:
                column: t.Any = sa.column(renamed[old.name])
                column.table = self.table
                new_columns[old] = column
        for key in renamed:
            transfer = self.batch.column_transfers[key]
            transfer["expr"] = visitors.replacement_traverse(
                transfer["expr"], {}, lambda element, **_: new_columns.get(element)
            )

    def _leave_out_generated(self, text: TableText) -> None:
        """SQLite computes generated columns; a value for one is refused."""
        for key, column in self.batch.columns.items():
            part = text.column(column.name)
            if part is not None and part.find("AS") is not None:
                self.batch.column_transfers[key].pop("expr", None)

    def _leave_out_flagged_indexes(self) -> None:
        """Forget what ``index=True`` made: add_column creates these indexes itself."""
        indexes = self.batch.new_table.indexes
        for index in [index for index in indexes if index._column_flag]:
            indexes.discard(index)

    def _indexes(self, stored: StoredTable, gone: t.Collection[str]) -> list[str]:
        known = {index.name for index in self.table.indexes}
        statements: list[str] = []
        for name in stored.indexes:
            if name in known and name not in self.batch.indexes:
                continue
            self.batch.indexes.pop(name, None)
            statement = index_statement(stored, name, gone)
            if statement is not None:
                statements.append(statement)
        return statements

    @contextlib.contextmanager
    def _without_broken(self) -> t.Iterator[None]:
        """Set views aside that don't work anyway: they would stop RENAME COLUMN."""
        views = broken_views(self.connection, self.schema, self.broken_before)
        for drop, _ in views:
            self._run(drop)
        yield
        for _, creates in views:
            for create in creates:
                self._run(create)

    @contextlib.contextmanager
    def unnoticed(self) -> t.Iterator[None]:
        """Rename without SQLite looking after views and triggers, which name it right.

        Source: https://www.sqlite.org/pragma.html#pragma_legacy_alter_table
        """
        was = run_raw(self.connection, "PRAGMA legacy_alter_table")[0][0]
        run_raw(self.connection, "PRAGMA legacy_alter_table=ON")
        try:
            yield
        finally:
            if not was:
                run_raw(self.connection, "PRAGMA legacy_alter_table=OFF")

    def finish(self) -> None:
        """Bring back what the old table had, and see that nothing broke.

        :raises MigrationError: Naming the view or trigger that doesn't work any more.
        """
        for statement in self.after:
            self._run(statement)
        for what, why in broken(self.connection, self.schema).items():
            if what not in self.broken_before:
                raise MigrationError(
                    f"The change of table {self.table.name!r} breaks {what}: {why}.",
                    fix="Drop it before the batch and create it anew after it.",
                )

    def _run(self, statement: str) -> None:
        self.impl._exec(verbatim(statement))


def verbatim(sql: str) -> sa.DDL:
    """A statement that runs as it is written."""
    make: t.Callable[[str], sa.DDL] = sa.DDL
    return make(sql.replace("%", "%%"))

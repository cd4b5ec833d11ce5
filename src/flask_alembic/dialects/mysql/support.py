"""MySQL and MariaDB: every DDL statement commits the transaction it runs in."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy import event

from ..base import DialectSupport
from ..base import guard_message
from ..base import sql_string
from ..isolation import TransactionalSetup
from .waits import MySQLLock
from .waits import MySQLRepeats
from .waits import MySQLTimeouts
from .waits import NO_DDL

if t.TYPE_CHECKING:
    from ..columns import Agreement
    from ..columns import Pair
    from ..journal import Journal
    from ..renamed import MySQLRenames
    from ..scratch import Scratch
    from .bulk import MySQLBulk
    from .expressions import MySQLExpressions
    from .keys import MySQLKeys
    from .references import MySQLReferences
    from .whole import WholeTable


class MySQLSetup(TransactionalSetup):
    """Notes where DDL committed the transaction that it ran in."""

    def __init__(self, connection: sa.Connection, *, callers: bool) -> None:
        super().__init__(connection, callers=callers)
        self._committed = False
        if callers:
            event.listen(connection, "before_cursor_execute", self._on_execute)

    def _on_execute(self, _: t.Any, __: t.Any, statement: str, *___: t.Any) -> None:
        self._committed = self._committed or not NO_DDL.match(statement)

    def has_committed(self) -> bool:
        """Whether DDL has committed the caller's transaction since the last call."""
        found, self._committed = self._committed, False
        return found

    def restore(self) -> None:
        """Listen no longer."""
        if event.contains(self.connection, "before_cursor_execute", self._on_execute):
            event.remove(self.connection, "before_cursor_execute", self._on_execute)
        super().restore()


class MySQLSupport(DialectSupport):
    """MySQL and MariaDB, under either dialect name."""

    setup_class = MySQLSetup
    keeps_checks_of_types = True
    lock_class = MySQLLock
    timeouts_class = MySQLTimeouts
    repeats_class = MySQLRepeats
    ddl_commits = True
    indexes_foreign_keys = True

    @property
    def rename_statements(self) -> type[MySQLRenames]:
        """Indexes are renamed, and a column is said again as a whole."""
        from ..renamed import MySQLRenames

        return MySQLRenames

    @property
    def bulk_class(self) -> type[MySQLBulk]:
        """What is read at once is parsed by SQLAlchemy."""
        from .bulk import MySQLBulk

        return MySQLBulk

    @property
    def expressions_class(self) -> type[MySQLExpressions]:
        """Compared in a temporary table, which commits nothing."""
        from .expressions import MySQLExpressions

        return MySQLExpressions

    @property
    def keys_class(self) -> type[MySQLKeys]:
        """A key is dropped and the other made at once."""
        from .keys import MySQLKeys

        return MySQLKeys

    @property
    def references_class(self) -> type[MySQLReferences]:
        """``information_schema`` has them, also those of other databases."""
        from .references import MySQLReferences

        return MySQLReferences

    def agreements(
        self, connection: sa.Connection, pairs: t.Sequence[Pair]
    ) -> list[Agreement]:
        """Compare what SHOW CREATE TABLE says of both."""
        from . import columns

        return columns.agreements(connection, pairs)

    def journal(
        self, connection: sa.Connection, *, table: str, schema: str | None
    ) -> Journal | None:
        """A table of the statements of a revision that isn't finished."""
        from .journal import MySQLJournal

        return MySQLJournal(connection, table=table, schema=schema)

    @property
    def whole_table(self) -> type[WholeTable]:
        """Each statement commits: the fewer, the better."""
        from .whole import WholeTable

        return WholeTable

    def scratch(self, engine: sa.Engine, name: str) -> Scratch:
        """A database with the tables of another one."""
        from .scratch import MySQLScratch

        return MySQLScratch(engine, name)

    def offline_name(self, dialect: sa.Dialect) -> str:
        """``mariadb`` when a connection has shown that the server is one."""
        return "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name

    def guard(
        self,
        dialect: sa.Dialect,
        *,
        table: str,
        schema: str | None,
        heads: t.Collection[str],
    ) -> str | None:
        """One statement that each server reads its own half of.

        An offline script doesn't know which of the two it will meet, so each half
        stands in a comment that only one server executes. MySQL has no way to look
        into a table that may not exist: at base any version table counts as wrong.

        Source: https://mariadb.com/docs/server/reference/sql-structure/comment-syntax
        """
        return (
            f"/*M!100203 {_mariadb_guard(table, schema, heads)} */"
            f" /*!50700 {_mysql_guard(table, schema, heads)} */"
        )


def _mariadb_guard(table: str, schema: str | None, heads: t.Collection[str]) -> str:
    # In a string, so that the client doesn't end the statement at an inner ";".
    block = (
        "BEGIN NOT ATOMIC"
        " DECLARE found, message TEXT DEFAULT NULL; DECLARE total, known INT DEFAULT 0;"
        f" IF {_table_exists(table, schema)} THEN"
        " SELECT COUNT(*), COALESCE(SUM("
        f"{_is_expected(heads)}), 0), GROUP_CONCAT(version_num SEPARATOR ', ')"
        f" INTO total, known, found FROM {_qualified(table, schema)};"
        f" END IF; IF total <> {len(heads)} OR known <> {len(heads)} THEN"
        f" SET message = CONCAT({_string(guard_message(heads) + 'is at ')},"
        " COALESCE(found, 'base'), '.');"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = message; END IF; END"
    )
    return f"EXECUTE IMMEDIATE {_string(block)}"


def _mysql_guard(table: str, schema: str | None, heads: t.Collection[str]) -> str:
    # GTID_SUBSET quotes a malformed argument in its error: SIGNAL needs a procedure.
    if not heads:
        message = guard_message(heads) + "has a version table. "
        return (
            f"SELECT GTID_SUBSET(CONCAT({_string(message)}, COUNT(*)), 'x')"
            " FROM information_schema.tables"
            f" WHERE {_is_version_table(table, schema)} HAVING COUNT(*) > 0"
        )
    return (
        f"SELECT GTID_SUBSET(CONCAT({_string(guard_message(heads) + 'is at ')}, found, '.'), 'x')"
        f" FROM (SELECT COUNT(*) AS total, SUM({_is_expected(heads)}) AS known,"
        " COALESCE(GROUP_CONCAT(version_num SEPARATOR ', '), 'base') AS found"
        f" FROM {_qualified(table, schema)}) AS applied"
        f" WHERE total <> {len(heads)} OR known <> {len(heads)}"
    )


def _table_exists(table: str, schema: str | None) -> str:
    return (
        "EXISTS (SELECT 1 FROM information_schema.tables"
        f" WHERE {_is_version_table(table, schema)})"
    )


def _is_version_table(table: str, schema: str | None) -> str:
    where = _string(schema) if schema else "DATABASE()"
    return f"table_schema = {where} AND table_name = {_string(table)}"


def _is_expected(heads: t.Collection[str]) -> str:
    if not heads:
        return "0"
    # The collation of the column would take "A1" for "a1".
    names = ", ".join(_string(head) for head in sorted(heads))
    return f"CAST(version_num AS BINARY) IN ({names})"


def _qualified(table: str, schema: str | None) -> str:
    parts = (part.replace("`", "``") for part in (schema, table) if part)
    return ".".join(f"`{part}`" for part in parts)


def _string(value: str) -> str:
    return sql_string(value.replace("\\", "\\\\"))

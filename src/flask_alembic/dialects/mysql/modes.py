"""What makes a write on MySQL last at once, without a COMMIT."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from ..journal import Entry

if t.TYPE_CHECKING:
    from .journal import MySQLJournal

_NAME = re.compile(r"[\w$]+")


class Modes:
    """Autocommit, and tables without transactions."""

    def __init__(self, journal: MySQLJournal, connection: sa.Connection) -> None:
        self._journal = journal
        self._connection = connection
        self._level: t.Any = self
        self._autocommit = False
        self._tables: frozenset[str] | None = None

    def changed(self, entry: Entry) -> None:
        """Look again after statements that may change the answers."""
        if entry.kind == "session":
            self._level = self
        elif entry.kind not in ("read", "write"):
            self._tables = None

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        level = self._connection.get_execution_options().get("isolation_level")
        if level != self._level:
            self._level = level
            self._autocommit = bool(self._journal.run("SELECT @@autocommit")[0][0])
        return self._autocommit

    def outside_transactions(self, sql: str) -> bool:
        """Whether a statement names a table whose rows can't be rolled back."""
        if self._tables is None:
            rows = self._journal.run(
                "SELECT table_name FROM information_schema.tables WHERE table_schema ="
                " DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
            )
            self._tables = frozenset(str(row[0]).lower() for row in rows)
        names = self._tables
        return bool(names) and not names.isdisjoint(_NAME.findall(sql.lower()))

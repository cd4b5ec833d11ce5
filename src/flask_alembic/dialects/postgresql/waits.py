"""Waiting on PostgreSQL: the lock of a run, timeouts, and who is in the way."""

from __future__ import annotations

import contextlib
import logging
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ..base import run_raw
from ..base import sql_string
from ..isolation import is_autocommit
from ..locks import ask
from ..locks import Holder
from ..locks import session_text
from ..locks import SessionLock
from ..locks import words
from ..repeats import error_code
from ..repeats import Repeats
from ..timeouts import Limits
from ..timeouts import milliseconds
from ..timeouts import NOTHING
from ..timeouts import Timeouts

log = logging.getLogger("alembic.runtime.migration")

# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION = "55P03", "40P01", "40001"

_CONCURRENTLY = re.compile(
    r"\s*(?:(?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+)INDEX\s+CONCURRENTLY"
    r"|REINDEX\s+(?:\([^)]*\)\s*)?\w+\s+CONCURRENTLY)\b",
    re.IGNORECASE,
)
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_CREATE = re.compile(
    r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>(?:{_NAME}\.)?{_NAME})",
    re.IGNORECASE,
)

_SESSION = (
    "a.pid, concat_ws(' ', nullif(a.application_name, ''), 'user', a.usename, 'from',"
    " coalesce(host(a.client_addr), 'this host')),"
    " to_char(coalesce(a.xact_start, a.state_change, a.backend_start),"
    " 'YYYY-MM-DD HH24:MI:SS'), concat_ws(', ', a.state, a.query)"
)


class PostgreSQLLock(SessionLock):
    """An advisory lock of the session; of the transaction if that is the caller's.

    Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """

    def find(self) -> t.Hashable | None:
        """The server, the database and the number of the lock."""
        rows = run_raw(
            self.connection,
            "SELECT pg_postmaster_start_time()::text, current_database()::text,"
            " current_schema()::text",
        )
        self.refresh()
        server, database, schema = rows[0]
        digest = self._digest(self.schema or schema, self.table)
        # Locks are numbered in 64 bits with a sign.
        self._number = int.from_bytes(digest[:8], "big") >> 1
        return (server, database, self._number)

    @property
    def _in_transaction(self) -> bool:
        driver = self.connection.connection.dbapi_connection
        return self.callers and not is_autocommit(driver)

    def take(self) -> bool:
        """Try once; a call that waits would hold a snapshot, which others wait for."""
        kind = "xact_lock" if self._in_transaction else "lock"
        rows = run_raw(
            self.connection, f"SELECT pg_try_advisory_{kind}({self._number})"
        )
        self.refresh()
        return bool(rows[0][0])

    def holder(self) -> Holder:
        """The session that has it, and what it runs."""
        number = self._number
        rows = run_raw(
            self.connection,
            f"SELECT {_SESSION} FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
            f" AND l.classid::bigint = {number >> 32}"
            f" AND l.objid::bigint = {number & 0xFFFFFFFF} AND l.database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        self.refresh()
        if not rows:
            return Holder()
        fix = (
            f"Wait for it, or end it with 'SELECT pg_terminate_backend({rows[0][0]})'."
        )
        return Holder(session_text(*rows[0]), fix)

    def free(self, driver: t.Any) -> bool:
        """Let go; the caller's transaction takes its own with it."""
        if self._in_transaction:
            return True
        return bool(ask(driver, f"SELECT pg_advisory_unlock({self._number})"))


class PostgreSQLTimeouts(Timeouts):
    """``SET LOCAL`` in each transaction; set and reset around what runs outside.

    Source: https://www.postgresql.org/docs/current/runtime-config-client.html
    """

    ours = True

    def __init__(self, connection: sa.Connection, limits: Limits) -> None:
        super().__init__(connection, limits)
        self._theirs: set[str] = set()
        self._touched: set[str] = set()

    def look(self) -> None:
        """See what was set for the session, the role or the database."""
        rows = run_raw(
            self.connection,
            "SELECT name FROM pg_settings WHERE name IN ('lock_timeout',"
            " 'statement_timeout') AND source IN ('client', 'database', 'user',"
            " 'database user', 'session', 'override', 'interactive')",
        )
        self._theirs = {name for (name,) in rows}
        self.ours = "lock_timeout" not in self._theirs
        if not self.connection.in_transaction():
            self.connection.dialect.do_rollback(self.connection.connection)

    def start(self) -> None:
        """Set the limits in each transaction that begins, and in the open one."""
        event.listen(self.connection, "begin", self._on_begin)
        if self.connection.in_transaction():
            self.apply()

    def _on_begin(self, _: sa.Connection) -> None:
        if not self._is_autocommit():
            self.apply()

    def _is_autocommit(self) -> bool:
        return is_autocommit(self.connection.connection.dbapi_connection)

    def _set(self, name: str, value: t.Any) -> None:
        scope = "SESSION" if self._is_autocommit() else "LOCAL"
        run_raw(self.connection, f"SET {scope} {name} TO {value}")

    def apply(self) -> None:
        """Set the limits until the transaction ends, or for the block outside of one."""
        limits = {
            "lock_timeout": self.limits.lock,
            "statement_timeout": self.limits.statement,
        }
        for name, seconds in limits.items():
            if name in self._theirs:
                continue
            if seconds is not None:
                self._touched.add(name)
                self._set(name, milliseconds(seconds))
            elif name in self._touched:
                self._set(name, "DEFAULT")

    @contextlib.contextmanager
    def outside(self) -> t.Iterator[None]:
        """Set the limits for the session, and reset it at the end."""
        self.apply()
        try:
            yield
        finally:
            # A connection that is lost takes them with it.
            with contextlib.suppress(DBAPIError):
                for name in self._touched:
                    run_raw(self.connection, f"RESET {name}")

    def statement(self, sql: str) -> contextlib.AbstractContextManager[None]:
        """Let ``CONCURRENTLY`` wait: nobody waits for it, and it leaves a ruin."""
        if "lock_timeout" in self._theirs or not _CONCURRENTLY.match(sql):
            return NOTHING
        return self._waiting()

    @contextlib.contextmanager
    def _waiting(self) -> t.Iterator[None]:
        self._touched.add("lock_timeout")
        self._set("lock_timeout", 0)
        try:
            yield
        finally:
            with contextlib.suppress(DBAPIError):
                self._set("lock_timeout", "DEFAULT")
                self.apply()

    def end(self) -> None:
        """Set nothing any more."""
        if event.contains(self.connection, "begin", self._on_begin):
            event.remove(self.connection, "begin", self._on_begin)


class PostgreSQLRepeats(Repeats):
    """In a transaction an error ends it; a statement outside of one stands alone."""

    def waited(self, error: BaseException) -> bool:
        """A lock timeout, a deadlock or a serialization failure."""
        code = error_code(error, "sqlstate", "pgcode")
        return code in (LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION)

    def statement(self, error: BaseException, sql: str) -> bool:
        """Outside of a transaction."""
        return is_autocommit(self.connection.connection.dbapi_connection)

    def before(self, sql: str) -> None:
        """Drop what an earlier try, perhaps another day's, has left of this index."""
        found = _CREATE.match(sql)
        if found is None or not is_autocommit(
            self.connection.connection.dbapi_connection
        ):
            return
        name = found["name"]
        name = name[1:-1].replace('""', '"') if name[0] == '"' else name.lower()
        rows = run_raw(
            self.connection,
            "SELECT i.indexrelid::regclass::text FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid"
            f" WHERE NOT i.indisvalid AND c.relname = {sql_string(name)}"
            f" AND i.indrelid = to_regclass({sql_string(found['table'])})"
            # Someone else's that is being built isn't valid yet.
            " AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p"
            " WHERE p.index_relid = i.indexrelid)",
        )
        for (index,) in rows:
            log.info("Dropping the invalid index %s that a failed try has left", index)
            run_raw(self.connection, f"DROP INDEX CONCURRENTLY IF EXISTS {index}")

    def blockers(self, sql: str | None) -> str:
        """Who has locks on the tables that the statement names.

        The transaction, which has failed, is rolled back for that.
        """
        names = ", ".join(sql_string(word) for word in words(sql))
        if not names:
            return ""
        dialect, connection = self.connection.dialect, self.connection
        dialect.do_rollback(connection.connection)
        rows = run_raw(
            connection,
            f"SELECT DISTINCT {_SESSION} FROM pg_locks l"
            " JOIN pg_class c ON c.oid = l.relation"
            " JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
            f" AND c.relname IN ({names}) ORDER BY 3 LIMIT 3",
        )
        dialect.do_rollback(connection.connection)
        return "; ".join(session_text(*row) for row in rows)

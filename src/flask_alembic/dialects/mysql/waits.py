"""Waiting on MySQL and MariaDB: the lock of a run, timeouts, and who is in the way."""

from __future__ import annotations

import math
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

from ..base import run_raw
from ..locks import ask
from ..locks import Holder
from ..locks import session_text
from ..locks import SessionLock
from ..repeats import Repeats
from ..timeouts import SessionTimeouts

LOCK_WAIT_TIMEOUT, DEADLOCK = 1205, 1213

NO_DDL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|SET|SHOW|WITH|EXPLAIN|DO"
    r"|(?:CREATE|DROP)\s+TEMPORARY|BEGIN NOT ATOMIC /\* no commit)\b",
    re.IGNORECASE,
)
_READS = re.compile(r"\s*(SELECT|SET|SHOW|EXPLAIN)\b", re.IGNORECASE)

_YEAR = 31_536_000

_SESSION = "p.ID, CONCAT(p.USER, ' from ', p.HOST)"


class MySQLLock(SessionLock):
    """``GET_LOCK``, whose names belong to the whole server.

    Source: https://dev.mysql.com/doc/refman/en/locking-functions.html
    """

    kept_by_caller = True

    def find(self) -> t.Hashable | None:
        """The server and the name of the lock, of which MySQL takes 64 characters."""
        rows = run_raw(self.connection, "SELECT @@hostname, @@port, DATABASE()")
        self.refresh()
        host, port, database = rows[0]
        digest = self._digest(self.schema or database, self.table)
        self._name = f"alembic:{digest.hex()[:48]}"
        return (host, port, self._name)

    def take(self) -> bool:
        """Try once."""
        rows = run_raw(self.connection, f"SELECT GET_LOCK('{self._name}', 0)")
        self.refresh()
        return bool(rows[0][0])

    def holder(self) -> Holder:
        """The connection that has it; more of it with the privilege PROCESS."""
        rows = run_raw(self.connection, f"SELECT IS_USED_LOCK('{self._name}')")
        id_ = rows[0][0]
        if id_ is None:
            return Holder()
        fix = f"Wait for it, or end it with 'KILL {id_}'."
        rows = run_raw(
            self.connection,
            f"SELECT {_SESSION}, NOW() - INTERVAL p.TIME SECOND,"
            " CONCAT_WS(', ', p.COMMAND, p.INFO)"
            f" FROM information_schema.processlist p WHERE p.ID = {int(id_)}",
        )
        self.refresh()
        return Holder(session_text(*rows[0]) if rows else f"process {id_}", fix)

    def free(self, driver: t.Any) -> bool:
        """Let go."""
        return bool(ask(driver, f"SELECT RELEASE_LOCK('{self._name}')"))

    def refresh(self) -> None:
        """End the transaction, in which every read would see what it saw at first.

        A script's own is committed, as the first DDL statement would do anyway.
        """
        if not self.callers and self.connection.in_transaction():
            self.connection.dialect.do_commit(self.connection.connection)
        super().refresh()


class MySQLTimeouts(SessionTimeouts):
    """Variables of the session, in whole seconds; one for tables and one for rows."""

    locks = ("lock_wait_timeout", "innodb_lock_wait_timeout")

    @property
    def _is_mariadb(self) -> bool:
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    @property
    def _statement(self) -> str:
        return "max_statement_time" if self._is_mariadb else "max_execution_time"

    def find(self) -> t.Mapping[str, tuple[t.Any, bool]]:
        """Read each variable; what differs from the server's was set on purpose."""
        names = (*self.locks, self._statement)
        listed = ", ".join(f"@@SESSION.{n}, @@GLOBAL.{n}" for n in names)
        (row,) = run_raw(self.connection, f"SELECT {listed}")
        pairs = zip(names, row[::2], row[1::2], strict=True)
        return {name: (own, own != server) for name, own, server in pairs}

    def wanted(self) -> t.Mapping[str, t.Any]:
        """Whole seconds for locks, at least one."""
        values: dict[str, t.Any] = {}
        lock, statement = self.limits.lock, self.limits.statement
        if lock is not None:
            seconds = max(1, math.ceil(lock)) if lock else _YEAR
            values = dict.fromkeys(self.locks, seconds)
        if statement is not None:
            # MySQL counts milliseconds, and for SELECT only.
            unit = 1 if self._is_mariadb else 1000
            values[self._statement] = statement if unit == 1 else int(statement * unit)
        return values

    def assign(self, driver: t.Any, values: t.Mapping[str, t.Any]) -> None:
        """Set variables; that begins no transaction."""
        cursor = driver.cursor()
        cursor.execute(
            "SET " + ", ".join(f"SESSION {name} = {v}" for name, v in values.items())
        )
        cursor.close()


class MySQLRepeats(Repeats):
    """The statement alone: what came before it may be committed.

    After a timeout only the statement is undone; after a deadlock the transaction is.

    Source: https://mariadb.com/docs/server/server-usage/storage-engines/innodb/innodb-system-variables#innodb_rollback_on_timeout
    """

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._written = False
        self._listeners = ("commit", "rollback")
        for name in self._listeners:
            event.listen(connection, name, self._on_end)

    def _on_end(self, _: sa.Connection) -> None:
        self._written = False

    def end(self) -> None:
        """Listen no longer."""
        for name in self._listeners:
            if event.contains(self.connection, name, self._on_end):
                event.remove(self.connection, name, self._on_end)

    def waited(self, error: BaseException) -> bool:
        """A lock wait timeout or a deadlock."""
        return error.args[:1] in ((LOCK_WAIT_TIMEOUT,), (DEADLOCK,))

    def statement(self, error: BaseException, sql: str) -> bool:
        """Unless the error has undone something that was written before."""
        if not (self._written and NO_DDL.match(sql)):
            return True
        if error.args[0] == DEADLOCK:
            return False
        rows = run_raw(self.connection, "SELECT @@innodb_rollback_on_timeout")
        return not rows[0][0]

    def done(self, sql: str) -> None:
        """Note what the transaction holds."""
        if NO_DDL.match(sql):
            self._written = self._written or not _READS.match(sql)
        else:
            self._written = False

    def blockers(self, sql: str | None) -> str:
        """Open transactions of this database: which tables they use can't be asked."""
        rows = run_raw(
            self.connection,
            f"SELECT {_SESSION}, t.trx_started, CONCAT_WS(', ', p.COMMAND, p.INFO)"
            " FROM information_schema.innodb_trx t JOIN information_schema.processlist p"
            " ON p.ID = t.trx_mysql_thread_id"
            " WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()"
            " ORDER BY t.trx_started LIMIT 3",
        )
        return "; ".join(session_text(*row) for row in rows)

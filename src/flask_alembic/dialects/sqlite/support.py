"""SQLite: real transactions around migrations, DDL included.

The driver commits on its own around DDL; here it is put into autocommit and told
where transactions begin. Foreign keys are off meanwhile, because a rebuild drops the
table that others refer to, and are checked before each COMMIT instead.
"""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

from ...errors import SessionError
from ..base import ConnectionSetup
from ..base import DialectSupport
from ..base import guard_message
from ..base import identifier
from ..base import run_raw
from ..base import sql_string
from ..returning import on_return
from .waits import SQLiteLock
from .waits import SQLiteRepeats
from .waits import SQLiteTimeouts

if t.TYPE_CHECKING:
    from ..columns import Agreement
    from ..columns import Pair
    from ..scratch import Scratch
    from .bulk import SQLiteBulk
    from .expressions import SQLiteExpressions
    from .keys import SQLiteKeys
    from .references import Violations

LEGACY_TRANSACTION_CONTROL = -1
"""``sqlite3.LEGACY_TRANSACTION_CONTROL``, which Python 3.11 doesn't have."""

_SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_READS = (
    rf"{_SPACE}(?:SELECT|VALUES|PRAGMA|EXPLAIN"
    r"|WITH(?!.*\b(?:INSERT|UPDATE|DELETE|REPLACE\s+INTO)\b))\b"
)
# Who writes BEGIN by hand means it; the last three fail inside a transaction.
_CONTROLS_TRANSACTION = rf"{_SPACE}(?:BEGIN|COMMIT|END|ROLLBACK|VACUUM|ATTACH|DETACH)\b"
_PLAIN_READS = ("SELECT ", "PRAGMA ")
"""How statements begin that need no regular expression; at head all do."""


def writes(statement: str) -> bool:
    """Whether a statement needs a transaction; at worst one too many."""
    if statement.startswith(_PLAIN_READS) or not statement.strip():
        return False
    return not (_matches(_READS, statement) or controls_transaction(statement))


def controls_transaction(statement: str) -> bool:
    """Whether a statement begins or ends a transaction, or fails inside of one."""
    if statement.startswith(_PLAIN_READS):
        return False
    return _matches(_CONTROLS_TRANSACTION, statement)


def _matches(pattern: str, statement: str) -> bool:
    return re.match(pattern, statement, re.IGNORECASE | re.DOTALL) is not None


def in_transaction(connection: sa.Connection) -> bool:
    """Whether SQLite itself has a transaction open; SQLAlchemy only means to."""
    driver = connection.connection.driver_connection
    return bool(driver and driver.in_transaction)


class _DriverSettings:
    """How a driver's connection was before it became ours."""

    def __init__(self, connection: sa.Connection) -> None:
        driver = t.cast("t.Any", connection.connection.dbapi_connection)
        self.isolation_level = driver.isolation_level
        self.autocommit = getattr(driver, "autocommit", None)
        self.foreign_keys = bool(run_raw(connection, "PRAGMA foreign_keys")[0][0])

    @property
    def always_in_transaction(self) -> bool:
        """PEP 249's own mode: the driver begins again right after each COMMIT."""
        return self.autocommit is False

    def put_back(self, driver: t.Any) -> None:
        """Restore a driver's connection; one that is closed needs nothing."""
        with contextlib.suppress(Exception):
            _pragma_foreign_keys(driver, on=self.foreign_keys)
            driver.isolation_level = self.isolation_level
            if self.autocommit not in (None, LEGACY_TRANSACTION_CONTROL):
                driver.autocommit = self.autocommit


def _pragma_foreign_keys(driver: t.Any, *, on: bool) -> None:
    cursor = driver.cursor()
    cursor.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")
    cursor.close()


def _let_go(driver: t.Any) -> None:
    """Keep the driver from beginning or committing transactions on its own."""
    autocommit = getattr(driver, "autocommit", LEGACY_TRANSACTION_CONTROL)
    if autocommit in (True, False):
        driver.autocommit = LEGACY_TRANSACTION_CONTROL
        driver.rollback()
    if driver.isolation_level is not None:
        driver.isolation_level = None


class SQLiteSetup(ConnectionSetup):
    """A migration connection whose DDL can be rolled back.

    During :meth:`run` SQLAlchemy's transactions begin with ``BEGIN IMMEDIATE``.
    Outside of it a transaction begins with the first statement that writes, so that
    reading the heads doesn't lock the application out.

    The caller's connection keeps its settings; its transaction is begun before the
    first write if only SQLAlchemy has begun it.
    """

    def __init__(self, connection: sa.Connection, *, callers: bool) -> None:
        super().__init__(connection, callers=callers)
        self._running = False
        self._autocommit = False
        self._driver: t.Any = None
        self._settings: _DriverSettings | None = None
        self._may_be_deferred = False
        self._violations: Violations | None = None
        self._checked = False
        # An engine that is always in autocommit is no request for an autocommit block.
        self._asked_for_autocommit = self._option_is_autocommit()
        self._listeners: dict[str, t.Callable[..., None]] = {
            "before_cursor_execute": self._on_execute
        }
        if not callers:
            self._listeners["begin"] = self._on_begin
            self._listeners["commit"] = self._on_commit
            self._listeners["rollback"] = self._on_rollback
            self._take_over()
        for name, listener in self._listeners.items():
            event.listen(connection, name, listener)

    @contextlib.contextmanager
    def run(self) -> t.Iterator[None]:
        """Surround a run, each of whose transactions locks the database for writing."""
        if self.callers:
            yield
            return
        if not self._take_over():
            raise SessionError(
                "The SQLite connection for the migration is inside a transaction of the"
                " application's session.",
                fix="Commit or roll back that session first.",
            )
        self._running = True
        try:
            if self.connection.in_transaction():
                self._lock()
            yield
        finally:
            self._running = False

    @contextlib.contextmanager
    def autocommit(self) -> t.Iterator[None]:
        """Surround statements that run outside of any transaction."""
        outermost = not self._autocommit
        self._autocommit = True
        try:
            yield
            if outermost:
                self._check(committed=True)
        finally:
            if outermost:
                self._autocommit = False
                self._after_autocommit()

    def check_deferred(self) -> None:
        """Check the foreign keys, if anything was written since the last check.

        :raises DatabaseError: If this transaction left rows without a parent.
        """
        self._check()

    def _check(self, *, committed: bool = False) -> None:
        if self._violations is None or self._checked:
            return
        from .references import refuse_new
        from .references import violations

        refuse_new(self._violations, violations(self.connection), committed=committed)
        self._checked = True

    def restore(self) -> None:
        """Give the connection back as it was found. Safe to call twice."""
        while self._listeners:
            event.remove(self.connection, *self._listeners.popitem())
        if self.connection.closed or self.connection.invalidated:
            return
        # In a transaction PRAGMA foreign_keys does nothing: the pool's rollback comes
        # first then, and _put_back after it.
        if self._settings and not in_transaction(self.connection):
            self._settings.put_back(self._driver)

    def _take_over(self) -> bool:
        """Switch the driver's transactions and foreign keys off, if not in use."""
        driver = t.cast("t.Any", self.connection.connection.dbapi_connection)
        if driver is not self._driver:
            settings = _DriverSettings(self.connection)
            if not settings.always_in_transaction and in_transaction(self.connection):
                return False
            self._driver, self._settings = driver, settings
            self._restore_at_checkin(settings)
            _let_go(driver)
            _pragma_foreign_keys(driver, on=False)
        elif not in_transaction(self.connection):
            _let_go(driver)
        return True

    def _restore_at_checkin(self, settings: _DriverSettings) -> None:
        # Runs even if nobody calls restore(), and after SQLAlchemy itself has reset the
        # isolation level that an autocommit block changed.
        on_return(self.connection, settings.put_back)

    def _on_begin(self, _: sa.Connection) -> None:
        if self._is_autocommit():
            return
        self._take_over()
        # An application that begins by itself does so in an event after this one.
        self._may_be_deferred = self._engine_begins()
        if self._running and not self._may_be_deferred:
            self._begin()

    def _on_execute(
        self, _: sa.Connection, __: t.Any, statement: str, *___: t.Any
    ) -> None:
        if controls_transaction(statement):
            return
        if self._is_autocommit():
            if self._autocommit and writes(statement):
                self._note_violations()
            return
        if self._running:
            self._lock()
        if writes(statement):
            self._before_write()

    def _lock(self) -> None:
        """Before the first statement, put our BEGIN in place of the application's."""
        if self._may_be_deferred and in_transaction(self.connection):
            run_raw(self.connection, "COMMIT")
        self._may_be_deferred = False
        self._begin()

    def _before_write(self) -> None:
        self._may_be_deferred = False
        self._begin()
        self._note_violations()

    def _note_violations(self) -> None:
        """Before a write, look at what is wrong without it."""
        if not self.callers:
            if self._violations is None:
                # Late, as what only reads looks at none.
                from .references import violations

                self._violations = violations(self.connection)
            self._checked = False

    def _on_commit(self, _: sa.Connection) -> None:
        if self._means_nothing():
            return
        try:
            self.check_deferred()
        except BaseException:
            # SQLAlchemy takes a transaction whose commit failed for closed.
            self.connection.dialect.do_rollback(self.connection.connection)
            raise
        finally:
            self._violations = None

    def _on_rollback(self, _: sa.Connection) -> None:
        if not self._means_nothing():
            self._violations = None

    def _means_nothing(self) -> bool:
        """Whether SQLAlchemy ends a transaction that an autocommit block hasn't got."""
        return self._autocommit and not in_transaction(self.connection)

    def _begin(self) -> None:
        if not in_transaction(self.connection):
            run_raw(self.connection, "BEGIN" if self.callers else "BEGIN IMMEDIATE")

    def _after_autocommit(self) -> None:
        """Undo what SQLAlchemy did to the driver, and begin what it thinks has begun."""
        self._violations = None
        if self.callers or self.connection.closed or self.connection.invalidated:
            return
        self._take_over()
        if self._running and self.connection.in_transaction():
            self._begin()

    def _engine_begins(self) -> bool:
        return bool(t.cast("t.Any", self.connection.engine).dispatch.begin)

    def _is_autocommit(self) -> bool:
        return self._autocommit or (
            self._option_is_autocommit() and not self._asked_for_autocommit
        )

    def _option_is_autocommit(self) -> bool:
        options = self.connection.get_execution_options()
        return options.get("isolation_level") == "AUTOCOMMIT"


class SQLiteSupport(DialectSupport):
    """SQLite with any driver that works as :mod:`sqlite3` does."""

    setup_class = SQLiteSetup
    lock_class = SQLiteLock
    timeouts_class = SQLiteTimeouts
    repeats_class = SQLiteRepeats
    transactional_ddl = True
    keeps_rebuilt_tables = True

    @property
    def bulk_class(self) -> type[SQLiteBulk]:
        """The pragmas are joined with the list of tables."""
        from .bulk import SQLiteBulk

        return SQLiteBulk

    @property
    def expressions_class(self) -> type[SQLiteExpressions]:
        """Words are compared: SQLite has none of its own."""
        from .expressions import SQLiteExpressions

        return SQLiteExpressions

    @property
    def keys_class(self) -> type[SQLiteKeys]:
        """A key changes in a rebuild; an INTEGER that is it alone counts by itself."""
        from .keys import SQLiteKeys

        return SQLiteKeys

    def agreements(
        self, connection: sa.Connection, pairs: t.Sequence[Pair]
    ) -> list[Agreement]:
        """Compare the values of defaults."""
        from . import defaults

        return defaults.agreements(connection, pairs)

    def scratch(self, engine: sa.Engine, name: str) -> Scratch:
        """A file in a temporary folder."""
        from .scratch import SQLiteScratch

        return SQLiteScratch(engine, name)

    def lives_in_connection(self, engine: sa.Engine) -> bool:
        """True for a database in memory, named or not.

        Source: https://www.sqlite.org/inmemorydb.html
        """
        url = engine.url
        name, _, options = (url.database or "").removeprefix("file:").partition("?")
        return (
            name in ("", ":memory:")
            or url.query.get("mode") == "memory"
            or "mode=memory" in options.split("&")
        )

    def exists(self, engine: sa.Engine) -> bool:
        """Whether there is a file; connecting makes an empty one."""
        name = (engine.url.database or "").removeprefix("file:").partition("?")[0]
        return os.path.exists(name)

    def notices_rows(
        self, connection: sa.Connection, table: str, schema: str | None
    ) -> bool:
        """A trigger of the table."""
        master = f"{identifier(schema or 'main')}.sqlite_master"
        where = f"type = 'trigger' AND tbl_name = {sql_string(table)} COLLATE NOCASE"
        rows = run_raw(
            connection,
            f"SELECT 1 FROM {master} WHERE {where}"
            f" UNION ALL SELECT 1 FROM sqlite_temp_master WHERE {where}",
        )
        return bool(rows)

    def blocks_migration(self, connection: sa.Connection) -> bool:
        """Only a transaction that SQLite knows of holds a lock."""
        if connection.closed or connection.invalidated:
            return False
        return in_transaction(connection)

    def guard(
        self,
        dialect: sa.Dialect,
        *,
        table: str,
        schema: str | None,
        heads: t.Collection[str],
    ) -> str | None:
        """One SELECT; JSON functions quote a malformed path in their error.

        SQLite can't look into a table that may not exist: at base any version table
        counts as wrong, also an empty one.
        """
        prefix = f"{identifier(schema)}." if schema else ""
        if not heads:
            return (
                f"SELECT {_error(heads, 'has table ', 'name')} FROM {prefix}sqlite_master"
                f" WHERE type = 'table' AND name = {sql_string(table)} COLLATE NOCASE"
            )
        expected = ", ".join(sql_string(head) for head in sorted(heads))
        return (
            f"SELECT {_error(heads, 'is at ', 'found')} FROM (SELECT count(*) AS total,"
            f" sum(version_num IN ({expected})) AS known,"
            " coalesce(group_concat(version_num, ', '), 'base') AS found"
            f" FROM {prefix}{identifier(table)})"
            f" WHERE total <> {len(heads)} OR known <> {len(heads)}"
        )


def _error(heads: t.Collection[str], verb: str, column: str) -> str:
    """An expression that fails with the guard's message when it is evaluated."""
    # With a column in it: what is constant SQLite evaluates before any condition.
    message = sql_string(guard_message(heads) + verb)
    return f"json_extract('{{}}', {message} || {column} || '.')"

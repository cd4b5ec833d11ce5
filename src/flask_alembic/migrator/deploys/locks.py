"""One run at a time on a database: wait for the lock, tell who has it, let go."""

from __future__ import annotations

import contextlib
import logging
import random
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ...dialects.base import run_raw
from ...dialects.locks import SessionLock
from ...dialects.returning import on_return
from ...errors import LockError
from ..runs import Run

if t.TYPE_CHECKING:
    from ..context import StepContext

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
TELL_EVERY = 30.0
"""Seconds between two lines about the same waiting."""


def take(context: StepContext, run: Run, stack: contextlib.ExitStack) -> None:
    """Take the database's lock for a run, before its heads are read.

    An upgrade of a database that is at its heads has nothing to do and takes none.

    :param stack: Ends with the run.
    :raises LockError: It wasn't to be had in time.
    """
    kind = context.target.dialect.lock_class
    if kind is None or not (context.settings.lock and run.changes):
        return
    if run.command == "upgrade" and _is_at_head(context):
        return
    lock = kind(
        context.live, context.version_table, schema_of(context), context.setup.callers
    )
    place = lock.find()
    # A second name for the same database would wait for the first one for ever.
    if place is None or place in run.locked:
        return
    _wait(context, lock)
    run.locked.add(place)
    held = _Held(context, run, lock, place)
    stack.callback(held.end)


def _translation(context: StepContext) -> t.Mapping[str | None, str | None]:
    options = context.live.get_execution_options()
    return t.cast("t.Any", options.get("schema_translate_map")) or {}


def schema_of(context: StepContext) -> str | None:
    """The schema of the version table, as the connection translates it."""
    schema = context.version_table_schema
    return _translation(context).get(schema, schema)


def _is_at_head(context: StepContext) -> bool:
    """Read the heads ahead of the lock; if nothing is to be done, that answer stays."""
    heads = _read_heads(context)
    if heads is None:
        return False
    if heads:
        context.has_table = True
    context.part.keep(heads)
    if not context.history().at_head(heads):
        return False
    context.known = heads
    return True


def _read_heads(context: StepContext) -> tuple[str, ...] | None:
    """The rows of the version table; None if they can't be read like this."""
    connection = context.live
    if context.setup.callers or connection.in_transaction():
        return context.get_current_heads()
    names = _translation(context)
    translated = {"schema_translate_map": names, "render_schema_translate": True}
    options: dict[str, t.Any] = translated if names else {}
    query = sa.select(context._version.c.version_num)
    rows = query.compile(dialect=connection.dialect, **options)
    try:
        return tuple(str(row[0]) for row in run_raw(connection, str(rows)))
    except DBAPIError:
        return None
    finally:
        connection.dialect.do_rollback(connection.connection)


def _wait(context: StepContext, lock: SessionLock) -> None:
    """Try until it is ours; a call that waits in the database would hold a snapshot."""
    started = time.monotonic()
    pause, told = FIRST_PAUSE, 0.0
    while not lock.take():
        waited = time.monotonic() - started
        left = context.settings.lock_wait - waited
        if left <= 0:
            raise _in_vain(context, lock)
        if not told or waited - told >= TELL_EVERY:
            _tell(context, lock, waited)
            told = max(waited, FIRST_PAUSE)
        time.sleep(min(left, random.uniform(pause / 2, pause)))
        pause = min(LONGEST_PAUSE, pause * 1.5)


def _tell(context: StepContext, lock: SessionLock, waited: float) -> None:
    message = f"{lock.holder().text} migrates the database {context.target.name!r}"
    log.info("Waiting: %s", message)
    context.part.emit("lock_waiting", message=message, seconds=waited)


def _in_vain(context: StepContext, lock: SessionLock) -> LockError:
    holder = lock.holder()
    database = context.target.describe()
    error = LockError(
        f"The database {database.name!r} ({database.url}) is being migrated by"
        f" {holder.text}; waited {context.settings.lock_wait:g} s"
        " (ALEMBIC_LOCK_WAIT). Nothing was changed there.",
        fix=holder.fix,
    )
    context.part.error = str(error)
    return error


class _Held:
    """A lock that was taken, until the run is over or its connection is given back."""

    def __init__(
        self, context: StepContext, run: Run, lock: SessionLock, place: t.Hashable
    ) -> None:
        self._context = context
        self._run = run
        self._lock = lock
        self._place = place
        self._free = False
        self._driver = context.live.connection.dbapi_connection
        # Who ends the transaction and closes the connection may be an env.py.
        self._forget = on_return(context.live, self._let_go)

    def end(self) -> None:
        """Let go at the end of the run, if what it did is committed or undone."""
        connection = self._context.live
        lost = connection.closed or connection.invalidated
        if lost or connection.connection.dbapi_connection is not self._driver:
            self._gone()
            return
        lasts = self._lock.kept_by_caller and self._lock.callers
        open_ = connection.in_transaction() and not self._lock.callers
        if self._forget is None:
            self._let_go(self._driver)
        elif not (lasts or open_):
            self._let_go(self._driver)
            self._forget()

    def _gone(self) -> None:
        """The connection is lost, and a lock of the server's with it."""
        self._run.locked.discard(self._place)
        if not self._free:
            self._free = True
            with contextlib.suppress(Exception):
                self._lock.free(None)

    def _let_go(self, driver: t.Any) -> None:
        if self._free:
            return
        self._free = True
        self._run.locked.discard(self._place)
        try:
            held = self._lock.free(driver)
        except Exception:
            # The connection is lost: the server has let go.
            return
        if not held:
            self._warn()

    def _warn(self) -> None:
        name = self._context.target.name
        message = (
            f"The lock on the database {name!r} was lost while it was migrated: its"
            " connection seems to go through a pooler in transaction mode. Give"
            " migrations a direct connection."
        )
        log.warning(message)
        self._context.part.warn(message)

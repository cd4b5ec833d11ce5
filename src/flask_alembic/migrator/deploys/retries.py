"""Try again after waiting for a lock in vain: a whole run, or one statement."""

from __future__ import annotations

import contextlib
import logging
import random
import time
import typing as t
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ..runs import DatabaseRun
from ..runs import Run

if t.TYPE_CHECKING:
    from ..context import StepContext

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


def pauses(count: int) -> t.Iterator[float]:
    """Seconds between tries: growing, and never the same for two processes."""
    longest = FIRST_PAUSE
    for _ in range(count):
        yield random.uniform(longest / 2, longest)
        longest = min(LONGEST_PAUSE, longest * 2)


class Obstacle:
    """An error that came from waiting for a lock in vain.

    :param message: What happened, where, and who is in the way.
    :param again: Whether all of the run can be begun again.
    :param tries: How often the statement was tried by itself.
    """

    def __init__(
        self,
        error: BaseException,
        part: DatabaseRun,
        message: str,
        *,
        again: bool,
        tries: int,
    ) -> None:
        self.error = error
        self.part = part
        self.message = message
        self.again = again
        self.tries = tries


def meet(context: StepContext, error: BaseException, where: str = "") -> bool:
    """Note an error of the run, if it came from waiting for a lock in vain.

    :param where: The revision, if a step was running.
    :return: Whether this database's lock it was.
    """
    met = context.run.obstacle
    if met is not None and met.error is error:
        return met.part is context.part
    if not isinstance(error, DBAPIError):
        return False
    if not (context.timeouts.ours and context.repeats.waited(driver_error(error))):
        return False
    message = describe(context, driver_error(error), error.statement, where)
    statements = _watched.get(context.live)
    tries = 1 if statements is None else statements.tries(driver_error(error))
    again = context.can_begin_again
    context.run.obstacle = Obstacle(
        error, context.part, message, again=again, tries=tries
    )
    return True


def driver_error(error: DBAPIError) -> BaseException:
    """What the driver raised."""
    return t.cast("BaseException", error.orig)


def describe(
    context: StepContext, error: BaseException, sql: str | None, where: str
) -> str:
    """Say in one line what happened, and who is in the way."""
    blockers = ""
    # It is worth a question, but not another error.
    with contextlib.suppress(DBAPIError):
        blockers = context.repeats.blockers(sql)
    first = str(error).strip().split("\n", 1)[0]
    place = f"database {context.target.name!r}{where and f', {where}'}"
    return f"{place}: {first}" + (f"; in the way: {blockers}" if blockers else "")


def tell(part: DatabaseRun, message: str, pause: float, number: int, of: int) -> None:
    """Say that something will be tried again."""
    log.info("Trying again in %.1f s (%d of %d): %s", pause, number, of, message)
    part.emit("retrying", message=message, seconds=pause)


def repeating(run: Run, retries: int, call: t.Callable[[], object]) -> None:
    """Call, and call again where waiting for a lock made it fail.

    What it had not committed is rolled back by then, so that others can go on.

    :param retries: How often at most.
    """
    waits = pauses(retries)
    number = 0
    while True:
        run.obstacle = None
        try:
            call()
            return
        except Exception as e:
            met: Obstacle | None = run.obstacle
            if met is None or met.error is not e:
                raise
            pause = next(waits, None) if met.again else None
            if pause is None:
                _give_up(e, met, number + met.tries)
                raise
        number += 1
        tell(met.part, met.message, pause, number, retries)
        time.sleep(pause)


def _give_up(error: BaseException, met: Obstacle, number: int) -> None:
    tries = f"gave up after {number} tries, " if number > 1 else ""
    error.add_note(
        f"{tries}{met.message}; end what is in the way or wait for it, then run the"
        " command again (ALEMBIC_LOCK_TIMEOUT, ALEMBIC_LOCK_RETRIES)"
    )


class Statements:
    """Repeats single statements of a connection, where the database allows that."""

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self._failed: tuple[BaseException, int] | None = None

    def tries(self, error: BaseException) -> int:
        """How often the statement was tried that ended with a driver's error."""
        failed = self._failed
        return failed[1] if failed is not None and failed[0] is error else 1

    def execute(
        self, cursor: t.Any, sql: str, parameters: t.Any, context: t.Any
    ) -> bool:
        """Execute in place of the dialect; False to leave it to that."""
        ours, repeats = self._context, self._context.repeats
        if not ours.timeouts.ours:
            repeats.before(sql)
            return False
        dialect = ours.dialect
        with ours.timeouts.statement(sql):
            waits, number = None, 1
            while True:
                repeats.before(sql)
                try:
                    dialect.do_execute(cursor, sql, parameters, context)
                    break
                except dialect.loaded_dbapi.Error as e:
                    waits = waits or pauses(ours.settings.lock_retries)
                    pause = self._pause(e, sql, waits)
                    if pause is None:
                        self._failed = e, number
                        raise
                    message = describe(ours, e, sql, ours.running)
                tell(ours.part, message, pause, number, ours.settings.lock_retries)
                time.sleep(pause)
                number += 1
        repeats.done(sql)
        return True

    def _pause(
        self, error: BaseException, sql: str, waits: t.Iterator[float]
    ) -> float | None:
        repeats = self._context.repeats
        if repeats.waited(error) and repeats.statement(error, sql):
            return next(waits, None)
        return None

    def done(self, sql: str) -> None:
        """A statement for many rows is executed."""
        self._context.repeats.done(sql)


_watched: WeakKeyDictionary[sa.Connection, Statements] = WeakKeyDictionary()


@contextlib.contextmanager
def repeating_statements(context: StepContext) -> t.Iterator[None]:
    """Repeat statements of this connection in the block."""
    _listen(context.dialect)
    _watched[context.live] = Statements(context)
    try:
        yield
    finally:
        _watched.pop(context.live, None)
        context.repeats.end()


def _listen(dialect: sa.Dialect) -> None:
    # The event is the dialect's, which other threads use meanwhile: once, for good.
    if not event.contains(dialect, "do_execute", _on_execute):
        event.listen(dialect, "do_execute", _on_execute)
        event.listen(dialect, "do_executemany", _on_execute_many)


def _statements(context: t.Any) -> Statements | None:
    return None if context is None else _watched.get(context.root_connection)


def _on_execute(cursor: t.Any, sql: str, parameters: t.Any, context: t.Any) -> bool:
    found = _statements(context)
    return found is not None and found.execute(cursor, sql, parameters, context)


def _on_execute_many(_: t.Any, sql: str, __: t.Any, context: t.Any) -> bool:
    found = _statements(context)
    if found is not None:
        found.done(sql)
    return False

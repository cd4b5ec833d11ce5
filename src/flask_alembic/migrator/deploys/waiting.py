"""Wait until databases are where the code expects them to be."""

from __future__ import annotations

import time
import typing as t

from ...errors import NotReadyError
from ...results import Event
from ...results import readiness
from ...results import Report
from ...results import Status
from ..runs import tell

Statuses: t.TypeAlias = tuple[Status, ...]


def wait(
    look: t.Callable[[], Statuses], *, timeout: float, interval: float, exact: bool
) -> Statuses:
    """Look again and again, and tell the listeners what has changed.

    :param timeout: Seconds.
    :param interval: Seconds between two looks.
    :param exact: A database that is ahead isn't ready.
    :raises NotReadyError: The time is over.
    """
    end = time.monotonic() + timeout
    before: dict[str, Status] = {}
    while True:
        statuses = look()
        if readiness(statuses, exact=exact) == 0:
            return statuses
        for status in statuses:
            if before.get(status.database.name) != status:
                tell(Event("waiting", status.database, status=status))
        before = {status.database.name: status for status in statuses}
        left = end - time.monotonic()
        if left <= 0:
            raise _not_ready(statuses, timeout, exact)
        time.sleep(min(interval, left))


def _not_ready(statuses: Statuses, timeout: float, exact: bool) -> NotReadyError:
    late = [s for s in statuses if readiness([s], exact=exact)]
    where = ", ".join(_where(status) for status in late)
    error = NotReadyError(
        f"Not ready after {timeout:g} s: {where}.",
        fix="'flask db status' says more; 'flask db upgrade' applies what is pending.",
    )
    error.exit_code = readiness(statuses, exact=exact)
    error.report = Report(
        "wait", False, error.exit_code, statuses=statuses, message=error.message
    )
    return error


def _where(status: Status) -> str:
    """Say where a database is."""
    name = repr(status.database.name)
    if not status.reachable:
        return f"{name} can't be reached"
    at = f"at {', '.join(status.current)}" if status.current else "at base"
    return f"{name} is {status.state}, {at}"

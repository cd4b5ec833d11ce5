"""How long statements may wait and run, while a connection is a migration's."""

from __future__ import annotations

import contextlib
import math
import typing as t

import sqlalchemy as sa

from .returning import on_return

NOTHING: t.Final = contextlib.nullcontext()
"""Around most steps and statements there is nothing to do: no generator begins."""


class Limits:
    """Seconds; None for what the connection has anyway, 0 for no limit.

    :param lock: How long a statement may wait for a lock.
    :param statement: How long it may run.
    """

    def __init__(
        self, lock: float | None = None, statement: float | None = None
    ) -> None:
        self.lock: t.Final = lock
        self.statement: t.Final = statement


class Timeouts:
    """The limits of a connection during a run; here, and for a caller's: untouched.

    What the application has set on its connection wins. By raw cursor.
    """

    ours: bool = False
    """Whether how long to wait for a lock is ours to decide; retries are, too, then."""

    def __init__(self, connection: sa.Connection, limits: Limits) -> None:
        self.connection = connection
        self.limits = limits

    def look(self) -> None:
        """See what the application has set, before its transaction ends."""

    def start(self) -> None:
        """Set the run's limits."""

    def step(self, own: Limits) -> contextlib.AbstractContextManager[None]:
        """Let one revision have limits of its own."""
        if own.lock is None and own.statement is None:
            return NOTHING
        return self._step(own)

    @contextlib.contextmanager
    def _step(self, own: Limits) -> t.Iterator[None]:
        limits = self.limits
        self.limits = Limits(
            limits.lock if own.lock is None else own.lock,
            limits.statement if own.statement is None else own.statement,
        )
        self.apply()
        try:
            yield
        finally:
            self.limits = limits
        self.apply()

    @contextlib.contextmanager
    def outside(self) -> t.Iterator[None]:
        """Surround what runs outside of a transaction."""
        yield

    def statement(self, sql: str) -> contextlib.AbstractContextManager[None]:
        """Surround one statement outside of a transaction."""
        return NOTHING

    def apply(self) -> None:
        """Set the limits where they matter now."""

    def end(self) -> None:
        """Put back what was found. Safe to call twice."""


class SessionTimeouts(Timeouts):
    """Limits that are variables of the session, which a rollback doesn't touch."""

    locks: t.ClassVar[t.Collection[str]]
    """Names of the variables that limit waiting."""

    ours = True

    def __init__(self, connection: sa.Connection, limits: Limits) -> None:
        super().__init__(connection, limits)
        self._found: dict[str, t.Any] = {}
        self._set: dict[str, t.Any] = {}
        self._driver: t.Any = None
        self._forget: t.Callable[[], None] | None = None

    def find(self) -> t.Mapping[str, tuple[t.Any, bool]]:
        """Read each variable, and whether the application has set it."""
        raise NotImplementedError

    def wanted(self) -> t.Mapping[str, t.Any]:
        """The variables' values for the limits, without those that stay."""
        raise NotImplementedError

    def assign(self, driver: t.Any, values: t.Mapping[str, t.Any]) -> None:
        """Set variables.

        :param driver: The driver's connection.
        """
        raise NotImplementedError

    def look(self) -> None:
        """See what the application has set."""
        found = self.find()
        self._found = {
            name: value for name, (value, theirs) in found.items() if not theirs
        }
        self.ours = all(name in self._found for name in self.locks)

    def start(self) -> None:
        """Set the run's limits; they are put back at the latest with the connection."""
        self._driver = self.connection.connection.dbapi_connection
        self._forget = on_return(self.connection, lambda _: self.end())
        self.apply()

    def apply(self) -> None:
        """Set what differs from what is set."""
        wanted = {**self._found, **self.wanted()}
        now = {**self._found, **self._set}
        changed = {n: v for n, v in wanted.items() if n in now and v != now[n]}
        if changed:
            self._set.update(changed)
            self.assign(self._driver, changed)

    def end(self) -> None:
        """Put back what was found."""
        old = {name: self._found[name] for name in self._set}
        self._set = {}
        if old:
            # One that is lost or closed needs nothing.
            with contextlib.suppress(Exception):
                self.assign(self._driver, old)
        if self._forget is not None:
            self._forget()


def milliseconds(seconds: float, unlimited: int = 0) -> int:
    """A limit in whole milliseconds, at least one."""
    return max(1, math.ceil(seconds * 1000)) if seconds else unlimited

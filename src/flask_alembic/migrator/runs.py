"""What happens during one command: collected, told to listeners, made a report."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import typing as t
from contextvars import ContextVar

from .. import signals
from ..errors import MigrationError

if t.TYPE_CHECKING:
    from ..results import Database
    from ..results import DatabaseResult
    from ..results import Event
    from ..results import EventKind
    from ..results import Outcome
    from ..results import Report
    from ..results import Step
    from ..results import StepResult
    from .deploys.journal import Decision
    from .deploys.retries import Obstacle

logger = logging.getLogger(__name__)

Listener: t.TypeAlias = "t.Callable[[Event], object]"

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())
_current: ContextVar[Run | None] = ContextVar("run", default=None)


@contextlib.contextmanager
def listening(callback: Listener) -> t.Iterator[None]:
    """Call this with each event of what runs in the block."""
    token = _listeners.set((*_listeners.get(), callback))
    try:
        yield
    finally:
        _listeners.reset(token)


@contextlib.contextmanager
def muted() -> t.Iterator[None]:
    """Tell nobody of what runs in the block."""
    listeners, current = _listeners.set(()), _current.set(None)
    try:
        yield
    finally:
        _current.reset(current)
        _listeners.reset(listeners)


def tell(event: Event) -> None:
    """Call the listeners, and send the signal that stands for the event."""
    for callback in _listeners.get():
        try:
            callback(event)
        except Exception:
            # Whoever only watches can't be the reason for a rollback.
            logger.exception("A listener failed at %s.", event.kind)
    run = _current.get()
    if run is not None and run.changes:
        signals.send_event(event)


class DatabaseRun:
    """One database's part of a run, while it goes on.

    No dataclass: every command that runs waits until its class is made.

    :param heads: What is applied, as far as it can't be undone any more.
    :param kept: How many of the results can't be undone any more.
    :param touched: A failed step left statements behind.
    :param purged: The version table was emptied first.
    :param earlier: What earlier attempts of the run committed.
    :param attempts: How often the run was begun.
    :param dry: What is committed is rolled back.
    """

    def __init__(self, database: Database, *, dry: bool = False) -> None:
        self.database = database
        self.heads: tuple[str, ...] = ()
        self.steps: tuple[Step, ...] = ()
        self.results: list[StepResult] = []
        self.warnings: list[str] = []
        self.kept = 0
        self.touched = False
        self.purged = False
        self.error: str | None = None
        self.earlier: tuple[StepResult, ...] = ()
        self.attempts = 1
        self.dry = dry

    def again(self) -> DatabaseRun:
        """Begin another attempt; what this one has committed stays on record."""
        other = DatabaseRun(self.database, dry=self.dry)
        other.heads = self.heads
        other.warnings = self.warnings
        other.touched, other.purged = self.touched, self.purged
        other.earlier = (*self.earlier, *self.results[: self.kept])
        other.attempts = self.attempts + 1
        return other

    def warn(self, text: str) -> None:
        """Note what should be seen in the results; once, however often it is tried."""
        if text not in self.warnings:
            self.warnings.append(text)

    def emit(self, kind: EventKind, number: int = 0, **values: t.Any) -> None:
        """Tell the listeners; without any, the event isn't even made."""
        if not (_listeners.get() or signals.receives(kind)):
            return
        from ..results import Event

        total = len(self.steps)
        tell(Event(kind, self.database, number=number, total=total, **values))

    def keep(self, heads: t.Iterable[str]) -> None:
        """Note that a commit made everything so far last, or undid it in a dry run."""
        if self.dry and self.results:
            self.undo()
            return
        self.heads = tuple(sorted(heads))
        self.kept = len(self.results)

    def undo(self) -> None:
        """Note that a rollback undid what wasn't kept."""
        self.results[self.kept :] = [
            dataclasses.replace(result, state="rolled_back")
            if result.state == "done"
            else result
            for result in self.results[self.kept :]
        ]

    @property
    def outcome(self) -> Outcome:
        """What became of this database."""
        lasting = [*self.earlier, *self.results[: self.kept]]
        kept = any(result.state == "done" for result in lasting)
        complete = self.kept == len(self.steps)
        if complete and self.error is None:
            return "done" if self.steps or lasting or self.purged else "unchanged"
        if kept or self.touched:
            return "partial"
        if self.results:
            return "rolled_back"
        return "failed" if self.error else "unchanged"

    def result(self) -> DatabaseResult:
        """Freeze it."""
        from ..results import DatabaseResult

        return DatabaseResult(
            database=self.database,
            outcome=self.outcome,
            heads=self.heads,
            steps=(*self.earlier, *self.results),
            error=self.error,
            warnings=tuple(self.warnings),
            attempts=self.attempts,
        )


class Run:
    """One command's run over its databases.

    :param command: The method that was called.
    :param writes: Whether it is meant to change databases.
    :param names: The databases it is for; None for all.
    :param purge: Start as if the version table were empty.
    :param checks: Refuse a version table that no plan can start from.
    :param dry: Roll back instead of committing.
    :param options: What else a script that is the environment may ask for.
    :param decision: What to do with revisions that were interrupted.
    :param scratch: The databases exist for this trial only.
    """

    def __init__(
        self,
        command: str,
        *,
        writes: bool = True,
        names: t.Collection[str] | None = None,
        purge: bool = False,
        checks: bool = True,
        dry: bool = False,
        options: t.Mapping[str, t.Any] | None = None,
        decision: Decision | None = None,
        scratch: bool = False,
    ) -> None:
        self.command = command
        self.writes = writes
        self.names = names
        self.purge = purge
        self.checks = checks
        self.dry = dry
        self.options = dict(options or {})
        self.decision = decision
        self.scratch = scratch
        self.databases: dict[str, DatabaseRun] = {}
        self.locked: set[t.Hashable] = set()
        """What this run has locked, under whichever name."""
        self.obstacle: Obstacle | None = None
        """What the latest attempt has failed for, if it was a lock."""

    @property
    def changes(self) -> bool:
        """Whether databases are to be changed, for good."""
        passing = self.dry or self.scratch or self.options.get("as_sql")
        return self.writes and not passing

    def start(self, database: Database) -> DatabaseRun:
        """Begin a database's part; another attempt of it, if there was one before."""
        before = self.databases.get(database.name)
        new = DatabaseRun(database, dry=self.dry)
        part = new if before is None else before.again()
        self.databases[database.name] = part
        return part

    def finish(self) -> None:
        """Tell the listeners that everything is committed."""
        for part in self.databases.values():
            part.emit("run_finished")

    def report(self, error: BaseException | None = None) -> Report:
        """Freeze the run as a report."""
        from ..results import Report

        return Report(
            command=self.command,
            ok=error is None,
            exit_code=_exit_code(error),
            databases=tuple(
                self.databases[name].result() for name in sorted(self.databases)
            ),
            message="" if error is None else first_line(error),
            dry_run=self.dry,
        )


@contextlib.contextmanager
def collecting(run: Run) -> t.Iterator[Run]:
    """Let whatever runs in the block report here; attach the report to an error."""
    token = _current.set(run)
    if run.changes:
        signals.send(signals.before_run, command=run.command)
    try:
        yield run
        if run.changes:
            signals.send_end(run.command, run.report)
    except BaseException as e:
        for part in run.databases.values():
            part.emit("run_failed", message=first_line(e))
        # Exceptions with slots of their own have no place for it.
        with contextlib.suppress(AttributeError, TypeError):
            e.report = run.report(e)  # type: ignore[attr-defined]
        if run.changes:
            signals.send_end(run.command, functools.partial(run.report, e), e)
        raise
    finally:
        _current.reset(token)


@contextlib.contextmanager
def current_run() -> t.Iterator[Run]:
    """Give the run that is being collected; who calls outside of one gets its own."""
    run = _current.get()
    if run is not None:
        yield run
        return
    with collecting(Run("run_migrations")) as own:
        yield own


def _exit_code(error: BaseException | None) -> int:
    if error is None:
        return 0
    return error.exit_code if isinstance(error, MigrationError) else 1


def first_line(error: BaseException) -> str:
    """Type and first line of an exception; a refusal speaks for itself."""
    text = str(error).strip().split("\n", 1)[0]
    own = isinstance(error, MigrationError)
    return text if own and text else f"{type(error).__name__}: {text}".rstrip(": ")

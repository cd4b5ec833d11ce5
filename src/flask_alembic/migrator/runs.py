"""What happens during one command: collected, told to listeners, made a report."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t
from contextvars import ContextVar

from ..errors import MigrationError
from ..results import Database
from ..results import DatabaseResult
from ..results import Event
from ..results import EventKind
from ..results import Outcome
from ..results import Report
from ..results import Step
from ..results import StepResult

logger = logging.getLogger(__name__)

Listener: t.TypeAlias = t.Callable[[Event], object]

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


@dataclasses.dataclass
class DatabaseRun:
    """One database's part of a run, while it goes on.

    :param heads: What is applied, as far as it can't be undone any more.
    :param kept: How many of the results can't be undone any more.
    :param touched: A failed step left statements behind.
    :param purged: The version table was emptied first.
    """

    database: Database
    heads: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    results: list[StepResult] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    kept: int = 0
    touched: bool = False
    purged: bool = False
    error: str | None = None

    def emit(self, kind: EventKind, number: int = 0, **values: t.Any) -> None:
        """Tell the listeners."""
        event = Event(
            kind, self.database, number=number, total=len(self.steps), **values
        )
        for callback in _listeners.get():
            try:
                callback(event)
            except Exception:
                # Whoever only watches can't be the reason for a rollback.
                logger.exception("A listener failed at %s.", kind)

    def keep(self, heads: t.Iterable[str]) -> None:
        """Note that a commit made everything so far last."""
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
        kept = any(result.state == "done" for result in self.results[: self.kept])
        complete = self.kept == len(self.steps)
        if complete and self.error is None:
            return "done" if self.steps or self.purged else "unchanged"
        if kept or self.touched:
            return "partial"
        if self.results:
            return "rolled_back"
        return "failed" if self.error else "unchanged"

    def result(self) -> DatabaseResult:
        """Freeze it."""
        return DatabaseResult(
            database=self.database,
            outcome=self.outcome,
            heads=self.heads,
            steps=tuple(self.results),
            error=self.error,
            warnings=tuple(self.warnings),
        )


class Run:
    """One command's run over its databases.

    :param command: The method that was called.
    :param writes: Whether it is meant to change databases.
    :param names: The databases it is for; None for all.
    :param purge: Start as if the version table were empty.
    :param checks: Refuse a version table that no plan can start from.
    :param options: What else a script that is the environment may ask for.
    """

    def __init__(
        self,
        command: str,
        *,
        writes: bool = True,
        names: t.Collection[str] | None = None,
        purge: bool = False,
        checks: bool = True,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.command = command
        self.writes = writes
        self.names = names
        self.purge = purge
        self.checks = checks
        self.options = dict(options or {})
        self.databases: dict[str, DatabaseRun] = {}

    def start(self, database: Database) -> DatabaseRun:
        """Begin a database's part, anew if an override tries again."""
        part = self.databases[database.name] = DatabaseRun(database)
        return part

    def report(self, error: BaseException | None = None) -> Report:
        """Freeze the run as a report."""
        return Report(
            command=self.command,
            ok=error is None,
            exit_code=_exit_code(error),
            databases=tuple(
                self.databases[name].result() for name in sorted(self.databases)
            ),
            message="" if error is None else first_line(error),
        )


@contextlib.contextmanager
def collecting(run: Run) -> t.Iterator[Run]:
    """Let whatever runs in the block report here; attach the report to an error."""
    token = _current.set(run)
    try:
        yield run
    except BaseException as e:
        # Exceptions with slots of their own have no place for it.
        with contextlib.suppress(AttributeError, TypeError):
            e.report = run.report(e)  # type: ignore[attr-defined]
        raise
    finally:
        _current.reset(token)


def current_run() -> Run:
    """The run that is being collected, or one for nobody."""
    return _current.get() or Run("run_migrations")


def _exit_code(error: BaseException | None) -> int:
    if error is None:
        return 0
    return error.exit_code if isinstance(error, MigrationError) else 1


def first_line(error: BaseException) -> str:
    """Type and first line of an exception; a refusal speaks for itself."""
    text = str(error).strip().split("\n", 1)[0]
    own = isinstance(error, MigrationError)
    return text if own and text else f"{type(error).__name__}: {text}".rstrip(": ")

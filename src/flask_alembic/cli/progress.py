"""A run while it happens: a line for each revision, with its time, on a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import typing as t

from .formats import step_line
from .render import live_display
from .render import print_line
from .render import terminal

if t.TYPE_CHECKING:
    from rich.console import Console

    from ..extension import Alembic
    from ..results import Event
    from ..results import StepState

STATE_STYLES: t.Mapping[str, str] = {
    "done": "green",
    "skipped": "dim",
    "rolled_back": "yellow",
    "not_run": "dim",
    "failed": "red",
}

SHOWN_HERE = (
    "Running ",
    "Context impl ",
    "Will assume ",
    "Generating static SQL",
    "Waiting: ",
    "Trying again ",
)
"""How log messages begin that say what the terminal is shown anyway."""


@contextlib.contextmanager
def progress(extension: Alembic) -> t.Iterator[None]:
    """Show the runs of the block on a terminal, in place of their log lines."""
    console = terminal(sys.stderr)
    if console is None:
        yield
        return
    shown = Progress(console)
    live = live_display(console, shown.running)
    with quiet_logs(console), live, extension.listen(shown):
        try:
            yield
        except BaseException:
            shown.stopped()
            raise


def quiet() -> contextlib.AbstractContextManager[None]:
    """Keep the log lines of the block's runs from a terminal that shows the results."""
    console = terminal(sys.stderr)
    return contextlib.nullcontext() if console is None else quiet_logs(console)


class Progress:
    """A listener that prints a line for each finished revision."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = ""
        self._started = 0.0

    def running(self) -> str:
        """The line for the revision that is running, with its time until now."""
        line = self._line
        if not line:
            return ""
        return f"  running  {line} ({time.monotonic() - self._started:.1f} s)"

    def __call__(self, event: Event) -> None:
        """Show an event; a terminal that is gone must not stop a migration."""
        with contextlib.suppress(OSError):
            self._show(event)

    def _show(self, event: Event) -> None:
        if event.kind == "run_started" and event.total:
            database = event.database
            title = f"{database.name} ({database.dialect})"
            print_line(self._console, title, "bold")
        elif event.kind == "step_started" and event.step is not None:
            self._started = time.monotonic()
            self._line = step_line(event.step)
        elif event.kind == "step_finished" and event.result is not None:
            self._line = step_line(event.result.step)
            self._finished(event.result.state, event.result.seconds)
        elif event.kind == "lock_waiting":
            line = f"  waiting  {event.message} ({event.seconds:.0f} s)"
            print_line(self._console, line, "yellow")
        elif event.kind == "retrying":
            line = f"  retrying in {event.seconds:.1f} s  {event.message}"
            print_line(self._console, line, "yellow")

    def stopped(self) -> None:
        """Show that the revision that is running, if there is one, has failed."""
        if self._line:
            self._finished("failed", time.monotonic() - self._started)

    def _finished(self, state: StepState, seconds: float) -> None:
        line = f"  {state.replace('_', ' '):<8} {self._line} ({seconds:.2f} s)"
        self._line = ""
        print_line(self._console, line, STATE_STYLES.get(state, ""))


class _Reroute(logging.Filter):
    """Drop log lines that are shown anyway, and print others above the live line."""

    def __init__(self, handler: logging.Handler, console: Console) -> None:
        super().__init__()
        self._handler = handler
        self._console = console

    def filter(self, record: logging.LogRecord) -> bool:
        """Print the record here; the handler never does."""
        if record.levelno > logging.INFO or not self._is_shown_here(record):
            print_line(self._console, self._handler.format(record))
        return False

    @staticmethod
    def _is_shown_here(record: logging.LogRecord) -> bool:
        return record.getMessage().startswith(SHOWN_HERE)


@contextlib.contextmanager
def quiet_logs(console: Console) -> t.Iterator[None]:
    """Keep the handlers of Alembic's logger from writing into the live line."""
    filters = [
        (handler, _Reroute(handler, console))
        for handler in logging.getLogger("alembic").handlers
        if getattr(handler, "stream", None) in (sys.stderr, sys.__stderr__)
    ]
    for handler, added in filters:
        handler.addFilter(added)
    try:
        yield
    finally:
        for handler, added in filters:
            handler.removeFilter(added)

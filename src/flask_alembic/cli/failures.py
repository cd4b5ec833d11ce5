"""What went wrong, in a few lines: pure functions over exceptions."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import MigrationError
from .formats import first_line
from .formats import outcome_line

if t.TYPE_CHECKING:
    from ..results import Report

MOST_LINES = 5
"""How many lines a failing command prints beside log lines."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


def exit_code(error: BaseException) -> int:
    """The code to exit with; never 0, whatever was raised."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, MigrationError) else 1


def failure_lines(error: BaseException) -> list[str]:
    """The error, where it happened and what became of the databases."""
    notes = [first_line(str(note)) for note in getattr(error, "__notes__", ())]
    lines = [*details(error), *notes, *outcomes(error)]
    # The same note may have been added on the way out more than once.
    kept = [f"  {line}" for line in dict.fromkeys(lines) if line]
    return [f"Error: {headline(error)}", *kept][:MOST_LINES]


def headline(error: BaseException) -> str:
    """One line for the error itself."""
    if isinstance(error, MigrationError):
        return " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, SystemExit):
        return f"SystemExit({error.code!r}): a migration tried to end the program."
    kind = type(error).__name__
    text = first_line(str(driver_error(error) or error))
    return f"{kind}: {text}" if text else kind


def driver_error(error: BaseException) -> BaseException | None:
    """What the driver raised, of which SQLAlchemy's error is the wrapping."""
    # Known by its module: SQLAlchemy needn't be loaded to show an error.
    if not type(error).__module__.startswith("sqlalchemy."):
        return None
    return t.cast("BaseException | None", getattr(error, "orig", None))


def details(error: BaseException) -> list[str]:
    """The line in which PostgreSQL says which rows are in the way."""
    lines = str(driver_error(error) or "").splitlines()
    return [line.strip() for line in lines[1:] if line.startswith("DETAIL:")]


def outcomes(error: BaseException) -> list[str]:
    """What became of each database on which something ran."""
    report = report_of(error)
    if report is None:
        return []
    ran = {"done", "rolled_back", "failed"}
    return [
        outcome_line(result)
        for result in report.databases
        if any(step.state in ran for step in result.steps)
    ]


def report_of(error: BaseException) -> Report | None:
    """The report of the run that failed, if there was a run."""
    from ..results import Report

    report = getattr(error, "report", None)
    return report if isinstance(report, Report) else None


def failed_report(command: str, error: BaseException) -> Report:
    """The report of a command that failed, for ``--json``."""
    from ..results import Report

    return dataclasses.replace(
        report_of(error) or Report(command),
        command=command,
        ok=False,
        exit_code=exit_code(error),
        message=headline(error),
    )

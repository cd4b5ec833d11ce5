"""The command for what a run left half-way, where statements commit one by one."""

from __future__ import annotations

import typing as t

import click

from . import options
from .asking import can_ask
from .formats import first_line
from .invocation import Answer
from .invocation import command
from .progress import progress
from .render import show_lines
from .render import show_outcomes

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import Report
    from ..results import Unfinished

Action: t.TypeAlias = t.Literal["finish", "done", "undo"]

QUESTIONS: t.Mapping[Action, str] = {
    "finish": "This runs what is left of {}. Go on?",
    "done": "This takes {} as applied, whatever is missing. Go on?",
    "undo": "This takes back what {} has done. Go on?",
}

STATES = {"done": "done", "missing": "not run", "unknown": "unknown"}


@command(
    "repair",
    click.Argument(["revision"], required=False),
    options.flag("--finish", "Run what is left; the file may have been changed."),
    options.flag("--done", "Take it as applied."),
    options.flag("--undo", "Take its statements back, newest first."),
    click.Option(
        ["--statement-ran/--statement-missing", "ran"],
        default=None,
        help="Whether the statement has run of which the database can't tell.",
    ),
    options.flag("--yes", "Don't ask on a terminal.", "-y"),
    options.databases,
    options.as_json,
)
def repair(
    extension: Alembic,
    revision: str | None,
    finish: bool,
    done: bool,
    undo: bool,
    ran: bool | None,
    yes: bool,
    databases: tuple[str, ...],
) -> Answer:
    """Show or mend a revision that was interrupted half-way on MySQL or MariaDB.

    Without --finish, --done or --undo it tells what has run, and fails if something is
    unfinished.
    """
    chosen: dict[Action, bool] = {"finish": finish, "done": done, "undo": undo}
    actions: list[Action] = [name for name, given in chosen.items() if given]
    if len(actions) > 1:
        raise click.UsageError("Use one of '--finish', '--done' and '--undo'.")
    found = extension.repair(revision, databases=databases or None)
    if not actions or not found.unfinished:
        return Answer(found, lambda: show_lines(unfinished_lines(found)))
    if can_ask() and not yes:
        show_lines(unfinished_lines(found))
        ran = ask(found, actions[0], ran)
    with progress(extension):
        report = extension.repair(
            revision, action=actions[0], ran=ran, databases=databases or None
        )
    return Answer(report, lambda: show_outcomes(report))


def ask(found: Report, action: Action, ran: bool | None) -> bool | None:
    """Ask whether to go on, and what the database can't tell.

    :raises click.ClickException: The answer was no.
    """
    names = ", ".join(item.revision for item in found.unfinished)
    if not click.confirm(QUESTIONS[action].format(names), err=True):
        raise click.ClickException("Stopped: nothing was changed.")
    unknown = [
        statement
        for item in found.unfinished
        for statement in item.statements
        if statement.state == "unknown"
    ]
    if ran is None and len(unknown) == 1 and action != "done":
        sql = first_line(unknown[0].sql)
        question = (
            f"Look at the database: has statement {unknown[0].number} run, {sql}?"
        )
        return click.confirm(question, err=True)
    return ran


def unfinished_lines(report: Report) -> list[str]:
    """What is unfinished, a line for each statement."""
    if not report.unfinished:
        return [report.message]
    return [line for item in report.unfinished for line in _lines(item)]


def _lines(item: Unfinished) -> t.Iterator[str]:
    changed = ", changed since" if item.changed else ""
    path = item.path or "its file is gone"
    yield f"{item.database.name}: {item.direction} of {item.revision} is unfinished"
    yield f"  {path}{changed}"
    for statement in item.statements:
        note = f" ({statement.note})" if statement.note else ""
        sql = " ".join(statement.sql.split())
        sql = sql if len(sql) <= 100 else f"{sql[:99]}…"
        yield f"  {statement.number:>4} {STATES[statement.state]:<8} {sql}{note}"
    yield "  What follows in the file has not run."

"""The command that waits until the databases are ready."""

from __future__ import annotations

import typing as t

import click

from ..results import Report
from . import options
from .formats import status_line
from .invocation import Answer
from .invocation import command
from .render import show_statuses

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import Event


@command(
    "wait",
    click.Option(
        ["--timeout"],
        type=click.FloatRange(min=0),
        default=60,
        show_default=True,
        help="Seconds after which to give up.",
    ),
    click.Option(
        ["--interval"],
        type=click.FloatRange(min=0, min_open=True),
        default=1,
        show_default=True,
        help="Seconds between two looks.",
    ),
    options.flag("--exact", "Wait on if a database is ahead of the code."),
    options.databases,
    options.as_json,
)
def wait(
    extension: Alembic,
    timeout: float,
    interval: float,
    exact: bool,
    databases: tuple[str, ...],
) -> Answer:
    """Wait until every database is at the code's heads, or ahead of them.

    After the timeout the exit code is that of 'status --check'.
    """
    with extension.listen(show_change):
        statuses = extension.wait(timeout, interval, exact, databases or None)
    report = Report("wait", statuses=statuses)
    return Answer(report, lambda: show_statuses(statuses))


def show_change(event: Event) -> None:
    """Say on stderr how far a database is now."""
    if event.kind == "waiting" and event.status is not None:
        click.echo(f"Waiting for {status_line(event.status)}", err=True)

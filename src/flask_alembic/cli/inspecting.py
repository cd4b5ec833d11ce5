"""Commands that look: each calls a method of the extension and shows what it gives."""

from __future__ import annotations

import contextlib
import sys
import typing as t

import click

from ..errors import MigrationError
from ..results import Report
from . import options
from .invocation import Answer
from .invocation import command
from .options import TargetCommand
from .render import show_branches
from .render import show_entries
from .render import show_lines
from .render import show_statuses

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import LogEntry
    from ..results import Status

Databases: t.TypeAlias = tuple[str, ...]

NOT_ON_HEADS = "Database is not on all head revisions"


@command(
    "current",
    options.flag("--check-heads", "Fail if a head revision isn't applied."),
    options.verbose,
    options.databases,
    options.as_json,
)
def current(
    extension: Alembic, check_heads: bool, verbose: bool, databases: Databases
) -> Answer:
    """Show the revisions that are applied."""
    statuses = extension.status(databases=databases or None)
    check_reachable(statuses)
    behind = [status for status in statuses if not on_heads(status)]
    if check_heads and behind:
        return not_on_heads(statuses, behind)
    entries = {s.database.name: applied_entries(extension, s) for s in statuses}
    revisions = tuple(e.revision for found in entries.values() for e in found)
    report = Report("current", statuses=statuses, revisions=revisions)
    return Answer(report, lambda: show_entries(entries, verbose))


def check_reachable(statuses: tuple[Status, ...]) -> None:
    """Refuse to answer for a database that doesn't.

    :raises MigrationError: Names it.
    """
    for status in statuses:
        if not status.reachable:
            name = status.database.name
            raise MigrationError(f"The database '{name}': {status.note}")


def on_heads(status: Status) -> bool:
    """Whether all head revisions are applied; none are needed where none are."""
    reached = status.state == "current" or not (status.current or status.heads)
    return reached and not status.pending


def not_on_heads(statuses: tuple[Status, ...], behind: list[Status]) -> Answer:
    """Say which databases have to be upgraded."""
    lines = [NOT_ON_HEADS]
    if len(statuses) > 1:
        lines = [x for s in behind for x in (s.database.name, NOT_ON_HEADS)]
    report = Report("current", False, 1, statuses=statuses, message=NOT_ON_HEADS)
    return Answer(report, lambda: show_lines(lines))


def applied_entries(extension: Alembic, status: Status) -> tuple[LogEntry, ...]:
    """The revisions that are applied to a database, which must all be known.

    :raises MigrationError: if the version table can't be made sense of.
    """
    name = status.database.name
    if status.unknown:
        raise MigrationError(
            f"The database '{name}' is at {', '.join(status.unknown)}, which no"
            " revision file has.",
            fix="Get the missing files, or see 'flask db status'.",
        )
    if status.state == "unknown":
        reason = status.note or "its version table can't be read."
        raise MigrationError(f"The database '{name}': {reason}")
    return extension.describe(list(status.current)) if status.current else ()


@command(
    "heads",
    options.flag("--resolve-dependencies", "Treat dependencies as down revisions."),
    options.verbose,
    options.as_json,
)
def heads(extension: Alembic, resolve_dependencies: bool, verbose: bool) -> Answer:
    """Show the revisions that no revision follows."""
    found = extension.describe("heads", resolve_dependencies=resolve_dependencies)
    return listing("heads", found, verbose)


def listing(name: str, entries: tuple[LogEntry, ...], verbose: bool) -> Answer:
    """The answer of a command that lists revisions."""
    report = Report(name, revisions=tuple(entry.revision for entry in entries))
    return Answer(report, lambda: show_entries({"": entries}, verbose))


@command("branches", options.verbose, options.as_json)
def branches(extension: Alembic, verbose: bool) -> Answer:
    """Show the revisions that more than one revision follows."""
    found = [entry for entry in extension.walk() if len(entry.children) > 1]
    children = described(extension, [c for entry in found for c in entry.children])
    by_id = {child.revision.id: child for child in children}
    pairs = [(entry, [by_id[c] for c in entry.children]) for entry in found]
    report = Report("branches", revisions=tuple(entry.revision for entry in found))
    return Answer(report, lambda: show_branches(pairs, verbose))


def described(extension: Alembic, ids: t.Sequence[str]) -> tuple[LogEntry, ...]:
    """The revisions with these ids, in this order; none for no ids."""
    return extension.describe(list(ids)) if ids else ()


LOG_OPTIONS = (
    click.Option(["--start"], default="base", help="Show since this revision."),
    click.Option(["--end"], default="heads", help="Show until this revision."),
    options.applied,
    options.databases,
    options.verbose,
    options.as_json,
)


def logged(
    extension: Alembic,
    name: str,
    *,
    start: str,
    end: str,
    applied: bool,
    databases: Databases,
    verbose: bool,
) -> Answer:
    """The answer of a command that shows the history, or the record.

    :param name: The command's.
    :raises click.UsageError: The options don't go together.
    """
    if applied:
        if (start, end) != ("base", "heads"):
            raise click.UsageError("'--applied' goes without '--start' and '--end'.")
        from .recording import recorded

        return recorded(extension, name, databases)
    if databases:
        raise click.UsageError("'--database' needs '--applied'.")
    return listing(name, extension.walk(start, end), verbose)


@command("log", *LOG_OPTIONS)
def log(extension: Alembic, **chosen: t.Any) -> Answer:
    """Show the history of revisions, newest first."""
    return logged(extension, "log", **chosen)


@command("history", *LOG_OPTIONS)
def history(extension: Alembic, **chosen: t.Any) -> Answer:
    """Show the history of revisions, newest first; the same as log."""
    return logged(extension, "history", **chosen)


@command(
    "show",
    click.Argument(["revisions"], nargs=-1, required=True),
    options.as_json,
)
def show(extension: Alembic, revisions: tuple[str, ...]) -> Answer:
    """Show all that is known of the given revisions."""
    return listing("show", extension.describe(list(revisions)), verbose=True)


@command(
    "status",
    options.flag("--check", "Fail unless each database is current or ahead."),
    options.flag("--exact", "With --check, fail if a database is ahead, too."),
    options.databases,
    options.as_json,
)
def status(
    extension: Alembic, check: bool, exact: bool, databases: Databases
) -> Answer:
    """Show how far each database is.

    With --check the exit code is 3 if a database is behind or unstamped, 4 if it
    has diverged, 5 if its state is unknown, and 6 if it is ahead and --exact is given.
    """
    from ..results import readiness

    statuses = extension.status(databases=databases or None)
    code = readiness(statuses, exact=exact) if check else 0
    report = Report("status", not code, code, statuses=statuses)
    return Answer(report, lambda: show_statuses(statuses))


@command(
    "plan",
    click.Argument(["target"], required=False),
    click.Option(
        ["--direction"],
        type=click.Choice(["upgrade", "downgrade"]),
        default="upgrade",
        show_default=True,
        help="Which way to go.",
    ),
    click.Option(
        ["--sql/--no-sql", "statements"],
        default=True,
        help="Show the SQL of each step; the default.",
    ),
    options.replay,
    options.flag("--check", "Exit with code 3 if there is anything to do."),
    options.databases,
    options.as_json,
    cls=TargetCommand,
)
def plan(
    extension: Alembic,
    target: str | None,
    direction: t.Literal["upgrade", "downgrade"],
    statements: bool,
    replay: bool,
    check: bool,
    databases: Databases,
) -> Answer:
    """Show what an upgrade or downgrade would run, and its SQL.

    The target is "heads", or "-1" for a downgrade, if it isn't given.
    """
    from .downgrades import downgrade_target
    from .plans import show_plans
    from .progress import quiet

    if direction == "downgrade":
        target = downgrade_target(extension, "-1" if target is None else target)
    elif target is None:
        target = "heads"
    # What a revision prints isn't part of its SQL.
    with quiet(), contextlib.redirect_stdout(sys.stderr):
        plans = extension.plan(
            target,
            databases=databases or None,
            direction=direction,
            statements=statements,
            replay=replay,
        )
    code = 3 if check and any(plan.steps for plan in plans) else 0
    report = Report("plan", not code, code, plans=plans)
    return Answer(report, lambda: show_plans(plans))

"""Commands that change a database or write files, and what they show of it."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..results import Report
from . import options
from .asking import confirm_drops
from .invocation import Answer
from .invocation import command
from .options import TargetCommand
from .progress import progress
from .progress import quiet
from .render import show_outcomes
from .render import show_scripts

if t.TYPE_CHECKING:
    from ..extension import Alembic

RUN_OPTIONS = (options.sql, options.output, options.databases, options.as_json)


@command("mkdir")
def mkdir(extension: Alembic) -> Answer:
    """Create the migrations folder if it doesn't exist."""
    extension.mkdir()
    return Answer(Report("mkdir"))


@command(
    "stamp",
    options.target("heads"),
    options.flag("--purge", "Empty the version table first, whatever it holds."),
    *RUN_OPTIONS,
    cls=TargetCommand,
)
def stamp(extension: Alembic, target: str, **chosen: t.Any) -> Answer:
    """Set the applied revision without running migrations."""
    return migrate(extension, "stamp", target, **chosen)


@command(
    "upgrade",
    options.target("heads"),
    options.dry_run,
    options.replay,
    options.yes,
    *RUN_OPTIONS,
    cls=TargetCommand,
)
def upgrade(extension: Alembic, target: str, **chosen: t.Any) -> Answer:
    """Run migrations up to a revision.

    With --sql the target may be START:END.
    """
    return migrate(extension, "upgrade", target, **chosen)


@command(
    "downgrade",
    options.target("-1"),
    options.dry_run,
    options.yes,
    *RUN_OPTIONS,
    cls=TargetCommand,
)
def downgrade(extension: Alembic, target: str, **chosen: t.Any) -> Answer:
    """Run migrations back to a revision, or back by a count of revisions.

    With --sql the target is START:END.
    """
    from .downgrades import downgrade_target

    target = downgrade_target(extension, target)
    return migrate(extension, "downgrade", target, **chosen)


def migrate(
    extension: Alembic,
    method: t.Literal["stamp", "upgrade", "downgrade"],
    target: str,
    *,
    sql: bool,
    output: Path | None,
    databases: tuple[str, ...],
    yes: bool = False,
    **more: t.Any,
) -> Answer:
    """Run migrations, or give their SQL.

    :param yes: Don't ask.
    :param more: What only this method takes.
    """
    run = getattr(extension, method)
    dry_run = more.get("dry_run")
    if method != "stamp" and not (sql or dry_run or yes):
        replay = more.get("replay", False)
        confirm_drops(extension, method, target, databases, replay=replay)
    more["databases"] = databases or None
    if sql:
        with quiet():
            scripts = run(target, sql=True, **more)
        return sql_answer(method, scripts, output)
    with progress(extension):
        report: Report = run(target, **more)
    if dry_run:
        # Late, like all that few commands show.
        from .plans import show_dry_run

        return Answer(report, lambda: show_dry_run(report))
    return Answer(report, lambda: show_outcomes(report))


def sql_answer(name: str, scripts: t.Mapping[str, str], output: Path | None) -> Answer:
    """Give SQL to standard output or to a file for each database."""
    from .formats import ended
    from .formats import file_names

    report = Report(name)
    if output is None:
        return Answer(report, lambda: show_scripts(scripts))
    output.mkdir(parents=True, exist_ok=True)
    for key, file_name in file_names(scripts).items():
        # The text is exactly what the database gets: no other line ends.
        with (output / file_name).open("w", encoding="utf-8", newline="") as file:
            file.write(ended(scripts[key]))
    return Answer(report)

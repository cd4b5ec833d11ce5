"""Commands that change a database or write files, and what they show of it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import click

from ..results import Report
from . import options
from .downgrades import downgrade_target
from .formats import ended
from .formats import file_names
from .invocation import Answer
from .invocation import command
from .invocation import TargetCommand
from .progress import progress
from .progress import quiet
from .render import show_lines
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


@command("upgrade", options.target("heads"), *RUN_OPTIONS, cls=TargetCommand)
def upgrade(extension: Alembic, target: str, **chosen: t.Any) -> Answer:
    """Run migrations up to a revision.

    With --sql the target may be START:END.
    """
    return migrate(extension, "upgrade", target, **chosen)


@command("downgrade", options.target("-1"), *RUN_OPTIONS, cls=TargetCommand)
def downgrade(extension: Alembic, target: str, **chosen: t.Any) -> Answer:
    """Run migrations back to a revision, or back by a count of revisions.

    With --sql the target is START:END.
    """
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
    **more: t.Any,
) -> Answer:
    """Run migrations, or give their SQL.

    :param more: What only this method takes.
    """
    run = getattr(extension, method)
    more["databases"] = databases or None
    if sql:
        with quiet():
            scripts = run(target, sql=True, **more)
        return sql_answer(method, scripts, output)
    with progress(extension):
        report: Report = run(target, **more)
    return Answer(report, lambda: show_outcomes(report))


def sql_answer(name: str, scripts: t.Mapping[str, str], output: Path | None) -> Answer:
    """Give SQL to standard output or to a file for each database."""
    report = Report(name)
    if output is None:
        return Answer(report, lambda: show_scripts(scripts))
    output.mkdir(parents=True, exist_ok=True)
    for key, file_name in file_names(scripts).items():
        # The text is exactly what the database gets: no other line ends.
        with (output / file_name).open("w", encoding="utf-8", newline="") as file:
            file.write(ended(scripts[key]))
    return Answer(report)


@command(
    "revision",
    click.Argument(["message"]),
    options.flag("--empty", "Write a revision without operations."),
    click.Option(
        ["-b", "--branch"],
        default="default",
        show_default=True,
        help="The branch that the revision is on.",
    ),
    options.many(
        "--parent",
        "The revision to follow. Can be given several times.",
        "-p",
        default=["head"],
        show_default=True,
    ),
    options.flag("--splice", "Allow a parent that is not a head."),
    options.many(
        "--depend",
        "A revision that must be applied before. Can be given several times.",
        "-d",
    ),
    options.label,
    click.Option(["--path"], help="The folder to write the revision into."),
    options.rev_id,
    options.as_json,
)
def revision(
    extension: Alembic,
    message: str,
    empty: bool,
    branch: str,
    parent: tuple[str, ...],
    splice: bool,
    depend: tuple[str, ...],
    label: tuple[str, ...],
    path: str | None,
    rev_id: str | None,
) -> Answer:
    """Write a revision from the differences between models and databases."""
    scripts = extension.revision(
        message,
        empty,
        branch,
        list(parent),
        splice,
        list(depend) or None,
        list(label) or None,
        path,
        rev_id=rev_id,
    )
    if not scripts:
        verdict = "No changes detected."
        report = Report("revision", message=verdict)
        return Answer(report, lambda: show_lines([verdict]))
    return written("revision", extension, [s.revision for s in scripts], branch)


@command(
    "merge",
    click.Argument(["revisions"], nargs=-1),
    click.Option(["-m", "--message"], help="What to call the revision."),
    options.label,
    options.rev_id,
    options.as_json,
)
def merge(
    extension: Alembic,
    revisions: tuple[str, ...],
    message: str | None,
    label: tuple[str, ...],
    rev_id: str | None,
) -> Answer:
    """Join heads, or the given revisions, in a new revision."""
    merged = extension.describe(list(revisions) or "heads")
    script = extension.merge(
        list(revisions) or "heads", message, list(label) or None, rev_id=rev_id
    )
    if script.revision in [entry.revision.id for entry in merged]:
        verdict = f"Nothing to merge: {script.revision} stands alone."
        found = tuple(entry.revision for entry in merged)
        report = Report("merge", revisions=found, message=verdict)
        return Answer(report, lambda: show_lines([verdict]))
    return written("merge", extension, [script.revision])


def written(
    name: str, extension: Alembic, ids: list[str], branch: str | None = None
) -> Answer:
    """Name the files that were written, and the branch that one of them begins.

    :param branch: The branch that was asked for.
    """
    revisions = tuple(entry.revision for entry in extension.describe(ids))
    lines = []
    for revision in revisions:
        begins = not revision.parents and branch in revision.labels
        ending = f" (new branch {branch})" if begins else ""
        lines.append(f"Created {revision.path}{ending}")
    report = Report(name, revisions=revisions, message="; ".join(lines))
    return Answer(report, lambda: show_lines(lines))

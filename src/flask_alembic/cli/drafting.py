"""Commands that write revision files."""

from __future__ import annotations

import typing as t

import click

from ..results import Report
from ..results import Revision
from . import deciding
from . import options
from .comparing import verdict
from .deciding import DECISIONS
from .deciding import decisions
from .invocation import Answer
from .invocation import command
from .render import show_lines
from .render_drafts import show_written

if t.TYPE_CHECKING:
    from ..extension import Alembic


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
    *DECISIONS,
    options.all_tables,
    deciding.prove,
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
    all_tables: bool,
    prove: bool | None,
    **decided: t.Any,
) -> Answer:
    """Write a revision from the differences between models and databases."""
    draft = extension.revise(
        message,
        empty,
        branch,
        list(parent),
        splice,
        list(depend) or None,
        list(label) or None,
        path,
        rev_id=rev_id,
        all_tables=all_tables,
        prove=prove,
        **decisions(**decided),
    )
    lines = created(draft.revisions, branch) or [verdict(draft)]
    message = "; ".join(lines)
    ok = all(finding.severity != "error" for finding in draft.findings)
    report = Report(
        "revision",
        ok,
        int(not ok),
        revisions=draft.revisions,
        draft=draft,
        message=message,
    )
    return Answer(report, lambda: show_written(draft, lines))


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
    made = tuple(e.revision for e in extension.describe([script.revision]))
    lines = created(made)
    report = Report("merge", revisions=made, message="; ".join(lines))
    return Answer(report, lambda: show_lines(lines))


def created(revisions: t.Iterable[Revision], branch: str | None = None) -> list[str]:
    """Name the files that were written, and the branch that one of them begins.

    :param branch: The branch that was asked for.
    """
    lines = []
    for revision in revisions:
        begins = not revision.parents and branch in revision.labels
        ending = f" (new branch {branch})" if begins else ""
        lines.append(f"Created {revision.path}{ending}")
    return lines

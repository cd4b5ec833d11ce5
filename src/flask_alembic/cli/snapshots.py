"""The command that makes and checks snapshots."""

from __future__ import annotations

import typing as t

from ..results import Report
from ..results import Snapshot
from . import options
from .formats import applied
from .formats import count
from .invocation import Answer
from .invocation import command
from .progress import quiet
from .render import show_lines

if t.TYPE_CHECKING:
    from ..extension import Alembic


@command(
    "snapshot",
    options.flag("--check", "Write nothing; fail if one is missing or stale."),
    options.databases,
    options.as_json,
)
def snapshot(extension: Alembic, check: bool, databases: tuple[str, ...]) -> Answer:
    """Write what the revisions leave in an empty database as one file.

    All revisions run on scratch databases for it. From then on an upgrade of an empty
    database begins with the file.
    """
    with quiet():
        found = extension.snapshot(check=check, databases=databases or None)
    ok = all(item.state not in ("missing", "stale") for item in found)
    report = Report("snapshot", ok, int(not ok), snapshots=found)
    return Answer(report, lambda: show_lines(map(snapshot_line, found)))


def snapshot_line(snapshot: Snapshot) -> str:
    """One database's snapshot and what it holds, or what is wrong with it."""
    words = [f"{snapshot.state} {snapshot.path}"]
    if snapshot.state == "written":
        tables, rows = count(snapshot.tables, "table"), count(snapshot.rows, "row")
        words += [f"{tables}, {rows}"]
    if snapshot.revisions:
        words += [f"{count(snapshot.revisions, 'revision')}, {applied(snapshot.heads)}"]
    if snapshot.reason:
        words += [snapshot.reason]
    return f"{snapshot.database.name}: {'; '.join(words)}"

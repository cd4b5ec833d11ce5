"""The record of what was run: the command that compares it, and how it is shown."""

from __future__ import annotations

import typing as t

from ..results import Report
from . import options
from .formats import by_database
from .formats import sections
from .invocation import Answer
from .invocation import command
from .render import show_findings
from .render import show_lines

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import RecordedStep

Databases: t.TypeAlias = tuple[str, ...]


def recorded(extension: Alembic, name: str, databases: Databases = ()) -> Answer:
    """The answer of a command that shows the record.

    :param name: The command's.
    """
    record = extension.record(databases=databases or None)
    groups = by_database(record, lambda step: step.database)
    lines = {name: [recorded_line(x) for x in steps] for name, steps in groups.items()}
    return Answer(Report(name, record=record), lambda: show_lines(sections(lines)))


def recorded_line(step: RecordedStep) -> str:
    """What the record says of a step: when, which way, how long, by whom."""
    when = f"{step.started:%Y-%m-%d %H:%M:%S}" if step.started else "unknown time"
    process = f" (process {step.process})" if step.process else ""
    what = f"{step.direction} {step.revision}"
    return f"{when}  {what}  {step.state}  {step.seconds:.2f} s  {step.who}{process}"


@command("verify", options.databases, options.as_json)
def verify(extension: Alembic, databases: Databases) -> Answer:
    """Check whether revisions were edited after they were applied; fail if so.

    Needs the record that ALEMBIC_HISTORY keeps.
    """
    findings = extension.verify(databases=databases or None)
    ok = all(finding.severity != "error" for finding in findings)
    verdict = "No applied revision was edited." if ok else ""
    report = Report("verify", ok, int(not ok), findings=findings, message=verdict)

    def show() -> None:
        show_findings(findings)
        show_lines([verdict] if verdict else [])

    return Answer(report, show)

"""Commands for the folder as a whole: to change its kind, and to examine it."""

from __future__ import annotations

import typing as t

from ..results import Report
from . import options
from .formats import adoption_lines
from .invocation import Answer
from .invocation import command
from .render import show_findings
from .render import show_lines

if t.TYPE_CHECKING:
    from ..extension import Alembic


@command(
    "adopt",
    options.flag("--undo", "Put everything back."),
    options.flag("--dry-run", "Say what would be changed, and change nothing."),
    options.as_json,
)
def adopt(extension: Alembic, undo: bool, dry_run: bool) -> Answer:
    """Turn a folder of Flask-Migrate or Alembic into one without env.py.

    What env.py and alembic.ini configure is printed as lines for the application; they
    are moved aside. Nothing is changed if they hold what can't be carried over.
    """
    adoption = extension.adopt(undo=undo, apply=not dry_run)
    ok = adoption.state != "refused"
    verdict, *lines = adoption_lines(adoption, undo=undo)
    report = Report("adopt", ok, int(not ok), adoption=adoption, message=verdict)

    def show() -> None:
        show_lines([verdict, *lines])
        show_findings(adoption.findings)

    return Answer(report, show)


@command("doctor", options.as_json)
def doctor(extension: Alembic) -> Answer:
    """Examine the installation, the folder and the databases.

    Fails if something is found that keeps migrations from working.
    """
    findings = extension.doctor()
    ok = all(finding.severity != "error" for finding in findings)
    verdict = "" if findings else "Nothing to mend."
    report = Report("doctor", ok, int(not ok), findings=findings, message=verdict)

    def show() -> None:
        show_lines([verdict] if verdict else [])
        show_findings(findings)

    return Answer(report, show)

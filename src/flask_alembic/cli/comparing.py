"""Commands that compare models and databases, and write nothing."""

from __future__ import annotations

import typing as t

from ..results import Report
from . import options
from .deciding import DECISIONS
from .deciding import decisions
from .invocation import Answer
from .invocation import command
from .render import show_scripts
from .render_drafts import show_draft

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import Draft

Databases: t.TypeAlias = tuple[str, ...]


def verdict(draft: Draft) -> str:
    """Whether there is anything to write, in words that scripts read."""
    return "Changes detected." if draft.operations else "No changes detected."


@command("check", options.all_tables, options.databases, options.as_json)
def check(extension: Alembic, all_tables: bool, databases: Databases) -> Answer:
    """Check whether models and databases differ; fail if they do."""
    draft = extension.diff(databases=databases or None, all_tables=all_tables)
    changed, said = bool(draft.operations), verdict(draft)
    report = Report("check", not changed, int(changed), draft=draft, message=said)
    return Answer(report, lambda: show_draft(draft, said))


@command(
    "diff",
    options.flag("--sql", "Print the SQL of an upgrade instead."),
    *DECISIONS,
    options.all_tables,
    options.databases,
    options.as_json,
)
def diff(
    extension: Alembic,
    sql: bool,
    all_tables: bool,
    databases: Databases,
    **decided: t.Any,
) -> Answer:
    """Show what a new revision would hold, and write nothing."""
    draft = extension.diff(
        databases=databases or None,
        all_tables=all_tables,
        sql=sql,
        **{**decisions(**decided), "ask": None},
    )
    report = Report("diff", draft=draft, message=verdict(draft))
    if sql:
        return Answer(report, lambda: show_scripts(draft.sql))
    return Answer(report, lambda: show_draft(draft, report.message))

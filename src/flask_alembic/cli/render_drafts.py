"""Showing what a comparison found: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import typing as t

import click

from .formats import by_database
from .formats import finding_lines
from .formats import operation_line
from .formats import sections
from .render import show_findings
from .render import show_lines
from .render import table
from .render import terminal

if t.TYPE_CHECKING:
    from rich.console import Console

    from ..results import Draft
    from ..results import Operation

STYLES: t.Mapping[str, str] = {
    "add": "green",
    "create": "green",
    "insert": "green",
    "drop": "red",
    "remove": "red",
    "delete": "red",
}
"""Green for what appears, red for what goes; what changes is yellow."""


def show_draft(draft: Draft, verdict: str) -> None:
    """Show the differences between models and databases, and what to know of them."""
    console = terminal(sys.stdout)
    click.echo(verdict)
    if console is not None:
        _show_tables(console, draft)
        return
    groups = _groups(draft)
    found = {n: [f"  {operation_line(x)}" for x in g] for n, g in groups.items()}
    show_lines(sections(found))
    for finding in draft.findings:
        show_lines(f"  {line}" for line in finding_lines(finding))


def show_written(draft: Draft, lines: t.Sequence[str]) -> None:
    """Show what was written, and on a terminal what it consists of.

    Elsewhere Alembic's log has said that; findings aren't results there.

    :param lines: One for each file, or one that says why there is none.
    """
    console = terminal(sys.stdout)
    show_lines(lines)
    if console is not None:
        _show_tables(console, draft)
        return
    for finding in draft.findings:
        for line in finding_lines(finding):
            click.echo(line, err=True)


def _groups(draft: Draft) -> dict[str, list[Operation]]:
    return by_database(draft.operations, lambda operation: operation.database)


def _show_tables(console: Console, draft: Draft) -> None:
    groups = _groups(draft)
    for name, operations in groups.items():
        if len(groups) > 1:
            console.print(name, style="bold")
        _show_operations(console, operations)
    if draft.findings:
        click.echo()
        show_findings(draft.findings)


def _show_operations(console: Console, operations: t.Sequence[Operation]) -> None:
    from rich.text import Text

    rows = []
    for operation in operations:
        style = STYLES.get(operation.change.split()[0], "yellow")
        change = Text(f"{operation.change} {_short(operation)}".strip(), style)
        rows.append((operation.table, change, operation.note, operation.finding))
    console.print(table(("table", "change", "note", "finding"), rows))


def _short(operation: Operation) -> str:
    """The object's name, without the table's in front of it."""
    if operation.name == operation.table:
        return ""
    return operation.name.removeprefix(f"{operation.table}.")

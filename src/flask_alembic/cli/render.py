"""Showing results: lines for a pipe, Rich for a terminal.

Rich is imported here alone, and only when there is a terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t

import click

from .formats import entry_text
from .formats import finding_lines
from .formats import joined_scripts
from .formats import outcome_line
from .formats import sections
from .formats import status_line

if t.TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

    from ..results import Finding
    from ..results import LogEntry
    from ..results import Report
    from ..results import Status

STATE_STYLES: t.Mapping[str, str] = {
    "current": "green",
    "ahead": "cyan",
    "behind": "yellow",
    "unstamped": "yellow",
    "diverged": "red",
    "unknown": "red",
}

OUTCOME_STYLES: t.Mapping[str, str] = {
    "done": "green",
    "unchanged": "",
    "rolled_back": "yellow",
    "partial": "red",
    "failed": "red",
}


def terminal(stream: t.TextIO) -> Console | None:
    """A console if this is a terminal that can do more than show lines."""
    if not stream.isatty() or os.environ.get("TERM") in {"dumb", "unknown"}:
        return None
    from rich.console import Console

    # "no_color" alone would leave bold and underlined text.
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(
        file=stream,
        force_terminal=True,
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def show_lines(lines: t.Iterable[str]) -> None:
    """Print lines as they are, at once: a flush for each of thousands takes its time."""
    text = "".join(f"{line}\n" for line in lines)
    click.echo(text, nl=False)


def show_entries(
    entries: t.Mapping[str, t.Sequence[LogEntry]], verbose: bool = False
) -> None:
    """Show revisions, each database's after its name if there are several.

    :param entries: Database name -> revisions.
    """
    console = terminal(sys.stdout)
    if console is None:
        texts = {n: [entry_text(e, verbose) for e in x] for n, x in entries.items()}
        show_lines(sections(texts))
        return
    for name, found in entries.items():
        if len(entries) > 1 and found:
            console.print(name, style="bold")
        for entry in found:
            console.print(styled_entry(entry, verbose), soft_wrap=True)


def show_branches(
    branches: t.Sequence[tuple[LogEntry, list[LogEntry]]], verbose: bool
) -> None:
    """Show the revisions where branches part, and the revisions that follow."""
    console = terminal(sys.stdout)
    for entry, children in branches:
        if console is None:
            click.echo(entry_text(entry, verbose))
            show_lines(f"    -> {entry_text(child, False)}" for child in children)
            continue
        console.print(styled_entry(entry, verbose), soft_wrap=True)
        for child in children:
            console.print("    ->", styled_entry(child, False), soft_wrap=True)


def styled_entry(entry: LogEntry, verbose: bool) -> Text:
    """A revision's text with its id and flags in colour."""
    from rich.text import Text

    text = Text(entry_text(entry, verbose))
    # Only the first line is ours; what follows may be anybody's words.
    head = text.plain.partition("\n")[0]
    start = head.find(f"-> {entry.revision.id}") + 3
    if verbose:
        start = len("Rev: ")
    text.stylize("yellow", start, start + len(entry.revision.id))
    for flag in ("(head)", "(effective head)", "(branchpoint)", "(mergepoint)"):
        found = head.find(flag, start)
        if found >= 0:
            text.stylize("green", found, found + len(flag))
    return text


def show_statuses(statuses: t.Sequence[Status]) -> None:
    """Show how far each database is."""
    console = terminal(sys.stdout)
    if console is None:
        show_lines(map(status_line, statuses))
        return
    console.print(status_table(statuses))


def status_table(statuses: t.Sequence[Status]) -> Table:
    """One row for each database."""
    from rich.text import Text

    rows = []
    for status in statuses:
        state = Text(status.state, STATE_STYLES.get(status.state, ""))
        note = status.note or ""
        if status.unknown:
            note = f"not in the code: {', '.join(status.unknown)}. {note}".strip()
        current = ", ".join(status.current) or "base"
        heads = ", ".join(status.heads) or "none"
        pending = str(len(status.pending) or "")
        rows.append((status.database.name, state, current, heads, pending, note))
    return table(("database", "state", "applied", "heads", "pending", ""), rows)


def table(titles: t.Sequence[str], rows: t.Iterable[t.Sequence[str | Text]]) -> Table:
    """A table without lines; a column that nothing stands in is left out."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[Text(x) if isinstance(x, str) else x for x in row] for row in rows]
    used = [i for i in range(len(titles)) if any(row[i].plain for row in cells)]
    for index in used:
        made.add_column(titles[index], overflow="fold")
    for row in cells:
        made.add_row(*(row[index] for index in used))
    return made


SEVERITY_STYLES: t.Mapping[str, str] = {"error": "bold red", "warning": "yellow"}


def show_findings(findings: t.Iterable[Finding]) -> None:
    """Show what is wrong and what mends it, the first line in colour."""
    console = terminal(sys.stdout)
    for finding in findings:
        first, *others = finding_lines(finding)
        if console is None:
            show_lines([first, *others])
            continue
        console.print(
            first, style=SEVERITY_STYLES.get(finding.severity, ""), soft_wrap=True
        )
        for line in others:
            console.print(line, soft_wrap=True)


def show_scripts(scripts: t.Mapping[str, str]) -> None:
    """Show SQL as it is to be run."""
    text = joined_scripts(scripts)
    console = terminal(sys.stdout)
    if console is None:
        click.echo(text, nl=False)
    else:
        show_sql(console, text)


def show_sql(console: Console, text: str) -> None:
    """Print SQL in colour and otherwise as it is: lines uncut, tabs kept."""
    from rich.syntax import Syntax

    syntax = Syntax(
        text, "sql", theme="ansi_dark", background_color="default", tab_size=0
    )
    console.print(_Unformatted(syntax.highlight(text)), soft_wrap=True, end="")


class _Unformatted:
    """Text whose tabs and lines a console leaves alone."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, _: t.Any) -> t.Iterable[Segment]:
        return self._text.render(console)


def show_outcomes(report: Report) -> None:
    """Sum a run up, on a terminal; elsewhere the log has said it."""
    console = terminal(sys.stderr)
    if console is None:
        return
    for result in report.databases:
        style = OUTCOME_STYLES.get(result.outcome, "")
        console.print(outcome_line(result), style=style, soft_wrap=True)


def show_error(lines: t.Sequence[str]) -> None:
    """Print what went wrong on stderr."""
    console = terminal(sys.stderr)
    if console is None:
        for line in lines:
            click.echo(line, err=True)
        return
    from rich.text import Text

    for line in lines:
        text = Text(line)
        text.highlight_regex(r"^Error:", "bold red")
        console.print(text, soft_wrap=True)


def print_line(console: Console, line: str, style: str = "") -> None:
    """Print one line on a terminal, above what is live there."""
    console.print(line, style=style, soft_wrap=True)


def live_display(
    console: Console, line: t.Callable[[], str]
) -> t.ContextManager[t.Any]:
    """Show the line that the function gives, anew several times a second.

    Without colours there is no such line: who turns them off wants plain text.
    """
    if console.color_system is None:
        return contextlib.nullcontext()
    from rich.live import Live

    return Live(
        _LiveLine(line),
        console=console,
        transient=True,
        refresh_per_second=8,
        # What a migration prints belongs above the line, but not if it goes to a file.
        redirect_stdout=sys.stdout.isatty(),
    )


class _LiveLine:
    """Text that is made each time it is drawn."""

    def __init__(self, line: t.Callable[[], str]) -> None:
        self._line = line

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text(self._line(), "cyan", no_wrap=True, overflow="ellipsis")

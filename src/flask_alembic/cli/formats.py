"""Results as text: pure functions that every output shares.

The lines of revisions are those of Alembic's ``Script.cmd_format``, made from our own
data so that reading the history doesn't load Alembic.
"""

from __future__ import annotations

import json
import re
import typing as t

if t.TYPE_CHECKING:
    from ..results import Adoption
    from ..results import DatabaseResult
    from ..results import Finding
    from ..results import LogEntry
    from ..results import Operation
    from ..results import Report
    from ..results import Status
    from ..results import Step

T = t.TypeVar("T")


def entry_line(entry: LogEntry) -> str:
    """A revision on one line: ``parent -> id (flags), message``."""
    revision = entry.revision
    depends = f" ({', '.join(revision.depends_on)})" if revision.depends_on else ""
    labels = f" ({', '.join(entry.branches)})" if entry.branches else ""
    flags = ""
    if not entry.children:
        flags = " (effective head)" if entry.dependents else " (head)"
    flags += _point_flags(entry)
    # Alembic's message is everything before the first empty line.
    message = entry.doc.split("\n\n")[0]
    return f"{_parents(entry)}{depends} -> {revision.id}{labels}{flags}, {message}"


def entry_details(entry: LogEntry) -> str:
    """A revision with all that is known of it, ended by an empty line."""
    revision = entry.revision
    head = "" if entry.children else " (head)"
    parents = "Merges" if len(revision.parents) > 1 else "Parent"
    lines = [f"Rev: {revision.id}{head}{_point_flags(entry)}"]
    lines.append(f"{parents}: {_parents(entry)}")
    if revision.depends_on:
        lines.append(f"Also depends on: {', '.join(revision.depends_on)}")
    if len(entry.children) > 1:
        lines.append(f"Branches into: {', '.join(entry.children)}")
    if entry.branches:
        lines.append(f"Branch names: {', '.join(entry.branches)}")
    doc = "\n".join(f"    {line}" for line in entry.doc.splitlines())
    return "\n".join([*lines, f"Path: {revision.path}", "", doc, ""])


def entry_text(entry: LogEntry, verbose: bool) -> str:
    """A revision in the long or the short form."""
    return entry_details(entry) if verbose else entry_line(entry)


def _parents(entry: LogEntry) -> str:
    return ", ".join(entry.revision.parents) or "<base>"


def _point_flags(entry: LogEntry) -> str:
    branch = " (branchpoint)" if len(entry.children) > 1 else ""
    merge = " (mergepoint)" if len(entry.revision.parents) > 1 else ""
    return branch + merge


def step_line(step: Step) -> str:
    """What a step does, in the words of Alembic's log."""
    message = first_line(step.revision.message)
    return f"{step_words(step)}, {message}" if message else step_words(step)


def step_words(step: Step) -> str:
    """Which way a step goes, without its message."""
    if step.direction == "stamp":
        return f"stamp {step.revision.id}"
    ends = [", ".join(step.revision.parents) or "<base>", step.revision.id]
    if step.direction == "downgrade":
        ends.reverse()
    return f"{step.direction} {' -> '.join(ends)}"


def status_line(status: Status) -> str:
    """How far a database is, on one line and a second for what else to know."""
    blind = status.state == "unknown" and not status.current
    words = [status.state, *([] if blind else [applied(status.current)])]
    if status.pending:
        words.append(f"{len(status.pending)} pending")
    if status.unknown:
        words.append(f"not in the code: {', '.join(status.unknown)}")
    note = f"\n  {status.note}" if status.note else ""
    return f"{status.database.name}: {', '.join(words)}{note}"


OUTCOMES: t.Mapping[str, str] = {
    "unchanged": "nothing to do",
    "rolled_back": "rolled back",
    "partial": "stopped, earlier work is kept",
    "failed": "failed",
}


def outcome_line(result: DatabaseResult) -> str:
    """What became of a database, and where it is now."""
    ran = [step for step in result.steps if step.state == "done"]
    words = OUTCOMES.get(result.outcome)
    if words is None:
        seconds = sum(step.seconds for step in ran)
        words = f"{count(len(ran), 'revision')} in {seconds:.2f} s"
    return f"{result.database.name}: {words}, {applied(result.heads)}"


def applied(ids: t.Sequence[str]) -> str:
    """Where a database is."""
    return f"at {', '.join(ids)}" if ids else "at base"


def operation_line(operation: Operation) -> str:
    """One difference between models and database."""
    note = f" ({operation.note})" if operation.note else ""
    return f"{operation.change} {operation.name}{note}"


def finding_lines(finding: Finding) -> list[str]:
    """What is wrong, where, what comes of it and what mends it."""
    lines = [f"{finding.severity}: {finding.message} [{finding.code}]"]
    lines += [f"  {text}" for text in (finding.where, finding.effect) if text]
    return [*lines, f"  Fix: {finding.fix}"] if finding.fix else lines


ADOPTIONS: t.Mapping[str, str] = {
    "planned": "would become a folder that Flask configures",
    "done": "is configured by Flask now",
    "refused": "can't be adopted as it is; nothing was changed",
    "undone": "is as it was before it was adopted",
}


def adoption_lines(adoption: Adoption, *, undo: bool) -> list[str]:
    """What became of a folder, of its files, and what to configure."""
    if adoption.state == "nothing":
        why = (
            "nothing was moved aside" if undo else "it has no env.py and no alembic.ini"
        )
        return [f"Nothing to do in {adoption.folder}: {why}."]
    words = ADOPTIONS[adoption.state]
    if undo and adoption.state != "undone":
        planned = adoption.state == "planned"
        words = "would be put back" if planned else "can't be put back as it is"
    lines = [f"{adoption.folder} {words}."]
    lines += [f"  {old} -> {new}" for old, new in adoption.moves.items()]
    if adoption.lines:
        lines += ["", "Add to the application:", ""]
        lines += [f"    {line}" for line in adoption.lines]
    return [*lines, ""] if adoption.lines or adoption.findings else lines


def by_database(items: t.Iterable[T], name: t.Callable[[T], str]) -> dict[str, list[T]]:
    """Gather items by their database, in the order in which they come."""
    gathered: dict[str, list[T]] = {}
    for item in items:
        gathered.setdefault(name(item), []).append(item)
    return gathered


def sections(texts: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Lines of several databases, each after its name; one database goes without.

    :param texts: Database name -> its lines.
    """
    if len(texts) == 1:
        return list(*texts.values())
    return [line for name, lines in texts.items() if lines for line in (name, *lines)]


def document(report: Report) -> str:
    """A report as JSON."""
    return json.dumps(report.as_dict(), indent=2)


def joined_scripts(scripts: t.Mapping[str, str]) -> str:
    """SQL scripts as one text, each after its database's name if there are several."""
    if len(scripts) == 1:
        return ended(*scripts.values())
    return "\n".join(
        f"-- database: {first_line(name)}\n{ended(text)}"
        for name, text in scripts.items()
    )


def file_names(keys: t.Iterable[str]) -> dict[str, str]:
    """A safe and unique file name for the script of each database."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in keys:
        stem = re.sub(r"[^\w.-]", "_", key).lstrip(".-")[:100] or "database"
        name, number = stem, 1
        # Some file systems don't tell upper from lower case.
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[key] = f"{name}.sql"
    return names


def ended(text: str) -> str:
    """The text with a line break at its end."""
    return text if not text or text.endswith("\n") else text + "\n"


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((x.strip() for x in text.splitlines() if x.strip()), "")


def count(number: int, noun: str) -> str:
    """A number and its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

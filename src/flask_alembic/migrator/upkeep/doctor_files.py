"""What is wrong with the revision files: read one by one, so that none hides others."""

from __future__ import annotations

import ast
import dataclasses
import os
import typing as t
import warnings
from collections import Counter
from pathlib import Path

from ...errors import HistoryError
from ...errors import RevisionFileError
from ...results import Finding
from ...settings import Settings
from ..headers import Entry
from ..headers import read_entry
from ..headers import unloadable
from ..history import History
from ..watch import _Look


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """The revision files that can be read.

    :param history: Without what can't be read and what is there twice.
    """

    history: History
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether all files could be read."""
        return all(f.code != "revision-unreadable" for f in self.findings)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong that commands stop at."""
        return all(finding.severity != "error" for finding in self.findings)


def read(settings: Settings) -> Files:
    """Read the files of all version locations."""
    folder = settings.script_location
    if not folder.is_dir():
        missing = Finding(
            code="folder-missing",
            severity="error",
            message="There is no migrations folder.",
            effect="There are no revisions to run.",
            fix="'flask db mkdir' (with flask_migrate: 'flask db init'), or name the"
            " right one in ALEMBIC['script_location'].",
            where=str(folder),
        )
        return Files(History(), (missing,))
    findings: list[Finding] = []
    paths = _paths(settings, findings)
    entries: dict[str, Entry] = {}
    for path in paths:
        entry = _entry(path, findings)
        other = entries.setdefault(entry.id, entry) if entry else None
        if entry and other and other is not entry:
            findings.append(_duplicate(entry, other))
    history = History(entries.values())
    broken = list(_broken(history))
    findings += broken
    findings += _circle(history, broken)
    findings += _heads(history)
    findings += _uncovered(settings, set(paths))
    return Files(history, tuple(findings))


def _paths(settings: Settings, findings: list[Finding]) -> list[str]:
    look = _Look(
        recursive=settings.flag("recursive_version_locations"),
        sourceless=settings.flag("sourceless"),
    )
    for location in settings.folders:
        try:
            look.scan(os.path.realpath(location))
        except HistoryError as e:
            findings.append(_unreadable(e, str(location)))
    return list(look.files)


def _entry(path: str, findings: list[Finding]) -> Entry | None:
    try:
        entry = read_entry(path)
    except RevisionFileError as e:
        findings.append(_unreadable(e, path))
        return None
    if path.endswith(".py"):
        # A header is read without the code that follows it.
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(Path(path).read_bytes(), path)
        except (SyntaxError, ValueError) as e:
            error = unloadable(path, e)
            error.__cause__ = e
            findings.append(_unreadable(error, path))
    return entry


def _unreadable(error: HistoryError, where: str) -> Finding:
    cause = error.__cause__
    line = cause.lineno if isinstance(cause, SyntaxError) else None
    return Finding(
        code="revision-unreadable",
        severity="error",
        message=error.message,
        effect="No command that needs the revisions works.",
        fix=error.fix or "Correct the file, or remove it.",
        where=f"{where}:{line}" if line else where,
    )


def _duplicate(entry: Entry, other: Entry) -> Finding:
    return Finding(
        code="revision-duplicate",
        severity="error",
        message=f"Two files have the revision id {entry.id!r}.",
        effect="No command that needs the revisions works.",
        fix=f"Remove one, or give it another id; the other is {other.path}.",
        where=entry.path,
    )


def _broken(history: History) -> t.Iterator[Finding]:
    """Find revisions that follow what doesn't exist."""
    labels = {x for e in history.entries.values() for x in e.labels}
    for id_, entry in history.entries.items():
        revision = entry.revision
        named = {name: "down_revision" for name in revision.parents}
        named |= {n: "depends_on" for n in revision.depends_on if n not in labels}
        for name, written in named.items():
            if name not in history.entries or name == id_:
                yield Finding(
                    code="parent-missing",
                    severity="error",
                    message=f"{id_} names {name!r} as its {written}, which no"
                    f"{' other' if name == id_ else ''} file has.",
                    effect="No command that needs the revisions works.",
                    fix=f"Restore the missing file, or correct {written}.",
                    where=revision.path,
                )


def _circle(history: History, broken: list[Finding]) -> t.Iterator[Finding]:
    if broken:
        return
    try:
        history.check()
    except HistoryError as e:
        yield Finding(
            code="history-unsound",
            severity="error",
            message=e.message,
            effect="No command that needs the revisions works.",
            fix=e.fix or "Correct the files.",
        )


def _heads(history: History) -> t.Iterator[Finding]:
    """Find several heads on one branch; those of labelled branches are meant."""
    if len(history.effective_heads) < 2:
        return
    lines = {id_: history.describe(id_).branches for id_ in history.effective_heads}
    counts = Counter(lines.values())
    heads = [id_ for id_, labels in lines.items() if counts[labels] > 1]
    if heads:
        yield Finding(
            code="heads-several",
            severity="warning",
            message=f"There are several heads: {', '.join(sorted(heads))}.",
            effect="'flask db upgrade head' and a new revision don't know which to take.",
            fix=f"flask db merge {' '.join(sorted(heads))}",
            where=history.entries[heads[0]].revision.path,
        )


def _uncovered(settings: Settings, known: set[str]) -> t.Iterator[Finding]:
    """Find revision files below the folder that no version location covers."""
    for place, folders, names in os.walk(os.path.realpath(settings.script_location)):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__")))
        for name in sorted(names):
            path = os.path.join(place, name)
            if path not in known and name.endswith(".py") and _is_revision(path):
                yield Finding(
                    code="revision-uncovered",
                    severity="warning",
                    message=f"{name} is a revision in a folder that isn't looked into.",
                    effect="It is never run.",
                    fix=f"Add {place!r} to ALEMBIC['version_locations'], or move the"
                    f" file to {settings.home}.",
                    where=path,
                )


def _is_revision(path: str) -> bool:
    """Whether a file sets what a revision sets; it isn't run."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {x.id for x in node.targets if isinstance(x, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {"revision", "down_revision"} <= names

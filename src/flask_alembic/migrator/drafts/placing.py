"""What a new revision should be, and where it goes."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ...errors import DraftError
from .. import folder
from ..live import Live

SYMBOLS = frozenset(["head", "base"])


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a new revision should be; ids are as the caller wrote them.

    :param parents: What it follows.
    :param labels: Branch labels that it starts.
    :param path: The folder for its file.
    """

    id: str
    message: str | None
    parents: tuple[str, ...]
    depends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    path: Path | None = None
    splice: bool = False

    @property
    def text(self) -> str | None:
        """The message as it stands between triple quotes."""
        return None if self.message is None else folder.docstring(self.message)

    def arguments(self) -> dict[str, t.Any]:
        """The arguments of Alembic's ``revision`` command."""
        return {
            "message": self.text,
            "sql": False,
            "head": list(self.parents),
            "splice": self.splice,
            "branch_label": list(self.labels) or None,
            "version_path": str(self.path) if self.path else None,
            "rev_id": self.id,
            "depends_on": list(self.depends) or None,
        }


def place(
    live: Live,
    *,
    branch: str,
    parents: t.Sequence[str],
    labels: t.Sequence[str],
    path: Path | None,
) -> tuple[tuple[str, ...], tuple[str, ...], Path | None]:
    """Decide where a revision goes: its parents, labels and folder.

    The first revision of a branch starts at base, is labelled with the branch's name
    and lies in the branch's folder. In a folder that something else filled, the branch
    "default" is the one line that has no label.

    :raises DraftError: Several lines could be meant.
    """
    settings = live.settings
    found = list(labels)
    parents = list(parents) or ["head"]
    if branch:
        path = path or settings.branch_path(branch)
        if has_branch(live, branch):
            parents = [f"{branch}@{p}" if p in SYMBOLS else p for p in parents]
        elif SYMBOLS.issuperset(parents):
            head = unlabelled_head(live) if branch == "default" else None
            parents = [head or "base"]
            if head is None:
                found.insert(0, branch)
        elif branch != "default":
            found.insert(0, branch)
    folders = settings.folders
    if path is not None and path not in folders:
        raise DraftError(
            f"{path} is not one of the configured folders.",
            fix=f"Configured: {', '.join(str(f) for f in folders)}"
            " (ALEMBIC['version_locations'] adds more).",
        )
    if path is None and branch:
        path = settings.home
    return tuple(parents), tuple(dict.fromkeys(found)), path


def has_branch(live: Live, branch: str) -> bool:
    """Whether some revision starts this branch."""
    entries = live.history().entries.values()
    return any(branch in entry.revision.labels for entry in entries)


def unlabelled_head(live: Live) -> str | None:
    """The head of the one line without a branch label; None if every line has one.

    :raises DraftError: There are several such lines.
    """
    script = live.get_script()
    heads = script.get_revisions(script.get_heads())
    plain = [head.revision for head in heads if not head.branch_labels]
    if len(plain) > 1:
        raise DraftError(
            f"Several heads carry no branch label: {', '.join(sorted(plain))}.",
            fix="Name one with --parent, join them with 'flask db merge', or name a"
            " branch with --branch.",
        )
    return plain[0] if plain else None


def check(live: Live, request: Request) -> None:
    """Refuse an id or a label that can't be had.

    :raises DraftError: Says which.
    """
    entries = live.history().entries
    folder.check_id(request.id, entries)
    for label in request.labels:
        folder.check_label(label)
    for entry in entries.values():
        for label in request.labels:
            if label in entry.revision.labels:
                raise DraftError(
                    f"The label {label!r} belongs to the revision {entry.revision.id}"
                    " already."
                )

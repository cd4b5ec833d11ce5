"""The file of a snapshot: where it lies, what its head says, and whether that holds.

Free of Alembic.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import typing as t
import urllib.parse
from pathlib import Path
from types import ModuleType

from ...errors import RevisionFileError
from ...settings import Settings
from ..databases import Target
from ..deploys.checksum import checksum
from ..headers import execute
from ..headers import module_name
from ..history import History

UPGRADE = "\n\ndef upgrade("
"""Where the head ends."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """What tells whether revision files are the ones that a snapshot was made from.

    :param history: Of their code; comments and layout don't count.
    :param files: Of their bytes: found quickly, and where it is the same so is the other.
    """

    history: str
    files: str


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """What stands in a snapshot before the operations.

    :param of: The ids that are applied when it has run.
    """

    path: Path
    of: tuple[str, ...]
    sums: Sums


def path_of(settings: Settings, target: Target) -> Path:
    """Name the file: each kind of database has a folder, each database a file in it."""
    name = urllib.parse.quote(target.name, safe=" ")
    return settings.snapshot_folder / target.engine.dialect.name / f"{name}.py"


def read_head(path: Path) -> Head | None:
    """Read the head without executing it; None if there is no file.

    :raises RevisionFileError: It isn't a snapshot.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise _unusable(path, f"can't be read: {e}") from e
    try:
        found = _literals(text.partition(UPGRADE)[0])
        of, history, files = (found[key] for key in ("snapshot_of", "history", "files"))
    except (SyntaxError, ValueError, KeyError) as e:
        raise _unusable(path, "isn't one that 'flask db snapshot' has written") from e
    return Head(path, tuple(of), Sums(history, files))


def _literals(text: str) -> dict[str, t.Any]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _unusable(path: Path, what: str) -> RevisionFileError:
    return RevisionFileError(
        f"The snapshot {path} {what}.",
        path=str(path),
        fix="Write it anew with 'flask db snapshot', or delete it.",
    )


def load(head: Head) -> ModuleType:
    """Execute the file.

    :raises RevisionFileError: It fails; the cause is attached.
    """
    module = ModuleType(module_name(str(head.path)))
    execute(module, str(head.path))
    if not hasattr(module, "upgrade"):
        raise _unusable(head.path, "has no function upgrade()")
    return module


def sums_of(history: History, heads: t.Iterable[str]) -> Sums:
    """Sum up the files that lead to some revisions.

    :raises OSError: One can't be read.
    """
    paths = _paths(history, heads)
    return Sums(_of_code(paths), _of_bytes(paths))


def reason_against(head: Head, history: History) -> str:
    """Say why a snapshot doesn't stand for these files any more; nothing if it does."""
    unknown = history.unknown(head.of)
    if unknown:
        return f"the code doesn't have {', '.join(unknown)} any more"
    paths = _paths(history, head.of)
    try:
        same = head.sums.files == _of_bytes(paths)
        same = same or head.sums.history == _of_code(paths)
    except OSError as e:
        return f"a revision can't be read: {e}"
    return "" if same else "revisions were edited, added or taken away since"


def _paths(history: History, heads: t.Iterable[str]) -> list[tuple[str, str]]:
    """Id and path of what leads to some revisions, ordered by the id."""
    entries = history.entries
    ids = sorted(history.ancestors(heads))
    return [(id_, entries[id_].path) for id_ in ids]


def _of_code(paths: list[tuple[str, str]]) -> str:
    lines = [f"{id_} {checksum(path)}\n" for id_, path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _of_bytes(paths: list[tuple[str, str]]) -> str:
    whole = hashlib.sha256()
    for id_, path in paths:
        with open(path, "rb", buffering=0) as file:
            # Version control may change the ends of lines.
            content = file.read().replace(b"\r\n", b"\n")
        whole.update(f"{id_} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()

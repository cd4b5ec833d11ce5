"""What was detected, as it was seen: the documentation has it as tables."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from flask_alembic.results import Draft
from flask_alembic.results import Operation
from sample.changes import Change
from sample.changes import DATABASES
from sample.changes import Step
from sample.steps import STEPS

Found: t.TypeAlias = dict[str, list[str]]

FILE = Path(__file__).parent / "detected.json"

FOLDER = "SAMPLE_RESULTS"
"""The environment variable that names a folder to keep results in."""


def detected(step: Step, draft: Draft) -> Found:
    """What the draft of a step has for each of its changes, by their titles."""
    return {change.title: _words(change, draft) for change in step.changes}


def _words(change: Change, draft: Draft) -> list[str]:
    """The kinds of operations on the tables of a change."""
    words = [one.change for one in draft.operations if _is_about(change, one)]
    assert words, f"not detected: {change.title}"
    return list(dict.fromkeys(words))


def _is_about(change: Change, operation: Operation) -> bool:
    return operation.table in change.tables


def keep(kind: str, found: Found) -> None:
    """Write down what one database gave, if that is asked for."""
    folder = os.environ.get(FOLDER)
    if folder:
        Path(folder, f"{kind}.json").write_text(json.dumps(found), "utf-8")


def gather(folder: Path) -> None:
    """Put together what the databases gave, for all that come later."""
    found = {
        kind: json.loads((folder / f"{kind}.json").read_text("utf-8"))
        for kind in DATABASES
    }
    text = json.dumps(found, ensure_ascii=False, indent=1)
    FILE.write_text(f"{text}\n", "utf-8")


def everything() -> dict[str, Found]:
    """What each database gave when the documentation was made."""
    return t.cast("dict[str, Found]", json.loads(FILE.read_text("utf-8")))


def of(kind: str) -> Found:
    """What one database gave."""
    return everything()[kind]


def said(change: Change) -> str:
    """What has to be said for a change, in the words of the command line."""
    options = [
        "--rename" if "." in name else "--rename-table" for name in change.renames
    ]
    options += ["--default"] * len(change.defaults)
    return ", ".join(f"`{option}`" for option in sorted(set(options)))


def steps() -> tuple[Step, ...]:
    """The steps, in their order."""
    return STEPS

"""The commands of ``flask db``: which file has each of them.

A command loads its own file and no other's; the list of all loads them all.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    import click

FILES: t.Mapping[str, str] = {
    "mkdir": "changing",
    "current": "inspecting",
    "heads": "inspecting",
    "branches": "inspecting",
    "log": "inspecting",
    "history": "inspecting",
    "show": "inspecting",
    "status": "inspecting",
    "wait": "waiting",
    "plan": "inspecting",
    "check": "comparing",
    "diff": "comparing",
    "verify": "recording",
    "stamp": "changing",
    "upgrade": "changing",
    "downgrade": "changing",
    "repair": "repairing",
    "revision": "drafting",
    "merge": "drafting",
    "snapshot": "snapshots",
    "adopt": "upkeep",
    "doctor": "upkeep",
}
"""Command -> the file beside this one that has it, under the same name."""


def load(name: str) -> click.Command:
    """Load a command.

    :raises KeyError: There is none of that name.
    """
    file = importlib.import_module(f".{FILES[name]}", __package__)
    return t.cast("click.Command", getattr(file, name))

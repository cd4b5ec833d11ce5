"""The commands of ``flask db``: which file has each of them.

A command loads its own file and no other's, and the list of all loads none.
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


def unloaded(name: str) -> click.Command:
    """Stand for a command in the list of all."""
    import click

    return click.Command(name, help=HELP[name])


HELP: t.Mapping[str, str] = {
    "mkdir": "Create the migrations folder if it doesn't exist.",
    "current": "Show the revisions that are applied.",
    "heads": "Show the revisions that no revision follows.",
    "branches": "Show the revisions that more than one revision follows.",
    "log": "Show the history of revisions, newest first.",
    "history": "Show the history of revisions, newest first; the same as log.",
    "show": "Show all that is known of the given revisions.",
    "status": "Show how far each database is.",
    "wait": "Wait until every database is at the code's heads, or ahead of them.",
    "plan": "Show what an upgrade or downgrade would run, and its SQL.",
    "check": "Check whether models and databases differ; fail if they do.",
    "diff": "Show what a new revision would hold, and write nothing.",
    "verify": "Check whether revisions were edited after they were applied; fail if so.",
    "stamp": "Set the applied revision without running migrations.",
    "upgrade": "Run migrations up to a revision.",
    "downgrade": "Run migrations back to a revision, or back by a count of revisions.",
    "repair": "Show or mend a revision that was interrupted half-way on MySQL or MariaDB.",
    "revision": "Write a revision from the differences between models and databases.",
    "merge": "Join heads, or the given revisions, in a new revision.",
    "snapshot": "Write what the revisions leave in an empty database as one file.",
    "adopt": "Turn a folder of Flask-Migrate or Alembic into one without env.py.",
    "doctor": "Examine the installation, the folder and the databases.",
}
"""Command -> what the first line of its help says."""

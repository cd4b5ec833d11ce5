"""The commands of ``flask db``: where each of them is, and what the list says of it.

A command loads its own file and no other's, and the list of all loads none.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    import click


class Offered:
    """A command that is loaded when it's needed.

    :param module: What has it under its name, with '_' for '-'.
    :param help: The first line of its help.
    """

    __slots__ = ("help", "module")

    def __init__(self, module: str, help: str) -> None:
        self.module = module
        self.help = help

    def load(self, name: str) -> click.Command:
        """Import the command."""
        module = importlib.import_module(self.module)
        return t.cast("click.Command", getattr(module, name.replace("-", "_")))

    def unloaded(self, name: str) -> click.Command:
        """Stand for the command in the list of all."""
        import click

        return click.Command(name, help=self.help)


OFFERED: t.Mapping[str, Offered] = {
    "mkdir": Offered(
        "flask_alembic.cli.changing",
        "Create the migrations folder if it doesn't exist.",
    ),
    "current": Offered(
        "flask_alembic.cli.inspecting", "Show the revisions that are applied."
    ),
    "heads": Offered(
        "flask_alembic.cli.inspecting", "Show the revisions that no revision follows."
    ),
    "branches": Offered(
        "flask_alembic.cli.inspecting",
        "Show the revisions that more than one revision follows.",
    ),
    "log": Offered(
        "flask_alembic.cli.inspecting", "Show the history of revisions, newest first."
    ),
    "history": Offered(
        "flask_alembic.cli.inspecting",
        "Show the history of revisions, newest first; the same as log.",
    ),
    "show": Offered(
        "flask_alembic.cli.inspecting", "Show all that is known of the given revisions."
    ),
    "status": Offered("flask_alembic.cli.inspecting", "Show how far each database is."),
    "wait": Offered(
        "flask_alembic.cli.waiting",
        "Wait until every database is at the code's heads, or ahead of them.",
    ),
    "plan": Offered(
        "flask_alembic.cli.inspecting",
        "Show what an upgrade or downgrade would run, and its SQL.",
    ),
    "check": Offered(
        "flask_alembic.cli.comparing",
        "Check whether models and databases differ; fail if they do.",
    ),
    "diff": Offered(
        "flask_alembic.cli.comparing",
        "Show what a new revision would hold, and write nothing.",
    ),
    "verify": Offered(
        "flask_alembic.cli.recording",
        "Check whether revisions were edited after they were applied; fail if so.",
    ),
    "stamp": Offered(
        "flask_alembic.cli.changing",
        "Set the applied revision without running migrations.",
    ),
    "upgrade": Offered(
        "flask_alembic.cli.changing", "Run migrations up to a revision."
    ),
    "downgrade": Offered(
        "flask_alembic.cli.changing",
        "Run migrations back to a revision, or back by a count of revisions.",
    ),
    "repair": Offered(
        "flask_alembic.cli.repairing",
        "Show or mend a revision that was interrupted half-way on MySQL or MariaDB.",
    ),
    "revision": Offered(
        "flask_alembic.cli.drafting",
        "Write a revision from the differences between models and databases.",
    ),
    "merge": Offered(
        "flask_alembic.cli.drafting",
        "Join heads, or the given revisions, in a new revision.",
    ),
    "snapshot": Offered(
        "flask_alembic.cli.snapshots",
        "Write what the revisions leave in an empty database as one file.",
    ),
    "adopt": Offered(
        "flask_alembic.cli.upkeep",
        "Turn a folder of Flask-Migrate or Alembic into one without env.py.",
    ),
    "doctor": Offered(
        "flask_alembic.cli.upkeep",
        "Examine the installation, the folder and the databases.",
    ),
}

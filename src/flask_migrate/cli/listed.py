"""The commands of this package's ``flask db``, and what the list says of them."""

from __future__ import annotations

import typing as t

from flask_alembic.cli.commands import Offered

OFFERED: t.Mapping[str, Offered] = {
    "list-templates": Offered("flask_migrate.cli.folders", "List available templates."),
    "init": Offered("flask_migrate.cli.folders", "Create a new migrations folder."),
    "revision": Offered("flask_migrate.cli.writing", "Create a new revision file."),
    "migrate": Offered(
        "flask_migrate.cli.writing",
        "Create a revision file from the differences between models and databases.",
    ),
    "edit": Offered("flask_migrate.cli.writing", "Edit a revision file."),
    "merge": Offered(
        "flask_migrate.cli.writing", "Merge revisions, creating a new revision file."
    ),
    "upgrade": Offered("flask_migrate.cli.running", "Upgrade to a later version."),
    "downgrade": Offered("flask_migrate.cli.running", "Revert to a previous version."),
    "stamp": Offered(
        "flask_migrate.cli.running",
        "Set the applied revision without running migrations.",
    ),
    "check": Offered(
        "flask_migrate.cli.looking", "Check if there are any new operations to migrate."
    ),
    "show": Offered(
        "flask_migrate.cli.looking", "Show the revision denoted by the given symbol."
    ),
    "history": Offered(
        "flask_migrate.cli.looking", "List the revisions, newest first."
    ),
    "heads": Offered(
        "flask_migrate.cli.looking", "Show the revisions that no revision follows."
    ),
    "branches": Offered(
        "flask_migrate.cli.looking",
        "Show the revisions that more than one revision follows.",
    ),
    "current": Offered(
        "flask_migrate.cli.looking",
        "Show the revisions that are applied to each database.",
    ),
}

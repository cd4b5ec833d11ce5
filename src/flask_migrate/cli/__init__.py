"""The ``flask db`` group: Flask-Migrate's commands, and what Flask-Alembic adds.

A command loads the file beside this one that has it, and no other's.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

import click
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from flask_alembic.cli import EXTENSION
from flask_alembic.cli import LazyGroup
from flask_alembic.cli import traceback_option

if t.TYPE_CHECKING:
    from flask_alembic.cli.commands import Offered

LEFT_OUT = frozenset(["mkdir"])
"""What Flask-Alembic adds, but ``init`` does here."""


class MigrateGroup(LazyGroup):
    """The commands here, and Flask-Alembic's where there is none of the same name."""

    def offered(self) -> Mapping[str, Offered]:
        """The commands of both packages."""
        from .listed import OFFERED

        others = super().offered()
        return {**{n: others[n] for n in others.keys() - LEFT_OUT}, **OFFERED}


directory_option = click.option(
    "-d",
    "--directory",
    default=None,
    help='Migration script directory (default is "migrations").',
)
x_option = click.option(
    "-x",
    "--x-arg",
    multiple=True,
    help="Additional argument for a custom env.py. Can be given several times.",
)


@click.group(
    "db",
    cls=MigrateGroup,
    params=[traceback_option],
    short_help="Perform database migrations.",
)
@directory_option
@x_option
@with_appcontext
def db(directory: str | None, x_arg: tuple[str, ...]) -> None:
    """Create, change, inspect and roll back the database schema."""
    g.directory = directory
    # Migrate.get_config() takes them from here.
    g.x_arg = x_arg
    state = current_app.extensions.get("migrate")
    if state is not None:
        click.get_current_context().meta[EXTENSION] = state.alembic


# Hidden from type checkers, which would take any name for one that is there.
if not t.TYPE_CHECKING:

    def __getattr__(name: str) -> t.Any:
        from .listed import OFFERED

        command = name.replace("_", "-")
        if command in OFFERED:
            return OFFERED[command].load(command)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The ``flask db`` group: Flask-Migrate's commands, and what Flask-Alembic adds.

A command loads the file beside this one that has it, and no other's.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import MutableMapping

import click
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from flask_alembic.cli import cli as core_group
from flask_alembic.cli import EXTENSION
from flask_alembic.cli import LazyGroup
from flask_alembic.cli import traceback_option

FILES: t.Mapping[str, str] = {
    "list-templates": "folders",
    "init": "folders",
    "revision": "writing",
    "migrate": "writing",
    "edit": "writing",
    "merge": "writing",
    "upgrade": "running",
    "downgrade": "running",
    "stamp": "running",
    "check": "looking",
    "show": "looking",
    "history": "looking",
    "heads": "looking",
    "branches": "looking",
    "current": "looking",
}
"""Command -> the file that has it."""

LEFT_OUT = frozenset(["mkdir"])
"""What Flask-Alembic adds, but ``init`` does here."""


def load(name: str) -> click.Command:
    """Load one of the commands here."""
    file = importlib.import_module(f".{FILES[name]}", __name__)
    return t.cast("click.Command", getattr(file, name.replace("-", "_")))


class MigrateGroup(LazyGroup):
    """The commands here, and Flask-Alembic's where there is none of the same name."""

    # All of both are loaded to be listed, and tell their help themselves.
    list_commands = click.Group.list_commands
    format_commands = click.Group.format_commands

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """The commands by name; reading it loads them all."""
        for name in FILES:
            if name not in self._commands:
                self._commands[name] = load(name)
        for name, command in core_group.commands.items():
            if name not in LEFT_OUT:
                self._commands.setdefault(name, command)
        return self._commands

    @commands.setter
    def commands(self, value: MutableMapping[str, click.Command]) -> None:
        self._commands = value

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command; those of this package without loading the others."""
        if cmd_name in FILES and cmd_name not in self._commands:
            self._commands[cmd_name] = load(cmd_name)
        return self._commands.get(cmd_name) or self.commands.get(cmd_name)


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
        command = name.replace("_", "-")
        if command in FILES:
            return load(command)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

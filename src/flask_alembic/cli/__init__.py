"""The ``flask db`` command group; its commands are loaded when they are needed."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
import typing as t
from collections.abc import Mapping
from collections.abc import MutableMapping

import click
from flask import current_app
from flask.cli import FlaskGroup
from flask.cli import ScriptInfo

if t.TYPE_CHECKING:
    from .commands import Offered

__all__ = ["cli"]


class LazyGroup(click.Group):
    """A group that loads a command when it is looked up, and none to list them."""

    _commands: MutableMapping[str, click.Command]
    _loaded = False

    def offered(self) -> Mapping[str, Offered]:
        """What can be loaded; a command that was registered under its name wins."""
        from .commands import OFFERED

        return OFFERED

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """The commands by name; reading it loads them all."""
        if not self._loaded:
            self._loaded = True
            for name, offered in self.offered().items():
                if name not in self._commands:
                    self._commands[name] = offered.load(name)
        return self._commands

    @commands.setter
    def commands(self, value: MutableMapping[str, click.Command]) -> None:
        self._commands = value

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command, without loading the others."""
        name = name or cmd.name
        if name is None:
            raise TypeError("The command has no name.")
        self._commands[name] = cmd

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, without loading the others."""
        if cmd_name not in self._commands and not self._loaded:
            offered = self.offered().get(cmd_name)
            if offered is not None:
                self._commands[cmd_name] = offered.load(cmd_name)
        return self._commands.get(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, without loading them."""
        return sorted({*self._commands, *(() if self._loaded else self.offered())})

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the commands with the first lines of their help."""
        offered = self.offered()
        listed = {
            name: self._commands.get(name) or offered[name].unloaded(name)
            for name in self.list_commands(ctx)
        }
        click.Group(commands=listed).format_commands(ctx, formatter)

    def invoke(self, ctx: click.Context) -> t.Any:
        """Run the command in a context of the application that is asked for.

        The context that is there may be another application's: one application's
        test runner used inside the other's context.
        """
        info = ctx.find_object(ScriptInfo)
        if info is not None:
            app = info.load_app()
            # The proxy's own method gives the application itself.
            if not current_app or current_app._get_current_object() is not app:  # type: ignore[attr-defined]
                ctx.with_resource(app.app_context())
        # Whatever else runs a command goes on after it.
        if isinstance(ctx.find_root().command, FlaskGroup):
            atexit.unregister(leave)
            atexit.register(leave)
        from .highlighting import without_highlighting

        with without_highlighting(), collecting_seldom():
            return super().invoke(ctx)


YOUNG = 50_000
"""How many new objects the garbage collector waits for, a few megabytes."""


@contextlib.contextmanager
def collecting_seldom() -> t.Iterator[None]:
    """Let the garbage collector look less often while a command runs.

    Nearly all that a command makes first are modules, which last. As often as usual, it
    looks at them, and at all of SQLAlchemy's, again and again.
    """
    before = gc.get_threshold()
    if 0 < before[0] < YOUNG:
        gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def leave() -> None:
    """Close connections, and leave to the system all else that a process has.

    As it ends, Python looks three times for circles in all that SQLAlchemy and the
    application consist of, to free them one by one: a fifth of a command at head.
    """
    # What isn't imported hasn't connected.
    live = sys.modules.get("flask_alembic.migrator.live")
    if live is not None:
        live.close_pools()
    gc.freeze()


def _show_traceback(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[TRACEBACK] = True


EXTENSION = "flask_alembic.extension"
"""The key in click's ``Context.meta`` of the extension that a group works with."""

TRACEBACK = "flask_alembic.traceback"
"""The key in click's ``Context.meta`` that says to show tracebacks."""

traceback_option = click.Option(
    ["--traceback"],
    is_flag=True,
    expose_value=False,
    callback=_show_traceback,
    help="Show where an error comes from.",
)

cli = LazyGroup(
    "db",
    params=[traceback_option],
    help="Create, change, inspect and roll back the database schema.",
    short_help="Perform database migrations.",
)

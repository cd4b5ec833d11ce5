"""The ``flask db`` command group; its commands are loaded when they are needed."""

from __future__ import annotations

import typing as t
from collections.abc import MutableMapping

import click
from flask import current_app
from flask.cli import ScriptInfo

__all__ = ["cli"]


class LazyGroup(click.Group):
    """A group that loads its commands when one is looked up or listed."""

    _commands: MutableMapping[str, click.Command]
    _loaded = False

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """The commands by name; reading it loads them."""
        if not self._loaded:
            self._loaded = True
            from .commands import COMMANDS

            for name, command in COMMANDS.items():
                self._commands.setdefault(name, command)
        return self._commands

    @commands.setter
    def commands(self, value: MutableMapping[str, click.Command]) -> None:
        self._commands = value

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
        return super().invoke(ctx)


def _show_traceback(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[TRACEBACK] = True


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

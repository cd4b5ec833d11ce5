"""The extension object: options for each application, configuration for each command."""

from __future__ import annotations

import argparse
import functools
import os
import typing as t
from pathlib import Path
from weakref import WeakKeyDictionary

from flask import current_app
from flask import Flask
from flask import g

from flask_alembic.web import pending

from .state import current_state
from .state import State

if t.TYPE_CHECKING:
    from alembic.config import Config
    from flask import Blueprint

    from .folder import FolderAlembic

Callback = t.TypeVar("Callback", bound="t.Callable[[t.Any], t.Any]")


class _PerApp:
    """An attribute that each application has its own value of.

    Outside of an application's context it is that of the latest one.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, migrate: Migrate | None, owner: t.Any = None) -> t.Any:
        if migrate is None:
            return self
        state = migrate._current()
        if state is None:
            return migrate._given[self._name]
        return getattr(state, self._name)

    def __set__(self, migrate: Migrate, value: t.Any) -> None:
        state = migrate._current()
        if state is None:
            migrate._given[self._name] = value
        else:
            setattr(state, self._name, value)


class Migrate:
    """Database migrations for Flask applications, as Flask-Migrate offers them.

    :param app: Call :meth:`init_app` with it, if ``db`` is given as well.
    :param db: The object of Flask-SQLAlchemy, Flask-SQLAlchemy-Lite or Alchemical.
    :param directory: The migrations folder.
    :param command: Name of the command group.
    :param context_options: More arguments of ``EnvironmentContext.configure``;
        ``target_metadata`` for a ``db`` that has none, which may be a dict by bind.

    .. versionchanged:: 4.0
        Each application has a folder, options and ``db`` of its own.
    """

    db = _PerApp("given_db")
    directory = _PerApp("directory")
    command = _PerApp("command")
    alembic_ctx_kwargs = _PerApp("options")

    def __init__(
        self,
        app: Flask | None = None,
        db: t.Any = None,
        directory: str | os.PathLike[str] = "migrations",
        command: str = "db",
        compare_type: bool = True,
        render_as_batch: bool = True,
        **context_options: t.Any,
    ) -> None:
        self.configure_callbacks: list[t.Callable[[t.Any], t.Any]] = []
        self._states: WeakKeyDictionary[Flask, State] = WeakKeyDictionary()
        self._given: dict[str, t.Any] = {
            "given_db": db,
            "directory": str(directory),
            "command": command,
            "options": {
                **context_options,
                "compare_type": compare_type,
                "render_as_batch": render_as_batch,
            },
        }
        if app is not None and db is not None:
            self.init_app(app, db, directory)

    def init_app(
        self,
        app: Flask,
        db: t.Any = None,
        directory: str | os.PathLike[str] | None = None,
        command: str | None = None,
        compare_type: bool | None = None,
        render_as_batch: bool | None = None,
        **context_options: t.Any,
    ) -> None:
        """Register the extension on an application.

        What is given overrides what the constructor got, for this application.
        """
        chosen = {"compare_type": compare_type, "render_as_batch": render_as_batch}
        options = {
            **self._given["options"],
            **context_options,
            **{key: value for key, value in chosen.items() if value is not None},
        }
        state = State(
            self,
            self._given["given_db"] if db is None else db,
            str(directory or self._given["directory"]),
            command or self._given["command"],
            options,
        )
        if app not in self._states:
            app.teardown_appcontext(self._end_context)
            pending.install(app, _core, state.command)
        self._states[app] = state
        app.extensions["migrate"] = state

        from .cli import db as group

        app.cli.add_command(group, name=state.command)

    @functools.cached_property
    def health(self) -> Blueprint:
        """A blueprint whose ``/ready`` says whether every database is ready.

        .. versionadded:: 4.0
        """
        from flask_alembic.web.health import make_blueprint

        return make_blueprint(_core)

    def _current(self) -> State | None:
        """The state of the current application, or of the latest."""
        if current_app:
            state = self._states.get(t.cast(t.Any, current_app)._get_current_object())
            if state is not None:
                return state
        return next(reversed(list(self._states.values())), None)

    def _end_context(self, error: BaseException | None) -> None:
        state = self._current()
        if state is not None:
            state.end_context(error)

    # -- configuration -----------------------------------------------------------------

    def configure(self, f: Callback) -> Callback:
        """Register a function that gets each configuration and returns it or another."""
        self.configure_callbacks.append(f)
        return f

    def call_configure_callbacks(self, config: t.Any) -> t.Any:
        """Let every registered function change or replace a configuration."""
        for callback in self.configure_callbacks:
            changed = callback(config)
            config = config if changed is None else changed
        return config

    def get_config(
        self,
        directory: str | os.PathLike[str] | None = None,
        x_arg: str | t.Sequence[str] | None = None,
        opts: t.Iterable[str] | None = None,
    ) -> Config:
        """Read a folder's configuration.

        :param directory: The application's own by default.
        :param x_arg: What env.py gets from ``context.get_x_argument``.
        :param opts: Flags that env.py finds in ``config.cmd_opts``.
        """
        from . import config as config_room

        folder = str(directory or self.directory)
        config = config_room.Config(os.path.join(folder, "alembic.ini"))
        if current_app and not _has_files(folder):
            given = current_app.config.get("ALEMBIC") or {}
            config_room.add_options(config, given, current_app.root_path)
        config.set_main_option("script_location", folder.replace("%", "%%"))
        if config.cmd_opts is None:
            config.cmd_opts = argparse.Namespace()
        for name in opts or ():
            setattr(config.cmd_opts, name, True)
        if not hasattr(config.cmd_opts, "x"):
            config.cmd_opts.x = _x_arguments(x_arg)
        changed = t.cast("Config", self.call_configure_callbacks(config))
        config_room.use_stdout(changed)
        return changed


def _core() -> FolderAlembic:
    """The core's extension object for the current application's folder."""
    return current_state().alembic


def _has_files(folder: str) -> bool:
    """Whether a folder is configured by files, not by the application."""
    return any((Path(folder) / name).exists() for name in ("alembic.ini", "env.py"))


def _x_arguments(given: str | t.Sequence[str] | None) -> list[str]:
    """Those of the command group, then the command's own."""
    own = [given] if isinstance(given, str) else list(given or ())
    return [*(g.get("x_arg", ()) if current_app else ()), *own]

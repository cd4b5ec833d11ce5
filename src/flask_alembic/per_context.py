"""What the extension has for each application context: connections, Alembic's objects."""

from __future__ import annotations

import contextlib
import typing as t
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from flask import current_app
from flask import Flask
from flask import g
from flask import has_app_context

from . import settings
from .errors import SetupError

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.operations import Operations
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from .migrator.commands import Commands
    from .migrator.databases import Metadata
    from .migrator.databases import Shared
    from .migrator.live import Live
    from .migrator.runs import Listener
    from .migrator.state import AppState

R = t.TypeVar("R")


class PerContext:
    """The way into the core, and what the core asks the extension for."""

    def __init__(
        self, metadatas: dict[str, Metadata], engines: dict[str, t.Any]
    ) -> None:
        self.metadatas = metadatas
        self.engines = engines
        self._states: WeakKeyDictionary[Flask, AppState] = WeakKeyDictionary()

    # -- override points ---------------------------------------------------------------

    def rev_id(self) -> str:
        """Make an id for a new revision; assign a function to make others.

        .. versionchanged:: 4.0
            Random again: 12 hexadecimal digits, as Alembic makes them.
        """
        from .migrator.folder import random_id

        return random_id()

    def run_migrations(
        self, fn: t.Callable[..., t.Iterable[t.Any]], **kwargs: t.Any
    ) -> object:
        """Run what a function plans, on every database. Meant to be overridden.

        :meth:`upgrade`, :meth:`downgrade`, :meth:`stamp` and a :meth:`revision` that
        compares all come through here.

        :param fn: Called with the applied heads and the migration context; returns
            Alembic's steps.
        :param kwargs: Given to each revision's ``upgrade`` or ``downgrade``.
        """
        return self._call(lambda commands: commands.run(fn, kwargs))

    def load_config(self) -> Config | None:
        """Give Alembic's configuration, if it doesn't come from Flask. An override point.

        If its folder has an ``env.py``, that is run as it is.

        .. versionadded:: 4.0
        """
        return None

    def context_options(self) -> t.Mapping[str, t.Any]:
        """Give the arguments of ``EnvironmentContext.configure``. An override point.

        .. versionadded:: 4.0
        """
        return settings.context_options(current_app.config)

    def known_databases(
        self,
    ) -> tuple[t.Mapping[str, Metadata], t.Mapping[str, t.Any]]:
        """Give the metadata and engines of all databases, also under an ``env.py``.

        An override point; without any Flask-SQLAlchemy is asked.

        .. versionadded:: 4.0
        """
        return self.metadatas, self.engines

    # -- state -------------------------------------------------------------------------

    def _get_cache(self) -> Live:
        """The objects of the current application context; ``clear()`` drops them."""
        if not has_app_context():
            raise SetupError(
                "Migrations need an application context:"
                " 'with app.app_context():' around the call."
            )
        kept: dict[PerContext, Live] = g.setdefault("_flask_alembic", {})
        if self not in kept:
            kept[self] = self._new_live()
        return kept[self]

    def _new_live(
        self,
        shared: Shared | None = None,
        stand_ins: t.Mapping[str, sa.Engine] | None = None,
        config: Config | None = None,
    ) -> Live:
        from .migrator.live import Live
        from .migrator.state import AppState

        app = t.cast(t.Any, current_app)._get_current_object()
        state = self._states.setdefault(app, AppState())
        return Live(self, state, shared=shared, stand_ins=stand_ins, config=config)

    @contextlib.contextmanager
    def configured(self, config: Config) -> t.Iterator[None]:
        """Use this Alembic configuration inside the block, as :meth:`load_config` says.

        .. versionadded:: 4.0
        """
        with self._live(), self._put_in_place(self._new_live(config=config)):
            yield

    @contextlib.contextmanager
    def _put_in_place(self, live: Live) -> t.Iterator[None]:
        """Let these be the context's objects inside the block."""
        from .migrator import entry

        with entry.replaced(g._flask_alembic, self, live):
            yield

    @contextlib.contextmanager
    def _apart(self) -> t.Iterator[None]:
        """Use connections of our own inside the block, whoever lends one."""
        with self._live() as live:
            apart = self._new_live(stand_ins={}, config=live.given_config)
            with self._put_in_place(apart):
                yield

    def _end_context(self, exc: BaseException | None) -> None:
        live = g.get("_flask_alembic", {}).pop(self, None)
        if live is not None:
            live.clear(exc)

    @contextlib.contextmanager
    def _live(self) -> t.Iterator[Live]:
        from .migrator.entry import refusals

        with refusals():
            live = self._get_cache()
            with live.call():
                yield live

    def _call(self, work: t.Callable[[Commands], R], *, connects: bool = True) -> R:
        """Run a method of the core, in an event loop if a database needs one.

        :param connects: Whether it asks a database for something.
        """
        from .migrator import entry
        from .migrator.commands import Commands

        overridden = is_replaced(self.run_migrations, PerContext.run_migrations)
        with self._live() as live:
            engines = entry.asynchronous(live) if connects else {}
            if not engines:
                return work(Commands(live, overridden=overridden))

            def inside(own: t.Mapping[str, sa.Engine]) -> R:
                stand_in = self._new_live(stand_ins=own, config=live.given_config)
                with self._put_in_place(stand_in), stand_in.call():
                    return work(Commands(stand_in, overridden=overridden))

            return entry.in_loop(inside, engines)

    @contextlib.contextmanager
    def using(self, connection: Shared) -> t.Iterator[None]:
        """Run on the caller's connections inside the block, and commit nothing.

        :param connection: A session, a Connection, or a dict of Connections by
            database name.
        :raises TypeError: It is something else.

        .. versionadded:: 4.0
        """
        from .migrator import entry

        with self._live():
            live = self._new_live(shared=entry.check_shared(connection))
            with self._put_in_place(live):
                yield

    @contextlib.contextmanager
    def command(self) -> t.Iterator[None]:
        """Surround a command: with ``ALEMBIC_SESSION`` the session is committed.

        .. versionadded:: 4.0
        """
        from .migrator import entry

        with self._live() as live, entry.committing_session(live):
            yield

    @contextlib.contextmanager
    def listen(self, callback: Listener) -> t.Iterator[None]:
        """Call this with each :class:`.Event` of what runs in the block.

        .. versionadded:: 4.0
        """
        from .migrator.runs import listening

        with listening(callback):
            yield

    # -- Alembic's own objects ---------------------------------------------------------

    @property
    def config(self) -> Config:
        """Alembic's configuration for the current application."""
        with self._live() as live:
            return live.get_config()

    @property
    def script_directory(self) -> ScriptDirectory:
        """Alembic's script directory, on the files as they are now."""
        with self._live() as live:
            return live.get_script()

    @property
    def script(self) -> ScriptDirectory:
        """The same as :attr:`script_directory`."""
        return self.script_directory

    @property
    def environment_context(self) -> EnvironmentContext:
        """Alembic's environment context."""
        with self._live() as live:
            return live.get_env()

    @property
    def env(self) -> EnvironmentContext:
        """The same as :attr:`environment_context`."""
        return self.environment_context

    @property
    def migration_contexts(self) -> dict[str, MigrationContext]:
        """A connected migration context for each database.

        Their connections are closed when the application context ends.
        """
        with self._live() as live:
            return t.cast("dict[str, MigrationContext]", live.get_contexts())

    @property
    def migration_context(self) -> MigrationContext:
        """The migration context of the database "default", or of the only one."""
        return self._default(self.migration_contexts)

    @property
    def context(self) -> MigrationContext:
        """The same as :attr:`migration_context`."""
        return self.migration_context

    @property
    def ops(self) -> dict[str, Operations]:
        """Operations for each database, each bound to its own.

        What they do outside of a revision is committed when the application context
        ends without an error.
        """
        with self._live() as live:
            return live.get_ops()

    @property
    def op(self) -> Operations:
        """Operations on the database "default", or on the only one."""
        return self._default(self.ops)

    def _default(self, items: dict[str, R]) -> R:
        if len(items) == 1:
            return next(iter(items.values()))
        if "default" in items:
            return items["default"]
        raise SetupError(
            f"Several databases are configured ({', '.join(items)}) and none is called"
            " 'default'.",
            fix="Use 'migration_contexts' or 'ops' and name one.",
        )


def is_replaced(method: t.Callable[..., t.Any], original: t.Any) -> bool:
    """Whether an extension's method is another one than the original of its class."""
    return getattr(method, "__func__", None) is not original

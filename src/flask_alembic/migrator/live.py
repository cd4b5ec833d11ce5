"""The objects that live as long as an application context: Alembic's, connected."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from .. import settings as settings_room
from ..errors import HistoryError
from ..errors import SetupError
from ..settings import Settings
from . import databases
from .databases import Metadata
from .databases import Shared
from .databases import Source
from .databases import Target
from .history import History
from .watch import HistoryCache

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.operations import Operations
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from .execute import StepContext


class AppState:
    """What is kept of one application between its contexts: the index of its files."""

    def __init__(self) -> None:
        self._caches: dict[tuple[t.Any, ...], HistoryCache] = {}

    def settings(self) -> Settings:
        """Read the current application's configuration, as it is now."""
        return settings_room.read(current_app.config, current_app.root_path)

    def history(self, settings: Settings, *, fresh: bool = False) -> History:
        """The revision files, as they are now."""
        recursive = settings.flag("recursive_version_locations")
        sourceless = settings.flag("sourceless")
        key = (settings.folders, recursive, sourceless)
        if key not in self._caches:
            self._caches[key] = HistoryCache(
                settings.folders, recursive=recursive, sourceless=sourceless
            )
        return self._caches[key].get(fresh=fresh)


class Live:
    """Alembic's objects for one application context; each made when it is asked for.

    The attributes may be set to None, to have that object made anew.

    :param given_metadatas: What the extension was made with.
    :param given_engines: Likewise.
    :param shared: Whose connections are used instead of new ones.
    :param stand_ins: Engines that take the place of asynchronous ones.
    """

    def __init__(
        self,
        state: AppState,
        given_metadatas: t.Mapping[str, Metadata],
        given_engines: t.Mapping[str, Source],
        *,
        shared: Shared | None = None,
        stand_ins: t.Mapping[str, sa.Engine] | None = None,
    ) -> None:
        self._state = state
        self._given = (given_metadatas, given_engines)
        self._shared = shared
        self._stand_ins = stand_ins
        self._script_history: History | None = None
        self.config: Config | None = None
        self.script: ScriptDirectory | None = None
        self.env: EnvironmentContext | None = None
        self._contexts: dict[str, StepContext] | None = None
        self.ops: dict[str, Operations] | None = None
        self.engines: dict[str, t.Any] | None = None
        self.metadatas: dict[str, Metadata] | None = None

    @property
    def settings(self) -> Settings:
        """The application's configuration."""
        return self._state.settings()

    def history(self, *, fresh: bool = False) -> History:
        """The revision files, as they are now.

        :raises HistoryError: There is no folder for them.
        """
        settings = self.settings
        if not settings.script_location.is_dir():
            raise HistoryError(
                f"There is no migrations folder {str(settings.script_location)!r}.",
                fix="'flask db mkdir' makes it; ALEMBIC['script_location'] names another.",
            )
        return self._state.history(settings, fresh=fresh)

    @property
    def contexts(self) -> dict[str, StepContext] | None:
        """The contexts that are connected; None drops them."""
        return self._contexts

    @contexts.setter
    def contexts(self, value: dict[str, StepContext] | None) -> None:
        if value is None:
            self.clear()
        self._contexts = value

    # -- databases ---------------------------------------------------------------------

    def targets(self) -> dict[str, Target]:
        """The databases that are migrated: name -> target."""
        if self.engines is None or self.metadatas is None:
            found = databases.resolve(*self._given, self.settings)
            self.engines = {name: target.source for name, target in found.items()}
            self.metadatas = {name: target.metadata for name, target in found.items()}
        sources = {**self.engines, **(self._stand_ins or {})}
        return {
            name: Target(name, sources[name], metadata)
            for name, metadata in self.metadatas.items()
        }

    @property
    def shared(self) -> Shared | None:
        """Whose connections are used instead of new ones."""
        if self._shared is None and self.settings.session and self._stand_ins is None:
            return databases.application_session()
        return self._shared

    @contextlib.contextmanager
    def reading(self, target: Target) -> t.Iterator[sa.Connection]:
        """Give a connection to read with, and leave no transaction behind.

        The live one, where there is one: it sees what was done on it, and a database
        in memory may have no other.
        """
        live = (self.contexts or {}).get(target.name)
        borrowed = None
        if live is not None and not live.live.closed:
            borrowed = live.live
        elif isinstance(target.source, sa.Connection):
            borrowed = target.source
        elif self.shared is not None:
            borrowed = databases.shared_connection(self.shared, target)
        if borrowed is None:
            with connect(target) as connection:
                yield connection
            return
        began = not borrowed.in_transaction()
        yield borrowed
        if began and borrowed.in_transaction():
            borrowed.rollback()

    # -- Alembic's objects -------------------------------------------------------------

    def get_config(self) -> Config:
        """Alembic's configuration."""
        if self.config is None:
            from .bridge import make_config

            self.config = make_config(self.settings, self._names())
        return self.config

    def _names(self) -> list[str]:
        """Names of the databases, where they can be told without an error."""
        try:
            return list(self.targets())
        except SetupError:
            return list(self._given[0])

    def get_script(self) -> ScriptDirectory:
        """Alembic's script directory, on the files as they are now."""
        history = self.history()
        if self.script is None or self._script_history is not history:
            from .folder import script_directory

            self.script = script_directory(self.get_config(), self.history)
            self._script_history = history
        return self.script

    def get_env(self) -> EnvironmentContext:
        """Alembic's environment of the default database."""
        if self.env is None:
            self.env = self.new_env()
        return self.env

    def new_env(self) -> EnvironmentContext:
        """Make an environment that isn't bound to a database yet."""
        from alembic.runtime.environment import EnvironmentContext

        return EnvironmentContext(self.get_config(), self.get_script())

    def get_contexts(self) -> dict[str, StepContext]:
        """A connected migration context for each database.

        One whose connection was closed is made anew.
        """
        from .connect import open_context

        targets = self.targets()
        self._refuse_async(targets)
        contexts = self.contexts if self.contexts is not None else {}
        self.contexts = contexts
        for name, target in targets.items():
            known = contexts.get(name)
            if known is None or known.live.closed or known.live.invalidated:
                contexts[name] = open_context(self, target, list(targets))
                self.ops = None
        return contexts

    def _refuse_async(self, targets: t.Mapping[str, Target]) -> None:
        for name, target in targets.items():
            if target.is_async:
                raise SetupError(
                    f"The database {name!r} has an asynchronous engine, whose connections"
                    " live in an event loop: there is no migration context outside of"
                    " one.",
                    fix="Use the methods (upgrade, current, revision, …) instead.",
                )

    def get_ops(self) -> dict[str, Operations]:
        """Operations for each database, each bound to its own."""
        contexts = self.get_contexts()
        if self.ops is None:
            from .batch import KeepingOperations

            self.ops = {name: KeepingOperations(ctx) for name, ctx in contexts.items()}
        return self.ops

    # -- the end -----------------------------------------------------------------------

    def clear(self, exc: BaseException | None = None) -> None:
        """Drop the connected objects; the next access connects again.

        What was done outside of a revision is committed, unless there was an error.

        :param exc: The error that the application context ends with.
        """
        contexts, self._contexts, self.ops = self._contexts, None, None
        for context in (contexts or {}).values():
            if context.setup.callers or context.live.closed:
                continue
            connection = context.live
            try:
                if exc is None and connection.in_transaction():
                    connection.commit()
                context.setup.restore()
            except SQLAlchemyError:
                # The server went away: nothing is left to give back.
                connection.invalidate()
            finally:
                connection.close()


def connect(target: Target) -> sa.Connection:
    """Open a connection; an error says which database, and keeps its type."""
    try:
        return target.engine.connect()
    except Exception as e:
        database = target.describe()
        e.add_note(
            f"while connecting to the database {database.name!r} ({database.url})"
        )
        raise

"""The objects that live as long as an application context: Alembic's, connected."""

from __future__ import annotations

import contextlib
import os
import typing as t
from weakref import WeakSet

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError

from ..errors import DatabaseError
from ..errors import HistoryError
from ..errors import SetupError
from . import databases
from .databases import Target

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.operations import Operations
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from ..settings import Settings
    from .context import StepContext
    from .databases import Metadata
    from .databases import Shared
    from .history import History
    from .lookup import Lookup
    from .state import AppState

    class Owner(t.Protocol):
        """The extension, as far as the core asks it: what may be overridden."""

        metadatas: dict[str, Metadata]
        engines: dict[str, t.Any]

        def run_migrations(self, fn: t.Any, **kwargs: t.Any) -> object: ...

        def rev_id(self) -> str: ...

        def load_config(self) -> Config | None: ...

        def context_options(self) -> t.Mapping[str, t.Any]: ...

        def known_databases(
            self,
        ) -> tuple[t.Mapping[str, Metadata], t.Mapping[str, t.Any]]: ...


class Live:
    """Alembic's objects for one application context; each made when it is asked for.

    The attributes may be set to None, to have that object made anew.

    :param owner: The extension.
    :param shared: Whose connections are used instead of new ones.
    :param stand_ins: Engines that take the place of asynchronous ones.
    :param config: Alembic's configuration, where it doesn't come from Flask.
    """

    def __init__(
        self,
        owner: Owner,
        state: AppState,
        *,
        shared: Shared | None = None,
        stand_ins: t.Mapping[str, sa.Engine] | None = None,
        config: Config | None = None,
    ) -> None:
        self.owner = owner
        self._state = state
        self._shared = shared
        self._stand_ins = stand_ins
        self._script_history: History | None = None
        self.given_config = owner.load_config() if config is None else config
        self.config: Config | None = self.given_config
        self.script: ScriptDirectory | None = None
        self.env: EnvironmentContext | None = None
        self._contexts: dict[str, StepContext] | None = None
        self.ops: dict[str, Operations] | None = None
        self.engines: dict[str, t.Any] | None = None
        self.metadatas: dict[str, Metadata] | None = None
        self._in_call = False
        self._settings: Settings | None = None

    @contextlib.contextmanager
    def call(self) -> t.Iterator[None]:
        """Surround a call, and all that it calls: the configuration is read once."""
        if self._in_call:
            yield
            return
        self._in_call = True
        try:
            yield
        finally:
            self._in_call, self._settings = False, None

    def apart(self, engines: t.Mapping[str, sa.Engine]) -> Live:
        """Objects of their own for the same databases, on connections of their own.

        :param engines: What takes the place of the databases' engines.
        """
        self.targets()
        stand_ins = {**(self._stand_ins or {}), **engines}
        made = Live(
            self.owner, self._state, stand_ins=stand_ins, config=self.given_config
        )
        made.engines, made.metadatas = self.engines, self.metadatas
        return made

    @property
    def settings(self) -> Settings:
        """The application's configuration, as it is now; as it was when a call began."""
        settings = self._settings
        if settings is None:
            settings = self._read_settings()
            if self._in_call:
                self._settings = settings
        return settings

    def _read_settings(self) -> Settings:
        if self.given_config is not None:
            from .configured import settings_of

            return settings_of(
                self.given_config, current_app.config, self.owner.context_options()
            )
        settings = self._state.settings(current_app.config, current_app.root_path)
        return settings.replace(context=self.owner.context_options())

    def history(self, *, fresh: bool = False) -> History:
        """The revision files, as they are now.

        :raises HistoryError: There is no folder for them.
        """
        settings = self.settings
        if not os.path.isdir(settings.script_location):
            raise HistoryError(
                f"There is no migrations folder {str(settings.script_location)!r}.",
                fix="'flask db mkdir' makes it; ALEMBIC['script_location'] names another.",
            )
        return self._state.history(settings, fresh=fresh)

    @property
    def scripted(self) -> bool:
        """Whether an env.py is the environment."""
        return self.given_config is not None and self.settings.env_py is not None

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
            found = databases.resolve(
                self.owner.metadatas, self.owner.engines, self.settings
            )
            self.engines = {name: target.source for name, target in found.items()}
            self.metadatas = {name: target.metadata for name, target in found.items()}
        sources = {**self.engines, **(self._stand_ins or {})}
        return {
            name: Target(name, sources[name], metadata)
            for name, metadata in self.metadatas.items()
        }

    @property
    def session(self) -> databases.AnySession | None:
        """The application's session, if it is shared by configuration."""
        if self._shared is None and self._stand_ins is None and self.settings.session:
            return databases.application_session()
        return None

    @property
    def shared(self) -> Shared | None:
        """Whose connections are used instead of new ones."""
        return self.session if self._shared is None else self._shared

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
        with leaving_no_transaction(borrowed):
            yield borrowed

    # -- Alembic's objects -------------------------------------------------------------

    def get_config(self) -> Config:
        """Alembic's configuration."""
        if self.config is None:
            from .bridge import make_config

            self.config = self.given_config or make_config(self.settings, self._names())
        return self.config

    def _names(self) -> list[str]:
        """Names of the databases, where they can be told without an error."""
        try:
            return list(self.targets())
        except SetupError:
            return list(self.owner.metadatas)

    def get_script(self) -> ScriptDirectory:
        """Alembic's script directory, on the files as they are now."""
        history = self.history()
        if self.script is None or self._script_history is not history:
            from .folder import script_directory

            self.script = script_directory(
                self.get_config(),
                self.settings,
                self.history,
                quiet=self.given_config is None,
            )
            self._script_history = history
            if self.env is not None:
                self.env.script = self.script
        return self.script

    def lookup(self, history: History) -> Lookup:
        """Alembic's view of the files to look at, which all contexts share.

        What changes something takes :meth:`get_script`, whose modules are its own.
        """
        from .lookup import Lookup
        from .lookup import SharedLookup

        if self.script is not None and self._script_history is history:
            return Lookup(self.script)
        return SharedLookup(self._state.scripts(history), self.get_config)

    def get_env(self) -> EnvironmentContext:
        """Alembic's environment of the default database."""
        if self.env is None:
            self.env = self.new_env()
        return self.env

    def new_env(self) -> EnvironmentContext:
        """Make an environment that isn't bound to a database yet."""
        from alembic.runtime.environment import EnvironmentContext

        return EnvironmentContext(self.get_config(), self.get_script())

    def get_contexts(
        self, names: t.Collection[str] | None = None
    ) -> dict[str, StepContext]:
        """A connected migration context for each database.

        One whose connection was closed is made anew.

        :param names: Connect to these only.
        """
        from .connect import open_context

        targets = self.targets()
        chosen = databases.select(targets, names)
        self._refuse_async(chosen)
        contexts = self._contexts if self._contexts is not None else {}
        self._contexts = contexts
        for name, target in chosen.items():
            known = contexts.get(name)
            if known is None or known.live.closed or known.live.invalidated:
                contexts[name] = open_context(self, target, list(targets))
                self.ops = None
        if names is None:
            return contexts
        return {name: contexts[name] for name in chosen}

    def _refuse_async(self, targets: t.Mapping[str, Target]) -> None:
        for name, target in targets.items():
            if target.is_async and self.shared is None:
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
            from .rebuilds.operations import KeepingOperations

            self.ops = {name: KeepingOperations(ctx) for name, ctx in contexts.items()}
        return self.ops

    # -- the end -----------------------------------------------------------------------

    def clear(self, exc: BaseException | None = None) -> None:
        """Drop the connected objects; the next access connects again.

        What was done outside of a revision is committed, unless there was an error.

        :param exc: The error that the application context ends with.
        """
        contexts, self._contexts, self.ops = self._contexts, None, None
        errors: list[SQLAlchemyError | DatabaseError] = []
        for context in (contexts or {}).values():
            try:
                _give_back(context, keep=exc is None)
            except (SQLAlchemyError, DatabaseError) as e:
                errors.append(e)
        if errors and exc is None:
            raise errors[0]


def _give_back(context: StepContext, *, keep: bool) -> None:
    """End live use of a connection.

    :param keep: Commit what was done on it.
    """
    connection = context.live
    if context.setup.callers or connection.closed:
        context.setup.restore()
        return
    try:
        if keep and connection.in_transaction() and not connection.invalidated:
            connection.commit()
        context.setup.restore()
    except DBAPIError as e:
        connection.invalidate()
        if not e.connection_invalidated:
            raise
    finally:
        connection.close()


@contextlib.contextmanager
def leaving_no_transaction(connection: sa.Connection) -> t.Iterator[None]:
    """End what reading began, and only that."""
    began = not connection.in_transaction()
    try:
        yield
    finally:
        if began and not connection.closed and connection.in_transaction():
            connection.rollback()


_engines: WeakSet[sa.Engine] = WeakSet()


def connect(target: Target) -> sa.Connection:
    """Open a connection; an error says which database, and keeps its type."""
    note(target.engine)
    try:
        return target.engine.connect()
    except Exception as e:
        database = target.describe()
        e.add_note(
            f"while connecting to the database {database.name!r} ({database.url})"
        )
        raise


def note(engine: sa.Engine) -> None:
    """Remember an engine that was connected to, for :func:`close_pools`."""
    _engines.add(engine)


def close_pools() -> None:
    """Close the idle connections that are left, as the process ends.

    Those of asynchronous engines can't be closed without their event loop.
    """
    for engine in list(_engines):
        if not getattr(engine.dialect, "is_async", False):
            engine.dispose()

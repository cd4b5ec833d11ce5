"""Which databases an application has: their engines, metadata and connections.

Free of Alembic. Flask-SQLAlchemy and Flask-SQLAlchemy-Lite are known by what their
extension objects offer, so that neither has to be installed.
"""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.pool import NullPool

from ..errors import SessionError
from ..errors import SetupError

if t.TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.orm import scoped_session
    from sqlalchemy.orm import Session

    from .. import dialects
    from ..results import Database
    from ..settings import Settings

logger = logging.getLogger(__name__)

Metadata: t.TypeAlias = "sa.MetaData | list[sa.MetaData]"
AnyEngine: t.TypeAlias = "sa.Engine | AsyncEngine"
AnySession: t.TypeAlias = "Session | scoped_session[t.Any]"
Source: t.TypeAlias = "sa.Engine | AsyncEngine | sa.Connection"
Shared: t.TypeAlias = "AnySession | sa.Connection | t.Mapping[str, sa.Connection]"

DEFAULT = "default"


class Target:
    """One database to migrate.

    No dataclass: every command waits until its class is made.

    :param source: The engine as configured, or the caller's connection.
    :param metadata: The models that belong to it.
    """

    __slots__ = ("metadata", "name", "source")

    def __init__(self, name: str, source: Source, metadata: Metadata) -> None:
        self.name: t.Final = name
        self.source: t.Final = source
        self.metadata: t.Final = metadata

    @property
    def is_async(self) -> bool:
        """Whether connections can only be had inside an event loop."""
        return hasattr(self.source, "sync_engine")

    @property
    def engine(self) -> sa.Engine:
        """The synchronous engine below whatever was configured."""
        source = self.source
        if isinstance(source, sa.Connection):
            return source.engine
        return t.cast("sa.Engine", getattr(source, "sync_engine", source))

    @property
    def dialect(self) -> dialects.DialectSupport:
        """What is special about this database system."""
        # Imported late: a look at the version table needs none of it.
        from .. import dialects

        return dialects.support(self.engine.dialect)

    def describe(self) -> Database:
        """Name the database for people: without its password."""
        from ..results import Database

        engine = self.engine
        return Database(self.name, engine.dialect.name, masked(engine.url))


def masked(url: sa.URL) -> str:
    """Render an address without its password, wherever that stands."""
    secret = {"password", "passwd", "pwd", "passfile", "sslpassword", "odbc_connect"}
    query = {k: "***" if k.lower() in secret else v for k, v in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def reason(error: BaseException, engine: sa.Engine) -> str:
    """Say in one line what a driver raised; a password in it is masked."""
    said = getattr(error, "orig", None) or error
    text = str(said).strip().split("\n", 1)[0] or type(said).__name__
    password = engine.url.password
    return text.replace(str(password), "***") if password else text


def resolve(
    metadatas: t.Mapping[str, Metadata],
    engines: t.Mapping[str, Source],
    settings: Settings,
) -> dict[str, Target]:
    """Find the databases of the current application.

    :param metadatas: As given to the extension; empty to ask Flask-SQLAlchemy.
    :param engines: Likewise.
    :return: Database name -> target, in the order of the metadata.
    :raises SetupError: There is no metadata, or no engine for some of it.
    """
    extension = current_app.extensions.get("sqlalchemy")
    models = dict(metadatas) or _extension_metadata(extension, settings)
    if not models:
        raise SetupError(
            "When not using Flask-SQLAlchemy, pass 'metadatas' when creating the"
            " Alembic extension."
        )
    sources = dict(engines) or _extension_engines(extension)
    if not sources:
        raise SetupError(
            "Either use Flask-SQLAlchemy(-Lite) with engines configured, or pass"
            " 'engines' when creating the Alembic extension."
        )
    missing = [name for name in models if name not in sources]
    if missing:
        plural = "config" if len(missing) == 1 else "configs"
        names = ", ".join(repr(name) for name in missing)
        raise SetupError(f"Missing engine {plural} for {names}.")
    if not engines:
        _name_left_out(extension, models)
    return {name: Target(name, sources[name], models[name]) for name in models}


def select(
    targets: dict[str, Target], names: t.Collection[str] | None
) -> dict[str, Target]:
    """Keep the named databases.

    :raises SetupError: One of the names isn't configured.
    """
    if names is None:
        return targets
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in targets:
            known = ", ".join(targets)
            raise SetupError(
                f"There is no database {name!r}.", fix=f"Configured: {known}."
            )
    return {name: target for name, target in targets.items() if name in wanted}


def _extension_metadata(extension: t.Any, settings: Settings) -> dict[str, Metadata]:
    if not hasattr(extension, "metadata"):
        return {}
    by_bind = getattr(extension, "metadatas", {None: extension.metadata})
    chosen: dict[str, Metadata] = {DEFAULT: extension.metadata}
    if settings.binds:
        every = [key for key in by_bind if key is not None]
        for name in settings.binds if isinstance(settings.binds, tuple) else every:
            if name not in by_bind:
                known = ", ".join(str(key) for key in by_bind if key is not None)
                raise SetupError(
                    f"ALEMBIC_BINDS names {name!r}, which is no bind.",
                    fix=f"SQLALCHEMY_BINDS has: {known or 'none'}.",
                )
            chosen[name] = by_bind[name]
        if None not in _raw_engines(extension):
            del chosen[DEFAULT]
    return chosen


def _raw_engines(extension: t.Any) -> t.Mapping[str | None, AnyEngine]:
    return t.cast("t.Mapping[str | None, AnyEngine]", extension.engines)


def _extension_engines(extension: t.Any) -> dict[str, Source]:
    if extension is None:
        return {}
    named: dict[str, Source] = {
        DEFAULT if key is None else key: engine
        for key, engine in getattr(extension, "async_engines", {}).items()
    }
    # A synchronous engine of the same name is the simpler way to the same database.
    for key, engine in _raw_engines(extension).items():
        named[DEFAULT if key is None else key] = engine
    return named


def _name_left_out(extension: t.Any, models: t.Mapping[str, Metadata]) -> None:
    """Warn of binds that have models but aren't migrated, once for each application."""
    by_bind: t.Mapping[str | None, sa.MetaData] = getattr(extension, "metadatas", {})
    left = [
        str(key)
        for key, metadata in by_bind.items()
        if key is not None and key not in models and metadata.tables
    ]
    warned = current_app.extensions.setdefault("flask_alembic.left_out", set())
    if left and not warned.issuperset(left):
        warned.update(left)
        logger.warning(
            "Not migrated, though they have tables: binds %s. Set ALEMBIC_BINDS = True"
            " or name them in 'metadatas'.",
            ", ".join(left),
        )


def _address(url: sa.URL) -> tuple[t.Any, ...]:
    """Where a database is; its driver and options may be others."""
    return (url.get_backend_name(), url.host, url.port, url.username, url.database)


def name_of(engine: sa.Engine) -> str:
    """The name that the application knows an engine by, or its database's."""
    known = _extension_engines(current_app.extensions.get("sqlalchemy"))
    below = {
        name: getattr(other, "sync_engine", other) for name, other in known.items()
    }
    for name, other in below.items():
        if other is engine:
            return name
    for name, other in below.items():
        if _address(t.cast(sa.Engine, other).url) == _address(engine.url):
            return name
    return engine.url.database or DEFAULT


def same_place(one: sa.Engine, other: sa.Engine) -> bool:
    """Whether two engines lead to one database, whoever connects."""

    def place(engine: sa.Engine) -> sa.URL:
        return engine.url.set(username=None)

    return one is other or _address(place(one)) == _address(place(other))


def application_session() -> AnySession | None:
    """The session that Flask-SQLAlchemy(-Lite) gives the current application."""
    extension = current_app.extensions.get("sqlalchemy")
    return t.cast("AnySession | None", getattr(extension, "session", None))


def shared_connection(shared: Shared, target: Target) -> sa.Connection:
    """Find the caller's connection for a database.

    :raises SetupError: What the caller gave doesn't hold one for it.
    """
    if isinstance(shared, sa.Connection):
        return shared
    if isinstance(shared, t.Mapping):
        try:
            return shared[target.name]
        except KeyError:
            raise SetupError(
                f"using() got no connection for the database {target.name!r}."
            ) from None
    return shared.connection(bind_arguments={"bind": target.engine})


def check_distinct(targets: t.Sequence[Target]) -> None:
    """Refuse two names for one database: they would share one version table.

    :raises SetupError: Names both.
    """
    seen: dict[t.Any, str] = {}
    for target in targets:
        engine = target.engine
        other = seen.setdefault(_identity(target), target.name)
        if other != target.name:
            raise SetupError(
                f"{other!r} and {target.name!r} are one database"
                f" ({masked(engine.url)}), which has one version table.",
                fix="Give one name a list of MetaData.",
            )


def _identity(target: Target) -> t.Any:
    """What two engines share if they find the same version table."""
    engine, url = target.engine, target.engine.url
    if target.dialect.lives_in_connection(engine):
        return id(engine)
    # Tenants may share a database, each in a schema of its own.
    translated = engine.get_execution_options().get("schema_translate_map")
    schema = getattr(engine.dialect, "default_schema_name", None)
    place = (url.host, url.port, url.database, str(url.query))
    return (engine.dialect.name, *place, schema, str(translated))


def check_session(target: Target) -> None:
    """Refuse to run beside an open transaction of the application's own session.

    Both would wait for each other, in one thread, for ever.

    :raises SessionError: Names the database.
    """
    session = application_session()
    if session is None:
        return
    registry = getattr(session, "registry", None)
    if registry is not None:
        if not registry.has():
            return
        session = registry()
    transaction = t.cast("Session", session).get_transaction()
    # Private: SQLAlchemy offers no way to ask which engines a session is connected
    # to that doesn't connect it.
    held = getattr(transaction, "_connections", {})
    for key, value in held.items():
        if key is target.engine and target.dialect.blocks_migration(value[0]):
            raise SessionError(
                f"The application's session has an open transaction on the database"
                f" {target.name!r}, which the migration would wait for.",
                fix="Commit or roll back the session first, or share its connection:"
                " 'with alembic.using(db.session):' or ALEMBIC_SESSION = True.",
            )


def own_async_engine(engine: sa.Engine) -> sa.Engine:
    """Make an engine like an asynchronous one, for an event loop of our own.

    A pooled connection belongs to the loop that opened it; this one keeps none. A
    database in memory lives in its one connection, which is used as it is.

    :param engine: The synchronous engine below an AsyncEngine.
    """
    from .. import dialects

    if dialects.support(engine.dialect).lives_in_connection(engine):
        return engine
    return engine_like(engine)


def engine_like(
    engine: sa.Engine,
    *,
    url: sa.URL | None = None,
    dialect: sa.Dialect | None = None,
    connect: t.Callable[..., t.Any] | None = None,
) -> sa.Engine:
    """Make an engine that keeps no connection, with another one's options and events.

    :param url: Where it connects to, if it is elsewhere; so are the next two.
    :param connect: Makes the driver's connections.
    """
    pool, dialect = engine.pool, dialect or engine.dialect
    own = NullPool(
        t.cast(t.Any, connect or pool._creator),
        recycle=pool._recycle,
        reset_on_return=pool._reset_on_return,
        dialect=dialect,
        _dispatch=pool.dispatch,  # as Pool.recreate() does
    )
    made = sa.Engine(
        own,
        dialect,
        url or engine.url,
        echo=t.cast(t.Any, engine.echo),
        hide_parameters=engine.hide_parameters,
    )
    # The engine's events and options are those of its connections.
    t.cast(t.Any, made).dispatch = engine.dispatch
    made.update_execution_options(**engine.get_execution_options())
    return made

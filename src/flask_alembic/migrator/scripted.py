"""The scripted environment: an env.py, run as it is, through our executor.

``context.configure()`` is wrapped on the environment's instance; what env.py then has is
a context of ours, and ``context.run_migrations()`` is the executor's.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import traceback
import typing as t

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from .. import dialects
from ..dialects.base import ConnectionSetup
from ..errors import MigrationError
from . import databases
from .bridge import proxied
from .bridge import write_sql_verbatim
from .context import StepContext
from .databases import Target
from .deploys import limits
from .deploys import locks
from .deploys import retries
from .environments import Applied
from .environments import Environment
from .environments import Names
from .environments import Records
from .environments import unanswered
from .environments import Visitor
from .live import Live
from .live import note
from .rebuilds.operations import use_keeping_impl
from .runs import first_line
from .runs import Run
from .scripted_logging import keeping_loggers

logger = logging.getLogger(__name__)

WRITING = frozenset(["upgrade", "downgrade", "stamp"])


class Scripted(Environment):
    """Databases as an env.py connects to them."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def applied(self, names: Names) -> list[Applied]:
        """Read the version tables that env.py configures.

        It stops at the first database that can't be asked; that one is the last here.
        """
        found: list[Applied] = []

        def look(heads: tuple[str, ...], context: t.Any) -> None:
            found.append(Applied(context.target.describe(), tuple(sorted(heads))))

        run = _visiting(names)
        try:
            self._visit(look, run)
        except MigrationError:
            raise
        except Exception as e:
            engine = _engine_in(e)
            if engine is None:
                raise
            name = databases.name_of(engine)
            target = Target(name, engine, t.cast(t.Any, None))
            met = name in run.databases
            found.append(unanswered(target, e, reachable=met))
        return found

    def records(self, names: Names) -> Records:
        """Read the tables beside the version tables that env.py configures."""
        from .deploys import record

        found: Records = {}

        def look(_: t.Any, context: t.Any) -> None:
            place = context.version_table, context.version_table_schema
            name = context.target.name
            found[name] = record.read(context.live, name, *place)

        self.visit(look, names)
        return found

    def visit(self, fn: Visitor, names: Names) -> None:
        """Call with each context that env.py configures; nothing is changed."""
        self._visit(fn, _visiting(names))

    def _visit(self, fn: Visitor, run: Run) -> None:
        def look(heads: tuple[str, ...], context: t.Any) -> list[t.Any]:
            fn(heads, context)
            return []

        self.execute(look, {}, run)

    def execute(self, fn: t.Any, kwargs: t.Mapping[str, t.Any], run: Run) -> None:
        """Run env.py, with ``fn`` to plan the steps."""
        script = self._live.get_script()
        env = EnvironmentContext(self._live.get_config(), script, fn=fn, **run.options)
        with contextlib.ExitStack() as stack:
            meeting = _Meeting(self._live, env, run, dict(kwargs), stack)
            env.configure = meeting.configure  # type: ignore[method-assign]
            try:
                with proxied(env), keeping_loggers():
                    _run_script(script, self._live, meeting)
            except BaseException as e:
                meeting.fail(e)
                _say_where(e)
                raise
            meeting.finish()


def _visiting(names: Names) -> Run:
    # An env.py may ask for the target, and is not to fail where nothing has one.
    options = {"dont_mutate": True, "destination_rev": "heads"}
    return Run("visit", writes=False, names=names, checks=False, options=options)


def _engine_in(error: BaseException) -> sa.Engine | None:
    """Find the engine that an error came through; env.py may have made it itself."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        at = frame.f_locals.get("self")
        if isinstance(at, (sa.Engine, sa.Connection)):
            return at if isinstance(at, sa.Engine) else at.engine
    return None


def _say_where(error: BaseException) -> None:
    """Note the database that an error of env.py's own came from."""
    told = getattr(error, "__notes__", None)
    told = told and any("database" in note for note in told)
    engine = None if told or isinstance(error, MigrationError) else _engine_in(error)
    if engine is not None:
        name = databases.name_of(engine)
        database = Target(name, engine, t.cast(t.Any, None)).describe()
        error.add_note(f"under env.py, database {database.name!r} ({database.url})")


class _Meeting:
    """What env.py configures during one run."""

    def __init__(
        self,
        live: Live,
        env: EnvironmentContext,
        run: Run,
        kwargs: dict[str, t.Any],
        stack: contextlib.ExitStack,
    ) -> None:
        self._live = live
        self._env = env
        self._run = run
        self._kwargs = kwargs
        self._stack = stack
        self._contexts: list[StepContext] = []

    def configure(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Configure as Alembic does, and take the context over."""
        connection = args[0] if args else kwargs.get("connection")
        if self._env.is_offline_mode():
            # With a named style no '%' has to be doubled.
            kwargs.setdefault("dialect_opts", {"paramstyle": "named"})
        elif connection is not None:
            known = dialects.support(connection.dialect).transactional_ddl
            kwargs.setdefault("transactional_ddl", known)
        EnvironmentContext.configure(self._env, *args, **kwargs)
        context = self._env.get_context()
        if context.as_sql:
            self._adopt_offline(context, kwargs.get("url"))
        elif context.connection is not None:
            self._adopt(context)

    def _adopt(self, context: MigrationContext) -> None:
        """Take over a connected context, before anything was asked through it."""
        connection = t.cast(sa.Connection, context.connection)
        engine = connection.engine
        note(engine)
        metadata = context.opts.get("target_metadata")
        target = Target(self._name(engine), engine, t.cast(t.Any, metadata))
        if self._run.writes:
            databases.check_session(target)
        setup = target.dialect.prepare(connection, callers=False)
        self._stack.callback(setup.restore)
        adopted = self._take(StepContext, context, target, setup)
        if self._run.writes:
            limits.look(adopted)
            locks.take(adopted, self._run, self._stack)
            self._stack.enter_context(setup.run())
            if adopted.known is None:
                # Otherwise the heads say already that nothing will run.
                self._stack.enter_context(limits.limited(adopted))
        if target.dialect.keeps_rebuilt_tables:
            use_keeping_impl(adopted)
        self._watch_commits(adopted)
        if self._run.dry:
            from .deploys import dry

            dry.refuse(adopted)
            self._stack.enter_context(dry.rolling_back(adopted))
        if adopted._in_external_transaction and adopted._transaction_per_migration:
            logger.warning(
                "env.py opens the transaction on the database %r itself:"
                " transaction_per_migration has no effect.",
                target.name,
            )

    def _watch_commits(self, context: StepContext) -> None:
        """Note what env.py commits, and take it back if the COMMIT fails."""
        connection, engine = context.live, context.live.engine
        before = [(context.part.heads, context.part.kept)]

        def commit(_: sa.Connection) -> None:
            before.append((context.part.heads, context.part.kept))
            context.part.keep(context.applied)

        def error(details: t.Any) -> None:
            # A COMMIT is no statement; its event comes before it.
            if details.connection is connection and details.statement is None:
                context.part.heads, context.part.kept = before[-1]

        for target, name, listener in (
            (connection, "commit", commit),
            (engine, "handle_error", error),
        ):
            event.listen(target, name, listener)
            self._stack.callback(event.remove, target, name, listener)

    def _adopt_offline(self, context: MigrationContext, url: t.Any) -> None:
        """Take over a context that writes SQL, and let it begin with the guard."""
        from .offline import OfflineContext

        pool = NullPool(t.cast(t.Any, None), dialect=context.dialect)
        address = sa.make_url(url or f"{context.dialect.name}://")
        engine = sa.Engine(pool, context.dialect, address)
        target = Target(self._name(engine), engine, t.cast(t.Any, None))
        setup = ConnectionSetup(t.cast(sa.Connection, None), callers=False)
        adopted = self._take(OfflineContext, context, target, setup)
        write_sql_verbatim(adopted)
        if self._run.command in WRITING:
            guard = target.dialect.guard(
                context.dialect,
                table=context.version_table,
                schema=context.version_table_schema,
                heads=adopted.get_current_heads(),
            )
            if guard:
                adopted.impl.static_output(f"-- guard\n{guard};")

    def _take(
        self,
        kind: type[StepContext],
        context: MigrationContext,
        target: Target,
        setup: ConnectionSetup,
    ) -> StepContext:
        adopted = kind.adopt(
            context,
            target=target,
            setup=setup,
            history=self._live.history,
            settings=self._live.settings,
            several=False,
            fallback=target.name == databases.DEFAULT,
        )
        adopted.scripted = True
        adopted.run, adopted.extra = self._run, self._kwargs
        adopted.part = self._run.start(target.describe())
        self._contexts.append(adopted)
        return adopted

    def _name(self, engine: sa.Engine) -> str:
        """The database's name among the application's; each context has its own."""
        name, number = databases.name_of(engine), 1
        taken = {context.target.name for context in self._contexts}
        while (unique := name if number == 1 else f"{name} {number}") in taken:
            number += 1
        return unique

    def empty_pools(self) -> None:
        """Close the idle connections of asynchronous engines."""
        for context in self._contexts:
            engine = context.target.engine
            alone = context.target.dialect.lives_in_connection(engine)
            if getattr(engine.dialect, "is_async", False) and not alone:
                engine.dispose()

    def finish(self) -> None:
        """Note that env.py has ended, and with it every transaction."""
        for context in self._contexts:
            context.part.keep(context.applied)

    def fail(self, error: BaseException) -> None:
        """Say in the results what was rolled back."""
        for context in self._contexts:
            here = retries.meet(context, error)
            if here or any(r.state == "failed" for r in context.part.results):
                context.part.error = first_line(error)
            context.part.undo()


def _run_script(script: ScriptDirectory, live: Live, meeting: _Meeting) -> None:
    """Execute env.py, with an event loop of its own where it needs one."""
    text = t.cast(t.Any, live.settings.env_py).read_text(encoding="utf-8")
    own_loop = "get_event_loop" in text
    with contextlib.ExitStack() as stack:
        if "_sync_connection" in text:
            stack.enter_context(_sync_connections())
        if not (own_loop or _loop_is_running()):
            script.run_env()
            return
        from concurrent.futures import ThreadPoolExecutor

        context = contextvars.copy_context()
        run = _run_with_loop if own_loop else _run_without_loop
        with ThreadPoolExecutor(1, thread_name_prefix="flask-alembic") as pool:
            pool.submit(context.run, run, script, meeting).result()


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_without_loop(script: ScriptDirectory, meeting: _Meeting) -> None:
    """Execute env.py in a thread where none is running, so that it can run its own."""
    script.run_env()


def _run_with_loop(script: ScriptDirectory, meeting: _Meeting) -> None:
    """Execute env.py in a thread; older ones expect the thread to have a loop."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        script.run_env()
    finally:
        asyncio.set_event_loop(None)
        # A pooled connection belongs to the loop that opened it.
        loop.run_until_complete(greenlet_spawn(meeting.empty_pools))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextlib.contextmanager
def _sync_connections() -> t.Iterator[None]:
    """Give asynchronous connections a method that SQLAlchemy 2.0 took away.

    Several-database env.py files of Flask-Migrate 4 call it.
    """
    from sqlalchemy.ext.asyncio import AsyncConnection

    kind = t.cast(t.Any, AsyncConnection)
    if hasattr(kind, "_sync_connection"):
        yield
        return
    kind._sync_connection = lambda connection: connection.sync_connection
    try:
        yield
    finally:
        del kind._sync_connection

"""Where calls enter the core: errors, event loops and borrowed connections."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import typing as t
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from ..errors import MigrationError
from ..errors import SetupError
from . import databases
from .databases import Shared

if t.TYPE_CHECKING:
    from .live import Live

R = t.TypeVar("R")


@contextlib.contextmanager
def refusals() -> t.Iterator[None]:
    """Let a refusal that leaves here be an ``alembic.util.CommandError`` as well."""
    try:
        yield
    except MigrationError as e:
        from .bridge import command_error

        command_error(e)
        raise


def check_shared(shared: t.Any) -> Shared:
    """Refuse what has no connection to lend.

    :raises TypeError: Says what is accepted.
    """
    if isinstance(shared, t.Mapping):
        if all(isinstance(item, sa.Connection) for item in shared.values()):
            return t.cast(Shared, shared)
    elif isinstance(shared, sa.Connection) or (
        callable(getattr(shared, "connection", None)) and hasattr(shared, "get_bind")
    ):
        return t.cast(Shared, shared)
    raise TypeError(
        f"using() got {type(shared).__name__}; accepted are a session, a Connection, or"
        " a dict of Connections by database name."
    )


@contextlib.contextmanager
def replaced(kept: dict[t.Any, Live], owner: t.Any, live: Live) -> t.Iterator[None]:
    """Let this be the context's live objects inside the block."""
    before = kept[owner]
    kept[owner] = live
    error: BaseException | None = None
    try:
        yield
    except BaseException as e:
        error = e
        raise
    finally:
        kept[owner] = before
        live.clear(error)


def asynchronous(live: Live) -> dict[str, sa.Engine]:
    """The synchronous engines below the asynchronous ones, by database name."""
    if live.scripted or live.shared is not None:
        # An env.py has its own way with event loops, and who lends a connection is
        # where it can be waited for.
        return {}
    try:
        targets = live.targets()
    except SetupError:
        # The method may need no database; if it does, it says what is missing.
        return {}
    return {name: target.engine for name, target in targets.items() if target.is_async}


def in_loop(
    work: t.Callable[[t.Mapping[str, sa.Engine]], R], engines: dict[str, sa.Engine]
) -> R:
    """Run synchronous work where asynchronous drivers can be waited for.

    In a new event loop; in a thread of its own, with the caller's context, if a loop
    runs in this one.

    :param work: Gets engines of its own in place of ``engines``.
    """
    from concurrent.futures import ThreadPoolExecutor

    from sqlalchemy.util import greenlet_spawn

    from .. import dialects

    async def main() -> R:
        own = {name: databases.own_async_engine(e) for name, e in engines.items()}
        return t.cast(R, await greenlet_spawn(work, own))

    with contextlib.ExitStack() as stack:
        for engine in engines.values():
            if dialects.support(engine.dialect).lives_in_connection(engine):
                # Its one connection can wait in one event loop at a time.
                stack.enter_context(_turn(engine))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _run_loop(main)
        with ThreadPoolExecutor(1, thread_name_prefix="flask-alembic") as pool:
            return pool.submit(contextvars.copy_context().run, _run_loop, main).result()


_turns: WeakKeyDictionary[sa.Engine, threading.RLock] = WeakKeyDictionary()
_turns_lock = threading.Lock()


def _turn(engine: sa.Engine) -> threading.RLock:
    """The lock of an engine whose threads take turns."""
    with _turns_lock:
        return _turns.setdefault(engine, threading.RLock())


def _run_loop(main: t.Callable[[], t.Coroutine[t.Any, t.Any, R]]) -> R:
    # Unlike asyncio.run(), this leaves the thread's own event loop as it is.
    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    try:
        return loop.run_until_complete(task)
    except KeyboardInterrupt:
        # It ends the loop, not what waits in it, which has to clean up.
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                loop.run_until_complete(task)
        raise
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextlib.contextmanager
def committing_session(live: Live) -> t.Iterator[None]:
    """Commit the session at the end if ALEMBIC_SESSION shares it; roll back on error.

    One that the caller lent with ``using()`` is the caller's.
    """
    session = live.session
    if session is None:
        yield
        return
    try:
        yield
    except BaseException:
        session.rollback()
        raise
    session.commit()

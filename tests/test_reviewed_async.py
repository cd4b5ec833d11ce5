"""What reviews found of asynchronous engines."""

from __future__ import annotations

import asyncio
import threading

import pytest
import sqlalchemy as sa
from support.application import Project
from support.servers import Database
from support.sources import plain

ASYNC = "from sqlalchemy.ext.asyncio import create_async_engine\n"


@pytest.mark.needs("transactional_ddl")
def test_lent_connection_of_an_async_engine(
    project: Project, database: Database
) -> None:
    plain(project, f"create_async_engine({database.asynchronous_url()!r})")
    project.head += ASYNC
    project.tables("a", "b")
    module = project.load()
    seen: list[object] = []

    def migrate(connection: sa.Connection) -> None:
        with module.app.app_context(), module.alembic.using(connection):
            assert module.alembic.needs_upgrade()
            assert module.alembic.upgrade().ok
            assert module.alembic.context.connection is connection
            seen.extend(s.revision for s in module.alembic.current())
            seen.append(module.alembic.status()[0].state)

    async def act() -> None:
        engine = module.engines["default"]
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            assert connection.in_transaction()
            await connection.rollback()
        await engine.dispose()

    with project.closing(module):
        asyncio.run(act())
        assert database.all_tables() == set()
    assert seen == ["b", "current"]


@pytest.mark.needs("file")
@pytest.mark.timeout(60)
def test_threads_take_turns_at_a_database_in_memory(project: Project) -> None:
    plain(project, "create_async_engine('sqlite+aiosqlite://')")
    project.head += ASYNC
    project.tables("a")
    module = project.load()
    start = threading.Barrier(3, timeout=10)
    seen: list[object] = []

    def look() -> None:
        try:
            start.wait()
            for _ in range(5):
                with module.app.app_context():
                    seen.extend(s.revision for s in module.alembic.current())
        except BaseException as error:
            seen.append(error)

    with project.closing(module) as app:
        with app.app_context():
            module.alembic.upgrade()
        threads = [threading.Thread(target=look, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        asyncio.run(module.engines["default"].dispose())
    assert seen == ["a"] * 15

"""Asynchronous engines."""

from __future__ import annotations

import asyncio

import pytest
from support.application import Project
from support.servers import Database
from support.sources import do_everything
from support.sources import lite
from support.sources import plain
from support.sources import undo


@pytest.fixture
def asynchronous(project: Project, database: Database) -> Project:
    """A project whose only engine is asynchronous and pooled."""
    url = database.asynchronous_url()
    if url is None:
        pytest.skip("no asynchronous driver for this database among the requirements")
    plain(project, f"create_async_engine({url!r})")
    project.head += "from sqlalchemy.ext.asyncio import create_async_engine\n"
    return project


@pytest.mark.needs("transactional_ddl")
def test_async_engine(asynchronous: Project, database: Database) -> None:
    do_everything(asynchronous)
    assert database.tables() == {"person"}
    undo(asynchronous)
    assert database.tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_async_engine_under_a_running_loop(
    asynchronous: Project, database: Database
) -> None:
    async def act() -> None:
        do_everything(asynchronous)

    asyncio.run(act())
    assert database.tables() == {"person"}


@pytest.mark.needs("transactional_ddl")
def test_failure_in_an_async_engine(asynchronous: Project, database: Database) -> None:
    asynchronous.tables("a")
    asynchronous.revision("b", "a", "raise ValueError('no luck')")
    with (
        asynchronous.context() as alembic,
        pytest.raises(ValueError, match="no luck"),
    ):
        alembic.upgrade()
    assert database.all_tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_async_engine_of_lite(project: Project, database: Database) -> None:
    url = database.asynchronous_url()
    assert url is not None
    lite(project)
    project.config = {"SQLALCHEMY_ASYNC_ENGINES": {"default": url}}
    do_everything(project)
    assert database.tables() == {"person"}


@pytest.mark.needs("transactional_ddl")
def test_live_properties_of_an_async_engine_say_so(asynchronous: Project) -> None:
    with asynchronous.context() as alembic:
        for name in ("op", "migration_context"):
            with pytest.raises(RuntimeError, match="async"):
                getattr(alembic, name)


@pytest.mark.needs("transactional_ddl")
@pytest.mark.filterwarnings("error::ResourceWarning")
def test_command_line_with_an_async_engine(
    asynchronous: Project, database: Database
) -> None:
    for arguments in (["revision", "x"], ["upgrade"], ["current"], ["check"]):
        done = asynchronous.run(*arguments)
        assert (done.exit_code, done.error_lines) == (0, []), arguments
    assert database.tables() == {"person"}

"""What reviews of deploys have found, each kept from coming back."""

from __future__ import annotations

import logging
import textwrap
import typing as t

import pytest
from sqlalchemy.exc import DBAPIError
from support.application import Project
from support.deployed import deployed
from support.deployed import Holder
from support.deployed import OLD_FOLDERS
from support.deployed import opened
from support.servers import Database

pytestmark = OLD_FOLDERS

__all__ = ["deployed"]

KILL = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mariadb": ("SELECT CONNECTION_ID()", "KILL {}"),
}


def lose(database: Database, *, block: bool) -> str:
    """What a revision does to lose its connection.

    :param block: Outside of a transaction.
    """
    number, kill = KILL[database.kind]
    lines = f"""\
        bind = op.get_bind()
        number = bind.exec_driver_sql("{number}").scalar()
        engine = sa.create_engine(bind.engine.url, poolclass=sa.NullPool)
        with engine.connect() as other:
            other.exec_driver_sql("{kill}".format(number))
        op.execute("SELECT 1")
        """
    body = textwrap.dedent(lines)
    if block:
        head = "with op.get_context().autocommit_block():\n"
        return head + textwrap.indent(body, "    ")
    return body


@pytest.mark.needs("server")
@pytest.mark.parametrize("block", [True, False])
def test_lost_connection_is_what_the_error_says(
    deployed: Project,
    database: Database,
    block: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing that is put back afterwards may fail in its place, or blame a pooler."""
    deployed.tables("a")
    deployed.revision("b", "a", lose(database, block=block))
    deployed.config["ALEMBIC_HISTORY"] = True
    with opened(deployed) as alembic, pytest.raises(DBAPIError) as caught:
        alembic.upgrade()
    assert caught.value.connection_invalidated
    assert "pooler" not in caplog.text
    (result,) = t.cast("t.Any", caught.value).report.databases
    assert not any("pooler" in text for text in result.warnings)
    table = 'op.create_table("t_b", sa.Column("id", sa.Integer))'
    deployed.revision("b", "a", table)
    with opened(deployed) as alembic:
        assert alembic.upgrade().ok
    assert {"t_a", "t_b"} <= database.tables()


@pytest.mark.needs("concurrent_index")
def test_invalid_index_is_dropped_under_the_applications_own_timeout(
    deployed: Project, database: Database
) -> None:
    deployed.tables("a")
    line = 'op.create_index("by_id", "t_a", ["id"], postgresql_concurrently=True)'
    deployed.revision("b", "a", line, extra="transactional = False")
    with opened(deployed) as alembic:
        alembic.upgrade("a")
    deployed.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "connect_args": {"options": "-c lock_timeout=50ms"}
    }
    with (
        Holder(database, "INSERT INTO t_a VALUES (1)"),
        opened(deployed) as alembic,
        pytest.raises(DBAPIError),
    ):
        alembic.upgrade()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass"
    assert database.rows(valid) == [(False,)]
    with opened(deployed) as alembic:
        assert alembic.upgrade().ok
    assert database.rows(valid) == [(True,)]


def test_live_connection_keeps_nothing_of_the_runs_on_it(
    project: Project, database: Database
) -> None:
    project.tables("a")
    with project.context() as alembic:

        def kept() -> int:
            live = t.cast("t.Any", alembic.migration_context).connection
            return len(live.connection._connection_record.finalize_callback)

        before = kept()
        for _ in range(3):
            alembic.upgrade()
            alembic.downgrade("base")
        assert kept() == before


def test_dry_run_that_runs_nothing_does_not_speak_of_locks(
    project: Project, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    project.tables("a")
    with project.context() as alembic:
        caplog.set_level(logging.INFO, "alembic.runtime.migration")
        alembic.upgrade(dry_run=True)
    assert ("takes the locks" in caplog.text) == database.can("transactional_ddl")

"""One run at a time on a database, and who is told what while it waits."""

from __future__ import annotations

import logging
import threading
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import Project
from support.deployed import deployed
from support.deployed import is_free
from support.deployed import locked
from support.deployed import OLD_FOLDERS
from support.deployed import opened
from support.servers import Database

from flask_alembic import Event
from flask_alembic import LockError
from flask_alembic import Report

pytestmark = OLD_FOLDERS

__all__ = ["deployed"]

ADD = 'op.execute("UPDATE t_a SET id = id + 1")'
FILL = 'op.execute("INSERT INTO t_a (id) VALUES (1)")'


def test_threads_run_each_revision_once(deployed: Project, database: Database) -> None:
    deployed.config["ALEMBIC_LOCK_WAIT"] = 60
    deployed.tables("a")
    deployed.revision("b", "a", FILL)
    deployed.revision("c", "b", ADD)
    modules = [deployed.load() for _ in range(3)]
    reports: list[Report] = []

    def upgrade(module: t.Any) -> None:
        with deployed.closing(module), module.app.app_context():
            found = module.app.extensions.get("migrate")
            alembic = found.alembic if found else module.app.extensions["alembic"]
            reports.append(alembic.upgrade())

    threads = [threading.Thread(target=upgrade, args=(m,)) for m in modules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [report.databases[0].outcome for report in reports]
    assert sorted(outcomes) == ["done", "unchanged", "unchanged"]
    assert database.rows("SELECT id FROM t_a") == [(2,)]
    assert is_free(database)


def test_held_lock_is_refused_and_its_holder_named(
    deployed: Project, database: Database
) -> None:
    deployed.tables("a")
    with opened(deployed) as alembic, locked(database):
        with pytest.raises(
            LockError, match=r"'default' .*migrated by process \d+"
        ) as e:
            alembic.upgrade()
        assert (e.value.fix or "").startswith("Wait for it")
        assert "since" in str(e.value)
        assert database.all_tables() == set()
        # Who only reads isn't in anybody's way.
        assert alembic.status()[0].state == "unstamped"
        result = e.value.report.databases[0]
        assert (result.outcome, result.steps) == ("failed", ())
        assert "being migrated" in result.error


def test_waits_and_tells_until_it_is_free(
    deployed: Project,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployed.config["ALEMBIC_LOCK_WAIT"] = 60
    deployed.tables("a")
    events: list[Event] = []
    with opened(deployed) as alembic:
        holding = locked(database)
        holding.__enter__()

        def hear(event: Event) -> None:
            events.append(event)
            if event.kind == "lock_waiting":
                holding.__exit__(None, None, None)

        with alembic.listen(hear), caplog.at_level(logging.INFO, "alembic"):
            assert alembic.upgrade().databases[0].outcome == "done"
    assert [event.kind for event in events][:2] == ["lock_waiting", "run_started"]
    assert "process" in events[0].message and "'default'" in events[0].message
    # The folder's own logging configuration has a handler of its own.
    assert "Waiting: process" in caplog.text + capsys.readouterr().err
    assert database.versions() == {"a"}


def test_at_head_and_switched_off_nothing_is_locked(
    deployed: Project, database: Database
) -> None:
    deployed.tables("a")
    with opened(deployed) as alembic:
        alembic.upgrade()
        with locked(database):
            assert alembic.upgrade().databases[0].outcome == "unchanged"
            with pytest.raises(LockError):
                alembic.downgrade("base")
    deployed.config["ALEMBIC_LOCK"] = False
    with opened(deployed) as alembic, locked(database):
        assert alembic.downgrade("base").ok


def test_lock_is_free_after_a_run(deployed: Project, database: Database) -> None:
    deployed.tables("a")
    deployed.revision("b", "a", "raise ValueError('no luck')")
    with opened(deployed) as alembic:
        assert alembic.upgrade("a").ok
        assert is_free(database)
        with pytest.raises(ValueError, match="no luck"):
            alembic.upgrade()
        # In a live context the connection is still open.
        assert is_free(database)


def test_database_at_head_needs_no_lock_beside_one_that_has_work(
    two: Project, database: Database, other: Database
) -> None:
    two.config["ALEMBIC_LOCK_WAIT"] = 0
    two.tables("a")
    with two.context() as alembic:
        alembic.upgrade(databases=["default"])
        with locked(database):
            report = alembic.upgrade()
        assert [r.outcome for r in report.databases] == ["unchanged", "done"]
        assert other.versions() == {"a"}
        two.revision("b", "a")
        with locked(other), pytest.raises(LockError, match="'log'"):
            alembic.upgrade()
        assert database.versions() == {"a"}
        assert is_free(database)


TWICE = """
with db.engine.connect() as first, db.engine.connect() as second:
    context.configure(connection=first, target_metadata=db.metadata)
    context.configure(connection=second, target_metadata=db.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_second_connection_to_a_database_does_not_wait_for_the_first(
    deployed: Project, database: Database
) -> None:
    if not isinstance(deployed, Scripted):
        pytest.skip("an env.py does this")
    deployed.tables("a")
    head = "from alembic import context\nfrom flask import current_app\n"
    db = 'db = current_app.extensions["migrate"].db\n'
    deployed.env.write_text(head + db + TWICE)
    with opened(deployed) as alembic:
        assert alembic.upgrade().ok
    assert database.versions() == {"a"}


@pytest.mark.needs("server")
def test_lock_that_was_lost_points_to_the_pooler(
    deployed: Project, database: Database
) -> None:
    free = {
        "postgresql": "SELECT pg_advisory_unlock_all()",
        "mariadb": "SELECT RELEASE_ALL_LOCKS()",
    }
    deployed.revision("a", None, f'op.execute("{free[database.kind]}")')
    with opened(deployed) as alembic:
        report = alembic.upgrade()
    assert report.ok
    assert "pooler in transaction mode" in report.databases[0].warnings[0]


def test_lock_lasts_as_long_as_the_callers_transaction(
    project: Project, database: Database
) -> None:
    project.tables("a")
    engine = database.engine()
    with project.context() as alembic, engine.connect() as connection:
        with connection.begin(), alembic.using(connection):
            alembic.upgrade()
            if database.can("server"):
                assert not is_free(database)
        # MariaDB's has no transaction to end with; it goes with the connection.
        assert is_free(database) != (database.kind == "mariadb")
    assert database.versions() == {"a"}
    assert is_free(database)


def test_caller_may_go_on_when_the_lock_is_not_to_be_had(
    project: Project, database: Database
) -> None:
    project.tables("a")
    project.config["ALEMBIC_LOCK_WAIT"] = 0
    database.execute("CREATE TABLE mine (id INTEGER)")
    with project.context() as alembic, database.engine().begin() as connection:
        connection.exec_driver_sql("INSERT INTO mine VALUES (1)")
        with locked(database), alembic.using(connection), pytest.raises(LockError):
            alembic.upgrade()
        connection.exec_driver_sql("INSERT INTO mine VALUES (2)")
    assert database.rows("SELECT id FROM mine ORDER BY id") == [(1,), (2,)]


def test_asynchronous_driver_takes_and_frees_it(
    project: Project, database: Database
) -> None:
    url = database.asynchronous_url()
    if url is None:
        pytest.skip("no asynchronous driver")
    project.tables("a")
    project.config["ALEMBIC_LOCK_WAIT"] = 0
    project.head = project.head.replace(
        "db = SQLAlchemy(app)",
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "db = SQLAlchemy(app)\n"
        f"engines = {{'default': create_async_engine({url!r})}}",
    )
    project.setup = "alembic = Alembic(app, metadatas=db.metadata, engines=engines)"
    with project.context() as alembic:
        with locked(database), pytest.raises(LockError):
            alembic.upgrade()
        assert alembic.upgrade().ok
    assert is_free(database)


@pytest.mark.needs("file")
def test_lock_file_that_can_not_be_written_is_done_without(
    project: Project, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    project.tables("a")
    path = Path(str(sa.make_url(database.url).database) + ".migration.lock")
    path.mkdir()
    with project.context() as alembic, caplog.at_level(logging.DEBUG):
        assert alembic.upgrade().ok
    assert any("No lock file" in line for line in caplog.messages)


@pytest.mark.needs("file")
def test_database_in_memory_has_no_lock(project: Project, tmp_path: Path) -> None:
    project.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    project.tables("a")
    with project.context() as alembic:
        assert alembic.upgrade().ok
    assert not list(tmp_path.rglob("*.lock"))


def test_command_that_gives_up_says_who_is_there(
    deployed: Project, database: Database
) -> None:
    deployed.tables("a")
    with locked(database):
        done = deployed.invoke("upgrade")
    assert done.exit_code == 1
    assert "is being migrated by process" in done.stderr
    assert "Wait for it, or end it" in done.stderr
    assert len(done.error_lines) <= 5

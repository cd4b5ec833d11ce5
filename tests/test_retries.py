"""Waiting for a lock in vain: tried again, with everything it undid, or given up."""

from __future__ import annotations

import logging
import sys
import threading
import types
import typing as t

import pytest
from migrate.scripted import Scripted
from sqlalchemy.exc import OperationalError
from support.application import Project
from support.deployed import deployed
from support.deployed import Holder
from support.deployed import OLD_FOLDERS
from support.deployed import opened
from support.servers import Database

from flask_alembic.migrator.deploys import retries

pytestmark = OLD_FOLDERS

__all__ = ["deployed"]

BLOCK = {
    "sqlite": "INSERT INTO t_a (id) VALUES (99)",
    "postgresql": "SELECT * FROM t_a",
    "mariadb": "SELECT * FROM t_a",
}
"""What holds the table, or all of a SQLite database, until the transaction ends."""

ADD = 'op.add_column("t_a", sa.Column("x", sa.Integer))'


@pytest.fixture
def blocked(deployed: Project, database: Database) -> Project:
    """An application at "a", whose next revisions make t_b and change t_a."""
    # MariaDB counts whole seconds.
    deployed.config["ALEMBIC_LOCK_TIMEOUT"] = "50ms"
    deployed.tables("a")
    with opened(deployed) as alembic:
        alembic.upgrade()
    deployed.tables("b", down="a")
    deployed.revision("c", "b", ADD)
    return deployed


def holder(database: Database, kind: str = "") -> Holder:
    """A session in the way of the revision c, until an event of this kind."""
    return Holder(database, BLOCK[database.kind], kind=kind)


def test_tried_again_until_the_table_is_free(
    blocked: Project,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        opened(blocked) as alembic,
        holder(database, "retrying") as held,
        alembic.listen(held),
        caplog.at_level(logging.INFO, "alembic"),
    ):
        result = alembic.upgrade().databases[0]
    assert (result.outcome, result.heads) == ("done", ("c",))
    assert [step.state for step in result.steps] == ["done", "done"]
    # MariaDB has committed what came before: there the statement is tried again.
    assert result.attempts == (1 if database.kind == "mariadb" else 2)
    (event,) = [event for event in held.events if event.kind == "retrying"]
    assert 0 < event.seconds <= retries.FIRST_PAUSE
    assert "'default'" in event.message and "lock" in event.message.lower()
    if database.kind == "postgresql":
        assert "revision c" in event.message
        assert "in the way: process" in event.message
        assert "SELECT * FROM t_a" in event.message
    if database.kind == "mariadb":
        assert "in the way: process" in event.message
    assert "Trying again in 0.1 s (1 of 10)" in caplog.text + capsys.readouterr().err
    assert held.kinds()[-1] == "run_finished"
    assert database.tables() == {"t_a", "t_b"}
    assert "x" in database.columns("t_a")


def test_given_up_with_nothing_changed(blocked: Project, database: Database) -> None:
    blocked.config["ALEMBIC_LOCK_RETRIES"] = 1
    before = database.snapshot()
    with (
        opened(blocked) as alembic,
        holder(database) as held,
        alembic.listen(held),
        pytest.raises(OperationalError) as caught,
    ):
        alembic.upgrade()
    notes = "\n".join(caught.value.__notes__)
    result = t.cast("t.Any", caught.value).report.databases[0]
    assert "ALEMBIC_LOCK_TIMEOUT" in notes and "'default'" in notes
    assert "gave up after 2 tries" in notes
    if database.kind != "sqlite":
        assert (
            "revision c" in notes and "c_" in notes and "in the way: process" in notes
        )
    assert held.kinds()[-1] == "run_failed"
    if database.kind == "mariadb":
        # The revision before it is committed, as always there.
        assert (result.outcome, result.attempts) == ("partial", 1)
        assert database.versions() == {"b"}
    else:
        assert result.attempts == 2
        assert result.outcome in ("rolled_back", "failed")
        assert result.heads == ("a",)
        assert database.snapshot() == before


def test_command_gives_up_in_a_few_lines(blocked: Project, database: Database) -> None:
    blocked.config["ALEMBIC_LOCK_RETRIES"] = 0
    with holder(database):
        done = blocked.invoke("upgrade")
    assert done.exit_code == 1
    assert "wait for it" in done.stderr
    assert len(done.error_lines) <= 5


@pytest.mark.needs("transactional_ddl")
def test_what_is_committed_stays_on_record(
    blocked: Project, database: Database
) -> None:
    if isinstance(blocked, Scripted):
        blocked.config["ALEMBIC_CONTEXT"] = {}
        args = "Migrate(app, db, transaction_per_migration=True)"
        blocked.setup = f"migrate = {args}"
    else:
        blocked.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": True}
    if database.kind == "sqlite":
        pytest.skip("any writer is in the way of every revision")
    with (
        opened(blocked) as alembic,
        holder(database, "retrying") as held,
        alembic.listen(held),
    ):
        result = alembic.upgrade().databases[0]
    ran = [
        event.step.revision.id for event in held.events if event.result and event.step
    ]
    assert ran == ["b", "c", "c"]
    assert [(s.step.revision.id, s.state) for s in result.steps] == [
        ("b", "done"),
        ("c", "done"),
    ]
    assert (result.outcome, result.attempts) == ("done", 2)


@pytest.mark.needs("transactional_ddl", "server")
def test_outside_of_a_transaction_the_statement_is_tried_again(
    blocked: Project, database: Database
) -> None:
    lines = [
        'op.create_table("t_d", sa.Column("id", sa.Integer))',
        "with op.get_context().autocommit_block():",
        '    op.execute("INSERT INTO t_d VALUES (1)")',
        f"    {ADD}",
    ]
    blocked.revision("c", "b", "\n".join(lines))
    with (
        opened(blocked) as alembic,
        holder(database, "retrying") as held,
        alembic.listen(held),
    ):
        result = alembic.upgrade().databases[0]
    assert held.kinds().count("retrying") == 1
    assert (result.outcome, result.attempts) == ("done", 1)
    assert database.rows("SELECT id FROM t_d") == [(1,)]


@pytest.mark.needs("transactional_ddl", "server")
def test_what_ran_outside_of_a_transaction_is_not_run_twice(
    blocked: Project, database: Database
) -> None:
    lines = [
        "with op.get_context().autocommit_block():",
        '    op.execute("INSERT INTO t_b VALUES (1)")',
        ADD,
    ]
    blocked.revision("c", "b", "\n".join(lines))
    with (
        opened(blocked) as alembic,
        holder(database, "retrying") as held,
        alembic.listen(held),
        pytest.raises(OperationalError) as caught,
    ):
        alembic.upgrade()
    assert "retrying" not in held.kinds()
    assert "in the way: process" in "\n".join(caught.value.__notes__)
    assert database.rows("SELECT id FROM t_b") == [(1,)]


@pytest.mark.needs("file")
def test_commit_behind_a_reader_is_tried_again(
    blocked: Project, database: Database
) -> None:
    database.execute("INSERT INTO t_a (id) VALUES (1), (2)")
    engine = database.engine()
    with opened(blocked) as alembic, engine.connect() as reading:
        rows = reading.exec_driver_sql("SELECT id FROM t_a")
        assert rows.fetchone() == (1,)

        def let_go(event: t.Any) -> None:
            if event.kind == "retrying":
                rows.close()

        with alembic.listen(let_go):
            result = alembic.upgrade().databases[0]
    assert (result.outcome, result.attempts) == ("done", 2)
    assert "x" in database.columns("t_a")


GATE = "import gate_of_this_test as gate\n"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """Two events that revisions can import."""
    module = types.ModuleType("gate_of_this_test")
    vars(module).update(entered=threading.Event(), release=threading.Event())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.needs("ddl_commits")
@pytest.mark.parametrize("written", [True, False])
def test_deadlock_ends_a_run_that_has_written(
    deployed: Project, database: Database, gate: t.Any, written: bool
) -> None:
    database.execute(
        "CREATE TABLE v (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
        "INSERT INTO v SELECT seq, 0 FROM seq_1_to_50",
    )
    first = (
        'op.execute("UPDATE v SET n = n + 1 WHERE id = 1")'
        if written
        else 'op.execute("SELECT n FROM v WHERE id = 1 FOR UPDATE")'
    )
    lines = [
        first,
        "gate.entered.set()",
        "assert gate.release.wait(10)",
        'op.execute("UPDATE v SET n = n + 1 WHERE id = 2")',
    ]
    deployed.revision("a", None, "\n".join(lines), extra=GATE)

    def other() -> None:
        with database.engine().begin() as connection:
            # Who has changed more isn't chosen to be undone.
            connection.exec_driver_sql("UPDATE v SET n = n + 10 WHERE id > 1")
            assert gate.entered.wait(10)
            gate.release.set()
            connection.exec_driver_sql("UPDATE v SET n = n + 10 WHERE id = 1")

    thread = threading.Thread(target=other)
    thread.start()
    with opened(deployed) as alembic:
        if written:
            with pytest.raises(OperationalError, match="1213"):
                alembic.upgrade()
        else:
            assert alembic.upgrade().ok
    thread.join()
    mine = [(10,), (10,)] if written else [(10,), (11,)]
    assert database.rows("SELECT n FROM v WHERE id < 3 ORDER BY id") == mine


@pytest.mark.needs("ddl_commits")
def test_row_lock_is_waited_for_by_the_statement(
    deployed: Project, database: Database
) -> None:
    deployed.config["ALEMBIC_LOCK_TIMEOUT"] = 1
    database.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, n INTEGER)")
    database.execute("INSERT INTO v VALUES (1, 0), (2, 0)")
    body = [
        'op.execute("UPDATE v SET n = n + 1 WHERE id = 1")',
        'op.execute("UPDATE v SET n = n + 1 WHERE id = 2")',
    ]
    deployed.revision("a", None, "\n".join(body))
    update = "UPDATE v SET n = n + 10 WHERE id = 2"
    with (
        opened(deployed) as alembic,
        Holder(database, update, kind="retrying") as held,
        alembic.listen(held),
    ):
        assert alembic.upgrade().ok
    assert "retrying" in held.kinds()
    # The holder rolls back; what the revision did before isn't done twice.
    assert database.rows("SELECT n FROM v ORDER BY id") == [(1,), (1,)]


LARGE = """
from sqlalchemy.exc import OperationalError


class OwnAlembic(Alembic):
    tries = 0

    def run_migrations(self, fn, **kwargs):
        for number in range(3):
            for context in self.migration_contexts.values():
                context.connection.execute(sa.text("SET lock_timeout = '40ms'"))
            try:
                return super().run_migrations(fn, **kwargs)
            except OperationalError as error:
                self.tries += 1
                code = getattr(error.orig, "pgcode", None) or error.orig.sqlstate
                if code != "55P03" or number == 2:
                    raise
                self._get_cache().clear()


alembic = OwnAlembic(app)
"""


@pytest.mark.needs("transactional_ddl", "server")
def test_application_that_tries_again_itself(
    project: Project, database: Database
) -> None:
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
    project.revision("b", "a", ADD)
    project.setup = LARGE
    with project.context() as alembic:
        own = t.cast("t.Any", alembic)
        with (
            holder(database) as held,
            alembic.listen(held),
            pytest.raises(OperationalError),
        ):
            alembic.upgrade()
        assert own.tries == 3
        assert "retrying" not in held.kinds()
        assert alembic.upgrade().ok
    assert database.versions() == {"b"}


def test_pauses_grow_and_end() -> None:
    found = list(retries.pauses(10))
    assert len(found) == 10
    assert 0.05 <= found[0] <= 0.1 and 2.5 <= found[-1] <= 5
    assert list(retries.pauses(0)) == []

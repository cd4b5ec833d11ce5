"""What is undone when a revision fails, and what each database can promise."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from support.application import Project
from support.revisions import create_table
from support.servers import Database

from flask_alembic.results import DatabaseResult

FAIL = "raise ValueError('no luck')"

PARENT_AND_CHILD = """
op.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(50))")
op.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL"
    ", FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE)")
op.execute("INSERT INTO parent VALUES (1, 'one'), (2, 'two')")
op.execute("INSERT INTO child VALUES (10, 1), (20, 2), (21, 2)")
"""

FOREIGN_KEYS_ON = """
with app.app_context():
    if db.engine.dialect.name == "sqlite":
        @sa.event.listens_for(db.engine, "connect")
        def switch_on(connection, record):
            connection.execute("PRAGMA foreign_keys=ON")
"""

REBUILD = """
with op.batch_alter_table("parent") as batch:
    batch.alter_column("name", existing_type=sa.String(50), type_=sa.String(80))
    batch.add_column(sa.Column("note", sa.String(20)))
"""


def run_and_fail(project: Project) -> dict[str, DatabaseResult]:
    with (
        project.context() as alembic,
        pytest.raises(ValueError, match="no luck") as caught,
    ):
        alembic.upgrade()
    report = caught.value.report  # type: ignore[attr-defined]
    assert not report.ok
    return {result.database.name: result for result in report.databases}


def states(result: DatabaseResult) -> dict[str, str]:
    return {step.step.revision.id: step.state for step in result.steps}


@pytest.fixture
def failing(project: Project) -> Project:
    """Two revisions that work and one that fails after its first statement."""
    project.tables("a", "b")
    project.revision("c", "b", create_table("half") + f"\n{FAIL}")
    return project


@pytest.mark.needs("transactional_ddl")
def test_one_transaction_for_all(failing: Project, database: Database) -> None:
    result = run_and_fail(failing)["default"]
    assert states(result) == {"a": "rolled_back", "b": "rolled_back", "c": "failed"}
    assert result.outcome == "rolled_back"
    assert result.heads == ()
    assert database.all_tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_run_again_after_the_repair(failing: Project, database: Database) -> None:
    run_and_fail(failing)
    failing.revision("c", "b", create_table("half"))
    with failing.context() as alembic:
        assert alembic.upgrade().ok
    assert database.tables() == {"t_a", "t_b", "half"}


@pytest.mark.needs("transactional_ddl")
def test_transaction_per_migration(failing: Project, database: Database) -> None:
    failing.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": True}
    result = run_and_fail(failing)["default"]
    assert states(result) == {"a": "done", "b": "done", "c": "failed"}
    assert result.outcome == "partial"
    assert result.heads == ("b",)
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"b"}


@pytest.mark.needs("ddl_commits")
def test_database_that_commits_by_statement(
    failing: Project, database: Database
) -> None:
    result = run_and_fail(failing)["default"]
    assert states(result) == {"a": "done", "b": "done", "c": "failed"}
    assert result.outcome == "partial"
    assert result.heads == ("b",)
    assert database.tables() == {"t_a", "t_b", "half", "alembic_journal"}
    assert database.versions() == {"b"}


@pytest.mark.needs("ddl_commits")
def test_what_stays_is_said(failing: Project) -> None:
    done = failing.run("upgrade")
    assert done.exit_code == 1
    message = "\n".join(done.error_lines)
    assert "no luck" in message
    assert "c_.py" in message
    assert "stay" in message or "kept" in message


@pytest.mark.needs("transactional_ddl")
def test_failing_downgrade(project: Project, database: Database) -> None:
    project.tables("a")
    back = f"op.drop_table('t_b')\n{FAIL}"
    project.revision("b", "a", create_table("t_b"), back)
    with project.context() as alembic:
        alembic.upgrade()
        with pytest.raises(ValueError, match="no luck"):
            alembic.downgrade("base")
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"b"}


def test_rebuild_of_a_parent_keeps_the_children(
    project: Project, database: Database
) -> None:
    project.setup += FOREIGN_KEYS_ON
    project.revision("a", None, PARENT_AND_CHILD)
    project.revision("b", "a", REBUILD)
    with project.context() as alembic:
        alembic.upgrade("a")
        alembic.upgrade("b")
    assert database.rows("SELECT id FROM child ORDER BY id") == [(10,), (20,), (21,)]
    assert database.columns("parent") == {"id", "name", "note"}


@pytest.mark.needs("file")
def test_rows_without_a_parent_are_found_before_the_commit(
    project: Project, database: Database
) -> None:
    project.revision("a", None, PARENT_AND_CHILD)
    project.revision("b", "a", "op.execute('DELETE FROM parent WHERE id = 2')")
    with project.context() as alembic:
        alembic.upgrade("a")
        with pytest.raises(Exception, match="child"):
            alembic.upgrade("b")
    assert database.rows("SELECT count(*) FROM parent") == [(2,)]
    assert database.versions() == {"a"}


@pytest.mark.needs("file")
def test_connection_goes_back_as_it_was(project: Project) -> None:
    project.tables("a")
    project.setup += FOREIGN_KEYS_ON
    module = project.load()
    with project.closing(module) as app, app.app_context():
        engine = module.db.engine

        def settings() -> tuple[object, object]:
            with engine.connect() as connection:
                on = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
                driver: sqlite3.Connection = connection.connection  # type: ignore[assignment]
                return on, driver.isolation_level

        before = settings()
        module.alembic.upgrade()
        after = [settings() for _ in range(engine.pool.checkedin() + 1)]
    assert before[0] == 1
    assert set(after) == {before}


# Several databases


def fail_in(name: str) -> str:
    made = create_table("made")
    return f"{made}\nif engine_name == '{name}':\n    {FAIL}"


@pytest.mark.parametrize("name", ["default", "log"])
def test_failure_in_one_leaves_the_others(
    two: Project, other: Database, database: Database, name: str
) -> None:
    two.revision("a", None, fail_in(name), arguments="engine_name")
    results = run_and_fail(two)
    assert states(results[name])["a"] == "failed"
    for key, made in (("default", database), ("log", other)):
        assert set(results[key].heads) == made.versions()
        if database.can("transactional_ddl"):
            assert made.all_tables() == set()
            assert results[key].outcome in {"rolled_back", "unchanged"}
    assert {"default": database, "log": other}[name].versions() == set()


@pytest.mark.needs("transactional_ddl")
def test_second_revision_fails_in_the_last_database(
    two: Project, other: Database, database: Database
) -> None:
    two.tables("a", arguments="engine_name")
    two.revision("b", "a", fail_in("log"), arguments="engine_name")
    with two.context() as alembic:
        alembic.upgrade("a")
    results = run_and_fail(two)
    assert {key: result.heads for key, result in results.items()} == {
        "default": ("a",),
        "log": ("a",),
    }
    for made in (database, other):
        assert made.tables() == {"t_a"}
        assert made.versions() == {"a"}


DEFERRED = """
op.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
op.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER"
    " REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
if engine_name == "log":
    op.execute("INSERT INTO child VALUES (1, 99)")
"""


@pytest.mark.needs("deferred_constraints")
def test_deferred_constraints_are_checked_before_the_first_commit(
    two: Project, other: Database, database: Database
) -> None:
    two.revision("a", None, DEFERRED, arguments="engine_name")
    with two.context() as alembic, pytest.raises(Exception, match="child"):
        alembic.upgrade()
    assert database.all_tables() == set()
    assert other.all_tables() == set()


# Outside of a transaction


@pytest.mark.needs("concurrent_index")
def test_revision_without_transaction(project: Project, database: Database) -> None:
    concurrently = "op.execute('CREATE INDEX CONCURRENTLY made ON t_a (id)')"
    project.tables("a")
    project.revision("b", "a", concurrently, extra="transactional = False")
    project.tables("c", down="b")
    with project.context() as alembic:
        assert alembic.upgrade().ok
        assert not sa.inspect(database.engine()).get_indexes("t_c")
    assert "made" in str(sa.inspect(database.engine()).get_indexes("t_a"))
    assert database.versions() == {"c"}


@pytest.mark.needs("concurrent_index")
def test_autocommit_block(project: Project, database: Database) -> None:
    block = """
with op.get_context().autocommit_block():
    op.execute('CREATE INDEX CONCURRENTLY made ON t_a (id)')
"""
    project.tables("a")
    project.revision("b", "a", block)
    with project.context() as alembic:
        alembic.upgrade()
    assert "made" in str(sa.inspect(database.engine()).get_indexes("t_a"))


@pytest.mark.needs("transactional_ddl")
def test_failure_after_a_revision_without_transaction(
    project: Project, database: Database
) -> None:
    project.tables("a")
    project.revision("b", "a", create_table("t_b"), extra="transactional = False")
    project.revision("c", "b", create_table("half") + f"\n{FAIL}")
    result = run_and_fail(project)["default"]
    assert states(result) == {"a": "done", "b": "done", "c": "failed"}
    assert result.outcome == "partial"
    assert result.heads == ("b",)
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"b"}


@pytest.mark.parametrize("each", [False, True])
def test_purge_without_a_step_is_kept(
    project: Project, database: Database, each: bool
) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": each}
    project.tables("a", "b")
    with project.context() as alembic:
        alembic.upgrade()
        report = alembic.stamp("base", purge=True)
        assert report.databases[0].outcome == "done"
        assert report.databases[0].heads == ()
    assert database.versions() == set()
    with project.context() as alembic:
        alembic.stamp("a", purge=True)
        alembic.stamp("b", purge=True)
    assert database.versions() == {"b"}

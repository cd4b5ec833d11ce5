"""How long statements may wait: set for the run, and for nobody else."""

from __future__ import annotations

import threading
import typing as t

import pytest
from sqlalchemy.exc import IntegrityError
from support.application import Project
from support.deployed import deployed
from support.deployed import Holder
from support.deployed import OLD_FOLDERS
from support.deployed import opened
from support.servers import Database

from flask_alembic import RevisionFileError

pytestmark = OLD_FOLDERS

__all__ = ["deployed"]

SHOW = {
    "sqlite": "SELECT timeout FROM pragma_busy_timeout",
    "postgresql": "SELECT current_setting('lock_timeout')",
    "mariadb": "SELECT CONCAT(@@lock_wait_timeout, ' ', @@innodb_lock_wait_timeout)",
}

TEN = {"sqlite": "10000", "postgresql": "10s", "mariadb": "10 10"}
THIRTY = {"sqlite": "30000", "postgresql": "30s", "mariadb": "30 30"}

STATEMENT = {
    "postgresql": "SELECT current_setting('statement_timeout')",
    "mariadb": "SELECT @@max_statement_time",
}


def note(database: Database, show: t.Mapping[str, str] = SHOW) -> str:
    """What a revision does to note what is set while it runs."""
    return f'op.execute("INSERT INTO noted (what) {show[database.kind]}")'


@pytest.fixture
def noting(deployed: Project, database: Database) -> Project:
    """An application with ten seconds, and a table for what revisions see."""
    database.execute("CREATE TABLE noted (what VARCHAR(50))")
    deployed.config["ALEMBIC_LOCK_TIMEOUT"] = 10
    return deployed


def noted(database: Database) -> list[str]:
    """What revisions have seen, in no particular order."""
    return sorted(what for (what,) in database.rows("SELECT what FROM noted"))


def pooled(module: t.Any, query: str) -> t.Any:
    """What a connection of the application's pool says."""
    with module.db.engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar()


def with_pool(project: Project) -> tuple[t.Any, t.Any]:
    """Load the application; its module and the core's extension object."""
    module = project.load()
    found = module.app.extensions.get("migrate")
    return module, found.alembic if found else module.app.extensions["alembic"]


def test_set_for_the_run_and_gone_from_the_pool(
    noting: Project, database: Database
) -> None:
    noting.config["ALEMBIC_STATEMENT_TIMEOUT"] = "20s"
    noting.revision("a", None, note(database))
    if database.can("server"):
        noting.revision("b", "a", note(database, STATEMENT))
    show = SHOW[database.kind]
    module, alembic = with_pool(noting)
    with noting.closing(module) as app:
        with app.app_context():
            before = pooled(module, show)
            assert alembic.upgrade().ok
            # In a live context the run's connection is still open.
            alembic.current()
        with app.app_context():
            assert pooled(module, show) == before
            if database.can("server"):
                assert pooled(module, STATEMENT[database.kind]) in ("0", 0)
    twenty = {"sqlite": [], "postgresql": ["20s"], "mariadb": ["20"]}
    expected = [TEN[database.kind], *twenty[database.kind]]
    assert noted(database) == sorted(expected)


def test_nothing_is_set_where_none_is_wanted(
    noting: Project, database: Database
) -> None:
    noting.config["ALEMBIC_LOCK_TIMEOUT"] = None
    noting.revision("a", None, note(database))
    with opened(noting) as alembic:
        assert alembic.upgrade().ok
    assert noted(database) == [str(database.rows(SHOW[database.kind])[0][0])]


def test_gone_after_a_failure(noting: Project, database: Database) -> None:
    noting.revision("a", None, "raise ValueError('no luck')")
    module, alembic = with_pool(noting)
    with noting.closing(module) as app:
        with app.app_context():
            before = pooled(module, SHOW[database.kind])
            with pytest.raises(ValueError, match="no luck"):
                alembic.upgrade()
        with app.app_context():
            assert pooled(module, SHOW[database.kind]) == before


def test_revision_has_its_own_for_its_step_only(
    noting: Project, database: Database
) -> None:
    noting.revision("a", None, note(database), extra='lock_timeout = "30s"')
    noting.revision("b", "a", note(database))
    noting.revision(
        "c", "b", "pass", extra="lock_timeout = None\nstatement_timeout = 0"
    )
    with opened(noting) as alembic:
        assert alembic.upgrade().ok
    kind = database.kind
    assert noted(database) == sorted([THIRTY[kind], TEN[kind]])


@pytest.mark.parametrize("name", ["lock_timeout", "statement_timeout"])
def test_revision_with_a_wrong_one_is_refused_before_anything_runs(
    deployed: Project, database: Database, name: str
) -> None:
    deployed.tables("a")
    deployed.revision("b", "a", "pass", extra=f"{name} = 'soon'")
    with opened(deployed) as alembic, pytest.raises(RevisionFileError, match=name) as e:
        alembic.upgrade()
    assert "b_" in str(e.value) and "'soon'" in str(e.value)
    assert database.tables() == set()


GIVEN = {
    "sqlite": {"connect_args": {"timeout": 7}},
    "postgresql": {"connect_args": {"options": "-c lock_timeout=7000"}},
    "mariadb": {
        "connect_args": {"init_command": "SET SESSION lock_wait_timeout = 7"},
    },
}
SEVEN = {"sqlite": "7000", "postgresql": "7s", "mariadb": "7 10"}


def test_what_the_application_has_set_wins(noting: Project, database: Database) -> None:
    noting.config["SQLALCHEMY_ENGINE_OPTIONS"] = GIVEN[database.kind]
    noting.revision("a", None, note(database), extra="lock_timeout = 60")
    with opened(noting) as alembic:
        assert alembic.upgrade().ok
    sixty = {**SEVEN, "mariadb": "7 60"}
    assert noted(database) == [sixty[database.kind]]


def test_what_is_set_on_a_live_connection_wins(
    project: Project, database: Database
) -> None:
    database.execute("CREATE TABLE noted (what VARCHAR(50))")
    project.revision("a", None, note(database))
    setting = {
        "sqlite": "PRAGMA busy_timeout = 7000",
        "postgresql": "SET lock_timeout = '7s'",
        "mariadb": "SET SESSION lock_wait_timeout = 7, innodb_lock_wait_timeout = 10",
    }
    with project.context() as alembic:
        for context in alembic.migration_contexts.values():
            assert context.connection is not None
            context.connection.exec_driver_sql(setting[database.kind])
        alembic.upgrade()
    assert noted(database) == [SEVEN[database.kind]]


@pytest.mark.needs("transactional_ddl", "server")
def test_outside_of_a_transaction_and_behind_it(
    noting: Project, database: Database
) -> None:
    body = [note(database), "with op.get_context().autocommit_block():"]
    lines = [*body, f"    {note(database)}", note(database)]
    noting.revision("a", None, "\n".join(lines))
    noting.revision("b", "a", note(database), extra="transactional = False")
    show = SHOW[database.kind]
    module, alembic = with_pool(noting)
    with noting.closing(module) as app, app.app_context():
        before = pooled(module, show)
        alembic.upgrade()
        with app.app_context():
            assert pooled(module, show) == before == "0"
    assert noted(database) == ["10s"] * 4


INDEX = 'op.create_index("by_id", "t_a", ["id"], postgresql_concurrently=True{more})'


@pytest.mark.needs("concurrent_index")
def test_concurrent_index_waits_without_a_limit(
    deployed: Project, database: Database
) -> None:
    deployed.config["ALEMBIC_LOCK_TIMEOUT"] = "20ms"
    deployed.tables("a")
    deployed.revision("b", "a", INDEX.format(more=""), extra="transactional = False")
    with opened(deployed) as alembic:
        alembic.upgrade("a")
        with Holder(
            database, "SELECT * FROM t_a", "INSERT INTO t_a VALUES (1)"
        ) as held:
            # It waits for the writer; with the limit it would fail after 20 ms.
            timer = threading.Timer(0.3, held.close)
            timer.start()
            with alembic.listen(held):
                assert alembic.upgrade().ok
            timer.join()
    assert "retrying" not in held.kinds()
    assert database.rows(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass"
    ) == [(True,)]


@pytest.mark.needs("concurrent_index")
def test_invalid_index_of_a_failed_run_is_dropped_by_the_next(
    deployed: Project, database: Database
) -> None:
    database.execute("CREATE TABLE t_a (id INTEGER)", "INSERT INTO t_a VALUES (1), (1)")
    unique = INDEX.format(more=", unique=True")
    deployed.revision("b", None, unique, extra="transactional = False")
    with opened(deployed) as alembic, pytest.raises(IntegrityError):
        alembic.upgrade()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass"
    assert database.rows(valid) == [(False,)]
    database.execute("DELETE FROM t_a")
    with opened(deployed) as alembic:
        assert alembic.upgrade().ok
    assert database.rows(valid) == [(True,)]

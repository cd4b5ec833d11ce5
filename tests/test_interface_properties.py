"""The properties: what they are, how long they live, and the cache behind them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from support.application import checked_out
from support.application import engines_of
from support.application import Project
from support.servers import Database


@pytest.mark.one_database
def test_short_names_are_the_same_objects(project: Project) -> None:
    with project.context() as alembic:
        assert alembic.script is alembic.script_directory
        assert alembic.env is alembic.environment_context
        assert alembic.context is alembic.migration_context
        assert alembic.migration_contexts["default"] is alembic.migration_context
        assert alembic.ops["default"] is alembic.op
        assert alembic.op.migration_context is alembic.migration_context


@pytest.mark.one_database
def test_live_properties_are_kept_within_a_context(project: Project) -> None:
    with project.context() as alembic:
        assert alembic.context is alembic.context
        assert alembic.context.connection is alembic.context.connection
        assert not alembic.context.connection.closed


def test_connections_close_with_the_context(project: Project) -> None:
    module = project.load()
    with project.closing(module) as app:
        (engine,) = engines_of(module)
        with app.app_context():
            connection = module.alembic.migration_context.connection
            assert checked_out(engine) == 1
        assert connection.closed
        assert checked_out(engine) == 0


def test_each_context_has_connections_of_its_own(project: Project) -> None:
    module = project.load()
    with project.closing(module) as app, app.app_context():
        outer = module.alembic.context.connection
        with app.app_context():
            inner = module.alembic.context.connection
            assert inner is not outer
        assert inner.closed
        assert not outer.closed
        assert outer.execute(sa.text("SELECT 1")).scalar() == 1


def test_closed_connection_is_replaced(project: Project, database: Database) -> None:
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
        alembic.context.connection.close()
        assert alembic.context.get_current_revision() == "a"
        alembic.op.execute("INSERT INTO t_a (id) VALUES (1)")
    assert database.rows("SELECT id FROM t_a") == [(1,)]


def test_work_of_op_is_committed_at_the_end(
    project: Project, database: Database
) -> None:
    with project.context() as alembic:
        alembic.op.create_table("made", sa.Column("id", sa.Integer, primary_key=True))
        alembic.op.execute("INSERT INTO made (id) VALUES (7)")
    assert database.rows("SELECT id FROM made") == [(7,)]


@pytest.mark.needs("transactional_ddl")
def test_work_of_op_is_undone_by_an_error(project: Project, database: Database) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop), project.context() as alembic:
        alembic.op.create_table("made", sa.Column("id", sa.Integer, primary_key=True))
        raise Stop
    assert database.all_tables() == set()


def test_ops_are_bound_to_their_own_database(
    two: Project, other: Database, database: Database
) -> None:
    with two.context() as alembic:
        assert set(alembic.ops) == set(alembic.migration_contexts) == {"default", "log"}
        for name, op in alembic.ops.items():
            assert isinstance(op, Operations)
            assert isinstance(alembic.migration_contexts[name], MigrationContext)
            op.create_table(f"of_{name}", sa.Column("id", sa.Integer, primary_key=True))
    assert database.all_tables() == {"of_default"}
    assert other.all_tables() == {"of_log"}


@pytest.mark.one_database
def test_a_single_key_may_have_any_name(project: Project, database: Database) -> None:
    project.setup = """
engines = {"main": sa.create_engine(app.config["SQLALCHEMY_DATABASE_URI"])}
alembic = Alembic(app, metadatas={"main": db.metadata}, engines=engines)
"""
    with project.context() as alembic:
        assert set(alembic.migration_contexts) == {"main"}
        assert alembic.current() == ()
        alembic.revision("x")
        alembic.upgrade()
        assert not alembic.needs_upgrade()
        assert alembic.op is alembic.ops["main"]
    assert database.tables() == {"person"}


# The cache that applications reach into.


@pytest.mark.one_database
def test_cache_holds_what_the_properties_return(project: Project) -> None:
    with project.context() as alembic:
        cache = alembic._get_cache()
        assert alembic.config is cache.config
        assert alembic.script_directory is cache.script
        assert alembic.environment_context is cache.env
        assert alembic.migration_contexts is cache.contexts
        assert alembic.ops is cache.ops
        assert set(cache.engines) == {"default"}
        assert set(cache.metadatas) == {"default"}


@pytest.mark.one_database
@pytest.mark.parametrize(
    "name", ["config", "script", "env", "contexts", "ops", "engines", "metadatas"]
)
def test_cache_may_be_emptied_by_hand(project: Project, name: str) -> None:
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
        setattr(alembic._get_cache(), name, None)
        assert alembic.config is not None
        assert alembic.context.get_current_revision() == "a"
        assert [s.revision for s in alembic.current()] == ["a"]
        assert alembic.op is not None


@pytest.mark.needs("server")
def test_clearing_the_cache_reconnects_after_a_lost_connection(
    project: Project, database: Database
) -> None:
    kill = {
        "postgresql": "SELECT pg_terminate_backend({})",
        "mariadb": "KILL {}",
    }[database.kind]
    identity = {
        "postgresql": "SELECT pg_backend_pid()",
        "mariadb": "SELECT CONNECTION_ID()",
    }[database.kind]
    project.tables("a")
    with project.context() as alembic:
        connection = alembic.migration_context.connection
        process = connection.exec_driver_sql(identity).scalar()
        connection.commit()
        database.execute(kill.format(process))
        with pytest.raises(sa.exc.DBAPIError):
            alembic.migration_context.connection.exec_driver_sql("SELECT 1")
        alembic._get_cache().clear()
        alembic.upgrade()
        assert alembic.context.get_current_revision() == "a"
    assert database.tables() == {"t_a"}


@pytest.mark.needs("schemas")
def test_an_application_that_retries_by_itself(
    project: Project, database: Database
) -> None:
    """As a large application does: its own lock timeout, its own loop."""
    project.tables("a")
    project.revision("b", "a", 'op.add_column("t_a", sa.Column("x", sa.Integer))')
    project.setup = """
class Patient(Alembic):
    tries = 0

    def run_migrations(self, fn, **kwargs):
        for context in self.migration_contexts.values():
            context.connection.execute(sa.text("SET lock_timeout = '200ms'"))
            context.connection.commit()
        while True:
            self.tries += 1
            try:
                super().run_migrations(fn, **kwargs)
                return
            except sa.exc.OperationalError as error:
                code = getattr(error.orig, "pgcode", None) or error.orig.sqlstate
                if code != "55P03" or self.tries == 3:
                    raise
                release()
                self._get_cache().clear()

alembic = Patient(app)
"""
    module = project.load()
    with project.closing(module) as app, database.engine().connect() as blocker:
        with app.app_context():
            module.alembic.upgrade("a")
        module.alembic.tries = 0
        blocker.execute(sa.text("LOCK TABLE t_a IN ACCESS SHARE MODE"))
        module.release = blocker.rollback
        with app.app_context():
            report = module.alembic.upgrade()
        assert module.alembic.tries == 2
        assert report.databases[0].heads == ("b",)
    assert database.columns("t_a") == {"id", "x"}

"""The caller's own connection, and the session's."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.application import Project
from support.servers import Database
from support.sources import lite

from flask_alembic.errors import MigrationError


def test_using_a_connection(project: Project, database: Database) -> None:
    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        alembic = module.alembic
        with module.db.engine.connect() as connection:
            with alembic.using(connection):
                alembic.upgrade()
                assert alembic.context.connection is connection
                assert [s.revision for s in alembic.current()] == ["b"]
            assert not connection.closed
            connection.commit()
    assert database.versions() == {"b"}


@pytest.mark.needs("transactional_ddl")
def test_using_commits_nothing_itself(project: Project, database: Database) -> None:
    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        session = module.db.session
        for given in (lambda: session, lambda: session.connection()):
            with module.alembic.using(given()):
                module.alembic.upgrade()
                assert not module.alembic.needs_upgrade()
            module.db.session.rollback()
            assert database.all_tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_using_the_session_sees_and_keeps_its_work(
    project: Project, database: Database
) -> None:
    project.revision("b", "a", "op.execute(\"UPDATE person SET name = name || '!'\")")
    columns = 'sa.Column("name", sa.String(50))'
    project.revision(
        "a",
        None,
        "op.create_table('person', sa.Column('id', sa.Integer, primary_key=True),"
        f" {columns})",
    )
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade("a")
        module.db.session.add(module.Person(id=1, name="Ada"))
        module.db.session.flush()
        with module.alembic.using(module.db.session):
            module.alembic.upgrade("b")
        module.db.session.commit()
    assert database.rows("SELECT name FROM person") == [("Ada!",)]


@pytest.mark.one_database
def test_using_a_connection_for_each_database(
    two: Project, database: Database, other: Database
) -> None:
    two.tables("a", arguments="engine_name")
    module = two.load()
    with two.closing(module) as app, app.app_context():
        engines = module.db.engines
        with (
            engines[None].begin() as first,
            engines["log"].begin() as second,
            module.alembic.using({"default": first, "log": second}),
        ):
            module.alembic.upgrade()
    assert database.versions() == other.versions() == {"a"}


def test_session_by_configuration(project: Project, database: Database) -> None:
    project.config["ALEMBIC_SESSION"] = True
    project.tables("a", "b")
    assert project.run("upgrade").exit_code == 0
    assert database.versions() == {"b"}
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.downgrade()
        if database.can("transactional_ddl"):
            assert database.versions() == {"b"}
        module.db.session.commit()
    assert database.versions() == {"a"}


def test_using_ends_with_its_block(project: Project) -> None:
    project.tables("a")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        alembic = module.alembic
        own = alembic.context.connection
        with module.db.engine.connect() as connection:
            with pytest.raises(ZeroDivisionError), alembic.using(connection):
                assert alembic.context.connection is connection
                raise ZeroDivisionError
            assert alembic.context.connection is own
            connection.rollback()
        assert alembic.upgrade().ok


def test_session_of_lite(project: Project, database: Database) -> None:
    lite(project, default=database.url)
    project.config["ALEMBIC_SESSION"] = True
    project.tables("a")
    assert project.invoke("upgrade").exit_code == 0
    assert database.versions() == {"a"}


def test_session_that_only_read(project: Project, database: Database) -> None:
    """With nothing to do, an open transaction is in nobody's way."""
    project.tables("a")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade()
        module.db.session.execute(sa.text("SELECT id FROM t_a")).all()
        assert module.alembic.upgrade().databases[0].outcome == "unchanged"
        assert not module.alembic.needs_upgrade()
        assert module.alembic.status()[0].state == "current"
        module.db.session.rollback()
    assert database.versions() == {"a"}


def test_revision_that_uses_the_session_of_its_connection(
    project: Project, database: Database
) -> None:
    text = """
op.create_table("note", sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("text", sa.String(20)))
from sqlalchemy.orm import Session
session = Session(op.get_bind())
session.execute(sa.text("INSERT INTO note (id, text) VALUES (1, 'kept')"))
session.commit()
"""
    project.revision("a", None, text)
    with project.context() as alembic:
        assert alembic.upgrade().ok
    assert database.rows("SELECT text FROM note") == [("kept",)]
    assert database.versions() == {"a"}


@pytest.mark.needs("transactional_ddl")
def test_own_transaction_in_the_way(project: Project, database: Database) -> None:
    """An open transaction of the session is named at once instead of waited for."""
    project.tables("a")
    project.revision("b", "a", "op.add_column('t_a', sa.Column('x', sa.Integer))")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade("a")
        module.db.session.execute(sa.text("INSERT INTO t_a (id) VALUES (1)"))
        with pytest.raises(MigrationError, match="session"):
            module.alembic.upgrade("b")
        module.db.session.commit()
        module.alembic.upgrade("b")
    assert database.columns("t_a") == {"id", "x"}


@pytest.mark.needs("ddl_commits")
def test_shared_session_warns_where_ddl_commits(project: Project) -> None:
    project.tables("a")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.db.session.execute(sa.text("SELECT 1"))
        with module.alembic.using(module.db.session):
            report = module.alembic.upgrade()
    assert report.databases[0].warnings


@pytest.mark.needs("file")
def test_rebuild_in_a_shared_transaction_is_refused(
    project: Project, database: Database
) -> None:
    database.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY,"
        " parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
        "INSERT INTO parent VALUES (1, 'one')",
        "INSERT INTO child VALUES (10, 1)",
    )
    project.revision(
        "a",
        None,
        "with op.batch_alter_table('parent', recreate='always') as batch:\n"
        "    batch.alter_column('name', nullable=False)",
    )
    module = project.load()
    with (
        project.closing(module) as app,
        app.app_context(),
        module.db.engine.connect() as connection,
    ):
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.commit()
        with (
            module.alembic.using(connection),
            pytest.raises(MigrationError, match="parent"),
        ):
            module.alembic.upgrade()
        connection.rollback()
    assert database.rows("SELECT id FROM child") == [(10,)]


@pytest.mark.needs("ddl_commits")
def test_shared_session_keeps_the_rows_of_finished_revisions(
    project: Project, database: Database
) -> None:
    """DDL has committed them; a version table that says less couldn't be repaired."""
    project.config["ALEMBIC_SESSION"] = True
    project.tables("a")
    project.revision("b", "a", "raise ValueError('no')")
    done = project.invoke("upgrade")
    assert done.exit_code == 1
    assert (database.tables(), database.versions()) == ({"t_a"}, {"a"})


def test_reading_leaves_the_callers_transaction_alone(
    project: Project, database: Database
) -> None:
    """Also where the version table can't be read."""
    database.execute("CREATE TABLE alembic_version (other INTEGER)")
    database.execute("CREATE TABLE kept (id INTEGER)")
    with project.context() as alembic:
        engine = alembic._get_cache().targets()["default"].engine
        with engine.connect() as connection:
            connection.execute(sa.text("INSERT INTO kept VALUES (1)"))
            with alembic.using(connection):
                (status,) = alembic.status()
            assert status.state == "unknown"
            connection.commit()
    assert database.rows("SELECT id FROM kept") == [(1,)]

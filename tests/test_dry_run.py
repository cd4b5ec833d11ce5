"""Dry runs: everything is executed, reported and rolled back."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from support.application import Project
from support.revisions import create_table
from support.servers import Database

from flask_alembic import Report
from flask_alembic import SessionError
from flask_alembic import StepResult

USERS = create_table("users", "name", "email")


def dump(database: Database) -> t.Any:
    """The schema with all rows; on SQLite every byte of the file."""
    rows = {
        name: sorted(map(str, database.rows(f"SELECT * FROM {name}")))
        for name in sorted(database.all_tables())
    }
    if database.kind != "sqlite":
        return database.snapshot(), rows
    path = sa.make_url(database.url).database or ""
    with open(path, "rb") as file:
        return file.read(), rows


def steps(report: Report) -> tuple[StepResult, ...]:
    return report.databases[0].steps


def locks(step: StepResult) -> dict[str, tuple[str, str, bool]]:
    return {x.table: (x.mode, x.blocks, x.rewritten) for x in step.locks}


@pytest.fixture
def filled(project: Project, database: Database) -> Project:
    """A table with rows, and a pending revision that changes both."""
    rows = "INSERT INTO users VALUES (1, 'Ann', 'a'), (2, 'Bob', 'b')"
    project.revision("a", None, f"{USERS}\nop.execute({rows!r})")
    with project.context() as alembic:
        alembic.upgrade()
    project.revision(
        "b",
        "a",
        'op.add_column("users", sa.Column("age", sa.Integer))\n'
        'op.execute("UPDATE users SET age = 1")\n' + create_table("posts"),
        'op.drop_table("posts")\nop.drop_column("users", "age")',
    )
    return project


@pytest.mark.needs("transactional_ddl")
@pytest.mark.parametrize("each", [False, True])
def test_nothing_has_changed(filled: Project, database: Database, each: bool) -> None:
    filled.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": each}
    filled.tables("c", down="b")
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
        assert alembic.status()[0].state == "behind"
    assert dump(database) == before
    assert (report.ok, report.exit_code, report.dry_run) == (True, 0, True)
    assert report.databases[0].outcome == "rolled_back"
    assert report.databases[0].heads == ("a",)
    assert [x.state for x in steps(report)] == ["rolled_back", "rolled_back"]
    kinds = [x.kind for x in steps(report)[0].statements]
    assert kinds == ["ALTER TABLE … ADD COLUMN", "UPDATE", "CREATE TABLE"]
    assert steps(report)[1].statements[0].table == "t_c"
    # The same context migrates as before.
    with filled.context() as alembic:
        alembic.upgrade(dry_run=True)
        assert alembic.upgrade().databases[0].outcome == "done"
        before = dump(database)
        assert alembic.downgrade("a", dry_run=True).dry_run
    assert database.versions() == {"c"}
    assert dump(database) == before


@pytest.mark.needs("transactional_ddl")
def test_an_empty_database_stays_empty(project: Project, database: Database) -> None:
    project.tables("a", "b")
    before = dump(database)
    with project.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert [x.state for x in steps(report)] == ["rolled_back", "rolled_back"]
    assert database.all_tables() == set()
    assert dump(database)[1] == before[1] == {}


@pytest.mark.needs("transactional_ddl")
def test_a_failing_revision(filled: Project, database: Database) -> None:
    filled.revision("c", "b", 'op.execute("SELECT * FROM nowhere")')
    before = dump(database)
    with (
        filled.context() as alembic,
        pytest.raises(DBAPIError, match="nowhere") as caught,
    ):
        alembic.upgrade(dry_run=True)
    report = caught.value.report  # type: ignore[attr-defined]
    assert (report.ok, report.exit_code, report.dry_run) == (False, 1, True)
    assert [x.state for x in steps(report)] == ["rolled_back", "failed"]
    assert dump(database) == before


AUTOCOMMIT = 'with op.get_context().autocommit_block():\n    op.execute("{}")'


@pytest.mark.needs("transactional_ddl")
def test_what_cannot_be_rolled_back_is_not_run(
    filled: Project, database: Database
) -> None:
    block = AUTOCOMMIT.format("CREATE INDEX ix_name ON users (name)")
    filled.revision("c", "b", f'op.execute("UPDATE users SET age = 2")\n{block}')
    filled.tables("d", down="c")
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert report.ok
    assert dump(database) == before
    done, stopped, after = steps(report)
    assert [x.state for x in (done, stopped, after)] == [
        "rolled_back",
        "not_run",
        "not_run",
    ]
    assert [x.kind for x in stopped.statements] == ["UPDATE"]
    told = [(x.kind, x.table, x.in_transaction) for x in stopped.step.statements]
    assert told == [("UPDATE", "users", True), ("CREATE INDEX", "users", False)]
    assert after.step.statements[0].kind == "CREATE TABLE"
    (warning,) = report.databases[0].warnings
    assert "c and what follows" in warning
    assert "autocommit_block()" in warning


@pytest.mark.needs("transactional_ddl")
def test_a_revision_outside_of_a_transaction(
    filled: Project, database: Database
) -> None:
    filled.revision(
        "c",
        "b",
        'op.execute("CREATE INDEX ix_name ON users (name)")',
        extra="transactional = False",
    )
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert [x.state for x in steps(report)] == ["rolled_back", "not_run"]
    assert [x.in_transaction for x in steps(report)[1].step.statements] == [False]
    assert "transactional = False" in report.databases[0].warnings[0]
    assert dump(database) == before


@pytest.mark.needs("transactional_ddl")
@pytest.mark.parametrize("commit", ['op.execute("COMMIT")', "op.get_bind().commit()"])
def test_a_revision_that_commits(
    filled: Project, database: Database, commit: str
) -> None:
    text = f'op.execute("DELETE FROM users")\n{commit}\nop.execute("SELECT 1")'
    filled.revision("c", "b", text)
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert [x.state for x in steps(report)] == ["rolled_back", "not_run"]
    assert dump(database) == before


@pytest.mark.needs("ddl_commits")
def test_where_nothing_can_be_rolled_back(filled: Project, database: Database) -> None:
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert dump(database) == before
    assert (report.ok, report.databases[0].outcome) == (True, "unchanged")
    (step,) = steps(report)
    assert step.state == "not_run"
    kinds = [x.kind for x in step.step.statements]
    assert kinds == ["ALTER TABLE … ADD COLUMN", "UPDATE", "CREATE TABLE"]
    assert "commits each DDL statement" in report.databases[0].warnings[0]


@pytest.mark.needs("transactional_ddl")
def test_several_databases(two: Project, database: Database, other: Database) -> None:
    two.revision(
        "a",
        None,
        'globals()[f"upgrade_{engine_name}"]()',
        arguments="engine_name",
        extra=f"def upgrade_default():\n    {USERS}\n\n"
        f"def upgrade_log():\n    {create_table('log')}\n",
    )
    with two.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert [x.steps[0].statements[0].table for x in report.databases] == [
        "users",
        "log",
    ]
    assert database.all_tables() == other.all_tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_the_callers_transaction_is_refused(
    filled: Project, database: Database
) -> None:
    engine = database.engine()
    with filled.context() as alembic, engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO users VALUES (3, 'Cy', 'c')"))
        with (
            alembic.using(connection),
            pytest.raises(SessionError, match="dry run") as caught,
        ):
            alembic.upgrade(dry_run=True)
        assert len(str(caught.value).splitlines()) == 1
        connection.commit()
    assert len(database.rows("SELECT id FROM users")) == 3


@pytest.mark.needs("transactional_ddl")
def test_asynchronous(filled: Project, database: Database) -> None:
    url = database.asynchronous_url()
    filled.head = filled.head.replace(
        "from flask_sqlalchemy import SQLAlchemy",
        "from sqlalchemy.ext.asyncio import create_async_engine",
    ).replace("db = SQLAlchemy(app)\n", "")
    filled.models = f"metadata = sa.MetaData()\nengine = create_async_engine({url!r})\n"
    filled.setup = "alembic = Alembic(app, metadatas=metadata, engines=engine)"
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
        assert steps(report)[0].state == "rolled_back"
        assert len(steps(report)[0].statements) == 3
        if database.kind == "postgresql":
            assert locks(steps(report)[0])["users"][1] == "readers and writers"
        filled.revision("c", "b", "raise ValueError('boom')")
        with pytest.raises(ValueError, match="boom"):
            alembic.upgrade(dry_run=True)
    assert dump(database) == before


@pytest.mark.one_database
def test_in_memory(project: Project) -> None:
    project.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    project.tables("a", "b")
    with project.context() as alembic:
        alembic.upgrade("a")
        report = alembic.upgrade(dry_run=True)
        assert steps(report)[0].state == "rolled_back"
        tables = sa.inspect(alembic.migration_context.connection).get_table_names()
        assert set(tables) == {"alembic_version", "t_a"}
        assert alembic.upgrade().databases[0].heads == ("b",)


@pytest.mark.needs("transactional_ddl")
def test_an_engine_in_autocommit(filled: Project, database: Database) -> None:
    filled.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
    before = dump(database)
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert steps(report)[0].state == "rolled_back"
    assert dump(database) == before


TRACED = {
    "b": 'op.add_column("parent", sa.Column("x", sa.Integer))',
    "c": 'op.add_column("parent", sa.Column("y", sa.Float, server_default='
    'sa.text("random()")))',
    "d": 'op.create_foreign_key("fk", "child", "parent", ["parent_id"], ["id"])',
    "e": 'op.execute("UPDATE other SET id = id")',
    "f": 'op.create_table("fresh", sa.Column("id", sa.Integer, '
    'sa.ForeignKey("other.id")))',
    "g": 'op.drop_table("victim")',
    "h": 'op.create_index("ix", "child", ["parent_id"])',
}


@pytest.mark.needs("schemas")
def test_locks(project: Project, database: Database) -> None:
    database.execute(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (parent_id int)",
        "CREATE TABLE other (id int PRIMARY KEY)",
        "CREATE TABLE third (id int PRIMARY KEY)",
        "CREATE TABLE victim (id int REFERENCES third)",
        "INSERT INTO parent SELECT * FROM generate_series(1, 500)",
        "INSERT INTO child SELECT 1 FROM generate_series(1, 7)",
        "ANALYZE parent",
        "ANALYZE child",
    )
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
    for down, (id, text) in zip("abcdefg", TRACED.items(), strict=True):
        project.revision(id, down, text)
    with project.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    found = {x.step.revision.id: locks(x) for x in steps(report)}
    strongest = ("AccessExclusiveLock", "readers and writers")
    sharing = ("ShareRowExclusiveLock", "writers")
    assert found == {
        "b": {"parent": (*strongest, False)},
        "c": {"parent": (*strongest, True)},
        "d": {"child": (*sharing, False)},
        "e": {"other": ("RowExclusiveLock", "nobody", False)},
        # A table that is referred to is locked, too; the new one is nobody's yet.
        "f": {"other": (*sharing, False)},
        "g": {"victim": (*strongest, False), "third": (*strongest, False)},
        # It is held already.
        "h": {},
    }
    (lock,) = steps(report)[0].locks
    assert (lock.rows, lock.bytes) == (500, 3 * 8192)
    assert steps(report)[2].locks[0].rows == 7
    assert database.columns("parent") == {"id"}


@pytest.mark.needs("schemas")
def test_other_sessions_do_not_wait_for_ever(
    filled: Project, database: Database
) -> None:
    """The session that watches is bounded: its looks never wait for the migration."""
    filled.revision("c", "b", 'op.execute("LOCK TABLE users, posts")')
    with filled.context() as alembic:
        report = alembic.upgrade(dry_run=True)
    assert steps(report)[1].state == "rolled_back"
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert database.rows(query) == [(1,)]

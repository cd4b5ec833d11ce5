"""Dry runs and plans through an ``env.py`` that knows nothing of them."""

from __future__ import annotations

import typing as t

import pytest
from migrate.scripted import Scripted
from support.revisions import create_table
from support.servers import Database

import flask_migrate
from flask_alembic.cli import asking

ROWS = "INSERT INTO users VALUES (1, 'Ann')"
USERS = f'{create_table("users", "name")}\nop.execute("{ROWS}")'
AGE = 'op.add_column("users", sa.Column("age", sa.Integer))'
BACK = 'with op.batch_alter_table("users") as batch:\n    batch.drop_column("age")'


def dump(database: Database) -> t.Any:
    names = sorted(database.all_tables())
    rows = {name: sorted(database.rows(f"SELECT * FROM {name}")) for name in names}
    return database.snapshot(), rows


@pytest.fixture
def filled(one: Scripted) -> Scripted:
    """The folder of 4.1 for one database, with a revision applied and one pending."""
    one.revision("a", None, USERS, 'op.drop_table("users")')
    one.ok("upgrade")
    one.revision("b", "a", AGE, BACK)
    return one


@pytest.mark.needs("transactional_ddl")
def test_nothing_has_changed(filled: Scripted, database: Database) -> None:
    filled.setup = "migrate = Migrate(app, db, transaction_per_migration=True)"
    before = dump(database)
    done = filled.ok("upgrade", "--dry-run")
    assert "rolled back, at a" in done.stdout
    assert "upgrade a -> b" in done.stdout
    assert ("users: AccessExclusiveLock" in done.stdout) == (
        database.kind == "postgresql"
    )
    assert dump(database) == before
    assert filled.ok("upgrade").stdout == ""
    before = dump(database)
    with filled.app():
        report = flask_migrate.downgrade(revision="base", dry_run=True)
    assert not isinstance(report, dict)
    assert (report.ok, report.dry_run) == (True, True)
    assert [x.state for x in report.databases[0].steps] == ["rolled_back"] * 2
    assert dump(database) == before


@pytest.mark.needs("transactional_ddl")
def test_an_empty_database_stays_empty(one: Scripted, database: Database) -> None:
    one.revision("a", None, USERS)
    one.ok("upgrade", "--dry-run")
    assert database.all_tables() == set()


@pytest.mark.needs("transactional_ddl")
def test_a_failing_revision(filled: Scripted, database: Database) -> None:
    filled.revision("c", "b", "raise ValueError('boom')")
    before = dump(database)
    assert "boom" in filled.fails("upgrade", "--dry-run")
    assert dump(database) == before


@pytest.mark.needs("transactional_ddl")
def test_what_cannot_be_rolled_back(filled: Scripted, database: Database) -> None:
    block = "with op.get_context().autocommit_block():\n    op.execute('SELECT 1')"
    filled.revision("c", "b", block)
    before = dump(database)
    done = filled.ok("upgrade", "--dry-run")
    assert "1 of 2 revisions tried" in done.stdout
    assert "not run: upgrade b -> c" in done.stdout
    assert "SELECT 1;" in done.stdout
    assert dump(database) == before


@pytest.mark.needs("ddl_commits")
def test_where_nothing_can_be_rolled_back(filled: Scripted, database: Database) -> None:
    before = dump(database)
    done = filled.ok("upgrade", "--dry-run")
    assert "ALTER TABLE users ADD COLUMN age INTEGER;" in done.stdout
    assert "a dry run can't be done" in done.stdout
    assert dump(database) == before


def bind_tables(binds: Scripted) -> None:
    binds.bind_revision(
        "a",
        upgrade_=create_table("users", "name"),
        upgrade_log=create_table("entry"),
        downgrade_='op.drop_table("users")',
        downgrade_log='op.drop_table("entry")',
    )


@pytest.mark.needs("transactional_ddl")
def test_several_databases(
    binds: Scripted, database: Database, other: Database
) -> None:
    bind_tables(binds)
    done = binds.ok("upgrade", "--dry-run")
    assert "default: rolled back, at base" in done.stdout
    assert "log: rolled back, at base" in done.stdout
    assert database.all_tables() == other.all_tables() == set()


@pytest.mark.needs("schemas")
def test_two_phases_are_refused(binds: Scripted) -> None:
    bind_tables(binds)
    binds.edit(binds.env, "USE_TWOPHASE = False", "USE_TWOPHASE = True")
    assert "two-phase" in binds.fails("upgrade", "--dry-run")


def test_plan(binds: Scripted) -> None:
    bind_tables(binds)
    done = binds.ok("plan")
    lines = [x.strip() for x in done.stdout.splitlines()]
    assert [x for x in lines if x in ("default", "log") or "CREATE" in x] == [
        "default",
        "CREATE TABLE users (",
        "log",
        "CREATE TABLE entry (",
    ]
    # Its env.py would have written files.
    assert list(binds.root.glob("*.sql")) == []
    binds.ok("upgrade")
    (step,) = binds.ok("plan", "--direction", "downgrade", "--json").json["plans"][0][
        "steps"
    ]
    assert [x["sql"] for x in step["statements"]] == ["DROP TABLE users"]
    assert step["drops"] == [{"table": "users", "column": None, "rows": 0}]


@pytest.mark.needs("transactional_ddl")
def test_asynchronous(project: Scripted, database: Database) -> None:
    """An env.py that runs an event loop of its own; the watching connection is in it."""
    project.head = project.head.replace(
        "db = SQLAlchemy(app)",
        "from sqlalchemy.ext.asyncio import create_async_engine\ndb = SQLAlchemy(app)\n"
        f"async_engine = create_async_engine({database.asynchronous_url()!r})",
    )
    project.ok("init")
    project.revision("a", None, create_table("users"))
    text = project.env.read_text()
    start = text.index("def run_migrations_online")
    project.env.write_text(text[:start] + ASYNCHRONOUS)
    before = dump(database)
    done = project.ok("upgrade", "--dry-run")
    assert "upgrade <base> -> a" in done.stdout
    assert dump(database) == before
    project.revision("b", "a", "raise ValueError('boom')")
    assert "boom" in project.fails("upgrade", "--dry-run")
    assert dump(database) == before


ASYNCHRONOUS = """\
import asyncio
import sys


def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    found = [m for m in list(sys.modules.values()) if hasattr(m, "async_engine")]
    engine = found[-1].async_engine
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
"""


@pytest.mark.one_database
def test_questions(
    filled: Scripted, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.ok("upgrade")
    database.execute("INSERT INTO users (id) VALUES (5)")
    assert "Go on?" not in filled.ok("upgrade", input="n\n").stderr
    monkeypatch.setattr(asking, "_is_terminal", lambda: True)
    done = filled.invoke("downgrade", input="n\n")
    assert done.exit_code == 1
    assert "This drops users.age (2 rows). Go on?" in done.stderr
    assert database.versions() == {"b"}
    filled.ok("downgrade", "--yes")
    assert database.versions() == {"a"}


@pytest.mark.one_database
def test_several_heads_downwards(filled: Scripted, database: Database) -> None:
    filled.tables("c", down="a")
    filled.ok("upgrade", "heads")
    said = filled.refused("downgrade")
    assert "'flask db downgrade b@-1' or 'flask db downgrade c@-1'" in said
    filled.ok("downgrade", "c@-1")
    assert database.versions() == {"b"}


@pytest.mark.one_database
def test_questions_under_an_environment_that_asks_for_the_target(
    filled: Scripted, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking has one, too; what it can't look at isn't dropped unasked."""
    filled.env.write_text(
        f"{filled.env.read_text()}\ncontext.get_revision_argument()\n"
    )
    monkeypatch.setattr(asking, "_is_terminal", lambda: True)
    filled.ok("upgrade")
    done = filled.invoke("downgrade", input="n\n")
    assert "This drops users.age (1 row). Go on?" in done.stderr
    filled.env.write_text(
        filled.env.read_text().replace(
            "context.get_revision_argument()",
            'if context.get_context().opts["fn"].__name__ == "look":\n'
            '    raise RuntimeError("not to be looked at")',
        )
    )
    assert filled.fails("downgrade").count("not to be looked at") == 1
    assert database.columns("users") == {"id", "name", "age"}

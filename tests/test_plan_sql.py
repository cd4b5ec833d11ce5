"""Plans with their SQL: told without executing anything."""

from __future__ import annotations

import pytest
from support.application import Project
from support.revisions import create_table
from support.servers import Database

from flask_alembic import Drop
from flask_alembic import Step
from flask_alembic.migrator.deploys.statements import drops
from flask_alembic.migrator.deploys.statements import read_statement

USERS = create_table("users", "name", "email")


def told(project: Project, target: str = "heads", **options: str) -> tuple[Step, ...]:
    with project.context() as alembic:
        (plan,) = alembic.plan(target, statements=True, **options)  # type: ignore[arg-type]
    return plan.steps


def test_statements(project: Project, database: Database) -> None:
    rows = "INSERT INTO users (id, name) VALUES (1, '100%% :x')"
    text = (
        f'{USERS}\nop.execute(sa.text("{rows}".replace("%%", "%").replace(":", ";")))'
    )
    project.revision("a", None, text)
    project.revision(
        "b",
        "a",
        'op.add_column("users", sa.Column("age", sa.Integer))\n'
        'op.create_index("ix", "users", ["age"])\nop.bulk_insert(sa.table("users", '
        'sa.column("id", sa.Integer)), [{"id": 2}, {"id": 3}])',
    )
    first, second = told(project)
    assert [(x.kind, x.table) for x in first.statements] == [
        ("CREATE TABLE", "users"),
        ("INSERT", "users"),
    ]
    assert first.statements[1].sql.endswith("'100% ;x')")
    assert [(x.kind, x.table) for x in second.statements] == [
        ("ALTER TABLE … ADD COLUMN", "users"),
        ("CREATE INDEX", "users"),
        ("INSERT", "users"),
        ("INSERT", "users"),
    ]
    assert all(x.in_transaction for x in (*first.statements, *second.statements))
    assert (first.drops, first.note) == ((), "")
    assert database.all_tables() == set()
    with project.context() as alembic:
        (plan,) = alembic.plan()
        assert [x.statements for x in plan.steps] == [(), ()]
        alembic.upgrade()
        (plan,) = alembic.plan(statements=True)
        assert plan.steps == ()


def test_what_is_dropped(project: Project, database: Database) -> None:
    project.revision("a", None, USERS + "\n" + create_table("posts"))
    with project.context() as alembic:
        alembic.upgrade()
    database.execute("INSERT INTO users (id) VALUES (1), (2)")
    project.revision(
        "b",
        "a",
        'with op.batch_alter_table("users") as batch:\n    batch.drop_column("email")\n'
        'op.drop_table("posts")\n' + create_table("later"),
    )
    project.revision(
        "c", "b", 'op.drop_column("users", "name")\nop.drop_table("later")'
    )
    second, third = told(project)
    assert second.drops == (Drop("users", "email", 2), Drop("posts", None, 0))
    assert third.drops == (Drop("users", "name", 2), Drop("later", None, None))
    assert database.columns("users") == {"id", "name", "email"}


@pytest.mark.one_database
def test_a_rebuild_is_told_in_words(project: Project) -> None:
    project.revision("a", None, USERS)
    body = 'with op.batch_alter_table("users") as batch:\n    '
    project.revision(
        "b",
        "a",
        f'{body}batch.alter_column("name", nullable=False)\n'
        '    batch.create_unique_constraint("uq", ["name"])\n'
        'with op.batch_alter_table("users", recreate="always") as batch:\n'
        '    batch.drop_column("email")\n'
        'with op.batch_alter_table("users") as batch:\n'
        '    batch.add_column(sa.Column("more", sa.Integer))',
    )
    step = told(project)[1]
    assert step.note == ""
    assert [x.sql.splitlines()[-1] for x in step.statements] == [
        'ALTER TABLE "users" ALTER COLUMN "name"',
        'ALTER TABLE "users" ADD CONSTRAINT "uq"',
        'ALTER TABLE "users" DROP COLUMN "email"',
        "ALTER TABLE users ADD COLUMN more INTEGER",
    ]
    assert [x.table for x in step.statements] == ["users"] * 4


@pytest.mark.needs("transactional_ddl")
def test_outside_of_a_transaction(project: Project) -> None:
    block = "with op.get_context().autocommit_block():\n    op.execute('SELECT 2')"
    project.revision(
        "a", None, f"op.execute('SELECT 1')\n{block}\nop.execute('SELECT 3')"
    )
    project.revision("b", "a", "op.execute('SELECT 4')", extra="transactional = False")
    first, second = told(project)
    assert [x.in_transaction for x in first.statements] == [True, False, True]
    assert [x.in_transaction for x in second.statements] == [False]
    stdout = project.invoke("plan").stdout
    assert "  SELECT 1;\n  -- outside of the transaction\n  SELECT 2;\n" in stdout


READS = """\
from flask import current_app
db = current_app.extensions["sqlalchemy"]
"""


@pytest.mark.parametrize(
    "text",
    [
        "op.get_bind().execute(sa.text('SELECT 1')).scalar()",
        "sa.inspect(op.get_bind())",
        f"{READS}db.session.execute(sa.text('DELETE FROM users'))\ndb.session.commit()",
        f"{READS}with db.engine.begin() as c: c.execute(sa.text('DELETE FROM users'))",
        "raise SystemExit(3)",
    ],
)
@pytest.mark.needs("server")
def test_what_cannot_be_told(project: Project, database: Database, text: str) -> None:
    project.revision("a", None, USERS)
    with project.context() as alembic:
        alembic.upgrade()
    database.execute("INSERT INTO users (id) VALUES (1)")
    project.revision("b", "a", text)
    project.tables("c", down="b")
    second, third = told(project)
    assert second.statements == ()
    assert "can't be told" in second.note
    assert third.statements[0].kind == "CREATE TABLE"
    assert database.rows("SELECT id FROM users") == [(1,)]
    done = project.invoke("plan")
    assert done.exit_code == 0
    assert f"  -- {second.note}" in done.stdout


@pytest.mark.one_database
def test_the_applications_session_goes_on(project: Project) -> None:
    """A revision that was kept from using it leaves nothing open in it."""
    project.revision("a", None, f"{READS}db.session.execute(sa.text('SELECT 1'))")
    with project.context() as alembic:
        (plan,) = alembic.plan(statements=True)
        assert plan.steps[0].note
        assert alembic.upgrade().databases[0].heads == ("a",)


def test_on_the_command_line(project: Project, database: Database) -> None:
    project.revision("a", None, f"print('words')\n{USERS}", message="users")
    done = project.invoke("plan")
    assert done.stdout.startswith(
        "upgrade <base> -> a, users\n  CREATE TABLE users (\n"
    )
    assert done.stdout.rstrip().endswith(");")
    assert "words" not in done.stdout
    assert "alembic_version" not in done.stdout
    assert project.invoke("plan", "--no-sql").stdout == "upgrade <base> -> a, users\n"
    (step,) = project.invoke("plan", "--json").json["plans"][0]["steps"]
    assert step["statements"][0]["kind"] == "CREATE TABLE"
    assert project.invoke("plan", "--check").exit_code == 3
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_several_databases(two: Project) -> None:
    two.revision(
        "a",
        None,
        'globals()[f"upgrade_{engine_name}"]()',
        arguments="engine_name",
        extra=f"def upgrade_default():\n    {USERS}\n\n"
        f"def upgrade_log():\n    {create_table('log')}\n",
    )
    with two.context() as alembic:
        found = alembic.plan(statements=True)
        tables = {x.database.name: x.steps[0].statements[0].table for x in found}
        assert tables == {"default": "users", "log": "log"}
        (only,) = alembic.plan(statements=True, databases=["log"])
        assert only.database.name == "log"


@pytest.mark.parametrize(
    ("sql", "kind", "table", "dropped"),
    [
        ('DROP TABLE IF EXISTS "a b", other CASCADE', "DROP TABLE", "a b", "a b other"),
        (
            'ALTER TABLE s.t DROP x, DROP COLUMN IF EXISTS "y z"',
            "ALTER TABLE … DROP COLUMN",
            "s.t",
            "s.t.x s.t.y z",
        ),
        ("ALTER TABLE t DROP CONSTRAINT c", "ALTER TABLE … DROP CONSTRAINT", "t", ""),
        ("ALTER TABLE t ALTER c DROP NOT NULL", "ALTER TABLE … ALTER", "t", ""),
        ("ALTER TABLE t ADD c INT", "ALTER TABLE … ADD COLUMN", "t", ""),
        ("ALTER TABLE t ALTER c SET DEFAULT 'DROP x'", "ALTER TABLE … ALTER", "t", ""),
        ("create unique index concurrently i on `t` (a)", "CREATE INDEX", "t", ""),
        ("-- why\nDELETE FROM t", "DELETE", "t", ""),
        ("CREATE TYPE mood AS ENUM ('a')", "CREATE TYPE", None, ""),
        ("VACUUM", "VACUUM", None, ""),
    ],
)
def test_words_of_a_statement(
    sql: str, kind: str, table: str | None, dropped: str
) -> None:
    statement = read_statement(sql)
    assert (statement.kind, statement.table) == (kind, table)
    names = [".".join(x for x in (d.table, d.column) if x) for d in drops([statement])]
    assert " ".join(names) == dropped

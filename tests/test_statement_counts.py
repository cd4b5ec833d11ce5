"""What a run sends and loads; and that nobody can tell from what they see."""

from __future__ import annotations

import contextlib
import textwrap
import typing as t

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from sqlalchemy import event
from support.application import Project
from support.revisions import create_table
from support.sent import noting_statements
from support.servers import Database

import flask_migrate
from flask_alembic import Alembic
from flask_alembic.errors import MigrationError

AT_HEAD = 2
"""What an upgrade sends that finds nothing to do, on an open connection."""

AROUND = {"sqlite": 8, "postgresql": 8, "mariadb": 14}
"""What it sends beside its steps."""

STEP = {"sqlite": 1, "postgresql": 1, "mariadb": 5}
"""What a step sends that makes a table; where DDL commits, with journal and version row."""

LISTENED = (
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "before_cursor_execute",
    "after_cursor_execute",
)

LATE = {"sqlite": 2, "postgresql": 2, "mariadb": 0}
"""One version row for all steps, and the question whether anybody looks on."""

REBUILD = 22
"""What a batch on SQLite sends: reading the table, its text and what hangs on it, twice
what may break by it, and the rebuild itself."""


@contextlib.contextmanager
def counting(project: Project) -> t.Iterator[tuple[Alembic, list[str]]]:
    """Give the application's extension, and what its connection sends from now on."""
    with noting_statements() as sent, project.context() as alembic:
        # The first connection of an engine asks the server who it is.
        alembic.current()
        alembic.upgrade("a")
        sent.clear()
        yield alembic, sent


def test_a_run_listens_as_often_for_many_steps(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{number:02}" for number in range(20)]
    project.tables("a", *ids)
    listened: list[str] = []
    listen = event.listen

    def note(target: t.Any, name: str, *args: t.Any, **options: t.Any) -> None:
        if isinstance(target, sa.Connection):
            listened.append(name)
        listen(target, name, *args, **options)

    with counting(project) as (alembic, _):
        monkeypatch.setattr(event, "listen", note)
        alembic.upgrade("02")
        few = sorted(listened)
        listened.clear()
        alembic.upgrade("19")
    assert sorted(listened) == few


GARBAGE = """
import gc
from app import alembic, app
gc.unfreeze()
with app.app_context():
    alembic.upgrade("a")
    print(gc.get_freeze_count())
    gc.freeze()
    alembic.upgrade("b")
    print(gc.get_freeze_count() > 0)
"""


def test_what_was_there_isnt_looked_at_for_garbage(project: Project) -> None:
    """While steps run; what an application has set aside stays so."""
    project.revision("a", None, "import gc\nassert gc.get_freeze_count()")
    project.revision("b", "a", "import gc\nassert gc.get_freeze_count()")
    done = project.python(GARBAGE)
    assert done.stdout.split() == ["0", "True"], done.stderr


def rows_written(sent: t.Iterable[str]) -> list[str]:
    """The first words of what was written to the version table."""
    texts = (text for text in sent if "alembic_version" in text)
    words = (text.split()[0] for text in texts)
    return [word for word in words if word in ("INSERT", "UPDATE", "DELETE")]


def test_an_upgrade_sends_what_it_needs(project: Project, database: Database) -> None:
    ids = [f"{number:02}" for number in range(20)]
    project.tables("a", *ids)
    kind = database.kind
    with counting(project) as (alembic, sent):
        for target, steps in (("02", 3), ("19", 17)):
            alembic.upgrade(target)
            expected = AROUND[kind] + STEP[kind] * steps + LATE[kind]
            assert len(sent) == expected, "\n".join(sent)
            sent.clear()
        alembic.upgrade("19")
        assert len(sent) == AT_HEAD, "\n".join(sent)


def test_a_row_for_each_revision_that_is_committed_by_itself(
    project: Project, database: Database
) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": True}
    project.tables("a", "b", "c", "d")
    with counting(project) as (alembic, sent):
        alembic.upgrade()
    assert rows_written(sent) == ["UPDATE"] * 3
    assert database.versions() == {"d"}


@pytest.mark.needs("ddl_commits")
def test_a_statement_is_written_down_once(project: Project, database: Database) -> None:
    """That one has run is told by the definitions, and then by the next one's entry."""
    project.tables("a")
    tables = "\n".join(create_table(f"t_{number}") for number in range(3))
    project.revision("b", "a", tables)
    with counting(project) as (alembic, sent):
        alembic.upgrade()
    entries = [text for text in sent if text.startswith("REPLACE")]
    assert [text.count("'upgrade'") for text in entries] == [1, 1, 1]
    assert database.versions() == {"b"}


@pytest.mark.needs("transactional_ddl")
def test_branches_and_ways_back_are_written_once(
    project: Project, database: Database
) -> None:
    project.tables("a", "b", "c")
    project.revision("d", "a", create_table("t_d"), 'op.drop_table("t_d")')
    project.revision("e", ("c", "d"))
    project.revision("f", "a", create_table("t_f"), 'op.drop_table("t_f")')
    with counting(project) as (alembic, sent):
        alembic.upgrade("heads")
        assert sorted(rows_written(sent)) == ["INSERT", "UPDATE"]
        assert database.versions() == {"e", "f"}
        sent.clear()
        alembic.downgrade("base")
        assert rows_written(sent) == ["DELETE", "DELETE"]
    assert database.versions() == set()


SEEN = 'op.execute("CREATE TABLE seen (id VARCHAR(32))")'

LOOKS = {
    "statement": 'op.execute("INSERT INTO seen SELECT version_num FROM alembic_version")',
    "connection": """
        query = "SELECT version_num FROM alembic_version"
        for (found,) in list(op.get_bind().exec_driver_sql(query)):
            op.execute(f"INSERT INTO seen VALUES ('{found}')")
    """,
    "cursor": """
        cursor = op.get_bind().connection.cursor()
        cursor.execute("INSERT INTO seen SELECT version_num FROM alembic_version")
        cursor.close()
    """,
    "context": """
        from alembic import context
        cursor = context.get_bind().connection.cursor()
        cursor.execute("INSERT INTO seen SELECT version_num FROM alembic_version")
        cursor.close()
    """,
    "session": """
        from sqlalchemy.orm import Session
        session = Session(op.get_context().connection)
        look = "INSERT INTO seen SELECT version_num FROM alembic_version"
        session.execute(sa.text(look))
    """,
}


@pytest.mark.needs("transactional_ddl")
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_who_looks_sees_the_revision_before(
    project: Project, database: Database, look: str
) -> None:
    project.revision("a", None, SEEN)
    project.tables("b", down="a")
    project.revision("c", "b", textwrap.dedent(look).strip())
    project.tables("d", down="c")
    with project.context() as alembic:
        alembic.upgrade()
    assert database.rows("SELECT id FROM seen") == [("b",)]
    assert database.versions() == {"d"}


@pytest.mark.needs("transactional_ddl")
def test_a_savepoint_that_is_rolled_back_takes_no_row_with_it(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    undone = """
    with op.get_context().connection.begin_nested() as point:
        op.execute("CREATE TABLE undone (id INTEGER)")
        point.rollback()
    """
    project.revision("c", "b", textwrap.dedent(undone).strip())
    with project.context() as alembic:
        alembic.upgrade()
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"c"}


@pytest.mark.needs("transactional_ddl")
def test_a_revision_that_rolls_back_those_before_it_is_an_error(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    project.revision("c", "b", "op.get_context().connection.rollback()")
    project.tables("d", down="c")
    with project.context() as alembic:
        alembic.upgrade("a")
        with pytest.raises(MigrationError, match="0 rows say b"):
            alembic.upgrade()
    assert database.tables() == {"t_a"}
    assert database.versions() == {"a"}


@pytest.mark.needs("transactional_ddl")
def test_who_commits_in_spite_of_a_failure_has_the_rows_of_what_ran(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    project.revision("c", "b", "raise ValueError('no luck')")
    with project.context() as alembic, database.engine().connect() as connection:
        with alembic.using(connection), pytest.raises(ValueError, match="no luck"):
            alembic.upgrade()
        connection.commit()
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"b"}


@pytest.mark.needs("transactional_ddl")
def test_an_autocommit_block_finds_the_rows_of_what_it_commits(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    late = "with op.get_context().autocommit_block():\n    pass\nraise ValueError('no luck')"
    project.revision("c", "b", late)
    with project.context() as alembic, pytest.raises(ValueError, match="no luck"):
        alembic.upgrade()
    assert database.tables() == {"t_a", "t_b"}
    assert database.versions() == {"b"}


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER looks_on AFTER UPDATE ON alembic_version"
        " BEGIN INSERT INTO seen VALUES (new.version_num); END"
    ],
    "postgresql": [
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO seen VALUES (new.version_num); RETURN new; END'",
        "CREATE TRIGGER looks_on AFTER UPDATE ON alembic_version"
        " FOR EACH ROW EXECUTE FUNCTION note()",
    ],
}


@pytest.mark.needs("transactional_ddl")
def test_a_trigger_of_the_version_table_sees_every_revision(
    project: Project, database: Database
) -> None:
    project.revision("a", None, SEEN)
    project.tables("b", "c", "d", down="a")
    with project.context() as alembic:
        alembic.upgrade("a")
        database.execute(*TRIGGERS[database.kind])
        alembic.upgrade()
    assert database.rows("SELECT id FROM seen ORDER BY id") == [("b",), ("c",), ("d",)]


@pytest.mark.needs("transactional_ddl", "server")
def test_a_trigger_of_schema_changes_sees_every_revision(
    project: Project, database: Database
) -> None:
    project.revision("a", None, SEEN)
    project.tables("b", "c", "d", down="a")
    note = "INSERT INTO seen SELECT version_num FROM alembic_version"
    with project.context() as alembic:
        alembic.upgrade("a")
        database.execute(
            "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS"
            f" 'BEGIN {note}; END'",
            "CREATE EVENT TRIGGER looks_on ON ddl_command_end EXECUTE FUNCTION note()",
        )
        try:
            alembic.upgrade()
        finally:
            database.execute("DROP EVENT TRIGGER looks_on")
    assert database.rows("SELECT DISTINCT id FROM seen ORDER BY id") == [
        ("a",),
        ("b",),
        ("c",),
    ]


@pytest.mark.needs("file")
@pytest.mark.parametrize("tables", [2, 40])
def test_a_rebuild_asks_for_one_table(
    project: Project, database: Database, tables: int
) -> None:
    chain = f"""
    for number in range({tables}):
        parent = [sa.ForeignKey(f"t{{number - 1}}.id")] if number else []
        op.create_table(
            f"t{{number}}",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(10), index=True),
            sa.Column("parent", sa.Integer, *parent),
        )
    """
    rebuild = f"""
    with op.batch_alter_table("t{tables - 1}") as batch:
        batch.alter_column("name", type_=sa.String(20))
        batch.add_column(sa.Column("more", sa.Integer))
        batch.create_unique_constraint("uq", ["name"])
    """
    project.revision("a", None, textwrap.dedent(chain).strip())
    project.revision("b", "a", textwrap.dedent(rebuild).strip())
    with counting(project) as (alembic, sent):
        alembic.upgrade("b")
        beside = AROUND["sqlite"] + 1
        assert len(sent) - beside == REBUILD, "\n".join(sent)
    assert "more" in database.columns(f"t{tables - 1}")


DRAFTING = {"bulk", "casts", "columns", "dependents", "enums", "expressions", "keys"}
DRAFTING |= {"defaults", "grammar", "renamed", "scratch", "structure", "text", "trace"}
DRAFTING |= {"alike", "facts", "kinds", "plain"}


def test_an_upgrade_loads_what_its_database_needs(
    project: Project, database: Database
) -> None:
    """Nothing of drafts, proofs, dry runs or rebuilds, where no revision has a batch."""
    project.tables("a", "b")
    done = project.python(
        """
        import sys
        from app import alembic, app
        with app.app_context():
            alembic.upgrade()
        print(*sys.modules)
        """
    )
    assert database.versions() == {"b"}, done.stderr
    loaded = set(done.stdout.split())
    core = "flask_alembic.migrator"
    prefix = "flask_alembic.dialects."
    rooms = {name.rpartition(".")[2] for name in loaded if name.startswith(prefix)}
    assert "support" in rooms
    assert not rooms & DRAFTING
    assert not {name for name in loaded if name.startswith(f"{core}.drafts")}
    assert f"{core}.rebuilds.batch" not in loaded
    assert (f"{core}.deploys.journal" in loaded) == database.can("ddl_commits")
    assert not {f"{core}.deploys.{name}" for name in ("dry", "record")} & loaded


def test_a_connection_that_env_py_keeps_is_left_without_listeners(
    scripted: Scripted,
) -> None:
    scripted.edit(
        scripted.env,
        "    with get_engine().connect() as connection:\n",
        "    with current_app.kept as connection:\n",
    )
    with scripted.app() as module:
        module.app.kept = module.db.engine.connect()
        flask_migrate.upgrade()
        heard = module.app.kept.dispatch
        left = [name for name in LISTENED if list(getattr(heard, name))]
    assert left == []

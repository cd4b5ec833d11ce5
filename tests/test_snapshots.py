"""An empty database is built from one file as all revisions would build it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from migrate.scripted import Scripted
from support.application import Project
from support.sent import noting_statements
from support.servers import Database
from support.systems import engine

SHOP = """\
op.create_table("person",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, server_default="no name"),
    sa.Column("born", sa.Date),
    sa.Column("mood", sa.Enum("happy", "sad", name="mood")),
    sa.UniqueConstraint("name", name="uq_person_name"),
    sa.CheckConstraint("name <> ''", name="ck_person_name"))
op.create_table("team",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("boss", sa.Integer, sa.ForeignKey("person.id", name="fk_team_boss")),
    sa.Column("open", sa.Boolean),
    sa.Column("budget", sa.Numeric(10, 2)),
    sa.Column("extra", sa.JSON),
    sa.Column("made", sa.DateTime, server_default=sa.func.now()))
op.create_index("ix_team_boss", "team", ["boss"])"""

CHANGES = """\
op.add_column("person", sa.Column("email", sa.String(80), comment="where to write"))
op.create_index("ix_person_email", "person", ["email"], unique=True)"""

SEEDS = """\
op.execute("INSERT INTO person (name, born, mood) VALUES ('Ada', '1815-12-10', 'happy')")
op.execute("INSERT INTO team (boss, open, budget) VALUES (1, true, 12.50)")
op.execute("INSERT INTO team (extra) VALUES ('null')")"""


def rows(database: Database, *, without: str = "") -> dict[str, list[t.Any]]:
    """All rows of all tables."""
    found: dict[str, list[t.Any]] = {}
    with engine(database._url).connect() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            columns = [c for c in table.columns if c.name != without]
            texts = (sa.cast(c, sa.String(200)) for c in columns)
            lines = connection.execute(sa.select(*texts)).all()
            found[table.name] = sorted(map(str, lines))
    return found


def write_shop(project: Project) -> None:
    project.revision("a", None, SHOP)
    project.revision("b", "a", CHANGES)
    project.revision("c", "b", SEEDS)


def file_of(project: Project) -> Path:
    """The one snapshot."""
    (path,) = project.migrations.glob("snapshots/*/*.py")
    return path


def ran(report: t.Any) -> list[tuple[str, str]]:
    """Direction and id of each step."""
    return [
        (result.step.direction, result.step.revision.id)
        for result in report.databases[0].steps
    ]


def test_builds_what_a_replay_builds(
    project: Project, other: Database, database: Database
) -> None:
    write_shop(project)
    made = project.run("snapshot", "--json")
    assert made.exit_code == 0, made.stderr
    (snapshot,) = made.json["snapshots"]
    assert snapshot["state"] == "written"
    assert (snapshot["heads"], snapshot["revisions"]) == (["c"], 3)
    assert (snapshot["tables"], snapshot["rows"]) == (2, 3)
    assert database.all_tables() == set()
    project.revision("d", "c", "op.add_column('team', sa.Column('size', sa.Integer))")

    with project.context() as alembic:
        assert ran(alembic.upgrade()) == [("snapshot", "c"), ("upgrade", "d")]
    project.config["SQLALCHEMY_DATABASE_URI"] = other.url
    with project.context() as alembic:
        assert len(ran(alembic.upgrade(replay=True))) == 4
    assert database.snapshot() == other.snapshot()
    assert rows(database, without="made") == rows(other, without="made")
    # Ids go on after those of the rows.
    for each in (database, other):
        each.execute("INSERT INTO person (name) VALUES ('Bob')")
    assert rows(database, without="made") == rows(other, without="made")

    # Below the snapshot the revisions go on downwards.
    with project.context() as alembic:
        assert alembic.downgrade("b").databases[0].heads == ("b",)


INDEXES = """\
op.create_table("person",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("notes", sa.Text))
op.create_index("ix_person_name", "person", ["name", "id"])
op.create_index("uq_%s", "person", ["name"], unique=True)
op.create_index("ix start", "person", ["notes"], mysql_length=20)
op.create_index("ix_words", "person", ["notes"], mysql_prefix="FULLTEXT")
op.create_table("team",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("boss", sa.Integer, sa.ForeignKey("person.id")),
    sa.Column("other", sa.Integer, sa.ForeignKey("person.id")))
op.create_index("boss", "team", ["boss", "other"])"""


@pytest.mark.needs("ddl_commits")
def test_a_table_is_made_with_its_indexes(
    project: Project, other: Database, database: Database
) -> None:
    """Each statement commits, and is written down before it runs."""
    project.revision("a", None, INDEXES)
    made = project.invoke("snapshot")
    assert made.exit_code == 0, made.stderr
    with noting_statements() as sent, project.context() as alembic:
        assert ran(alembic.upgrade()) == [("snapshot", "a")]
    changes = [text for text in sent if text.startswith(("CREATE", "ALTER"))]
    tables = [text.split()[2].partition("(")[0] for text in changes]
    own = ["alembic_version", "IF", "alembic_journal"]
    assert [name for name in tables if name.strip("`") not in own] == ["person", "team"]
    project.config["SQLALCHEMY_DATABASE_URI"] = other.url
    with project.context() as alembic:
        alembic.upgrade(replay=True)
    for table in ("person", "team"):
        assert _lines(database, table) == _lines(other, table)


def _lines(database: Database, table: str) -> list[str]:
    """A table's definition; its indexes may come in any order."""
    ((_, text),) = database.rows(f"SHOW CREATE TABLE {table}")
    return sorted(line.strip().rstrip(",") for line in text.splitlines())


@pytest.mark.needs("ddl_commits")
def test_indexes_apart_where_somebody_else_words_them(
    project: Project, database: Database
) -> None:
    project.revision("a", None, INDEXES)
    project.head += """
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

@compiles(CreateTable, "mysql")
@compiles(CreateTable, "mariadb")
def worded(create, compiler, **options):
    text = compiler.visit_create_table(create, **options).rstrip()
    return f"{text} COMMENT 'ours'"
"""
    made = project.run("snapshot")
    assert made.exit_code == 0, made.stderr
    done = project.run("upgrade")
    assert done.exit_code == 0, done.stderr
    assert "COMMENT='ours'" in str(database.rows("SHOW CREATE TABLE person"))


# -- what is run, and shown ----------------------------------------------------------


def small(project: Project, *more: str) -> None:
    """A straight line of tables, and their snapshot."""
    project.tables("a", "b", *more)
    made = project.invoke("snapshot")
    assert made.exit_code == 0, made.stderr


def test_shown_before_it_runs(project: Project, database: Database) -> None:
    small(project)
    project.tables("c", down="b")
    plan = project.invoke("plan", "--json").json["plans"][0]
    assert [step["direction"] for step in plan["steps"]] == ["snapshot", "upgrade"]
    assert plan["target"] == ["c"]
    assert any("t_b" in s["sql"] for s in plan["steps"][0]["statements"])
    replayed = project.invoke("plan", "--no-sql", "--replay", "--json").json["plans"][0]
    assert [s["revision"]["id"] for s in replayed["steps"]] == ["a", "b", "c"]

    tried = project.invoke("upgrade", "--dry-run", "--json").json["databases"][0]
    assert [s["step"]["direction"] for s in tried["steps"]] == ["snapshot", "upgrade"]
    assert database.all_tables() == set()

    events: list[t.Any] = []
    with project.context() as alembic, alembic.listen(events.append):
        report = alembic.upgrade()
    assert [e.step.direction for e in events if e.kind == "step_finished"] == [
        "snapshot",
        "upgrade",
    ]
    assert report.databases[0].heads == ("c",)
    assert database.tables() == {"t_a", "t_b", "t_c"}


def test_interrupted(project: Project, database: Database) -> None:
    """Where DDL commits the next run goes on after what was done."""
    small(project)
    project.config["ALEMBIC_LOCK_RETRIES"] = 0
    module = project.load()

    def fail(_: t.Any, __: t.Any, sql: str, *___: t.Any) -> None:
        if "CREATE TABLE t_b" in sql:
            raise RuntimeError("the power is gone")

    with project.closing(module) as app, app.app_context():
        sa.event.listen(module.db.engine, "before_cursor_execute", fail)
        with pytest.raises(RuntimeError, match="power"):
            module.alembic.upgrade()
        sa.event.remove(module.db.engine, "before_cursor_execute", fail)
    commits = database.can("ddl_commits")
    assert ("t_a" in database.tables()) == commits
    assert database.versions() == set()
    if commits:
        assert "snapshot" in project.invoke("repair").stdout
    with project.context() as alembic:
        assert ran(alembic.upgrade()) == [("snapshot", "b")]
    assert database.all_tables() == {"alembic_version", "t_a", "t_b"}
    assert database.versions() == {"b"}


@pytest.mark.needs("ddl_commits")
@pytest.mark.parametrize(
    ("option", "tables"), [("--undo", set()), ("--finish", {"t_a", "t_b"})]
)
def test_repaired(
    project: Project, database: Database, option: str, tables: set[str]
) -> None:
    small(project)
    path = file_of(project)
    good = path.read_text()
    # A table is made when it is known that no index of it follows.
    path.write_text(f"{good}    1 / 0\n")
    assert project.invoke("upgrade").exit_code == 1
    path.write_text(good)
    refused = project.invoke("upgrade")
    assert "was changed after it was interrupted" in refused.stderr
    assert project.invoke("repair", "snapshot", option).exit_code == 0
    assert database.tables() == tables


@pytest.mark.one_database
def test_sql_for_an_empty_database(project: Project, other: Database) -> None:
    project.tables("a", "b")
    project.revision(
        "c",
        "b",
        "op.bulk_insert(sa.table('t_a', sa.column('id', sa.Integer)), [{'id': 7}])",
    )
    assert project.invoke("snapshot").exit_code == 0
    script = project.invoke("upgrade", "--sql").stdout
    assert script.count("CREATE TABLE t_") == 2
    assert script.count("INSERT INTO alembic_version") == 1
    connection = other.engine().raw_connection()
    connection.cursor().executescript(script)  # type: ignore[attr-defined]
    connection.close()
    assert other.versions() == {"c"}
    assert other.rows("SELECT id FROM t_a") == [(7,)]
    replayed = project.invoke("upgrade", "--sql", "--replay").stdout
    assert "Running upgrade a -> b" in replayed
    assert "snapshot" not in project.invoke("upgrade", "a:heads", "--sql").stdout


@pytest.mark.one_database
def test_several_heads_and_dependencies(project: Project, other: Database) -> None:
    project.tables("a", "b")
    project.tables("x", "y", labels=None)
    project.revision("z", "y", depends="b")
    project.tables("m")
    small_ = project.invoke("snapshot", "--json").json["snapshots"][0]
    assert small_["heads"] == ["m", "z"]
    project.revision("n", "m", depends="z")
    with project.context() as alembic:
        assert ran(alembic.upgrade()) == [("snapshot", "m, z"), ("upgrade", "n")]
        first = alembic.status()[0].current
    project.config["SQLALCHEMY_DATABASE_URI"] = other.url
    with project.context() as alembic:
        alembic.upgrade(replay=True)
        assert alembic.status()[0].current == first
        assert alembic.downgrade("base").ok


@pytest.mark.one_database
def test_each_database_has_its_own(
    two: Project, database: Database, other: Database
) -> None:
    two.revision(
        "a",
        None,
        "globals()[f'upgrade_{engine_name}']()",
        arguments="engine_name",
        extra="""
def upgrade_default():
    op.create_table("person", sa.Column("id", sa.Integer, primary_key=True))

def upgrade_log():
    op.create_table("log", sa.Column("id", sa.Integer, primary_key=True))
""",
    )
    assert two.invoke("snapshot", "--database", "log").exit_code == 0
    assert [s.state for s in states(two)] == ["missing", "current"]
    assert two.invoke("snapshot").exit_code == 0
    with two.context() as alembic:
        report = alembic.upgrade()
    assert [d.steps[0].step.direction for d in report.databases] == ["snapshot"] * 2
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})


@pytest.mark.one_database
def test_is_on_record(project: Project) -> None:
    project.config["ALEMBIC_HISTORY"] = True
    small(project)
    with project.context() as alembic:
        alembic.upgrade()
        (step,) = alembic.record()
        assert (step.revision, step.direction, step.state) == ("b", "snapshot", "done")
        (finding,) = alembic.verify()
        assert (finding.code, finding.severity) == ("revision-not-recorded", "info")
        alembic.downgrade("base")
        # What is left are tables of our own.
        assert ran(alembic.upgrade()) == [("snapshot", "b")]
    project.revision("b", "a", "op.execute('SELECT 1')", message="table b")
    with project.context() as alembic:
        assert "revision-edited" in [f.code for f in alembic.verify()]


# -- when it isn't used --------------------------------------------------------------


def states(project: Project) -> list[t.Any]:
    with project.context() as alembic:
        return list(alembic.snapshot(check=True))


@pytest.mark.one_database
def test_left_aside(project: Project, database: Database) -> None:
    """Below it, by a count, with tables, and where --replay says so."""
    small(project)
    with project.context() as alembic:
        for options in ({"target": "a"}, {"target": 2}, {"replay": True}):
            report = alembic.upgrade(**options)
            assert ran(report)[0] == ("upgrade", "a")
            alembic.downgrade("base")
        for target in ("b", "head", ["heads"]):
            assert ran(alembic.upgrade(target)) == [("snapshot", "b")]
            alembic.downgrade("base")
    database.execute("CREATE TABLE already (id INTEGER)")
    assert project.invoke("upgrade", "--replay").exit_code == 0
    with project.context() as alembic:
        alembic.downgrade("base")
        assert ran(alembic.upgrade())[0] == ("upgrade", "a")


@pytest.mark.one_database
def test_stale(
    project: Project, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    project.tables("a", "b")
    assert project.invoke("snapshot", "--check").exit_code == 1
    small(project)
    assert project.invoke("snapshot", "--check").stdout.startswith("default: current")
    edited = next(project.migrations.glob("b_*.py"))
    text = edited.read_text()
    edited.write_text(text.replace("from alembic", "# A comment.\nfrom alembic"))
    assert states(project)[0].state == "current"
    project.tables("c", down="b")
    assert states(project)[0].state == "behind"
    assert project.invoke("snapshot", "--check").exit_code == 0

    edited.write_text(text.replace("String(50)", "String(60)").replace("t_b", "t_bb"))
    checked = project.invoke("snapshot", "--check")
    assert checked.exit_code == 1
    assert "revisions were edited" in checked.stdout
    found = project.invoke("doctor", "--json").json["findings"]
    assert [f["code"] for f in found if "snapshot" in f["code"]] == ["snapshot-stale"]
    with project.context() as alembic:
        report = alembic.upgrade()
    assert ran(report)[0] == ("upgrade", "a")
    assert database.tables() == {"t_a", "t_bb", "t_c"}
    (warning,) = report.databases[0].warnings
    assert "revisions were edited" in warning and "flask db snapshot" in warning
    assert warning in caplog.messages

    edited.unlink()
    next(project.migrations.glob("c_*.py")).unlink()
    assert "doesn't have b" in states(project)[0].reason
    file_of(project).write_text("def upgrade(): pass\n")
    assert "isn't one that" in states(project)[0].reason
    refused = project.invoke("upgrade", "--sql")
    assert refused.exit_code == 1 and "flask db snapshot" in refused.stderr


# -- what is refused -----------------------------------------------------------------


def refusal(project: Project) -> str:
    """What is said where no snapshot can be made."""
    made = project.invoke("snapshot")
    assert made.exit_code == 1, made.stdout
    assert not list(project.migrations.glob("snapshots/*/*"))
    (line,) = made.error_lines
    return line


@pytest.mark.needs("server")
def test_refuses_what_operations_cant_make(project: Project) -> None:
    project.tables("a")
    project.revision("b", "a", 'op.execute("CREATE VIEW v AS SELECT id FROM t_a")')
    line = refusal(project)
    assert "view" in line and "v is gone" in line


OTHERS = {
    "trigger": (
        "CREATE TRIGGER tr AFTER INSERT ON t_a BEGIN DELETE FROM t_a; END",
        "trigger tr is gone",
    ),
    "collation": (
        "CREATE TABLE c (n TEXT COLLATE NOCASE)",
        "text of table c",
    ),
}


@pytest.mark.one_database
@pytest.mark.parametrize("name", OTHERS)
def test_refuses_what_reflection_doesnt_see(project: Project, name: str) -> None:
    sql, said = OTHERS[name]
    project.tables("a")
    project.revision("b", "a", f"op.execute({sql!r})")
    assert said in refusal(project)


@pytest.mark.one_database
def test_keeps_what_only_sqlite_has(project: Project, database: Database) -> None:
    project.revision(
        "a",
        None,
        """\
op.execute("CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, x INT UNIQUE)")
op.execute("CREATE TABLE w (id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID")
op.execute("CREATE INDEX i ON n (x) WHERE x > 0")""",
    )
    with project.context() as alembic:
        alembic.snapshot()
        alembic.upgrade()
    texts = dict(database.rows("SELECT name, sql FROM sqlite_master"))
    assert "AUTOINCREMENT" in texts["n"]
    assert "WITHOUT ROWID" in texts["w"]
    assert "WHERE x > 0" in texts["i"]


@pytest.mark.one_database
def test_refuses_rows_that_it_cant_hold(project: Project) -> None:
    project.tables("a", "b")
    many = "op.bulk_insert(sa.table('t_a', sa.column('id')), [{'id': n} for n in range(20)])"
    project.revision("c", "b", many)
    project.config["ALEMBIC_SNAPSHOT_ROWS"] = 10
    line = refusal(project)
    assert "more than 10 rows" in line and "revision c" in line
    project.revision("c", "b", many.replace("range(20)", "[id(object()) , 5]"))
    project.revision(
        "d",
        "c",
        'import uuid\nop.execute(f"UPDATE t_a SET id = {uuid.uuid4().int % 10**9}'
        ' WHERE id = 5")',
    )
    line = refusal(project)
    assert "t_a" in line and "revision c" in line


@pytest.mark.one_database
def test_refuses_a_history_that_fails(project: Project) -> None:
    project.tables("a")
    project.revision("b", "a", "op.drop_table('nowhere')")
    line = refusal(project)
    assert "nowhere" in line and "revision b" in line


OUTSIDE = """\
from flask import current_app
with current_app.extensions["sqlalchemy"].engine.begin() as connection:
    connection.exec_driver_sql("INSERT INTO ours VALUES (2)")"""


@pytest.mark.one_database
def test_never_touches_the_database_itself(
    project: Project, database: Database
) -> None:
    database.execute("CREATE TABLE ours (id INTEGER)")
    project.tables("a")
    project.revision("b", "a", OUTSIDE)
    line = refusal(project)
    assert "revision b" in line and "op.get_bind()" in line
    assert database.rows("SELECT id FROM ours") == []


@pytest.mark.one_database
def test_circles_and_names(project: Project, database: Database) -> None:
    project.revision(
        "a",
        None,
        """\
op.create_table("order", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("Group By", sa.Integer))
op.create_table("select", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("order", sa.Integer, sa.ForeignKey("order.id", name="fk_so")))
with op.batch_alter_table("order") as batch:
    batch.create_foreign_key("fk_os", "select", ["Group By"], ["id"])
op.bulk_insert(sa.table("order", sa.column("id")), [{"id": 3}])""",
    )
    with project.context() as alembic:
        alembic.snapshot()
        first = file_of(project).read_bytes()
        alembic.snapshot()
        assert file_of(project).read_bytes() == first
        alembic.upgrade()
    assert database.tables() == {"order", "select"}
    assert database.rows('SELECT * FROM "order"') == [(3, None)]


@pytest.mark.one_database
def test_needs_a_folder_of_its_own(project: Project, tmp_path: Path) -> None:
    """Nothing that Alembic reads may lie there."""
    project.config["ALEMBIC"] = {"recursive_version_locations": True}
    project.tables("a")
    assert "ALEMBIC_SNAPSHOTS" in refusal(project)
    project.config["ALEMBIC_SNAPSHOTS"] = str(tmp_path / "elsewhere")
    assert project.invoke("snapshot").exit_code == 0
    assert (tmp_path / "elsewhere" / "sqlite" / "default.py").is_file()
    project.config["ALEMBIC_SNAPSHOTS"] = 7
    assert "must be a folder" in project.invoke("snapshot").stderr


@pytest.mark.one_database
def test_plain_alembic_reads_the_folder(project: Project) -> None:
    small(project)
    config = Config()
    config.set_main_option("script_location", str(project.migrations))
    config.set_main_option("version_locations", str(project.migrations))
    config.set_main_option("path_separator", "newline")
    assert ScriptDirectory.from_config(config).get_heads() == ["b"]
    assert project.invoke("heads").stdout.startswith("a -> b (head)")


@pytest.mark.one_database
def test_not_with_an_env_py(scripted: Scripted) -> None:
    made = scripted.invoke("snapshot")
    assert made.exit_code == 1
    assert "env.py" in made.stderr and "flask db adopt" in made.stderr

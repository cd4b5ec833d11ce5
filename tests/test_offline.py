"""SQL scripts instead of a run, applied with the databases' own clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.application import Project
from support.clients import apply_script
from support.clients import client
from support.revisions import create_table
from support.servers import Database

from flask_alembic.errors import MigrationError

ROWS = """
op.create_table(
    "person",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False),
)
op.execute("INSERT INTO person (id, name) VALUES (1, 'a 50% rise; then\\tmore')")
"""

MORE = """
op.add_column("person", sa.Column("age", sa.Integer))
op.create_index("by_name", "person", ["name"])
op.execute("UPDATE person SET age = 40 WHERE name LIKE '%rise%'")
"""

BACK = """
op.drop_index("by_name", table_name="person")
op.drop_column("person", "age")
"""


@pytest.fixture
def line(project: Project, database: Database) -> Project:
    """Three revisions, with data that scripts easily spoil."""
    if client(database) is None:
        pytest.skip("the database's client isn't installed")
    project.revision("a", None, ROWS, "op.drop_table('person')", message="one")
    project.revision("b", "a", MORE, BACK, message="two")
    project.tables("c", down="b")
    return project


def succeed(database: Database, script: str) -> None:
    done = apply_script(database, script)
    assert done.exit_code == 0, done.output


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.rows("SELECT id, name FROM person")


def test_whole_upgrade_is_the_online_run(line: Project, database: Database) -> None:
    online = database.sibling()
    with line.context() as alembic:
        scripts = alembic.upgrade("base:heads", sql=True)
        assert set(scripts) == {"default"}
    assert database.all_tables() == set()
    succeed(database, scripts["default"])

    line.config["SQLALCHEMY_DATABASE_URI"] = online.url
    with line.context() as alembic:
        alembic.upgrade()
    assert database.snapshot() == online.snapshot()
    assert rows(database) == rows(online) == [(1, "a 50% rise; then\tmore")]


def test_part_of_the_way_and_back(line: Project, database: Database) -> None:
    with line.context() as alembic:
        alembic.upgrade("a")
        before = database.snapshot()
        succeed(database, alembic.upgrade("a:c", sql=True)["default"])
        assert database.versions() == {"c"}
        assert alembic.current()[0].revision == "c"
        assert database.rows("SELECT age FROM person") == [(40,)]
        succeed(database, alembic.downgrade("c:a", sql=True)["default"])
        assert database.snapshot() == before
        succeed(database, alembic.stamp("a:b", sql=True)["default"])
        assert database.versions() == {"b"}
        assert database.columns("person") == {"id", "name"}


@pytest.mark.parametrize("applied", ["base", "b", "c"])
def test_guard(line: Project, database: Database, applied: str) -> None:
    with line.context() as alembic:
        script = alembic.upgrade("a:b", sql=True)["default"]
        if applied != "base":
            alembic.upgrade(applied)
    before = database.snapshot()
    assert apply_script(database, script).exit_code != 0
    assert database.snapshot() == before


def test_guard_at_base(line: Project, database: Database) -> None:
    with line.context() as alembic:
        script = alembic.upgrade("base:heads", sql=True)["default"]
        alembic.upgrade("a")
    before = database.snapshot()
    assert apply_script(database, script).exit_code != 0
    assert database.snapshot() == before


def test_guard_of_several_heads(line: Project, database: Database) -> None:
    line.revision("x", None)
    line.revision("y", "x")
    with line.context() as alembic:
        alembic.upgrade("a")
        script = alembic.upgrade("a:c", sql=True)["default"]
        alembic.upgrade("x")
    before = database.snapshot()
    assert apply_script(database, script).exit_code != 0
    assert database.snapshot() == before


def test_guard_says_what_it_expected(line: Project, database: Database) -> None:
    with line.context() as alembic:
        script = alembic.upgrade("b:c", sql=True)["default"]
        alembic.upgrade("a")
    assert "b" in apply_script(database, script).output


def test_form_of_the_guard(line: Project) -> None:
    with line.context() as alembic:
        for script in (
            alembic.upgrade("a:b", sql=True)["default"],
            alembic.downgrade("b:a", sql=True)["default"],
            alembic.stamp("a:b", sql=True)["default"],
        ):
            lines = script.splitlines()
            assert lines.count("-- guard") == 1
            guard = lines[lines.index("-- guard") + 1]
            assert guard.endswith(";")
            assert guard == guard.strip()
            before = lines[: lines.index("-- guard")]
            assert not [x for x in before if x.rstrip().endswith(";")]
            assert "DELIMITER" not in script


def test_percents_and_tabs_are_kept(line: Project) -> None:
    with line.context() as alembic:
        script = alembic.upgrade("base:b", sql=True)["default"]
    assert "'a 50% rise; then\tmore'" in script
    assert "LIKE '%rise%'" in script


@pytest.mark.one_database
def test_targets_that_need_a_start(line: Project) -> None:
    with line.context() as alembic:
        with pytest.raises(MigrationError):
            alembic.upgrade("a:nowhere", sql=True)
        with pytest.raises(MigrationError):
            alembic.downgrade("a", sql=True)
        whole = alembic.upgrade("b", sql=True)["default"]
        assert "CREATE TABLE person" in whole


def test_start_may_be_left_out(line: Project, database: Database) -> None:
    done = line.invoke("upgrade", "--sql")
    assert done.exit_code == 0, done.stderr
    succeed(database, done.stdout)
    assert database.versions() == {"c"}


def test_nothing_is_touched(line: Project, database: Database) -> None:
    line.invoke("upgrade", "--sql")
    with line.context() as alembic:
        alembic.upgrade("a:c", sql=True)
        alembic.stamp("a:c", sql=True)
    assert database.all_tables() == set()


@pytest.mark.needs("server")
def test_no_server_is_needed(line: Project, database: Database) -> None:
    with line.context() as alembic:
        expected = alembic.upgrade("a:c", sql=True)["default"]
    line.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(port=1)
    done = line.invoke("upgrade", "--sql", "a:c")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == expected.strip()


# Context options


def test_version_table(line: Project, database: Database) -> None:
    line.config["ALEMBIC_CONTEXT"] = {"version_table": "mine"}
    with line.context() as alembic:
        succeed(database, alembic.upgrade("base:a", sql=True)["default"])
        assert database.all_tables() == {"mine", "person"}
        assert database.versions("mine") == {"a"}
        assert alembic.current()[0].revision == "a"
        script = alembic.upgrade("b:c", sql=True)["default"]
    assert apply_script(database, script).exit_code != 0


@pytest.mark.needs("schemas")
def test_version_table_schema(line: Project, database: Database) -> None:
    line.config["ALEMBIC_CONTEXT"] = {"version_table_schema": "apart"}
    database.execute("CREATE SCHEMA apart")
    with line.context() as alembic:
        succeed(database, alembic.upgrade("base:a", sql=True)["default"])
        assert database.versions("apart.alembic_version") == {"a"}
        succeed(database, alembic.upgrade("a:c", sql=True)["default"])
        assert not alembic.needs_upgrade()
    assert database.versions("apart.alembic_version") == {"c"}


@pytest.mark.needs("transactional_ddl")
def test_transaction_per_migration(line: Project) -> None:
    with line.context() as alembic:
        one = alembic.upgrade("base:heads", sql=True)["default"]
    line.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": True}
    with line.context() as alembic:
        several = alembic.upgrade("base:heads", sql=True)["default"]
    assert one.count("COMMIT") == 1
    assert several.count("COMMIT") == 3


@pytest.mark.needs("concurrent_index")
def test_other_context_options(line: Project) -> None:
    def script(**options: object) -> str:
        line.config["ALEMBIC_CONTEXT"] = options
        with line.context() as alembic:
            text: str = alembic.upgrade("base:a", sql=True)["default"]
        return text

    assert "alembic_version_pkc" in script()
    assert "alembic_version_pkc" not in script(version_table_pk=False)
    assert "COMMIT;" in script()
    assert "COMMIT;" not in script(transactional_ddl=False)


@pytest.mark.needs("concurrent_index")
def test_revision_without_transaction(line: Project, database: Database) -> None:
    index = "op.execute('CREATE INDEX CONCURRENTLY late ON t_c (id)')"
    line.revision("d", "c", index, extra="transactional = False")
    with line.context() as alembic:
        succeed(database, alembic.upgrade("base:heads", sql=True)["default"])
    assert database.versions() == {"d"}


# Several databases and the command line


@pytest.fixture
def named(two: Project) -> Project:
    """Two databases; the revision makes a table with the database's name."""
    up = create_table("NAME").replace('"NAME"', '"of_" + engine_name')
    back = "op.drop_table('of_' + engine_name)"
    two.revision("a", None, up, back, arguments="engine_name")
    return two


def test_a_script_for_each_database(
    named: Project, other: Database, database: Database
) -> None:
    with named.context() as alembic:
        scripts = alembic.upgrade("base:heads", sql=True)
        assert set(alembic.upgrade("heads", sql=True, databases=["log"])) == {"log"}
    assert set(scripts) == {"default", "log"}
    succeed(database, scripts["default"])
    succeed(other, scripts["log"])
    assert database.tables() == {"of_default"}
    assert other.tables() == {"of_log"}
    assert database.versions() == other.versions() == {"a"}


def test_a_file_for_each_database(
    named: Project, other: Database, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "scripts"
    done = named.invoke("upgrade", "--sql", "--output", str(folder))
    assert done.exit_code == 0, done.stderr
    assert {f.name for f in folder.iterdir()} == {"default.sql", "log.sql"}
    succeed(database, (folder / "default.sql").read_text())
    succeed(other, (folder / "log.sql").read_text())
    assert database.tables() == {"of_default"}
    assert other.tables() == {"of_log"}


@pytest.mark.one_database
def test_headers_on_the_command_line(named: Project, other: Database) -> None:
    for arguments in (["upgrade"], ["downgrade", "a:base"], ["stamp", "base:a"]):
        done = named.run(*arguments, "--sql")
        assert done.exit_code == 0, done.stderr
        lines = done.stdout.splitlines()
        headers = [x for x in lines if x.startswith("-- ") and "guard" not in x]
        assert any("default" in header for header in headers)
        assert any("log" in header for header in headers)
        assert lines.count("-- guard") == 2


@pytest.mark.one_database
def test_command_line_gives_what_python_gives(line: Project) -> None:
    with line.context() as alembic:
        expected = alembic.upgrade("a:c", sql=True)["default"]
    done = line.run("upgrade", "--sql", "a:c")
    assert done.stdout.strip() == expected.strip()

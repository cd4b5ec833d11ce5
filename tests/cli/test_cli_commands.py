"""What the commands print, write and exit with."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from support.application import Project
from support.application import Result
from support.servers import Database

pytestmark = pytest.mark.one_database

LOG_MODEL = """
class Log(db.Model):
    __bind_key__ = "log"
    id = sa.Column(sa.Integer, primary_key=True)
"""


@pytest.fixture
def two(project: Project, database: Database) -> Project:
    """An application with the databases "default" and "log"."""
    project.config["SQLALCHEMY_BINDS"] = {"log": database.sibling().url}
    project.config["ALEMBIC_BINDS"] = True
    project.models += LOG_MODEL
    return project


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_status_and_its_exit_codes(project: Project, database: Database) -> None:
    project.tables("a", "b")
    assert project.invoke("status", "--check").exit_code == 3
    assert succeeded(project.invoke("status")) == (
        "default: unstamped, at base, 2 pending\n"
    )
    succeeded(project.invoke("upgrade", "a"))
    assert project.invoke("status", "--check").exit_code == 3
    succeeded(project.invoke("upgrade"))
    assert succeeded(project.invoke("status", "--check", "--exact")) == (
        "default: current, at b\n"
    )
    database.execute("UPDATE alembic_version SET version_num = 'newer'")
    assert succeeded(project.invoke("status", "--check")).startswith("default: ahead")
    done = project.invoke("status", "--check", "--exact", "--json")
    assert (done.exit_code, done.json["exit_code"], done.json["ok"]) == (6, 6, False)
    database.execute("INSERT INTO alembic_version VALUES ('a')")
    assert project.invoke("status", "--check").exit_code == 4
    database.execute(
        "UPDATE alembic_version SET version_num = 'b' WHERE version_num = 'newer'"
    )
    assert project.invoke("status", "--check").exit_code == 5


def test_the_worst_state_decides(two: Project) -> None:
    two.revision("a", arguments="engine_name", message="one")
    succeeded(two.invoke("upgrade", "--database", "log"))
    assert succeeded(two.invoke("status", "--check", "--database", "log"))
    done = two.invoke("status", "--check")
    assert done.exit_code == 3
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "default: unstamped",
        "log: current",
    ]


def test_current_with_a_revision_that_no_file_has(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    succeeded(project.invoke("upgrade"))
    (project.migrations / "b_table_b.py").unlink()
    done = project.invoke("current")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'default' is at b, which no revision file has" in done.stderr
    assert "flask db status" in done.stderr
    assert project.invoke("current", "--check-heads").exit_code == 1


def test_current_with_rows_that_overlap(project: Project, database: Database) -> None:
    project.tables("a", "b")
    succeeded(project.invoke("upgrade"))
    database.execute("INSERT INTO alembic_version VALUES ('a')")
    done = project.invoke("current")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'default'" in done.stderr


def test_check_heads_of_several_databases(two: Project) -> None:
    two.revision("a", arguments="engine_name", message="one")
    succeeded(two.invoke("upgrade", "--database", "log"))
    done = two.invoke("current", "--check-heads")
    words = "Database is not on all head revisions"
    assert (done.exit_code, done.stdout) == (1, f"default\n{words}\n")
    assert done.stderr == ""
    succeeded(two.invoke("current", "--check-heads", "--database", "log"))
    # A database without lines of its own isn't named.
    assert succeeded(two.invoke("current")) == "log\n<base> -> a (head), one\n"


def test_check_heads_without_revisions(project: Project) -> None:
    assert succeeded(project.invoke("current", "--check-heads")) == ""


def test_check_names_what_differs(two: Project) -> None:
    done = two.invoke("check")
    assert done.exit_code == 1
    first, *lines = done.stdout.splitlines()
    assert first == "Changes detected."
    assert lines.index("log") > lines.index("default") >= 0
    assert any("person" in line and line.startswith("  ") for line in lines)
    found = two.invoke("check", "--database", "log", "--json").json
    assert found["exit_code"] == 1
    assert {found["database"] for found in found["draft"]["operations"]} == {"log"}


def test_plan(two: Project) -> None:
    two.revision("a", arguments="engine_name", message="one")
    two.revision("b", "a", arguments="engine_name", message="two")
    succeeded(two.invoke("upgrade", "--database", "log"))
    assert succeeded(two.invoke("plan")) == (
        "default\nupgrade <base> -> a, one\nupgrade a -> b, two\n"
        "log\nnothing to do, at b\n"
    )
    assert two.invoke("plan", "--check").exit_code == 3
    assert succeeded(two.invoke("plan", "--check", "--database", "log"))
    back = ["plan", "--direction", "downgrade", "--database", "log"]
    assert succeeded(two.invoke(*back)) == "downgrade b -> a, two\n"
    both = "downgrade b -> a, two\ndowngrade a -> <base>, one\n"
    for target in ("2", "-2", "base"):
        assert succeeded(two.invoke(*back, target)) == both


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("1", "17123456"),
        ("+1", "17123456"),
        ("-1", "17123456"),
        ("2", "22"),
        ("22", "22"),
        ("1712", "17123456"),
        ("17123456", "17123456"),
        ("base", None),
    ],
)
def test_downgrade_targets(
    project: Project, database: Database, target: str, reached: str | None
) -> None:
    project.tables("22", "17123456", "c")
    succeeded(project.invoke("upgrade"))
    succeeded(project.invoke("downgrade", target))
    assert database.versions() == ({reached} if reached else set())


def test_digits_that_begin_two_ids_are_a_count(
    project: Project, database: Database
) -> None:
    project.tables("17121", "17122", "c")
    succeeded(project.invoke("upgrade"))
    done = project.invoke("downgrade", "1712")
    assert done.exit_code == 1
    assert "-1712" in done.stderr
    assert database.versions() == {"c"}


def test_sql_goes_to_stdout(two: Project, database: Database) -> None:
    two.revision("a", up="print('not SQL')", arguments="engine_name")
    text = succeeded(two.invoke("upgrade", "--sql"))
    assert text.startswith("-- database: default\n")
    assert "\n\n-- database: log\n" in text
    assert "not SQL" not in text
    one = succeeded(two.invoke("upgrade", "--sql", "--database", "log"))
    assert "-- database:" not in one
    assert text.endswith(one)
    assert database.all_tables() == set()


@pytest.mark.parametrize("command", ["upgrade", "stamp"])
def test_sql_goes_to_files(two: Project, tmp_path: Path, command: str) -> None:
    two.revision("a", arguments="engine_name")
    folder = tmp_path / "deep" / "sql"
    done = two.invoke(command, "--sql", "--output", str(folder))
    assert succeeded(done) == ""
    assert sorted(path.name for path in folder.iterdir()) == ["default.sql", "log.sql"]
    texts = {path.stem: path.read_text() for path in folder.iterdir()}
    printed = succeeded(two.invoke(command, "--sql"))
    assert printed == (
        f"-- database: default\n{texts['default']}\n-- database: log\n{texts['log']}"
    )


def test_sql_file_that_cannot_be_written(project: Project, tmp_path: Path) -> None:
    project.tables("a")
    (tmp_path / "taken" / "default.sql").mkdir(parents=True)
    done = project.invoke("upgrade", "--sql", "--output", str(tmp_path / "taken"))
    assert done.exit_code == 1
    (line,) = done.error_lines
    assert "default.sql" in line


def test_created_files_are_named(project: Project) -> None:
    out = succeeded(project.invoke("revision", "first"))
    (path,) = project.files
    assert out == f"Created {path} (new branch default)\n"
    done = project.invoke("revision", "", "--empty")
    (new,) = [x for x in project.files if x != path]
    assert succeeded(done) == f"Created {new}\n"


def test_nothing_to_write(project: Project) -> None:
    project.models = ""
    assert succeeded(project.invoke("revision", "x")) == "No changes detected.\n"
    found = project.invoke("revision", "x", "--json").json
    assert (found["message"], found["revisions"]) == ("No changes detected.", [])
    assert project.files == []


def test_merging_one_head(project: Project) -> None:
    project.tables("a")
    assert succeeded(project.invoke("merge")) == "Nothing to merge: a stands alone.\n"
    assert len(project.files) == 1


def test_json_of_a_merge(project: Project) -> None:
    project.tables("a", "b")
    project.revision("c", "a")
    (found,) = project.invoke("merge", "-m", "joined", "--json").json["revisions"]
    assert set(found["parents"]) == {"b", "c"}
    assert found["message"] == "joined"
    assert Path(found["path"]) in project.files


def test_json_of_a_run(project: Project) -> None:
    project.tables("a", "b")
    done = project.invoke("upgrade", "--json")
    found = done.json
    assert (found["command"], found["ok"], found["exit_code"]) == ("upgrade", True, 0)
    (database,) = found["databases"]
    assert database["outcome"] == "done"
    assert database["heads"] == ["b"]
    steps = [step["step"]["revision"]["id"] for step in database["steps"]]
    assert steps == ["a", "b"]
    assert {step["state"] for step in database["steps"]} == {"done"}
    assert project.invoke("downgrade", "--json").json["command"] == "downgrade"
    assert project.invoke("stamp", "b", "--json").json["command"] == "stamp"


def test_json_is_alone_on_stdout(project: Project) -> None:
    project.revision("a", up="print('a word of the revision')")
    done = project.invoke("upgrade", "--json")
    assert done.json["ok"] is True
    assert "a word of the revision" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["heads"], ["b", "c"]),
        (["branches"], ["a"]),
        (["log", "--start", "a", "--end", "b"], ["b", "a"]),
        (["history", "--start", "a", "--end", "b"], ["b", "a"]),
        (["show", "c", "a"], ["c", "a"]),
        (["current"], ["a"]),
    ],
    ids=lambda value: value[0],
)
def test_json_of_revisions(
    project: Project, arguments: list[str], ids: list[str]
) -> None:
    project.tables("a", "b")
    project.revision("c", "a")
    succeeded(project.invoke("upgrade", "a"))
    found = project.invoke(*arguments, "--json").json
    assert found["command"] == arguments[0]
    revisions: list[dict[str, t.Any]] = found["revisions"]
    assert [revision["id"] for revision in revisions] == ids


def test_branches(project: Project) -> None:
    project.tables("a", "b")
    project.revision("c", "a", message="aside")
    project.revision("d", "b")
    assert succeeded(project.invoke("branches")) == (
        "<base> -> a (branchpoint), table a\n"
        "    -> a -> b, table b\n"
        "    -> a -> c (head), aside\n"
    )


def test_several_databases_in_json(two: Project) -> None:
    two.revision("a", arguments="engine_name")
    succeeded(two.invoke("upgrade"))
    statuses = two.invoke("current", "--json").json["statuses"]
    assert [status["database"]["name"] for status in statuses] == ["default", "log"]


def test_unknown_database(project: Project) -> None:
    project.tables("a")
    for command in ("current", "status", "plan", "check", "upgrade", "stamp"):
        done = project.invoke(command, "--database", "nosuch")
        assert done.exit_code == 1, command
        assert "'nosuch'" in done.stderr


def test_purge(project: Project, database: Database) -> None:
    project.tables("a")
    succeeded(project.invoke("upgrade"))
    database.execute("UPDATE alembic_version SET version_num = 'gone'")
    succeeded(project.invoke("stamp", "a", "--purge"))
    assert database.versions() == {"a"}


def test_session_is_committed(project: Project, database: Database) -> None:
    project.config["ALEMBIC_SESSION"] = True
    project.tables("a")
    succeeded(project.invoke("upgrade"))
    assert database.versions() == {"a"}
    assert database.tables() == {"t_a"}

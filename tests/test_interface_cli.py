"""The commands and options of ``flask db``."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest
from support.application import Project
from support.application import TASK
from support.servers import Database

from flask_alembic.cli import cli

COMMANDS = {
    "mkdir": set(),
    "current": {"--check-heads", "-v", "--verbose", "--json", "--database"},
    "heads": {"--resolve-dependencies", "-v", "--json"},
    "branches": {"-v", "--json"},
    "log": {"--start", "--end", "-v", "--json"},
    "history": {"--start", "--end", "-v", "--json"},
    "show": {"--json"},
    "check": {"--json"},
    "stamp": {"--sql", "--output", "--json", "--database"},
    "upgrade": {"--sql", "--output", "--json", "--database"},
    "downgrade": {"--sql", "--output", "--json", "--database"},
    "revision": {
        "--empty",
        "-b",
        "--branch",
        "-p",
        "--parent",
        "--splice",
        "-d",
        "--depend",
        "-l",
        "--label",
        "--path",
    },
    "merge": {"-m", "-l"},
    "status": {"--check", "--exact", "--json", "--database"},
    "plan": {"--check", "--json", "--database"},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_options(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    found = {option for parameter in command.params for option in parameter.opts}
    assert found >= COMMANDS[name]
    assert command.help


def test_commands_are_a_dict() -> None:
    group = importlib.import_module("flask_alembic.cli").cli
    assert isinstance(group, click.Group)
    assert set(group.commands) >= set(COMMANDS)
    upgrade = group.commands["upgrade"]
    assert upgrade.callback is not None
    assert next(p.name for p in upgrade.params) == "target"


@pytest.mark.one_database
def test_main_job(project: Project, database: Database) -> None:
    """From nothing to two revisions and back, each command a process of its own."""

    def run(*arguments: str) -> str:
        done = project.run(*arguments)
        assert done.exit_code == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    run("mkdir")
    run("revision", "first")
    run("upgrade")
    database.execute("INSERT INTO person (id, name) VALUES (1, 'Ada')")
    project.models += "    email = sa.Column(sa.String(80))\n" + TASK
    run("revision", "second")
    run("upgrade")
    assert database.columns("person") == {"id", "name", "email"}
    assert "second" in run("current")
    assert "current" in run("status")
    assert "DROP TABLE task" in run("downgrade", "--sql", "head:-1")
    run("downgrade")
    assert database.rows("SELECT * FROM person") == [(1, "Ada")]
    assert database.tables() == {"person"}


@pytest.mark.parametrize(
    ("arguments", "reached"),
    [(["1"], "b"), (["2"], "a"), ([], "b"), (["a"], "a"), (["base"], None)],
)
@pytest.mark.one_database
def test_downgrade(
    project: Project, database: Database, arguments: list[str], reached: str | None
) -> None:
    project.tables("a", "b", "c")
    project.invoke("upgrade")
    assert project.invoke("downgrade", *arguments).exit_code == 0
    assert database.versions() == ({reached} if reached else set())


@pytest.mark.one_database
def test_revision_options(project: Project) -> None:
    (project.root / "other").mkdir()
    project.config["ALEMBIC"] = {"version_locations": ["other"]}
    project.tables("a", "b")
    for arguments in (
        ["one", "--parent", "a", "--splice", "-l", "x", "--label", "y"],
        ["two", "-p", "b", "-p", "x@head", "-d", "a"],
        ["three", "-b", "side", "--path", "other"],
    ):
        done = project.invoke("revision", "--empty", *arguments)
        assert done.exit_code == 0, done.stderr
    with project.context() as alembic:
        by_message = {script.doc: script for script in alembic.log()}
        assert by_message["one"].down_revision == "a"
        assert set(by_message["one"].branch_labels) >= {"x", "y"}
        one = by_message["one"].revision
        assert set(by_message["two"].down_revision) == {"b", one}
        assert by_message["two"].dependencies == "a"
        assert "side" in by_message["three"].branch_labels
        assert Path(by_message["three"].path).parent == project.root / "other"


@pytest.mark.one_database
def test_merge_options(project: Project) -> None:
    project.tables("a", "b")
    project.revision("b2", "a")
    project.revision("b3", "a")
    done = project.invoke("merge", "b", "b2", "-m", "two", "-l", "joined")
    assert done.exit_code == 0, done.stderr
    assert project.invoke("merge").exit_code == 0
    with project.context() as alembic:
        (head,) = alembic.heads()
        assert len(head.down_revision) == 2
        assert "joined" in head.branch_labels


@pytest.mark.one_database
def test_stamp_command(project: Project, database: Database) -> None:
    project.tables("a", "b")
    assert project.invoke("stamp", "a").exit_code == 0
    assert database.versions() == {"a"}
    assert project.invoke("stamp").exit_code == 0
    assert database.versions() == {"b"}
    assert project.invoke("stamp", "base").exit_code == 0
    assert database.versions() == set()
    assert database.tables() == set()


@pytest.mark.one_database
def test_plan_command(project: Project, database: Database) -> None:
    project.tables("a", "b")
    done = project.invoke("plan")
    assert "table a" in done.stdout
    assert "table b" in done.stdout
    assert "table b" not in project.invoke("plan", "a").stdout
    document = project.invoke("plan", "--json").json
    (plan,) = document["plans"]
    assert [step["revision"]["id"] for step in plan["steps"]] == ["a", "b"]
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_status_command(project: Project) -> None:
    project.tables("a", "b")
    project.invoke("upgrade", "a")
    assert "behind" in project.invoke("status").stdout
    (status,) = project.invoke("status", "--json").json["statuses"]
    assert status["state"] == "behind"
    assert status["pending"] == ["b"]


@pytest.mark.one_database
def test_another_name_for_the_group(project: Project) -> None:
    project.setup = "alembic = Alembic(app, command_name='migrations')"
    project.tables("a")
    program = ["-m", "flask", "--app", "app", "migrations"]
    done = project.run("heads", program=program)
    assert done.stdout.startswith("<base> -> a (head)")


@pytest.mark.one_database
def test_application_factory(project: Project, database: Database) -> None:
    project.tables("a")
    project.setup = """
def create_app():
    other = Flask("other", root_path=app.root_path)
    other.config.update(app.config)
    SQLAlchemy(other)
    Alembic(other)
    return other"""
    program = ["-m", "flask", "--app", "app:create_app", "db"]
    done = project.run("upgrade", program=program)
    assert done.exit_code == 0, done.stderr
    assert database.tables() == {"t_a"}

"""What Flask-Alembic adds to the group, on folders with an env.py."""

from __future__ import annotations

import json
import typing as t

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.servers import Database

STATES = ["unstamped", "behind", "current", "ahead"]


@pytest.fixture(params=["one", "binds", "own"])
def folder(request: pytest.FixtureRequest, project: Scripted) -> Scripted:
    """Each kind of folder, with two revisions."""
    if request.param == "binds":
        database = request.getfixturevalue("other")
        project.bind("log", database.url)
    project.folder(request.param)
    (project.migrations / "billing").mkdir(exist_ok=True)
    write = project.bind_revision if request.param == "binds" else project.revision
    write("a")
    write("b", "a")
    return project


def named(project: Scripted, found: list[dict[str, t.Any]]) -> list[str]:
    """The databases of results; an engine of env.py's own may go by its address."""
    own = sa.make_url(project.config["SQLALCHEMY_DATABASE_URI"]).database
    listed = [each["database"]["name"] for each in found]
    several = "SQLALCHEMY_BINDS" in project.config
    return ["default" if n == own and not several else n for n in listed]


def names(project: Scripted) -> list[str]:
    """The databases, as results call them."""
    return ["default", *project.config.get("SQLALCHEMY_BINDS", {})]


@pytest.mark.parametrize("state", STATES)
def test_status(folder: Scripted, state: str) -> None:
    if state != "unstamped":
        folder.ok("upgrade", "a" if state == "behind" else "head")
    if state == "ahead":
        next(folder.versions.glob("b_*")).unlink()
    answer = folder.ok("status", "--json").json
    found = answer["statuses"]
    assert named(folder, found) == names(folder)
    assert {each["state"] for each in found} == {state}
    pending = {"unstamped": ["a", "b"], "behind": ["b"]}.get(state, [])
    assert all(each["pending"] == pending for each in found)
    codes = {"unstamped": 3, "behind": 3, "current": 0, "ahead": 0}
    assert folder.invoke("status", "--check").exit_code == codes[state]


def test_plan(folder: Scripted, database: Database) -> None:
    folder.ok("upgrade", "a")
    answer = folder.ok("plan", "--json").json
    plans = answer["plans"]
    assert named(folder, plans) == names(folder)
    for plan in plans:
        assert [step["revision"]["id"] for step in plan["steps"]] == ["b"]
    assert folder.invoke("plan", "--check").exit_code == 3
    folder.ok("upgrade")
    assert folder.invoke("plan", "--check").exit_code == 0


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["status", "plan"])
def test_nothing_is_written(folder: Scripted, database: Database, command: str) -> None:
    """Not even the version table."""
    folder.invoke(command)
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_json_is_all_of_stdout(folder: Scripted) -> None:
    """env.py's loggers and prints go elsewhere."""
    folder.env.write_text(folder.env.read_text() + '\nprint("hello from env.py")\n')
    done = folder.run("status", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert "hello from env.py" in done.stderr


@pytest.mark.one_database
def test_directory_of_the_group(one: Scripted) -> None:
    """``-d`` holds for these commands as well."""
    one.tables("a")
    one.migrations.rename(one.root / "elsewhere")
    answer = one.ok("-d", "elsewhere", "status", "--json").json
    assert answer["statuses"][0]["pending"] == ["a"]


@pytest.mark.one_database
def test_x_arguments_of_the_group(own: Scripted) -> None:
    module = own.load()
    with own.closing(module) as app:
        arguments = ["db", "-x", "tenant=one", "status"]
        done = app.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == 0, done.output
    assert [look["x"] for look in app.config["SEEN"]] == [{"tenant": "one"}]


@pytest.mark.one_database
def test_configure_callbacks(one: Scripted) -> None:
    one.tables("a")
    one.migrations.rename(one.root / "elsewhere")
    one.setup += """

@migrate.configure
def configure(config):
    config.set_main_option("script_location", "elsewhere")
    config.config_file_name = "elsewhere/alembic.ini"
    return config
"""
    answer = one.ok("status", "--json").json
    assert answer["statuses"][0]["pending"] == ["a"]


@pytest.mark.one_database
def test_log(one: Scripted) -> None:
    one.tables("a", "b")
    assert one.ok("log").stdout == one.ok("history").stdout

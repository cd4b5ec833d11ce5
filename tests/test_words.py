"""Words and formats that scripts read."""

from __future__ import annotations

import io
import json
import re
import typing as t

import pytest
from alembic.config import Config
from alembic.script import Script
from alembic.script import ScriptDirectory
from support.application import Project
from support.application import Result
from support.revisions import write_revision
from support.servers import Database


@pytest.fixture
def history(project: Project) -> Project:
    """A history with a branch point, a merge, labels, dependencies and a side line."""
    folder = project.migrations
    write_revision(folder, "a1", message="the first one", labels="main")
    write_revision(folder, "b1", "a1", message="left, with a comma")
    write_revision(folder, "b2", "a1", message="right")
    write_revision(folder, "c1", ("b1", "b2"), message="together")
    write_revision(folder, "d1", "c1", message="wide")
    write_revision(folder, "x1", None, message="aside", labels="side")
    write_revision(folder, "x2", "x1", message="needs d1", depends="d1")
    path = write_revision(folder, "d2", "c1", message="many lines")
    text = path.read_text().replace("many lines\n", "many\nlines\n\nA paragraph.\n", 1)
    path.write_text(text)
    return project


def stock(project: Project) -> ScriptDirectory:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(project.migrations))
    config.set_main_option("version_locations", str(project.migrations))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def line(script: Script, verbose: bool = False) -> str:
    return script.cmd_format(
        verbose,
        include_branches=True,
        include_doc=True,
        include_parents=True,
        tree_indicators=True,
    )


def printed(scripts: t.Iterable[Script], verbose: bool = False) -> str:
    return settled("".join(line(script, verbose) + "\n" for script in scripts))


def settled(text: str) -> str:
    """Put in order what Alembic prints in the order of a set."""

    def sort(found: re.Match[str]) -> str:
        return found[1] + ", ".join(sorted(found[2].split(", ")))

    return re.sub(r"(?m)^(Branches into: )(.*)$", sort, text)


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return settled(result.stdout)


@pytest.mark.one_database
@pytest.mark.parametrize("verbose", [False, True])
def test_heads(history: Project, verbose: bool) -> None:
    options = ["-v"] if verbose else []
    directory = stock(history)
    plain = directory.get_revisions(directory.get_heads())
    assert succeeded(history.invoke("heads", *options)) == printed(plain, verbose)
    resolved = directory.get_revisions("heads")
    options.append("--resolve-dependencies")
    assert succeeded(history.invoke("heads", *options)) == printed(resolved, verbose)


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["log", "history"])
@pytest.mark.parametrize("verbose", [False, True])
def test_log(history: Project, command: str, verbose: bool) -> None:
    options = ["-v"] if verbose else []
    expected = printed(stock(history).walk_revisions(), verbose)
    assert succeeded(history.invoke(command, *options)) == expected


@pytest.mark.one_database
def test_part_of_the_log(history: Project) -> None:
    expected = printed(stock(history).walk_revisions("b1", "c1"))
    result = history.invoke("log", "--start", "b1", "--end", "c1")
    assert succeeded(result) == expected


@pytest.mark.one_database
def test_show(history: Project) -> None:
    directory = stock(history)
    wanted = directory.get_revisions(["c1", "x2"])
    expected = "".join(script.cmd_format(True) + "\n" for script in wanted)
    assert succeeded(history.invoke("show", "c1", "x2")) == settled(expected)
    head = directory.get_revision("side@head").cmd_format(True) + "\n"
    assert succeeded(history.invoke("show", "side@head")) == head


@pytest.mark.one_database
@pytest.mark.parametrize("verbose", [False, True])
def test_branches(history: Project, verbose: bool) -> None:
    directory = stock(history)
    expected = ""
    for script in directory.walk_revisions():
        if script.is_branch_point:
            expected += line(script, verbose) + "\n"
            nexts = directory.get_revisions(sorted(script.nextrev))
            expected += "".join(f"    -> {line(s)}\n" for s in nexts)
    options = ["-v"] if verbose else []
    result, expected = (
        succeeded(history.invoke("branches", *options)),
        settled(expected),
    )
    assert sorted(result.splitlines()) == sorted(expected.splitlines())
    assert result.startswith(expected.splitlines()[0])


@pytest.mark.parametrize("verbose", [False, True])
def test_current(history: Project, verbose: bool) -> None:
    options = ["-v"] if verbose else []
    assert history.invoke("upgrade", "d1").exit_code == 0
    assert history.invoke("upgrade", "x1").exit_code == 0
    got = succeeded(history.invoke("current", *options))
    expected = printed(stock(history).get_revisions(["d1", "x1"]), verbose)
    assert sorted(got.splitlines()) == sorted(expected.splitlines())


def test_current_on_an_unstamped_database(history: Project) -> None:
    result = history.run("current")
    assert result == Result(0, "", "")


@pytest.mark.one_database
def test_several_databases_stand_under_their_names(
    project: Project, database: Database
) -> None:
    project.bind("log", database.sibling().url)
    assert project.invoke("revision", "x").exit_code == 0
    assert project.invoke("upgrade").exit_code == 0
    script = stock(project).get_revision("head")
    text = succeeded(project.invoke("current"))
    assert text == f"default\n{line(script)}\nlog\n{line(script)}\n"


def test_nothing_on_stdout_and_log_lines_on_stderr(project: Project) -> None:
    project.tables("a", "b")
    done = project.run("upgrade")
    assert (done.exit_code, done.stdout) == (0, "")
    logged = "INFO  [alembic.runtime.migration] Running upgrade "
    assert f"{logged} -> a, table a\n" in done.stderr
    assert f"{logged}a -> b, table b\n" in done.stderr

    done = project.run("downgrade")
    assert (done.exit_code, done.stdout) == (0, "")
    expected = "INFO  [alembic.runtime.migration] Running downgrade b -> a, table b\n"
    assert expected in done.stderr

    done = project.run("stamp", "b")
    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.one_database
def test_words_of_check(project: Project) -> None:
    done = project.invoke("check")
    assert done.exit_code == 1
    assert "Changes detected." in (done.stdout + done.stderr).splitlines()
    assert project.invoke("revision", "x").exit_code == 0
    assert project.invoke("upgrade").exit_code == 0
    done = project.invoke("check")
    assert done.exit_code == 0
    assert "No changes detected." in (done.stdout + done.stderr).splitlines()


@pytest.mark.one_database
def test_autogenerate_says_what_it_found(project: Project) -> None:
    done = project.run("revision", "x")
    assert done.exit_code == 0
    assert "INFO  [alembic.autogenerate" in done.stderr
    assert "Detected added table 'person'" in done.stderr


@pytest.mark.one_database
def test_no_file_when_nothing_changed(project: Project) -> None:
    project.invoke("revision", "x")
    project.invoke("upgrade")
    done = project.invoke("revision", "y")
    assert done.exit_code == 0
    assert "No changes detected." in done.stdout + done.stderr
    assert len(project.files) == 1
    assert project.invoke("revision", "y", "--empty").exit_code == 0
    assert len(project.files) == 2


def test_words_of_check_heads(project: Project) -> None:
    project.tables("a", "b")
    project.invoke("upgrade", "a")
    done = project.invoke("current", "--check-heads")
    assert done.exit_code == 1
    assert "not on all head revisions" in done.stdout + done.stderr
    project.invoke("upgrade")
    assert project.invoke("current", "--check-heads").exit_code == 0


@pytest.mark.one_database
def test_new_branch_is_announced(project: Project) -> None:
    project.invoke("revision", "x", "--empty")
    done = project.invoke("revision", "y", "--empty", "--branch", "side")
    assert done.exit_code == 0
    assert "new branch side" in done.stdout + done.stderr
    done = project.invoke("revision", "z", "--empty", "--branch", "side")
    assert "new branch" not in done.stdout + done.stderr


@pytest.mark.one_database
def test_empty_message_and_empty_target(project: Project) -> None:
    assert project.invoke("revision", "", "--empty").exit_code == 0
    for command in ("upgrade", "downgrade", "stamp"):
        assert project.invoke(command, "").exit_code == 1


# Exit codes


@pytest.mark.one_database
def test_usage_errors(project: Project) -> None:
    for arguments in (["nothing"], ["upgrade", "--nothing"], ["revision"]):
        assert project.invoke(*arguments).exit_code == 2


def test_plan_check(project: Project) -> None:
    project.tables("a", "b")
    assert project.invoke("plan").exit_code == 0
    assert project.invoke("plan", "--check").exit_code == 3
    assert project.invoke("upgrade").exit_code == 0
    assert project.invoke("plan", "--check").exit_code == 0


def set_versions(database: Database, *ids: str) -> None:
    database.execute("DELETE FROM alembic_version")
    for id in ids:
        database.execute(f"INSERT INTO alembic_version (version_num) VALUES ('{id}')")


def test_status_check(project: Project, database: Database) -> None:
    project.tables("a", "b", "c")

    def exit_code(*options: str) -> int:
        assert project.invoke("status").exit_code == 0
        return project.invoke("status", "--check", *options).exit_code

    assert exit_code() == 3  # unstamped
    project.invoke("upgrade", "b")
    assert exit_code() == 3  # behind
    project.invoke("upgrade")
    assert exit_code() == exit_code("--exact") == 0  # current
    set_versions(database, "later")
    assert (exit_code(), exit_code("--exact")) == (0, 6)  # ahead
    set_versions(database, "later", "a")
    assert exit_code() == 4  # diverged
    set_versions(database, "a", "b")
    assert exit_code() == 5  # unknown


# JSON


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments",
    [
        ["current"],
        ["heads"],
        ["branches"],
        ["log"],
        ["history"],
        ["show", "c1"],
        ["check"],
        ["status"],
        ["plan"],
        ["upgrade"],
        ["stamp", "c1"],
        ["revision", "x", "--empty", "-p", "d2"],
        ["merge"],
    ],
    ids=lambda a: a[0],
)
def test_one_document(history: Project, arguments: list[str]) -> None:
    done = history.invoke(*arguments, "--json")
    assert done.exit_code in {0, 1 if arguments == ["check"] else 0}, done.stderr
    document = json.loads(done.stdout)
    assert document["command"]
    assert document["schema_version"] == 1


@pytest.mark.one_database
def test_document_of_a_failure(project: Project) -> None:
    project.tables("a", "b")
    project.revision("c", "b", "raise ValueError('no luck')")
    done = project.invoke("upgrade", "--json")
    assert done.exit_code == 1
    assert done.json["ok"] is False
    assert done.json["exit_code"] == 1
    assert "no luck" in done.stdout


@pytest.mark.one_database
def test_plain_text_off_a_terminal(project: Project) -> None:
    project.tables("a", "b")
    for arguments in (["plan"], ["status"], ["upgrade"], ["log"], ["check"]):
        done = project.invoke(*arguments)
        assert "\x1b" not in done.stdout + done.stderr


def test_read_only_commands_create_nothing(
    project: Project, database: Database
) -> None:
    project.tables("a")
    commands = ["current", "heads", "branches", "log", "check", "status", "plan"]
    for command in commands:
        project.invoke(command)
    assert database.all_tables() == set()

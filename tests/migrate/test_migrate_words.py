"""What is printed: the bytes of Alembic's own commands for the same folder."""

from __future__ import annotations

import io
import re
import typing as t

import alembic.command
import pytest
from migrate.scripted import Scripted
from support.servers import Database

pytestmark = pytest.mark.one_database


@pytest.fixture
def graph(one: Scripted) -> Scripted:
    """A history with everything: labels, a branch, dependencies, two roots, a merge.

    No revision has two labels: Alembic prints these in the order of a set.
    """
    one.revision("a1", None, message="start")
    one.revision("b2", "a1", message="left")
    one.revision("c3", "a1", message="right", labels="side")
    one.revision("d4", ("b2", "c3"), message="joined")
    one.revision("e5", None, message="apart", labels="apart")
    one.revision("f6", "e5", message="leans", depends="b2")
    one.revision("g7c0ffee", "d4", message="one")
    last = one.revision("h8", "d4", message="two")
    one.edit(last, '"""two\n', '"""two\n\n    and more\n    about it\n')
    return one


def reference(project: Scripted, command: str, *args: t.Any, **kwargs: t.Any) -> str:
    """What Alembic's command prints for the folder, with no help of ours."""
    config = project.alembic_config
    config.stdout = buffer = io.StringIO()
    with project.app():
        getattr(alembic.command, command)(config, *args, **kwargs)
    return buffer.getvalue()


def same(project: Scripted, arguments: list[str], *args: t.Any, **kwargs: t.Any) -> str:
    """Compare a command of ours with Alembic's."""
    expected = reference(project, arguments[0].replace("-", "_"), *args, **kwargs)
    printed = project.ok(*arguments).stdout
    assert printed == expected
    return printed


HEADS: dict[str, dict[str, t.Any]] = {
    "heads": {},
    "heads -v": {"verbose": True},
    "heads --resolve-dependencies": {"resolve_dependencies": True},
    "heads --resolve-dependencies --verbose": {
        "resolve_dependencies": True,
        "verbose": True,
    },
    "branches -v": {"verbose": True},
    "history": {},
    "history -v": {"verbose": True},
    "history -i": {"indicate_current": True},
    "history -i -v": {"indicate_current": True, "verbose": True},
    "history -r a1:d4": {"rev_range": "a1:d4"},
    "history -r d4:": {"rev_range": "d4:"},
    "history -r :c3": {"rev_range": ":c3"},
    "history -r b2:current": {"rev_range": "b2:current"},
    "history -r current:": {"rev_range": "current:"},
    "history -r current:g7c0 -i": {
        "rev_range": "current:g7c0",
        "indicate_current": True,
    },
    "history -r b2:+1": {"rev_range": "b2:+1"},
    "history -r d4:heads": {"rev_range": "d4:heads"},
    "history --rev-range base:side": {"rev_range": "base:side"},
    "current": {},
    "current -v": {"verbose": True},
}


@pytest.mark.parametrize("line", HEADS)
def test_bytes(graph: Scripted, line: str) -> None:
    graph.ok("stamp", "b2")
    assert same(graph, line.split(), **HEADS[line]) != ""


def test_branches(graph: Scripted) -> None:
    """Alembic's order under a branch point comes from a set."""
    printed = graph.ok("branches").stdout
    expected = reference(graph, "branches")
    assert sorted(printed.splitlines()) == sorted(expected.splitlines())


@pytest.mark.parametrize(
    "target", ["head", "heads", "a1", "e5", "d4", "h8", "side", "apart@head", "g7c0"]
)
def test_show(graph: Scripted, target: str) -> None:
    if target == "head":
        # Several heads are an error with both.
        assert "Multiple head revisions" in graph.refused("show")
        (graph.versions / "f6_leans.py").unlink()
        (graph.versions / "e5_apart.py").unlink()
        graph.revision("i9", ("g7c0ffee", "h8"), message="end")
    assert same(graph, ["show", target], target) != ""


def test_show_current(graph: Scripted) -> None:
    graph.ok("stamp", "d4")
    assert same(graph, ["show", "current"], "current").startswith("Rev: d4")


@pytest.mark.parametrize("applied", ["f6", "c3", ""])
@pytest.mark.parametrize("verbose", [True, False])
def test_current(graph: Scripted, applied: str, verbose: bool) -> None:
    if applied:
        graph.ok("stamp", applied)
    arguments = ["current", "-v"] if verbose else ["current"]
    printed = graph.ok(*arguments).stdout
    expected = reference(graph, "current", verbose=verbose)
    # What depends_on pulls in comes from a set.
    assert sorted(printed.split("\n")) == sorted(expected.split("\n"))
    assert bool(printed) == bool(applied or verbose)


def test_unstamped(graph: Scripted) -> None:
    done = graph.run("current")
    assert (done.exit_code, done.stdout) == (0, "")


def test_several_labels(graph: Scripted) -> None:
    """The same words; Alembic's order among labels is that of a set."""
    graph.revision("i9", "e5", message="more", labels=("first", "second"))
    for command in ("heads", "history", "branches"):
        printed = graph.ok(command).stdout
        expected = reference(graph, command)
        pattern = r"[\w<>-]+"
        words = [sorted(re.findall(pattern, x)) for x in printed.splitlines()]
        wanted = [sorted(re.findall(pattern, x)) for x in expected.splitlines()]
        assert sorted(words) == sorted(wanted)


def test_current_of_several_databases(binds: Scripted) -> None:
    binds.bind_revision("a")
    binds.bind_revision("b", "a")
    binds.ok("upgrade", "a")
    assert same(binds, ["current"]) == "a\na\n"
    assert same(binds, ["current", "-v"], verbose=True).count("Current rev") == 2


@pytest.mark.parametrize(
    "arguments",
    [["heads"], ["history"], ["branches"], ["current"], ["heads", "-v"]],
    ids=" ".join,
)
def test_empty_folder(one: Scripted, arguments: list[str]) -> None:
    assert one.ok(*arguments).stdout == ""


PROGRAM = """
import alembic.command, sys
from alembic.config import Config
from app import app
config = Config("migrations/alembic.ini")
config.set_main_option("script_location", "migrations")
with app.app_context():
    alembic.command.{call}
"""


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["current", "-v"], "current(config, verbose=True)"),
        (["heads"], "heads(config)"),
        (["history", "-i"], "history(config, indicate_current=True)"),
        (["check"], "check(config)"),
    ],
)
def test_bytes_of_a_process(graph: Scripted, arguments: list[str], call: str) -> None:
    """Standard output whole, and nothing of ours added to it."""
    graph.models = ""
    if arguments == ["check"]:
        graph.ok("upgrade", "heads")
    else:
        graph.ok("upgrade", "c3")
    done = graph.run(*arguments)
    expected = graph.python(PROGRAM.replace("{call}", call))
    assert expected.exit_code == 0, expected.stderr
    assert (done.exit_code, done.stdout) == (0, expected.stdout)


LINE = r"INFO  \[[a-z._]+\] .*"


def test_progress_is_alembics(one: Scripted) -> None:
    one.tables("a", "b")
    done = one.run("upgrade")
    assert (done.exit_code, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert all(re.fullmatch(LINE, line) for line in lines), done.stderr
    steps = [line for line in lines if "Running" in line]
    assert steps == [
        "INFO  [alembic.runtime.migration] Running upgrade  -> a, table a",
        "INFO  [alembic.runtime.migration] Running upgrade a -> b, table b",
    ]
    done = one.run("downgrade")
    line = "INFO  [alembic.runtime.migration] Running downgrade b -> a, table b"
    assert line in done.stderr.splitlines()
    done = one.run("stamp", "b")
    line = "INFO  [alembic.runtime.migration] Running stamp_revision a -> b"
    assert line in done.stderr.splitlines()
    assert done.stdout == ""


def generating(one: Scripted, *arguments: str) -> str:
    """What a command prints that writes a file; its path made short."""
    done = one.run(*arguments)
    assert done.exit_code == 0, done.stderr
    text = re.sub(r"\s+", " ", done.stdout).strip()
    return text.replace(str(one.root), "").replace(str(one.root.resolve()), "")


def test_generating(one: Scripted) -> None:
    """What Alembic says about each file that is written."""
    one.ok("upgrade")
    path = "/migrations/versions/{}"
    said = generating(one, "migrate", "-m", "first", "--rev-id", "a")
    assert said == f"Generating {path.format('a_first.py')} ... done"
    said = generating(one, "revision", "-m", "more", "--rev-id", "b")
    assert said == f"Generating {path.format('b_more.py')} ... done"
    arguments = ["--head", "a", "--splice", "--rev-id", "c"]
    said = generating(one, "revision", "-m", "fork", *arguments)
    assert said == f"Generating {path.format('c_fork.py')} ... done"
    said = generating(one, "merge", "heads", "-m", "join", "--rev-id", "d")
    assert said == f"Generating {path.format('d_join.py')} ... done"


def test_changes_are_listed_on_stderr(one: Scripted) -> None:
    done = one.run("migrate")
    line = "INFO  [alembic.autogenerate.compare.tables] Detected added table 'person'"
    assert line in done.stderr.splitlines()
    assert "Detected" not in done.stdout


def test_no_changes(one: Scripted) -> None:
    one.ok("migrate")
    one.ok("upgrade")
    done = one.run("migrate")
    assert (done.exit_code, done.stdout) == (0, "")
    line = "INFO  [alembic.env] No changes in schema detected."
    assert done.stderr.splitlines()[-1] == line


def test_list_templates(one: Scripted) -> None:
    done = one.run("list-templates")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Available templates:", ""]
    names = [line.partition(" - ")[0] for line in lines[2:]]
    assert names == ["aioflask", "aioflask-multidb", "flask", "flask-multidb"]
    assert all(line.partition(" - ")[2] for line in lines[2:])


def test_init(project: Scripted) -> None:
    """Alembic's lines about each folder and file."""
    done = project.run("init")
    assert done.exit_code == 0, done.stderr
    text = re.sub(r"\s+", " ", done.stdout)
    assert "Creating directory" in text
    for name in ("alembic.ini", "env.py", "README", "script.py.mako"):
        assert re.search(rf"Generating \S*/migrations/{name} \.\.\. done", text), text
    assert "Please edit configuration/connection/logging settings in" in text


# What goes wrong


REFUSED = {
    "upgrade nothing": "Can't locate revision identified by 'nothing'",
    "downgrade nothing": None,
    "stamp nothing": "Can't locate revision identified by 'nothing'",
    "show nothing": "Can't locate revision identified by 'nothing'",
    "history -r x": "History range requires [start]:[end], [start]:, or :[end]",
    "edit nothing": "Can't locate revision identified by 'nothing'",
    "revision --head nothing": "Can't locate revision identified by 'nothing'",
    "merge a nothing": None,
    "upgrade +5": None,
    "downgrade -- -5": None,
    "downgrade --sql b": None,
    "init": None,
}


@pytest.mark.parametrize("line", REFUSED)
def test_refusals(one: Scripted, line: str) -> None:
    """Exit code 1, one line; the words of Alembic's where scripts read them."""
    one.tables("a", "b")
    one.ok("upgrade", "a")
    before = sorted(path.name for path in one.migrations.rglob("*.*"))
    said = one.refused(*line.split())
    assert (REFUSED[line] or "") in said
    after = sorted(path.name for path in one.migrations.rglob("*.*"))
    assert [name for name in after if not name.endswith(".pyc")] == [
        name for name in before if not name.endswith(".pyc")
    ]


def test_form_of_an_error_line(one: Scripted) -> None:
    """Before env.py has set the logging up, and after."""
    one.tables("a")
    done = one.run("show", "nothing")
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.search(r"^Error: ", done.stderr, re.MULTILINE)
    done = one.run("upgrade", "nothing")
    assert re.search(r"^(ERROR .*)?Error: ", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_no_folder(project: Scripted) -> None:
    done = project.run("heads")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
    assert "migrations" in done.stderr


def test_unknown_template(project: Scripted) -> None:
    said = project.refused("init", "-t", "nothing")
    assert "nothing" in said
    assert not project.env.exists()


def test_a_revisions_own_error_is_whole(one: Scripted, database: Database) -> None:
    """What isn't a refusal leaves as it is: Python's traceback, exit code 1."""
    one.revision("a", None, 'raise LookupError("lost")')
    done = one.run("upgrade")
    assert done.exit_code == 1
    assert "LookupError: lost" in done.stderr
    assert re.search(r"revision '?a\b", done.stderr)
    assert "a_.py" in done.stderr
    assert database.versions() == set()

"""The group: how it is loaded, in which application it runs, what its commands take."""

from __future__ import annotations

import gc
import inspect
import textwrap
import typing as t
from pathlib import Path

import click
import flask
import pytest
import sqlalchemy as sa
from flask.cli import FlaskGroup
from flask.cli import ScriptInfo
from flask.cli import with_appcontext
from support.application import Project
from support.processes import clean_environment
from support.processes import run_forked

from flask_alembic import Alembic
from flask_alembic.cli import cli
from flask_alembic.cli import LazyGroup
from flask_migrate.cli import MigrateGroup

SHOWING = {
    "verbose",
    "as_json",
    "output",
    "check",
    "exact",
    "check_heads",
    "traceback",
    "yes",
}
"""Options that say how something is shown or asked, or what the exit code is."""

METHODS = {
    "mkdir": "mkdir",
    "current": "current",
    "heads": "heads",
    "branches": "branches",
    "log": "log",
    "history": "log",
    "verify": "verify",
    "show": "describe",
    "check": "diff",
    "diff": "diff",
    "status": "status",
    "wait": "wait",
    "plan": "plan",
    "stamp": "stamp",
    "upgrade": "upgrade",
    "downgrade": "downgrade",
    "repair": "repair",
    "revision": "revision",
    "merge": "merge",
    "snapshot": "snapshot",
    "adopt": "adopt",
    "doctor": "doctor",
}

OTHER_DEFAULTS = {
    # From a shell one gives text, and options that can be repeated give lists.
    ("downgrade", "target"): "-1",
    ("revision", "parent"): ("head",),
    # The target that is right for the direction.
    ("plan", "target"): None,
    # Python callers mostly want the steps, and people what is in them.
    ("plan", "statements"): True,
    ("merge", "revisions"): None,
}


def make_app(name: str, folder: Path, url: str = "sqlite://") -> flask.Flask:
    app = flask.Flask(name, root_path=str(folder))
    app.config["ALEMBIC"] = {"script_location": str(folder / "migrations")}
    Alembic(app, metadatas=sa.MetaData(), engines=sa.create_engine(url))
    return app


@pytest.fixture
def app(tmp_path: Path) -> t.Iterator[flask.Flask]:
    made = make_app("one", tmp_path)
    yield made
    for engine in made.extensions["alembic"].engines.values():
        engine.dispose()


def method_parameters(command: str) -> dict[str, t.Any]:
    parameters = inspect.signature(getattr(Alembic, METHODS[command])).parameters
    found = {name: p.default for name, p in parameters.items() if name != "self"}
    if command == "show":
        del found["resolve_dependencies"]
    if METHODS[command] == "log":
        # With the first one it shows the record.
        found |= {"applied": False, "databases": None}
    # A person at a terminal is who is asked.
    found.pop("ask", None)
    if command == "check":
        # Whether there is a difference, not how it would be written.
        found = {name: found[name] for name in ("databases", "all_tables")}
    if command == "adopt":
        found["dry_run"] = not found.pop("apply")
    if command == "repair":
        del found["action"]
        found |= {"finish": False, "done": False, "undo": False}
    if command in ("revision", "diff"):
        # One dict, or False; for columns, for tables, and for none.
        found |= {"rename_tables": (), "no_renames": False}
    # Only an env.py asks for it: flask_migrate's commands have the option.
    found.pop("tag", None)
    return found


@pytest.mark.parametrize("name", METHODS)
def test_options_are_the_methods_parameters(name: str) -> None:
    names = {param.name for param in cli.commands[name].params}
    parameters = set(method_parameters(name))
    assert names - (SHOWING - parameters) == parameters


@pytest.mark.parametrize("name", METHODS)
def test_defaults_are_the_methods(name: str) -> None:
    needed = {"show": ["x"], "revision": ["x"]}.get(name, [])
    given = cli.commands[name].make_context(name, needed).params
    for parameter, wanted in method_parameters(name).items():
        if wanted is inspect.Parameter.empty or name == "show":
            continue
        default = OTHER_DEFAULTS.get((name, parameter), wanted)
        assert given[parameter] == default or (not given[parameter] and not default)


def test_every_command_is_compared() -> None:
    assert set(cli.commands) == set(METHODS)


def run_python(text: str) -> str:
    program = ["-c", textwrap.dedent(text)]
    done = run_forked(program, Path.cwd(), clean_environment(), "bare")
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_commands_are_loaded_when_they_are_needed() -> None:
    out = run_python("""
        import sys
        from flask_alembic.cli import cli
        names = ["alembic", "mako", "rich", "flask_alembic.cli.commands"]
        print([name for name in names if name in sys.modules])
        cli.commands
        print([name for name in names if name in sys.modules])
    """)
    assert out.splitlines() == ["[]", "['flask_alembic.cli.commands']"]


@pytest.mark.one_database
def test_looking_loads_neither_alembic_nor_rich(project: Project) -> None:
    project.tables("a", "b")
    assert project.invoke("upgrade").exit_code == 0
    project.write()
    done = project.python("""
        import sys
        from app import app
        runner = app.test_cli_runner()
        commands = ["--help", "heads", "heads -v", "current", "current --check-heads",
                    "status --json", "upgrade", "upgrade --help"]
        for command in commands:
            result = runner.invoke(args=["db", *command.split()])
            assert result.exit_code == 0, result.output
        print([x for x in ("alembic", "mako", "rich") if x in sys.modules])
    """)
    assert done.stdout == "[]\n", done.stderr


def test_own_commands_stand_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:

    group = LazyGroup("db")
    mine = click.Command("upgrade", callback=lambda: None)
    group.add_command(mine)
    assert group.commands["upgrade"] is mine
    group = LazyGroup("db", commands={"mine": mine})
    assert {"mine", "upgrade", "heads"} <= set(
        group.list_commands(click.Context(group))
    )


def test_manage_py(app: flask.Flask) -> None:
    group = FlaskGroup(create_app=lambda: app)
    with pytest.raises(SystemExit) as stopped:
        group.main(["db", "mkdir"])
    assert stopped.value.code == 0
    assert Path(app.root_path, "migrations", "script.py.mako").is_file()


def contexts_during(command: str, run: t.Callable[[], t.Any]) -> list[t.Any]:
    """The applications whose contexts are pushed while something runs."""
    pushed: list[t.Any] = []

    def note(sender: flask.Flask, **_: t.Any) -> None:
        pushed.append(sender.name)

    with flask.appcontext_pushed.connected_to(note):
        run()
    return pushed


def test_runner_needs_no_context(app: flask.Flask) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(args=["db", "heads"])
    assert (result.exit_code, result.output) == (0, "")


def test_no_second_context_is_pushed(app: flask.Flask) -> None:
    runner = app.test_cli_runner()
    with app.app_context():
        pushed = contexts_during("heads", lambda: runner.invoke(args=["db", "heads"]))
    assert pushed == []
    pushed = contexts_during("heads", lambda: runner.invoke(args=["db", "heads"]))
    assert pushed == ["one"]


def test_runner_of_one_application_in_the_context_of_another(
    app: flask.Flask, tmp_path: Path
) -> None:
    other = make_app("two", tmp_path / "two")
    with app.app_context():
        result = other.test_cli_runner().invoke(args=["db", "mkdir"])
        assert flask.current_app.name == "one"
    assert result.exit_code == 0, result.output
    assert (tmp_path / "two" / "migrations").is_dir()


def test_an_application_without_the_extension() -> None:
    app = flask.Flask("bare")
    result = app.test_cli_runner().invoke(cli, ["heads"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: The application 'bare' has no Flask-Alem")
    assert "init_app" in result.output


def test_a_command_called_by_another(app: flask.Flask) -> None:
    @app.cli.command("deploy")
    @click.pass_context
    @with_appcontext
    def deploy(ctx: click.Context) -> None:
        ctx.invoke(cli.commands["upgrade"])
        ctx.invoke(cli.commands["upgrade"], target="nowhere")

    result = app.test_cli_runner().invoke(args=["deploy"])
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert "nowhere" in result.output


def test_a_command_taken_out_of_the_group(app: flask.Flask) -> None:
    app.cli.add_command(cli.commands["heads"], "heads")
    info = ScriptInfo(create_app=lambda: app)
    result = app.test_cli_runner().invoke(cli.commands["heads"], obj=info)
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("name", METHODS)
def test_each_command_has_help(app: flask.Flask, name: str) -> None:
    result = app.test_cli_runner().invoke(args=["db", name, "--help"])
    assert result.exit_code == 0
    assert "--traceback" in result.output


@pytest.mark.parametrize("kind", [LazyGroup, MigrateGroup])
@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_list_says_what_the_commands_say(width: int, kind: type[LazyGroup]) -> None:
    """It is written without loading them; an added command is in it as well."""
    group = kind("db")
    group.add_command(click.Command("own", help="One of the application's. More."))
    ctx = click.Context(group, terminal_width=width)
    listed = ctx.make_formatter()
    group.format_commands(ctx, listed)
    assert not group._loaded
    loaded = ctx.make_formatter()
    click.Group(commands=dict(group.commands)).format_commands(ctx, loaded)
    assert listed.getvalue() == loaded.getvalue()
    assert group.list_commands(ctx) == sorted(group.commands)


def test_usage_errors(app: flask.Flask) -> None:
    runner = app.test_cli_runner()
    for arguments in (
        ["nosuch"],
        ["heads", "--nosuch"],
        ["show"],
        ["revision"],
        ["upgrade", "--output", "x"],
        ["upgrade", "--sql", "--json"],
        ["upgrade", "--sql", "--dry-run"],
        ["downgrade", "-x"],
    ):
        assert runner.invoke(args=["db", *arguments]).exit_code == 2, arguments


@pytest.mark.one_database
@pytest.mark.parametrize("own", [700, 0, 1_000_000])
def test_garbage_is_looked_for_less_often(
    project: Project, monkeypatch: pytest.MonkeyPatch, own: int
) -> None:
    """While a command runs; what an application has chosen itself stays."""
    project.tables("a")
    seen: list[int] = []
    real = Alembic.describe

    def describe(self: Alembic, *args: t.Any, **options: t.Any) -> t.Any:
        seen.append(gc.get_threshold()[0])
        return real(self, *args, **options)

    monkeypatch.setattr(Alembic, "describe", describe)
    before = gc.get_threshold()
    gc.set_threshold(own, *before[1:])
    try:
        assert project.invoke("heads").exit_code == 0
        assert project.invoke("show", "nothing").exit_code == 1
        assert gc.get_threshold() == (own, *before[1:])
    finally:
        gc.set_threshold(*before)
    assert seen == [max(own, 50_000) if own else 0] * 2

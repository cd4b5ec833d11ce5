"""The names, signatures and options of Flask-Migrate 4.1, written down once."""

from __future__ import annotations

import inspect
import typing as t

import alembic
import alembic.config
import click
import flask
import pytest
import sqlalchemy as sa
from flask.cli import FlaskGroup
from flask.cli import ScriptInfo
from migrate.scripted import extension
from migrate.scripted import Scripted

import flask_migrate
import flask_migrate.cli

pytestmark = pytest.mark.one_database

METHODS = {
    "__init__": (
        "app=None, db=None, directory='migrations', command='db', compare_type=True,"
        " render_as_batch=True"
    ),
    "init_app": (
        "app, db=None, directory=None, command=None, compare_type=None,"
        " render_as_batch=None"
    ),
    "get_config": "directory=None, x_arg=None, opts=None",
    "configure": "f",
    "call_configure_callbacks": "config",
}

KEYWORDS = {"__init__", "init_app"}
"""Methods that take other options for ``context.configure()``."""

DRAFT = "sql=False, head='head', splice=False, branch_label=None, version_path=None"

FUNCTIONS = {
    "list_templates": "",
    "init": "directory=None, multidb=False, template=None, package=False",
    "revision": (
        f"directory=None, message=None, autogenerate=False, {DRAFT}, rev_id=None"
    ),
    "migrate": f"directory=None, message=None, {DRAFT}, rev_id=None, x_arg=None",
    "edit": "directory=None, revision='current'",
    "merge": (
        "directory=None, revisions='', message=None, branch_label=None, rev_id=None"
    ),
    "upgrade": "directory=None, revision='head', sql=False, tag=None, x_arg=None",
    "downgrade": "directory=None, revision='-1', sql=False, tag=None, x_arg=None",
    "show": "directory=None, revision='head'",
    "history": (
        "directory=None, rev_range=None, verbose=False, indicate_current=False"
    ),
    "heads": "directory=None, verbose=False, resolve_dependencies=False",
    "branches": "directory=None, verbose=False",
    "current": "directory=None, verbose=False",
    "stamp": "directory=None, revision='head', sql=False, tag=None, purge=False",
    "check": "directory=None",
    "catch_errors": "f",
}

OPTIONS = {
    "": "-d/--directory= -x/--x-arg=*",
    "list-templates": "",
    "init": "-d/--directory= --multidb -t/--template= --package",
    "revision": (
        "-d/--directory= -m/--message= --autogenerate --sql --head=head --splice"
        " --branch-label= --version-path= --rev-id="
    ),
    "migrate": (
        "-d/--directory= -m/--message= --sql --head=head --splice --branch-label="
        " --version-path= --rev-id= -x/--x-arg=*"
    ),
    "edit": "-d/--directory= REVISION=head",
    "merge": "-d/--directory= -m/--message= --branch-label= --rev-id= REVISIONS=*",
    "upgrade": "-d/--directory= --sql --tag= -x/--x-arg=* REVISION=head",
    "downgrade": "-d/--directory= --sql --tag= -x/--x-arg=* REVISION=-1",
    "show": "-d/--directory= REVISION=head",
    "history": "-d/--directory= -r/--rev-range= -v/--verbose -i/--indicate-current",
    "heads": "-d/--directory= -v/--verbose --resolve-dependencies",
    "branches": "-d/--directory= -v/--verbose",
    "current": "-d/--directory= -v/--verbose",
    "stamp": "-d/--directory= --sql --tag= --purge REVISION=head",
    "check": "-d/--directory=",
}


def parameters(function: t.Callable[..., t.Any]) -> list[inspect.Parameter]:
    """The parameters that can be given by position, ``self`` left out."""
    found = inspect.signature(function).parameters.values()
    named = [p for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    return [p for p in named if p.name != "self"]


def signature(function: t.Callable[..., t.Any]) -> str:
    """Names and defaults, without annotations."""
    bare = [p.replace(annotation=p.empty) for p in parameters(function)]
    return ", ".join(str(p) for p in bare)


@pytest.mark.parametrize(("name", "expected"), METHODS.items())
def test_method(name: str, expected: str) -> None:
    method = getattr(flask_migrate.Migrate, name)
    assert signature(method) == expected
    kinds = {p.kind for p in inspect.signature(method).parameters.values()}
    assert (inspect.Parameter.VAR_KEYWORD in kinds) == (name in KEYWORDS)


@pytest.mark.parametrize(("name", "expected"), FUNCTIONS.items())
def test_function(name: str, expected: str) -> None:
    # More may follow, never come between.
    found = signature(getattr(flask_migrate, name))
    assert f"{found}, ".startswith(f"{expected}, " if expected else "")


def spelled(parameter: click.Parameter) -> str:
    """An option or argument as the table above writes it."""
    default = parameter.get_default(click.Context(click.Command("x")), call=False)
    value = default if isinstance(default, str) else ""
    if isinstance(parameter, click.Argument):
        many = "*" if parameter.nargs == -1 else value
        return f"{str(parameter.name).upper()}={many}"
    assert isinstance(parameter, click.Option)
    name = "/".join(parameter.opts)
    if parameter.is_flag:
        return name
    return f"{name}={'*' if parameter.multiple else value}"


@pytest.mark.parametrize(("name", "expected"), OPTIONS.items())
def test_options(name: str, expected: str) -> None:
    group = flask_migrate.cli.db
    command = group.commands[name] if name else group
    found = {spelled(parameter) for parameter in command.params}
    assert set(expected.split()) - found == set()
    assert command.callback is not None


@pytest.mark.parametrize("name", [name for name in OPTIONS if name])
def test_parameters_reach_the_callback_by_name(name: str) -> None:
    """Applications call ``cli.db.commands["upgrade"].callback(directory=…)``."""
    command = flask_migrate.cli.db.commands[name]
    function = FUNCTIONS[name.replace("-", "_")]
    wanted = {part.partition("=")[0] for part in function.split(", ") if part}
    assert wanted <= {parameter.name for parameter in command.params}


def test_commands_are_a_dict() -> None:
    commands = flask_migrate.cli.db.commands
    assert isinstance(commands, dict)
    assert all(isinstance(command, click.Command) for command in commands.values())
    assert set(OPTIONS) - {""} <= set(commands)


# The class


class Database:
    """The least that Flask-Migrate wants of one: tables."""

    metadata = sa.MetaData()


def application(name: str = "application") -> flask.Flask:
    return flask.Flask(name)


def test_what_an_environment_finds() -> None:
    app, db = application(), Database()
    migrate = flask_migrate.Migrate(app, db)
    found = extension(app)
    assert found.db is db
    assert found.metadata is db.metadata
    assert found.directory == "migrations"
    assert found.migrate is migrate
    assert found.configure_args["compare_type"] is True
    assert found.configure_args["render_as_batch"] is True


def test_options_of_the_constructor(tmp_path: t.Any) -> None:
    app = application()
    migrate = flask_migrate.Migrate(
        app, Database(), tmp_path / "m", "database", False, False, include_schemas=True
    )
    assert extension(app).directory == migrate.directory == str(tmp_path / "m")
    assert extension(app).configure_args == {
        "compare_type": False,
        "render_as_batch": False,
        "include_schemas": True,
    }
    assert migrate.alembic_ctx_kwargs["include_schemas"] is True
    assert migrate.command == "database"
    assert "database" in app.cli.commands
    assert "db" not in app.cli.commands


def test_options_of_init_app() -> None:
    app, db = application(), Database()
    migrate = flask_migrate.Migrate(compare_type=False, include_schemas=True)
    migrate.init_app(app, db, "other", "database", True, False, version_table="v")
    assert migrate.db is db
    assert extension(app).directory == "other"
    assert extension(app).configure_args == {
        "compare_type": True,
        "render_as_batch": False,
        "include_schemas": True,
        "version_table": "v",
    }
    assert "database" in app.cli.commands


def test_init_app_keeps_what_the_constructor_set() -> None:
    app, db = application(), Database()
    migrate = flask_migrate.Migrate(db=db, directory="other", command="database")
    migrate.init_app(app)
    assert (extension(app).db, extension(app).directory) == (db, "other")
    assert "database" in app.cli.commands


@pytest.mark.parametrize("given", ["app", "db"])
def test_constructor_waits_for_both(given: str) -> None:
    app = application()
    values: dict[str, t.Any] = {"app": app, "db": Database()}
    flask_migrate.Migrate(**{given: values[given]})
    assert "migrate" not in app.extensions
    assert "db" not in app.cli.commands


def test_arguments_of_configure_are_live(one: Scripted) -> None:
    """An application may change them until a command runs."""
    one.setup += """
extension = app.extensions["migrate"]
extension.configure_args["version_table"] = "our_version"
"""
    one.tables("a")
    one.ok("upgrade")
    with one.app() as module:
        inspector = sa.inspect(module.db.engine)
        assert set(inspector.get_table_names()) == {"our_version", "t_a"}


def test_callbacks_are_kept_in_a_list() -> None:
    migrate = flask_migrate.Migrate()
    assert migrate.configure_callbacks == []

    @migrate.configure
    def callback(config: t.Any) -> t.Any:
        return [*config, "called"]

    assert migrate.configure_callbacks == [callback]
    assert t.cast(t.Any, migrate).call_configure_callbacks([]) == ["called"]


def test_config_class(tmp_path: t.Any) -> None:
    config = flask_migrate.Config(str(tmp_path / "alembic.ini"))
    assert isinstance(config, alembic.config.Config)
    assert config.config_file_name == str(tmp_path / "alembic.ini")
    assert config.template_directory is None
    assert config.get_template_directory().endswith("templates")
    config = flask_migrate.Config(template_directory="somewhere")
    assert config.get_template_directory() == "somewhere"
    assert config.config_file_name is None


def test_alembic_version() -> None:
    found = flask_migrate.alembic_version
    assert isinstance(found, tuple)
    assert ".".join(map(str, found)) == ".".join(alembic.__version__.split(".")[:3])


# The group


def test_directory_of_the_group_and_of_the_command(one: Scripted) -> None:
    one.migrations.rename(one.root / "elsewhere")
    assert one.invoke("heads").exit_code == 1
    for arguments in (
        ["-d", "elsewhere", "heads"],
        ["heads", "-d", "elsewhere"],
        ["--directory", "nowhere", "heads", "--directory", "elsewhere"],
    ):
        assert one.ok(*arguments).stdout == ""


@pytest.mark.parametrize(
    "variable", ["FLASK_DB_DIRECTORY", "FLASK_DB_UPGRADE_DIRECTORY"]
)
def test_options_from_variables(one: Scripted, variable: str) -> None:
    one.tables("a")
    one.migrations.rename(one.root / "elsewhere")
    one.environment[variable] = "elsewhere"
    done = one.run("upgrade")
    assert done.exit_code == 0, done.stderr
    with one.app() as module:
        assert sa.inspect(module.db.engine).has_table("t_a")


def test_another_name_for_the_group(one: Scripted) -> None:
    one.setup = "migrate = Migrate(app, db, command='database')"
    with one.app() as module:
        runner = module.app.test_cli_runner()
        assert runner.invoke(args=["database", "heads"]).exit_code == 0
        assert runner.invoke(args=["db", "heads"]).exit_code == 2


def test_group_in_a_program_of_ones_own(one: Scripted) -> None:
    """``manage.py db …``, what was made with Flask-Script once."""
    one.tables("a")
    with one.app() as module:
        program = FlaskGroup(name="manage", create_app=lambda: module.app)
        program.add_command(flask_migrate.cli.db, "db")
        done = click.testing.CliRunner().invoke(program, ["db", "upgrade"])
        assert done.exit_code == 0, done.output
        assert sa.inspect(module.db.engine).has_table("t_a")


def test_callback_called_from_python(one: Scripted) -> None:
    one.tables("a")
    with one.app() as module:
        flask.g.directory, flask.g.x_arg = None, ()
        command = flask_migrate.cli.db.commands["upgrade"]
        assert command.callback is not None
        with click.Context(command, obj=ScriptInfo(create_app=lambda: module.app)):
            command.callback(
                directory=None, sql=False, tag=None, x_arg=(), revision="head"
            )
        assert sa.inspect(module.db.engine).has_table("t_a")


@pytest.mark.parametrize("arguments", [["upgrade", "--nothing"], ["nothing"]])
def test_usage_errors(one: Scripted, arguments: list[str]) -> None:
    assert one.invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("count", ["-1", "-2", "base"])
def test_targets_of_downgrade(one: Scripted, count: str) -> None:
    one.tables("a", "b")
    one.ok("upgrade")
    one.ok("downgrade", "--", count)
    with one.app() as module:
        assert sa.inspect(module.db.engine).has_table("t_a") == (count == "-1")


def test_commands_can_be_had_by_name() -> None:
    """Those of the interface, as Flask-Migrate's own module has them."""
    assert flask_migrate.cli.upgrade is flask_migrate.cli.db.commands["upgrade"]
    assert flask_migrate.cli.list_templates.name == "list-templates"
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = flask_migrate.cli.nothing
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = flask_migrate.nothing

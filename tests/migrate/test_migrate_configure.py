"""Configuration: callbacks, x arguments, options of a command, the ini."""

from __future__ import annotations

import typing as t

import flask
import pytest
from migrate.scripted import Scripted
from support.servers import Database

import flask_migrate

pytestmark = pytest.mark.one_database


# get_config


def test_config_of_an_application(one: Scripted) -> None:
    with one.app() as module:
        config = module.migrate.get_config()
        assert isinstance(config, flask_migrate.Config)
        assert config.get_main_option("script_location") == "migrations"
        assert config.config_file_name == "migrations/alembic.ini"
        assert config.cmd_opts is not None
        assert config.cmd_opts.x == []
        config = module.migrate.get_config("elsewhere")
        assert config.get_main_option("script_location") == "elsewhere"
        assert config.config_file_name == "elsewhere/alembic.ini"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, []), ("a=1", ["a=1"]), (["a=1", "b"], ["a=1", "b"]), (("a",), ["a"])],
)
def test_x_arguments(one: Scripted, given: t.Any, expected: list[str]) -> None:
    with one.app() as module:
        assert module.migrate.get_config(x_arg=given).cmd_opts.x == expected
        # What the group's option left for the command comes first.
        flask.g.x_arg = ("group=1",)
        config = module.migrate.get_config(x_arg=given)
        assert config.cmd_opts.x == ["group=1", *expected]


def test_options_of_a_command(one: Scripted) -> None:
    with one.app() as module:
        config = module.migrate.get_config(opts=["autogenerate", "other"])
        assert config.cmd_opts.autogenerate is True
        assert config.cmd_opts.other is True
        assert not hasattr(module.migrate.get_config().cmd_opts, "autogenerate")


def test_config_for_alembics_own_commands(one: Scripted, database: Database) -> None:
    """Scripts call Alembic with it."""
    one.tables("a")
    one.setup += """

def ours():
    import alembic.command
    alembic.command.upgrade(migrate.get_config(), "head")
"""
    with one.app() as module:
        module.ours()
        assert database.versions() == {"a"}
        # And our own go on working.
        flask_migrate.downgrade()
        assert database.versions() == set()


# Callbacks

NAMED = """
names = []

@migrate.configure
def {name}(config):
    names.append({name!r})
    config.set_main_option({name!r}, "yes")
    return config
"""


def test_several_callbacks(one: Scripted) -> None:
    one.setup += NAMED.format(name="first") + NAMED.format(name="second")
    with one.app() as module:
        config = module.migrate.get_config()
        assert config.get_main_option("first") == "yes"
        assert config.get_main_option("second") == "yes"
        module.names.clear()
        flask_migrate.current()
        assert sorted(module.names) == ["first", "second"]


def test_another_config(one: Scripted, database: Database) -> None:
    """What the callback returns is used, whatever it was given."""
    one.migrations.rename(one.root / "elsewhere")
    one.setup += """

@migrate.configure
def other(config):
    from alembic.config import Config
    made = Config("elsewhere/alembic.ini")
    made.set_main_option("script_location", "elsewhere")
    made.cmd_opts = config.cmd_opts
    return made
"""
    one.revision("a", folder=one.root / "elsewhere" / "versions")
    assert one.run("heads").stdout == "a (head)\n"
    one.ok("upgrade")
    assert database.versions() == {"a"}
    one.ok("migrate", "--rev-id", "b")
    assert (one.root / "elsewhere" / "versions" / "b_.py").is_file()


def test_options_from_a_callback(one: Scripted) -> None:
    """A template for names, several locations, an environment for each revision."""
    one.setup += """

@migrate.configure
def configure(config):
    config.set_main_option("file_template", "%%(rev)s-of-ours")
    config.set_main_option("version_locations", "migrations/versions migrations/more")
    config.set_main_option("path_separator", "space")
    return config
"""
    (one.migrations / "more").mkdir()
    one.revision("a", folder=one.migrations / "more")
    assert one.ok("heads").stdout == "a (head)\n"
    one.ok("upgrade")
    one.ok("migrate", "--rev-id", "b", "--version-path", "migrations/versions")
    assert [path.name for path in one.files] == ["b-of-ours.py"]


def test_callback_of_init(project: Scripted) -> None:
    """It's asked before the folder is made, too."""
    project.setup += """

@migrate.configure
def configure(config):
    print("asked for", config.get_main_option("script_location"))
    return config
"""
    assert "asked for migrations\n" in project.ok("init").stdout


def test_context_of_a_callback(one: Scripted) -> None:
    """It may use the application: set an address, for example."""
    one.setup += """

@migrate.configure
def configure(config):
    from flask import current_app
    names.append(current_app.name)
    return config

names = []
"""
    with one.app() as module:
        flask_migrate.heads()
        assert module.names == [module.app.name]


def test_attributes_reach_the_environment(one: Scripted) -> None:
    """How a connection of one's own is handed over, as Alembic's cookbook does."""
    one.edit(
        one.env,
        "    with get_engine().connect() as connection:\n",
        '    with config.attributes["connect"]() as connection:\n',
    )
    one.setup += """
connected = []

@migrate.configure
def configure(config):
    def connect():
        connected.append(1)
        return db.engine.connect()

    config.attributes["connect"] = connect
    return config
"""
    one.tables("a")
    with one.app() as module:
        flask_migrate.upgrade()
        assert module.connected == [1]


def test_failing_callback(one: Scripted) -> None:
    one.setup += """

@migrate.configure
def configure(config):
    raise RuntimeError("not configured")
"""
    assert one.refused("heads") == "not configured"


# The ini


def test_percent_signs(one: Scripted, database: Database) -> None:
    """In the address, in the folder's name, in an option."""
    root = one.root / "100%"
    one.migrations.rename(root)
    one.setup = "migrate = Migrate(app, db, directory='100%')"
    if database.kind == "sqlite":
        one.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{one.root}/50%25.db"
    one.revision("a", folder=root / "versions")
    assert one.ok("heads").stdout == "a (head)\n"
    one.ok("upgrade")
    assert one.ok("current").stdout == "a (head)\n"


def test_file_template(one: Scripted) -> None:
    one.edit(
        one.ini,
        "# file_template = %%(rev)s_%%(slug)s",
        "file_template = %%(year)d/%%(rev)s_%%(slug)s\nrecursive_version_locations = true",
    )
    one.ok("revision", "-m", "deep", "--rev-id", "a")
    (made,) = one.versions.glob("*/*.py")
    assert made.name == "a_deep.py"
    assert one.ok("heads").stdout == "a (head)\n"


HOOK = """
[post_write_hooks]
hooks = mark
mark.type = exec
mark.executable = {root}/mark
mark.options = REVISION_SCRIPT_FILENAME
"""


def test_program_as_a_hook(one: Scripted) -> None:
    program = one.root / "mark"
    program.write_text('#!/bin/sh\necho "# marked" >> "$1"\n')
    program.chmod(0o755)
    one.ini.write_text(one.ini.read_text() + HOOK.format(root=one.root))
    one.ok("migrate", "--rev-id", "a")
    assert one.files[0].read_text().endswith("# marked\n")


def test_program_as_a_hook_that_is_missing(one: Scripted) -> None:
    one.ini.write_text(one.ini.read_text() + HOOK.format(root=one.root))
    done = one.run("migrate", "--rev-id", "a")
    assert done.exit_code != 0
    assert "mark" in done.stderr


def test_own_template_for_files(one: Scripted) -> None:
    """``script.py.mako`` may ask for anything that Alembic gives it."""
    template = one.migrations / "script.py.mako"
    one.edit(template, "\nrevision", "\n# of ${config.config_file_name}\nrevision")
    one.ok("revision", "--rev-id", "a")
    text = one.files[0].read_text()
    assert "# of migrations/alembic.ini\nrevision = 'a'\n" in text


# Options of context.configure


@pytest.mark.parametrize("batch", [True, False])
def test_render_as_batch(one: Scripted, database: Database, batch: bool) -> None:
    one.setup = f"migrate = Migrate(app, db, render_as_batch={batch})"
    database.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(50))")
    one.models = one.models.replace("nullable=False", "nullable=True")
    one.models += "    age = sa.Column(sa.Integer)\n"
    one.ok("migrate")
    text = one.files[0].read_text()
    assert "age" in text
    assert ("batch_alter_table" in text) == batch


@pytest.mark.parametrize("compare", [True, False])
def test_compare_type(one: Scripted, database: Database, compare: bool) -> None:
    one.setup = f"migrate = Migrate(app, db, compare_type={compare})"
    database.execute(
        "CREATE TABLE person"
        " (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL)"
    )
    one.ok("migrate")
    assert bool(one.files) == compare


def test_any_option(one: Scripted, database: Database) -> None:
    """Whatever else Migrate is given reaches ``context.configure()``."""
    one.setup = """
def include_name(name, type_, parent_names):
    return name != "legacy"

migrate = Migrate(app, db, include_name=include_name, version_table="own_version")
"""
    database.execute("CREATE TABLE legacy (id INTEGER)")
    one.ok("migrate")
    assert "legacy" not in one.files[0].read_text()
    one.ok("upgrade")
    assert database.all_tables() == {"legacy", "own_version", "person"}
    assert one.ok("current").stdout.endswith(" (head)\n")

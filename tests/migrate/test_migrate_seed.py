"""Everything that the introduction of Flask-Migrate shows, as it shows it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from migrate.scripted import Scripted

pytestmark = pytest.mark.one_database

EXAMPLE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_migrate import Migrate

app = Flask(__name__)
app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///app.db'

db = SQLAlchemy(app)
migrate = Migrate(app, db)

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(128))
"""

EMAIL = "    email = db.Column(db.String(120))\n"

CONFIGURE = """
@migrate.configure
def configure_alembic(config):
    # modify config object
    return config
"""

BINDS = """
app.config['SQLALCHEMY_BINDS'] = {'users': 'sqlite:///users.db'}
"""

BOUND = """
class Login(db.Model):
    __bind_key__ = 'users'
    id = db.Column(db.Integer, primary_key=True)
"""


def example(project: Scripted, text: str = EXAMPLE) -> None:
    """Have the application of the document, whatever ours would be."""
    project.head, project.models, project.setup = text, "", ""


def columns(path: Path, table: str) -> list[str]:
    """Names of a table's columns in a SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT name FROM pragma_table_info('{table}')")
        return [name for (name,) in rows]


def flask_db(project: Scripted, *args: str) -> str:
    """Run a command as the document does, in a process."""
    done = project.run(*args)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_example(project: Scripted) -> None:
    example(project)
    database = project.root / "instance" / "app.db"

    flask_db(project, "init")
    assert project.env.is_file()
    assert project.ini.is_file()
    assert project.versions.is_dir()

    flask_db(project, "migrate", "-m", "Initial migration.")
    (first,) = project.files
    assert first.name.endswith("_initial_migration.py")
    compile(first.read_text(), str(first), "exec")
    assert columns(database, "user") == []

    flask_db(project, "upgrade")
    assert columns(database, "user") == ["id", "name"]

    # Then each time the models change, the two commands again.
    example(project, EXAMPLE + EMAIL)
    flask_db(project, "migrate")
    flask_db(project, "upgrade")
    assert len(project.files) == 2
    assert columns(database, "user") == ["id", "name", "email"]

    # Another system gets the folder and runs upgrade.
    database.unlink()
    flask_db(project, "upgrade")
    assert columns(database, "user") == ["id", "name", "email"]


COMMANDS = (
    *("branches", "check", "current", "downgrade", "edit", "heads", "history"),
    *("init", "list-templates", "merge", "migrate", "revision", "show", "stamp"),
    "upgrade",
)


def test_all_commands_are_listed(project: Scripted) -> None:
    example(project)
    shown = flask_db(project, "--help")
    for command in COMMANDS:
        assert f"\n  {command} " in shown


def test_the_application_must_be_named(project: Scripted) -> None:
    """Without ``FLASK_APP`` the group isn't there."""
    example(project)
    done = project.run("db", "upgrade", program=["-m", "flask", "--app", "nothing"])
    assert done.exit_code == 2


def test_configuration_callback(project: Scripted) -> None:
    example(project, EXAMPLE + CONFIGURE)
    project.ok("init")
    project.ok("migrate")
    project.ok("upgrade")
    assert columns(project.root / "instance" / "app.db", "user") == ["id", "name"]


@pytest.mark.parametrize("order", [1, -1])
def test_several_callbacks(project: Scripted, order: int) -> None:
    """Whatever their order is."""
    callbacks = [
        CONFIGURE,
        CONFIGURE.replace("configure_alembic", "configure_more").replace(
            "# modify config object", "config.set_main_option('slug', 'yes')"
        ),
    ]
    example(project, EXAMPLE + "".join(callbacks[::order]))
    with project.app() as module:
        config = module.migrate.get_config()
    assert config.get_main_option("slug") == "yes"
    project.ok("init")
    project.ok("migrate", "-m", "first")
    assert len(project.files) == 1


def test_several_databases(project: Scripted) -> None:
    head, _, tail = EXAMPLE.partition("\ndb = ")
    example(project, f"{head}{BINDS}\ndb = {tail}{BOUND}")
    project.ok("init", "--multidb")
    project.ok("migrate", "-m", "Initial migration.")
    project.ok("upgrade")
    instance = project.root / "instance"
    assert columns(instance / "app.db", "user") == ["id", "name"]
    assert columns(instance / "app.db", "login") == []
    assert columns(instance / "users.db", "login") == ["id"]
    assert columns(instance / "users.db", "user") == []

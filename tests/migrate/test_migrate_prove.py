"""Revisions that are tried on a scratch database, by Flask-Migrate's commands."""

from __future__ import annotations

import shutil

import click
import pytest
from flask.cli import ScriptInfo
from migrate.scripted import FOLDERS
from migrate.scripted import Scripted
from support.application import PERSON_WITH_EMAIL
from support.servers import Database

import flask_migrate
from flask_alembic import DraftError

pytestmark = pytest.mark.one_database

BROKEN = """
def spoil(context, revision, directives):
    from alembic.operations import ops

    if directives[0].message == "broken":
        directives[0].upgrade_ops.ops.append(ops.ExecuteSQLOp("SELECT x FROM nowhere"))


app.config["ALEMBIC_CONTEXT"] = {"process_revision_directives": spoil}
"""


@pytest.fixture
def bare(project: Scripted) -> Scripted:
    """A folder without env.py, and an application that can spoil a revision."""
    project.versions.mkdir(parents=True)
    shutil.copy(FOLDERS / "one" / "script.py.mako", project.migrations)
    project.models += BROKEN
    return project


def test_failed_proof(bare: Scripted, database: Database) -> None:
    """As with ``flask db revision``: the exit code is 1, and the file stays."""
    done = bare.ok("migrate", "-m", "first", "--rev-id", "a", "--prove")
    assert "Upgraded, downgraded and upgraded again" in done.stderr
    bare.ok("upgrade")
    bare.models = PERSON_WITH_EMAIL + BROKEN
    bare.config["ALEMBIC_PROVE"] = True
    said = bare.refused("migrate", "-m", "broken", "--rev-id", "b")
    path = bare.versions / "b_broken.py"
    assert str(path) in said
    assert "stays" in said
    assert "Its upgrade fails on the scratch database of 'default'" in said
    assert "nowhere" in said
    assert path.exists()
    assert database.columns("person") == {"id", "name"}
    path.unlink()
    bare.ok("migrate", "-m", "broken", "--no-prove")


def test_failed_proof_in_python(bare: Scripted) -> None:
    with bare.app(), pytest.raises(flask_migrate.MigrateError) as raised:
        flask_migrate.migrate(message="broken", prove=True)
    assert raised.value.code == 1
    assert isinstance(raised.value.__cause__, DraftError)
    assert len(bare.files) == 1


@pytest.mark.parametrize("command", [["migrate"], ["revision", "--autogenerate"]])
def test_under_an_env_py(one: Scripted, command: list[str]) -> None:
    """It can't be proved there; that is no failure, but a warning says so."""
    done = one.ok(*command, "-m", "first", "--prove")
    (line,) = [line for line in done.stderr.splitlines() if "Not proved" in line]
    assert line.startswith("WARN")
    assert "env.py decides which databases are met" in line
    assert "flask db adopt" in line
    assert len(one.files) == 1


def test_callback_called_with_the_options_of_old(one: Scripted) -> None:
    """Who calls a command's callback from Python doesn't know the newer ones."""
    with one.app() as module:
        command = flask_migrate.cli.db.commands["migrate"]
        assert command.callback is not None
        with click.Context(command, obj=ScriptInfo(create_app=lambda: module.app)):
            command.callback(message="first")
    assert len(one.files) == 1

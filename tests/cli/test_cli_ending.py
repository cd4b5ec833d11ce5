"""How a command's process ends: connections closed, nothing else taken apart."""

from __future__ import annotations

import textwrap
import typing as t

import pytest
from migrate.scripted import Scripted
from support.application import FLASK
from support.application import Project
from support.processes import clean_environment
from support.processes import Done
from support.processes import start_anew
from support.servers import Database

TELLING = """
import atexit
import gc
from sqlalchemy import event

usual = gc.get_freeze_count()
atexit.register(lambda: print("frozen" if gc.get_freeze_count() > usual else "as usual"))
with app.app_context():
    event.listen(db.engine, "connect", lambda *_: print("connected"))
    event.listen(db.engine, "close", lambda *_: print("closed"))
"""


def in_process(text: str) -> list[str]:
    """How Python runs text that uses the application."""
    return ["-c", textwrap.dedent(text)]


def ended(project: Project, arguments: t.Sequence[str]) -> Done:
    """Run ``python …`` in the folder, anew: what is forked has a heap of its own."""
    project.write()
    return start_anew(arguments, project.root, clean_environment())


def order(done: Done) -> list[str]:
    """What the process said of its end, in that order."""
    told = {"connected", "closed", "frozen", "as usual"}
    return [line for line in done.stdout.splitlines() if line in told]


def test_connections_are_closed_and_nothing_else(
    project: Project, database: Database
) -> None:
    project.tables("a")
    project.setup += TELLING
    done = ended(project, [*FLASK, "upgrade"])
    assert done.exit_code == 0, done.stderr
    said = order(done)
    assert said.count("connected") == said.count("closed") > 0
    assert said[-2:] == ["closed", "frozen"]
    assert "t_a" in database.tables()


def test_under_an_env_py(scripted: Scripted, database: Database) -> None:
    scripted.setup += TELLING
    done = ended(scripted, [*FLASK, "upgrade"])
    assert done.exit_code == 0, done.stderr
    assert "t_b" in database.tables()
    said = order(done)
    assert said.count("connected") == said.count("closed") > 0
    assert said[-2:] == ["closed", "frozen"]


@pytest.mark.one_database
def test_failures_end_as_before(project: Project) -> None:
    """The exit code and the message are there, and functions of ``atexit`` are called."""
    project.setup += TELLING
    project.tables("a")
    done = ended(project, [*FLASK, "upgrade", "nowhere"])
    assert done.exit_code == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert order(done)[-1] == "frozen"


@pytest.mark.one_database
@pytest.mark.parametrize(
    "use",
    [
        'app.test_cli_runner().invoke(args=["db", "upgrade"])',
        "exec('with app.app_context(): alembic.upgrade()')",
    ],
)
def test_others_keep_their_connections(project: Project, use: str) -> None:
    """Who runs commands, or calls methods, in its own process ends as it always did."""
    project.tables("a")
    project.setup += TELLING
    done = ended(project, in_process(f"from app import app, alembic\n{use}\n"))
    assert done.exit_code == 0, done.stderr
    assert order(done)[-1] == "as usual"
    assert "closed" not in order(done)


@pytest.mark.one_database
def test_asynchronous_engines_are_left_alone(project: Project) -> None:
    """Nobody can close them without their event loop."""
    project.head = """\
from flask import Flask
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from flask_alembic import Alembic

class Base(DeclarativeBase):
    pass

app = Flask(__name__)
app.config["SQLALCHEMY_ASYNC_ENGINES"] = {"default": "sqlite+aiosqlite:///some.db"}
db = SQLAlchemy(app)
"""
    project.models = ""
    project.setup = 'alembic = Alembic(app, metadatas={"default": Base.metadata})'
    project.tables("a")
    done = ended(project, [*FLASK, "upgrade"])
    assert done.exit_code == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr

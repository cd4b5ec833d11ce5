"""The constructor, ``init_app``, the configuration that they leave, and loggers."""

from __future__ import annotations

import logging
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic
from flask_alembic.errors import MigrationError

pytestmark = pytest.mark.one_database

Engines = t.Callable[..., sa.Engine]


@pytest.fixture
def flask_app(tmp_path: Path) -> Flask:
    return Flask("flask", root_path=str(tmp_path))


@pytest.fixture
def metadata() -> sa.MetaData:
    made = sa.MetaData()
    sa.Table("thing", made, sa.Column("id", sa.Integer, primary_key=True))
    return made


def test_extension_is_registered(flask_app: Flask) -> None:
    alembic = Alembic(flask_app, metadatas=sa.MetaData())
    assert flask_app.extensions["alembic"] is alembic


@pytest.mark.parametrize("name", [False, ""])
def test_no_commands(flask_app: Flask, name: t.Any) -> None:
    Alembic(flask_app, command_name=name)
    assert "db" not in flask_app.cli.commands


def test_no_folder(flask_app: Flask, tmp_path: Path) -> None:
    Alembic(flask_app, run_mkdir=False)
    assert list(tmp_path.iterdir()) == []


def test_configuration_that_init_app_leaves(flask_app: Flask) -> None:
    Alembic(flask_app)
    assert flask_app.config["ALEMBIC"] == {
        "script_location": "migrations",
        "version_locations": [],
        "path_separator": "os",
    }
    assert flask_app.config["ALEMBIC_CONTEXT"] == {"compare_server_default": True}


def test_given_dicts_are_never_changed(
    flask_app: Flask, metadata: sa.MetaData, make_engine: Engines
) -> None:
    given = {"script_location": "mine", "version_locations": ["more"]}
    context = {"compare_type": False}
    before = (dict(given), dict(context))
    flask_app.config.update(ALEMBIC=given, ALEMBIC_CONTEXT=context)
    alembic = Alembic(flask_app, metadatas=metadata, engines=make_engine("sqlite://"))
    with flask_app.app_context():
        alembic.revision("x")
        alembic.upgrade()
    assert flask_app.config["ALEMBIC"] is given
    assert flask_app.config["ALEMBIC_CONTEXT"] is context
    assert (given, context) == before


def test_settings_are_read_when_needed(flask_app: Flask, tmp_path: Path) -> None:
    alembic = Alembic(flask_app, run_mkdir=False, metadatas=sa.MetaData())
    flask_app.config["ALEMBIC"] = {"script_location": "later"}
    with flask_app.app_context():
        alembic.mkdir()
    assert (tmp_path / "later" / "script.py.mako").exists()


def test_single_values_are_the_default_key(
    flask_app: Flask, metadata: sa.MetaData, make_engine: Engines
) -> None:
    engine = make_engine("sqlite://")
    alembic = Alembic(flask_app, metadatas=[metadata], engines=engine)
    with flask_app.app_context():
        assert set(alembic.migration_contexts) == {"default"}
        assert alembic.migration_context.connection.engine is engine


def test_engines_come_from_flask_sqlalchemy(project: Project) -> None:
    with project.context() as alembic:
        engine = alembic.migration_context.connection.engine
        assert str(engine.url) == project.config["SQLALCHEMY_DATABASE_URI"]


@pytest.mark.parametrize("engines", ["sqlite://", 5, {"default": "sqlite://"}])
def test_something_else_for_engines(
    flask_app: Flask, metadata: sa.MetaData, engines: t.Any
) -> None:
    with pytest.raises(TypeError, match=r"Engine.*Connection|Connection.*Engine"):
        alembic = Alembic(flask_app, metadatas=metadata, engines=engines)
        with flask_app.app_context():
            alembic.current()


def test_engines_takes_a_connection(
    flask_app: Flask, metadata: sa.MetaData, database: Database, make_engine: Engines
) -> None:
    with make_engine(database.url).connect() as connection:
        alembic = Alembic(flask_app, metadatas=metadata, engines=connection)
        with flask_app.app_context():
            alembic.revision("x")
            alembic.upgrade()
        assert sa.inspect(connection).has_table("thing")
        connection.rollback()
    assert database.all_tables() == set()


# Set-up errors, whose words applications match.


def refusal(alembic: Alembic, app: Flask) -> str:
    with app.app_context(), pytest.raises(RuntimeError) as caught:
        alembic.upgrade()
    return str(caught.value)


def test_missing_metadata(flask_app: Flask, make_engine: Engines) -> None:
    alembic = Alembic(flask_app, engines=make_engine("sqlite://"))
    assert "pass 'metadatas' when" in refusal(alembic, flask_app)


def test_missing_engines(flask_app: Flask, metadata: sa.MetaData) -> None:
    alembic = Alembic(flask_app, metadatas=metadata)
    assert "engines configured" in refusal(alembic, flask_app)


def test_missing_engine_for_a_key(
    flask_app: Flask, metadata: sa.MetaData, make_engine: Engines
) -> None:
    alembic = Alembic(
        flask_app,
        metadatas={"default": metadata, "other": metadata},
        engines=make_engine("sqlite://"),
    )
    message = refusal(alembic, flask_app)
    assert "Missing engine config" in message
    assert "other" in message


@pytest.mark.parametrize(
    "call",
    [
        lambda a: a.config,
        lambda a: a.op,
        lambda a: a.current(),
        lambda a: a.upgrade(),
        lambda a: a.revision("x"),
        lambda a: a.mkdir(),
        lambda a: a.status(),
    ],
)
def test_missing_application_context(
    flask_app: Flask, call: t.Callable[[Alembic], t.Any]
) -> None:
    alembic = Alembic(flask_app, run_mkdir=False)
    with pytest.raises(RuntimeError, match="application context"):
        call(alembic)


def test_application_that_was_never_registered(flask_app: Flask) -> None:
    alembic = Alembic()
    with flask_app.app_context(), pytest.raises(MigrationError):
        alembic.upgrade()


# Loggers: each in a process, since the test runner puts its own handler on the root.

LOGGERS = """
import logging
{before}
from flask import Flask
from flask_alembic import Alembic
from flask_alembic.errors import MigrationError
{act}
for name in ("alembic", "sqlalchemy"):
    logger = logging.getLogger(name)
    print(name, logger.level, [type(h).__name__ for h in logger.handlers])
"""


def loggers(project: Project, act: str, before: str = "") -> dict[str, list[str]]:
    done = project.python(LOGGERS.format(act=act, before=before))
    assert done.exit_code == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {name: rest.split(" ", 1) for name, rest in lines}


def test_constructor_gives_the_loggers_a_handler(project: Project) -> None:
    found = loggers(project, "Alembic()")
    assert found["alembic"] == [str(logging.INFO), "['StreamHandler']"]
    assert found["sqlalchemy"] == [str(logging.WARNING), "['StreamHandler']"]


def test_handler_counts_though_alembic_was_imported_before(project: Project) -> None:
    found = loggers(project, "Alembic()", "import alembic.command")
    assert "StreamHandler" in found["alembic"][1]


def test_init_app_gives_no_handler(project: Project) -> None:
    act = """
a = Alembic()
for name in ("alembic", "sqlalchemy"):
    logging.getLogger(name).handlers.clear()
    logging.getLogger(name).setLevel(0)
a.init_app(Flask("x", root_path="."), run_mkdir=False)
"""
    found = loggers(project, act)
    assert found == {"alembic": ["0", "[]"], "sqlalchemy": ["0", "[]"]}


def test_handlers_of_the_application_are_left_alone(project: Project) -> None:
    before = """
logging.getLogger("alembic").addHandler(logging.FileHandler("log.txt", delay=True))
logging.getLogger("alembic").setLevel(logging.ERROR)
"""
    found = loggers(project, "Alembic()", before)
    level, handlers = found["alembic"]
    assert level == str(logging.ERROR)
    assert "FileHandler" in handlers
    assert "StreamHandler" not in handlers


def test_inherited_handlers_are_enough(project: Project) -> None:
    found = loggers(project, "Alembic()", "logging.basicConfig(level=logging.ERROR)")
    assert "StreamHandler" not in found["alembic"][1]
    assert "StreamHandler" not in found["sqlalchemy"][1]

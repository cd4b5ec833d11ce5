"""Everything that the first documents of the extension show, as they show it."""

from __future__ import annotations

import pytest
from alembic.runtime.environment import EnvironmentContext
from support.application import PERSON_WITH_EMAIL
from support.application import Project
from support.servers import Database

BASIC_USAGE = """
from flask_alembic import Alembic

# Intialize the extension
alembic = Alembic()
alembic.init_app(app)
"""

MANAGE = """
from flask.cli import FlaskGroup

from app import app

cli = FlaskGroup(create_app=lambda: app)

if __name__ == "__main__":
    cli()
"""


def test_basic_usage(project: Project, database: Database) -> None:
    project.setup = BASIC_USAGE
    with project.context() as alembic:
        # Auto-generate a migration
        alembic.revision("making changes")

        # Upgrade the database
        alembic.upgrade()

        # Access the internals
        environment_context = alembic.env

        assert isinstance(environment_context, EnvironmentContext)
    assert database.tables() == {"person"}
    assert database.versions() == {project.files[0].name.split("_")[0]}


@pytest.mark.one_database
def test_folder_is_created_when_an_app_is_registered(project: Project) -> None:
    assert not project.migrations.exists()
    project.load()
    assert (project.migrations / "script.py.mako").is_file()


@pytest.mark.one_database
def test_command_line(project: Project, database: Database) -> None:
    project.setup = BASIC_USAGE
    shown = project.run("--help")
    assert shown.exit_code == 0
    for command in ("revision", "upgrade"):
        assert f"\n  {command} " in shown.stdout

    assert project.run("revision", "made changes").exit_code == 0
    assert project.run("upgrade").exit_code == 0
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_manage_py(project: Project, database: Database) -> None:
    (project.root / "manage.py").write_text(MANAGE)

    done = project.run("db", "revision", "making changes", program=["manage.py"])
    assert (done.exit_code, done.error_lines) == (0, [])
    done = project.run("db", "upgrade", program=["manage.py"])
    assert (done.exit_code, done.error_lines) == (0, [])
    assert database.tables() == {"person"}


def test_python_in_an_application_context(project: Project, database: Database) -> None:
    with project.context() as alembic:
        # generate a new revision
        # same as `flask db revision "made changes"`
        alembic.revision("made changes")

        # run all available upgrades
        # same as `flask db upgrade`
        alembic.upgrade()
    assert database.columns("person") == {"id", "name"}


def test_internals_in_an_application_context(
    project: Project, database: Database
) -> None:
    project.models = PERSON_WITH_EMAIL
    with project.context() as alembic:
        (made,) = alembic.revision("made changes")
        alembic.upgrade()

        # locate a revision by name
        head = alembic.script.get_revision("head")
        assert head.revision == made.revision

        # could compare this to the "head" revision above
        assert alembic.context.get_current_revision() == made.revision

        # probably don't want to do this outside a revision, but it'll work
        alembic.op.drop_column("person", "email")

        # see that the column you just dropped will be added back next revision
        ((kind, _, table, column),) = alembic.compare_metadata()
        assert (kind, table, column.name) == ("add_column", "person", "email")
    assert database.columns("person") == {"id", "name"}


def test_inside_a_view(project: Project, database: Database) -> None:
    project.models += """

@app.get("/migrate")
def migrate():
    alembic.revision("made changes")
    alembic.upgrade()
    return {
        "head": alembic.script.get_revision("head").revision,
        "current": alembic.context.get_current_revision(),
        "differences": len(alembic.compare_metadata()),
    }
"""
    with project.closing(project.load()) as app:
        answer = app.test_client().get("/migrate").json
    assert answer["head"] == answer["current"]
    assert answer["differences"] == 0
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_context_set_up_by_hand(project: Project, database: Database) -> None:
    module = project.load()
    with project.closing(module) as app:
        alembic = module.alembic
        with app.app_context():
            alembic.revision("made changes")
        with app.app_context():
            alembic.upgrade()
    assert database.tables() == {"person"}

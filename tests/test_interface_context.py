"""Options of ``ALEMBIC_CONTEXT``, and folders that Flask-Alembic 3.3 made."""

from __future__ import annotations

import shutil
from pathlib import Path

import alembic
import pytest
from support.application import PERSON
from support.application import Project
from support.application import TASK
from support.servers import Database

TEMPLATES = Path(alembic.__file__).parent / "templates"

HARMFUL = 'x"""; open("pwned", "w"); """ \\N ${1 / 0} <% 1 / 0 %>'


def context_options(project: Project, text: str) -> None:
    """Set the options to Python text, which may name functions defined before."""
    project.setup = f"{text}\nalembic = Alembic(app)"


@pytest.mark.one_database
def test_include_object(project: Project, database: Database) -> None:
    project.models = PERSON + TASK
    context_options(
        project,
        "def wanted(thing, name, kind, *rest):\n"
        "    return not (kind == 'table' and name == 'task')\n"
        "app.config['ALEMBIC_CONTEXT'] = {'include_object': wanted}",
    )
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
        assert not extension.needs_revision()
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_include_name(project: Project, database: Database) -> None:
    database.execute("CREATE TABLE legacy (id INTEGER PRIMARY KEY)")
    context_options(
        project,
        "def wanted(name, kind, parents):\n"
        "    return not (kind == 'table' and name == 'legacy')\n"
        "app.config['ALEMBIC_CONTEXT'] = {'include_name': wanted}",
    )
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
        assert extension.compare_metadata() == []
    assert database.tables() == {"legacy", "person"}


@pytest.mark.one_database
def test_process_revision_directives(project: Project) -> None:
    context_options(
        project,
        "def process(context, revision, directives):\n"
        "    directives[0].message += ' changed'\n"
        "app.config['ALEMBIC_CONTEXT'] = {'process_revision_directives': process}",
    )
    with project.context() as extension:
        (made,) = extension.revision("x")
        assert made.doc == "x changed"


@pytest.mark.one_database
def test_directives_that_are_taken_away(project: Project) -> None:
    context_options(
        project,
        "def process(context, revision, directives):\n"
        "    directives[:] = []\n"
        "app.config['ALEMBIC_CONTEXT'] = {'process_revision_directives': process}",
    )
    with project.context() as extension:
        assert extension.revision("x") == []
    assert project.files == []


@pytest.mark.one_database
def test_on_version_apply(project: Project) -> None:
    project.tables("a", "b")
    context_options(
        project,
        "applied = []\n"
        "def note(ctx, step, heads, run_args, **rest):\n"
        "    applied.append((step.up_revision_id, step.is_upgrade))\n"
        "app.config['ALEMBIC_CONTEXT'] = {'on_version_apply': note}",
    )
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade()
        module.alembic.downgrade()
        assert module.applied == [("a", True), ("b", True), ("b", False)]


def test_render_as_batch(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
    project.models = PERSON.replace("nullable=False", "nullable=True")
    with project.context() as extension:
        extension.revision("y")
        extension.upgrade()
        assert extension.compare_metadata() == []
        extension.downgrade()
    (text,) = [p.read_text() for p in project.files if p.name.endswith("_y.py")]
    assert "batch_alter_table" in text
    assert database.tables() == {"person"}


def test_types_are_compared(project: Project) -> None:
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
    project.models = PERSON.replace("String(50)", "String(60)")
    with project.context() as extension:
        assert extension.needs_revision()
    project.config["ALEMBIC_CONTEXT"] = {"compare_type": False}
    with project.context() as extension:
        assert not extension.needs_revision()


def test_server_defaults_are_compared(project: Project) -> None:
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
    project.models = PERSON.replace("nullable=False", "server_default='x'")
    with project.context() as extension:
        kinds = str(extension.compare_metadata())
        assert "modify_default" in kinds


@pytest.mark.needs("schemas")
def test_version_table_schema(project: Project, database: Database) -> None:
    database.execute("CREATE SCHEMA apart")
    project.config["ALEMBIC_CONTEXT"] = {
        "version_table_schema": "apart",
        "version_table": "mine",
    }
    project.tables("a", "b")
    with project.context() as extension:
        assert extension.current() == ()
        extension.upgrade("a")
        assert database.versions("apart.mine") == {"a"}
        assert extension.status()[0].state == "behind"
        extension.upgrade()
        assert extension.upgrade().databases[0].outcome == "unchanged"
        extension.downgrade("base")
    assert database.all_tables() == set()


@pytest.mark.needs("schemas")
def test_include_schemas(project: Project, database: Database) -> None:
    database.execute("CREATE SCHEMA apart")
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    project.models += '    __table_args__ = {"schema": "apart"}\n'
    with project.context() as extension:
        extension.revision("x")
        extension.upgrade()
        assert extension.compare_metadata() == []
    assert database.tables("apart") == {"person"}


# Folders that 3.3 made hold Alembic's own templates.


def adopt(project: Project, name: str) -> None:
    project.migrations.mkdir()
    shutil.copy(TEMPLATES / name / "script.py.mako", project.migrations)


@pytest.mark.parametrize("name", ["generic", "pyproject", "async"])
@pytest.mark.one_database
def test_template_of_alembic(project: Project, database: Database, name: str) -> None:
    adopt(project, name)
    with project.context() as extension:
        extension.revision(HARMFUL)
        assert extension.upgrade().ok
        extension.revision("empty", empty=True)
        assert extension.upgrade().ok
        extension.downgrade("base")
    assert database.tables() == set()
    assert not list(project.root.rglob("pwned"))


@pytest.mark.one_database
def test_template_of_alembic_for_several_databases(
    project: Project, database: Database
) -> None:
    adopt(project, "multidb")
    other = database.sibling()
    project.bind("log", other.url)
    del project.config["ALEMBIC_BINDS"]
    project.setup = """
metadatas = {"default": db.metadatas[None], "log": db.metadatas["log"]}
alembic = Alembic(app, metadatas=metadatas)
"""
    with project.context() as extension:
        assert extension.config.get_main_option("databases") == "default, log"
        extension.revision(HARMFUL)
        extension.upgrade()
        assert (database.tables(), other.tables()) == ({"person"}, {"log"})
        assert not extension.needs_revision()
        extension.downgrade("base")
        assert (database.tables(), other.tables()) == (set(), set())


@pytest.mark.one_database
def test_a_template_of_ones_own(project: Project) -> None:
    adopt(project, "generic")
    template = project.migrations / "script.py.mako"
    template.write_text(template.read_text() + "\n# made for ${message | trim}\n")
    with project.context() as extension:
        extension.revision("this")
    assert project.files[0].read_text().endswith("# made for this\n")

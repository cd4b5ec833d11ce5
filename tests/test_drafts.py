"""A draft as data and as people see it; what plugins find, in the right order."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from alembic.runtime import plugins
from support.application import PERSON
from support.application import PERSON_WITH_EMAIL
from support.application import Project
from support.application import TASK
from support.servers import Database
from support.sources import lite
from support.sources import LITE_MODELS

from flask_alembic.errors import SetupError
from flask_alembic.migrator.drafts import companions
from flask_alembic.results import Operation


def started(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("start")
        assert alembic.upgrade().ok


# -- data ----------------------------------------------------------------------------


def test_draft_tells_all(project: Project, database: Database) -> None:
    started(project)
    database.execute("CREATE TABLE legacy (id INTEGER)")
    project.models = PERSON_WITH_EMAIL + TASK
    with project.context() as alembic:
        found = alembic.diff()
        draft = alembic.draft("more")
        assert draft.operations == found.operations
        assert draft.findings == found.findings
        assert {(o.change, o.table, o.name) for o in draft.operations} == {
            ("add table", "task", "task"),
            ("add column", "person", "person.email"),
        }
        (revision,) = draft.revisions
        assert (
            draft.path
            == revision.path
            == str(project.migrations / Path(revision.path).name)
        )
        assert found.path is None
        json.dumps(draft.as_dict())
        alembic.upgrade()
        again = alembic.draft("more")
        assert (again.path, again.operations, again.revisions) == (None, (), ())
        assert again.findings == found.findings
        by_hand = alembic.draft("by hand", empty=True)
        assert by_hand.path
        assert by_hand.operations == ()
    assert len(project.files) == 3


@pytest.mark.one_database
def test_revision_is_what_the_draft_wrote(project: Project) -> None:
    with project.context() as alembic:
        (script,) = alembic.revision("x", rev_id="abc")
        assert script.revision == "abc"
        assert script is alembic.script_directory.get_revision("abc")
        alembic.upgrade()
        assert alembic.revision("y") == []


def test_async_engines(project: Project, database: Database) -> None:
    address = database.asynchronous_url()
    if address is None:
        pytest.skip("no asynchronous driver")
    lite(project, default=database.url)
    project.config = {"SQLALCHEMY_ASYNC_ENGINES": {"default": address}}
    default = "\n    made = sa.Column(sa.DateTime, server_default=sa.func.now())"
    word = '\n    word = sa.Column(sa.String(9), server_default="it\'s")\n'
    project.models = LITE_MODELS.rstrip() + default + word
    with project.context() as alembic:
        assert len(alembic.revision("first")) == 1
        assert alembic.upgrade().ok
        assert alembic.diff().operations == ()
        database.execute("CREATE TABLE legacy (id INTEGER)")
        assert "legacy" in alembic.draft("second").findings[0].message


# -- commands ------------------------------------------------------------------------


def test_diff_writes_nothing(project: Project, database: Database) -> None:
    done = project.invoke("diff")
    assert done.exit_code == 0
    assert done.stdout == "Changes detected.\n  add table person\n"
    assert not project.files
    started(project)
    assert project.invoke("diff").stdout == "No changes detected.\n"
    project.models = PERSON.replace("nullable=False", "server_default='new'")
    done = project.invoke("diff", "--json")
    operations = [Operation(**found) for found in done.json["draft"]["operations"]]
    assert [(x.change, x.name, x.note) for x in operations] == [
        ("modify nullable", "person.name", "NOT NULL -> NULL"),
        ("modify default", "person.name", "none -> 'new'"),
    ]
    assert done.json["exit_code"] == 0


def test_diff_as_sql(two: Project, database: Database) -> None:
    done = two.invoke("diff", "--sql")
    assert done.exit_code == 0, done.stderr
    first, _, second = done.stdout.partition("-- database: log")
    assert "CREATE TABLE person" in first
    assert "CREATE TABLE log" in second
    with two.context() as alembic:
        # It is what makes up the difference.
        draft = alembic.diff(sql=True, databases=["default"])
        database.execute(*filter(str.strip, draft.sql["default"].split(";\n")))
        assert alembic.diff(databases=["default"]).operations == ()
        assert alembic.diff().sql == {}


def test_changes_as_sql(project: Project, database: Database) -> None:
    started(project)
    database.execute("INSERT INTO person (name) VALUES ('ann')")
    project.models = PERSON_WITH_EMAIL.replace("sa.String(50)", "sa.Text")
    with project.context() as alembic:
        sql = alembic.diff(sql=True).sql["default"]
    database.execute(*filter(str.strip, sql.split(";\n")))
    assert project.invoke("check").exit_code == 0
    assert database.rows("SELECT name, email FROM person") == [("ann", None)]


@pytest.mark.one_database
def test_revision_names_the_file_and_what_to_know(
    project: Project, database: Database
) -> None:
    database.execute("CREATE TABLE legacy (id INTEGER)")
    done = project.invoke("revision", "x")
    assert done.stdout == f"Created {project.files[0]} (new branch default)\n"
    assert "not ours: legacy" in done.stderr
    project.invoke("upgrade")
    done = project.invoke("revision", "x", "--json")
    assert done.json["message"] == "No changes detected."
    assert done.json["draft"]["findings"][0]["code"] == "not-ours"
    assert len(project.files) == 1


@pytest.mark.one_database
def test_on_a_terminal(two: Project) -> None:
    on_terminal = pytest.importorskip("cli.test_cli_terminal").on_terminal
    screen = on_terminal(two, "diff")
    assert screen.exit_code == 0
    rows = [line.split() for line in screen.lines]
    start = rows.index(["Changes", "detected."])
    assert rows[start + 1] == ["default"]
    assert rows[start + 2] == ["table", "change"]
    assert ["person", "add", "table"] in rows
    screen = on_terminal(two, "revision", "x")
    assert screen.lines[-1].split() == ["log", "add", "table"]


# -- plugins -------------------------------------------------------------------------

VIEWS = '''
"""A plugin for Alembic: views that select from a table."""
import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation
from alembic.operations import Operations
from alembic.util import PriorityDispatchResult

WANTED = {}


class ViewOp(MigrateOperation):
    def __init__(self, name, text):
        self.name, self.text = name, text


@Operations.register_operation("create_view")
class CreateViewOp(ViewOp):
    @classmethod
    def create_view(cls, operations, name, text):
        return operations.invoke(cls(name, text))

    def reverse(self):
        return DropViewOp(self.name, self.text)


@Operations.register_operation("drop_view")
class DropViewOp(ViewOp):
    @classmethod
    def drop_view(cls, operations, name, text):
        return operations.invoke(cls(name, text))

    def reverse(self):
        return CreateViewOp(self.name, self.text)


@Operations.implementation_for(CreateViewOp)
def create(operations, op):
    operations.execute(f"CREATE VIEW {op.name} AS {op.text}")


@Operations.implementation_for(DropViewOp)
def drop(operations, op):
    operations.execute(f"DROP VIEW {op.name}")


@renderers.dispatch_for(CreateViewOp)
def render_create(context, op):
    return f"op.create_view({op.name!r}, {op.text!r})"


@renderers.dispatch_for(DropViewOp)
def render_drop(context, op):
    return f"op.drop_view({op.name!r}, {op.text!r})"


def compare(context, upgrade_ops, schemas):
    found = set(context.inspector.get_view_names())
    for name in sorted(WANTED.keys() - found):
        upgrade_ops.ops.insert(0, CreateViewOp(name, WANTED[name]))
    for name in sorted(found - WANTED.keys()):
        upgrade_ops.ops.append(DropViewOp(name, "SELECT id FROM task"))
    return PriorityDispatchResult.CONTINUE


def setup(plugin):
    plugin.add_autogenerate_comparator(compare, "schema", "views")
'''


@pytest.fixture
def views(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An application with a plugin in its folder."""
    (project.root / "shop_views.py").write_text(VIEWS)
    monkeypatch.syspath_prepend(project.root)
    monkeypatch.setattr(companions, "_loaded", {})
    for known in (sys.modules, plugins._all_plugins):
        monkeypatch.delitem(known, "shop_views", raising=False)
    project.config["ALEMBIC"] = {"plugins": ["shop_views"]}
    return project


def test_views_come_after_their_tables(views: Project, database: Database) -> None:
    started(views)
    wanted = "\nimport shop_views\n\nshop_views.WANTED = {'titles': 'SELECT title FROM task'}\n"
    views.models = PERSON + TASK + wanted
    with views.context() as alembic:
        draft = alembic.draft("view")
        assert [o.change for o in draft.operations] == ["add table", "create view"]
        alembic.upgrade()
        assert alembic.diff().operations == ()
    database.execute("INSERT INTO task (title) VALUES ('one')")
    assert database.rows("SELECT title FROM titles") == [("one",)]
    views.models = PERSON + wanted.replace("{'titles': 'SELECT title FROM task'}", "{}")
    with views.context() as alembic:
        draft = alembic.draft("no view")
        assert [o.change for o in draft.operations] == ["drop view", "remove table"]
        alembic.upgrade()
        assert database.tables() == {"person"}
        alembic.downgrade(-2)
        assert database.tables() == {"person"}
        # Up, down and up again: the operations are known without a comparison.
        alembic.upgrade()
        assert alembic.diff().operations == ()


@pytest.mark.one_database
def test_plugins_that_are_not_there(project: Project) -> None:
    project.config["ALEMBIC"] = {"plugins": ["alembic_utils_of_nobody"]}
    wanted = "pip install alembic-utils-of-nobody"
    with project.context() as alembic, pytest.raises(SetupError, match=wanted):
        alembic.diff()
    (project.root / "broken.py").write_text("import missing_inside")
    project.config["ALEMBIC"] = {"plugins": "broken"}
    sys.path.insert(0, str(project.root))
    try:
        with project.context() as alembic, pytest.raises(ImportError, match="inside"):
            alembic.diff()
    finally:
        sys.path.remove(str(project.root))


@pytest.mark.one_database
def test_alembics_own_plugins_by_name(project: Project) -> None:
    name = "alembic.ext.checkconstraint_byname"
    if name not in plugins._all_plugins:
        pytest.skip("this Alembic has no such plugin")
    project.config["ALEMBIC"] = {"plugins": [name]}
    project.models = PERSON
    started(project)
    project.models = PERSON + (
        "    __table_args__ = (sa.CheckConstraint('id > 0', name='positive'),)\n"
    )
    with project.context() as alembic:
        assert [o.change for o in alembic.diff().operations] == ["add constraint"]


def test_renames_as_sql(project: Project, database: Database) -> None:
    """What is renamed is asked about under the name that it has."""
    default = 'word = sa.Column(sa.String(50), server_default="it\'s")\n'
    project.models = PERSON + "    " + default
    started(project)
    database.execute("INSERT INTO person (name) VALUES ('ann')")
    project.models = (PERSON + "    " + default.replace("word", "term")).replace(
        "class Person(db.Model):", 'class Human(db.Model):\n    __tablename__ = "human"'
    )
    renames = {"person": "human", "person.word": "term"}
    with project.context() as alembic:
        draft = alembic.diff(renames=renames, sql=True)
        assert draft.renames
        assert not any("modify" in x.change for x in draft.operations)
    database.execute(*filter(str.strip, draft.sql["default"].split(";\n")))
    assert database.rows("SELECT name, term FROM human") == [("ann", "it's")]
    assert project.invoke("check").exit_code == 0

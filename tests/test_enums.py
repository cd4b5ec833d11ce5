"""Enums: values that come, go and change names; types, checks and columns."""

from __future__ import annotations

import sys
import types as modules
import typing as t

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import Project
from support.servers import Database

from flask_alembic import DraftError
from flask_alembic.results import Draft
from flask_alembic.results import Question

TASKS = """
class Task(db.Model):
    __tablename__ = "tasks"
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column({type}{more})
"""
CHECKED = ", native_enum=False, create_constraint=True"


def state(
    *labels: str, checked: bool = False, more: str = "", name: str = "state"
) -> str:
    """The models, with an enum of these values.

    :param checked: A check lists the values; otherwise it is the database's own enum,
        which SQLite doesn't have.
    """
    how = CHECKED if checked else ""
    type_ = f"sa.Enum(*{labels!r}, name={name!r}{how})"
    return TASKS.format(type=type_, more=more)


def start(project: Project, database: Database, models: str, *rows: str) -> None:
    """Make the tables by a revision, and fill them."""
    project.models = models
    with project.context() as alembic:
        alembic.revision("first", rev_id="first")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    database.execute(*rows)


def draft(
    project: Project, models: str, name: str = "second", **choices: t.Any
) -> Draft:
    """Change the models and write a revision."""
    project.models = models
    with project.context() as alembic:
        return alembic.draft(name, rev_id=name, **choices)


def text(made: Draft) -> str:
    assert made.path is not None
    with open(made.path, encoding="utf-8") as file:
        return file.read()


def step(project: Project, models: str, way: str) -> None:
    """Go one way; nothing is left to do."""
    project.models = models
    with project.context() as alembic:
        done = alembic.upgrade() if way == "up" else alembic.downgrade()
        assert done.ok
        assert alembic.diff().operations == (), way


def round_trip(project: Project, before: str, after: str) -> None:
    """Upgrade, downgrade and upgrade."""
    step(project, after, "up")
    step(project, before, "down")
    step(project, after, "up")


def rows(database: Database) -> list[t.Any]:
    return [row[0] for row in database.rows("SELECT state FROM tasks ORDER BY id")]


@pytest.fixture(params=["own", "checked"])
def checked(request: pytest.FixtureRequest, database: Database) -> bool:
    """An enum of the database's own, and one that a check lists."""
    if request.param == "own" and database.kind == "sqlite":
        pytest.skip("SQLite has no enums")
    return bool(request.param == "checked")


ROWS = "INSERT INTO tasks (id, state) VALUES (1, 'new'), (2, 'done')"


def test_value_added(project: Project, database: Database, checked: bool) -> None:
    before = state("new", "done", checked=checked)
    after = state("fresh one", "new", "it's: x", "done", "closed", checked=checked)
    start(project, database, before, ROWS)
    made = draft(project, after)
    assert "flask_alembic" not in text(made)
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]
    value = "it''s: x"
    database.execute(f"INSERT INTO tasks (id, state) VALUES (3, '{value}')")
    schema = database.snapshot()
    with (
        project.context() as alembic,
        pytest.raises(RuntimeError, match=r"tasks.state has rows with"),
    ):
        alembic.downgrade()
    assert database.snapshot() == schema
    assert rows(database) == ["new", "done", "it's: x"]


def test_value_removed(project: Project, database: Database, checked: bool) -> None:
    before = state(
        "new", "done", "old one", checked=checked, more=", server_default='new'"
    )
    after = state("new", "done", checked=checked, more=", server_default='new'")
    start(project, database, before, ROWS, "INSERT INTO tasks VALUES (3, 'old one')")
    made = draft(project, after)
    (finding,) = made.findings
    assert (finding.code, finding.where) == ("held-value", "tasks.state")
    assert '--rename "tasks.state.old one=new"' in finding.fix
    schema = database.snapshot()
    with (
        project.context() as alembic,
        pytest.raises(RuntimeError, match=r"tasks.state has rows with 'old one'"),
    ):
        alembic.upgrade()
    assert database.snapshot() == schema
    assert rows(database) == ["new", "done", "old one"]
    database.execute("DELETE FROM tasks WHERE id = 3")
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]
    database.execute("INSERT INTO tasks (id) VALUES (4)")
    assert rows(database) == ["new", "done", "new"]
    with pytest.raises(Exception, match=r"(?i)invalid|truncated|constraint|too long"):
        database.execute("INSERT INTO tasks VALUES (5, 'old one')")


def test_value_renamed(project: Project, database: Database, checked: bool) -> None:
    before = state("new", "done", checked=checked, more=", server_default='new'")
    after = state(
        "fresh", "done", "more", checked=checked, more=", server_default='fresh'"
    )
    start(project, database, before, ROWS)
    made = draft(project, after, renames={"tasks.state.new": "fresh"})
    assert made.renames == {"tasks.state.new": "fresh"}
    assert made.findings == ()
    step(project, after, "up")
    assert rows(database) == ["fresh", "done"]
    database.execute("INSERT INTO tasks (id) VALUES (3)")
    step(project, before, "down")
    assert rows(database) == ["new", "done", "new"]
    database.execute("INSERT INTO tasks (id) VALUES (4)")
    step(project, after, "up")
    assert rows(database) == ["fresh", "done", "fresh", "fresh"]


POSTGRESQL = pytest.mark.needs("schemas")


def types(database: Database) -> dict[str, list[str]]:
    """The enums of a database."""
    found = database.rows(
        "SELECT t.typname, e.enumlabel FROM pg_type t"
        " JOIN pg_enum e ON e.enumtypid = t.oid ORDER BY 1, e.enumsortorder"
    )
    made: dict[str, list[str]] = {}
    for name, label in found:
        made.setdefault(name, []).append(label)
    return made


PLAIN = """
class Note(db.Model):
    __tablename__ = "notes"
    id = sa.Column(sa.Integer, primary_key=True)
"""


@pytest.mark.parametrize("several", [False, True])
@POSTGRESQL
def test_type_lives_with_its_table(
    project: Project, database: Database, several: bool
) -> None:
    after = PLAIN + state("new", "done")
    if several:
        after += """
class Other(db.Model):
    __tablename__ = "others"
    id = sa.Column(sa.Integer, primary_key=True)
    first = sa.Column(sa.Enum("new", "done", name="state"), server_default="done")
    many = sa.Column(sa.ARRAY(sa.Enum("new", "done", name="state")))
"""
    start(project, database, PLAIN)
    draft(project, after)
    round_trip(project, PLAIN, after)
    assert types(database) == {"state": ["new", "done"]}
    draft(project, PLAIN, "third")
    round_trip(project, after, PLAIN)
    assert types(database) == {}
    with project.context() as alembic:
        alembic.downgrade("base")
        assert types(database) == {}
    sql = project.invoke("upgrade", "--sql")
    assert sql.exit_code == 0
    assert sql.stdout.count("CREATE TYPE state") == 1
    assert sql.stdout.count("DROP TYPE IF EXISTS state") == 1


@POSTGRESQL
def test_type_lives_with_its_last_column(project: Project, database: Database) -> None:
    column = '    state = sa.Column(sa.Enum("new", "done", name="state"))\n'
    after = PLAIN + column
    start(project, database, PLAIN, "INSERT INTO notes VALUES (1)")
    draft(project, after)
    round_trip(project, PLAIN, after)
    assert types(database) == {"state": ["new", "done"]}
    # Another column uses it.
    two = after + column.replace("state =", "second =")
    third = draft(project, two, "third")
    assert "TYPE" not in text(third)
    round_trip(project, after, two)
    draft(project, PLAIN, "fourth")
    round_trip(project, two, PLAIN)
    assert types(database) == {}


@pytest.mark.parametrize("default", ["", "new"])
@POSTGRESQL
def test_text_becomes_an_enum(
    project: Project, database: Database, default: str
) -> None:
    more = f", server_default={default!r}" if default else ""
    before = TASKS.format(type="sa.String(20)", more=more)
    after = state("new", "done", more=more)
    start(project, database, before, ROWS)
    draft(project, after)
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]
    other = state("new", "done", more=more, name="other")
    draft(project, other, "third")
    round_trip(project, after, other)
    assert rows(database) == ["new", "done"]
    assert set(types(database)) == {"other"}
    if default:
        database.execute("INSERT INTO tasks (id) VALUES (3)")
        assert rows(database) == ["new", "done", "new"]


SHARED = """
import enum

class State(enum.Enum):
    first = {labels[0]!r}
    second = {labels[1]!r}
    third = {labels[2]!r}

def values(states):
    return [item.value for item in states]

kind = sa.Enum(
    State, name="state", schema={schema!r}, values_callable=values,
    metadata=db.metadata,
)

class Task(db.Model):
    __tablename__ = "tasks"
    __table_args__ = (
        sa.Index("open_tasks", "id", postgresql_where=sa.text("state = 'new'")),
        sa.CheckConstraint("state <> 'new' OR id < 100", name="few"),
        {{"schema": {schema!r}}},
    )
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column(kind, server_default={default!r})
    history = sa.Column(sa.ARRAY(kind))

class Note(db.Model):
    __tablename__ = "notes"
    id = sa.Column(sa.Integer, primary_key=True)
    mood = sa.Column(kind, server_default="new", nullable=False)
"""


@pytest.mark.parametrize("schema", [None, "work"])
@POSTGRESQL
def test_everything_that_uses_a_type(
    project: Project, database: Database, schema: str | None
) -> None:
    if schema:
        database.execute("CREATE SCHEMA work")
    tasks = f"{schema}.tasks" if schema else "tasks"
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    before = SHARED.format(labels=("new", "old", "gone"), default="old", schema=schema)
    after = SHARED.format(
        labels=("better", "new", "best"), default="best", schema=schema
    )
    start(
        project,
        database,
        before,
        f"INSERT INTO {tasks} VALUES (1, 'old', '{{old,new,gone}}'), (2, 'gone', NULL)",
        "INSERT INTO notes VALUES (1, 'gone'), (2, 'new')",
    )
    draft(
        project,
        after,
        renames={f"{tasks}.state.old": "better", "notes.mood.gone": "new"},
    )
    step(project, after, "up")
    assert database.rows(
        f"SELECT state::text, history::text FROM {tasks} ORDER BY id"
    ) == [("better", "{better,new,new}"), ("new", None)]
    assert database.rows("SELECT mood::text FROM notes ORDER BY id") == [
        ("new",),
        ("new",),
    ]
    database.execute(
        f"INSERT INTO {tasks} (id) VALUES (3)", "INSERT INTO notes (id) VALUES (3)"
    )
    assert database.rows(f"SELECT state::text FROM {tasks} WHERE id = 3") == [("best",)]
    with pytest.raises(Exception, match="few"):
        database.execute(f"INSERT INTO {tasks} VALUES (100, 'new')")
    project.models = before
    with (
        project.context() as alembic,
        pytest.raises(RuntimeError, match=r"tasks.state has rows with 'best'"),
    ):
        alembic.downgrade()
    database.execute(f"DELETE FROM {tasks} WHERE id = 3")
    step(project, before, "down")
    assert database.rows(
        f"SELECT state::text, history::text FROM {tasks} ORDER BY id"
    ) == [("old", "{old,new,new}"), ("new", None)]
    database.execute(f"INSERT INTO {tasks} (id) VALUES (4)")
    assert database.rows(f"SELECT state::text FROM {tasks} WHERE id = 4") == [("old",)]
    step(project, after, "up")
    assert types(database) == {"state": ["better", "new", "best"]}


def test_renamed_with_column_and_table(
    project: Project, database: Database, checked: bool
) -> None:
    before = state("new", "done", checked=checked, more=", server_default='new'")
    after = state(
        "fresh", "done", "third", checked=checked, more=", server_default='fresh'"
    )
    after = after.replace('"tasks"', '"jobs"').replace("    state =", "    status =")
    start(project, database, before, ROWS)
    draft(
        project,
        after,
        renames={"tasks": "jobs", "tasks.state": "status", "jobs.status.new": "fresh"},
    )
    step(project, after, "up")
    assert database.rows("SELECT status FROM jobs ORDER BY id") == [
        ("fresh",),
        ("done",),
    ]
    database.execute("INSERT INTO jobs VALUES (3, 'third')")
    with (
        project.context() as alembic,
        pytest.raises(RuntimeError, match=r"jobs.status has rows with 'third'"),
    ):
        alembic.downgrade()
    database.execute("DELETE FROM jobs WHERE id = 3")
    step(project, before, "down")
    assert rows(database) == ["new", "done"]
    step(project, after, "up")


def test_asked(project: Project, database: Database, checked: bool) -> None:
    before = state("new", "in work", "done", checked=checked)
    after = state("new", "in progress", "done", checked=checked)
    start(project, database, before, ROWS, "INSERT INTO tasks VALUES (3, 'in work')")
    project.models = after
    with project.context() as alembic:
        found = alembic.diff()
        with pytest.raises(DraftError, match="There is nothing to rename") as error:
            alembic.draft("x", renames={"tasks.state.nothing": "in progress"})
        assert "tasks.state.in work (gone)" in str(error.value)
    codes = [finding.code for finding in found.findings]
    assert codes == ["possible-rename", "held-value"]
    assert '--rename "tasks.state.in work=in progress"' in found.findings[0].fix
    questions: list[Question] = []

    def ask(question: Question) -> bool:
        questions.append(question)
        return True

    made = draft(project, after, ask=ask)
    (question,) = questions
    assert (question.code, question.default) == ("rename-value", True)
    assert made.renames == {"tasks.state.in work": "in progress"}
    round_trip(project, before, after)
    assert rows(database) == ["new", "done", "in progress"]


def test_reordered(project: Project, database: Database, checked: bool) -> None:
    before = state("new", "done", "x", checked=checked)
    after = state("done", "x", "new", checked=checked)
    start(project, database, before, ROWS)
    project.models = after
    with project.context() as alembic:
        found = alembic.diff()
    if checked:
        assert found.operations == ()
        return
    draft(project, after)
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]
    assert database.rows("SELECT id FROM tasks ORDER BY state") == [(2,), (1,)]


CONVENTION = (
    "SQLAlchemy(app, metadata=sa.MetaData(naming_convention={"
    "'ck': 'ck_%(table_name)s_%(constraint_name)s'}))"
)


@pytest.mark.parametrize("name", ["conventional", "none"])
def test_names_of_checks(project: Project, database: Database, name: str) -> None:
    if name == "conventional":
        project.head = project.head.replace("SQLAlchemy(app)", CONVENTION)
    before, after = (
        state(*labels, checked=True)
        if name != "none"
        else state(*labels, checked=True).replace(", name='state'", "")
        for labels in (("new", "done", "old"), ("fresh start", "done", "more"))
    )
    start(project, database, before, ROWS)
    draft(
        project,
        after,
        renames={"tasks.state.new": "fresh start", "tasks.state.old": "done"},
    )
    round_trip(project, before, after)
    assert rows(database) == ["fresh start", "done"]
    with pytest.raises(Exception, match=r"(?i)constraint"):
        database.execute("INSERT INTO tasks VALUES (5, 'new')")
    checks = sa.inspect(database.engine()).get_check_constraints("tasks")
    assert len(checks) == 1


@pytest.mark.needs("server")
def test_only_the_length(project: Project, database: Database) -> None:
    before, after = (
        state(*labels, checked=True).replace(", create_constraint=True", "")
        for labels in (("new", "done", "old"), ("new", "much longer"))
    )
    start(project, database, before, ROWS)
    draft(project, after)
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]


@pytest.mark.needs("ddl_commits")
def test_case(project: Project, database: Database, checked: bool) -> None:
    """To MariaDB the two are the same."""
    before, after = (
        state("New", "done", checked=checked),
        state("new", "done", checked=checked),
    )
    start(project, database, before, ROWS.replace("new", "New"))
    draft(project, after, renames={"tasks.state.New": "new"})
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]


def test_batch(project: Project, database: Database, checked: bool) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    before = TASKS.format(type="sa.String(20)", more=", server_default='new'")
    after = state("new", "done", more=", server_default='new'", checked=checked)
    start(project, database, before, ROWS)
    draft(project, after)
    round_trip(project, before, after)
    assert rows(database) == ["new", "done"]
    more = state("new", "done", "x", more=", server_default='x'", checked=checked)
    draft(project, more, "third")
    round_trip(project, after, more)


ASYNCHRONOUS = """
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase

from flask_alembic import Alembic

app = Flask(__name__)


class db:
    class Model(DeclarativeBase):
        pass
"""


@POSTGRESQL
def test_asynchronous(project: Project, database: Database) -> None:
    project.head = ASYNCHRONOUS
    url = database.asynchronous_url()
    project.setup = f"""
engines = {{"default": create_async_engine({url!r})}}
alembic = Alembic(app, metadatas=db.Model.metadata, engines=engines["default"])
"""
    before, after = state("new", "done"), state("fresh", "done", "closed")
    start(project, database, before, ROWS)
    draft(project, after, renames={"tasks.state.new": "fresh"})
    round_trip(project, before, after)
    assert rows(database) == ["fresh", "done"]


@POSTGRESQL
def test_gives_way_to_the_plugin(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What compares types on its own does so as soon as it is imported."""
    start(project, database, state("new", "done"), ROWS)
    project.models = state("new", "done", "closed")
    with project.context() as alembic:
        assert len(alembic.diff().operations) == 1
        plugin = modules.ModuleType("alembic_postgresql_enum")
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        assert alembic.diff().operations == ()


def test_column_with_a_check(project: Project, database: Database) -> None:
    column = "    state = sa.Column(sa.Enum('new', 'done', name='state', native_enum=False, create_constraint=True))\n"
    after = PLAIN + column
    start(project, database, PLAIN, "INSERT INTO notes VALUES (1)")
    draft(project, after)
    round_trip(project, PLAIN, after)
    draft(project, PLAIN, "third")
    round_trip(project, after, PLAIN)


def test_with_an_env_py(scripted: Scripted, database: Database, checked: bool) -> None:
    before = state("new", "old", checked=checked)
    after = state("fresh", "done", "closed", checked=checked)
    for file in scripted.migrations.rglob("[ab]*.py"):
        file.unlink()
    scripted.models = before
    assert scripted.invoke("migrate", "-m", "first").exit_code == 0
    assert scripted.invoke("upgrade").exit_code == 0
    database.execute(ROWS.replace("done", "old"))
    scripted.models = after
    options = ["--rename", "tasks.state.new=fresh", "--rename", "tasks.state.old=done"]
    done = scripted.invoke("migrate", "-m", "second", *options)
    assert done.exit_code == 0, done.stderr
    assert scripted.invoke("upgrade").exit_code == 0
    assert scripted.invoke("check").exit_code == 0
    assert rows(database) == ["fresh", "done"]
    assert scripted.invoke("downgrade").exit_code == 0
    assert rows(database) == ["new", "old"]

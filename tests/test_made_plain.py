"""Columns that are computed no more, or computed from now on: which values they have."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import start
from support.changing import text
from support.servers import Database

ITEM = """
class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    size = sa.Column(sa.Integer)
    twice = sa.Column(sa.Integer, sa.Computed("size * 2", persisted={stored}), comment="it's")
    __table_args__ = (
        sa.Index("ix_twice", "twice", "id"),
        sa.UniqueConstraint("id", "twice", name="uq_twice"),
        sa.CheckConstraint("twice > 0", name="ck_twice"),
    )
"""
ROWS = "INSERT INTO item (id, size) VALUES (1, 7), (2, 20)"
ALL = "SELECT id, twice FROM item ORDER BY id"
COMPUTED = ', sa.Computed("size * 2", persisted={stored})'
SIZE = "    size = sa.Column(sa.Integer)\n"


def item(*changes: tuple[str, str], stored: bool = True) -> str:
    """The model after some changes of its text."""
    models = ITEM.replace("{stored}", str(stored))
    for old, new in changes:
        old = old.replace("{stored}", str(stored))
        assert old in models
        models = models.replace(old, new)
    return models


def stored_and_not(database: Database) -> list[bool]:
    """How a database can keep computed values: stored or computed when they are read."""
    return [True] if database.kind == "postgresql" else [True, False]


def forth_and_back(project: Project, before: str, after: str, **choices: object) -> str:
    """Upgrade, and downgrade again; gives the revision."""
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second", **choices)
        alembic.upgrade()
        assert alembic.diff().operations == (), text(draft)
    return text(draft)


def back(project: Project, before: str) -> None:
    """Downgrade: the schema is the one that was there."""
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff().operations == ()


PLAIN = {
    "kept": [(COMPUTED, "")],
    "dropped": [(COMPUTED, ""), (SIZE, "")],
    "retyped": [(COMPUTED, ""), (SIZE, SIZE.replace("Integer", "String(20)"))],
    "renamed": [
        (f"twice = sa.Column(sa.Integer{COMPUTED}", "twice = sa.Column(sa.BigInteger"),
        (SIZE, '    length = sa.Column(sa.Integer, info={"was": "size"})\n'),
    ],
    "required": [(COMPUTED, ', nullable=False, server_default="7"')],
}


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("case", PLAIN)
def test_column_that_becomes_plain(
    project: Project, database: Database, case: str, stored: bool
) -> None:
    """It keeps its values, whatever becomes of what it was computed from."""
    if stored not in stored_and_not(database):
        pytest.skip("PostgreSQL stores what it computes")
    before = item(stored=stored)
    after = item(*PLAIN[case], stored=stored)
    start(project, database, before, ROWS)
    was = database.snapshot()["tables"]["item"]
    forth_and_back(project, before, after)
    assert database.rows(ALL) == [(1, 14), (2, 40)]
    database.execute("INSERT INTO item (id, twice) VALUES (3, 5)")
    assert database.rows(ALL)[-1] == (3, 5)
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        database.execute("INSERT INTO item (id, twice) VALUES (4, -1)")
    if case == "dropped":
        # A downgrade brings the column back, and not what stood in it.
        database.execute("DELETE FROM item")
    back(project, before)
    now = database.snapshot()["tables"]["item"]
    assert {k: now[k] for k in now if k != "columns"} == {
        k: was[k] for k in was if k != "columns"
    }
    if case != "dropped":
        assert database.rows(ALL) == [(1, 14), (2, 40), (3, None)]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("again", [False, True], ids=["there", "new"])
def test_column_that_becomes_computed(
    project: Project, database: Database, again: bool, stored: bool
) -> None:
    """A downgrade leaves what was computed, also if that was from a new column."""
    if stored not in stored_and_not(database):
        pytest.skip("PostgreSQL stores what it computes")
    changes = [(COMPUTED, ', server_default="9"')]
    if again:
        changes.append((SIZE, ""))
    before, after = item(*changes, stored=stored), item(stored=stored)
    start(
        project,
        database,
        before,
        ROWS if not again else ROWS.replace("size", "twice"),
    )
    was = database.snapshot()["tables"]["item"]
    written = forth_and_back(project, before, after)
    if again:
        assert database.rows(ALL) == [(1, None), (2, None)], written
        database.execute("UPDATE item SET size = id")
        expected = [(1, 2), (2, 4)]
    else:
        expected = [(1, 14), (2, 40)]
    assert database.rows(ALL) == expected
    back(project, before)
    assert database.rows(ALL) == expected
    now = database.snapshot()["tables"]["item"]
    assert {k: now[k] for k in now if k != "columns"} == {
        k: was[k] for k in was if k != "columns"
    }
    database.execute("INSERT INTO item (id) VALUES (3)")
    assert database.rows(ALL)[-1] == (3, 9)


def test_what_the_application_has_written_since(
    project: Project, database: Database
) -> None:
    """A downgrade drops the plain column: values that don't fit don't stop it."""
    computed = COMPUTED.replace("{stored}", "True")
    # MariaDB's computed columns can't be required.
    required = "" if database.kind == "mariadb" else ", nullable=False"
    before = item((COMPUTED, f"{computed}{required}"))
    after = item(
        (f"sa.Integer{computed}, comment", "sa.String(50), comment"),
        ('        sa.CheckConstraint("twice > 0", name="ck_twice"),\n', ""),
    )
    start(project, database, before, ROWS)
    forth_and_back(project, before, after)
    assert database.rows(ALL) == [(1, "14"), (2, "40")]
    database.execute(
        "INSERT INTO item (id, size, twice) VALUES (3, 1, 'three'), (4, 2, NULL)"
    )
    back(project, before)
    assert database.rows(ALL) == [(1, 14), (2, 40), (3, 2), (4, 4)]


def test_what_is_shown(project: Project, database: Database) -> None:
    before, after = item(), item((COMPUTED, ""))
    start(project, database, before, ROWS)
    project.models = after
    with project.context() as alembic:
        found = alembic.diff(sql=True)
    (operation,) = (x for x in found.operations if x.change == "modify default")
    assert operation.name == "item.twice"
    assert not any("column" in x.change for x in found.operations)
    assert operation.note.startswith("computed: ") and operation.note.endswith("none")
    statements = {
        "sqlite": "twice INTEGER",
        "postgresql": "ALTER TABLE item ALTER COLUMN twice DROP EXPRESSION",
        "mariadb": "ALTER TABLE item MODIFY twice INTEGER",
    }
    assert statements[database.kind] in found.sql["default"]
    assert "UPDATE" not in found.sql["default"]


def test_others_that_are_computed(project: Project, database: Database) -> None:
    """One column becomes plain, another one computed, and a third stays."""
    more = """
    less = sa.Column(sa.Integer{less})
    same = sa.Column(sa.Integer, sa.Computed("size + 1", persisted=True))
    __table_args__"""
    less = ', sa.Computed("size - 1", persisted=True)'
    before = item(("\n    __table_args__", more.replace("{less}", "")))
    after = item(("\n    __table_args__", more.replace("{less}", less)), (COMPUTED, ""))
    start(project, database, before, ROWS, "UPDATE item SET less = 100")
    change(project, before, after)
    query = "SELECT twice, less, same FROM item ORDER BY id"
    assert database.rows(query) == [(14, 6, 8), (40, 19, 21)]
    back(project, before)
    assert database.rows(query) == [(14, 6, 8), (40, 19, 21)]


@pytest.mark.parametrize("stored", [True, False])
def test_computed_from_each_other(
    project: Project, database: Database, stored: bool
) -> None:
    """All of them become plain, and go from the last to the first."""
    if database.kind == "postgresql":
        pytest.skip("PostgreSQL computes from plain columns only")
    more = """
    more = sa.Column(sa.Integer, sa.Computed("twice + 1", persisted={stored}))
    __table_args__""".replace("{stored}", str(stored))
    before = item(("\n    __table_args__", more), stored=stored)
    after = before.replace(f', sa.Computed("twice + 1", persisted={stored})', "")
    after = after.replace(COMPUTED.replace("{stored}", str(stored)), "")
    start(project, database, before, ROWS)
    change(project, before, after)
    query = "SELECT twice, more FROM item ORDER BY id"
    assert database.rows(query) == [(14, 15), (40, 41)]
    # The other way round as well.
    change(project, after, before, rev_id="third")
    assert database.rows(query) == [(14, 15), (40, 41)]


ENUM = """
def kind(name="state", values={labels!r}):
    return sa.Enum(*values, name=name, create_constraint=True)

class Task(db.Model):
    __tablename__ = "tasks"
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column(kind())
    size = sa.Column(sa.Integer, server_default="2")
    open = sa.Column(sa.Boolean, sa.Computed("state = 'gone' OR state = 'new'", persisted=True), index=True)
    later = sa.Column(kind({name}), sa.Computed("CASE WHEN size > 1 THEN state END", persisted=True))
    __table_args__ = (sa.CheckConstraint("size > 0 OR open", name="ck_open"),)
"""
BOTH = (
    """, sa.Computed("state = 'gone' OR state = 'new'", persisted=True)""",
    ', sa.Computed("CASE WHEN size > 1 THEN state END", persisted=True)',
)


def tasks(*labels: str, name: str = "", without: tuple[str, ...] = ()) -> str:
    """The model, with the values of its type, and without some expressions."""
    models = ENUM.format(labels=labels, name=name)
    for expression in without:
        assert expression in models
        models = models.replace(expression, "")
    return models


@pytest.mark.parametrize("without", [BOTH, BOTH[:1], BOTH[1:]])
def test_value_that_goes(
    project: Project, database: Database, without: tuple[str, ...]
) -> None:
    """Values are those from before, though a value that they were computed with goes."""
    # The name of a check is one column's, the name of a type may be several columns'.
    name = "" if database.kind == "postgresql" else "'later'"
    before = tasks("new", "gone", "done", name=name)
    after = tasks("fresh", "done", name=name, without=without)
    if BOTH[0] not in without:
        after = after.replace("state = 'gone' OR state = 'new'", "state = 'fresh'")
    start(
        project,
        database,
        before,
        "INSERT INTO tasks (id, state, size) VALUES (1, 'new', 1), (2, 'done', 2),"
        " (3, 'gone', 2)",
    )
    labels = {"tasks.state.new": "fresh", "tasks.state.gone": "done"}
    if BOTH[1] in without and database.kind != "postgresql":
        labels |= {key.replace("state", "later"): to for key, to in labels.items()}
    change(project, before, after, renames=labels)
    rows = database.rows("SELECT id, state, open, later FROM tasks ORDER BY id")
    is_open = [True, False, BOTH[0] in without]
    assert [row[1] for row in rows] == ["fresh", "done", "done"]
    assert [row[3] for row in rows] == [None, "done", "done"]
    # A downgrade, which knows no row with the value that went, came between.
    assert [bool(row[2]) for row in rows][:2] == is_open[:2]


@pytest.mark.needs("schemas")
@pytest.mark.parametrize("batches", [False, True])
def test_value_that_goes_and_new_names(
    project: Project, database: Database, batches: bool
) -> None:
    """The type, the columns and their expressions at once, in batches as well."""
    before = tasks("new", "gone", "done")
    after = tasks("fresh", "done", without=BOTH)
    for old, new in (("open = sa", "is_open = sa"), ("OR open", "OR is_open")):
        after = after.replace(old, new)
    after = after.replace("later = sa", "last = sa").replace("tasks", "jobs")
    if batches:
        project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    start(
        project,
        database,
        before,
        "INSERT INTO tasks (id, state, size) VALUES (1, 'new', 1), (2, 'done', 2)",
        "CREATE VIEW many AS SELECT id FROM tasks WHERE size > 1",
    )
    renames = {
        "tasks": "jobs",
        "tasks.open": "is_open",
        "tasks.later": "last",
        "tasks.state.new": "fresh",
        "tasks.state.gone": "done",
    }
    draft = change(project, before, after, renames=renames)
    query = "SELECT state::text, is_open, last::text FROM jobs ORDER BY id"
    assert database.rows(query) == [("fresh", True, None), ("done", False, "done")], (
        text(draft)
    )


PARENT = """
class Parent(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    number = sa.Column(sa.Integer, nullable=False)
    code = sa.Column(sa.Integer, sa.Computed("number + 100", persisted=True), unique=True)

class Child(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    code = sa.Column(sa.ForeignKey("parent.code"))
"""


def test_column_that_others_refer_to(project: Project, database: Database) -> None:
    after = PARENT.replace(', sa.Computed("number + 100", persisted=True)', "")
    after = after.replace("    number = sa.Column(sa.Integer, nullable=False)\n", "")
    start(
        project,
        database,
        PARENT,
        "INSERT INTO parent (id, number) VALUES (1, 1), (2, 2)",
        "INSERT INTO child (id, code) VALUES (1, 101)",
    )
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second")
        alembic.upgrade()
        assert alembic.diff().operations == (), text(draft)
    assert database.rows("SELECT id, code FROM parent ORDER BY id") == [
        (1, 101),
        (2, 102),
    ]
    assert database.rows("SELECT code FROM child") == [(101,)]
    if database.kind != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            database.execute("INSERT INTO child (id, code) VALUES (2, 7)")

"""Enums that computed columns are computed from, or that they are of."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import start
from support.changing import text
from support.servers import Database

POSTGRESQL = pytest.mark.needs("schemas")

MODELS = """
kind = sa.Enum(*{labels!r}, name="state", schema={schema!r})

class Task(db.Model):
    __tablename__ = "tasks"
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column(kind, server_default="new")
    open = sa.Column(sa.Boolean, sa.Computed({open!r}, persisted=True), comment="it's")
    number = sa.Column(
        sa.Integer, sa.Computed({number!r}, persisted=True), nullable=False
    )
    later = sa.Column(
        kind, sa.Computed("CASE WHEN id > 1 THEN state END", persisted=True), index=True
    )
    parent = sa.Column(sa.Integer)
    __table_args__ = (
        sa.Index("ix_open", "id", postgresql_where=sa.text({where!r})),
        sa.UniqueConstraint("number", name="uq_number"),
        sa.UniqueConstraint("open", "id", name="uq_open"),
        sa.CheckConstraint({check!r}, name="ck_open"),
        sa.ForeignKeyConstraint(
            ["parent"], [{parent!r}], name="fk_parent", ondelete="SET NULL"
        ),
        {{"schema": {schema!r}}},
    )

class Note(db.Model):
    __tablename__ = "notes"
    id = sa.Column(sa.Integer, primary_key=True)
    mood = sa.Column(kind)
    many = sa.Column(sa.ARRAY(kind))
    happy = sa.Column(sa.Boolean, sa.Computed("mood = 'new'", persisted=True))
"""


def models(
    *labels: str,
    open: str = "state = 'new'",
    check: str = "open OR id > 0 OR state = 'new'",
    where: str = "open AND state <> 'new'",
    number: str = "CASE WHEN state = 'done' THEN -id ELSE id END",
    schema: str | None = None,
) -> str:
    """The models, with an enum of these values in two tables."""
    target = f"{schema}.tasks.number" if schema else "tasks.number"
    return MODELS.format(
        labels=labels,
        open=open,
        check=check,
        where=where,
        number=number,
        schema=schema,
        parent=target,
    )


def begin(
    project: Project, database: Database, before: str, schema: str | None = None
) -> None:
    """Make the tables and fill them; another table without a model refers to one."""
    prefix = f"{schema}." if schema else ""
    if schema:
        database.execute(f"CREATE SCHEMA {schema}")
        project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    start(
        project,
        database,
        before,
        f"INSERT INTO {prefix}tasks (id, state, parent) VALUES (1, 'new', NULL),"
        " (2, 'done', 1), (3, 'new', -2)",
        "INSERT INTO notes (id, mood) VALUES (1, 'new'), (2, 'done')",
        "CREATE TABLE foreigners (number integer)",
        "ALTER TABLE foreigners ADD CONSTRAINT fk_other FOREIGN KEY"
        f" (number) REFERENCES {prefix}tasks (number) MATCH FULL ON DELETE CASCADE"
        " DEFERRABLE INITIALLY DEFERRED NOT VALID",
        "INSERT INTO foreigners VALUES (3), (NULL)",
    )


DEFINITIONS = """
SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid::regclass::text IN ('tasks', 'work.tasks', 'foreigners')
 AND contype IN ('c', 'f', 'p', 'u')
UNION SELECT indexname::text, indexdef FROM pg_indexes
WHERE tablename = 'tasks' ORDER BY 1, 2"""


@pytest.mark.parametrize("schema", [None, "work"])
@POSTGRESQL
def test_value_that_goes(
    project: Project, database: Database, schema: str | None
) -> None:
    """What is computed has the same expression; all that is around it comes back."""
    before = models("new", "gone", "done", schema=schema)
    after = models("done", "new", schema=schema)
    begin(project, database, before, schema)
    was = database.rows(DEFINITIONS)
    change(project, before, after)
    assert database.rows(DEFINITIONS) == was
    table = f"{schema}.tasks" if schema else "tasks"
    query = f"SELECT open, number, later::text, parent FROM {table} ORDER BY id"
    assert database.rows(query) == [
        (True, 1, None, None),
        (False, -2, "done", 1),
        (True, 3, "new", -2),
    ]
    assert database.rows("SELECT happy FROM notes ORDER BY id") == [(True,), (False,)]
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    assert database.rows(DEFINITIONS) == was


@pytest.mark.parametrize("schema", [None, "work"])
@POSTGRESQL
def test_expression_with_the_value_that_goes(
    project: Project, database: Database, schema: str | None
) -> None:
    """What the model says comes back, and the old one with a downgrade."""
    before = models(
        "new",
        "gone",
        "done",
        open="state IN ('new', 'gone')",
        check="open OR state <> 'gone'",
        where="open AND state <> 'gone'",
        number="CASE WHEN state IN ('done', 'gone') THEN -id ELSE id END",
        schema=schema,
    )
    after = models(
        "fresh",
        "new",
        "done",
        open="state IN ('new', 'fresh')",
        check="open OR state <> 'fresh'",
        where="open AND state <> 'fresh'",
        number="CASE WHEN state NOT IN ('new', 'fresh') THEN -id ELSE id END",
        schema=schema,
    )
    begin(project, database, before, schema)
    was = database.rows(DEFINITIONS)
    project.models = after
    with project.context() as alembic:
        shown = alembic.diff(sql=True).sql["default"]
    assert shown.count("DROP COLUMN open") == shown.count("ADD COLUMN open") == 1
    draft = change(project, before, after)
    left = [row for row in database.rows(DEFINITIONS) if row not in was]
    assert [name for name, _ in left] == ["ck_open", "ix_open"], text(draft)
    assert all("'fresh'" in sql for _, sql in left)
    table = f"{schema}.tasks" if schema else "tasks"
    query = f"SELECT open FROM {table} ORDER BY id"
    assert database.rows(query) == [(True,), (False,), (True,)]
    database.execute(f"INSERT INTO {table} (id, state) VALUES (4, 'fresh')")
    assert database.rows(query)[-1] == (True,)
    database.execute(f"DELETE FROM {table} WHERE id = 4")
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    assert database.rows(DEFINITIONS) == was
    assert database.rows(query) == [(True,), (False,), (True,)]


@POSTGRESQL
def test_value_that_comes(project: Project, database: Database) -> None:
    """Only the downgrade makes the type anew."""
    before = models("new", "done")
    after = models("new", "done", "fresh", open="state IN ('new', 'fresh')")
    begin(project, database, before)
    was = database.rows(DEFINITIONS)
    change(project, before, after)
    assert database.rows(DEFINITIONS) == was
    database.execute("INSERT INTO tasks (id, state) VALUES (4, 'fresh')")
    assert database.rows("SELECT open FROM tasks WHERE id = 4") == [(True,)]


@POSTGRESQL
def test_renamed(project: Project, database: Database) -> None:
    """Values, columns and the table, with a value that goes out of an expression."""
    before = models("new", "gone", "done", open="state IN ('new', 'gone')")
    after = models("fresh", "done", open="status = 'fresh'").replace(
        '"tasks"', '"jobs"'
    )
    after = after.replace("'tasks.number'", "'jobs.number'")
    after = after.replace("state = sa.Column(kind", "status = sa.Column(kind", 1)
    for old, new in (
        ("'new'", "'fresh'"),
        ('"new"', '"fresh"'),
        ("WHEN state", "WHEN status"),
        ("THEN state", "THEN status"),
        ("OR state", "OR status"),
        ("AND state", "AND status"),
        ("open = sa", "is_open = sa"),
        ('("open"', '("is_open"'),
        ("open OR", "is_open OR"),
        ("open AND", "is_open AND"),
    ):
        after = after.replace(old, new)
    begin(project, database, before)
    change(
        project,
        before,
        after,
        renames={
            "tasks": "jobs",
            "tasks.state": "status",
            "tasks.open": "is_open",
            "tasks.state.new": "fresh",
        },
    )
    assert database.rows(
        "SELECT is_open, number, later::text FROM jobs ORDER BY id"
    ) == [
        (True, 1, None),
        (False, -2, "done"),
        (True, 3, "fresh"),
    ]


@POSTGRESQL
def test_only_a_new_name_of_a_value(project: Project, database: Database) -> None:
    """What is computed from it is the same; another expression is another one."""
    before = models("new", "done")
    where = "open AND state IN ('new', 'done')"
    after = models("fresh", "done", open="state <> 'done'", where=where)
    after = after.replace("'new'", "'fresh'").replace('"new"', '"fresh"')
    begin(project, database, before)
    draft = change(project, before, after, renames={"tasks.state.new": "fresh"})
    assert {f.where for f in draft.findings if f.code == "computed"} == set()
    assert "number" not in text(draft)
    assert database.rows("SELECT open FROM tasks ORDER BY id") == [
        (True,),
        (False,),
        (True,),
    ]


@POSTGRESQL
def test_computed_column_that_goes_and_one_that_comes(
    project: Project, database: Database
) -> None:
    before = models("new", "gone", "done", open="state = 'gone'")
    after = models("done", "new", "fresh").replace("open = sa", "shut = sa", 1)
    after = after.replace("Computed(\"state = 'new'\"", "Computed(\"state = 'fresh'\"")
    after = after.replace('"open"', '"shut"').replace("open OR", "shut OR")
    after = after.replace("open AND", "shut AND")
    begin(project, database, before)
    change(project, before, after, renames=False)
    query = "SELECT shut FROM tasks ORDER BY id"
    assert database.rows(query) == [(False,), (False,), (False,)]


@POSTGRESQL
def test_view_of_what_changes(project: Project, database: Database) -> None:
    """The draft says for whom the columns stay, and stops."""
    begin(project, database, models("new", "gone", "done"))
    database.execute("CREATE VIEW opened AS SELECT id FROM tasks WHERE open")
    project.models = models("new", "done")
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second")
        (finding,) = (f for f in draft.findings if f.code == "in-use")
        assert "view opened" in finding.message and finding.where == "tasks.open"
        with pytest.raises(RuntimeError, match=r"view opened needs tasks\.open"):
            alembic.upgrade()
        database.execute("DROP VIEW opened")
        alembic.upgrade()
        assert alembic.diff().operations == ()


TYPES = """
class Task(db.Model):
    __tablename__ = "tasks"
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column(sa.{type}, server_default="new")
    open = sa.Column(sa.Boolean, sa.Computed("state = 'new'", persisted=True), index=True)
    __table_args__ = (
        sa.CheckConstraint("state <> 'done' OR NOT open", name="ck_open"),
        sa.CheckConstraint("state <> 'done' OR id > 0", name="ck_state"),
        sa.Index("ix_new", "id", postgresql_where=sa.text("state = 'new'")),
    )
"""


@pytest.mark.parametrize(
    "types",
    [
        ("String(20)", "Enum('new', 'done', name='state')"),
        ("Enum('new', 'done', name='state')", "Enum('done', 'new', name='other')"),
    ],
    ids=["text", "other"],
)
@POSTGRESQL
def test_another_type(
    project: Project, database: Database, types: tuple[str, str]
) -> None:
    before, after = (TYPES.format(type=type_) for type_ in types)
    start(
        project,
        database,
        before,
        "INSERT INTO tasks (id, state) VALUES (1, 'new'), (2, 'done')",
    )
    change(project, before, after)
    assert database.rows("SELECT open FROM tasks ORDER BY id") == [(True,), (False,)]


LISTED = """
class Task(db.Model):
    __tablename__ = "tasks"
    id = sa.Column(sa.Integer, primary_key=True)
    state = sa.Column(sa.Enum(*{labels!r}), server_default="new")
    open = sa.Column(sa.Boolean, sa.Computed("state = '{open}'", persisted=True), index=True)
"""


@pytest.mark.needs("ddl_commits")
def test_listed_in_the_column(project: Project, database: Database) -> None:
    """MariaDB's columns let what they are computed from change."""
    before = LISTED.format(labels=("new", "gone", "done"), open="gone")
    after = LISTED.format(labels=("done", "new", "fresh"), open="new")
    start(
        project,
        database,
        before,
        "INSERT INTO tasks (id, state) VALUES (1, 'new'), (2, 'done')",
    )
    change(project, before, after)
    assert database.rows("SELECT open FROM tasks ORDER BY id") == [(1,), (0,)]


SEVERAL = """
kind = sa.Enum(*{labels!r}, name="State Of")
other = sa.Enum(*{others!r}, name="other")

class Order(db.Model):
    __tablename__ = "Order"
    id = sa.Column("Id", sa.Integer, primary_key=True)
    state = sa.Column("State", kind, server_default="it's 5%")
    second = sa.Column(kind)
    many = sa.Column(sa.ARRAY(kind))
    third = sa.Column(other)
    both = sa.Column("Both", sa.Boolean, sa.Computed({both!r}, persisted=True))
    alike = sa.Column(sa.Boolean, sa.Computed('"State" = second', persisted=True))
    among = sa.Column(sa.Boolean, sa.Computed({among!r}, persisted=True))
    word = sa.Column(
        sa.String(20, collation="C"),
        sa.Computed("CASE WHEN second IS NULL THEN 'none' END", persisted=True),
    )
    __table_args__ = (
        sa.CheckConstraint('"State" <> second', name="ck: differ"),
        sa.UniqueConstraint("second", name="uq_second"),
        sa.Index("ix Both", "Id", postgresql_where=sa.text({where!r})),
        sa.ForeignKeyConstraint(["State"], ["Order.second"], name="fk_state"),
    )
"""


@POSTGRESQL
def test_several_types(project: Project, database: Database) -> None:
    """Of one column, with arrays, keys and names of all kinds."""
    before = SEVERAL.format(
        labels=("a:b", "it's 5%", "gone"),
        others=("x", "y", "z"),
        both="\"State\" = 'it''s 5%' OR third = 'z'",
        among="second = ANY (many)",
        where="\"Both\" AND third = 'y'",
    )
    after = SEVERAL.format(
        labels=("it's 5%", "a:b", "new: 6%"),
        others=("y", "x"),
        both="\"State\" IN ('it''s 5%', 'new: 6%') OR third = 'y'",
        among="second = ANY (many) OR \"State\" = 'new: 6%'",
        where="\"Both\" AND third <> 'x'",
    )
    start(
        project,
        database,
        before,
        """INSERT INTO "Order" VALUES (1, NULL, 'it''s 5%%', '{}', 'y'),
        (2, 'it''s 5%%', 'a:b', '{a:b}', 'x')""",
    )
    change(project, before, after)
    collation = (
        "SELECT collation_name FROM information_schema.columns"
        " WHERE table_name = 'Order' AND column_name = 'word'"
    )
    assert database.rows(collation) == [("C",)]
    query = """SELECT "Both", alike, among FROM "Order" ORDER BY "Id\""""
    assert database.rows(query) == [(True, None, None), (True, False, True)]


PARTED = """
class Log(db.Model):
    __tablename__ = "logs"
    id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    state = sa.Column(sa.Enum(*{labels!r}, name="state"))
    open = sa.Column(
        sa.Boolean, sa.Computed("state = 'new'", persisted=True), index=True
    )
    __table_args__ = {{"postgresql_partition_by": "RANGE (id)"}}
"""


@POSTGRESQL
def test_partitions(project: Project, database: Database) -> None:
    """They get the column with its index again, too."""
    before, after = (
        PARTED.format(labels=labels)
        for labels in (("new", "gone", "done"), ("new", "done"))
    )
    project.config["ALEMBIC_IGNORE_TABLES"] = ["logs_*"]
    start(
        project,
        database,
        before,
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10)",
        "INSERT INTO logs (id, state) VALUES (1, 'new')",
    )
    change(project, before, after)
    assert database.rows("SELECT open FROM logs_1") == [(True,)]
    indexes = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%%logs_1%%(open)'"
    assert database.rows(indexes) == [(1,)]

"""Computed columns, and changes of what they are computed from."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import codes
from support.changing import start
from support.servers import Database

ITEM = """
class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    {name} = sa.Column(sa.{type})
    other = sa.Column(sa.Integer)
    total = sa.Column(sa.Integer, sa.Computed("{name} * 2", persisted=True), comment="it's"{more})
    summed = sa.Column(sa.Integer, sa.Computed("{name} + other", persisted=True), index=True)
    apart = sa.Column(sa.Integer, sa.Computed("other + 1", persisted=True))
    __table_args__ = (
        sa.Index("ix_total", "other", "total"),
        sa.UniqueConstraint("total", "other", name="uq_total"),
        sa.CheckConstraint("total > other", name="more"),
    )
"""
ROWS = "INSERT INTO item (id, number, other) VALUES (1, 7, 3), (2, 20, 4)"


def item(type_: str = "Integer", name: str = "number", more: str = "") -> str:
    """The model, with another type of the column that others are computed from."""
    return ITEM.format(type=type_, name=name, more=more)


def objects(database: Database) -> dict[str, object]:
    """What a table has beside its columns."""
    found = dict(database.snapshot()["tables"]["item"])
    del found["columns"]
    return found


def test_type_of_what_others_are_computed_from(
    project: Project, database: Database
) -> None:
    start(project, database, item(), ROWS)
    before = objects(database)
    draft = change(project, item(), item("BigInteger"))
    assert objects(database) == before
    replaced = {f.where for f in draft.findings if f.code == "computed"}
    assert replaced == (
        {"item.total", "item.summed"} if database.kind == "postgresql" else set()
    )
    rows = "SELECT total, summed, apart FROM item ORDER BY id"
    assert database.rows(rows) == [(14, 10, 4), (40, 24, 5)]
    database.execute("INSERT INTO item (id, number, other) VALUES (3, 1, 1)")
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        database.execute("UPDATE item SET other = 99 WHERE id = 3")


def test_type_and_name_of_what_others_are_computed_from(
    project: Project, database: Database
) -> None:
    """With another expression, and a constraint that goes and one that comes."""
    start(project, database, item(), ROWS)
    after = item("Numeric(8, 2)", "amount", ", unique=True")
    after = after.replace(
        "Column(sa.Numeric(8, 2)", 'Column(sa.Numeric(8, 2), info={"was": "number"}'
    )
    after = after.replace('"amount * 2"', '"amount * 3"')
    after = after.replace("total > other", "total > -other")
    change(project, item(), after)
    assert database.rows("SELECT amount, total FROM item ORDER BY id") == [
        (7, 21),
        (20, 60),
    ]


def test_computed_columns_come_and_go_with_a_type(
    project: Project, database: Database
) -> None:
    lines = item().splitlines(keepends=True)
    old = "".join(line for line in lines if "summed" not in line)
    new = "".join(x for x in lines if "total" not in x).replace(
        "Integer)\n", "BigInteger)\n", 1
    )
    assert "BigInteger" in new and "summed" in new
    new = new.replace("BigInteger)\n    other", "Integer)\n    other")
    start(project, database, old, ROWS)
    change(project, old, new)


VIEW = "CREATE VIEW large AS SELECT id, number FROM item WHERE other > 3"


def test_view_of_a_column_that_changes(project: Project, database: Database) -> None:
    """Only PostgreSQL keeps the type; then the draft says for whom, and stops."""
    start(project, database, item(), ROWS, VIEW)
    project.models = item("BigInteger")
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second")
        if database.kind != "postgresql":
            assert "in-use" not in codes(draft)
            alembic.upgrade()
            assert alembic.diff().operations == ()
            assert database.rows("SELECT id, number FROM large") == [(2, 20)]
            return
        (finding,) = (f for f in draft.findings if f.code == "in-use")
        assert "view large" in finding.message and finding.where == "item.number"
        with pytest.raises(RuntimeError, match=r"view large needs item\.number"):
            alembic.upgrade()
    database.execute("DROP VIEW large")
    with project.context() as alembic:
        alembic.upgrade()
        assert alembic.diff().operations == ()


TWICE = 'sa.Computed("number * 2", persisted=True)'
KIND = """
    kind = sa.Column(
        sa.Enum("few", "many", name="kind", native_enum=False, create_constraint=True),
        sa.Computed("CASE WHEN number > 9 THEN 'many' ELSE 'few' END", persisted=True),
    )
    __table_args__ = ("""
ALTERED = {
    "type": ("total = sa.Column(sa.Integer", "total = sa.Column(sa.BigInteger"),
    "text": ("total = sa.Column(sa.Integer", "total = sa.Column(sa.String(20)"),
    "comment": ('comment="it\'s"', 'comment="its"'),
    "values": ('"few", "many"', '"few", "some", "many"'),
    "values and expression": (
        '"few", "many", name="kind", native_enum=False, create_constraint=True),\n'
        '        sa.Computed("CASE WHEN number > 9',
        '"few", "some", "many", name="kind", native_enum=False,'
        ' create_constraint=True),\n        sa.Computed("CASE WHEN number > 8',
    ),
}


@pytest.mark.parametrize("case", ALTERED)
def test_computed_column_that_changes(
    project: Project, database: Database, case: str
) -> None:
    """What is computed is computed anew where it can't be altered."""
    if case == "comment" and database.kind == "sqlite":
        pytest.skip("SQLite has no comments")
    before = item().replace("\n    __table_args__ = (", KIND)
    if case == "text":
        before = before.replace('sa.CheckConstraint("total > other", name="more"),', "")
    old, new = ALTERED[case]
    assert old in before
    start(project, database, before, ROWS)
    was = objects(database)
    draft = change(project, before, before.replace(old, new))
    assert codes(draft) == [] or case == "text"
    rows = database.rows("SELECT total, kind FROM item ORDER BY id")
    assert [(int(total), kind) for total, kind in rows] == [(14, "few"), (40, "many")]
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    assert objects(database) == was
    with pytest.raises(Exception, match=r"(?i)generated|computed"):
        database.execute("UPDATE item SET kind = 'few'")

"""Primary keys get other columns, come and go, with rows and keys that refer to them."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import codes
from support.changing import start
from support.changing import text
from support.servers import Database

ITEM = """
class Item(db.Model):
    code = sa.Column(sa.String(20){code})
    number = sa.Column(sa.Integer{number})
    note = sa.Column(sa.String(20){note})
    __table_args__ = ({more})
"""
ROWS = ("INSERT INTO item (code, number, note) VALUES ('a', 1, 'x'), ('b', 2, 'y')",)
KEY = ", primary_key=True"
REQUIRED = ", nullable=False"


def item(code: str = "", number: str = "", note: str = "", more: str = "") -> str:
    """The model, with more in some places."""
    return ITEM.format(code=code, number=number, note=note, more=more)


def key(database: Database, table: str = "item") -> list[str]:
    found = database.snapshot()["tables"][table]["primary key"]
    return list(found["constrained_columns"])


def rows(database: Database) -> list[tuple[object, ...]]:
    return database.rows("SELECT code, number, note FROM item ORDER BY code")


CHANGES = {
    "a column comes in that could be null": (
        item(KEY, ", nullable=True"),
        item(KEY, "", ", primary_key=True"),
        ["code", "note"],
    ),
    "a column goes out": (item(KEY, KEY), item(KEY), ["code"]),
    "another order": (
        item(REQUIRED, REQUIRED, "", "sa.PrimaryKeyConstraint('code', 'number'),"),
        item(REQUIRED, REQUIRED, "", "sa.PrimaryKeyConstraint('number', 'code'),"),
        ["number", "code"],
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_keys_change(project: Project, database: Database, kind: str) -> None:
    before, after, columns = CHANGES[kind]
    start(project, database, before, *ROWS)
    was, there = key(database), rows(database)
    change(project, before, after)
    assert key(database) == columns
    assert rows(database) == there
    with project.context() as alembic:
        alembic.downgrade()
    assert key(database) == was
    assert rows(database) == there


def test_new_counting_key(project: Project, database: Database) -> None:
    """The usual one: rows that are there get a number, new ones go on from there."""
    after = "    id = sa.Column(sa.Integer, primary_key=True)\n"
    before = item(KEY)
    new = item(", unique=True, nullable=False").replace(
        "    code", f"{after}    code", 1
    )
    start(project, database, before, *ROWS)
    change(project, before, new)
    database.execute("INSERT INTO item (code) VALUES ('c')")
    assert database.rows("SELECT id, code FROM item WHERE code = 'c'") == [(3, "c")]
    assert {row[0] for row in database.rows("SELECT id FROM item")} == {1, 2, 3}


@pytest.mark.parametrize("said", ["--default", "sqlite_autoincrement"])
def test_new_counting_key_and_a_required_column(
    project: Project, database: Database, said: str
) -> None:
    """The rows get a number and a value; a rebuild finds both there."""
    before = item(KEY)
    columns = (
        "    id = sa.Column(sa.Integer, primary_key=True)\n"
        "    size = sa.Column(sa.Integer, nullable=False)\n"
    )
    more = '{"sqlite_autoincrement": True}' if said.startswith("sqlite") else ""
    new = item(REQUIRED, more=more).replace("    code", f"{columns}    code", 1)
    start(project, database, before, *ROWS)
    change(project, before, new, defaults={"item.size": "7"})
    database.execute("INSERT INTO item (code, size) VALUES ('c', 8)")
    found = database.rows("SELECT id, code, size FROM item ORDER BY code")
    assert found[-1] == (3, "c", 8)
    assert {row[0] for row in found} == {1, 2, 3}
    assert [row[1:] for row in found[:2]] == [("a", 7), ("b", 7)]
    if database.kind == "sqlite":
        ((sql,),) = database.rows("SELECT sql FROM sqlite_master WHERE name = 'item'")
        assert ("AUTOINCREMENT" in sql) == bool(more)
    with pytest.raises(Exception, match=r"(?i)null|default"):
        database.execute("INSERT INTO item (code) VALUES ('d')")


def test_existing_column_counts_from_now_on(
    project: Project, database: Database
) -> None:
    before, after = item(KEY, REQUIRED), item("", KEY)
    start(project, database, before, *ROWS)
    draft = change(project, before, after)
    assert key(database) == ["number"]
    # A column that is SQLite's whole key always counts.
    assert ("counts" in codes(draft)) == database.can("server")
    database.execute("INSERT INTO item (code) VALUES ('c')")
    assert database.rows("SELECT number FROM item WHERE code = 'c'") == [(3,)]


TABLE = """
links = sa.Table(
    "links",
    db.metadata,
    sa.Column("a", sa.Integer, nullable=False{}),
    sa.Column("b", sa.Integer, nullable=False{}),
)
"""


def test_key_is_made_and_dropped(project: Project, database: Database) -> None:
    models = [TABLE.format(*more) for more in (("", ""), (KEY, KEY))]
    start(
        project, database, models[0], "INSERT INTO links (a, b) VALUES (1, 1), (1, 2)"
    )
    change(project, *models)
    assert key(database, "links") == ["a", "b"]
    project.models = models[0]
    with project.context() as alembic:
        alembic.revision("third", rev_id="third")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    assert key(database, "links") == []
    assert len(database.rows("SELECT * FROM links")) == 2


FAMILY = """
class Parent(db.Model):
    id = sa.Column(sa.Integer, {parent}, autoincrement=False)
    part = sa.Column(sa.Integer, {part}, server_default="0")


class Child(db.Model):
    parent_id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    number = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    part = sa.Column(sa.Integer, server_default="0")
    __table_args__ = ({key},)
"""
FAMILY_ROWS = (
    "INSERT INTO parent (id, part) VALUES (1, 0), (2, 0)",
    "INSERT INTO child (parent_id, number) VALUES (1, 5), (2, 6)",
)
SINGLE = "sa.ForeignKeyConstraint(['parent_id'], ['parent.id'], name='fk_child')"
DOUBLE = (
    "sa.ForeignKeyConstraint(['parent_id', 'part'], ['parent.id', 'parent.part'],"
    " name='fk_both')"
)


def family(parent: str, part: str, key: str) -> str:
    """Two models; the first one's key, and the second one's that refers to it."""
    return FAMILY.format(parent=parent, part=part, key=key)


def keys_refer(database: Database) -> None:
    """The foreign key works: it was made again, or changed with the primary key."""
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        database.execute(
            *(["PRAGMA foreign_keys=ON"] if database.kind == "sqlite" else []),
            "INSERT INTO child (parent_id, number, part) VALUES (9, 9, 0)",
        )


GRANDCHILD = """

class Aunt(db.Model):
    id = sa.Column(sa.ForeignKey("uncle.id"), primary_key=True)


class Uncle(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    parent_id = sa.Column(sa.Integer)
    part = sa.Column(sa.Integer, index=True)
    __table_args__ = (
        sa.ForeignKeyConstraint(["parent_id", "part"], ["parent.id", "parent.part"]),
    )
"""


def test_foreign_keys_change_along(project: Project, database: Database) -> None:
    """One of a table that is there, and one of a new table that another one needs."""
    before = family("primary_key=True", "nullable=False", SINGLE)
    after = family("primary_key=True", "primary_key=True", DOUBLE) + GRANDCHILD
    start(project, database, before, *FAMILY_ROWS)
    change(project, before, after)
    assert key(database, "parent") == ["id", "part"]
    keys_refer(database)


def test_foreign_key_stays(project: Project, database: Database) -> None:
    """What it refers to is unique in another way."""
    before = family("primary_key=True", "nullable=False", SINGLE)
    after = family("unique=True, nullable=False", "primary_key=True", SINGLE)
    start(project, database, before, *FAMILY_ROWS, "UPDATE parent SET part = id")
    change(project, before, after)
    keys_refer(database)


@pytest.mark.needs("server")
def test_foreign_key_is_left_without(project: Project, database: Database) -> None:
    """Nothing is changed then: the models contradict each other."""
    before = family("primary_key=True", "nullable=False", SINGLE)
    after = family("nullable=False", "primary_key=True", SINGLE)
    start(project, database, before, *FAMILY_ROWS, "UPDATE parent SET part = id")
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second")
        (finding,) = (f for f in draft.findings if f.code == "referred")
        assert "fk_child" in finding.message
        with pytest.raises(RuntimeError, match="fk_child of child"):
            alembic.upgrade()
    assert key(database, "parent") == ["id"]


def test_rows_that_are_not_unique(project: Project, database: Database) -> None:
    before, after = item(KEY, REQUIRED), item(REQUIRED, KEY)
    more = "INSERT INTO item (code, number) VALUES ('c', 2)"
    start(project, database, before, *ROWS, more)
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second")
        (finding,) = (f for f in draft.findings if f.code == "not-unique")
        assert finding.where == "item" and "number" in finding.message
        with pytest.raises(RuntimeError, match="the same number"):
            alembic.upgrade()
    assert key(database) == ["code"]
    database.execute("DELETE FROM item WHERE code = 'c'")
    with project.context() as alembic:
        alembic.upgrade()
        assert alembic.diff().operations == ()
    assert key(database) == ["number"]


def test_names_change_along(project: Project, database: Database) -> None:
    before = item(KEY, REQUIRED)
    after = item(KEY, KEY).replace(
        "number = sa.Column(sa.Integer",
        "size = sa.Column(sa.BigInteger, info={'was': 'number'}",
    )
    after = after.replace(
        "class Item(db.Model):", "class Item(db.Model):\n    __tablename__ = 'thing'"
    )
    after = after.replace(
        "__table_args__ = ()", "__table_args__ = {'info': {'was': 'item'}}"
    )
    start(project, database, before, *ROWS)
    draft = change(project, before, after)
    assert "thing" in text(draft)
    assert key(database, "thing") == ["code", "size"]


@pytest.mark.needs("ddl_commits")
def test_counting_needs_a_key(project: Project, database: Database) -> None:
    """AUTO_INCREMENT goes where it can't stay, and is back after a downgrade."""
    before = item(REQUIRED, KEY)
    more = "sa.PrimaryKeyConstraint('code', 'number'),"
    start(project, database, before, *ROWS)
    change(project, before, item(REQUIRED, REQUIRED, "", more))
    assert "AUTO_INCREMENT" not in str(database.rows("SHOW CREATE TABLE item"))
    with project.context() as alembic:
        alembic.downgrade()
    database.execute("INSERT INTO item (code) VALUES ('c')")
    assert database.rows("SELECT number FROM item WHERE code = 'c'") == [(3,)]


@pytest.mark.needs("ddl_commits")
def test_zero_stays_zero(project: Project, database: Database) -> None:
    """MariaDB gives a 0 a number as soon as its column counts."""
    before = item(KEY, REQUIRED)
    start(project, database, before, "INSERT INTO item (code, number) VALUES ('a', 0)")
    draft = change(project, before, item("", KEY))
    assert [f.severity for f in draft.findings if f.code == "counts"] == ["warning"]
    assert rows(database) == [("a", 0, None)]

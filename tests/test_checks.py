"""Checks of a column: typed in its definition, or made by its type."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import start
from support.servers import Database

ITEM = """
class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    {name} = sa.Column({type}, nullable=False, server_default="it's CHECK (1)", comment="a CHECK (b)")
    number = sa.Column(sa.Integer)
    size = sa.Column(sa.Integer, sa.Computed("number + 1", persisted=True))
    changed = sa.Column(sa.TIMESTAMP, server_default=sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"))
    data = sa.Column(sa.JSON)
    __table_args__ = ({more})
"""
TABLE = """
CREATE TABLE item (
    id int PRIMARY KEY AUTO_INCREMENT, number int,
    word varchar(20) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s CHECK (1)'
        COMMENT 'a CHECK (b)' CHECK (word <> 'CHECK (a:b)'),
    size int AS (number + 1) STORED CHECK (size > 0),
    changed timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()
        CHECK (changed > '2000-01-01'),
    data json)
"""
SAME = """
    sa.CheckConstraint("word <> 'CHECK (a:b)'"), sa.CheckConstraint("size > 0"),
    sa.CheckConstraint("changed > '2000-01-01'"),
"""


def item(more: str, name: str = "word", type_: str = "sa.String(20)") -> str:
    """The model, with a column of another name or type."""
    return ITEM.format(name=name, type=type_, more=more)


def started(project: Project, database: Database) -> str:
    """Find a table that was made by hand; gives what the server says of it."""
    database.execute(TABLE, "INSERT INTO item (word) VALUES ('a')")
    start(project, database, item(SAME))
    return definition(database)


def definition(database: Database) -> str:
    return str(database.rows("SHOW CREATE TABLE item")[0][1])


def fails(database: Database, values: str) -> None:
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        database.execute(f"UPDATE item SET {values}")


@pytest.mark.needs("ddl_commits")
def test_check_typed_in_a_column_goes(project: Project, database: Database) -> None:
    before = started(project, database)
    change(project, item(SAME), item(""))
    after = definition(database)
    for line in before.splitlines():
        kept = line if "json_valid" in line else line.partition(" CHECK (`")[0]
        assert kept.rstrip(",") in after
    assert "CHECK (`" not in after
    with project.context() as alembic:
        alembic.downgrade()
    assert definition(database) == before


@pytest.mark.needs("ddl_commits")
def test_check_typed_in_a_column_changes(project: Project, database: Database) -> None:
    before = started(project, database)
    other = SAME.replace("size > 0", "size > 1").replace("a:b", "b:a")
    change(project, item(SAME), item(other))
    fails(database, "word = 'CHECK (b:a)'")
    database.execute(
        "UPDATE item SET word = 'CHECK (a:b)'", "UPDATE item SET word = 'a'"
    )
    with project.context() as alembic:
        alembic.downgrade()
    assert definition(database) == before


@pytest.mark.needs("ddl_commits")
def test_column_with_a_check_changes(project: Project, database: Database) -> None:
    """MODIFY and CHANGE take the check away that the model still has."""
    before = started(project, database)
    info = 'info={"was": "word"}, '
    after = item(SAME.replace("word", "term"), "term", "sa.String(40)")
    after = after.replace("nullable=False", f"{info}nullable=False")
    change(project, item(SAME), after)
    fails(database, "term = 'CHECK (a:b)'")
    with project.context() as alembic:
        alembic.downgrade()
    assert definition(database) == before


CHECKED = """
class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    kind = sa.Column(sa.Enum("a", "b", native_enum=False, length=20{}))
    done = sa.Column(sa.Boolean({}))
"""


def test_checks_of_types_come_and_go(project: Project, database: Database) -> None:
    """``create_constraint`` alone is another table; one has a name, one has none."""
    checked = ", create_constraint=True"
    with_checks = CHECKED.format(f"{checked}, name='kinds'", checked[2:])
    without = CHECKED.format(", name='kinds'", "")
    start(project, database, without, "INSERT INTO item (id, kind) VALUES (1, 'a')")
    change(project, without, with_checks)
    fails(database, "kind = 'x'")
    if database.kind != "postgresql":
        fails(database, "done = 2")
    project.models = without
    with project.context() as alembic:
        alembic.revision("third", rev_id="third")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    database.execute("UPDATE item SET kind = 'x'")
    database.execute("UPDATE item SET kind = 'a'")
    project.models = with_checks
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff().operations == ()
    fails(database, "kind = 'x'")

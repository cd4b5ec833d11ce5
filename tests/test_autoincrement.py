"""SQLite's AUTOINCREMENT comes and goes with a table's key, both ways."""

from __future__ import annotations

import typing as t

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from support.application import Project
from support.changing import change
from support.changing import start
from support.changing import text
from support.servers import Database

pytestmark = pytest.mark.needs("file")

ITEM = """
class Item(db.Model):
    id = sa.Column({id})
    code = sa.Column(sa.String(20), {code})
    __table_args__ = ({more})
"""
KEY, PLAIN = "primary_key=True", "nullable=False"
NEVER_TWICE = '{"sqlite_autoincrement": True}'
WITH = ITEM.format(id=f"sa.Integer, {KEY}", code=PLAIN, more=NEVER_TWICE)
ROWS = (
    "INSERT INTO item (id, code) VALUES (3, 'a'), (5, 'b'), (9, 'c')",
    "DELETE FROM item WHERE code = 'c'",
)


def autoincrement(database: Database) -> bool:
    """Whether the table counts without using a number twice."""
    ((sql,),) = database.rows("SELECT sql FROM sqlite_master WHERE name = 'item'")
    return "AUTOINCREMENT" in sql


@pytest.mark.parametrize(
    ("id", "code"),
    [
        ("sa.Integer, primary_key=True", KEY),
        ("sa.Integer, nullable=False", KEY),
        ("sa.String(5), primary_key=True", PLAIN),
        ("sa.BigInteger, primary_key=True", PLAIN),
    ],
    ids=["two columns", "another column", "text", "no INTEGER"],
)
def test_gone_and_back(
    project: Project, database: Database, id: str, code: str
) -> None:
    after = ITEM.format(id=id, code=code, more="")
    start(project, database, WITH, *ROWS)
    draft = change(project, WITH, after)
    assert "flask_alembic" not in text(draft)
    assert not autoincrement(database)
    with project.context() as alembic:
        alembic.downgrade()
    assert autoincrement(database)
    # What had been given out beyond the rows, nobody knows any more.
    assert database.rows("SELECT * FROM sqlite_sequence") == [("item", 5)]
    assert database.rows("SELECT * FROM item") == [(3, "a"), (5, "b")]


def test_gained_with_the_key(project: Project, database: Database) -> None:
    before = ITEM.format(id="sa.Integer, nullable=False", code=KEY, more="")
    start(project, database, before, *ROWS)
    change(project, before, WITH)
    assert autoincrement(database)
    with project.context() as alembic:
        alembic.downgrade()
    assert not autoincrement(database)


def test_another_column_of_the_model_has_it(
    project: Project, database: Database
) -> None:
    """The counter goes along: its numbers aren't used twice either."""
    new = "    number = sa.Column(sa.Integer, primary_key=True)\n    code"
    after = ITEM.format(id="sa.Integer, nullable=False", code=PLAIN, more=NEVER_TWICE)
    start(project, database, WITH, *ROWS)
    change(project, WITH, after.replace("    code", new, 1))
    assert autoincrement(database)
    with project.context() as alembic:
        alembic.downgrade()
    assert autoincrement(database)
    assert database.rows("SELECT * FROM sqlite_sequence") == [("item", 9)]


def test_column_changes_beside_it(project: Project, database: Database) -> None:
    """A rebuild for another reason keeps it, with its counter."""
    start(project, database, WITH, *ROWS)
    draft = change(project, WITH, WITH.replace("String(20)", "String(30)"))
    assert "autoincrement" not in text(draft)
    assert database.rows("SELECT * FROM sqlite_sequence") == [("item", 9)]


def test_no_difference_by_itself(project: Project, database: Database) -> None:
    start(project, database, WITH)
    project.models = WITH.replace(NEVER_TWICE, "")
    with project.context() as alembic:
        assert alembic.diff().operations == ()


def test_plain_alembic_runs_it(project: Project, database: Database) -> None:
    """The option is Alembic's own, and SQLAlchemy's."""
    start(project, database, WITH, *ROWS)
    after = ITEM.format(id="sa.Integer, nullable=False", code=KEY, more="")
    draft = change(project, WITH, after)
    namespace: dict[str, t.Any] = {}
    exec(text(draft), namespace)
    with database.engine().begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        namespace["op"] = operations
        namespace["downgrade"]()
    assert autoincrement(database)

"""Foreign keys to computed columns that are made anew, also of tables without a model."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import codes
from support.changing import start
from support.changing import text
from support.sent import noting_statements
from support.servers import Database

POSTGRESQL = pytest.mark.needs("schemas")

MODELS = """
class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    number = sa.Column(sa.{type})
    total = sa.Column(sa.{type}, sa.Computed({total!r}, persisted=True))
    parent = sa.Column(sa.{type})
    __table_args__ = (
        sa.UniqueConstraint("total", name="uq_total"),
        sa.ForeignKeyConstraint(
            ["parent"], ["item.total"], name="fk_parent", ondelete="SET NULL"
        ),
    )

class Line(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    total = sa.Column(sa.{type})
    same = sa.Column(sa.{type}, sa.Computed({same!r}, persisted=True))
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["total"], ["item.total"], name="fk_line", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["same"], ["item.total"], name="fk_same"),
    )
"""


def models(
    total: str = "number * 2", same: str = "total * 1", type_: str = "Integer"
) -> str:
    return MODELS.format(total=total, same=same, type=type_)


ROWS = (
    "INSERT INTO item (id, number, parent) VALUES (1, 7, NULL), (2, 20, 14)",
    "INSERT INTO line (id, total) VALUES (1, 14), (2, 40)",
)
FOREIGN = (
    "CREATE TABLE foreigners (total integer, CONSTRAINT fk_other FOREIGN KEY (total)"
    " REFERENCES item (total) ON DELETE CASCADE)",
    "INSERT INTO foreigners (total) VALUES (40)",
)
EXACT = (
    "ALTER TABLE foreigners ADD CONSTRAINT fk_exact FOREIGN KEY (total)"
    " REFERENCES item (total) MATCH FULL ON DELETE SET NULL (total)"
    " DEFERRABLE INITIALLY DEFERRED NOT VALID"
)


def definitions(database: Database) -> list[tuple[object, ...]]:
    """What the database says of all foreign keys."""
    if database.kind == "postgresql":
        return database.rows(
            "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE contype IN ('f', 'u')"
            " AND connamespace = 'public'::regnamespace ORDER BY 1, 2"
        )
    if database.kind == "sqlite":
        tables = ("item", "line", "foreigners")
        return sorted(
            row[2:]
            for table in tables
            for row in database.rows(f"PRAGMA foreign_key_list({table})")
        )
    return database.rows(
        "SELECT k.table_name, k.constraint_name, k.column_name, delete_rule, update_rule"
        " FROM information_schema.referential_constraints r"
        " JOIN information_schema.key_column_usage k"
        " ON k.constraint_name = r.constraint_name"
        " AND k.constraint_schema = r.constraint_schema"
        " WHERE r.constraint_schema = database() ORDER BY 1, 2"
    )


def begin(project: Project, database: Database, before: str) -> None:
    start(project, database, before, *ROWS, *FOREIGN)
    if database.kind == "postgresql":
        database.execute(EXACT)


def test_another_expression(project: Project, database: Database) -> None:
    """All foreign keys are there again, both ways, as they were."""
    before = models()
    after = models(total="number + number", same="total + 0")
    begin(project, database, before)
    was = definitions(database)
    draft = change(project, before, after)
    assert definitions(database) == was, text(draft)
    assert database.rows("SELECT id, total, parent FROM item ORDER BY id") == [
        (1, 14, None),
        (2, 40, 14),
    ]
    assert database.rows("SELECT total, same FROM line ORDER BY id") == [
        (14, 14),
        (40, 40),
    ]
    if database.kind != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            database.execute("INSERT INTO foreigners (total) VALUES (5)")
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    assert definitions(database) == was


@pytest.mark.needs("server")
def test_only_what_refers(project: Project, database: Database) -> None:
    before, after = models(), models(same="total + 0")
    begin(project, database, before)
    was = definitions(database)
    change(project, before, after)
    assert definitions(database) == was


@POSTGRESQL
def test_type_of_what_it_is_computed_from(project: Project, database: Database) -> None:
    """One statement reads the foreign keys, of however many tables."""
    before, after = models(), models(type_="BigInteger")
    begin(project, database, before)
    was = definitions(database)
    project.models = after
    with noting_statements() as sent, project.context() as alembic:
        alembic.diff()
    assert len([sql for sql in sent if "confrelid" in sql and "given" in sql]) == 1
    change(project, before, after)
    assert definitions(database) == was


@POSTGRESQL
def test_renamed(project: Project, database: Database) -> None:
    """The tables and the columns have their new names when the keys come back."""
    before = models()
    after = models(total="number + number").replace('"item.total"', '"things.sum"')
    after = after.replace("class Item", "class Things").replace(
        "class Line", "class Lines"
    )
    after = after.replace("total = sa", "sum = sa", 1).replace(
        '"total", name', '"sum", name'
    )
    begin(project, database, before)
    renames = {"item": "things", "line": "lines", "item.total": "sum"}
    draft = change(project, before, after, renames=renames)
    found = definitions(database)
    assert [row[:2] for row in found] == [
        ("foreigners", "fk_exact"),
        ("foreigners", "fk_other"),
        ("lines", "fk_line"),
        ("lines", "fk_same"),
        ("things", "fk_parent"),
        ("things", "uq_total"),
    ], text(draft)
    assert "REFERENCES things(sum) MATCH FULL ON DELETE SET NULL (total)" in str(found)


NEW = """
class More(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    total = sa.Column(sa.Integer)
    __table_args__ = (
        sa.ForeignKeyConstraint(["total"], ["item.total"], name="fk_more"),
    )
"""


@pytest.mark.needs("server")
def test_keys_that_come_and_go(project: Project, database: Database) -> None:
    """A table and a key are new, and a key goes, with the column."""
    parts = models().partition("\nclass Line")
    before = parts[0] + parts[1] + parts[2].replace('name="fk_same"', 'name="fk_old"')
    after = models(total="number + number").replace(
        'name="fk_line", ondelete="CASCADE"', 'name="fk_line"'
    )
    after = after.replace('name="fk_same"', 'name="fk_new", ondelete="CASCADE"') + NEW
    begin(project, database, before)
    change(project, before, after)
    names = [row[1] for row in definitions(database)]
    assert "fk_more" in names and "fk_line" in names


@POSTGRESQL
def test_key_that_is_left_without(project: Project, database: Database) -> None:
    """It would refer to nothing that is unique: the revision stops, and says for whom."""
    before = MODELS.split("class Line")[0].format(type="Integer", total="number * 2")
    after = before.replace("number * 2", "number + number")
    after = after.replace('sa.UniqueConstraint("total", name="uq_total"),', "")
    after = after.partition("        sa.ForeignKeyConstraint")[0] + "    )\n"
    start(project, database, before, ROWS[0], *FOREIGN)
    was = definitions(database)
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second")
        assert "referred" in codes(draft)
        with pytest.raises(RuntimeError, match=r"fk_other of foreigners"):
            alembic.upgrade()
    assert definitions(database) == was


PARENT = """
class Parent(db.Model):
    id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    code = sa.Column(sa.Integer, nullable=False)
    __table_args__ = ({more},)
"""
UNIQUE = 'sa.UniqueConstraint("code", name="uq_code")'


@pytest.mark.needs("server")
@pytest.mark.parametrize("what", ["key", "unique"])
def test_keys_of_a_table_without_a_model(
    project: Project, database: Database, what: str
) -> None:
    """To a primary key or a unique constraint that is made anew, or goes."""
    if what == "key":
        column, before = "id", PARENT.format(more=UNIQUE)
        after = before.replace("primary_key=True", "unique=True, nullable=False", 1)
        after = after.replace("nullable=False)\n    __t", "primary_key=True)\n    __t")
    else:
        column, before = "code", PARENT.format(more=UNIQUE)
        after = before.replace('"uq_code"', '"uq_other"')
    gone = PARENT.format(more='sa.CheckConstraint("id > 0", name="ck")')
    start(
        project,
        database,
        before,
        "INSERT INTO parent (id, code) VALUES (1, 1), (2, 2)",
        "CREATE TABLE foreigners (number integer, CONSTRAINT fk_other FOREIGN KEY"
        f" (number) REFERENCES parent ({column}) ON DELETE CASCADE)",
        "INSERT INTO foreigners VALUES (2)",
    )
    was = [row for row in definitions(database) if row[0] == "foreigners"]
    draft = change(project, before, after)
    found = [row for row in definitions(database) if row[0] == "foreigners"]
    assert found == was, text(draft)
    if what == "unique":
        project.models = gone
        with project.context() as alembic:
            draft = alembic.draft("third", rev_id="third")
            assert "referred" in codes(draft)
            with pytest.raises(RuntimeError, match=r"fk_other of foreigners"):
                alembic.upgrade()

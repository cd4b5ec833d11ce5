"""Several changes of one table in one revision, and names that have to be quoted.

Random drafts have found these.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from support.application import Project
from support.changing import change
from support.changing import codes
from support.changing import start
from support.changing import text
from support.servers import Database

HEAD = """
class Item(db.Model):
    __tablename__ = "item"
"""
KEPT = (
    'sa.Column(sa.Enum({}, name="ck_size", native_enum=False, create_constraint=True))'
)


def item(*lines: str) -> str:
    """A model, without a key."""
    return HEAD + "".join(f"    {line}\n" for line in lines)


def sizes(*labels: str) -> str:
    """A column with a check that lists its values."""
    return f"size = {KEPT.format(', '.join(map(repr, labels)))}"


@dataclasses.dataclass(frozen=True)
class Case:
    """What changes, and what the rows have before and after.

    :param only: The databases that can have it.
    """

    before: str
    after: str
    rows: tuple[str, ...] = ()
    query: str = "SELECT id FROM item ORDER BY id"
    choices: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    only: tuple[str, ...] = ("sqlite", "postgresql", "mariadb")


NUMBER = "id = sa.Column(sa.Integer, primary_key=True)"
NOT_MARIADB = ("sqlite", "postgresql")
CASES = {
    "a column that others are computed from goes with them": Case(
        item(
            NUMBER,
            "a = sa.Column(sa.Integer)",
            "c = sa.Column(sa.Integer, sa.Computed('a + z', persisted=True))",
            "z = sa.Column(sa.Integer)",
        ),
        item(NUMBER),
        ("INSERT INTO item (id, a, z) VALUES (1, 2, 3)",),
    ),
    "a computed column comes before what it is computed from": Case(
        item(NUMBER),
        item(
            NUMBER,
            "c = sa.Column(sa.Integer, sa.Computed('a + z', persisted=True))",
            "a = sa.Column(sa.Integer)",
            "z = sa.Column(sa.Integer)",
        ),
        ("INSERT INTO item (id) VALUES (1)",),
    ),
    "the key and a column's values change": Case(
        item(NUMBER, "code = sa.Column(sa.Integer, nullable=False)", sizes("s", "m")),
        item(
            "id = sa.Column(sa.Integer, nullable=False)",
            "code = sa.Column(sa.Integer, primary_key=True)",
            "new = sa.Column(sa.Integer)",
            sizes("s", "m", "large"),
        ),
        ("INSERT INTO item (id, code, size) VALUES (1, 5, 's')",),
    ),
    "a column becomes the key and gets another type": Case(
        item(NUMBER, "code = sa.Column(sa.BigInteger, nullable=False)"),
        item(
            "id = sa.Column(sa.BigInteger, nullable=False)",
            "code = sa.Column(sa.Integer, primary_key=True)",
        ),
        ("INSERT INTO item (id, code) VALUES (1, 5)",),
    ),
    "the key goes, and another column is it": Case(
        item(NUMBER, "code = sa.Column(sa.String(5), nullable=False)"),
        item("code = sa.Column(sa.String(5), primary_key=True)"),
        ("INSERT INTO item (id, code) VALUES (7, 'a'), (8, 'b')",),
        "SELECT code FROM item ORDER BY code",
    ),
    "the key's columns are called otherwise in Python": Case(
        item("x = sa.Column('id', sa.Integer, primary_key=True)"),
        item(
            "x = sa.Column('id', sa.Integer, primary_key=True, autoincrement=False)",
            "y = sa.Column('code', sa.Integer, primary_key=True)",
        ),
        ("INSERT INTO item (id) VALUES (1)",),
        choices={"defaults": {"item.code": "id + 1"}},
    ),
    "a key gets another type, with what refers to it": Case(
        item(NUMBER, "up = sa.Column(sa.ForeignKey('item.id', name='fk_up'))"),
        item(
            "id = sa.Column(sa.BigInteger, primary_key=True)",
            "up = sa.Column(sa.ForeignKey('item.id', name='fk_up'))",
        ),
        ("INSERT INTO item (id, up) VALUES (1, NULL), (2, 1)",),
        "SELECT id, up FROM item ORDER BY id",
    ),
    "a list of values has quotes in it": Case(
        item(NUMBER, sizes("it's", "a:b")),
        item(NUMBER, sizes("it's not", "a:b", ":c:d")),
        ("INSERT INTO item (id, size) VALUES (1, 'it''s')",),
        choices={"renames": {"item.size.it's": "it's not"}},
    ),
    "an enum's values have colons in them": Case(
        item(NUMBER, "size = sa.Column(sa.Enum('s', 'a:b', name='sizes'))"),
        item(NUMBER, "size = sa.Column(sa.Enum('s', ':c:d:', 'e', name='sizes'))"),
        ("INSERT INTO item (id, size) VALUES (1, 'a:b')",),
        choices={"renames": {"item.size.a:b": ":c:d:"}},
        only=("postgresql", "mariadb"),
    ),
    "a list of values changes, and one is required": Case(
        item(NUMBER, sizes("s", "a")),
        item(NUMBER, sizes("s", "b", "long").replace("))", "), nullable=False)")),
        ("INSERT INTO item (id, size) VALUES (1, 's'), (2, NULL)",),
        choices={
            "renames": {"item.size.a": "b"},
            "defaults": {"item.size": "'b'"},
        },
    ),
    "a key comes that doesn't count": Case(
        item(NUMBER),
        item(
            "id = sa.Column(sa.Integer, nullable=False)",
            "code = sa.Column(sa.BigInteger, primary_key=True)",
        ),
        ("INSERT INTO item (id) VALUES (1), (2)",),
        choices={"defaults": {"item.code": "id + 1"}},
        only=("sqlite",),
    ),
    "a required column's value has several lines": Case(
        item(NUMBER),
        item(
            NUMBER,
            r"text = sa.Column(sa.String(9), nullable=False, default='a\n:b')",
        ),
        ("INSERT INTO item (id) VALUES (1)",),
    ),
    "two checks demand the same": Case(
        item(
            NUMBER,
            "a = sa.Column(sa.Integer)",
            "__table_args__ = (sa.CheckConstraint('a > 0'),"
            " sa.CheckConstraint('a > 0', name='ck_a'))",
        ),
        item(NUMBER, "a = sa.Column(sa.Integer)"),
    ),
    "a check lists texts, in a table with another name": Case(
        item(
            NUMBER,
            "code = sa.Column(sa.String(5))",
            "__table_args__ = (sa.CheckConstraint(\"code IN ('a', 'b%')\", name='one'),"
            " sa.Index('ix_id', 'id'))",
        ),
        item(NUMBER, "code = sa.Column(sa.String(5))"),
    ),
    "an index is of rows with some texts": Case(
        item(
            NUMBER,
            "code = sa.Column(sa.String(5))",
            "__table_args__ = (sa.Index('ix_part', 'id', **{{f'{{db}}_where': sa.text("
            "\"code IN ('a', 'b%')\") for db in ('sqlite', 'postgresql')}}),)".replace(
                "{{", "{"
            ).replace("}}", "}"),
        ),
        item(NUMBER, "code = sa.Column(sa.String(5))"),
        only=NOT_MARIADB,
    ),
    "a column gets a name to be quoted": Case(
        item(
            NUMBER,
            "a = sa.Column(sa.Integer)",
            "b = sa.Column(sa.Integer)",
            "__table_args__ = (sa.CheckConstraint('a > 0 AND b > 0', name='ck_a'),)",
        ),
        item(
            NUMBER,
            "a = sa.Column('Full A', sa.Integer)",
            "b = sa.Column('order', sa.Integer)",
            "__table_args__ = (sa.CheckConstraint("
            "sa.and_(a > 0, b > 0), name='ck_a'),)",
        ),
        ("INSERT INTO item (id, a, b) VALUES (1, 2, 3)",),
        choices={"renames": {"item.a": "Full A", "item.b": "order"}},
    ),
    "an index's condition gets a name to be quoted": Case(
        item(
            NUMBER,
            "a = sa.Column(sa.Integer)",
            "__table_args__ = (sa.Index('ix_a', 'id', sqlite_where=sa.text('a > 0'),"
            " postgresql_where=sa.text('a > 0')),)",
        ),
        item(
            NUMBER,
            "a = sa.Column('Full A', sa.Integer)",
            "__table_args__ = (sa.Index('ix_a', 'id', sqlite_where=a > 1,"
            " postgresql_where=a > 1),)",
        ),
        ("INSERT INTO item (id, a) VALUES (1, 2)",),
        choices={"renames": {"item.a": "Full A"}},
        only=NOT_MARIADB,
    ),
}


TIME = "at = sa.Column(sa.DateTime, server_default=sa.func.now())"
LOWER = item(NUMBER, "code = sa.Column(sa.String(5))")
CASES |= {
    "a column with the time goes": Case(
        item(NUMBER, TIME),
        item(NUMBER),
        ("INSERT INTO item (id) VALUES (1)",),
    ),
    "a required column with the time comes": Case(
        item(NUMBER),
        item(NUMBER, TIME.replace("server", "nullable=False, server")),
        ("INSERT INTO item (id) VALUES (1)",),
    ),
    "a column counts that a computed one was computed from": Case(
        item(
            "id = sa.Column(sa.Integer, nullable=False)",
            "code = sa.Column(sa.String(5), primary_key=True)",
            "more = sa.Column(sa.Integer, sa.Computed('id + 1', persisted=True))",
        ),
        item(NUMBER, "code = sa.Column(sa.String(5), nullable=False)"),
        ("INSERT INTO item (id, code) VALUES (1, 'a')",),
    ),
    "a foreign key without a name goes, and its table has another name": Case(
        item(NUMBER, "up = sa.Column(sa.ForeignKey('item.id'))"),
        item(NUMBER, "up = sa.Column(sa.Integer)").replace('"item"', '"thing"'),
        ("INSERT INTO item (id, up) VALUES (1, 1)",),
        "SELECT 1",
        choices={"renames": {"item": "thing"}},
    ),
    "a table comes with an index of its foreign key": Case(
        "",
        item(NUMBER, "up = sa.Column(sa.ForeignKey('item.id'), index=True)"),
        query="SELECT 1",
    ),
    "a table goes with an index of an expression": Case(
        item(NUMBER)
        + LOWER.replace("Item", "Other").replace('"item"', '"other"')
        + "    __table_args__ = (sa.Index('ix_lower', sa.text('lower(code)')),)\n",
        item(NUMBER),
        only=NOT_MARIADB,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
def test_changes_that_meet(
    project: Project, database: Database, name: str, back: bool
) -> None:
    case = CASES[name]
    if database.kind not in case.only:
        pytest.skip("this database has no such thing")
    if not back:
        start(project, database, case.before, *case.rows)
        there = database.rows(case.query)
        draft = change(project, case.before, case.after, **case.choices)
        assert database.rows(case.query) == there, text(draft)
    elif not case.choices:
        start(project, database, case.after)
        change(project, case.after, case.before, all_tables=True)


@pytest.mark.parametrize("table", ["item", "old item"])
def test_list_of_values_that_a_convention_names(
    project: Project, database: Database, table: str
) -> None:
    project.head = project.head.replace(
        "SQLAlchemy(app)",
        "SQLAlchemy(app, metadata=sa.MetaData(naming_convention={'ck':"
        " 'ck_%(table_name)s_%(constraint_name)s'}))",
    )
    before, after = (
        item(NUMBER, sizes("s", label)).replace(
            "size = sa.Column(", "x = sa.Column('size', "
        )
        for label in ("m", "medium")
    )
    before = before.replace('"item"', repr(table))
    names = {table: "item"} if table != "item" else {}
    rows = "INSERT INTO {} (id, size) VALUES (1, 'm')"
    quote = "`" if database.kind == "mariadb" else '"'
    start(project, database, before, rows.format(f"{quote}{table}{quote}"))
    draft = change(project, before, after, renames={**names, "item.size.m": "medium"})
    assert database.rows("SELECT id, size FROM item") == [(1, "medium")], text(draft)


@pytest.mark.parametrize("shared", [False, True], ids=["a table's own", "of several"])
@pytest.mark.needs("schemas")
def test_types_in_a_schema_of_their_own(
    project: Project, database: Database, shared: bool
) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    kind = 'kind = sa.Column(sa.Enum("a", "b", name="kind", schema="kinds"))'
    before = item(NUMBER)
    after = item(NUMBER, kind) if shared else before
    after += item(NUMBER, kind).replace("Item", "Other").replace("item", "other")
    start(project, database, before, "INSERT INTO item (id) VALUES (1)")
    draft = change(project, before, after)
    assert codes(draft) == []


IDENTITY = item("id = sa.Column(sa.Integer, sa.Identity(), primary_key=True)")


@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
@pytest.mark.parametrize("renamed", [False, True], ids=["plain", "renamed"])
@pytest.mark.needs("schemas")
def test_identity_and_sequence_in_each_others_place(
    project: Project, database: Database, back: bool, renamed: bool
) -> None:
    before, after = (IDENTITY, item(NUMBER)) if back else (item(NUMBER), IDENTITY)
    names = {"item": "thing", "thing.id": "number"} if renamed else {}
    table, column = ("thing", "number") if renamed else ("item", "id")
    if renamed:
        after = after.replace('"item"', '"thing"').replace("id =", "number =")
    start(project, database, before, "INSERT INTO item DEFAULT VALUES")
    draft = change(project, before, after, renames=names)
    database.execute(f"INSERT INTO {table} DEFAULT VALUES")
    query = f"SELECT {column} FROM {table} ORDER BY 1"
    assert database.rows(query) == [(1,), (2,)], text(draft)
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    database.execute("INSERT INTO item DEFAULT VALUES")
    assert database.rows("SELECT id FROM item ORDER BY 1") == [(1,), (2,), (3,)]


def test_a_value_of_several_lines_is_written_as_it_is(
    project: Project, database: Database
) -> None:
    case = CASES["a required column's value has several lines"]
    start(project, database, case.before, *case.rows)
    change(project, case.before, case.after)
    assert database.rows("SELECT text FROM item") == [("a\n:b",)]

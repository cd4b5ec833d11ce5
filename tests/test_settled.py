"""Nothing is found that isn't there: types, defaults, keys, indexes, comments."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import current_app
from support.application import PERSON
from support.application import Project
from support.servers import Database

COMMON = """
import enum


class Color(enum.Enum):
    red = "r"
    green = "g"


C = sa.Column


class Parent(db.Model):
    id = C(sa.Integer, primary_key=True)
    code = C(sa.String(20), unique=True)
    a = C(sa.Integer)
    b = C(sa.Integer)
    __table_args__ = (sa.UniqueConstraint("a", "b", name="uq_ab"), {"comment": "it's"})


class Everything(db.Model):
    id = C(sa.Integer)
    restricted_id = C(sa.ForeignKey("parent.id", ondelete="RESTRICT"))
    cascading_id = C(sa.ForeignKey("parent.id", ondelete="CASCADE", onupdate="NO ACTION"))
    plain_id = C(sa.ForeignKey("parent.id", ondelete="NO ACTION"))
    nulled_id = C(sa.ForeignKey("parent.id", ondelete="SET NULL"))
    small = C(sa.SmallInteger, server_default="1")
    number = C(sa.Integer, server_default=sa.text("0"), nullable=False)
    negative = C(sa.Integer, server_default=sa.text("-1"))
    big = C(sa.BigInteger, server_default="12345678901")
    no = C(sa.Boolean, server_default=sa.false(), nullable=False)
    yes = C(sa.Boolean, server_default=sa.true())
    checked = C(sa.Boolean(create_constraint=True, name="checked_ck"))
    decimal = C(sa.Numeric)
    price = C(sa.Numeric(10, 2), server_default="1.50")
    whole = C(sa.Numeric(10), server_default=sa.text("3"))
    ratio = C(sa.Float, server_default="1.5")
    exact = C(sa.Float(53))
    double = C(sa.Double, server_default=sa.text("2.0"))
    quoted = C(sa.String(50), server_default="it's")
    empty = C(sa.String(50), server_default="")
    literal = C(sa.String(50), server_default=sa.text("'text'"))
    odd = C(sa.String(50), server_default="100% :x, (COMMENT DEFAULT")
    foreign = C(sa.Unicode(50), server_default="ünï")
    padded = C(sa.CHAR(4), server_default="abcd")
    text = C(sa.Text, server_default="x")
    more = C(sa.UnicodeText)
    day = C(sa.Date, server_default="2020-01-01")
    today = C(sa.Date, server_default=sa.text("(CURRENT_DATE)"))
    made = C(sa.DateTime, server_default=sa.func.now())
    shouted = C(sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False)
    zoned = C(sa.DateTime(timezone=True), server_default=sa.func.current_timestamp())
    stamp = C(sa.TIMESTAMP, nullable=False)
    time = C(sa.Time)
    interval = C(sa.Interval)
    letter = C(sa.Enum("a", "b", name="letter"), server_default="a")
    color = C(sa.Enum(Color, name="color"), server_default="red")
    worded = C(sa.Enum("x", "y", name="worded", native_enum=False, create_constraint=True))
    json = C(sa.JSON, server_default=sa.text("'{}'"))
    uuid = C(sa.Uuid)
    hex = C(sa.Uuid(native_uuid=False))
    blob = C(sa.LargeBinary)
    bytes = C(sa.LargeBinary(16))
    sum = C(sa.Integer, server_default=sa.text("(1 + 2)"))
    next = C(sa.Integer, sa.Computed("number + 1", persisted=True))
    noted = C(sa.Integer, comment="it's 100%")
    pickled = C(sa.PickleType)
    indexed = C(sa.Integer, index=True)
    unique = C(sa.String(30), unique=True)
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_everything"),
        sa.Index("ix_two", "number", "negative"),
        sa.Index("ix_unique", "quoted", unique=True),
        sa.CheckConstraint("number >= 0", name="positive"),
        {"comment": "all of it"},
    )
"""

OWN = {
    "sqlite": """
class Own(db.Model):
    id = C(sa.Integer, primary_key=True)
    folded = C(sa.String(20, collation="NOCASE"))
    moment = C(sa.DateTime, server_default=sa.text("(datetime('now'))"))
    flag = C(sa.Boolean, server_default=sa.text("0"))
    wide = C(sa.Text(1000))
""",
    "postgresql": """
from sqlalchemy.dialects import postgresql as pg


class Own(db.Model):
    id = C(sa.Integer, primary_key=True)
    folded = C(sa.String(20, collation="C"))
    binary = C(pg.JSONB, server_default=sa.text("'{}'::jsonb"))
    short = C(pg.JSONB, server_default="{}")
    plain = C(pg.JSON, server_default='{"a":1}')
    key = C(pg.UUID, server_default=sa.text("gen_random_uuid()"))
    array = C(pg.ARRAY(sa.Integer), server_default="{}")
    words = C(sa.ARRAY(sa.String(20)))
    address = C(pg.INET)
    moment = C(pg.TIMESTAMP(precision=3, timezone=True), server_default=sa.text("now()"))
    length = C(pg.INTERVAL, server_default=sa.text("'1 day'"))
    vector = C(pg.TSVECTOR)
    range = C(pg.INT4RANGE)
    kind = C(pg.ENUM("p", "q", name="kind"), server_default="p")
    identity = C(sa.Integer, sa.Identity(start=5))
    epoch = C(sa.BigInteger, server_default=sa.text("extract(epoch from now())::bigint"))
    local = C(sa.DateTime, server_default=sa.text("timezone('utc', now())"))
    later = C(sa.DateTime, server_default=sa.text("now() + interval '1 day'"))
    __table_args__ = (
        sa.Index("ix_lower", sa.func.lower(sa.text("folded"))),
        sa.Index("ix_part", "local", postgresql_where=sa.text("local IS NOT NULL")),
    )
""",
    "mariadb": """
from sqlalchemy.dialects import mysql as my


class Own(db.Model):
    id = C(my.INTEGER(unsigned=True), primary_key=True)
    folded = C(sa.String(20, collation="utf8mb4_bin"))
    tiny = C(my.TINYINT(1), server_default="0")
    small = C(my.TINYINT, server_default=sa.text("1"))
    wide = C(sa.Text(1000))
    medium = C(my.MEDIUMTEXT)
    long = C(my.LONGTEXT)
    bytes = C(my.MEDIUMBLOB)
    fine = C(my.DATETIME(fsp=3), server_default=sa.text("CURRENT_TIMESTAMP(3)"))
    finer = C(my.DATETIME(fsp=6), server_default=sa.text("now(6)"))
    kept = C(
        my.TIMESTAMP, server_default=sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
    )
    big = C(my.BIGINT(unsigned=True))
    year = C(my.YEAR)
    letter = C(my.ENUM("a", "b"), server_default="b")
    letters = C(my.SET("a", "b"))
    old = C(my.VARCHAR(50, charset="latin1", collation="latin1_bin"), server_default="q")
    price = C(my.DECIMAL(10, 2, unsigned=True), server_default="0.00")
    bits = C(my.BIT(4))
    double = C(my.DOUBLE(10, 3))
    float = C(my.FLOAT)
    made = C(sa.String(36), server_default=sa.text("uuid()"))
    joined = C(sa.String(50), server_default=sa.text("(concat('a', 'b'))"))
    object = C(sa.JSON, server_default=sa.text("(json_object())"))
""",
}


def changed(project: Project) -> set[str]:
    """Names of what differs."""
    with project.context() as alembic:
        return {operation.name for operation in alembic.diff().operations}


def start(project: Project, models: str) -> None:
    project.models = models
    with project.context() as alembic:
        assert len(alembic.revision("all")) == 1
        assert alembic.upgrade().ok


def test_what_was_made_from_the_models_is_clean(
    project: Project, database: Database
) -> None:
    start(project, COMMON + OWN[database.kind])
    done = project.invoke("check")
    assert (done.stdout, done.exit_code) == ("No changes detected.\n", 0), done.stderr
    # What turned out to be the same isn't announced either.
    assert "Detected" not in done.stderr
    with project.context() as alembic:
        assert alembic.revision("again") == []
        assert not alembic.needs_revision()


SMALL = """
class Note(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    number = sa.Column(sa.Integer, server_default="1")
    word = sa.Column(sa.String(50), server_default="it's")
    made = sa.Column(sa.DateTime, server_default=sa.func.now())
    done = sa.Column(sa.Boolean, server_default=sa.false(), nullable=False)
    day = sa.Column(sa.Date, server_default="2020-01-01")
    size = sa.Column(sa.Integer)
"""


DIFFERENT = [
    ("number", 'server_default="1"', 'server_default="2"'),
    ("word", "it's", "It's"),
    ("made", "sa.func.now()", "sa.text(\"'2000-01-01'\")"),
    ("done", "sa.false()", "sa.true()"),
    ("day", ', server_default="2020-01-01"', ""),
    ("size", "size = sa.Column(sa.Integer)", "size = sa.Column(sa.BigInteger)"),
    ("size", "sa.Column(sa.Integer)\n", 'sa.Column(sa.Integer, server_default="0")\n'),
]
"""Column, what its model says, what it says then."""


def test_what_differs_is_found(project: Project) -> None:
    start(project, SMALL)
    for column, before, after in DIFFERENT:
        project.models = SMALL.replace(before, after)
        assert project.models != SMALL
        assert changed(project) == {f"note.{column}"}, after


@pytest.mark.needs("server")
def test_same_words_in_other_ways(project: Project, database: Database) -> None:
    """What people write by hand is the same to the database."""
    start(project, SMALL)
    clause = "ALTER TABLE note ALTER {} SET DEFAULT {}"
    database.execute(clause.format("made", "CURRENT_TIMESTAMP"))
    database.execute(clause.format("day", "'2020-1-1'"))
    if database.kind == "postgresql":
        database.execute(clause.format("number", "2 - 1"))
    assert changed(project) == set()


@pytest.mark.needs("file")
def test_same_words_in_sqlite(project: Project, database: Database) -> None:
    start(project, SMALL)
    database.execute(
        "DROP TABLE note",
        "CREATE TABLE note (id INTEGER NOT NULL PRIMARY KEY, number INTEGER DEFAULT (1),"
        ' word VARCHAR(50) DEFAULT "it\'s", made DATETIME DEFAULT current_timestamp,'
        " done BOOLEAN DEFAULT false NOT NULL, day DATE DEFAULT ('2020-01-01'),"
        " size INTEGER)",
    )
    assert changed(project) == set()


@pytest.mark.needs("schemas")
def test_sequences_are_left_alone(project: Project, database: Database) -> None:
    start(project, SMALL)
    database.execute("CREATE SEQUENCE one", "CREATE SEQUENCE two")
    database.execute("ALTER TABLE note ALTER size SET DEFAULT nextval('one')")
    same = "sa.Column(sa.Integer, server_default=sa.text(\"nextval('one'::regclass)\"))"
    project.models = SMALL.replace("sa.Column(sa.Integer)\n", same + "\n")
    assert changed(project) == set()
    project.models = project.models.replace("'one'", "'two'")
    assert changed(project) == {"note.size"}
    assert database.rows("SELECT is_called FROM one") == [(False,)]
    assert database.rows("SELECT is_called FROM two") == [(False,)]


def test_own_comparisons_win(project: Project) -> None:
    start(project, SMALL)
    project.models = SMALL.replace('server_default="1"', 'server_default="2"')
    project.head += """
never = lambda *arguments: False
always = lambda *arguments: arguments[2].name == "number"
"""
    project.setup = (
        "app.config['ALEMBIC_CONTEXT'] = {'compare_server_default': never}\n"
        "alembic = Alembic(app)"
    )
    assert changed(project) == set()
    project.models = SMALL
    project.setup = project.setup.replace("never", "always")
    assert changed(project) == {"note.number"}
    project.setup = project.setup.replace("compare_server_default", "compare_type")
    assert changed(project) == {"note.number"}


@pytest.mark.needs("server")
def test_an_engine_in_autocommit_mode(project: Project, database: Database) -> None:
    project.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
    start(project, SMALL)
    assert changed(project) == set()
    project.models = SMALL.replace("sa.false()", "sa.true()")
    assert changed(project) == {"note.done"}
    assert database.tables() == {"note"}


COUNT = sa.text("SELECT count(*) FROM person")


def test_callers_transaction_is_left_alone(
    project: Project, database: Database
) -> None:
    start(project, SMALL + PERSON)
    with project.context() as alembic:
        session = current_app.extensions["sqlalchemy"].session
        with alembic.using(session):
            session.execute(sa.text("INSERT INTO person (name) VALUES ('new')"))
            assert alembic.diff().operations == ()
            assert session.scalar(COUNT) == 1
            session.rollback()
        assert session.scalar(COUNT) == 0
        session.rollback()


@pytest.mark.needs("server")
def test_a_role_that_may_only_read(project: Project, database: Database) -> None:
    """It can't make a temporary table: Alembic's own comparison is what is left."""
    start(project, SMALL)
    if database.kind == "postgresql":
        role = f"reader_{database.name}"
        database.execute(
            f"CREATE ROLE {role} LOGIN",
            f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM PUBLIC',
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        )
        away = [f"DROP OWNED BY {role}", f"DROP ROLE {role}"]
    else:
        role = f"r_{database.name}"[:30]
        database.execute(
            f"CREATE USER {role}", f"GRANT SELECT ON `{database.name}`.* TO {role}"
        )
        away = [f"DROP USER {role}"]
    project.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(username=role)
    try:
        project.models = SMALL.replace('server_default="1"', 'server_default="2"')
        assert "note.number" in changed(project)
    finally:
        database.execute(*away)

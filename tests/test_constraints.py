"""Constraints without a name, checks, computed columns and what else Alembic leaves out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.application import Project
from support.changing import change
from support.changing import codes
from support.changing import start
from support.changing import text
from support.servers import Database

TEAM = """
class Team(db.Model):
    __tablename__ = "teams"
    id = sa.Column(sa.Integer, primary_key=True)
"""
USER = """
class User(db.Model):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(80){email})
    age = sa.Column(sa.Integer{age})
    team_id = sa.Column(sa.Integer{team})
    __table_args__ = ({more})
"""
ROWS = (
    "INSERT INTO teams (id) VALUES (7)",
    "INSERT INTO users (id, email, age, team_id) VALUES (1, 'a', 30, 7), (2, 'b', 3, 7)",
)


def user(email: str = "", age: str = "", team: str = "", more: str = "") -> str:
    """The models, with more in some places."""
    return TEAM + USER.format(email=email, age=age, team=team, more=more)


UNNAMED = {
    "email": ", unique=True",
    "age": "",
    "team": ", sa.ForeignKey('teams.id')",
    "more": "sa.CheckConstraint('age > 0'), sa.UniqueConstraint('email', 'age'),",
}
NAMES = (
    "uq_users_email",
    "uq_users_email_age",
    "fk_users_team_id_teams",
    "ck_users_age",
)


def test_unnamed_are_added(project: Project, database: Database) -> None:
    start(project, database, user(), *ROWS)
    draft = change(project, user(), user(**UNNAMED))
    for name in NAMES:
        assert name in text(draft)
        assert any(name in f.message for f in draft.findings if f.code == "named")
    assert "None" not in text(draft).replace("schema=None", "").partition("def ")[
        2
    ].replace("depends_on = None", "")
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        database.execute("INSERT INTO users (id, email) VALUES (3, 'a')")
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        database.execute("UPDATE users SET age = -1")


def test_unnamed_are_dropped(project: Project, database: Database) -> None:
    start(project, database, user(**UNNAMED), *ROWS)
    draft = change(project, user(**UNNAMED), user())
    assert "None," not in text(draft).replace("schema=None", "")
    database.execute(
        "INSERT INTO users (id, email, age, team_id) VALUES (3, 'a', -1, 99)"
    )
    assert len(database.rows("SELECT * FROM users")) == 3


def test_unnamed_are_changed(project: Project, database: Database) -> None:
    """What a constraint demands changes; none of them has a name in the models."""
    before = user(**UNNAMED)
    after = user(
        email="",
        age=", unique=True",
        team=", sa.ForeignKey('teams.id', ondelete='CASCADE')",
        more="sa.CheckConstraint('age > 1 AND age < 200'), sa.UniqueConstraint('age', 'email'),",
    )
    start(project, database, before, *ROWS)
    change(project, before, after)
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        database.execute("UPDATE users SET age = 200 WHERE id = 1")
    assert len(database.rows("SELECT * FROM users")) == 2


CHECKS = {
    "before": (
        "sa.CheckConstraint('age > 0', name='changed'),"
        " sa.CheckConstraint('age > -9', name='dropped'),"
        " sa.CheckConstraint('age <> 5', name='old'),"
        " sa.CheckConstraint('age <> 6'), sa.CheckConstraint('age <> 7'),"
    ),
    "after": (
        "sa.CheckConstraint('age > 1', name='changed'),"
        " sa.CheckConstraint('age <> 5', name='new'),"
        " sa.CheckConstraint('age <> 7'),"
        " sa.CheckConstraint(\"email <> 'a:b%' AND age < 99\", name='added'),"
    ),
}


def test_checks(project: Project, database: Database) -> None:
    models = [user(more=more) for more in CHECKS.values()]
    start(project, database, models[0], *ROWS)
    draft = change(project, *models)
    assert "named" not in codes(draft)
    percent = "%" if database.kind == "sqlite" else "%%"
    for bad in ("age = 1", "age = 5", "age = 7", f"email = 'a:b{percent}'", "age = 99"):
        with pytest.raises(Exception, match=r"(?i)check|constraint"):
            database.execute(f"UPDATE users SET {bad} WHERE id = 2")
    database.execute("UPDATE users SET age = 6 WHERE id = 2")


def test_same_checks_in_other_words(project: Project, database: Database) -> None:
    more = (
        "sa.CheckConstraint(\"age BETWEEN 1 AND 9 OR email LIKE 'x%' AND NOT age IS NULL\"),"
        " sa.CheckConstraint(sa.func.length(sa.column('email')) > 0, name='filled'),"
        " sa.CheckConstraint('age in (1, 2, 30, 3)', name='listed'),"
        " sa.CheckConstraint(\"email != 'it''s'\"),"
    )
    typed = ", sa.CheckConstraint('age < 99')"
    start(project, database, user(more=more, age=typed))


COMPUTED = """
class Person(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    number = sa.Column(sa.Integer)
    changed = sa.Column(sa.Integer, sa.Computed("number * {0}", persisted=True))
    indexed = sa.Column(
        sa.Integer, sa.Computed("number + {0}", persisted=True), index=True
    )
    freed = sa.Column(sa.Integer{1})
    bound = sa.Column(sa.Integer{2})
"""


def test_computed_columns(project: Project, database: Database) -> None:
    clause = ", sa.Computed('number - 1', persisted=True)"
    models = [COMPUTED.format(2, clause, ""), COMPUTED.format(3, "", clause)]
    start(project, database, models[0], "INSERT INTO person (id, number) VALUES (1, 7)")
    draft = change(project, *models)
    assert codes(draft) == ["computed"]
    columns = "changed, indexed, freed, bound"
    assert database.rows(f"SELECT {columns} FROM person") == [(21, 10, 6, 6)]
    database.execute("UPDATE person SET freed = 1, number = 1")
    assert database.rows(f"SELECT {columns} FROM person") == [(3, 4, 1, 0)]
    indexes = database.snapshot()["tables"]["person"]["indexes"]
    assert [index[0] for index in indexes] == ["ix_person_indexed"]


NOTES = """
class Note(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    word = sa.Column(sa.String(20), nullable=False, server_default="x"{word})
    done = sa.Column(sa.Boolean){done}
    __table_args__ = ({index}{{{table}}})
"""
NOTE_ROWS = ("INSERT INTO note (id, word) VALUES (1, 'a'), (2, 'B')",)


def note(**more: str) -> str:
    """The model, with more in some places."""
    empty = dict.fromkeys(("word", "done", "index", "table"), "")
    return NOTES.format(**{**empty, **more})


@pytest.mark.needs("server")
def test_comments(project: Project, database: Database) -> None:
    models = [
        note(word=", comment='one'"),
        note(table="'comment': \"it's 5%: all\"", word=", comment='a: %'"),
        note(table="'comment': 'two'"),
    ]
    start(project, database, models[0], *NOTE_ROWS)
    change(project, *models[:2])
    project.models = models[2]
    with project.context() as alembic:
        alembic.revision("third", rev_id="third")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    project.models = models[1]
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff().operations == ()
    assert len(database.rows("SELECT * FROM note WHERE word = 'a'")) == 1


INDEXES = {
    "before": (
        "sa.Index('ix_changed', sa.text('lower(word)')),"
        "sa.Index('ix_dropped', sa.text('length(word)'), 'id', unique=True),"
        "sa.Index('ix_part', 'word', {}_where=sa.text('id > 5')),"
        "sa.Index('ix_whole', 'word', {}_where=sa.text('id > 5')),"
    ),
    "after": (
        "sa.Index('ix_changed', sa.text('upper(word)')),"
        "sa.Index('ix_added', 'id', sa.text('lower(word)')),"
        "sa.Index('ix_part', 'word',"
        " {}_where=sa.text(\"id > 6 AND word LIKE 'a%'\")),"
        "sa.Index('ix_whole', 'word'),"
    ),
}


@pytest.mark.needs("transactional_ddl")
def test_partial_and_expression_indexes(project: Project, database: Database) -> None:
    texts = [text.replace("{}", database.kind) for text in INDEXES.values()]
    models = [note(index=text) for text in texts]
    start(project, database, models[0], *NOTE_ROWS)
    draft = change(project, *models)
    assert len(draft.operations) == 8
    assert len(database.rows("SELECT * FROM note")) == 2
    project.models = note()
    with project.context() as alembic:
        alembic.revision("third", rev_id="third")
        alembic.upgrade()
        assert alembic.diff().operations == ()


# What SQLAlchemy 2.0.38 can't reflect of an index, or write of a sequence, isn't ours.
TODAY = pytest.mark.skipif(sa.__version__ < "2.0.58", reason="needs a newer SQLAlchemy")


@TODAY
@pytest.mark.needs("schemas")
def test_how_postgresql_keeps_an_index(project: Project, database: Database) -> None:
    more = [
        (", postgresql_ops={'word': 'text_pattern_ops'}", ""),
        (", postgresql_include=['id']", ", postgresql_using='hash'"),
    ]
    models = [
        note(index=f"sa.Index('ix_a', 'word'{a}), sa.Index('ix_b', 'word'{b}),")
        for a, b in more
    ]
    start(project, database, models[0], *NOTE_ROWS)
    change(project, *models)


@pytest.mark.needs("schemas")
def test_identity(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    columns = [
        ("", ", sa.Identity(start=5)"),
        (", sa.Identity(always=True)", ", sa.Identity(increment=5, cycle=True)"),
        (", sa.Identity()", ""),
    ]
    models = [
        note(
            done="".join(
                f"\n    n{n} = sa.Column(sa.Integer{column[place]}, nullable=False)"
                for n, column in enumerate(columns)
            )
        )
        for place in (0, 1)
    ]
    rows = (
        "INSERT INTO note (id, n0, n1, n2) OVERRIDING SYSTEM VALUE VALUES (1, 9, 8, 7)"
    )
    start(project, database, models[0], rows)
    change(project, *models)
    assert database.rows("SELECT id, n0, n1, n2 FROM note") == [(1, 9, 8, 7)]
    database.execute("INSERT INTO note (id, n2) VALUES (2, 3)")
    assert database.rows("SELECT n0 FROM note WHERE id = 2") == [(10,)]


SEQUENCES = """
for word, options in {}.items():
    sa.Sequence(word, metadata=db.metadata, **options)
"""


@TODAY
@pytest.mark.needs("server")
def test_sequences(project: Project, database: Database) -> None:
    before = {"changed": {"start": 5, "increment": 2}, "dropped": {}}
    after = {
        "changed": {"start": 5, "increment": 3, "maxvalue": 9000, "cycle": True},
        "added": {"start": 7},
    }
    models = [note() + SEQUENCES.format(options) for options in (before, after)]
    start(project, database, models[0])
    database.execute("CREATE SEQUENCE somebody")
    change(project, *models)
    value = "'{}'" if database.kind == "postgresql" else "{}"
    query = f"SELECT nextval({value})"
    assert database.rows(query.format("changed")) == [(5,)]
    assert database.rows(query.format("changed")) == [(8,)]
    assert database.rows(query.format("added")) == [(7,)]
    assert database.rows(query.format("somebody")) == [(1,)]
    with pytest.raises(Exception, match="dropped"):
        database.rows(query.format("dropped"))


PLAIN = note()


@pytest.mark.needs("schemas")
def test_schema_is_made(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    shop = """
class Item(db.Model):
    __table_args__ = (
        sa.CheckConstraint("size > {0}"),
        sa.Index("ix_large", "size", postgresql_where=sa.text("size > {0}")),
        {{"schema": "shop", "comment": "{0}"}},
    )
    id = sa.Column(sa.Integer, primary_key=True)
    size = sa.Column(sa.Integer, unique={1})
    more = sa.Column(sa.Integer, sa.Computed("size * {0}", persisted=True))
"""
    start(project, database, PLAIN)
    change(project, PLAIN, PLAIN + shop.format(1, True))
    models = [PLAIN + shop.format(*values) for values in ((1, True), (2, False))]
    project.models = models[1]
    with project.context() as alembic:
        alembic.revision("third", rev_id="third")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    project.models = models[0]
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff().operations == ()
    assert database.tables("shop") == {"item"}


def test_sql_of_the_draft(project: Project, database: Database) -> None:
    start(project, database, user(**UNNAMED), *ROWS)
    project.models = user(age=", sa.Computed('id + 1', persisted=True)") + (
        "    word = sa.Column(sa.String(5), nullable=False)\n"
    )
    before = database.snapshot()
    with project.context() as alembic:
        found = alembic.diff(sql=True, defaults={"users.word": "'50%'"})
    sql = found.sql["default"]
    assert "UPDATE users SET word = '50%' WHERE word IS NULL" in sql
    assert "GENERATED ALWAYS AS (id + 1) STORED" in sql
    assert database.snapshot() == before


PARENT = """
class Parent(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
"""
CHILD = """
class Child(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    size = sa.Column(sa.Integer)
    parent = sa.Column(sa.ForeignKey("parent.id", name="fk_parent"), index=True)
    other = sa.Column(sa.ForeignKey("parent.id"), unique=True)
    __table_args__ = (sa.Index("ix_both", "parent", "size"),)
"""
LINES = CHILD.splitlines(keepends=True)


@pytest.mark.parametrize(
    "child",
    [
        "",
        "".join(LINES[:5]),
        CHILD.replace(
            'sa.ForeignKey("parent.id", name="fk_parent"), index=True', "sa.Integer"
        ).replace(LINES[-1], ""),
    ],
    ids=["table", "columns", "keys"],
)
def test_foreign_keys_that_go_with_their_indexes(
    project: Project, database: Database, child: str
) -> None:
    """MariaDB lets no index go that a foreign key needs: the key goes first."""
    before = PARENT + CHILD
    start(
        project,
        database,
        before,
        "INSERT INTO parent (id) VALUES (1)",
        "INSERT INTO child (id, size, parent, other) VALUES (1, 7, 1, 1)",
    )
    was = database.snapshot()["tables"]["child"]
    draft = change(project, before, PARENT + child)
    assert ("remove table" in {x.change for x in draft.operations}) is (not child)
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    now = database.snapshot()["tables"]["child"]
    assert {k: now[k] for k in now if k != "columns"} == {
        k: was[k] for k in was if k != "columns"
    }


@pytest.mark.parametrize("more", ["index=True", "unique=True", ""])
def test_index_for_a_foreign_key_that_had_none(
    project: Project, database: Database, more: str
) -> None:
    """MariaDB's own index goes when there is another one, and comes back before it goes."""
    before = (
        PARENT
        + """
class Child(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    size = sa.Column(sa.Integer)
    parent = sa.Column(sa.ForeignKey("parent.id"))
"""
    )
    if not more:
        wide = '    __table_args__ = (sa.Index("ix_wide", "parent", "size"),)\n'
        after = before + wide
    else:
        after = before.replace('"parent.id")', f'"parent.id"), {more}')
    start(project, database, before, "INSERT INTO parent (id) VALUES (1)")
    was = database.snapshot()["tables"]["child"]["foreign keys"]
    change(project, before, after)
    assert database.snapshot()["tables"]["child"]["foreign keys"] == was
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff().operations == ()
    assert database.snapshot()["tables"]["child"]["foreign keys"] == was


def test_index_that_a_new_type_could_not_have(
    project: Project, database: Database
) -> None:
    """MariaDB indexes no text as a whole: the index goes before the column changes."""
    before = """
class Note(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.String(40), index=True)
    __table_args__ = (sa.UniqueConstraint("id", "title", name="uq_title"),)
"""
    after = before.replace("sa.String(40), index=True", "sa.Text")
    after = after.replace(before.splitlines(keepends=True)[-1], "")
    start(project, database, before, "INSERT INTO note (title) VALUES ('one')")
    change(project, before, after)
    assert database.rows("SELECT title FROM note") == [("one",)]

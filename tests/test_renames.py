"""Renames: found, asked about, written both ways, with rows that stay."""

from __future__ import annotations

import os
import typing as t

import pytest
from support.application import FLASK
from support.application import Project
from support.processes import clean_environment
from support.processes import forks
from support.processes import Streams
from support.servers import Database
from support.sources import plain

from flask_alembic import DraftError
from flask_alembic.results import Draft
from flask_alembic.results import Question

Said = t.Mapping[str, str]

USER = """
class User(db.Model):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
    email = sa.Column(sa.String(80))
"""
RENAMED = USER.replace("    name =", "    full_name =")
NAMES = "INSERT INTO users (id, name, email) VALUES (1, 'Ann', 'a'), (2, 'Bob', 'b')"

TEAMS = """
class Team(db.Model):
    __tablename__ = "teams"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.String(30), nullable=False)

class Member(db.Model):
    __tablename__ = "members"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(
        sa.String(50), nullable=False, index=True, server_default="x", comment="Who"
    )
    email = sa.Column(sa.String(80), unique=True)
    age = sa.Column(sa.Integer)
    data = sa.Column(sa.JSON)
    team_id = sa.Column(sa.ForeignKey("teams.id", name="fk_member_team"))
    boss_id = sa.Column(sa.ForeignKey("members.id", name="fk_member_boss"))
    __table_args__ = (
        sa.CheckConstraint("age >= 0", name="age_is_right"),
        sa.UniqueConstraint("name", "age", name="uq_name_age"),
    )

class Badge(db.Model):
    __tablename__ = "badges"
    id = sa.Column(sa.Integer, primary_key=True)
    member_id = sa.Column(sa.ForeignKey("members.id", name="fk_badge_member"))
"""
TEAMS_ROWS = (
    "INSERT INTO teams VALUES (7, 't')",
    "INSERT INTO members (name, email, age, team_id) VALUES ('Ann', 'a', 3, 7)",
    "INSERT INTO members (name, age, boss_id) VALUES ('Bob', 4, 1)",
    "INSERT INTO badges VALUES (9, 2)",
)
MEMBERS = "SELECT {} FROM {} ORDER BY 1"
CONSTRAINTS = (
    "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
)
MEMBERS_ROWS = [(1, "Ann", "a", 3, 7, None), (2, "Bob", None, 4, None, 1)]


def changed(models: str, changes: t.Mapping[str, str]) -> str:
    """Models with some texts replaced, each of which must be there."""
    for old, new in changes.items():
        assert old in models
        models = models.replace(old, new)
    return models


PEOPLE = changed(
    TEAMS,
    {
        '"members"': '"people"',
        "members.id": "people.number",
        '"people"\n    id =': '"people"\n    number =',
        "    name = sa.Column(\n        sa.String(50)": (
            "    full_name = sa.Column(\n        sa.String(60)"
        ),
        '"name", "age"': '"full_name", "years"',
        "    age =": "    years =",
        "age >= 0": "years >= 0",
        "    data =": "    payload =",
    },
)


def yes(_: Question) -> bool:
    return True


def start(project: Project, database: Database, models: str, *rows: str) -> None:
    """Make the tables by a revision, and fill them."""
    project.models = models
    with project.context() as alembic:
        alembic.revision("first", rev_id="first")
        alembic.upgrade()
    database.execute(*rows)


def migrate(project: Project, models: str, **choices: t.Any) -> Draft:
    """Change the models, write a revision, run it; nothing is left to do."""
    project.models = models
    with project.context() as alembic:
        draft = alembic.draft("second", rev_id="second", **choices)
        alembic.upgrade()
        assert alembic.diff().operations == ()
    return draft


def back(project: Project, models: str) -> None:
    """Downgrade to the models of before; nothing is left to do."""
    project.models = models
    with project.context() as alembic:
        alembic.downgrade()
        assert alembic.diff(renames=False).operations == ()


def text(draft: Draft) -> str:
    assert draft.path is not None
    with open(draft.path, encoding="utf-8") as file:
        return file.read()


def upgrade_of(draft: Draft) -> str:
    return text(draft).partition("def downgrade")[0]


# -- what is written -------------------------------------------------------------------


@pytest.mark.parametrize("batch", [True, False])
def test_column(project: Project, database: Database, batch: bool) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": batch}
    start(project, database, USER, NAMES)
    draft = migrate(project, RENAMED, renames={"users.name": "full_name"})
    assert draft.renames == {"users.name": "full_name"}
    (operation,) = draft.operations
    assert operation.change == "rename column"
    assert (operation.name, operation.note) == ("users.name", "-> full_name")
    assert "new_column_name='full_name'" in upgrade_of(draft)
    assert "flask_alembic" not in text(draft)
    assert database.rows("SELECT id, full_name FROM users") == [(1, "Ann"), (2, "Bob")]
    back(project, USER)
    assert database.rows("SELECT id, name FROM users") == [(1, "Ann"), (2, "Bob")]


def test_table_and_columns_with_all_that_uses_them(
    project: Project, database: Database
) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    start(project, database, TEAMS, *TEAMS_ROWS)
    before = database.snapshot()["tables"]
    draft = migrate(project, PEOPLE, ask=yes)
    assert draft.renames == {
        "members": "people",
        "members.id": "number",
        "members.name": "full_name",
        "members.age": "years",
        "members.data": "payload",
        **draft.renames,
    }
    assert "drop_column" not in text(draft)
    assert "drop_table" not in text(draft)
    assert "foreignkey" not in text(draft)
    columns = "number, full_name, email, years, team_id, boss_id"
    assert database.rows(MEMBERS.format(columns, "people")) == MEMBERS_ROWS
    assert database.rows("SELECT * FROM badges") == [(9, 2)]
    with pytest.raises(Exception, match="age_is_right"):
        database.execute("UPDATE people SET years = -1")
    if database.kind == "postgresql":
        assert "ALTER INDEX ix_members_name RENAME TO ix_people_full_name" in text(
            draft
        )
        after = database.snapshot()["tables"]["people"]
        assert after["primary key"]["name"] == "people_pkey"
        assert "people_number_seq" in str(after["columns"][0])
    if database.kind == "mariadb":
        assert "RENAME INDEX ix_members_name TO ix_people_full_name" in text(draft)
        # JSON is a check of the column's own.
        with pytest.raises(Exception, match="payload"):
            database.execute("UPDATE people SET payload = 'x'")
    database.execute("INSERT INTO people (full_name, years) VALUES ('Cy', 1)")
    database.execute("DELETE FROM people WHERE full_name = 'Cy'")
    back(project, TEAMS)
    columns = "id, name, email, age, team_id, boss_id"
    assert database.rows(MEMBERS.format(columns, "members")) == MEMBERS_ROWS
    assert database.snapshot()["tables"] == before


def test_swapped_names(project: Project, database: Database) -> None:
    start(project, database, USER, NAMES)
    first, second = "sa.String(50), nullable=False", "sa.String(80)"
    models = changed(USER, {first: "X", second: first})
    models = changed(models, {"X": second})
    migrate(project, models, renames={"users.name": "email", "users.email": "name"})
    assert database.rows("SELECT id, email, name FROM users ORDER BY id") == [
        (1, "Ann", "a"),
        (2, "Bob", "b"),
    ]
    back(project, USER)
    assert database.rows("SELECT name, email FROM users WHERE id = 1") == [("Ann", "a")]


def test_names_by_convention(project: Project, database: Database) -> None:
    convention = {
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
    project.head = project.head.replace(
        "SQLAlchemy(app)",
        f"SQLAlchemy(app, metadata=sa.MetaData(naming_convention={convention!r}))",
    )
    models = changed(
        TEAMS,
        {
            ', name="uq_name_age"': "",
            ', name="fk_member_team"': "",
            ', name="fk_member_boss"': "",
            ', name="fk_badge_member"': "",
            "unique=True": "unique=True, index=True",
        },
    )
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    start(project, database, models, *TEAMS_ROWS)
    people = changed(
        models,
        {
            '"members"': '"people"',
            "members.id": "people.id",
            "    name =": "    label =",
            '"name", "age"': '"label", "age"',
        },
    )
    said = {"members": "people", "people.name": "label"}
    draft = migrate(project, people, renames=said)
    assert database.rows("SELECT id, label FROM people ORDER BY id") == [
        (1, "Ann"),
        (2, "Bob"),
    ]
    if database.kind == "postgresql":
        tables = database.snapshot()["tables"]
        assert tables["people"]["primary key"]["name"] == "pk_people"
        names = [row[0] for row in database.rows(CONSTRAINTS)]
        assert {"uq_people_label_age", "fk_badges_member_id_people"} <= set(names)
        assert not [name for name in names if "_members" in name]
        assert "drop_" not in text(draft)
    back(project, models)


@pytest.mark.needs("schemas")
def test_in_a_schema(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    database.execute("CREATE SCHEMA app")
    args = '    __table_args__ = {"schema": "app"}\n'
    start(project, database, USER + args, NAMES.replace("users", "app.users"))
    models = RENAMED.replace('"users"', '"people"') + args
    said = {"app.users": "people", "app.people.name": "full_name"}
    draft = migrate(project, models, renames=said)
    assert draft.renames == {"app.users": "people", "app.users.name": "full_name"}
    assert database.rows("SELECT full_name FROM app.people WHERE id = 1") == [("Ann",)]
    back(project, USER + args)
    assert database.rows("SELECT name FROM app.users WHERE id = 1") == [("Ann",)]


def test_several_databases(two: Project, database: Database, other: Database) -> None:
    models = two.models
    start(two, database, models + USER, NAMES)
    other.execute("INSERT INTO log VALUES (5)")
    after = changed(models, {'"log"\n    id =': '"log"\n    number ='}) + RENAMED
    draft = migrate(two, after, ask=yes)
    assert draft.renames == {"users.name": "full_name", "log.id": "number"}
    assert other.rows("SELECT number FROM log") == [(5,)]
    back(two, models + USER)
    assert other.rows("SELECT id FROM log") == [(5,)]
    assert database.rows("SELECT name FROM users WHERE id = 2") == [("Bob",)]


SAME_MODELS = """
engines = {{"default": sa.create_engine({0!r}), "copy": sa.create_engine({1!r})}}
metadatas = {{"default": db.metadata, "copy": db.metadata}}
alembic = Alembic(app, metadatas=metadatas, engines=engines)
"""


def test_one_answer_for_all_databases(
    project: Project, database: Database, other: Database
) -> None:
    """Both have the pair, which looks likely; one question, and both keep their rows."""
    project.setup = SAME_MODELS.format(database.url, other.url)
    start(project, database, USER, NAMES)
    other.execute(NAMES)
    asked: list[Question] = []

    def agree(question: Question) -> bool:
        asked.append(question)
        return True

    models = RENAMED.replace('"users"', '"people"')
    draft = migrate(project, models, ask=agree)
    options = ["--rename-table users=people", "--rename users.name=full_name"]
    assert [question.option for question in asked] == options
    assert asked[-1].default is True
    assert draft.findings == ()
    for one in (database, other):
        rows = one.rows("SELECT full_name FROM people ORDER BY id")
        assert rows == [("Ann",), ("Bob",)]
    back(project, USER)
    assert other.rows("SELECT name FROM users ORDER BY id") == [("Ann",), ("Bob",)]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("models", "beside"),
    [
        (RENAMED, "ALTER TABLE users ADD COLUMN full_name VARCHAR(50)"),
        (USER.replace('"users"', '"user_list"'), "CREATE TABLE user_list (id INTEGER)"),
    ],
    ids=["column", "table"],
)
def test_what_another_database_has(
    project: Project, database: Database, other: Database, models: str, beside: str
) -> None:
    """One that has the new name beside the old one makes a likely rename unlikely."""
    project.setup = SAME_MODELS.format(database.url, other.url)
    start(project, database, USER)
    project.models = models
    asked: list[Question] = []

    def no(question: Question) -> bool:
        asked.append(question)
        return False

    with project.context() as alembic:
        alembic.diff(ask=no)
    assert [question.default for question in asked] == [True]
    other.execute(beside)
    asked.clear()
    with project.context() as alembic:
        # Which isn't looked at where it isn't asked for.
        alembic.diff(ask=no, databases=["default"])
        alembic.diff(ask=no)
    assert [question.default for question in asked] == [True, False]


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["copy", "default"])
def test_answer_where_the_pair_looks_unlikely(
    project: Project, database: Database, other: Database, name: str
) -> None:
    """It holds there, too, whichever of them is looked at first."""
    project.setup = SAME_MODELS.format(database.url, other.url)
    start(project, database, USER)
    changed_one = {"copy": other, "default": database}[name]
    changed_one.execute(
        "ALTER TABLE users DROP COLUMN name", "ALTER TABLE users ADD name INTEGER"
    )
    draft = migrate(project, RENAMED.replace("False", "True"), ask=yes)
    changes = [(op.database, op.change) for op in draft.operations]
    assert ("copy", "rename column") in changes
    assert ("default", "rename column") in changes
    types = [database for database, change in changes if change == "modify type"]
    assert types == [name]


# -- who decides -----------------------------------------------------------------------


def test_the_model_says_it(project: Project, database: Database) -> None:
    start(project, database, USER, NAMES)
    table = 'name__ = "people"\n    __table_args__ = {"info": {"was": "users"}}'
    column = 'sa.String(50), info={"was": "name"}'
    changes = {'name__ = "users"': table, "sa.String(50)": column}
    models = changed(RENAMED, changes)
    draft = migrate(project, models)
    assert draft.renames == {"users": "people", "users.name": "full_name"}
    assert database.rows("SELECT full_name FROM people WHERE id = 2") == [("Bob",)]
    # Once it is so, the words mean nothing any more.
    back(project, USER)
    assert database.rows("SELECT name FROM users WHERE id = 2") == [("Bob",)]


@pytest.mark.one_database
def test_what_is_asked(project: Project, database: Database) -> None:
    start(project, database, USER)
    asked: list[Question] = []

    def no(question: Question) -> bool:
        asked.append(question)
        return False

    project.models = changed(RENAMED, {"    email =": "    bio ="})
    with project.context() as alembic:
        draft = alembic.draft("second", ask=no)
    assert draft.renames == {}
    assert draft.findings == ()
    by_name = {tuple(question.details): question for question in asked}
    likely, unlikely = by_name["name", "full_name"], by_name["email", "bio"]
    assert (likely.default, unlikely.default) == (True, False)
    assert likely.details["name"] == "VARCHAR(50) NOT NULL"
    assert likely.option == "--rename users.name=full_name"
    assert "users.full_name" in likely.text
    assert likely.database == "default"


@pytest.mark.one_database
def test_two_candidates_for_one(project: Project, database: Database) -> None:
    start(project, database, USER, NAMES)
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    both = RENAMED + "    last_name = sa.Column(sa.String(50), server_default='-')\n"
    asked: list[str] = []

    def second(question: Question) -> bool:
        asked.append(question.option)
        return question.option.endswith("=last_name")

    project.models = both.replace("nullable=False", "server_default='+'")
    with project.context() as alembic:
        draft = alembic.draft("second", ask=second)
        alembic.upgrade()
    assert draft.renames == {"users.name": "last_name"}
    assert asked == ["--rename users.name=full_name", "--rename users.name=last_name"]
    rows = database.rows("SELECT full_name, last_name FROM users WHERE id = 1")
    assert rows == [("+", "Ann")]


@pytest.mark.one_database
def test_nobody_is_there(project: Project, database: Database) -> None:
    start(project, database, USER, NAMES)
    project.models = RENAMED.replace('"users"', '"people"') + USER.replace(
        '"users"', '"other"'
    ).replace("User", "Other")
    checked = project.invoke("check")
    assert checked.exit_code == 1
    assert "Changes detected." in checked.stdout
    assert "--rename-table users=people" in checked.stdout + checked.stderr
    project.models = RENAMED
    written = project.invoke("revision", "second")
    assert written.exit_code == 0
    assert "--rename users.name=full_name" in written.stdout + written.stderr
    (path,) = [path for path in project.files if "second" in path.name]
    source = path.read_text()
    above, _, _ = source.partition("op.drop_column('users', 'name')")
    assert above.rstrip().splitlines()[-1].startswith("    # ")
    assert "--rename users.name=full_name" in above
    assert "--rename" not in source.partition("def downgrade")[2]


@pytest.mark.one_database
def test_options(project: Project, database: Database) -> None:
    start(project, database, USER, NAMES)
    project.models = RENAMED.replace('"users"', '"people"')
    diff = project.invoke("diff", "--json", "--no-renames")
    assert diff.json["draft"]["findings"] == []
    changes = [op["change"] for op in diff.json["draft"]["operations"]]
    assert changes == ["add table", "remove table"]
    options = ["--rename-table", "users=people", "--rename", "users.name=full_name"]
    done = project.invoke("revision", "second", "--json", *options)
    assert done.exit_code == 0, done.stderr
    renames = {"users": "people", "users.name": "full_name"}
    assert done.json["draft"]["renames"] == renames
    for wrong in (["--rename", "users=people"], ["--rename", "x"], ["--default", "=1"]):
        assert project.invoke("revision", "third", *wrong).exit_code == 2
    both = ["--no-renames", "--rename-table", "users=people"]
    assert project.invoke("revision", "third", *both).exit_code == 2


@pytest.mark.one_database
@pytest.mark.parametrize(
    "renames",
    [{"users.nmae": "full_name"}, {"users.name": "ful_name"}, {"user": "people"}],
)
def test_a_name_that_is_nowhere(
    project: Project, database: Database, renames: Said
) -> None:
    start(project, database, USER)
    project.models = RENAMED
    with project.context() as alembic:
        with pytest.raises(DraftError) as refused:
            alembic.revision("second", renames=renames)
        ((old, new),) = renames.items()
        assert f"{old}={new}" in str(refused.value)
        assert "users.name (gone)" in str(refused.value)
        assert "users.full_name (new)" in str(refused.value)
        with pytest.raises(
            DraftError, match=r"nothing to rename for users\.email\.a=b"
        ):
            alembic.revision("second", renames={"users.email.a": "b"})
    assert len(project.files) == 1


@pytest.mark.one_database
def test_on_a_terminal(project: Project, database: Database) -> None:
    pty = pytest.importorskip("pty")
    start(project, database, USER, NAMES)
    project.models = changed(RENAMED, {"    email =": "    bio ="})
    project.write()
    ours, theirs = pty.openpty()
    command = forks().start(
        [*FLASK, "revision", "second"],
        project.root,
        {**clean_environment(), "TERM": "dumb"},
        Streams(theirs, theirs, theirs),
    )
    os.close(theirs)
    # Enter twice: the default of the likely one is yes, of the unlikely one no.
    os.write(ours, b"\n\n")
    screen = b""
    try:
        while part := os.read(ours, 4096):
            screen += part
    except OSError:
        # Linux says so that nobody writes any more.
        pass
    os.close(ours)
    assert command.wait().exit_code == 0, screen
    shown = screen.decode()
    assert "Is the column users.full_name the old users.name, renamed?" in shown
    assert "VARCHAR(50) NOT NULL" in shown
    assert "[Y/n]" in shown
    assert "[y/N]" in shown
    (path,) = [path for path in project.files if "second" in path.name]
    assert "new_column_name='full_name'" in path.read_text()
    assert "drop_column('users', 'email')" in path.read_text()


# -- what makes it harder --------------------------------------------------------------

THING = """
class Thing(db.Model):
    __tablename__ = "things"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
    count = sa.Column(sa.Integer)
    twice = sa.Column(sa.Integer, sa.Computed("count * 2", persisted=True))
    at = sa.Column(sa.DateTime, server_default=sa.func.now())
    body = sa.Column(sa.Text, comment="it's: a")
    __table_args__ = (
        sa.Index(
            "ix_part",
            "name",
            postgresql_where=sa.text("count > 0"),
            sqlite_where=sa.text("count > 0"),
        ),
        {"comment": "of all kinds"},
    )
"""
OBJECT_NAMES = {
    "things": "objects",
    "things.id": "number",
    "things.name": "label",
    "things.count": "amount",
    "things.twice": "twofold",
    "things.at": "made_at",
    "things.body": "text",
}


def test_columns_that_expressions_use(project: Project, database: Database) -> None:
    row = "INSERT INTO things (name, count, body) VALUES ('Ann', 3, 'x')"
    start(project, database, THING, row)
    changes = {
        "    at =": "    made_at =",
        '"things"': '"objects"',
        '"name"': '"label"',
        "count": "amount",
    }
    for old in ("id", "name", "twice", "body"):
        changes[f"    {old} ="] = f"    {OBJECT_NAMES[f'things.{old}']} ="
    objects = changed(THING, changes)
    draft = migrate(project, objects, renames=OBJECT_NAMES)
    for word in ("add_column", "drop_", "create_index"):
        assert word not in text(draft)
    found = database.rows("SELECT number, label, amount, twofold, text FROM objects")
    assert found == [(1, "Ann", 3, 6, "x")]
    back(project, THING)
    found = database.rows("SELECT id, name, count, twice, body FROM things")
    assert found == [(1, "Ann", 3, 6, "x")]


def test_swapped_tables(project: Project, database: Database) -> None:
    other = changed(USER, {"User": "Other", "users": "others", "email": "mail"})
    start(project, database, USER + other, NAMES)
    swapped = changed(USER + other, {'"users"': '"x"', '"others"': '"users"'})
    swapped = swapped.replace('"x"', '"others"')
    migrate(project, swapped, renames={"users": "others", "others": "users"})
    assert database.rows("SELECT email FROM others ORDER BY id") == [("a",), ("b",)]
    back(project, USER + other)
    assert database.rows("SELECT email FROM users ORDER BY id") == [("a",), ("b",)]


@pytest.mark.one_database
def test_a_table_that_no_revision_made(project: Project, database: Database) -> None:
    start(project, database, USER)
    database.execute(
        "CREATE TABLE legacy (id INTEGER NOT NULL PRIMARY KEY)",
        "INSERT INTO legacy VALUES (5)",
    )
    modern = """
class Modern(db.Model):
    __tablename__ = "modern"
    __table_args__ = {"info": {"was": "legacy"}}
    id = sa.Column(sa.Integer, primary_key=True)
"""
    assert migrate(project, USER + modern).renames == {"legacy": "modern"}
    assert database.rows("SELECT id FROM modern") == [(5,)]


@pytest.mark.needs("transactional_ddl")
def test_async_engine(project: Project, database: Database) -> None:
    plain(project, f"create_async_engine({database.asynchronous_url()!r})")
    project.head += "from sqlalchemy.ext.asyncio import create_async_engine\n"
    head, engines = project.head, project.models
    start(project, database, engines, "INSERT INTO person VALUES (1)")
    project.head = changed(
        head, {'"person", meta': '"human", meta', '"id"': '"number"'}
    )
    said = {"person": "human", "person.id": "number"}
    draft = migrate(project, engines, renames=said)
    assert draft.renames == said
    assert database.rows("SELECT number FROM human") == [(1,)]
    project.head = head
    back(project, engines)
    assert database.rows("SELECT id FROM person") == [(1,)]

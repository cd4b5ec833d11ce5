"""Columns that become required in tables with rows."""

from __future__ import annotations

import typing as t

import pytest
from support.application import Project
from support.servers import Database

from flask_alembic import DraftError
from flask_alembic.results import Draft
from flask_alembic.results import Question

USER = """
class User(db.Model):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50))
"""
EMAIL = USER + "    email = sa.Column(sa.String(80), nullable=False)\n"
NAMED = USER.replace("sa.String(50)", "sa.String(50), nullable=False")
ROWS = "INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, NULL)"


def start(project: Project, database: Database, models: str, *rows: str) -> None:
    """Make the tables by a revision, and fill them."""
    project.models = models
    with project.context() as alembic:
        alembic.revision("first", rev_id="first")
        alembic.upgrade()
    database.execute(*rows)


def text(draft: Draft) -> str:
    assert draft.path is not None
    with open(draft.path, encoding="utf-8") as file:
        return file.read()


def draft(project: Project, models: str, **choices: t.Any) -> Draft:
    """Change the models and write a revision."""
    project.models = models
    with project.context() as alembic:
        return alembic.draft("second", rev_id="second", **choices)


def round_trip(project: Project, before: str, after: str) -> None:
    """Upgrade, downgrade and upgrade; nothing is left to do each time."""
    for models, way in ((after, "up"), (before, "down")):
        project.models = models
        with project.context() as alembic:
            assert (alembic.upgrade() if way == "up" else alembic.downgrade()).ok
            assert alembic.diff().operations == (), way
    with project.context() as alembic:
        alembic.upgrade()


def codes(found: Draft) -> list[str]:
    return [finding.code for finding in found.findings]


def test_new_column_gets_a_value(project: Project, database: Database) -> None:
    start(project, database, USER, ROWS)
    value = "'it''s 100%: ' || name" if database.kind != "mariadb" else "'it''s 100%:x'"
    made = draft(project, EMAIL, defaults={"users.email": f"coalesce({value}, 'n')"})
    assert codes(made) == ["backfill"]
    down = text(made).partition("def downgrade")[2]
    assert "drop_column" in down
    assert "alter_column" not in down
    round_trip(project, USER, EMAIL)
    expected = "it's 100%: Ann" if database.kind != "mariadb" else "it's 100%:x"
    rows = database.rows("SELECT id, email FROM users ORDER BY 1")
    assert rows[0] == (1, expected)
    assert rows[1][1] in ("n", expected)
    with pytest.raises(Exception, match=r"(?i)null"):
        database.execute("INSERT INTO users (id, email) VALUES (3, NULL)")


def test_without_a_value_it_stops_before_anything_has_run(
    project: Project, database: Database
) -> None:
    start(project, database, USER, ROWS)
    models = EMAIL + "    other = sa.Column(sa.Integer)\n"
    made = draft(project, models)
    (finding,) = made.findings
    option = """--default "users.email=''\""""
    assert (finding.code, finding.where) == ("needs-value", "users.email")
    assert option in finding.fix
    assert "flask_alembic" not in text(made)
    before = database.snapshot()
    with project.context() as alembic:
        with pytest.raises(RuntimeError, match=r"users\.email needs a value") as error:
            alembic.upgrade()
        assert option in str(error.value)
    assert database.columns("users") == {"id", "name"}
    assert database.snapshot() == before
    # SQL for another database can't look, and has no stop in it.
    offline = project.invoke("upgrade", "--sql", "first:second")
    assert offline.exit_code == 0
    assert "RuntimeError" not in offline.stdout
    assert "ADD" in offline.stdout
    database.execute("DELETE FROM users")
    round_trip(project, USER, models)


def test_written_plainly(project: Project, database: Database) -> None:
    """No rows, or a default of the database's: nothing has to be known."""
    start(project, database, USER)
    made = draft(project, EMAIL)
    assert made.findings == ()
    assert "execute" not in text(made)
    round_trip(project, USER, EMAIL)
    database.execute("INSERT INTO users (id, email) VALUES (1, 'a')")
    models = EMAIL + (
        "    size = sa.Column(sa.Integer, nullable=False, server_default='7')\n"
    )
    project.models = models
    with project.context() as alembic:
        third = alembic.draft("third", rev_id="third")
        assert third.findings == ()
        alembic.upgrade()
        assert alembic.diff().operations == ()
    assert "execute" not in text(third)
    assert database.rows("SELECT size FROM users") == [(7,)]


DEFAULTS = [
    ("sa.String(9), default='it\\'s: 5%'", "it's: 5%"),
    ("sa.Integer, default=3", 3),
    ("sa.Boolean, default=True", 1),
    ("sa.Numeric(8, 2), default=1", 1),
    ("sa.Date, default=__import__('datetime').date(2020, 2, 3)", "2020-02-03"),
    ("sa.String(20), default=sa.func.lower('ABC')", "abc"),
]
"""A column with a default of the model's own, and what rows get."""


def test_models_own_default(project: Project, database: Database) -> None:
    start(project, database, USER, ROWS)
    columns = [
        f"    c{number} = sa.Column({definition}, nullable=False)\n"
        for number, (definition, _) in enumerate(DEFAULTS)
    ]
    models = USER + "".join(columns)
    made = draft(project, models)
    assert codes(made) == ["backfill"] * len(DEFAULTS)
    round_trip(project, USER, models)
    names = ", ".join(f"c{number}" for number in range(len(DEFAULTS)))
    rows = database.rows(f"SELECT {names} FROM users")
    for row in rows:
        for value, (_, expected) in zip(row, DEFAULTS, strict=True):
            same = str(value) == expected if isinstance(expected, str) else False
            assert same or value == expected


@pytest.mark.one_database
def test_default_that_only_python_knows_is_no_value(
    project: Project, database: Database
) -> None:
    start(project, database, USER, ROWS)
    call = "    key = sa.Column(sa.String(36), nullable=False, default=lambda: 'x')\n"
    assert codes(draft(project, USER + call)) == ["needs-value"]


@pytest.mark.one_database
def test_somebody_is_asked(project: Project, database: Database) -> None:
    start(project, database, USER, ROWS)
    questions: list[Question] = []

    def ask(question: Question) -> str:
        questions.append(question)
        return "'me'"

    default = "    kind = sa.Column(sa.String(9), default='x', nullable=False)\n"
    made = draft(project, EMAIL + default, ask=ask)
    assert codes(made) == ["backfill", "backfill"]
    email, kind = questions
    assert (email.code, email.name, email.default) == (
        "required-column",
        "users.email",
        None,
    )
    assert email.option == '--default "users.email=SQL"'
    assert email.details == {"email": "VARCHAR(80) NOT NULL"}
    assert kind.default == "'x'"
    round_trip(project, USER, EMAIL + default)
    assert set(database.rows("SELECT email, kind FROM users")) == {("me", "me")}


@pytest.mark.one_database
@pytest.mark.parametrize("answer", [True, ""])
def test_answers_that_are_no_value(
    project: Project, database: Database, answer: t.Any
) -> None:
    start(project, database, USER, ROWS)
    default = "    kind = sa.Column(sa.String(9), default='x', nullable=False)\n"
    made = draft(project, EMAIL + default, ask=lambda question: answer)
    taken = "backfill" if answer is True else "needs-value"
    assert codes(made) == ["needs-value", taken]


def test_column_made_required(project: Project, database: Database) -> None:
    start(project, database, USER, ROWS)
    assert codes(draft(project, NAMED)) == ["needs-value"]
    for file in project.files:
        if "second" in file.name:
            file.unlink()
    wider = NAMED.replace("50", "60")
    project.models = wider
    done = project.invoke(
        "revision", "second", "--rev-id", "second", "--default", "users.name='none'"
    )
    assert done.exit_code == 0, done.stderr
    round_trip(project, USER, wider)
    rows = database.rows("SELECT id, name FROM users ORDER BY 1")
    assert rows == [(1, "Ann"), (2, "none")]


@pytest.mark.one_database
def test_made_required_with_a_value_in_each_row(
    project: Project, database: Database
) -> None:
    start(project, database, USER, ROWS, "UPDATE users SET name = 'x'")
    made = draft(project, NAMED)
    assert made.findings == ()
    round_trip(project, USER, NAMED)


def test_made_required_with_a_default_of_the_databases(
    project: Project, database: Database
) -> None:
    start(project, database, USER, ROWS)
    models = NAMED.replace("nullable=False", "nullable=False, server_default='new'")
    made = draft(project, models)
    assert codes(made) == ["backfill"]
    round_trip(project, USER, models)
    assert database.rows("SELECT name FROM users WHERE id = 2") == [("new",)]


@pytest.mark.one_database
def test_value_for_a_column_that_isnt_there(
    project: Project, database: Database
) -> None:
    start(project, database, USER, ROWS)
    with pytest.raises(DraftError, match=r"users\.mail.*") as error:
        draft(project, EMAIL, defaults={"users.mail": "''"})
    assert "It has: users.email." in str(error.value.fix)
    assert len(project.files) == 1


def test_renamed_and_made_required(project: Project, database: Database) -> None:
    """What stops looks at the table as it is called before anything has run."""
    start(project, database, USER, ROWS)
    models = NAMED.replace('"users"', '"people"').replace("name =", "full_name =")
    names = {"users": "people", "users.name": "full_name"}
    made = draft(project, models, renames=names)
    assert codes(made) == ["needs-value"]
    with (
        project.context() as alembic,
        pytest.raises(RuntimeError, match=r"people\.full_name needs a value"),
    ):
        alembic.upgrade()
    assert database.tables() == {"users"}
    assert made.path is not None
    project.migrations.joinpath(made.path).unlink()
    draft(project, models, renames=names, defaults={"people.full_name": "'-'"})
    with project.context() as alembic:
        alembic.upgrade()
        assert alembic.diff().operations == ()
    rows = database.rows("SELECT full_name FROM people ORDER BY id")
    assert rows == [("Ann",), ("-",)]


@pytest.mark.needs("schemas")
def test_in_another_schema(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {
        "include_schemas": True,
        "render_as_batch": True,
    }
    database.execute("CREATE SCHEMA shop")
    item = """
class Item(db.Model):
    __table_args__ = {"schema": "shop"}
    id = sa.Column(sa.Integer, primary_key=True)
"""
    start(project, database, item, "INSERT INTO shop.item (id) VALUES (1)")
    models = item + '    order = sa.Column("order", sa.Integer, nullable=False)\n'
    made = draft(project, models)
    assert made.findings[0].where == "shop.item.order"
    assert made.path is not None
    project.migrations.joinpath(made.path).unlink()
    draft(project, models, defaults={"shop.item.order": "id + 1"})
    round_trip(project, item, models)
    assert database.rows('SELECT "order" FROM shop.item') == [(2,)]

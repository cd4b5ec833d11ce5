"""Renames in a folder that has an ``env.py``, synchronous and not."""

from __future__ import annotations

import pytest
from migrate.applications import lite
from migrate.scripted import Scripted
from support.servers import Database

import flask_migrate
from flask_alembic.results import Question

USER = """
class User(db.Model):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
"""
RENAMED = USER.replace("    name =", "    full_name =").replace('"users"', '"people"')


def test_scripted(one: Scripted, database: Database) -> None:
    one.models = USER
    assert one.invoke("migrate", "-m", "first").exit_code == 0
    assert one.invoke("upgrade").exit_code == 0
    database.execute("INSERT INTO users VALUES (1, 'Ann')")
    one.models = RENAMED
    options = ["--rename-table", "users=people", "--rename", "users.name=full_name"]
    done = one.invoke("migrate", "-m", "second", *options)
    assert done.exit_code == 0, done.stderr
    assert one.invoke("upgrade").exit_code == 0
    assert one.invoke("check").exit_code == 0
    assert database.rows("SELECT id, full_name FROM people") == [(1, "Ann")]
    one.models = USER
    assert one.invoke("downgrade").exit_code == 0
    assert database.rows("SELECT id, name FROM users") == [(1, "Ann")]


@pytest.mark.one_database
def test_candidates_are_named(one: Scripted) -> None:
    one.models = USER
    one.invoke("migrate", "-m", "first")
    one.invoke("upgrade")
    one.models = RENAMED
    refused = one.invoke("migrate", "--rename", "users.x=y")
    assert refused.exit_code == 1
    assert "There is nothing to rename for users.x=y." in refused.stderr
    done = one.invoke("migrate", "-m", "second")
    assert done.exit_code == 0
    assert "--rename-table users=people" in done.stderr


# -- what other databases have ---------------------------------------------------------

FULL = USER.replace("    name =", "    full_name =")
LIST = USER.replace('"users"', '"user_list"')


def both(models: str) -> str:
    """The models of the default database, and the same of the bind."""
    copy = models.replace("User", "Copy", 1)
    return models + copy.replace("    __tab", '    __bind_key__ = "log"\n    __tab')


def likely(project: Scripted) -> list[bool]:
    """Draft a change; whether each rename that is asked about seems likely."""
    asked: list[Question] = []

    def no(question: Question) -> bool:
        asked.append(question)
        return False

    with project.app():
        flask_migrate.migrate(rev_id="b", ask=no)
    for path in project.versions.glob("b_*"):
        path.unlink()
    return [bool(question.default) for question in asked]


@pytest.fixture(params=["one", "binds"])
def shared(
    request: pytest.FixtureRequest, project: Scripted, other: Database
) -> Scripted:
    """Two databases with the same models, and an env.py for one of them or for both."""
    project.bind("log", other.url)
    project.folder(request.param)
    project.models = both(USER)
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    if request.param == "one":
        other.execute("CREATE TABLE users (id INTEGER, name VARCHAR(50) NOT NULL)")
    return project


@pytest.mark.parametrize(
    ("models", "beside"),
    [
        (FULL, "ALTER TABLE users ADD COLUMN full_name VARCHAR(50)"),
        (LIST, "CREATE TABLE user_list (id INTEGER)"),
    ],
    ids=["column", "table"],
)
def test_what_another_database_has(
    shared: Scripted, other: Database, models: str, beside: str
) -> None:
    """One that has the new name beside the old one makes a likely rename unlikely."""
    shared.models = both(models)
    assert likely(shared) == [True]
    other.execute(beside)
    assert likely(shared) == [False]
    # Without models like these its tables mean nothing.
    more = "    more = sa.Column(sa.Integer)\n"
    shared.models = f"{both(models)}{more}"
    assert likely(shared) == [True]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all.db",
        "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        "sqlite://",
    ],
    ids=["no file", "no server", "in memory"],
)
def test_what_cannot_be_looked_at(one: Scripted, url: str) -> None:
    """It is no evidence, and no failure."""
    one.models = USER
    one.ok("migrate", "--rev-id", "a")
    one.ok("upgrade")
    one.config["SQLALCHEMY_BINDS"] = {"log": url}
    one.models = both(FULL)
    assert likely(one) == [True]


@pytest.mark.one_database
def test_no_database_is_made(one: Scripted, other: Database) -> None:
    """A file that SQLite would make to look into."""
    one.models = USER
    one.ok("migrate", "--rev-id", "a")
    one.ok("upgrade")
    one.config["SQLALCHEMY_BINDS"] = {"log": other.url}
    one.models = both(FULL)
    assert likely(one) == [True]
    assert not list(other.folder.glob(f"{other.name}*"))


@pytest.mark.one_database
def test_environment_with_an_address_of_its_own(
    one: Scripted, database: Database, other: Database
) -> None:
    """Any of the application's databases may be the one that it is at."""
    third = database.sibling()
    one.bind("log", other.url)
    one.models = both(USER)
    text = one.env.read_text()
    # Without a pool, which nobody would close.
    own = f"sa.create_engine({third.url!r}, poolclass=sa.pool.NullPool).connect()"
    text = text.replace("get_engine().connect()", own)
    one.env.write_text(f"import sqlalchemy as sa\n{text}")
    one.ok("migrate", "--rev-id", "a")
    one.ok("upgrade")
    for each in (database, other):
        each.execute("CREATE TABLE users (id INTEGER, name TEXT, full_name TEXT)")
    one.models = both(FULL)
    assert likely(one) == [True]


@pytest.mark.needs("server")
def test_a_pool_of_one_connection(shared: Scripted, other: Database) -> None:
    """env.py has it; the look doesn't wait for it."""
    shared.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 1, "max_overflow": 0}
    other.execute("ALTER TABLE users ADD COLUMN full_name VARCHAR(50)")
    shared.models = both(FULL)
    assert likely(shared) == [False]


@pytest.mark.one_database
def test_models_of_flask_sqlalchemy_lite(
    project: Scripted, database: Database, other: Database
) -> None:
    """Its databases have their models from what Migrate is given."""
    lite(project, default=database.url, copy=other.url)
    project.setup = (
        "migrate = Migrate(app, db, target_metadata={None: Base.metadata,"
        ' "copy": Base.metadata})'
    )
    model = project.models.partition("\n\nclass LogBase")[0]
    project.models = f"{model}    name = sa.Column(sa.String(50), nullable=False)\n"
    project.ok("init", "--multidb")
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    project.models = project.models.replace("    name", "    full_name")
    assert likely(project) == [True]
    other.execute("ALTER TABLE person ADD COLUMN full_name VARCHAR(50)")
    assert likely(project) == [False]

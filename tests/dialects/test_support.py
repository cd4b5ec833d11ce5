"""Finding the class of a database system, and what the small ones say."""

from __future__ import annotations

import subprocess
import sys
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import sqlite
from support.servers import Database

import flask_alembic.dialects
from flask_alembic.dialects import DialectSupport
from flask_alembic.dialects import support
from flask_alembic.dialects.bulk import BulkReflection
from flask_alembic.dialects.keys import Keys


class Entry:
    """An installed distribution's entry point."""

    def load(self) -> type[DialectSupport]:
        return Third


class ThirdKeys(Keys):
    """A third party's way with primary keys."""


class Third(DialectSupport):
    """A third party's class, with an attribute where ours import."""

    keys_class = ThirdKeys


def test_unknown_systems_get_safe_defaults() -> None:
    dialect = sa.create_mock_engine("sqlite://", print).dialect
    dialect.name = "unheard of"
    found = support(dialect)
    assert type(found) is DialectSupport
    assert found.guard(dialect, table="v", schema=None, heads=["a"]) is None
    assert found.offline_name(dialect) == "unheard of"


def test_a_third_party_adds_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str, name: str) -> list[Entry]:
        assert group == "flask_alembic.dialects"
        return [Entry()] if name == "third" else []

    monkeypatch.setattr(flask_alembic.dialects, "entry_points", entry_points)
    dialect = sqlite.dialect()
    dialect.name = "third"
    found = support(dialect)
    assert type(found) is Third
    assert found.keys_class is ThirdKeys
    assert found.bulk_class is BulkReflection


def test_what_each_system_does() -> None:
    assert support(sqlite.dialect()).transactional_ddl is True
    assert support(sqlite.dialect()).keeps_rebuilt_tables
    dialect = mysql.dialect()
    assert support(dialect).ddl_commits
    assert support(dialect).offline_name(dialect) == "mysql"
    dialect.is_mariadb = True
    assert support(dialect).offline_name(dialect) == "mariadb"


def test_only_the_file_that_is_needed_is_imported() -> None:
    code = (
        "import sys; from sqlalchemy.dialects import postgresql;"
        "from flask_alembic.dialects import support; support(postgresql.dialect());"
        "print([m for m in sys.modules if m.startswith('flask_alembic.dialects.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "flask_alembic.dialects.postgresql.support" in done.stdout
    assert "sqlite" not in done.stdout
    assert "mysql" not in done.stdout


@pytest.mark.needs("deferred_constraints")
def test_deferred_constraints_fail_before_the_commit(
    database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    engine = make_engine(database.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    with engine.connect() as connection:
        setup = support(engine.dialect).prepare(connection, callers=False)
        with setup.run():
            connection.begin()
            connection.exec_driver_sql("INSERT INTO c VALUES (1)")
            with pytest.raises(Exception, match=r"(?i)foreign key"):
                setup.check_deferred()
            connection.rollback()
        setup.restore()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///file::memory:?uri=true", True),
        ("sqlite:///file::memory:?cache=shared&uri=true", True),
        ("sqlite:///file:name?mode=memory&cache=shared&uri=true", True),
        # SQLAlchemy 2.0 doesn't decode it: there it is a file with an odd name.
        ("sqlite:///file:name%3Fmode=memory?uri=true", sa.__version__ > "2.1"),
        ("sqlite:///file:?uri=true", True),
        ("sqlite+aiosqlite:///file::memory:?uri=true", True),
        ("sqlite:///file:name?uri=true", False),
        ("sqlite:///file:name?mode=ro&uri=true", False),
        ("sqlite:///mode=memory.db", False),
        ("sqlite:///name.db", False),
    ],
)
def test_databases_that_live_in_their_connection(
    make_engine: t.Callable[..., sa.Engine], url: str, expected: bool
) -> None:
    engine = make_engine(url, poolclass=sa.NullPool)
    assert support(engine.dialect).lives_in_connection(engine) is expected

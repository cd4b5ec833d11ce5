"""States of a database, as ``alembic.status()`` tells them."""

from __future__ import annotations

import pytest
from support.application import Project
from support.servers import Database

from flask_alembic.errors import MigrationError
from flask_alembic.results import Status


@pytest.fixture
def line(project: Project) -> Project:
    project.tables("a", "b", "c")
    return project


def status(project: Project) -> Status:
    with project.context() as alembic:
        (answer,) = alembic.status()
    assert isinstance(answer, Status)
    return answer


def stamp(project: Project, database: Database, *ids: str) -> None:
    """Put ids into the version table that the code may not know."""
    with project.context() as alembic:
        alembic.stamp("a")
    database.execute("DELETE FROM alembic_version")
    for id in ids:
        database.execute(f"INSERT INTO alembic_version (version_num) VALUES ('{id}')")


def test_unstamped(line: Project, database: Database) -> None:
    answer = status(line)
    assert answer.state == "unstamped"
    assert answer.current == ()
    assert answer.heads == ("c",)
    assert set(answer.pending) == {"a", "b", "c"}
    assert database.all_tables() == set()


def test_unstamped_with_an_empty_version_table(
    line: Project, database: Database
) -> None:
    stamp(line, database)
    assert status(line).state == "unstamped"


def test_behind(line: Project, database: Database) -> None:
    stamp(line, database, "a")
    answer = status(line)
    assert answer.state == "behind"
    assert answer.current == ("a",)
    assert answer.pending == ("b", "c")
    assert answer.unknown == ()


def test_current(line: Project, database: Database) -> None:
    stamp(line, database, "c")
    answer = status(line)
    assert (answer.state, answer.pending) == ("current", ())


def test_ahead(line: Project, database: Database) -> None:
    stamp(line, database, "later")
    answer = status(line)
    assert answer.state == "ahead"
    assert answer.unknown == ("later",)
    assert answer.note
    assert "presum" in answer.note


def test_ahead_of_one_of_two_heads(line: Project, database: Database) -> None:
    line.revision("x")
    stamp(line, database, "c", "later")
    assert status(line).state in {"ahead", "diverged"}


def test_diverged(line: Project, database: Database) -> None:
    stamp(line, database, "b", "later")
    answer = status(line)
    assert answer.state == "diverged"
    assert answer.unknown == ("later",)
    assert "c" in answer.pending


def test_unknown_when_rows_overlap(line: Project, database: Database) -> None:
    stamp(line, database, "a", "b")
    assert status(line).state == "unknown"


def test_rows_that_dependencies_make_are_right(
    line: Project, database: Database
) -> None:
    line.revision("x", None, depends="b")
    with line.context() as alembic:
        alembic.upgrade("b")
        alembic.upgrade("x")
    assert status(line).state == "behind"
    with line.context() as alembic:
        alembic.upgrade("heads")
        assert not alembic.needs_upgrade()
    assert status(line).state == "current"


def test_unknown_when_the_version_table_is_something_else(
    line: Project, database: Database
) -> None:
    database.execute("CREATE TABLE alembic_version (other INTEGER)")
    assert status(line).state == "unknown"


@pytest.mark.parametrize("ids", [("later",), ("b", "later"), ("a", "b")])
def test_such_a_database_is_not_migrated(
    line: Project, database: Database, ids: tuple[str, ...]
) -> None:
    stamp(line, database, *ids)
    before = database.snapshot()
    with line.context() as alembic:
        for act in (alembic.upgrade, alembic.downgrade):
            with pytest.raises(MigrationError) as caught:
                act()
            assert "default" in str(caught.value)
            if "later" in ids:
                assert "later" in str(caught.value)
    assert database.snapshot() == before


def test_a_revision_that_the_code_lost(line: Project, database: Database) -> None:
    stamp(line, database, "c")
    (line.migrations / "c_table_c.py").unlink()
    assert status(line).state == "ahead"
    line.revision("d", "b")
    assert status(line).state in {"ahead", "diverged"}


@pytest.mark.one_database
def test_each_database_has_a_state(line: Project, database: Database) -> None:
    line.bind("log", database.sibling().url)
    with line.context() as alembic:
        alembic.stamp("heads", databases=["log"])
        found = {s.database.name: s.state for s in alembic.status()}
        assert found == {"default": "unstamped", "log": "current"}
        (only,) = alembic.status(databases=["log"])
        assert only.database.name == "log"


@pytest.mark.needs("password")
@pytest.mark.one_database
def test_addresses_hide_passwords(line: Project, database: Database) -> None:
    line.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(password="h%40 @x")
    with line.context() as alembic:
        (answer,) = alembic.status()
    assert "h%40" not in str(answer.as_dict())
    assert "h@" not in answer.database.url

"""Targets: which revision is meant, and what is refused."""

from __future__ import annotations

import typing as t

import pytest
from alembic.script import Script
from support.application import Project
from support.servers import Database

from flask_alembic.errors import MigrationError


def ids(scripts: t.Iterable[Script]) -> list[str]:
    return [script.revision for script in scripts]


@pytest.fixture
def line(project: Project) -> Project:
    """Five revisions in a line, whose ids share prefixes."""
    project.tables("aaaa1", "aaaa2", "bbbb1", "bbbb2", "cccc1")
    return project


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("heads", "cccc1"),
        ("head", "cccc1"),
        ("bbbb1", "bbbb1"),
        ("cccc", "cccc1"),
        ("+2", "aaaa2"),
        (2, "aaaa2"),
        ("2", "aaaa2"),
        ("aaaa2+1", "bbbb1"),
        (["bbbb2"], "bbbb2"),
        (("bbbb2",), "bbbb2"),
    ],
)
def test_upgrade_targets(
    line: Project, database: Database, target: t.Any, reached: str
) -> None:
    with line.context() as alembic:
        report = alembic.upgrade(target)
        assert ids(alembic.current()) == [reached]
    assert report.databases[0].heads == (reached,)
    assert database.versions() == {reached}


@pytest.mark.one_database
def test_scripts_as_targets(line: Project, database: Database) -> None:
    with line.context() as alembic:
        alembic.upgrade(alembic.script.get_revision("bbbb1"))
        assert database.versions() == {"bbbb1"}
        alembic.upgrade([alembic.script.get_revision("bbbb2")])
        assert database.versions() == {"bbbb2"}
        alembic.downgrade(alembic.script.get_revision("aaaa1"))
        assert database.versions() == {"aaaa1"}
        alembic.stamp(alembic.script.get_revision("aaaa2"))
        assert database.versions() == {"aaaa2"}


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (-1, "bbbb2"),
        (-2, "bbbb1"),
        ("-1", "bbbb2"),
        ("bbbb1", "bbbb1"),
        ("aaaa2", "aaaa2"),
    ],
)
def test_downgrade_targets(
    line: Project, database: Database, target: t.Any, reached: str
) -> None:
    with line.context() as alembic:
        alembic.upgrade()
        report = alembic.downgrade(target)
    assert report.databases[0].heads == (reached,)
    assert database.versions() == {reached}


def test_downgrade_to_base(line: Project, database: Database) -> None:
    with line.context() as alembic:
        alembic.upgrade()
        assert alembic.downgrade("base").databases[0].heads == ()
        assert alembic.current() == ()
    assert database.tables() == set()
    assert database.versions() == set()


@pytest.mark.one_database
def test_branch_targets(project: Project, database: Database) -> None:
    project.tables("a", labels="left")
    project.revision("x", None, labels="right")
    project.revision("y", "x")
    with project.context() as alembic:
        alembic.upgrade("right@head")
        assert database.versions() == {"y"}
        alembic.upgrade("left@head")
        assert database.versions() == {"a", "y"}
        alembic.downgrade("right@base")
        assert database.versions() == {"a"}
        alembic.upgrade(["a", "x"])
        assert database.versions() == {"a", "x"}
        alembic.upgrade("right@+1")
        assert database.versions() == {"a", "y"}


@pytest.mark.one_database
def test_a_number_is_an_id_when_there_is_one(
    project: Project, database: Database
) -> None:
    project.revision("a", None)
    project.revision("1712345678", "a")
    project.revision("1712345999", "1712345678")
    project.revision("2", "1712345999")
    with project.context() as alembic:
        alembic.upgrade("1712345678")
        assert database.versions() == {"1712345678"}
        alembic.upgrade("1")
        assert database.versions() == {"1712345999"}
        alembic.upgrade("2")
        assert database.versions() == {"2"}
        alembic.downgrade("17123456")
        assert database.versions() == {"1712345678"}
        alembic.downgrade("-1")
        assert database.versions() == {"a"}


@pytest.mark.one_database
@pytest.mark.parametrize("target", ["", "nothing", "aaaa", "+9", "-1", -1, "aaaa1+9"])
def test_upgrade_targets_that_are_refused(
    line: Project, database: Database, target: t.Any
) -> None:
    with line.context() as alembic:
        alembic.upgrade("aaaa1")
        with pytest.raises(MigrationError):
            alembic.upgrade(target)
    assert database.versions() == {"aaaa1"}


@pytest.mark.one_database
@pytest.mark.parametrize("target", ["", "nothing", "-9", -9, 1, "bbbb2", "heads"])
def test_downgrade_targets_that_are_refused(
    line: Project, database: Database, target: t.Any
) -> None:
    with line.context() as alembic:
        alembic.upgrade("aaaa2")
        with pytest.raises(MigrationError):
            alembic.downgrade(target)
    assert database.versions() == {"aaaa2"}


def test_merging_two_heads_and_going_back(project: Project, database: Database) -> None:
    project.tables("a", "b")
    project.tables("b2", down="a")
    with project.context() as alembic:
        alembic.upgrade("heads")
        assert database.versions() == {"b", "b2"}
        alembic.rev_id = lambda: "m"
        alembic.merge()
        alembic.upgrade("head")
        assert database.versions() == {"m"}
        alembic.downgrade("a")
        assert database.versions() == {"a"}
        assert database.tables() == {"t_a"}
        alembic.upgrade(["b", "b2"])
        assert database.versions() == {"b", "b2"}
        alembic.stamp("base")
        assert database.versions() == set()
        alembic.stamp(["b", "b2"])
        assert database.versions() == {"b", "b2"}
        alembic.downgrade("base")
    assert database.versions() == set()
    assert database.tables() == set()


@pytest.mark.one_database
def test_dependencies_come_first(project: Project, database: Database) -> None:
    project.tables("a", "b", labels=None)
    up = "op.execute('INSERT INTO t_b (id) VALUES (1)')"
    project.revision("x", None, up, depends="b", labels="side")
    with project.context() as alembic:
        report = alembic.upgrade("side@head")
        steps = [s.step.revision.id for s in report.databases[0].steps]
        assert steps == ["a", "b", "x"]
        assert not alembic.needs_upgrade()
    assert database.rows("SELECT id FROM t_b") == [(1,)]

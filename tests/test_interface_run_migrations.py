"""``run_migrations``, the funnel that applications override."""

from __future__ import annotations

import typing as t

import pytest
from alembic.script import Script
from support.application import Project
from support.revisions import create_table
from support.servers import Database

from flask_alembic import Alembic


def ids(scripts: t.Iterable[Script]) -> list[str]:
    return [script.revision for script in scripts]


@pytest.fixture
def line(project: Project) -> Project:
    """Five revisions in a line, whose ids share prefixes."""
    project.tables("aaaa1", "aaaa2", "bbbb1", "bbbb2", "cccc1")
    return project


OVERRIDE = """
class Mine(Alembic):
    calls = 0

    def run_migrations(self, fn, **kwargs):
        self.calls += 1
        super().run_migrations(fn, **kwargs)

alembic = Mine(app)
"""


def calls(alembic: t.Any, act: t.Callable[[Alembic], t.Any]) -> int:
    before = alembic.calls
    act(alembic)
    return int(alembic.calls - before)


@pytest.mark.one_database
def test_everything_goes_through_run_migrations(
    line: Project, database: Database
) -> None:
    line.setup = OVERRIDE
    with line.context() as alembic:
        assert calls(alembic, lambda a: a.upgrade("bbbb1")) == 1
        assert calls(alembic, lambda a: a.downgrade()) == 1
        assert calls(alembic, lambda a: a.stamp("heads")) == 1
        assert calls(alembic, lambda a: a.revision("x")) == 1
        assert calls(alembic, lambda a: a.revision("y", empty=True)) == 0
    assert database.tables() == {"t_aaaa1", "t_aaaa2"}


@pytest.mark.one_database
def test_report_of_an_override_that_returns_none(line: Project) -> None:
    line.setup = OVERRIDE
    with line.context() as alembic:
        report = alembic.upgrade("aaaa2")
        assert [s.step.revision.id for s in report.databases[0].steps] == [
            "aaaa1",
            "aaaa2",
        ]


def test_arguments_reach_each_revision(project: Project, database: Database) -> None:
    project.setup = """
class Mine(Alembic):
    def run_migrations(self, fn, **kwargs):
        return super().run_migrations(fn, suffix="_x", **kwargs)

alembic = Mine(app)
"""
    for id, down in (("a", None), ("b", "a")):
        up = create_table("NAME").replace('"NAME"', f'"{id}" + suffix')
        back = f'op.drop_table("{id}" + suffix)'
        project.revision(id, down, up, back, arguments="suffix")
    with project.context() as alembic:
        alembic.upgrade()
        assert database.tables() == {"a_x", "b_x"}
        alembic.downgrade()
    assert database.tables() == {"a_x"}


def test_raw_answers_of_alembic(project: Project) -> None:
    with project.context() as alembic:
        kinds = [entry[0] for entry in alembic.compare_metadata()]
        assert kinds == ["add_table"]
        (op,) = alembic.produce_migrations().upgrade_ops.ops
        assert op.table_name == "person"

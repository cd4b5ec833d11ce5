"""The methods: what they do and return."""

from __future__ import annotations

import typing as t

import pytest
from alembic.script import Script
from support.application import Project
from support.servers import Database

from flask_alembic.errors import MigrationError
from flask_alembic.results import Plan
from flask_alembic.results import Report


def ids(scripts: t.Iterable[Script]) -> list[str]:
    return [script.revision for script in scripts]


@pytest.fixture
def line(project: Project) -> Project:
    """Five revisions in a line, whose ids share prefixes."""
    project.tables("aaaa1", "aaaa2", "bbbb1", "bbbb2", "cccc1")
    return project


@pytest.mark.one_database
def test_log_is_newest_first(line: Project) -> None:
    with line.context() as alembic:
        alembic.upgrade("bbbb1")
        assert ids(alembic.log()) == ["cccc1", "bbbb2", "bbbb1", "aaaa2", "aaaa1"]
        assert ids(alembic.log("aaaa2", "bbbb2")) == ["bbbb2", "bbbb1", "aaaa2"]
        assert ids(alembic.log(end="current")) == ["bbbb1", "aaaa2", "aaaa1"]
        assert ids(alembic.log("current"))[0] == "cccc1"
        assert set(ids(alembic.log("current"))) >= {"cccc1", "bbbb2"}
        assert ids(alembic.log(end=alembic.script.get_revision("aaaa2"))) == [
            "aaaa2",
            "aaaa1",
        ]


@pytest.mark.one_database
def test_kinds_of_answers(line: Project) -> None:
    line.models += 'db.Table("t_aaaa1", sa.Column("id", sa.Integer, primary_key=True))'
    with line.context() as alembic:
        alembic.upgrade()
        for answer in (alembic.current(), alembic.heads(), alembic.log()):
            assert answer
            assert all(isinstance(script, Script) for script in answer)
        assert isinstance(alembic.current(), tuple)
        assert alembic.needs_upgrade() is False
        assert alembic.needs_revision() is True
        assert isinstance(alembic.compare_metadata(), list)


def test_needs_upgrade(line: Project) -> None:
    with line.context() as alembic:
        assert alembic.needs_upgrade()
        alembic.upgrade("bbbb2")
        assert alembic.needs_upgrade()
        alembic.upgrade()
        assert not alembic.needs_upgrade()


def test_needs_revision(project: Project) -> None:
    with project.context() as alembic:
        assert alembic.needs_revision()
        assert alembic.revision("x")
        alembic.upgrade()
        assert not alembic.needs_revision()
        assert alembic.revision("y") == []


def test_reports(line: Project, database: Database) -> None:
    with line.context() as alembic:
        report = alembic.upgrade("bbbb1")
        assert isinstance(report, Report)
        assert (report.ok, report.exit_code) == (True, 0)
        (result,) = report.databases
        assert result.database.name == "default"
        assert result.outcome == "done"
        steps = [(s.step.revision.id, s.step.direction, s.state) for s in result.steps]
        assert steps == [(id, "upgrade", "done") for id in ("aaaa1", "aaaa2", "bbbb1")]
        assert all(s.seconds >= 0 and s.error is None for s in result.steps)

        again = alembic.upgrade("bbbb1")
        assert again.databases[0].outcome == "unchanged"
        assert again.databases[0].steps == ()

        back = alembic.downgrade(-2).databases[0]
        assert [s.step.revision.id for s in back.steps] == ["bbbb1", "aaaa2"]
        assert {s.step.direction for s in back.steps} == {"downgrade"}

        stamped = alembic.stamp("cccc1").databases[0]
        assert (stamped.outcome, stamped.heads) == ("done", ("cccc1",))
    assert database.tables() == {"t_aaaa1"}
    assert "default" in str(report.as_dict())


def test_plan_runs_nothing(line: Project, database: Database) -> None:
    with line.context() as alembic:
        (plan,) = alembic.plan()
        assert isinstance(plan, Plan)
        assert plan.current == ()
        assert plan.target == ("cccc1",)
        assert len(plan.steps) == 5
        (plan,) = alembic.plan("aaaa2")
        assert [s.revision.id for s in plan.steps] == ["aaaa1", "aaaa2"]
        assert plan.target == ("aaaa2",)
        assert database.all_tables() == set()
        alembic.upgrade()
        assert alembic.plan()[0].steps == ()


def test_read_only_methods_leave_no_trace(line: Project, database: Database) -> None:
    with line.context() as alembic:
        alembic.current()
        alembic.needs_upgrade()
        alembic.status()
        alembic.plan()
        alembic.compare_metadata()
        alembic.produce_migrations()
        alembic.needs_revision()
        assert not alembic.migration_context.connection.in_transaction()
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_methods_print_nothing(
    line: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    with line.context() as alembic:
        alembic.mkdir()
        alembic.upgrade()
        alembic.downgrade()
        alembic.stamp("aaaa2")
        alembic.stamp("heads")
        alembic.upgrade("aaaa1:aaaa2", sql=True)
        alembic.revision("x", empty=True)
        alembic.log()
        alembic.status()
    assert capfd.readouterr().out == ""


# Revisions


@pytest.mark.one_database
def test_replaced_id_is_used(line: Project) -> None:
    with line.context() as alembic:
        alembic.rev_id = lambda: "mine"
        assert ids(alembic.revision("x", empty=True)) == ["mine"]
        assert line.files[-1].name == "mine_x.py"


@pytest.mark.one_database
@pytest.mark.parametrize("id", ["aaaa1", "x" * 33, "a@b", "a+b", "a:b", "a-b", ""])
def test_given_ids_that_cannot_work(line: Project, id: str) -> None:
    with line.context() as alembic:
        alembic.rev_id = lambda: id
        with pytest.raises(MigrationError):
            alembic.revision("x", empty=True)
    assert len(line.files) == 5


@pytest.mark.one_database
def test_empty_revision_needs_no_database(project: Project) -> None:
    project.config["SQLALCHEMY_DATABASE_URI"] = (
        "postgresql+psycopg://127.0.0.1:1/nowhere"
    )
    with project.context() as alembic:
        assert len(alembic.revision("x", empty=True)) == 1


@pytest.mark.one_database
def test_empty_message_is_accepted(project: Project) -> None:
    with project.context() as alembic:
        (made,) = alembic.revision("", empty=True)
        assert ids(alembic.heads()) == [made.revision]
        alembic.upgrade()


@pytest.mark.one_database
def test_parents_labels_and_dependencies(line: Project) -> None:
    with line.context() as alembic:
        (side,) = alembic.revision("side", True, parent="bbbb1", splice=True)
        assert side.down_revision == "bbbb1"
        scripts = [side, alembic.script.get_revision("cccc1")]
        (both,) = alembic.revision("both", True, parent=scripts, label=["x", "y"])
        assert set(both.down_revision) == {side.revision, "cccc1"}
        assert set(both.branch_labels) == {"x", "y"}
        (last,) = alembic.revision("last", True, depend=["aaaa1", side])
        assert set(last.dependencies) == {"aaaa1", side.revision}


@pytest.mark.one_database
def test_merge_of_one_writes_nothing(line: Project) -> None:
    with line.context() as alembic:
        assert alembic.merge().revision == "cccc1"
        assert alembic.merge(["cccc1"]).revision == "cccc1"
    assert len(line.files) == 5


@pytest.mark.one_database
def test_merge_names_the_revisions(line: Project) -> None:
    line.revision("dddd1", "bbbb2")
    with line.context() as alembic:
        made = alembic.merge()
        assert set(made.down_revision) == {"cccc1", "dddd1"}
        assert "cccc1" in made.doc
        assert "dddd1" in made.doc

"""Faults of earlier releases that must not come back; one test or more for each.

Rollbacks are in ``test_transactions``, threads and contexts in ``test_threads``, SQL
scripts in ``test_offline``, harmful text in ``test_injection``.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.application import Project
from support.servers import Database

from flask_alembic.errors import MigrationError

# Only the default database was looked at.


def test_all_databases_are_looked_at(two: Project, other: Database) -> None:
    with two.context() as alembic:
        assert alembic.needs_revision()
        alembic.revision("x")
        alembic.upgrade(databases=["default"])
        assert alembic.needs_upgrade()
        alembic.upgrade()
        assert not alembic.needs_upgrade()
        assert not alembic.needs_revision()
        alembic.downgrade("base", databases=["log"])
        assert alembic.needs_upgrade()
    assert two.invoke("current", "--check-heads").exit_code == 1


@pytest.mark.one_database
def test_check_looks_at_all_databases(two: Project) -> None:
    assert two.invoke("check").exit_code == 1
    two.invoke("revision", "x")
    two.invoke("upgrade")
    assert two.invoke("check").exit_code == 0
    two.models += "    more = sa.Column(sa.Integer)\n"
    assert two.invoke("check").exit_code == 1


# Ids


@pytest.mark.one_database
def test_ids_made_in_one_moment_differ(project: Project) -> None:
    with project.context() as alembic:
        made = [alembic.revision("x", empty=True)[0].revision for _ in range(5)]
        assert len(set(made)) == 5
        assert [s.revision for s in alembic.log()] == made[::-1]


@pytest.mark.one_database
def test_an_id_of_digits_is_not_negated(project: Project, database: Database) -> None:
    project.revision("1712345678", None, "pass")
    project.revision("1712345999", "1712345678", "pass")
    project.revision("1712346000", "1712345999", "pass")
    assert project.invoke("upgrade").exit_code == 0
    assert project.invoke("downgrade", "1712345999").exit_code == 0
    assert database.versions() == {"1712345999"}
    assert project.invoke("upgrade", "1712346000").exit_code == 0
    assert project.invoke("downgrade", "17123456").exit_code == 0
    assert database.versions() == {"1712345678"}
    assert project.invoke("upgrade", "2").exit_code == 0
    assert project.invoke("downgrade", "1").exit_code == 0
    assert database.versions() == {"1712345999"}
    assert project.invoke("downgrade", "--", "-1").exit_code == 0
    assert database.versions() == {"1712345678"}


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["upgrade", "heads", "current", "log"])
def test_duplicate_ids_are_an_error(project: Project, command: str) -> None:
    project.tables("a", "b")
    again = project.revision("b", "a", message="again")
    done = project.invoke(command)
    assert done.exit_code == 1
    assert again.name in done.stderr
    assert "b_table_b.py" in done.stderr


@pytest.mark.one_database
def test_an_id_longer_than_the_column(project: Project) -> None:
    with project.context() as alembic:
        alembic.rev_id = lambda: "x" * 33
        with pytest.raises(MigrationError, match="32"):
            alembic.revision("x", True)
    assert project.files == []


# Percent signs and values that are no strings


@pytest.mark.needs("schemas")
def test_percent_and_at_in_a_password(project: Project, database: Database) -> None:
    url = database.url_with(password="50%@/x:%(y)s")
    project.config["SQLALCHEMY_DATABASE_URI"] = url
    project.config["ALEMBIC"] = {"note": "50% of %(it)s", "number": 5, "flag": True}
    with project.context() as alembic:
        alembic.revision("x")
        alembic.upgrade()
        assert alembic.upgrade("base:heads", sql=True)["default"]
    assert database.tables() == {"person"}


# Folders of a deployment that may not be written


@pytest.mark.one_database
def test_a_folder_that_cannot_be_made_is_not_fatal(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.migrations.write_text("in the way")
    module = project.load()
    with project.closing(module) as app:
        app.add_url_rule("/", "index", lambda: "hello")
        assert app.test_client().get("/").data == b"hello"
    assert "migrations" in caplog.text


@pytest.mark.one_database
def test_an_existing_folder_is_only_read(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("x")
    project.migrations.chmod(0o500)
    try:
        with project.context() as alembic:
            alembic.upgrade()
            assert len(alembic.current()) == 1
    finally:
        project.migrations.chmod(0o700)


# Files without a purpose


@pytest.mark.one_database
def test_no_pointless_files(project: Project) -> None:
    with project.context() as alembic:
        assert len(alembic.revision("x")) == 1
        alembic.upgrade()
        assert alembic.revision("y") == []
        assert alembic.merge().doc == "x"
        assert len(project.files) == 1
        assert len(alembic.revision("z", empty=True)) == 1
    assert project.invoke("merge").exit_code == 0
    assert len(project.files) == 2


# Errors


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments",
    [["upgrade", "x"], ["downgrade", "x"], ["show", "x"], ["merge", "x", "y"]],
)
def test_user_errors_are_no_tracebacks(project: Project, arguments: list[str]) -> None:
    done = project.run(*arguments)
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert len(done.error_lines) == 1


@pytest.mark.one_database
def test_python_calls_raise_what_happened(project: Project) -> None:
    project.revision("a", None, "{}['nothing']")
    with project.context() as alembic:
        with pytest.raises(KeyError, match="nothing") as caught:
            alembic.upgrade()
        frames = [entry.name for entry in caught.traceback]
        assert frames[-1] == "upgrade"
        assert "a_.py" in "\n".join(caught.value.__notes__)


# Files that can't be compiled


@pytest.mark.one_database
def test_a_file_that_cannot_be_compiled_is_taken_away(project: Project) -> None:
    module = project.load()
    template = project.migrations / "script.py.mako"
    template.write_text(template.read_text() + "\nthis is no python\n")
    with project.closing(module) as app, app.app_context():
        with pytest.raises(MigrationError, match=r"script\.py\.mako"):
            module.alembic.revision("x", True)
        assert module.alembic.heads() == ()
    assert project.files == []


# A folder that someone else filled


@pytest.mark.one_database
def test_adopted_folder_goes_on_from_its_head(project: Project) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        (made,) = alembic.revision("x", True)
        assert made.down_revision == "b"
        (more,) = alembic.revision("y", True)
        assert more.down_revision == made.revision
    assert project.invoke("revision", "z", "--empty").exit_code == 0


@pytest.mark.one_database
def test_adopted_folder_with_labelled_heads(project: Project) -> None:
    project.tables("a", labels="left")
    project.revision("x", None, labels="right")
    with project.context() as alembic:
        (made,) = alembic.revision("x", True)
        assert made.down_revision is None
        assert made.branch_labels == {"default"}


@pytest.mark.one_database
def test_adopted_folder_with_several_heads(project: Project) -> None:
    project.tables("a", "b")
    project.revision("b2", "a")
    with project.context() as alembic:
        with pytest.raises(MigrationError, match="b2") as caught:
            alembic.revision("x", True)
        assert "b, b2" in str(caught.value) or "'b'" in str(caught.value)
    assert len(project.files) == 3


@pytest.mark.one_database
def test_one_unlabelled_head_beside_a_branch(project: Project) -> None:
    project.tables("a", "b")
    project.revision("x", None, labels="side")
    with project.context() as alembic:
        assert alembic.revision("x", True)[0].down_revision == "b"


# The test runner


@pytest.mark.one_database
def test_runner_with_and_without_a_context(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app:
        done = app.test_cli_runner().invoke(args=["db", "upgrade", "a"])
        assert done.exit_code == 0
        with app.app_context():
            done = app.test_cli_runner().invoke(args=["db", "upgrade"])
            assert done.exit_code == 0
            assert [s.revision for s in module.alembic.current()] == ["b"]


# The application's own session


def test_uncommitted_work_of_the_session_is_named(
    project: Project, database: Database
) -> None:
    """It's neither lost nor waited for; the message says "session"."""
    project.revision(
        "a",
        None,
        "op.create_table('person', sa.Column('id', sa.Integer, primary_key=True),"
        " sa.Column('name', sa.String(50)))",
    )
    project.revision("b", "a", "op.add_column('person', sa.Column('x', sa.Integer))")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade("a")
        module.db.session.add(module.Person(id=1, name="Ada"))
        module.db.session.flush()
        with pytest.raises(MigrationError, match="session"):
            module.alembic.upgrade()
        module.db.session.commit()
        assert module.alembic.upgrade().ok
        assert module.db.session.execute(sa.text("SELECT x FROM person")).all()
        module.db.session.rollback()
    assert database.rows("SELECT id FROM person") == [(1,)]

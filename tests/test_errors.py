"""What bad input and failing revisions get: one line, the right type, no change."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from support.application import Project
from support.application import Result
from support.revisions import create_table
from support.servers import Database

from flask_alembic.errors import MigrationError
from flask_alembic.errors import RevisionFileError

MAKE_AND_FAIL = create_table("made") + "\nraise ValueError('no luck')"


def refused(result: Result, *words: str) -> None:
    """Check that a command ended with a short message that holds all words."""
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert 1 <= len(result.error_lines) <= 5, result.stderr
    message = "\n".join(result.error_lines)
    for word in words:
        assert word in message
    assert result.stdout == ""


# Python: types, notes, reports


def test_own_type_with_notes_and_report(project: Project, database: Database) -> None:
    project.tables("a")
    path = project.revision("b", "a", "raise ValueError('no luck')")
    with (
        project.context() as alembic,
        pytest.raises(ValueError, match="no luck") as caught,
    ):
        alembic.upgrade()
    notes = "\n".join(caught.value.__notes__)
    for word in ("b", path.name, "default"):
        assert word in notes
    (result,) = caught.value.report.databases  # type: ignore[attr-defined]
    states = {s.step.revision.id: s.state for s in result.steps}
    assert states["b"] == "failed"
    assert not caught.value.report.ok  # type: ignore[attr-defined]


def test_driver_errors_keep_their_type(project: Project) -> None:
    project.revision("a", None, "op.execute('SELECT * FROM nowhere')")
    with project.context() as alembic:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            alembic.upgrade()
        assert "a_" in "\n".join(caught.value.__notes__)
        assert caught.value.report.databases[0].steps[0].state == "failed"


@pytest.mark.one_database
def test_what_is_refused_is_also_a_command_error(project: Project) -> None:
    with project.context() as alembic:
        for kind in (MigrationError, CommandError):
            with pytest.raises(kind):
                alembic.upgrade("nowhere")


@pytest.mark.one_database
def test_system_exit_does_not_pass_for_success(
    project: Project, database: Database
) -> None:
    project.revision("a", None, create_table("made") + "\nimport sys; sys.exit(0)")
    with project.context() as alembic, pytest.raises(BaseException) as caught:
        alembic.upgrade()
    assert not (isinstance(caught.value, SystemExit) and not caught.value.code)
    assert database.all_tables() <= {"alembic_version"}
    assert project.run("upgrade").exit_code != 0


# Revisions that can't be used


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upgrade", "nowhere"], ["nowhere"]),
        (["upgrade", "aaaa"], ["aaaa1", "aaaa2"]),
        (["upgrade", "+7"], ["7"]),
        (["downgrade", "7"], ["7"]),
        (["stamp", "nowhere"], ["nowhere"]),
        (["show", "nowhere"], ["nowhere"]),
        (["log", "--end", "nowhere"], ["nowhere"]),
        (["merge", "aaaa1", "nowhere"], ["nowhere"]),
        (["plan", "nowhere"], ["nowhere"]),
        (["revision", "x", "--empty", "--parent", "nowhere"], ["nowhere"]),
        (["revision", "x", "--empty", "--depend", "nowhere"], ["nowhere"]),
        (["upgrade", "--database", "nowhere"], ["nowhere", "default"]),
    ],
)
def test_unknown_ambiguous_or_out_of_range(
    project: Project, database: Database, arguments: list[str], words: list[str]
) -> None:
    project.tables("aaaa1", "aaaa2")
    project.invoke("upgrade")
    before = database.snapshot()
    refused(project.invoke(*arguments), *words)
    assert database.snapshot() == before
    assert len(project.files) == 2


@pytest.mark.one_database
def test_several_heads_where_one_is_needed(project: Project) -> None:
    project.tables("a", "b")
    project.revision("b2", "a")
    for arguments in (
        ["upgrade", "head"],
        ["stamp", "head"],
        ["revision", "x", "--empty", "--branch", ""],
    ):
        result = project.invoke(*arguments)
        refused(result, "b2", "b")
        assert "flask db merge" in result.stderr or "heads" in result.stderr


@pytest.mark.one_database
def test_a_parent_that_is_no_head(project: Project) -> None:
    project.tables("a", "b")
    refused(project.invoke("revision", "x", "--empty", "-p", "a"), "--splice")
    assert len(project.files) == 2


@pytest.mark.one_database
def test_comparing_with_a_database_that_is_behind(project: Project) -> None:
    project.tables("a")
    refused(project.invoke("revision", "x"), "default", "flask db upgrade")
    assert len(project.files) == 1


@pytest.mark.one_database
def test_a_label_that_is_taken(project: Project) -> None:
    project.tables("a", labels="mine")
    done = project.invoke("revision", "x", "--empty", "-p", "a", "-l", "mine")
    refused(done, "mine")
    assert len(project.files) == 1
    assert project.invoke("upgrade").exit_code == 0


# Broken files


def broken(project: Project, name: str) -> str:
    """Write a folder with one thing wrong, and give the name of the file at fault."""
    project.tables("a", "b")
    if name == "syntax":
        path = project.revision("c", "b", "def")
    elif name == "no revision":
        path = project.migrations / "c_.py"
        path.write_text("down_revision = 'b'\n")
    elif name == "duplicate id":
        path = project.revision("b", "a", message="again")
    elif name == "cycle":
        project.revision("a", "c", message="table a")
        path = project.revision("c", "b")
    elif name == "missing parent":
        path = project.revision("c", "nowhere")
    elif name == "import":
        path = project.revision("c", "b", extra="import a_module_that_is_not_there")
    elif name == "encoding":
        path = project.migrations / "c_.py"
        path.write_bytes(b"revision = '\xff'\ndown_revision = 'b'\n")
    else:
        path = project.revision("c", "b", extra="import sys; sys.exit(0)")
    return path.name


BROKEN = [
    "syntax",
    "no revision",
    "duplicate id",
    "cycle",
    "missing parent",
    "import",
    "encoding",
    "exit",
]


@pytest.mark.one_database
@pytest.mark.parametrize("name", BROKEN)
def test_broken_file(project: Project, database: Database, name: str) -> None:
    file = broken(project, name)
    refused(project.invoke("upgrade"), file)
    assert database.all_tables() == set()


@pytest.mark.parametrize("name", ["syntax", "import", "exit"])
def test_all_files_are_loaded_before_the_first_runs(
    project: Project, database: Database, name: str
) -> None:
    """Also where a database couldn't undo what the first ones did."""
    broken(project, name)
    assert project.invoke("upgrade").exit_code == 1
    assert database.all_tables() == set()


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["syntax", "import", "exit"])
def test_broken_file_in_python(project: Project, name: str) -> None:
    file = broken(project, name)
    with project.context() as alembic, pytest.raises(RevisionFileError) as caught:
        alembic.upgrade()
    assert file in str(caught.value)
    assert Path(caught.value.path).name == file
    assert caught.value.__cause__ is not None


@pytest.mark.one_database
def test_a_broken_file_names_its_line(project: Project) -> None:
    path = project.revision("a", None, "def")
    number = 1 + path.read_text().splitlines().index("    def")
    refused(project.invoke("upgrade"), path.name, str(number))


# Folders


@pytest.mark.one_database
def test_no_folder(project: Project) -> None:
    project.setup = "alembic = Alembic(app, run_mkdir=False)"
    refused(project.invoke("revision", "x"), "migrations", "flask db mkdir")
    refused(project.invoke("upgrade"), "migrations")


@pytest.mark.one_database
def test_folder_that_cannot_be_made(project: Project) -> None:
    project.migrations.write_text("a file is in the way")
    project.load()
    refused(project.invoke("revision", "x", "--empty"), "migrations")


@pytest.mark.one_database
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(project: Project) -> None:
    project.root.chmod(0o500)
    try:
        project.load()
        refused(project.invoke("revision", "x", "--empty"), "migrations")
    finally:
        project.root.chmod(0o700)


# Databases


@pytest.mark.needs("password")
def test_unreachable(project: Project, database: Database) -> None:
    project.tables("a")
    url = database.url_with(port=1, password="s3cret")
    project.config["SQLALCHEMY_DATABASE_URI"] = url
    for command in ("upgrade", "current", "check"):
        result = project.invoke(command)
        refused(result, "default")
        assert "s3cret" not in result.stderr


@pytest.mark.needs("password")
def test_unknown_user_or_password(project: Project, database: Database) -> None:
    project.tables("a")
    url = database.url_with(username="nobody_of_this_name", password="s3cret")
    project.config["SQLALCHEMY_DATABASE_URI"] = url
    result = project.invoke("upgrade")
    refused(result, "default")
    assert "s3cret" not in result.stderr


@pytest.mark.one_database
def test_folder_of_a_database_file_is_missing(project: Project) -> None:
    project.tables("a")
    project.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{project.root}/no/such.db"
    refused(project.invoke("upgrade"), "default")


DRIVERLESS = """
import sys
sys.modules["pymysql"] = None
"""


@pytest.mark.one_database
def test_missing_driver(project: Project) -> None:
    project.tables("a")
    project.config["SQLALCHEMY_DATABASE_URI"] = "mysql+pymysql://u:s3cret@127.0.0.1:1/x"
    project.setup = DRIVERLESS + project.setup
    result = project.run("upgrade")
    assert result.exit_code == 1
    assert "pymysql" in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.needs("password", "schemas")
def test_reports_hide_passwords(project: Project, database: Database) -> None:
    project.tables("a")
    project.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(password="s3c%ret")
    with project.context() as alembic:
        report = alembic.upgrade()
    assert "s3c" not in str(report.as_dict())


# Failing revisions on the command line


def test_failing_revision(project: Project, database: Database) -> None:
    project.tables("a")
    path = project.revision("b", "a", MAKE_AND_FAIL)
    done = project.run("upgrade")
    refused(done, "no luck", "ValueError", "default", path.name)
    if database.can("transactional_ddl"):
        assert database.all_tables() == set()


@pytest.mark.one_database
def test_traceback_on_demand(project: Project) -> None:
    project.revision("b", None, MAKE_AND_FAIL)
    done = project.run("upgrade", "--traceback")
    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "no luck" in done.stderr


def test_failing_statement_is_short(project: Project) -> None:
    project.revision("a", None, "op.execute('SELECT * FROM nowhere')")
    done = project.run("upgrade")
    refused(done, "nowhere", "a_.py")
    assert "sqlalche.me" not in done.stderr


INTERRUPT = """
op.create_table("made", sa.Column("id", sa.Integer, primary_key=True))
import os, signal
os.kill(os.getpid(), signal.SIGINT)
"""


def test_interrupt_is_no_success(project: Project, database: Database) -> None:
    project.revision("a", None, INTERRUPT)
    done = project.run("upgrade")
    assert done.exit_code != 0
    assert "Traceback" not in done.stderr
    assert database.versions() == set()
    if database.can("transactional_ddl"):
        assert database.all_tables() == set()


def test_interrupt_in_python(project: Project, database: Database) -> None:
    project.tables("a")
    project.revision("b", "a", create_table("made") + "\nraise KeyboardInterrupt")
    with project.context() as alembic:
        with pytest.raises(KeyboardInterrupt) as caught:
            alembic.upgrade()
        assert "b_.py" in "\n".join(caught.value.__notes__)
        applied = {script.revision for script in alembic.current()}
    assert applied == database.versions()
    if database.can("transactional_ddl"):
        assert database.all_tables() == set()


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments",
    [["upgrade", "nowhere"], ["show", "nowhere"], ["plan", "--database", "x"]],
)
def test_refusals_in_json(project: Project, arguments: list[str]) -> None:
    project.tables("a")
    done: t.Any = project.invoke(*arguments, "--json")
    assert done.exit_code == 1
    assert done.json["ok"] is False

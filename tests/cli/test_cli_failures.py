"""Errors: a few lines, an exit code that isn't 0, and no traceback unless asked for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa
from support.application import clean_environment
from support.application import Project
from support.servers import Database

from flask_alembic.cli import failures
from flask_alembic.errors import MigrationError
from flask_alembic.results import Database as DatabaseData
from flask_alembic.results import DatabaseResult
from flask_alembic.results import Report
from flask_alembic.results import Revision
from flask_alembic.results import Step
from flask_alembic.results import StepResult

DEFAULT = DatabaseData("default", "sqlite", "sqlite:///x.db")


class Refusal(MigrationError):
    exit_code = 3


def failed(state: str) -> Report:
    step = StepResult(Step(Revision("b"), "upgrade"), state)  # type: ignore[arg-type]
    result = DatabaseResult(DEFAULT, "rolled_back", ("a",), (step,))
    return Report("upgrade", ok=False, exit_code=1, databases=(result,))


def with_report(error: BaseException, state: str = "failed") -> BaseException:
    error.report = failed(state)  # type: ignore[attr-defined]
    return error


def test_refusals_are_one_line() -> None:
    error = Refusal("It is\n  wrong.", fix="Do this.")
    assert failures.failure_lines(error) == ["Error: It is wrong. Do this."]
    assert failures.exit_code(error) == 3


def test_exceptions_of_revisions() -> None:
    error = with_report(ValueError("first\nsecond"))
    error.add_note("in revision b\nand more")
    assert failures.failure_lines(error) == [
        "Error: ValueError: first",
        "  in revision b",
        "  default: rolled back, at a",
    ]
    assert failures.exit_code(error) == 1
    assert failures.failure_lines(ValueError()) == ["Error: ValueError"]


def test_databases_on_which_nothing_ran_are_not_listed() -> None:
    lines = failures.failure_lines(with_report(ValueError("x"), "skipped"))
    assert lines == ["Error: ValueError: x"]


def test_at_most_five_lines() -> None:
    error = with_report(ValueError("x"))
    for number in range(10):
        error.add_note(f"note {number}")
    assert len(failures.failure_lines(error)) == 5


def test_driver_errors_are_the_drivers_words() -> None:
    orig = Exception('null value in "x"\nDETAIL:  Failing row contains (1, null).\n')
    error = sa.exc.IntegrityError("INSERT …", {"password": "hidden"}, orig)
    assert failures.failure_lines(error) == [
        'Error: IntegrityError: null value in "x"',
        "  DETAIL:  Failing row contains (1, null).",
    ]


def test_leaving_is_never_success() -> None:
    for error in (SystemExit(), SystemExit(0), SystemExit(None), SystemExit("x")):
        assert failures.exit_code(error) == 1
        (line,) = failures.failure_lines(error)
        assert line.startswith("Error: SystemExit(")
    assert failures.exit_code(KeyboardInterrupt()) == 130
    assert failures.failure_lines(with_report(KeyboardInterrupt())) == [
        "Error: Interrupted.",
        "  default: rolled back, at a",
    ]


def test_report_of_a_failure() -> None:
    report = failures.failed_report("upgrade", with_report(Refusal("No.")))
    assert (report.ok, report.exit_code, report.message) == (False, 3, "No.")
    assert report.databases == failed("failed").databases
    report = failures.failed_report("heads", ValueError("x"))
    assert (report.command, report.message) == ("heads", "ValueError: x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('boom')", "ValueError: boom"),
        ("op.execute('SELECT * FROM nowhere')", "nowhere"),
        ("import sys; sys.exit(0)", "sys"),
        ("raise SystemExit", "b_"),
        ("import click; click.get_current_context().exit(0)", "Exit"),
    ],
)
def test_failing_revision(
    project: Project, database: Database, body: str, words: str
) -> None:
    project.tables("a")
    path = project.revision("b", "a", body)
    done = project.invoke("upgrade")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert 1 < len(done.error_lines) <= 5
    assert done.error_lines[0].startswith("Error: ")
    assert words.lower() in "".join(done.error_lines).lower()
    assert str(path) in done.stderr
    assert "'default'" in done.stderr
    assert "Background on this error" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments", [["--traceback", "upgrade"], ["upgrade", "--traceback"]]
)
def test_traceback(project: Project, arguments: list[str]) -> None:
    project.revision("a", up="raise ValueError('boom')")
    done = project.invoke(*arguments)
    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "Error: ValueError: boom" in done.stderr.splitlines()


@pytest.mark.one_database
def test_json_of_a_failing_run(project: Project) -> None:
    project.revision("a", up="raise ValueError('boom')")
    done = project.invoke("upgrade", "--json")
    assert done.exit_code == 1
    assert (done.json["ok"], done.json["exit_code"]) == (False, 1)
    assert done.json["message"] == "ValueError: boom"
    (database,) = done.json["databases"]
    assert database["outcome"] == "rolled_back"
    done = project.invoke("show", "nowhere", "--json")
    assert (done.exit_code, done.json["ok"]) == (1, False)
    assert "nowhere" in done.json["message"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments",
    [
        ["upgrade", "nowhere"],
        ["upgrade", ""],
        ["downgrade", ""],
        ["stamp", ""],
        ["plan", ""],
        ["show", "nowhere"],
        ["log", "--start", "nowhere"],
        ["downgrade", "7"],
        ["revision", "x", "--parent", "nowhere"],
        ["merge", "nowhere", "a"],
    ],
    ids=" ".join,
)
def test_bad_input(project: Project, arguments: list[str]) -> None:
    project.tables("a")
    assert project.invoke("upgrade").exit_code == 0
    done = project.invoke(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.error_lines
    assert line.startswith("Error: ")
    assert len(project.files) == 1


@pytest.mark.one_database
def test_ctrl_c_during_a_run(project: Project, database: Database) -> None:
    body = "import time; open('running', 'w').close(); time.sleep(60)"
    project.tables("a")
    project.revision("b", "a", body)
    project.write()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade", "--json"],
        cwd=project.root,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        while process.poll() is None and not (project.root / "running").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["exit_code"] == 130
    assert "Error: Interrupted." in err.splitlines()
    assert "rolled back" in err
    assert "Traceback" not in err
    assert database.tables() == set()


@pytest.mark.one_database
def test_a_reader_that_stops_reading(project: Project) -> None:
    project.tables(*(f"a{number:05}" for number in range(800)))
    project.write()
    command = f"{sys.executable} -m flask --app app db log | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.startswith("a00798 -> a00799 (head)")
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr

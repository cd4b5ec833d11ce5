"""What is told of other sessions, and what a statement may mean."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flask_alembic import Database
from flask_alembic import Event
from flask_alembic.cli.progress import Progress
from flask_alembic.dialects.locks import session_text
from flask_alembic.dialects.locks import words
from flask_alembic.dialects.mysql.waits import NO_DDL
from flask_alembic.dialects.postgresql.waits import PostgreSQLRepeats
from flask_alembic.dialects.timeouts import milliseconds


def test_quoted_values_of_others_are_not_shown() -> None:
    query = "ALTER ROLE app\n PASSWORD 'it''s secret' VALID UNTIL 'then'"
    text = session_text(7, "app from 10.0.0.1", "noon", query)
    assert text == (
        "process 7 (app from 10.0.0.1, since noon:"
        " ALTER ROLE app PASSWORD '…' VALID UNTIL '…')"
    )
    # The server may cut it in the middle of a value.
    assert "secret" not in session_text(7, "app", "noon", "SELECT 'secret")
    assert session_text(7, "app", "noon", None) == "process 7 (app, since noon)"
    assert len(session_text(7, "app", "noon", "SELECT " * 100)) < 150


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("ALTER TABLE Person ADD x", {"person", "Person", "x"}),
        ('DROP TABLE "my ""odd"" table"', {'my "odd" table'}),
        ("ALTER TABLE `a b`", {"a b"}),
        (None, set()),
    ],
)
def test_names_in_a_statement(statement: str | None, names: set[str]) -> None:
    assert names <= set(words(statement))
    assert words(None) == []


def test_limits_in_milliseconds() -> None:
    assert milliseconds(0.0001) == 1
    assert milliseconds(1.5) == 1500
    assert milliseconds(0) == 0 and milliseconds(0, 9) == 9


@pytest.mark.parametrize(
    ("code", "waited"),
    [("55P03", True), ("40P01", True), ("40001", True), ("57014", False)],
)
def test_errors_of_postgresql(code: str, waited: bool) -> None:
    for name in ("sqlstate", "pgcode"):
        error = type("Error", (Exception,), {name: code})()
        assert PostgreSQLRepeats(None).waited(error) is waited  # type: ignore[arg-type]


def test_temporary_tables_commit_nothing() -> None:
    assert NO_DDL.match("CREATE TEMPORARY TABLE x (id INT)")
    assert not NO_DDL.match("CREATE TABLE x (id INT)")


def test_terminal_shows_waiting_and_retrying() -> None:
    console = Console(file=io.StringIO(), width=200)
    shown = Progress(console)
    database = Database("default", "sqlite", "sqlite://")
    shown(Event("lock_waiting", database, message="process 7", seconds=31.4))
    shown(Event("retrying", database, message="locked", seconds=0.25))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.splitlines() == [
        "  waiting  process 7 (31 s)",
        "  retrying in 0.2 s  locked",
    ]

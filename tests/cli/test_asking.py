"""Questions before data is dropped: on a terminal only."""

from __future__ import annotations

import os
import typing as t

import pytest
from support.application import FLASK
from support.application import Project
from support.application import Result
from support.processes import clean_environment
from support.processes import forks
from support.processes import Streams
from support.revisions import create_table
from support.servers import Database

from flask_alembic.cli import asking

pty = pytest.importorskip("pty")

pytestmark = pytest.mark.one_database

BACK = 'with op.batch_alter_table("users") as batch:\n    batch.drop_column("email")'


@pytest.fixture
def filled(project: Project, database: Database) -> Project:
    """A table with two rows, and a pending revision that drops a column of it."""
    table = create_table("users", "email")
    project.revision("a", None, table, 'op.drop_table("users")')
    with project.context() as alembic:
        alembic.upgrade()
    database.execute("INSERT INTO users (id) VALUES (1), (2)")
    project.revision("b", "a", BACK, 'op.execute("SELECT 1")')
    return project


def on_terminal(project: Project, answer: str, *arguments: str) -> tuple[int, str]:
    """Run ``flask db …`` with a terminal to answer on."""
    project.write()
    ours, theirs = pty.openpty()
    command = forks().start(
        [*FLASK, *arguments],
        project.root,
        {**clean_environment(), "TERM": "dumb"},
        Streams(theirs, theirs, theirs),
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    written = b"".join(iter(lambda: read(ours), b""))
    code = command.wait().exit_code
    os.close(ours)
    return code, written.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Read what is there; Linux says with an error that nobody writes any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_no_changes_nothing(filled: Project, database: Database) -> None:
    code, text = on_terminal(filled, "n\n", "upgrade")
    assert code == 1
    assert "This drops users.email (2 rows). Go on? [y/N]:" in text
    # The answer was typed ahead: nobody ended the line of the question.
    assert text.endswith("[y/N]: Error: Nothing was changed.\n")
    assert database.versions() == {"a"}
    assert "email" in database.columns("users")


def test_yes_goes_on(filled: Project, database: Database) -> None:
    code, text = on_terminal(filled, "y\n", "upgrade")
    assert (code, text.count("Go on?")) == (0, 1)
    assert database.columns("users") == {"id"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Result]:
    """Run a command as if on a terminal, with the answer no."""

    def run(project: Project, *arguments: str) -> Result:
        monkeypatch.setattr(asking, "_is_terminal", lambda: True)
        return project.invoke(*arguments, input="n\n")

    return run


@pytest.mark.parametrize("option", ["--yes", "-y", "--json", "--dry-run", "--sql"])
def test_options_that_ask_nothing(
    filled: Project, asked: t.Callable[..., Result], option: str
) -> None:
    arguments = ["upgrade", option, *(["a:b"] if option == "--sql" else [])]
    if option == "--sql":
        filled.revision("b", "a", 'op.drop_column("users", "email")')
    done = asked(filled, *arguments)
    assert done.exit_code == 0, done.stderr
    assert "Go on?" not in done.stderr


def test_off_a_terminal_nothing_is_asked(filled: Project, database: Database) -> None:
    done = filled.invoke("upgrade", input="n\n")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Go on?" not in done.stderr
    assert database.versions() == {"b"}


def test_tables_upwards_even_without_rows(
    filled: Project, asked: t.Callable[..., Result]
) -> None:
    filled.revision("b", "a", 'op.drop_table("users")\n' + create_table("users"))
    filled.revision("c", "b", 'op.drop_table("users")')
    done = asked(filled, "upgrade")
    assert done.exit_code == 1
    assert "This drops users (2 rows). Go on?" in done.stderr


def test_downwards_where_there_is_data(
    filled: Project, database: Database, asked: t.Callable[..., Result]
) -> None:
    done = asked(filled, "downgrade")
    assert done.exit_code == 1
    assert "This drops users (2 rows). Go on?" in done.stderr
    assert database.versions() == {"a"}
    database.execute("DELETE FROM users")
    done = asked(filled, "downgrade")
    assert (done.exit_code, database.versions()) == (0, set())


def test_what_cannot_be_told_is_not_asked_about(
    filled: Project, asked: t.Callable[..., Result]
) -> None:
    filled.revision(
        "b", "a", f"op.get_bind().execute(sa.text('SELECT 1')).one()\n{BACK}"
    )
    assert asked(filled, "upgrade").exit_code == 0


def test_an_error_is_the_runs(filled: Project, asked: t.Callable[..., Result]) -> None:
    done = asked(filled, "upgrade", "nowhere")
    assert done.exit_code == 1
    assert done.stderr.count("nowhere") == 1


MOMENT = """
alembic = Alembic(app)
lost = [True]

with app.app_context():
    @sa.event.listens_for(db.engine, "do_connect")
    def lose_once(*_):
        if lost:
            lost.pop()
            raise ConnectionError("gone for a moment")
"""


def test_an_error_that_the_run_would_not_meet(
    filled: Project, database: Database, asked: t.Callable[..., Result]
) -> None:
    """Nothing is dropped because nobody could be asked."""
    filled.setup = MOMENT
    done = asked(filled, "upgrade", "b")
    assert done.exit_code == 1
    assert done.stderr.count("gone for a moment") == 1
    assert "email" in database.columns("users")


def test_several_heads_downwards(filled: Project, database: Database) -> None:
    filled.tables("c", down="a")
    filled.invoke("upgrade")
    done = filled.invoke("downgrade")
    assert done.exit_code == 1
    (line,) = done.error_lines
    assert "Several heads are applied, b, c" in line
    assert "flask db downgrade b@-1" in line
    assert "flask db downgrade c@-1" in line
    assert filled.invoke("downgrade", "c@-1").exit_code == 0
    assert database.versions() == {"b"}


def test_other_revisions_are_called_once(
    filled: Project, asked: t.Callable[..., Result]
) -> None:
    """To know what is dropped, functions are called; only those that speak of it."""
    note = "with open('calls', 'a') as calls:\n    calls.write('c')"
    filled.revision("c", "b", note.replace("'calls'", repr(str(filled.root / "calls"))))
    filled.revision("b", "a", "pass", BACK)
    done = asked(filled, "upgrade")
    assert done.exit_code == 0, done.stderr
    assert (filled.root / "calls").read_text() == "c"

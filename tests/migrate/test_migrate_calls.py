"""The functions called from Python: they behave like Python, as far as 4.1 lets them."""

from __future__ import annotations

import logging
import re
import traceback

import alembic.util
import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import PERSON_WITH_EMAIL
from support.servers import Database

import flask_migrate

pytestmark = pytest.mark.one_database


@pytest.fixture
def ran(one: Scripted) -> Scripted:
    """The application with two revisions, at the first."""
    one.tables("a", "b")
    one.ok("upgrade", "a")
    return one


# Errors


def test_refusal(ran: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    """Callers of 4.1 catch SystemExit; the cause is there for the others."""
    with ran.app():
        logging.getLogger().addHandler(caplog.handler)
        with pytest.raises(SystemExit) as caught:
            flask_migrate.upgrade(revision="nothing")
    assert caught.value.code == 1
    assert type(caught.value) is flask_migrate.MigrateError
    assert isinstance(caught.value.__cause__, alembic.util.CommandError)
    assert str(caught.value.__cause__).startswith("Can't locate revision")
    (logged,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert logged.name == "flask_migrate"
    assert logged.getMessage() == f"Error: {caught.value.__cause__}"


def test_error_says_what_is_wrong(ran: Scripted) -> None:
    with ran.app(), pytest.raises(flask_migrate.MigrateError) as caught:
        flask_migrate.upgrade(revision="nothing")
    assert "nothing" in str(caught.value)


def test_runtime_error_of_a_revision(one: Scripted) -> None:
    """Its traceback is whole: down to the line in the file."""
    path = one.revision("a", None, 'raise RuntimeError("no room")')
    with one.app(), pytest.raises(SystemExit) as caught:
        flask_migrate.upgrade()
    cause = caught.value.__cause__
    assert isinstance(cause, RuntimeError)
    assert str(cause) == "no room"
    frames = traceback.extract_tb(cause.__traceback__)
    assert frames[-1].filename == str(path)
    assert frames[-1].line == 'raise RuntimeError("no room")'


@pytest.mark.parametrize("name", ["ValueError", "LookupError", "KeyboardInterrupt"])
def test_anything_else_leaves_as_it_is(one: Scripted, name: str) -> None:
    one.revision("a", None, f'raise {name}("own")')
    kind = getattr(__import__("builtins"), name)
    with one.app(), pytest.raises(kind, match="own") as caught:
        flask_migrate.upgrade()
    assert type(caught.value) is kind


def test_error_of_a_driver(one: Scripted) -> None:
    """With the revision, the file and the database as a note."""
    one.revision("a", None, 'op.execute("SELECT 1 FROM nowhere")')
    with one.app(), pytest.raises(sa.exc.OperationalError) as caught:
        flask_migrate.upgrade()
    notes = " ".join(caught.value.__notes__)
    assert re.search(r"revision '?a\b", notes)
    assert "default" in notes
    assert "a_.py" in notes


def test_catch_errors() -> None:
    """It's public: applications decorate functions of their own."""

    @flask_migrate.catch_errors
    def refuse(text: str) -> None:
        raise RuntimeError(text)

    assert refuse.__name__ == "refuse"
    with pytest.raises(flask_migrate.MigrateError) as caught:
        refuse("on purpose")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert str(caught.value.__cause__) == "on purpose"

    @flask_migrate.catch_errors
    def work() -> None:
        done.append(1)

    done: list[int] = []
    work()
    assert done == [1]


def test_no_application_context(one: Scripted) -> None:
    with pytest.raises(SystemExit) as caught:
        flask_migrate.upgrade()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "application context" in str(caught.value.__cause__)


def test_sys_exit_in_a_revision_is_no_success(one: Scripted) -> None:
    one.revision("a", None, "import sys\nsys.exit(0)")
    done = one.run("upgrade")
    assert done.exit_code != 0
    with one.app() as module:
        assert not sa.inspect(module.db.engine).has_table("t_a")


# Every function


def test_functions_by_position(one: Scripted, database: Database) -> None:
    """Each with the arguments where 4.1 has them."""
    with one.app():
        flask_migrate.migrate(
            "migrations", "first", False, "head", False, "main", None, "a"
        )
        flask_migrate.upgrade("migrations", "head", False, None, None)
        assert database.versions() == {"a"}
        flask_migrate.revision(
            "migrations", "more", False, False, "main@head", False, None, None, "b"
        )
        flask_migrate.revision(None, "fork", False, False, "a", True, None, None, "c")
        flask_migrate.merge(None, ["b", "c"], "join", "joined", "d")
        flask_migrate.stamp(None, "d")
        assert database.versions() == {"d"}
        flask_migrate.stamp(None, "b", False, None, True)
        flask_migrate.downgrade(None, "a")
        assert database.versions() == {"a"}
    ids = sorted(path.name.partition("_")[0] for path in one.files)
    assert ids == ["a", "b", "c", "d"]


def test_functions_that_print(
    ran: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """To what is standard output when they are called."""
    expected = {
        "heads": "b (head)\n",
        "current": "a\n",
        "history": "a -> b (head), table b\n<base> -> a, table a\n",
        "branches": "",
    }
    with ran.app():
        for name, printed in expected.items():
            assert getattr(flask_migrate, name)() is None
            assert capsys.readouterr().out == printed
        flask_migrate.history(None, "a:b", False, True)
        assert capsys.readouterr().out == (
            "a -> b (head), table b\n<base> -> a (current), table a\n"
        )
        flask_migrate.show(None, "a")
        assert capsys.readouterr().out.startswith("Rev: a\n")
        flask_migrate.current(None, True)
        assert "Rev: a\n" in capsys.readouterr().out


def test_downgrade_by_default(ran: Scripted, database: Database) -> None:
    with ran.app():
        flask_migrate.downgrade()
    assert database.versions() == set()


def test_sql(ran: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    with ran.app():
        flask_migrate.upgrade(sql=True)
        assert "CREATE TABLE t_b" in capsys.readouterr().out
        flask_migrate.downgrade(sql=True)
        printed = capsys.readouterr().out
    assert "DROP TABLE t_b" in printed
    assert "t_a" not in printed


# Several calls in one process


def test_upgrade_and_then_migrate(one: Scripted, database: Database) -> None:
    """In 4.1 the first call's directives stuck, and the draft was empty."""
    one.revision("a", None, "pass")
    with one.app():
        flask_migrate.upgrade()
        flask_migrate.migrate(message="people", rev_id="b")
        flask_migrate.upgrade()
        flask_migrate.migrate(message="nothing", rev_id="c")
        assert database.tables() == {"person"}
    assert [path.name for path in one.files] == ["a_.py", "b_people.py"]
    assert "op.create_table('person'" in one.files[1].read_text()


def test_migrate_after_check_and_nothing(one: Scripted) -> None:
    """The other way round: an empty draft first, an empty file on purpose later."""
    one.ok("migrate", "--rev-id", "a")
    one.ok("upgrade")
    with one.app():
        flask_migrate.check()
        flask_migrate.migrate()
        assert len(one.files) == 1
        flask_migrate.revision(message="by hand", rev_id="b")
        assert len(one.files) == 2


def test_options_of_the_application_stay(one: Scripted) -> None:
    """What env.py puts into the options is gone after the command; the rest isn't."""
    one.tables("a")
    with one.app() as module:
        args = module.app.extensions["migrate"].configure_args
        args["include_schemas"] = False
        flask_migrate.upgrade()
        assert module.app.extensions["migrate"].configure_args is args
        assert args == {
            "compare_type": True,
            "render_as_batch": True,
            "include_schemas": False,
        }


def test_own_directives_of_the_application(one: Scripted) -> None:
    """Given to Migrate they are used, in every call."""
    one.setup = """
calls = []

def directives(context, revision, directives):
    calls.append(revision)

migrate = Migrate(app, db, process_revision_directives=directives)
"""
    with one.app() as module:
        flask_migrate.migrate(rev_id="a")
        flask_migrate.upgrade()
        flask_migrate.migrate(rev_id="b")
        assert len(module.calls) == 2
    # And what is empty isn't written.
    assert len(one.files) == 1


def test_models_that_change_between_calls(one: Scripted, database: Database) -> None:
    with one.app():
        flask_migrate.migrate()
        flask_migrate.upgrade()
    one.models = PERSON_WITH_EMAIL
    with one.app():
        flask_migrate.migrate()
        flask_migrate.upgrade()
    assert database.columns("person") == {"id", "name", "email"}


def test_files_that_come_between_calls(one: Scripted, database: Database) -> None:
    with one.app():
        one.tables("a")
        flask_migrate.upgrade()
        one.tables("b", down="a")
        flask_migrate.upgrade()
    assert database.tables() == {"t_a", "t_b"}

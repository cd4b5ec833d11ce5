"""``ALEMBIC_HISTORY``: what was run is on record, in the step's own transaction."""

from __future__ import annotations

import datetime
import os
import typing as t

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import Project
from support.servers import Database
from support.sources import plain

from flask_alembic import RecordedStep
from flask_alembic import SetupError

QUERY = "SELECT revision, direction, state FROM alembic_history ORDER BY id"


@pytest.fixture
def kept(project: Project) -> Project:
    """The application, with a record."""
    project.config["ALEMBIC_HISTORY"] = True
    return project


def brief(steps: t.Iterable[RecordedStep]) -> list[tuple[str, str, str]]:
    return [(step.revision, step.direction, step.state) for step in steps]


# What is written


def test_each_step_has_a_row(kept: Project, database: Database) -> None:
    kept.tables("a", "b")
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    with kept.context() as alembic:
        alembic.upgrade()
        alembic.downgrade()
        alembic.stamp("b")
        alembic.stamp("base")
        record = alembic.record()
    assert brief(record) == [
        ("base", "stamp", "done"),
        ("b", "stamp", "done"),
        ("b", "downgrade", "done"),
        ("b", "upgrade", "done"),
        ("a", "upgrade", "done"),
    ]
    oldest = record[-1]
    assert oldest.started is not None
    assert begun - datetime.timedelta(seconds=1) < oldest.started
    assert oldest.started < datetime.datetime.now(datetime.UTC)
    assert 0 < oldest.seconds < 60
    assert oldest.process == os.getpid()
    assert oldest.command == "upgrade"
    assert "@" in oldest.who
    assert record[-2].parents == ("a",)
    assert {step.database for step in record} == {"default"}
    assert len(oldest.checksum) == 64
    assert oldest.checksum != record[-2].checksum
    assert database.rows(QUERY)[0] == ("a", "upgrade", "done")


def test_without_the_setting_there_is_no_table(
    project: Project, database: Database
) -> None:
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
        with pytest.raises(SetupError, match="ALEMBIC_HISTORY = True"):
            alembic.record()
        with pytest.raises(SetupError, match="ALEMBIC_HISTORY = True"):
            alembic.verify()
    assert "alembic_history" not in database.all_tables()


def test_looking_makes_no_table(kept: Project, database: Database) -> None:
    kept.tables("a")
    with kept.context() as alembic:
        assert alembic.record() == ()
        assert alembic.verify() == ()
        alembic.status()
        alembic.plan()
    assert database.all_tables() == set()


@pytest.mark.parametrize("each", [False, True])
def test_a_failed_step_stays_on_record(
    kept: Project, database: Database, each: bool
) -> None:
    kept.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": each}
    kept.tables("a")
    path = kept.revision("b", "a", 'raise ValueError("no")')
    with kept.context() as alembic:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                alembic.upgrade()
        stays = each or database.can("ddl_commits")
        done = [("a", "upgrade", "done")]
        failed = [("b", "upgrade", "failed")]
        assert database.rows(QUERY) == [*(done if stays else []), *failed, *failed]
        path.write_text(path.read_text().replace("raise", "pass  # raise"))
        alembic.upgrade()
        assert database.rows(QUERY)[-1] == ("b", "upgrade", "done")


def test_what_is_rolled_back_with_another_isnt_on_record(
    two: Project, database: Database, other: Database
) -> None:
    two.config["ALEMBIC_HISTORY"] = True
    body = 'if engine_name == "log":\n    raise ValueError("no")'
    two.revision("a", None, body, arguments="engine_name")
    with two.context() as alembic:
        with pytest.raises(ValueError, match="no"):
            alembic.upgrade()
        record = alembic.record()
    found = [(step.database, step.state) for step in record]
    assert ("log", "failed") in found
    if not database.can("ddl_commits"):
        assert found == [("log", "failed")]
        assert "alembic_history" not in database.all_tables()


def test_a_callers_transaction_takes_its_rows_along(
    kept: Project, database: Database, make_engine: t.Callable[..., sa.Engine]
) -> None:
    kept.tables("a")
    engine = make_engine(database.url)
    with kept.context() as alembic, engine.connect() as connection:
        with alembic.using(connection):
            alembic.upgrade()
            assert brief(alembic.record()) == [("a", "upgrade", "done")]
        connection.rollback()
    if not database.can("ddl_commits"):
        assert database.all_tables() == set()


@pytest.mark.parametrize("version_table", ["mine", "alembic_version"])
def test_version_tables_dont_share_a_record(
    kept: Project, database: Database, version_table: str
) -> None:
    kept.config["ALEMBIC_CONTEXT"] = {"version_table": version_table}
    kept.tables("a")
    with kept.context() as alembic:
        alembic.upgrade()
        assert brief(alembic.record()) == [("a", "upgrade", "done")]
    own = {"mine": "mine_history"}.get(version_table, "alembic_history")
    assert {name for name in database.all_tables() if "history" in name} == {own}


@pytest.mark.needs("schemas")
def test_the_record_lies_beside_the_version_table(
    kept: Project, database: Database
) -> None:
    database.execute("CREATE SCHEMA apart")
    kept.config["ALEMBIC_CONTEXT"] = {"version_table_schema": "apart"}
    kept.tables("a")
    with kept.context() as alembic:
        alembic.upgrade()
        assert brief(alembic.record()) == [("a", "upgrade", "done")]
    assert database.rows("SELECT revision FROM apart.alembic_history") == [("a",)]


def test_a_table_of_an_earlier_release_is_enough(
    kept: Project, database: Database
) -> None:
    column = "SERIAL" if database.kind == "postgresql" else "INTEGER"
    auto = " AUTO_INCREMENT" if database.kind == "mariadb" else ""
    database.execute(
        f"CREATE TABLE alembic_history (id {column} PRIMARY KEY{auto},"
        " revision VARCHAR(50), state VARCHAR(10))",
        "INSERT INTO alembic_history (revision, state) VALUES ('old', 'done')",
    )
    kept.tables("a")
    with kept.context() as alembic:
        alembic.upgrade()
        newest, oldest = alembic.record()
    assert (newest.revision, newest.state, newest.started) == ("a", "done", None)
    assert (oldest.revision, oldest.checksum, oldest.parents) == ("old", "", ())


@pytest.mark.needs("transactional_ddl")
def test_a_record_of_asynchronous_engines(kept: Project, database: Database) -> None:
    plain(kept, f"create_async_engine({database.asynchronous_url()!r})")
    kept.head += "from sqlalchemy.ext.asyncio import create_async_engine\n"
    kept.tables("a")
    kept.revision("b", "a", 'raise ValueError("no")')
    with kept.context() as alembic:
        alembic.upgrade("a")
        with pytest.raises(ValueError, match="no"):
            alembic.upgrade()
        assert brief(alembic.record()) == [
            ("b", "upgrade", "failed"),
            ("a", "upgrade", "done"),
        ]
        assert alembic.verify() == ()


# Comparing


OWN_FILTERS = """
def include_name(name, kind, parents):
    return name != "theirs"

def include_object(object, name, kind, reflected, compared):
    return True

app.config["ALEMBIC_CONTEXT"] = {
    "version_table": "mine",
    "include_name": include_name,
    "include_object": include_object,
}
"""

SETTING = """
app.config["ALEMBIC_CONTEXT"] = {"version_table": "mine"}
"""


@pytest.mark.parametrize("filters", ["", OWN_FILTERS])
def test_comparing_leaves_our_tables_out(
    kept: Project, database: Database, filters: str
) -> None:
    kept.models += filters or SETTING
    database.execute(
        "CREATE TABLE theirs (id INTEGER)",
        "CREATE TABLE alembic_journal (id INTEGER)",
    )
    kept.config["ALEMBIC_DROP_UNKNOWN_TABLES"] = True
    with kept.context() as alembic:
        alembic.revision("first")
        alembic.upgrade()
        assert alembic.compare_metadata() == []
        assert alembic.revision("second") == []
    (path,) = kept.files
    assert not any(x in path.read_text() for x in ("mine", "alembic_journal"))
    assert ("theirs" in path.read_text()) is (not filters)
    assert {"mine_history", "alembic_journal"} <= database.all_tables()


def test_a_model_of_that_name_is_the_applications(
    project: Project, database: Database
) -> None:
    project.models += (
        '\nmine = sa.Table("alembic_history", db.metadata,'
        ' sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    database.execute("CREATE TABLE alembic_history (id INTEGER PRIMARY KEY)")
    with project.context() as alembic:
        raw = alembic.compare_metadata()
    assert [diff[1].name for diff in raw if diff[0] == "add_table"] == ["person"]


# Showing


def test_commands_show_the_record(kept: Project) -> None:
    kept.tables("a", "b")
    assert kept.invoke("upgrade").exit_code == 0
    shown = kept.invoke("history", "--applied").stdout.splitlines()
    assert [line.split()[2:5] for line in shown] == [
        ["upgrade", "b", "done"],
        ["upgrade", "a", "done"],
    ]
    assert f"(process {os.getpid()})" in shown[0]
    found = kept.invoke("log", "--applied", "--json").json["record"]
    assert [item["revision"] for item in found] == ["b", "a"]
    assert datetime.datetime.fromisoformat(found[0]["started"]).tzinfo is not None


@pytest.mark.one_database
def test_options_that_dont_go_with_the_record(kept: Project) -> None:
    kept.tables("a")
    assert kept.invoke("log", "--applied", "--start", "a").exit_code == 2
    assert kept.invoke("log", "--database", "default").exit_code == 2
    assert kept.invoke("log", "--applied", "--database", "default").stdout == ""


@pytest.mark.one_database
def test_without_the_setting_commands_say_how(project: Project) -> None:
    project.tables("a")
    for command in (["history", "--applied"], ["verify"]):
        done = project.invoke(*command)
        assert done.exit_code == 1
        assert "ALEMBIC_HISTORY = True" in done.stderr


# With an env.py


@pytest.mark.parametrize("each", [False, True])
def test_a_scripted_environment_keeps_it_too(
    scripted: Scripted, database: Database, each: bool
) -> None:
    scripted.config["ALEMBIC_HISTORY"] = True
    scripted.config["ALEMBIC_DROP_UNKNOWN_TABLES"] = True
    scripted.setup = f"migrate = Migrate(app, db, transaction_per_migration={each})"
    scripted.ok("upgrade")
    rows = [("a", "upgrade", "done"), ("b", "upgrade", "done")]
    assert database.rows(QUERY) == rows
    shown = scripted.ok("history", "--applied").stdout.splitlines()
    assert [line.split()[3] for line in shown] == ["b", "a"]
    assert scripted.ok("verify").stdout == "No applied revision was edited.\n"
    scripted.ok("migrate", "-m", "more")
    assert not any("alembic_history" in path.read_text() for path in scripted.files)
    (path,) = scripted.versions.glob("a_*")
    path.write_text(path.read_text().replace("t_a", "t_c"))
    done = scripted.invoke("verify")
    assert done.exit_code == 1
    assert "Revision a was edited" in done.stdout


def test_a_failed_step_of_an_env_py_leaves_no_row(
    scripted: Scripted, database: Database
) -> None:
    scripted.config["ALEMBIC_HISTORY"] = True
    scripted.revision("c", "b", 'raise ValueError("no")')
    with scripted.app(), pytest.raises(BaseException, match="no"):
        import flask_migrate

        flask_migrate.upgrade()
    if not database.can("ddl_commits"):
        assert "alembic_history" not in database.all_tables()


# The status


def forget(project: Project, *ids: str) -> None:
    for path in project.files:
        if path.name.split("_")[0] in ids:
            path.unlink()


@pytest.mark.one_database
def test_what_came_after_the_code_is_ahead(kept: Project) -> None:
    kept.tables("a", "b", "c")
    with kept.context() as alembic:
        alembic.upgrade()
    forget(kept, "b", "c")
    with kept.context() as alembic:
        (status,) = alembic.status()
    assert (status.state, status.note) == ("ahead", "recorded: c came after a")


@pytest.mark.one_database
def test_what_went_another_way_has_diverged(kept: Project) -> None:
    kept.tables("a", "b")
    with kept.context() as alembic:
        alembic.upgrade()
    forget(kept, "b")
    kept.tables("c", down="a")
    with kept.context() as alembic:
        (status,) = alembic.status()
        assert status.state == "diverged"
        assert status.pending == ("c",)
    kept.config["ALEMBIC_HISTORY"] = False
    with kept.context() as alembic:
        (status,) = alembic.status()
        assert (status.state, status.note and status.note[:8]) == ("ahead", "presumed")


@pytest.mark.one_database
def test_what_isnt_on_record_is_presumed(kept: Project, database: Database) -> None:
    kept.tables("a", "b", "c")
    with kept.context() as alembic:
        alembic.upgrade()
    forget(kept, "b", "c")
    database.execute("DELETE FROM alembic_history WHERE revision = 'b'")
    with kept.context() as alembic:
        (status,) = alembic.status()
    assert status.state == "ahead"
    assert status.note is not None
    assert status.note.startswith("presumed")

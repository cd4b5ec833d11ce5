"""The life of an application with one database and a folder of 4.1."""

from __future__ import annotations

import os
import re
import sys

import pytest
from migrate.scripted import Scripted
from support.application import PERSON_WITH_EMAIL
from support.application import TASK
from support.clients import apply_script
from support.clients import client
from support.servers import Database


def test_whole_life(one: Scripted, database: Database) -> None:
    """Draft, run, look, change, go back: each as people do it."""
    one.ok("migrate", "-m", "People are here", "--rev-id", "aaa1")
    assert [path.name for path in one.files] == ["aaa1_people_are_here.py"]
    assert database.tables() == set()
    assert one.ok("current").stdout == ""
    assert one.ok("heads").stdout == "aaa1 (head)\n"

    one.ok("upgrade")
    assert database.columns("person") == {"id", "name"}
    assert one.ok("current").stdout == "aaa1 (head)\n"
    assert one.ok("check").stdout == "No new upgrade operations detected.\n"

    one.models = PERSON_WITH_EMAIL
    assert "New upgrade operations detected" in one.refused("check")
    one.ok("migrate", "-m", "email", "--rev-id", "bbb2")
    assert one.refused("check").startswith("Target database is not up to date")
    assert one.ok("current").stdout == "aaa1\n"
    one.ok("upgrade")
    assert database.columns("person") == {"id", "name", "email"}
    assert one.ok("history").stdout == (
        "aaa1 -> bbb2 (head), email\n<base> -> aaa1, People are here\n"
    )

    one.ok("downgrade")
    assert database.columns("person") == {"id", "name"}
    assert database.versions() == {"aaa1"}
    one.ok("stamp")
    assert database.versions() == {"bbb2"}
    assert database.columns("person") == {"id", "name"}
    one.ok("stamp", "aaa1")
    one.ok("upgrade", "+1")
    one.ok("downgrade", "base")
    assert (database.tables(), database.versions()) == (set(), set())


def test_draft_holds_the_operations(one: Scripted, database: Database) -> None:
    one.ok("migrate", "-m", "people", "--rev-id", "a")
    (made,) = one.files
    text = made.read_text()
    assert "op.create_table('person'" in text
    assert "revision = 'a'\ndown_revision = None\n" in text
    one.ok("upgrade")
    one.models = PERSON_WITH_EMAIL
    one.ok("migrate", "--rev-id", "b")
    # Flask-Migrate renders ALTERs as batches unless it's told otherwise.
    assert "op.batch_alter_table('person'" in one.files[1].read_text()


def test_nothing_changed(one: Scripted) -> None:
    one.ok("migrate")
    one.ok("upgrade")
    done = one.ok("migrate", "-m", "nothing")
    assert done.stdout == ""
    assert "No changes in schema detected." in done.stderr
    assert len(one.files) == 1


def test_draft_on_a_database_that_is_behind(one: Scripted) -> None:
    one.ok("migrate")
    assert one.refused("migrate").startswith("Target database is not up to date")
    assert len(one.files) == 1


def test_empty_revision(one: Scripted, database: Database) -> None:
    one.ok("revision", "-m", "by hand", "--rev-id", "a")
    assert [path.name for path in one.files] == ["a_by_hand.py"]
    one.ok("upgrade")
    assert database.versions() == {"a"}
    one.ok("revision", "--autogenerate", "--rev-id", "b")
    assert "op.create_table('person'" in one.files[1].read_text()


def test_branches_and_merge(one: Scripted, database: Database) -> None:
    """Two lines, one of them labelled, joined again."""
    one.tables("a")
    one.ok("upgrade")
    one.ok("revision", "-m", "left", "--rev-id", "b")
    arguments = ["--head", "a", "--splice", "--branch-label", "side"]
    one.ok("revision", "-m", "right", "--rev-id", "c", *arguments)
    heads = one.ok("heads").stdout.splitlines()
    assert sorted(heads) == ["b (head)", "c (side) (head)"]
    first, *rest = one.ok("branches").stdout.splitlines()
    assert first == "a (branchpoint)"
    assert {line.strip() for line in rest if line} == {
        "-> b (head)",
        "-> c (side) (head)",
    }
    said = one.refused("upgrade")
    assert "heads" in said
    assert "b, c" in said

    one.ok("upgrade", "side@head")
    assert database.versions() == {"c"}
    one.ok("upgrade", "heads")
    assert database.versions() == {"b", "c"}
    one.ok("merge", "heads", "-m", "together", "--rev-id", "d")
    assert one.ok("heads").stdout == "d (side) (head)\n"
    one.ok("upgrade")
    assert database.versions() == {"d"}
    one.ok("downgrade", "b")
    assert database.versions() == {"b", "c"}


def test_merge_by_names(one: Scripted) -> None:
    one.revision("a")
    one.revision("b", "a")
    one.revision("c", "a")
    options = ["-m", "both", "--branch-label", "joined", "--rev-id", "d"]
    one.ok("merge", *options, "b", "c")
    (made,) = (path for path in one.files if path.name.startswith("d_"))
    text = made.read_text()
    assert "down_revision = ('b', 'c')" in text
    assert "branch_labels = ('joined',)" in text


EDITOR = """
import sys
with open(sys.argv[1], "a") as file:
    file.write("# edited\\n")
"""


@pytest.mark.one_database
@pytest.mark.parametrize("variable", ["EDITOR", "VISUAL"])
@pytest.mark.parametrize("target", ["head", "current", "a"])
def test_edit(
    one: Scripted, target: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.tables("a", "b")
    one.ok("upgrade", "a")
    program = one.root / "editor"
    program.write_text(f"#!{sys.executable}\n{EDITOR}")
    program.chmod(0o755)
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(program))
    one.ok("edit", target)
    edited = [f.name[0] for f in one.files if f.read_text().endswith("# edited\n")]
    assert edited == [{"head": "b", "current": "a", "a": "a"}[target]]


@pytest.mark.one_database
def test_edit_without_a_current_revision(one: Scripted) -> None:
    one.tables("a")
    assert one.refused("edit", "current") == "No current revisions"


@pytest.mark.one_database
def test_edit_without_an_editor(one: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    one.tables("a")
    monkeypatch.setenv("PATH", os.devnull)
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    assert "EDITOR" in one.refused("edit")


# Offline


def test_sql_goes_to_stdout(one: Scripted, database: Database) -> None:
    one.tables("a")
    done = one.run("upgrade", "--sql")
    assert done.exit_code == 0, done.stderr
    assert "CREATE TABLE t_a" in done.stdout
    assert "INSERT INTO alembic_version" in done.stdout
    assert "INFO" not in done.stdout
    assert database.all_tables() == set()


def test_sql_can_be_applied(one: Scripted, database: Database) -> None:
    if client(database) is None:
        pytest.skip("no client")
    one.tables("a")
    script = one.ok("upgrade", "--sql").stdout
    applied = apply_script(database, script)
    assert applied.exit_code == 0, applied.output
    assert database.tables() == {"t_a"}
    assert database.versions() == {"a"}


@pytest.mark.parametrize("arguments", [[], ["b:a"]])
def test_sql_of_a_downgrade(
    one: Scripted, database: Database, arguments: list[str]
) -> None:
    """Without a range it is the last revision."""
    one.tables("a", "b")
    script = one.ok("downgrade", "--sql", *arguments).stdout
    assert "DROP TABLE t_b" in script
    assert "t_a" not in script
    assert database.all_tables() == set()


def test_sql_of_a_range(one: Scripted) -> None:
    one.tables("a", "b", "c")
    script = one.ok("upgrade", "--sql", "a:b").stdout
    assert "CREATE TABLE t_b" in script
    assert "t_a" not in script
    assert "t_c" not in script


def test_sql_of_a_stamp(one: Scripted, database: Database) -> None:
    one.tables("a", "b")
    script = one.ok("stamp", "--sql", "a:b").stdout
    assert "UPDATE alembic_version" in script
    assert "CREATE TABLE t_" not in script
    assert database.all_tables() == set()


def test_sql_of_an_empty_revision(one: Scripted) -> None:
    """``revision --sql`` runs env.py offline and writes the file."""
    one.edit(one.ini, "# revision_environment = false", "revision_environment = true")
    one.ok("revision", "--sql", "--rev-id", "a")
    assert len(one.files) == 1


def test_purge(one: Scripted, database: Database) -> None:
    one.tables("a", "b")
    one.ok("upgrade")
    (one.versions / "b_table_b.py").unlink()
    # The applied one is named.
    assert re.search(r"\bb\b", one.refused("stamp", "a"))
    one.ok("stamp", "--purge", "a")
    assert database.versions() == {"a"}


def test_other_tables_are_dropped_if_asked_for(
    one: Scripted, database: Database
) -> None:
    """Flask-Migrate's draft drops what it doesn't know; ours says that it is there."""
    database.execute("CREATE TABLE legacy (id INTEGER)")
    one.models += TASK
    done = one.ok("migrate")
    text = one.files[0].read_text()
    assert "legacy" not in text
    assert "op.create_table('task'" in text
    assert "not ours: legacy" in done.stderr
    one.files[0].unlink()
    one.config["ALEMBIC_DROP_UNKNOWN_TABLES"] = True
    one.ok("migrate")
    assert "op.drop_table('legacy')" in one.files[0].read_text()

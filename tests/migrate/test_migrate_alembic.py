"""The ``alembic`` program on the same folder: it sees what the commands see."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted
from support.application import Result
from support.servers import Database


def alembic(project: Scripted, *arguments: str) -> Result:
    """Run the ``alembic`` program in the application's folder."""
    program = ["-m", "alembic", "-c", "migrations/alembic.ini"]
    return project.run(*arguments, program=program)


@pytest.mark.one_database
def test_same_answers(own: Scripted) -> None:
    own.tables("a", "b")
    own.revision("x", None, labels="billing", folder=own.migrations / "billing")
    own.ok("upgrade", "a")
    for command in ("heads", "history", "current", "branches"):
        theirs = alembic(own, command)
        assert theirs.exit_code == 0, theirs.stderr
        assert own.ok(command).stdout == theirs.stdout


def test_each_goes_on_from_the_other(own: Scripted, database: Database) -> None:
    made = alembic(
        own, "revision", "--autogenerate", "--version-path", str(own.versions)
    )
    assert made.exit_code == 0, made.stderr
    own.ok("upgrade")
    assert database.versions("own_version") == {"0001"}
    own.ok("revision", "-m", "ours")
    done = alembic(own, "upgrade", "head")
    assert done.exit_code == 0, done.stderr
    assert own.ok("current").stdout == "0002 (head)\n"
    assert alembic(own, "check").exit_code == 0
    done = alembic(own, "downgrade", "-1")
    assert done.exit_code == 0, done.stderr
    assert database.versions("own_version") == {"0001"}


@pytest.mark.one_database
@pytest.mark.parametrize("arguments", [[], ["--multidb"]], ids=str)
def test_folder_of_today(
    project: Scripted, database: Database, arguments: list[str]
) -> None:
    """What ``flask db init`` makes now is read by the program, too."""
    if arguments:
        project.bind("log", database.sibling().url)
    project.ok("init", *arguments)
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    for command in ("heads", "history"):
        theirs = alembic(project, command)
        assert theirs.exit_code == 0, theirs.stderr
        assert theirs.stdout == project.ok(command).stdout != ""
    # Without an application it can't know the database, and says so or finds one.
    theirs = alembic(project, "current")
    if theirs.exit_code:
        assert "application" in theirs.stderr
    else:
        assert theirs.stdout == project.ok("current").stdout


@pytest.mark.one_database
def test_alembics_own_folder(project: Scripted, database: Database) -> None:
    """Made by ``alembic init``: the commands work on it, with its own env.py."""
    made = project.run("init", "migrations", program=["-m", "alembic"])
    assert made.exit_code == 0, made.stderr
    (project.root / "alembic.ini").rename(project.ini)
    project.edit(project.ini, "%(here)s/migrations", "%(here)s")
    text = project.ini.read_text().splitlines()
    address = database.url.replace("%", "%%")
    lines = [
        f"sqlalchemy.url = {address}" if x.startswith("sqlalchemy.url") else x
        for x in text
    ]
    project.ini.write_text("\n".join([*lines, ""]))
    project.tables("a")
    project.ok("upgrade")
    assert database.versions() == {"a"}
    theirs = alembic(project, "current")
    assert theirs.stdout == project.ok("current").stdout == "a (head)\n"

"""The life of an application with binds and a folder of 4.1 for them."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted
from support.servers import Database


def test_whole_life(binds: Scripted, database: Database, other: Database) -> None:
    binds.ok("migrate", "-m", "first", "--rev-id", "a")
    text = binds.files[0].read_text()
    for function in ("upgrade_", "upgrade_log", "downgrade_", "downgrade_log"):
        assert f"\ndef {function}():\n" in text

    binds.ok("upgrade")
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})
    assert database.versions() == other.versions() == {"a"}
    assert binds.ok("current").stdout == "a (head)\na (head)\n"
    assert binds.ok("check").stdout == "No new upgrade operations detected.\n"
    done = binds.ok("migrate")
    assert "No changes in schema detected." in done.stderr

    binds.models = binds.models.replace(
        "name = sa.Column(sa.String(50), nullable=False)\n",
        "name = sa.Column(sa.String(50), nullable=False)\n"
        "    email = sa.Column(sa.String(80))\n",
    )
    assert "New upgrade operations detected" in binds.refused("check")
    binds.ok("migrate", "--rev-id", "b")
    binds.ok("upgrade")
    assert database.columns("person") == {"id", "name", "email"}
    assert database.versions() == other.versions() == {"b"}

    binds.ok("downgrade", "base")
    assert database.tables() == other.tables() == set()
    binds.ok("stamp", "a")
    assert database.versions() == other.versions() == {"a"}
    binds.ok("stamp", "--purge", "b")
    assert database.versions() == other.versions() == {"b"}


def test_branches_and_merge(
    binds: Scripted, database: Database, other: Database
) -> None:
    binds.bind_revision("a")
    binds.bind_revision("b", "a")
    binds.bind_revision("c", "a")
    said = binds.refused("upgrade")
    assert "heads" in said
    assert "b, c" in said
    binds.ok("upgrade", "heads")
    assert database.versions() == other.versions() == {"b", "c"}
    binds.ok("merge", "--rev-id", "d", "heads")
    binds.ok("upgrade")
    assert database.versions() == other.versions() == {"d"}


def test_engine_name(binds: Scripted, database: Database, other: Database) -> None:
    """A hand-written ``upgrade(engine_name)`` gets what env.py gives."""
    up = 'op.create_table(f"t_{engine_name}", sa.Column("id", sa.Integer))'
    binds.revision("a", None, up, arguments="engine_name")
    binds.ok("upgrade")
    assert (database.tables(), other.tables()) == ({"t_"}, {"t_log"})


def test_sql_files(binds: Scripted, database: Database, other: Database) -> None:
    """env.py writes a file for each bind; nothing reaches a database or stdout."""
    binds.bind_revision(
        "a",
        upgrade_='op.create_table("one", sa.Column("id", sa.Integer))',
        upgrade_log='op.create_table("two", sa.Column("id", sa.Integer))',
    )
    done = binds.ok("upgrade", "--sql")
    assert "CREATE" not in done.stdout
    log = (binds.root / "log.sql").read_text()
    assert "CREATE TABLE two" in log
    assert "CREATE TABLE one" not in log
    assert "INSERT INTO alembic_version" in log
    # The environment of 4.1 gives the default database's file no name at all.
    default = (binds.root / ".sql").read_text()
    assert "CREATE TABLE one" in default
    assert database.all_tables() == other.all_tables() == set()


def test_bind_added_later(binds: Scripted, database: Database, other: Database) -> None:
    """Older revisions have nothing for it, and its first one is its own."""
    binds.ok("migrate", "--rev-id", "a")
    binds.ok("upgrade")
    third = database.sibling()
    binds.bind("my_audit", third.url)
    binds.ok("upgrade")
    assert third.versions() == {"a"}
    assert third.tables() == set()
    binds.ok("migrate", "--rev-id", "b")
    binds.ok("upgrade")
    assert third.tables() == {"my_audit"}
    assert third.versions() == database.versions() == other.versions() == {"b"}
    # Back to where it wasn't there.
    binds.ok("downgrade", "base")
    assert third.tables() == set()


@pytest.mark.one_database
def test_only_the_missing_function_is_excused(binds: Scripted) -> None:
    """A KeyError of the revision's own is an error."""
    up = '{}["upgrade_nothing"]'
    binds.bind_revision("a", upgrade_log=up)
    assert "upgrade_nothing" in binds.fails("upgrade")


@pytest.mark.needs("transactional_ddl")
def test_failure_in_one_leaves_nothing_in_any(
    binds: Scripted, database: Database, other: Database
) -> None:
    binds.bind_revision(
        "a", upgrade_='op.create_table("kept", sa.Column("id", sa.Integer))'
    )
    binds.ok("upgrade")
    binds.bind_revision(
        "b",
        "a",
        upgrade_='op.create_table("one", sa.Column("id", sa.Integer))',
        upgrade_log='op.execute("SELECT 1 FROM nowhere")',
    )
    assert "nowhere" in binds.fails("upgrade")
    assert (database.tables(), other.tables()) == ({"kept"}, set())
    assert database.versions() == other.versions() == {"a"}
    # The next attempt isn't in the way of anything that was left.
    binds.edit(binds.files[1], "SELECT 1 FROM nowhere", "SELECT 1")
    binds.ok("upgrade")
    assert database.tables() == {"kept", "one"}
    assert database.versions() == other.versions() == {"b"}


# A database's own transaction under an environment that opens it


@pytest.mark.one_database
def test_transaction_per_migration_is_said_to_have_no_effect(
    binds: Scripted, database: Database
) -> None:
    binds.setup = "migrate = Migrate(app, db, transaction_per_migration=True)"
    binds.bind_revision("a")
    done = binds.run("upgrade")
    assert done.exit_code == 0, done.stderr
    said = [x for x in done.stderr.splitlines() if "transaction_per_migration" in x]
    assert 1 <= len(said) <= 2, done.stderr


@pytest.mark.needs("transactional_ddl")
def test_autocommit_block_is_one_clear_line(
    binds: Scripted, database: Database, other: Database
) -> None:
    """Alembic's own block dies on an assertion there."""
    binds.bind_revision(
        "a",
        upgrade_='op.create_table("one", sa.Column("id", sa.Integer))',
        upgrade_log="with op.get_context().autocommit_block():\n        pass",
    )
    done = binds.run("upgrade")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    said = [x for x in done.stderr.splitlines() if "autocommit_block" in x]
    assert len(said) == 1, done.stderr
    assert "env.py" in said[0]
    assert database.tables() == other.tables() == set()


@pytest.mark.needs("server", "transactional_ddl")
def test_two_phase_commit(binds: Scripted, database: Database, other: Database) -> None:
    """Where the server has prepared transactions; otherwise its refusal is whole."""
    ((allowed,),) = database.rows("SHOW max_prepared_transactions")
    binds.edit(binds.env, "USE_TWOPHASE = False", "USE_TWOPHASE = True")
    binds.bind_revision(
        "a", upgrade_='op.create_table("one", sa.Column("id", sa.Integer))'
    )
    if allowed == "0":
        binds.fails("upgrade")
        assert database.tables() == set()
    else:
        binds.ok("upgrade")
        assert database.tables() == {"one"}
        assert database.versions() == other.versions() == {"a"}


# Binds and the wrong folder


def test_binds_without_multidb_are_named(
    one: Scripted, database: Database, other: Database
) -> None:
    one.config["SQLALCHEMY_DATABASE_URI"] = database.url
    one.bind("log", other.url)
    one.bind("audit", other.url)
    for command in ("migrate", "upgrade"):
        done = one.ok(command)
        said = [x for x in done.stderr.splitlines() if "log" in x and "audit" in x]
        assert len(said) == 1, (command, done.stderr)
        assert "--multidb" in said[0]
        assert str(other.url) not in done.stderr
    assert database.tables() == {"person"}
    assert other.tables() == set()


@pytest.mark.one_database
def test_one_database_needs_no_warning(one: Scripted) -> None:
    assert "multidb" not in one.ok("migrate").stderr


@pytest.mark.one_database
def test_binds_with_multidb_need_no_warning(binds: Scripted) -> None:
    assert "multidb" not in binds.ok("migrate").stderr


def test_name_that_is_no_identifier(
    project: Scripted, database: Database, other: Database
) -> None:
    """With the template of today."""
    project.bind("my-auth", other.url)
    project.ok("init", "--multidb")
    project.ok("migrate", "--rev-id", "a")
    compile(project.files[0].read_text(), "revision", "exec")
    project.ok("upgrade")
    assert (database.tables(), other.tables()) == ({"person"}, {"my_auth"})
    assert project.ok("check").stdout == "No new upgrade operations detected.\n"
    project.ok("downgrade")
    assert database.tables() == other.tables() == set()


def test_name_that_is_no_identifier_in_a_folder_of_4_1(
    project: Scripted, database: Database, other: Database
) -> None:
    """Its template would write a file that isn't Python: none is left."""
    project.bind("my-auth", other.url)
    project.folder("binds")
    done = project.invoke("migrate", "--rev-id", "a")
    if done.exit_code == 0:
        project.ok("upgrade")
        assert (database.tables(), other.tables()) == ({"person"}, {"my_auth"})
    else:
        assert project.files == []
        assert "Traceback" not in done.stderr
    # Later commands aren't blocked.
    project.ok("heads")

"""An env.py and an ini that an application has made its own: they run as they are."""

from __future__ import annotations

import typing as t

import pytest
from migrate.scripted import Scripted
from support.servers import Database

import flask_migrate

VERSIONS = ["--version-path", "migrations/versions"]
"""With several locations Alembic wants to know where the first one goes."""


def seen(project: Scripted, *arguments: str) -> list[t.Any]:
    """Run a command; what env.py wrote down about it."""
    module = project.load()
    with project.closing(module) as app:
        done = app.test_cli_runner().invoke(args=["db", *arguments])
    assert done.exit_code == 0, done.output
    return t.cast("list[t.Any]", app.config.get("SEEN", []))


def test_whole_life(own: Scripted, database: Database) -> None:
    """Its own engine, version table, filter, numbers, file names and hook."""
    database.execute("CREATE TABLE legacy_orders (id INTEGER)")
    own.ok("migrate", "-m", "People who are here", *VERSIONS)
    (first,) = own.files
    assert first.name == "0001-people_who_.py"
    text = first.read_text()
    assert text.endswith("# signed by the application\n")
    assert "# own template" in text
    assert "legacy_orders" not in text
    assert "+00:00" in text

    own.ok("upgrade")
    assert database.versions("own_version") == {"0001"}
    assert database.all_tables() == {"own_version", "person", "legacy_orders"}
    assert own.ok("current").stdout == "0001 (head)\n"
    assert own.ok("check").stdout == "No new upgrade operations detected.\n"
    own.ok("migrate", "-m", "nothing")
    assert own.files == [first]

    own.ok("downgrade", "base")
    assert database.all_tables() == {"own_version", "legacy_orders"}
    own.ok("stamp", "head")
    assert database.versions("own_version") == {"0001"}


def test_check_uses_its_filter_and_directives(
    own: Scripted, database: Database
) -> None:
    own.config["ALEMBIC_DROP_UNKNOWN_TABLES"] = True
    own.ok("migrate", *VERSIONS)
    own.ok("upgrade")
    database.execute("CREATE TABLE legacy_later (id INTEGER)")
    assert own.ok("check").stdout == "No new upgrade operations detected.\n"
    database.execute("CREATE TABLE later (id INTEGER)")
    assert "New upgrade operations detected" in own.refused("check")


def test_empty_revision_runs_the_environment(own: Scripted) -> None:
    """``revision_environment``: numbers come from the directives here too."""
    own.ok("revision", "-m", "by hand", *VERSIONS)
    own.ok("revision", "-m", "again")
    assert [f.name for f in own.files] == ["0001-by_hand.py", "0002-again.py"]
    assert own.files[1].read_text().endswith("# signed by the application\n")


@pytest.mark.one_database
def test_merge_runs_the_hooks(own: Scripted) -> None:
    own.revision("a")
    own.revision("b", "a")
    own.revision("c", "a")
    own.ok("merge", "-m", "both", "--rev-id", "d", "heads")
    (made,) = own.versions.glob("d-*.py")
    assert made.read_text().endswith("# signed by the application\n")


def test_branches_in_folders_of_their_own(own: Scripted, database: Database) -> None:
    """Labels, several version locations, dependencies, and both lines at once."""
    billing = own.migrations / "billing"
    own.tables("a")
    arguments = ["--head", "base", "--branch-label", "billing"]
    own.ok("revision", "-m", "bills", *arguments, "--version-path", str(billing))
    (bills,) = billing.glob("*.py")
    assert bills.name == "0002-bills.py"
    heads = own.ok("heads").stdout.splitlines()
    assert sorted(heads) == ["0002 (billing) (head)", "a (head)"]
    own.ok("revision", "-m", "more", "--head", "billing@head")
    assert len(list(billing.glob("*.py"))) == 2

    own.ok("upgrade", "billing@head")
    assert database.versions("own_version") == {"0003"}
    own.ok("upgrade", "heads")
    assert database.versions("own_version") == {"0003", "a"}
    own.ok("downgrade", "billing@base")
    assert database.versions("own_version") == {"a"}
    own.ok("merge", "-m", "one", "heads", "--rev-id", "together")
    own.ok("upgrade")
    assert database.versions("own_version") == {"together"}


def test_depends_on(own: Scripted, database: Database) -> None:
    billing = own.migrations / "billing"
    own.tables("a", "b")
    own.revision("x", None, labels="billing", depends="a", folder=billing)
    own.ok("upgrade", "billing@head")
    assert database.tables() - {"own_version"} == {"t_a"}
    heads = own.ok("heads").stdout.splitlines()
    assert sorted(heads) == ["b (head)", "x (billing) (head)"]
    own.ok("upgrade", "heads")
    assert database.versions("own_version") == {"b", "x"}


@pytest.mark.needs("transactional_ddl")
def test_its_transaction_per_migration(own: Scripted, database: Database) -> None:
    """What is finished stays."""
    own.tables("a")
    own.revision("b", "a", 'raise ZeroDivisionError("on purpose")')
    assert "on purpose" in own.fails("upgrade")
    assert database.versions("own_version") == {"a"}
    assert "t_a" in database.tables()


def test_sql(own: Scripted, database: Database) -> None:
    own.tables("a")
    script = own.ok("upgrade", "--sql").stdout
    assert "CREATE TABLE t_a" in script
    assert "INSERT INTO own_version" in script
    assert database.all_tables() == set()


X = {"tenant": "one", "flag": ""}


@pytest.mark.one_database
@pytest.mark.parametrize(
    "arguments",
    [
        ["-x", "tenant=one", "-x", "flag", "current"],
        ["-x", "tenant=one", "-x", "flag", "upgrade"],
        ["upgrade", "-x", "tenant=one", "-x", "flag"],
        ["upgrade", "--x-arg", "tenant=one", "--x-arg", "flag"],
        ["-x", "tenant=one", "-x", "flag", "migrate"],
        ["downgrade", "-x", "tenant=one", "-x", "flag", "--sql", "a:base"],
        ["-x", "tenant=one", "-x", "flag", "stamp"],
        ["-x", "tenant=one", "-x", "flag", "check"],
    ],
    ids=" ".join,
)
def test_x_arguments(own: Scripted, arguments: list[str]) -> None:
    own.models = ""
    own.tables("a")
    if "check" in arguments or "migrate" in arguments:
        (own.versions / "a_table_a.py").unlink()
    if "migrate" in arguments:
        arguments = [*arguments, *VERSIONS]
    looks = seen(own, *arguments)
    assert looks
    assert all(look["x"] == X for look in looks)


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp"])
def test_tag(own: Scripted, command: str) -> None:
    own.tables("a")
    own.ok("upgrade")
    target = {"downgrade": "base"}.get(command, "head")
    (look, *_) = seen(own, command, "--tag", "release 7", target)
    assert look["tag"] == "release 7"


@pytest.mark.one_database
def test_sections_of_its_ini(own: Scripted) -> None:
    looks = seen(own, "current")
    assert looks[0]["motto"] == "100%"
    assert not looks[0]["offline"]


@pytest.mark.one_database
def test_offline_mode(own: Scripted) -> None:
    own.tables("a")
    assert seen(own, "upgrade", "--sql")[0]["offline"]


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["heads", "history", "branches", "show"])
def test_files_are_read_without_the_environment(one: Scripted, command: str) -> None:
    """As in 4.1: no database is asked for what only the files know."""
    one.tables("a")
    one.env.write_text("raise AssertionError('env.py was run')\n")
    one.ok(command)


@pytest.mark.one_database
def test_history_with_its_version_table(own: Scripted) -> None:
    own.tables("a", "b")
    own.ok("upgrade", "a")
    assert own.ok("history", "-i").stdout == (
        "a -> b (head), table b\n<base> -> a (current), table a\n"
    )


@pytest.mark.one_database
def test_errors_of_the_environment_are_whole(own: Scripted) -> None:
    own.env.write_text("def f():\n    return {}['nothing']\n\nf()\n")
    own.tables("a")
    with own.app(), pytest.raises(KeyError, match="nothing") as caught:
        flask_migrate.upgrade()
    assert caught.traceback[-1].path == own.env
    assert caught.traceback[-1].lineno == 1


@pytest.mark.one_database
def test_refusal_of_the_environment(own: Scripted) -> None:
    own.env.write_text("raise RuntimeError('not on this machine')\n")
    own.tables("a")
    assert own.refused("upgrade") == "not on this machine"


@pytest.mark.one_database
def test_options_of_configure_get_their_effect(own: Scripted) -> None:
    """env.py may hand any option of Alembic's to ``configure()``."""
    own.edit(
        own.env,
        "            transaction_per_migration=True,\n",
        "            transaction_per_migration=True,\n"
        "            on_version_apply=note,\n",
    )
    own.edit(
        own.env,
        "def include_object(",
        "def note(*, ctx, step, heads, run_args, **_):\n"
        "    current_app.config['SEEN'].append((step.up_revision_id, sorted(heads)))\n"
        "\n\n"
        "def include_object(",
    )
    own.tables("a", "b")
    looks = seen(own, "upgrade")
    assert [look for look in looks if isinstance(look, tuple)] == [
        ("a", ["a"]),
        ("b", ["b"]),
    ]


@pytest.mark.one_database
def test_arguments_of_run_migrations(own: Scripted, database: Database) -> None:
    text = own.env.read_text()
    own.env.write_text(text.replace("run_migrations()\n", "run_migrations(n=3)\n"))
    own.revision("a", None, 'op.create_table(f"t_{n}")', arguments="n")
    # The functions of this module got their arguments too, which they don't take.
    own.env.write_text(
        own.env.read_text()
        .replace("run_migrations_online(n=3)", "run_migrations_online()")
        .replace("run_migrations_offline(n=3)", "run_migrations_offline()")
    )
    own.edit(own.files[0], 'f"t_{n}")', 'f"t_{n}", sa.Column("id", sa.Integer))')
    own.edit(own.files[0], "def downgrade(n)", "def downgrade()")
    own.ok("upgrade")
    assert "t_3" in database.tables()

"""What importing and registering cost: an application that only serves pays nothing."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted

pytestmark = pytest.mark.one_database

LOADED = """
import sys
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"alembic", "mako", "rich", "pygments"}))
"""

SERVE = """
from app import app
app.add_url_rule("/", "index", lambda: "hello")
assert app.test_client().get("/").data == b"hello"
with app.app_context():
    app.extensions["migrate"].directory
    app.extensions["migrate"].configure_args
"""

GROUP = """
from app import app
assert app.test_cli_runner().invoke(args=["--help"]).exit_code == 0
assert app.test_cli_runner().invoke(args=["db", "--help"]).exit_code == 0
"""


@pytest.mark.parametrize(
    "text",
    [
        "import flask_migrate",
        "from flask_migrate import Migrate, upgrade, migrate, init, MigrateError",
        "from app import app",
        SERVE,
        GROUP,
    ],
    ids=["package", "names", "application", "request", "help"],
)
def test_nothing_is_loaded(one: Scripted, text: str) -> None:
    done = one.python(f"{text}\n{LOADED}".replace("    import sys", "import sys"))
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("--help", set()),
        ("heads --help", {"looking"}),
        ("status --help", {"inspecting"}),
    ],
)
def test_a_command_loads_its_own_file(
    one: Scripted, command: str, files: set[str]
) -> None:
    """Of the commands of both packages; the list of all loads none."""
    done = one.python(f"""
        import sys
        from app import app
        done = app.test_cli_runner().invoke(args=["db", *{command.split()!r}])
        assert done.exit_code == 0, done.output
        print(*(n.rpartition(".")[2] for n in sys.modules if ".cli." in n))
    """)
    have_commands = {
        "looking",
        "running",
        "writing",
        "inspecting",
        "changing",
        "upkeep",
    }
    assert set(done.stdout.split()) & have_commands == files, done.stderr


OWN = """
import sys
from app import app
with app.app_context():
    import flask_migrate
    flask_migrate.upgrade()
print(*(name for name in sys.modules if name.startswith("flask_alembic.")))
"""

RUNNING = {
    *("bridge", "calling", "commands", "configured", "context", "databases", "entry"),
    *("environments", "folder", "headers", "heads", "history", "live", "order"),
    *("readings", "revisions", "running", "runs", "scripted", "scripted_logging"),
    *("state", "steps", "targets", "version_rows", "watch", "rebuilds", "deploys"),
    *("rebuilds.operations", "snapshots", "snapshots.files", "snapshots.step"),
    *("snapshots.use", "deploys.checksum", "deploys.limits", "deploys.locks"),
    *("deploys.retries", "deploys.watchers"),
}
SYSTEM = {
    *("base", "journal", "locks", "repeats", "returning", "timeouts", "sqlite"),
    *("sqlite.references", "sqlite.support", "sqlite.waits"),
    *("isolation", "postgresql", "postgresql.support", "postgresql.waits"),
    *("mysql", "mysql.support", "mysql.waits", "mysql.journal", "mysql.inverse"),
}


def test_an_upgrade_at_head_loads_what_it_needs(one: Scripted) -> None:
    """Nothing of drafts, dry runs, records, offline SQL and rebuilds."""
    one.tables("a", "b")
    one.ok("upgrade")
    done = one.python(OWN)
    assert done.exit_code == 0, done.stderr
    loaded = {name.partition(".")[2] for name in done.stdout.split()}
    rooms = {name for name in loaded if name.startswith(("migrator.", "dialects."))}
    allowed = {f"migrator.{name}" for name in RUNNING}
    allowed |= {f"dialects.{name}" for name in SYSTEM}
    assert rooms <= allowed, sorted(rooms - allowed)
    assert "migrator.scripted" in rooms


def test_nothing_is_made(project: Scripted) -> None:
    """Unlike the other extension, this one's folder is made by ``init``."""
    with project.app():
        assert not project.migrations.exists()


@pytest.mark.parametrize("name", ["Config", "alembic_version"])
def test_heavy_names(one: Scripted, name: str) -> None:
    done = one.python(f"import flask_migrate; print(flask_migrate.{name})")
    assert done.exit_code == 0, done.stderr
    done = one.python(f"from flask_migrate import {name}; print({name})")
    assert done.exit_code == 0, done.stderr


def test_unknown_names() -> None:
    import flask_migrate

    with pytest.raises(AttributeError, match="nothing"):
        _ = flask_migrate.nothing


def test_exported_names() -> None:
    import flask_migrate

    for name in flask_migrate.__all__:
        assert getattr(flask_migrate, name) is not None
    assert {"Migrate", "Config", "MigrateError"} <= set(flask_migrate.__all__)

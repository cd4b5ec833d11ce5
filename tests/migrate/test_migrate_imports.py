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

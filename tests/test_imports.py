"""What importing and starting cost: an application that only serves pays nothing."""

from __future__ import annotations

import pytest
from support.application import Project
from support.application import Result
from support.servers import Database

pytestmark = pytest.mark.one_database

HEAVY = ("alembic", "mako", "rich", "pygments")

LOADED = f"""
import sys
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(loaded & {set(HEAVY)!r}))
"""

SERVE = """
from app import app
app.add_url_rule("/", "index", lambda: "hello")
assert app.test_client().get("/").data == b"hello"
"""

# Fails as soon as one of them is imported, in whatever way.
FORBID = """
import sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {heavy!r}:
            raise AssertionError("imported " + name)

sys.meta_path.insert(0, Forbid())
sys.argv = ["flask", "--app", "app", {arguments}]
from flask.cli import main
main()
"""


def without(project: Project, heavy: tuple[str, ...], *arguments: str) -> Result:
    """Run ``flask …`` in a process where some packages can't be imported."""
    listed = ", ".join(repr(argument) for argument in arguments)
    project.write()
    (project.root / "forbid.py").write_text(
        FORBID.format(heavy=heavy, arguments=listed)
    )
    return project.run(program=["forbid.py"], anew=True)


def test_import(project: Project) -> None:
    done = project.python("import flask_alembic\n" + LOADED)
    assert done.stdout == "[]\n", done.stderr


def test_import_of_the_command_group(project: Project) -> None:
    done = project.python("from flask_alembic.cli import cli\n" + LOADED)
    assert done.stdout == "[]\n", done.stderr


def test_init_app(project: Project) -> None:
    done = project.python("import app\n" + LOADED)
    assert done.stdout == "[]\n", done.stderr
    assert (project.migrations / "script.py.mako").is_file()


def test_init_app_touches_the_disk_only_for_mkdir(project: Project) -> None:
    project.setup = "alembic = Alembic(app, run_mkdir=False)"
    before = {path.name for path in project.root.iterdir()}
    text = """
    import sys
    from app import Alembic, Flask
    opened = []
    sys.addaudithook(
        lambda event, args: opened.append((event, args[0]))
        if event in {"open", "os.mkdir", "os.listdir", "os.scandir"}
        else None
    )
    Alembic(Flask("other", root_path="."), run_mkdir=False)
    print([name for _, name in opened if not str(name).endswith((".py", ".pyc"))])
    """
    done = project.python(text)
    assert done.stdout == "[]\n", done.stderr
    after = {path.name for path in project.root.iterdir()}
    assert after - before <= {"app.py", "instance"}


def test_requests_are_served_without_it(project: Project) -> None:
    text = SERVE + LOADED
    done = project.python(text)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["routes"], ["db", "--help"]])
def test_flask_help(project: Project, arguments: list[str]) -> None:
    done = without(project, HEAVY, *arguments)
    assert done.exit_code == 0, done.stderr
    if arguments == ["--help"]:
        assert "\n  db " in done.stdout


@pytest.mark.parametrize("name", ["Alembic", "__version__"])
def test_public_names(project: Project, name: str) -> None:
    done = project.python(f"import flask_alembic; print(flask_alembic.{name})")
    assert done.exit_code == 0, done.stderr


# A long history

COUNT = 5000

RAISING = '''"""number {n}

Revision ID: r{n}
"""
raise AssertionError("executed")
revision = "r{n}"
down_revision = {down}
branch_labels = None
depends_on = None
'''


def test_long_history_is_answered_from_the_index(
    project: Project, database: Database
) -> None:
    """No module of 5,000 is executed, and Alembic isn't imported."""
    project.migrations.mkdir()
    for n in range(COUNT):
        down = repr(f"r{n - 1}") if n else None
        text = RAISING.format(n=n, down=down)
        (project.migrations / f"r{n}_number.py").write_text(text)
    database.execute(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO alembic_version VALUES ('r{COUNT - 1}')",
    )
    line = f"r{COUNT - 2} -> r{COUNT - 1} (head), number {COUNT - 1}\n"
    expected = {"current": line, "heads": line, "upgrade": ""}
    for command, text in expected.items():
        done = without(project, ("alembic", "mako"), "db", command)
        assert (done.exit_code, done.stdout) == (0, text), done.stderr
    assert database.versions() == {f"r{COUNT - 1}"}

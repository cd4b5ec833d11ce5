"""What importing and starting cost: an application that only serves pays nothing."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted
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
    return project.run(program=["forbid.py"], bare=True)


def test_nothing_is_imported_beforehand(project: Project) -> None:
    """The processes of these tests begin with neither ours nor what it loads later."""
    own = LOADED.replace(
        repr(set(HEAVY)), repr({*HEAVY, "flask_alembic", "flask_migrate"})
    )
    assert "flask_migrate" in own
    done = project.python(own + "print('flask_sqlalchemy' in sys.modules)")
    assert done.stdout == "[]\nTrue\n", done.stderr


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


def test_the_list_of_commands_loads_none(project: Project) -> None:
    done = without(
        project, ("flask_alembic.cli.options", "flask_alembic.cli.render"), "db"
    )
    assert "\n  upgrade " in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["Alembic", "__version__"])
def test_public_names(project: Project, name: str) -> None:
    done = project.python(f"import flask_alembic; print(flask_alembic.{name})")
    assert done.exit_code == 0, done.stderr


def test_names_are_imported_one_by_one(project: Project) -> None:
    """Each of the results is found in its file, and an unknown name is an error."""
    text = """
    import sys
    import flask_alembic
    assert not any(name.startswith("flask_alembic.results") for name in sys.modules)
    flask_alembic.Database
    assert "flask_alembic.results.drafts" not in sys.modules
    for name in flask_alembic.__all__:
        assert getattr(flask_alembic, name).__name__ == name
    from flask_alembic import results
    for name in results._HOMES:
        getattr(results, name)
    try:
        results.Missing
    except AttributeError as e:
        print(e)
    """
    done = project.python(text)
    assert done.stdout == "module 'flask_alembic.results' has no attribute 'Missing'\n"
    assert done.stderr == ""


OWN = """
import sys
try:
    sys.argv = ["flask", "--app", "app", {arguments}]
    from flask.cli import main
    main()
finally:
    own = [name for name in sys.modules if name.startswith("flask_alembic.")]
    print(*sorted(own), file=sys.stderr)
"""

START = {
    *("constructor", "errors", "extension", "per_context", "settings", "signatures"),
    *("migrator", "migrator.folder", "web", "web.pending", "cli"),
}
SHOWING = {f"cli.{name}" for name in ("commands", "highlighting", "invocation")}
SHOWING |= {"cli.options", "cli.render", "cli.formats"}
FOUND = {"results", "results.data", "results.reports"}
CORE = {
    *("commands", "databases", "entry", "environments", "headers", "heads"),
    *("history", "live", "readings", "runs", "state", "targets", "watch"),
}
AT_HEAD = START | SHOWING | FOUND | {f"migrator.{name}" for name in CORE} | {"signals"}

LISTING = {"cli.inspecting", "results.revisions"}
RUN = {"cli.asking", "cli.changing", "cli.progress"}

LOADED_FOR = {
    "--help": START,
    "db upgrade": AT_HEAD | RUN | {"results.databases", "results.runs"},
    "db current": AT_HEAD | LISTING | {"results.databases", "results.statuses"},
    "db heads": AT_HEAD | LISTING,
    "db history": AT_HEAD | LISTING | {"migrator.order"},
}


@pytest.mark.parametrize("command", LOADED_FOR)
def test_commands_load_what_they_need(project: Project, command: str) -> None:
    """At head: no dialect, no other command's file, no result that isn't used."""
    project.tables("a", "b")
    assert project.run("upgrade").exit_code == 0
    arguments = ", ".join(repr(word) for word in command.split())
    (project.root / "own.py").write_text(OWN.format(arguments=arguments))
    done = project.run(program=["own.py"], bare=True)
    loaded = {name.partition(".")[2] for name in done.stderr.split()}
    assert loaded <= LOADED_FOR[command], sorted(loaded - LOADED_FOR[command])
    assert "extension" in loaded


# With an env.py

SCRIPTED = """
import sys
try:
    sys.argv = ["flask", "--app", "app", "db", "upgrade"]
    from flask.cli import main
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
    from mako import exceptions
    print(exceptions.text_error_template().render(), file=sys.stderr)
    import mako.ext.pygmentplugin
"""

ONLY_RUNNING = {
    *(f"migrator.snapshots.{name}" for name in ("files", "use", "making")),
    *("migrator.deploys.checksum", "migrator.steps", "dialects.journal"),
    *("results.steps", "results.records", "results.revisions"),
    *("results.events", "results.statuses", "migrator.order"),
    *("dialects.sqlite.references", "dialects.sqlite.schema"),
    *(f"cli.{name}" for name in ("deciding", "failures", "formats", "invocation")),
    *(f"cli.{name}" for name in ("plans", "progress", "recording", "render")),
}
OTHER_COMMANDS = {"drafting", "making", "cli.folders", "cli.looking", "cli.writing"}


def test_env_py_loads_what_it_needs(scripted: Scripted) -> None:
    """At head: nothing that steps need, and no Pygments, which only Mako would use."""
    assert scripted.run("upgrade").exit_code == 0
    (scripted.root / "own.py").write_text(SCRIPTED)
    done = scripted.run(program=["own.py"], bare=True)
    assert done.exit_code == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "alembic" in loaded
    assert "mako.exceptions" in loaded
    assert not {name for name in loaded if name.startswith("pygments")}
    own = {n.partition(".")[2] for n in loaded if n.startswith("flask_alembic.")}
    assert not own & ONLY_RUNNING
    interface = {n.partition(".")[2] for n in loaded if n.startswith("flask_migrate.")}
    assert "cli.running" in interface
    assert not interface & OTHER_COMMANDS


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
    earlier = [f"r{n - 1} -> r{n}, number {n}\n" for n in range(COUNT - 2, 0, -1)]
    whole = "".join([line, *earlier, "<base> -> r0, number 0\n"])
    expected = {"current": line, "heads": line, "upgrade": "", "history": whole}
    for command, text in expected.items():
        done = without(project, ("alembic", "mako"), "db", command)
        assert (done.exit_code, done.stdout) == (0, text), done.stderr
    assert database.versions() == {f"r{COUNT - 1}"}

"""``init``: the built-in templates, templates of one's own, and folders without any."""

from __future__ import annotations

import compileall
import shutil
from pathlib import Path

import pytest
from migrate.applications import lite
from migrate.scripted import FOLDERS
from migrate.scripted import Scripted
from support.application import PERSON_WITH_EMAIL
from support.clients import apply_script
from support.clients import client
from support.servers import Database

import flask_migrate

NAMES = ["aioflask", "aioflask-multidb", "flask", "flask-multidb"]


@pytest.fixture
def fresh(project: Scripted) -> Scripted:
    """The application with a folder of today for one database."""
    project.ok("init")
    return project


@pytest.fixture
def several(project: Scripted, other: Database) -> Scripted:
    """The application with the bind "log" and a folder of today."""
    project.bind("log", other.url)
    project.ok("init", "--multidb")
    return project


@pytest.mark.one_database
@pytest.mark.parametrize("name", NAMES)
def test_files(project: Scripted, name: str) -> None:
    project.ok("init", "-t", name)
    made = {path.name for path in project.migrations.iterdir()}
    assert made - {"__pycache__"} == {
        *("README", "alembic.ini", "env.py", "script.py.mako", "versions")
    }
    compile(project.env.read_text(), str(project.env), "exec")
    assert "file_template" in project.ini.read_text()


@pytest.mark.one_database
@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_package(name: str) -> None:
    """Scripts copy templates from there."""
    folder = Path(flask_migrate.Config().get_template_directory()) / name
    for file in ("README", "alembic.ini.mako", "env.py", "script.py.mako"):
        assert (folder / file).is_file()
    assert "# file_template" in (folder / "alembic.ini.mako").read_text()
    assert (folder / "README").read_text().splitlines()[0].strip()


@pytest.mark.one_database
def test_init_of_a_folder_that_is_there(fresh: Scripted) -> None:
    before = fresh.env.read_text()
    assert "migrations" in fresh.refused("init")
    assert fresh.env.read_text() == before


@pytest.mark.one_database
def test_package(project: Scripted) -> None:
    project.ok("init", "--package")
    assert (project.migrations / "__init__.py").is_file()
    assert (project.versions / "__init__.py").is_file()
    assert compileall.compile_dir(project.migrations, quiet=1)
    project.ok("migrate")
    project.ok("upgrade")


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["./ours", "{root}/ours", "templates/ours"])
def test_template_by_path(project: Scripted, path: str) -> None:
    path = path.format(root=project.root)
    shutil.copytree(FOLDERS / "one", project.root / path)
    (project.root / path / "alembic.ini").rename(
        project.root / path / "alembic.ini.mako"
    )
    env = project.root / path / "env.py"
    env.write_text("# ours\n" + env.read_text())
    project.ok("init", "--template", path)
    assert project.env.read_text().startswith("# ours\n")
    project.ok("migrate")
    project.ok("upgrade")
    assert project.ok("current").stdout.endswith("(head)\n")


@pytest.mark.one_database
def test_directory(project: Scripted) -> None:
    project.setup = "migrate = Migrate(app, db, directory='database/history')"
    project.ok("init")
    assert (project.root / "database" / "history" / "env.py").is_file()
    project.ok("init", "-d", "other")
    assert (project.root / "other" / "env.py").is_file()


# The life of a folder of today


def test_one_database(fresh: Scripted, database: Database) -> None:
    fresh.ok("migrate", "--rev-id", "a")
    fresh.ok("upgrade")
    fresh.models = PERSON_WITH_EMAIL
    fresh.ok("migrate", "--rev-id", "b")
    fresh.ok("upgrade")
    assert database.columns("person") == {"id", "name", "email"}
    assert "No changes in schema detected." in fresh.ok("migrate").stderr
    assert len(fresh.files) == 2
    fresh.ok("downgrade", "base")
    assert database.tables() == set()


def test_several_databases(
    several: Scripted, database: Database, other: Database
) -> None:
    several.ok("migrate", "--rev-id", "a")
    text = several.files[0].read_text()
    for function in ("upgrade_", "upgrade_log", "downgrade_", "downgrade_log"):
        assert f"def {function}(" in text
    several.ok("upgrade")
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})
    assert several.ok("current").stdout == "a (head)\na (head)\n"
    assert "No changes in schema detected." in several.ok("migrate").stderr
    assert len(several.files) == 1
    several.ok("downgrade")
    assert database.tables() == other.tables() == set()


def test_bind_added_later(
    several: Scripted, database: Database, other: Database
) -> None:
    several.ok("migrate", "--rev-id", "a")
    several.ok("upgrade")
    third = database.sibling()
    several.bind("audit", third.url)
    several.ok("upgrade")
    several.ok("migrate", "--rev-id", "b")
    several.ok("upgrade")
    assert third.tables() == {"audit"}
    assert third.versions() == {"b"}


def test_sql_of_several(several: Scripted, database: Database, other: Database) -> None:
    """A file for each, and none without a name."""
    several.ok("migrate", "--rev-id", "a")
    done = several.ok("upgrade", "--sql")
    assert "CREATE" not in done.stdout
    files = {path.name: path.read_text() for path in several.root.glob("*.sql")}
    assert not (several.root / ".sql").exists()
    assert set(files) == {"default.sql", "log.sql"}
    assert "CREATE TABLE person" in files["default.sql"]
    assert "CREATE TABLE log" in files["log.sql"]
    assert database.tables() == other.tables() == set()
    if client(database) is not None:
        applied = apply_script(other, files["log.sql"])
        assert applied.exit_code == 0, applied.output
        assert other.tables() == {"log"}


@pytest.mark.needs("transactional_ddl")
def test_failure_in_one_leaves_nothing_in_any(
    several: Scripted, database: Database, other: Database
) -> None:
    several.bind_revision(
        "a",
        upgrade_='op.create_table("one", sa.Column("id", sa.Integer))',
        upgrade_log='op.execute("SELECT 1 FROM nowhere")',
    )
    assert "nowhere" in several.fails("upgrade")
    assert database.tables() == other.tables() == set()
    assert database.versions() == other.versions() == set()


@pytest.mark.one_database
@pytest.mark.parametrize("flag", [[], ["--multidb"]], ids=str)
def test_loggers_survive(project: Scripted, flag: list[str]) -> None:
    project.ok("init", *flag)
    project.tables("a") if not flag else project.bind_revision("a")
    done = project.python("""
        import logging
        theirs = logging.getLogger("theirs")
        from app import app
        from flask_migrate import upgrade
        with app.app_context():
            upgrade()
        assert not theirs.disabled
        assert not app.logger.disabled
    """)
    assert done.exit_code == 0, done.stderr


def test_transaction_per_migration_of_several(
    several: Scripted, database: Database, other: Database
) -> None:
    """Honoured by the template of today, or said to be without effect."""
    several.setup = "migrate = Migrate(app, db, transaction_per_migration=True)"
    several.bind_revision("a")
    several.bind_revision("b", "a", upgrade_='op.execute("SELECT 1 FROM nowhere")')
    said = several.fails("upgrade")
    if database.versions() != {"a"}:
        assert "transaction_per_migration" in said
        assert database.versions() == set()


# Flask-SQLAlchemy-Lite


def test_lite(project: Scripted, database: Database) -> None:
    lite(project, default=database.url)
    project.ok("init")
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    assert database.tables() == {"person"}
    assert project.ok("check").stdout == "No new upgrade operations detected.\n"


def test_lite_with_several(
    project: Scripted, database: Database, other: Database
) -> None:
    lite(project, default=database.url, log=other.url)
    project.ok("init", "--multidb")
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})
    assert project.ok("check").stdout == "No new upgrade operations detected.\n"


def test_lite_in_a_folder_of_4_1(project: Scripted, database: Database) -> None:
    """Its env.py asks ``db`` for metadata; people wrote the models in instead."""
    lite(project, default=database.url)
    project.folder("one")
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_lite_with_the_models_in_env_py(project: Scripted, database: Database) -> None:
    lite(project, default=database.url)
    project.setup = "migrate = Migrate(app, db)\napp.config['BASE'] = Base"
    project.folder("one")
    project.edit(
        project.env,
        '    if hasattr(target_db, "metadatas"):\n'
        "        return target_db.metadatas[None]\n"
        "    return target_db.metadata\n",
        '    return current_app.config["BASE"].metadata\n',
    )
    project.ok("migrate", "--rev-id", "a")
    project.ok("upgrade")
    assert database.tables() == {"person"}


@pytest.mark.one_database
def test_lite_without_models(project: Scripted, database: Database) -> None:
    """It says what to write."""
    lite(project, default=database.url)
    project.setup = "migrate = Migrate(app, db)"
    project.ok("init")
    done = project.run("migrate")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert "metadata" in done.stderr


# Without an env.py


def test_folder_of_revisions_alone(project: Scripted, database: Database) -> None:
    """Where there is no env.py, the application configures."""
    project.versions.mkdir(parents=True)
    shutil.copy(FOLDERS / "one" / "script.py.mako", project.migrations)
    project.ok("migrate", "-m", "first", "--rev-id", "a")
    assert [path.name for path in project.files] == ["a_first.py"]
    project.ok("upgrade")
    assert database.tables() == {"person"}
    assert project.ok("current").stdout == "a (head)\n"
    assert project.ok("history").stdout == "<base> -> a (head), first\n"
    assert project.ok("check").stdout == "No new upgrade operations detected.\n"
    project.models = PERSON_WITH_EMAIL
    project.ok("migrate", "--rev-id", "b")
    project.ok("upgrade")
    assert database.columns("person") == {"id", "name", "email"}
    project.ok("downgrade", "base")
    assert database.tables() == set()


@pytest.mark.one_database
def test_way_back_to_an_environment(project: Scripted, database: Database) -> None:
    """``init`` on such a folder keeps its revisions."""
    project.versions.mkdir(parents=True)
    shutil.copy(FOLDERS / "one" / "script.py.mako", project.migrations)
    project.tables("a")
    project.ok("upgrade")
    project.ok("init")
    assert project.env.is_file()
    assert [path.name for path in project.files] == ["a_table_a.py"]
    assert project.ok("current").stdout == "a (head)\n"
    project.ok("downgrade", "base")
    assert database.tables() == set()

"""What the doctor finds, and that nothing that it finds stops it."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from support import foreign
from support.application import Project
from support.revisions import write_revision
from support.revisions import write_tables
from support.servers import Database

import flask_alembic
from flask_alembic import Alembic
from flask_alembic import Finding


def examine(project: Project) -> dict[str, Finding]:
    """Code -> finding, of an application that is loaded anew."""
    with project.context() as alembic:
        return by_code(alembic.doctor())


def by_code(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    """Code -> finding; what is told about a code is told once."""
    found = {finding.code: finding for finding in findings}
    assert len(found) == len(findings), findings
    for finding in findings:
        assert finding.message
        assert finding.fix
    return found


def line_of(path: Path, text: str) -> str:
    """The place where a text stands in a file."""
    lines = path.read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if text in line)
    return f"{path}:{number}"


# -- healthy --------------------------------------------------------------------------


@pytest.mark.one_database
def test_nothing_is_found_where_nothing_is_wrong(project: Project) -> None:
    project.tables("a1", "a2")
    assert examine(project) == {}
    done = project.run("doctor")
    assert (done.exit_code, done.stdout) == (0, "Nothing to mend.\n")


@pytest.mark.one_database
def test_it_changes_nothing(project: Project, database: Database) -> None:
    project.tables("a1")
    examine(project)
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_it_needs_an_application_context(project: Project) -> None:
    alembic = project.load().alembic
    with pytest.raises(RuntimeError, match="application context"):
        alembic.doctor()


# -- env.py ---------------------------------------------------------------------------


@pytest.mark.one_database
def test_env_py_that_is_not_run_is_named(project: Project) -> None:
    folder = foreign.flask_migrate_folder(project.migrations)
    found = examine(project)
    assert set(found) == {"env-unused", "env-loggers"}
    assert found["env-loggers"].where == line_of(folder / "env.py", "fileConfig(c")
    assert "flask db adopt" in found["env-loggers"].fix
    done = project.run("doctor")
    assert done.exit_code == 0
    assert "warning: env.py calls fileConfig()" in done.stdout


@pytest.mark.one_database
def test_env_py_that_leaves_loggers_alone_is_fine(project: Project) -> None:
    text = foreign.env_py().replace(
        "config_file_name)", "config_file_name, disable_existing_loggers=False)"
    )
    foreign.flask_migrate_folder(project.migrations, text)
    assert set(examine(project)) == {"env-unused"}


@pytest.mark.one_database
def test_adopted_folder_is_fine(project: Project) -> None:
    foreign.flask_migrate_folder(project.migrations)
    with project.context() as alembic:
        alembic.adopt()
    assert examine(project) == {}


@pytest.mark.one_database
def test_asynchronous_template_that_cannot_work_is_named(project: Project) -> None:
    text = foreign.env_py(end=foreign.ASYNCHRONOUS_END)
    folder = foreign.flask_migrate_folder(project.migrations, text)
    found = examine(project)
    finding = found["env-async-connection"]
    assert finding.severity == "error"
    assert finding.where == line_of(folder / "env.py", "_sync_connection")
    assert sa.__version__ in finding.message
    assert found["env-async-loop"].where == line_of(folder / "env.py", "get_event_loop")
    assert project.run("doctor").exit_code == 1


@pytest.mark.one_database
def test_broken_env_py_is_named(project: Project) -> None:
    folder = foreign.flask_migrate_folder(project.migrations, "x = 1\ndef (:\n")
    finding = examine(project)["env-unreadable"]
    assert finding.where == f"{folder / 'env.py'}:2"
    assert finding.severity == "error"


@pytest.mark.one_database
def test_binds_without_a_template_for_them_are_named(
    project: Project, other: Database
) -> None:
    project.bind("log", other.url)
    foreign.flask_migrate_folder(project.migrations)
    found = examine(project)
    assert "log" in found["env-one-database"].message
    assert "template-one-database" in found
    project.config["ALEMBIC_BINDS"] = False
    assert "ALEMBIC_BINDS" in examine(project)["binds-left-out"].fix


# -- files ----------------------------------------------------------------------------


@pytest.mark.one_database
def test_missing_folder_is_named(project: Project) -> None:
    project.setup = "alembic = Alembic(app, run_mkdir=False)"
    finding = examine(project)["folder-missing"]
    assert (finding.severity, finding.where) == ("error", str(project.migrations))
    assert "flask db mkdir" in finding.fix


@pytest.mark.one_database
def test_missing_parent_is_named(project: Project) -> None:
    path = project.revision("b2", "a1")
    found = examine(project)
    assert set(found) == {"parent-missing"}
    assert found["parent-missing"].where == str(path)
    assert "'a1'" in found["parent-missing"].message


@pytest.mark.one_database
def test_missing_dependency_is_named_but_a_label_is_not(project: Project) -> None:
    project.revision("a1", labels=("shop",))
    project.revision("b1", depends="shop")
    assert examine(project) == {}
    project.revision("b2", "b1", depends="nothing")
    assert "depends_on" in examine(project)["parent-missing"].message


@pytest.mark.one_database
def test_several_heads_are_named_with_the_command_that_joins_them(
    project: Project,
) -> None:
    project.tables("a1", "a2")
    project.revision("b2", "a1")
    finding = examine(project)["heads-several"]
    assert finding.fix == "flask db merge a2 b2"
    assert project.run(*finding.fix.split()[2:]).exit_code == 0
    assert examine(project) == {}


@pytest.mark.one_database
def test_heads_of_labelled_branches_are_meant(project: Project) -> None:
    project.revision("a1", labels=("shop",))
    project.revision("b1", labels=("blog",))
    assert examine(project) == {}


@pytest.mark.one_database
def test_files_that_cannot_be_read_do_not_hide_each_other(project: Project) -> None:
    first = project.revision("a1", extra="def (:")
    second = project.migrations / "b1.py"
    second.write_text("revision = 'b1'\n")
    with project.context() as alembic:
        findings = alembic.doctor()
    assert [f.code for f in findings] == ["revision-unreadable"] * 2
    assert [f.where for f in findings] == [line_of(first, "def (:"), str(second)]


@pytest.mark.one_database
def test_duplicate_ids_are_named(project: Project) -> None:
    project.revision("a1", message="one")
    path = project.revision("a1", message="two")
    finding = examine(project)["revision-duplicate"]
    assert finding.where == str(path)
    assert "a1_one.py" in finding.fix


@pytest.mark.one_database
def test_circles_are_named(project: Project) -> None:
    project.revision("a1", "a2")
    project.revision("a2", "a1")
    assert "circle" in examine(project)["history-unsound"].message


@pytest.mark.one_database
def test_revisions_that_are_not_looked_at_are_named(project: Project) -> None:
    old = project.migrations / "old"
    (path,) = write_tables(old, "a1")
    old.joinpath("notes.py").write_text("revision = 1\n")
    finding = examine(project)["revision-uncovered"]
    assert finding.where == str(path)
    assert str(old) in finding.fix
    old.joinpath("notes.py").unlink()
    project.config["ALEMBIC"] = {"version_locations": ["migrations/old"]}
    assert examine(project) == {}


@pytest.mark.one_database
def test_files_moved_aside_are_not_looked_at(project: Project) -> None:
    write_tables(project.migrations / ".adopted", "a1")
    project.revision("b1")
    assert examine(project) == {}


# -- databases ------------------------------------------------------------------------


WIDE = "r" * 40


def test_long_ids_are_named(project: Project, database: Database) -> None:
    path = project.revision(WIDE)
    finding = examine(project)["revision-id-long"]
    assert (finding.severity, finding.where) == ("error", str(path))
    assert "holds 32" in finding.message
    database.execute("CREATE TABLE alembic_version (version_num VARCHAR(64) NOT NULL)")
    assert examine(project) == {}


def test_unknown_and_overlapping_rows_are_named(
    project: Project, database: Database
) -> None:
    project.tables("a1", "a2")
    database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    database.execute("INSERT INTO alembic_version VALUES ('a1'), ('a2'), ('zz')")
    found = examine(project)
    assert set(found) == {"applied-overlap", "applied-unknown"}
    assert "zz" in found["applied-unknown"].message
    assert "a1" in found["applied-overlap"].message


def test_unreadable_version_table_is_named(
    project: Project, database: Database
) -> None:
    project.tables("a1")
    database.execute("CREATE TABLE alembic_version (other INTEGER)")
    finding = examine(project)["version-table-unreadable"]
    assert finding.severity == "error"
    assert finding.where == "default: alembic_version"


def through_env_py(project: Project) -> dict[str, Finding]:
    """What is found where env.py is run, by Flask-Migrate's interface."""
    project.setup = "from flask_migrate import Migrate\nmigrate = Migrate(app, db)"
    module = project.load()
    with project.closing(module) as app, app.app_context():
        return by_code(app.extensions["migrate"].alembic.doctor())


def test_databases_are_asked_through_env_py(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    text = foreign.env_py().replace(
        "config_file_name)", "config_file_name, disable_existing_loggers=False)"
    )
    folder = foreign.flask_migrate_folder(project.migrations, text)
    write_tables(folder / "versions", "a1")
    assert through_env_py(project) == {}
    assert database.all_tables() == set()
    database.execute("CREATE TABLE alembic_version (version_num VARCHAR(2) NOT NULL)")
    database.execute("INSERT INTO alembic_version VALUES ('zz')")
    write_revision(folder / "versions", "b2c", "a1")
    assert set(through_env_py(project)) == {"applied-unknown", "revision-id-long"}
    folder.joinpath("env.py").write_text("raise ConnectionError('no such host')\n")
    finding = through_env_py(project)["database-unreachable"]
    assert "no such host" in finding.message
    assert finding.where == str(folder / "env.py")


def test_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    app = Flask("app", root_path=str(tmp_path))
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/nowhere"
    engine = sa.create_engine(url)
    alembic = Alembic(app, metadatas=sa.MetaData(), engines=engine)
    write_tables(tmp_path / "migrations" / "old", "a1")
    with app.app_context():
        findings = alembic.doctor()
    found = by_code(findings)
    assert set(found) == {"database-unreachable", "revision-uncovered"}
    assert found["database-unreachable"].severity == "warning"
    assert "secret" not in str(findings)


def test_missing_models_are_named(tmp_path: Path) -> None:
    app = Flask("app", root_path=str(tmp_path))
    alembic = Alembic(app)
    with app.app_context():
        finding = by_code(alembic.doctor())["databases-unusable"]
    assert "metadatas" in finding.message


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    app = Flask("app", root_path=str(tmp_path))
    app.config["ALEMBIC"] = []
    alembic = Alembic(app, run_mkdir=False, metadatas=sa.MetaData())
    with app.app_context():
        finding = by_code(alembic.doctor())["settings-unusable"]
    assert "ALEMBIC must be a dict" in finding.message


# -- installation ---------------------------------------------------------------------


def install(site: Path, name: str, package: str, *, hashed: bool = True) -> Path:
    """Install a distribution with one package, as pip would.

    :param hashed: Its record has the hash of the file that lies there.
    """
    file = site / package / "__init__.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text("")
    info = site / f"{name.replace('-', '_')}-4.1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Name: {name}\nVersion: 4.1.0\n")
    content = file.read_bytes() if hashed else b"something else"
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    line = f"{package}/__init__.py,sha256={digest.decode().rstrip('=')},0\n"
    info.joinpath("RECORD").write_text(line)
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for where this distribution's packages lie."""
    from flask_alembic.migrator.upkeep import installed

    site = tmp_path / "home"
    site.mkdir()
    monkeypatch.setattr(installed, "HOME", site)
    monkeypatch.setattr(installed, "PACKAGES", ("flask_shadowed",))
    monkeypatch.syspath_prepend(site)
    return site


def installations() -> dict[str, Finding]:
    from flask_alembic.migrator.upkeep import installed

    return by_code(tuple(installed.findings()))


def test_predecessor_that_is_imported_instead_is_an_error(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.joinpath("flask_shadowed").mkdir()
    home.joinpath("flask_shadowed", "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "other")
    file = install(tmp_path / "other", "Flask-Migrate", "flask_shadowed")
    finding = installations()["installed-shadow"]
    assert (finding.severity, finding.where) == ("error", str(file))
    assert "Flask-Migrate 4.1.0" in finding.message
    assert "pip uninstall Flask-Migrate" in finding.fix


def test_predecessor_later_on_the_path_is_a_warning(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = install(tmp_path / "other", "Flask-Alembic", "flask_shadowed")
    home.joinpath("flask_shadowed").mkdir()
    home.joinpath("flask_shadowed", "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "other")])
    finding = installations()["installed-beside"]
    assert (finding.severity, finding.where) == ("warning", str(file))


def test_predecessor_in_the_same_folder_whose_files_are_there_is_an_error(
    home: Path,
) -> None:
    install(home, "Flask-Migrate", "flask_shadowed")
    assert installations()["installed-shadow"].severity == "error"


def test_predecessor_in_the_same_folder_that_is_overwritten_is_a_warning(
    home: Path,
) -> None:
    install(home, "Flask-Migrate", "flask_shadowed", hashed=False)
    assert installations()["installed-over"].severity == "warning"


def test_own_distribution_is_fine(home: Path) -> None:
    install(home, "flask_alembic", "flask_shadowed")
    assert installations() == {}


def test_folder_of_the_same_name_is_an_error(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "other" / "flask_shadowed" / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    monkeypatch.syspath_prepend(tmp_path / "other")
    assert installations()["installed-shadow"].where == str(file)


def test_this_installation_is_fine() -> None:
    from flask_alembic.migrator.upkeep import installed

    assert Path(flask_alembic.__file__).is_relative_to(installed.HOME)
    assert list(installed.findings()) == []


# -- command --------------------------------------------------------------------------


@pytest.mark.one_database
def test_command_shows_the_worst_first(project: Project) -> None:
    project.tables("a1", "a2")
    project.revision("b2", "a1")
    project.revision("c2", "missing", message="lost")
    done = project.run("doctor", "--json")
    assert done.exit_code == 1
    document = done.json
    assert (document["ok"], document["exit_code"]) == (False, 1)
    severities = [finding["severity"] for finding in document["findings"]]
    assert severities == ["error", "warning"]
    first = project.run("doctor").stdout.splitlines()[0]
    assert first.startswith("error: ")
    assert first.endswith("[parent-missing]")


def test_codes_are_described() -> None:
    root = Path(__file__).parent.parent
    text = root.joinpath("docs", "commands.md").read_text()
    source = "".join(
        path.read_text()
        for path in (root / "src" / "flask_alembic" / "migrator" / "upkeep").glob(
            "*.py"
        )
        if path.stem.startswith(("doctor", "installed"))
    )
    codes = set(re.findall(r'code="([a-z-]+)"', source))
    codes |= {"settings-unusable", "databases-unusable"}
    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in text} == set()

"""Where revisions lie, what the file of one looks like, and the ``ALEMBIC`` options."""

from __future__ import annotations

import shutil
import sys
import typing as t
from pathlib import Path

import pytest
from support.application import Project
from support.application import TASK
from support.servers import Database

pytestmark = pytest.mark.one_database

KEYS = """
engines = {{key: sa.create_engine(url) for key, url in {urls!r}.items()}}
metadatas = {{key: sa.MetaData() for key in engines}}
for key, metadata in metadatas.items():
    name = "of_" + key.replace("-", "_")
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
alembic = Alembic(app, metadatas=metadatas, engines=engines)
"""


def test_mkdir_makes_everything_and_changes_nothing(project: Project) -> None:
    project.config["ALEMBIC"] = {"version_locations": ["one", ("side", "two/deep")]}
    project.setup = "alembic = Alembic(app, run_mkdir=False)"
    project.migrations.mkdir()
    template = project.migrations / "script.py.mako"
    template.write_text("mine")
    with project.context() as alembic:
        alembic.mkdir()
        alembic.mkdir()
    assert template.read_text() == "mine"
    assert (project.root / "one").is_dir()
    assert (project.root / "two" / "deep").is_dir()


def test_location_is_relative_to_the_application(project: Project) -> None:
    project.config["ALEMBIC"] = {"script_location": "data/base"}
    with project.context() as alembic:
        alembic.revision("x", empty=True)
    assert len(list((project.root / "data" / "base").glob("*_x.py"))) == 1


def test_absolute_location(project: Project, tmp_path: Path) -> None:
    project.config["ALEMBIC"] = {"script_location": str(tmp_path / "apart")}
    with project.context() as alembic:
        alembic.revision("x", empty=True)
    assert len(list((tmp_path / "apart").glob("*_x.py"))) == 1


@pytest.mark.parametrize("name", ["a:b", "a;b", "a b", "50%", "%(here)s", "ä"])
def test_odd_characters_in_the_location(
    project: Project, database: Database, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name / "migrations"
    more = tmp_path / name / "more"
    project.config["ALEMBIC"] = {
        "script_location": str(folder),
        "version_locations": [("side", str(more))],
    }
    with project.context() as alembic:
        alembic.revision("x")
        alembic.revision("y", True, "side")
        alembic.upgrade()
        assert len(alembic.current()) == 2
    assert len(list(folder.glob("*_x.py"))) == 1
    assert len(list(more.glob("*_y.py"))) == 1
    assert database.tables() == {"person"}


def test_location_in_a_package(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = project.root / "a_package_of_mine"
    package.mkdir()
    (package / "__init__.py").touch()
    project.config["ALEMBIC"] = {"script_location": "a_package_of_mine:migrations"}
    monkeypatch.syspath_prepend(str(project.root))
    with project.context() as alembic:
        alembic.revision("x")
        alembic.upgrade()
    monkeypatch.delitem(sys.modules, "a_package_of_mine")
    assert len(list((package / "migrations").glob("*_x.py"))) == 1
    assert database.tables() == {"person"}


def test_revisions_lie_directly_in_the_location(project: Project) -> None:
    with project.context() as alembic:
        (made,) = alembic.revision("x")
    assert Path(made.path).parent == project.migrations
    assert not (project.migrations / "versions").exists()


def test_branch_has_a_path_and_a_label(project: Project) -> None:
    project.config["ALEMBIC"] = {"version_locations": [("side", "sides")]}
    with project.context() as alembic:
        alembic.revision("first", True)
        (made,) = alembic.revision("x", True, "side")
        (more,) = alembic.revision("y", True, "side")
        assert made.down_revision is None
        assert made.branch_labels == {"side"}
        assert more.down_revision == made.revision
        assert Path(made.path).parent == project.root / "sides"
        assert Path(more.path).parent == project.root / "sides"


def test_an_ini_file_in_the_working_directory_is_not_read(project: Project) -> None:
    (project.root / "alembic.ini").write_text("[alembic]\nscript_location = wrong\n")
    assert project.run("revision", "x", "--empty").exit_code == 0
    assert len(project.files) == 1


@pytest.mark.parametrize("percent", ["%", "%%"])
def test_one_or_two_percents(project: Project, percent: str) -> None:
    template = f"{percent}(rev)s-{percent}(slug)s"
    project.config["ALEMBIC"] = {"file_template": template}
    with project.context() as alembic:
        (made,) = alembic.revision("some words", True)
    assert project.files[0].name == f"{made.revision}-some_words.py"


def test_values_that_are_no_strings(project: Project) -> None:
    project.config["ALEMBIC"] = {
        "truncate_slug_length": 7,
        "revision_environment": False,
        "odd": "100%",
        "nothing": None,
    }
    with project.context() as alembic:
        alembic.revision("seven letters", True)
        assert alembic.config.get_main_option("odd") == "100%"
    assert project.files[0].stem.partition("_")[2] in {"seven", "seven_", "seven_l"}


def test_dict_value_is_a_section(project: Project) -> None:
    (project.root / "touch.py").write_text(
        "import pathlib, sys\npathlib.Path(sys.argv[1]).with_suffix('.hook').touch()\n"
    )
    hook = {
        "hooks": "touch",
        "touch.type": "exec",
        "touch.executable": sys.executable,
        "touch.options": f"{project.root / 'touch.py'} REVISION_SCRIPT_FILENAME",
    }
    project.config["ALEMBIC"] = {"post_write_hooks": hook}
    done = project.run("revision", "x", "--empty")
    assert done.exit_code == 0, done.stderr
    assert len(list(project.migrations.glob("*_x.hook"))) == 1


def test_context_options_have_defaults(project: Project) -> None:
    with project.context() as alembic:
        options = alembic.migration_context.opts
        assert options["compare_type"] is True
        assert options["compare_server_default"] is True


def test_context_options_reach_alembic(project: Project, database: Database) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"version_table": "mine", "compare_type": False}
    with project.context() as alembic:
        alembic.revision("x")
        alembic.upgrade()
        assert alembic.migration_context.opts["compare_type"] is False
        assert alembic.compare_metadata() == []
    assert database.all_tables() == {"mine", "person"}


# Templates


def test_template_for_one_database(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("x")
    text = project.files[0].read_text()
    assert "def upgrade()" in text
    assert "def downgrade()" in text
    assert "engine_name" not in text


def several(project: Project, database: Database, *keys: str) -> dict[str, Database]:
    databases = {key: database.sibling() for key in keys}
    urls = {key: database.url for key, database in databases.items()}
    project.models = ""
    project.setup = KEYS.format(urls=urls)
    return databases


def test_template_for_several_databases(project: Project, database: Database) -> None:
    databases = several(project, database, "default", "my-auth", "class", "1st")
    with project.context() as alembic:
        alembic.revision("x")
        alembic.upgrade()
        assert alembic.compare_metadata() == []
    text = project.files[0].read_text()
    assert "def upgrade(engine_name" in text
    assert "upgrade_default" in text
    for key, made in databases.items():
        assert made.tables() == {f"of_{key.replace('-', '_')}"}
    with project.context() as alembic:
        alembic.downgrade("base")
    assert {frozenset(made.tables()) for made in databases.values()} == {frozenset()}


def test_keys_that_look_alike_stay_apart(project: Project, database: Database) -> None:
    databases = several(project, database, "default", "my-auth", "my_auth")
    project.setup = project.setup.replace(
        '"of_" + key.replace("-", "_")', '"of_" + key'
    )
    with project.context() as alembic:
        alembic.revision("x")
        alembic.upgrade()
    assert databases["my-auth"].tables() == {"of_my-auth"}
    assert databases["my_auth"].tables() == {"of_my_auth"}


def test_new_files_are_seen_in_a_running_process(
    project: Project, database: Database
) -> None:
    with project.context() as alembic:
        assert alembic.heads() == ()
        project.tables("a")
        assert [s.revision for s in alembic.heads()] == ["a"]
        alembic.upgrade()
        project.tables("b", down="a")
        assert alembic.needs_upgrade()
        alembic.upgrade()
    assert database.versions() == {"b"}


def test_a_file_rewritten_in_place_is_seen(
    project: Project, database: Database
) -> None:
    project.revision("a", None, "raise ValueError('first')")
    with project.context() as alembic:
        with pytest.raises(ValueError, match="first"):
            alembic.upgrade()
        project.tables("a")
        shutil.move(project.migrations / "a_table_a.py", project.migrations / "a_.py")
        alembic.upgrade()
    assert database.tables() == {"t_a"}


def test_model_change_gives_a_second_revision(
    project: Project, database: Database
) -> None:
    with project.context() as alembic:
        (first,) = alembic.revision("first")
        alembic.upgrade()
    project.models += TASK
    with project.context() as alembic:
        made: t.Any = alembic.revision("second")[0]
        assert made.down_revision == first.revision
        alembic.upgrade()
    assert database.tables() == {"person", "task"}

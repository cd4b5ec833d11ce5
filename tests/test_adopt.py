"""A folder of Flask-Migrate or plain Alembic becomes one without env.py, and back."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from support import foreign
from support.application import PERSON_WITH_EMAIL
from support.application import Project
from support.revisions import create_table
from support.revisions import write_revision
from support.revisions import write_tables
from support.servers import Database

import flask_alembic
from flask_alembic import Adoption
from flask_alembic import Alembic
from flask_alembic import SetupError

KINDS = ["generic", "multidb", "async", "pyproject", "pyproject_async"]


class Place:
    """An application's folder whose database is never asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "migrations"
        self.config: dict[str, t.Any] = {}
        self.metadatas: dict[str, t.Any] = {"default": sa.MetaData()}
        self.extensions: dict[str, t.Any] = {}

    def adopt(self, **options: bool) -> Adoption:
        app = Flask("place", root_path=str(self.root))
        app.config.update(self.config)
        app.extensions.update(self.extensions)
        engines = {name: sa.create_engine("sqlite://") for name in self.metadatas}
        alembic = Alembic(
            app, False, False, metadatas=self.metadatas, engines=t.cast(t.Any, engines)
        )
        if "migrate" in self.extensions:
            # As Flask-Migrate's interface has it: not registered itself.
            del app.extensions["alembic"]
        with app.app_context():
            return alembic.adopt(**options)

    def flask_migrate(self, env: str = "", ini: str = foreign.INI) -> None:
        foreign.flask_migrate_folder(self.folder, env, ini)

    def change(self, old: str, new: str) -> None:
        """Change the env.py, in which the old text must stand."""
        path = self.folder / "env.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


def files(root: Path) -> dict[str, str]:
    """Path -> text of all files, ``__pycache__`` left out."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in {".py", ".ini", ".mako", ".toml", ""}
    }


def refusals(adoption: Adoption) -> list[str]:
    return [f.message for f in adoption.findings if f.severity == "error"]


def codes(adoption: Adoption) -> list[str]:
    return [finding.code for finding in adoption.findings]


# -- what can be carried over ---------------------------------------------------------


def test_flask_migrate_folder_is_adopted_and_put_back(place: Place) -> None:
    place.flask_migrate()
    write_tables(place.folder / "versions", "a1")
    before = files(place.root)
    adoption = place.adopt()
    assert adoption.state == "done"
    assert set(files(place.folder)) == {
        *(".adopted/alembic.ini", ".adopted/env.py", ".adopted/README"),
        *(".adopted/script.py.mako", "versions/a1_table_a1.py"),
    }
    assert place.adopt().state == "nothing"
    undone = place.adopt(undo=True)
    assert undone.state == "undone"
    assert sorted(undone.moves.values()) == sorted(adoption.moves)
    assert files(place.root) == before
    assert not place.folder.joinpath(".adopted").exists()
    assert place.adopt(undo=True).state == "nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_alembics_own_folder_is_adopted_and_put_back(place: Place, kind: str) -> None:
    foreign.alembic_folder(place.root, kind=kind)
    if kind == "multidb":
        place.metadatas = {"engine1": sa.MetaData(), "engine2": sa.MetaData()}
    before = files(place.root)
    adoption = place.adopt()
    assert adoption.state == "done", adoption.findings
    assert set(files(place.root)) - {"pyproject.toml"} == {
        f"migrations/.adopted/{Path(path).name}"
        for path in before
        if path != "pyproject.toml"
    }
    place.adopt(undo=True)
    assert files(place.root) == before


@pytest.mark.parametrize("body", [foreign.ONE, foreign.SEVERAL])
def test_usual_env_py_is_known(place: Place, body: str) -> None:
    place.flask_migrate(foreign.env_py(body))
    assert refusals(place.adopt(apply=False)) == []


def test_asynchronous_env_py_is_known(place: Place) -> None:
    place.flask_migrate(foreign.env_py(end=foreign.ASYNCHRONOUS_END))
    assert place.adopt(apply=False).state == "planned"


OLDER = """
from __future__ import with_statement
import re
from sqlalchemy import engine_from_config, pool

config.set_main_option(
    "sqlalchemy.url", current_app.config.get("SQLALCHEMY_DATABASE_URI")
)
target_metadata = current_app.extensions["migrate"].db.metadata


def run_migrations_online():
    engine = engine_from_config(
        config.get_section(config.config_ini_section),
        prefix="sqlalchemy.",
        poolclass=pool.NullPool,
    )
    connection = engine.connect()
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        process_revision_directives=None,
        **current_app.extensions["migrate"].configure_args
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.close()


run_migrations_online()
"""


def test_env_py_of_older_releases_is_known(place: Place) -> None:
    place.flask_migrate(foreign.env_py(OLDER, end=""))
    assert refusals(place.adopt(apply=False)) == []


def test_layout_and_annotations_do_not_matter(place: Place) -> None:
    place.flask_migrate()
    place.change("def get_metadata():", "def get_metadata( )  -> None :")
    place.change('"alembic.env"', "'alembic' '.env'")
    assert place.adopt(apply=False).state == "planned"


def test_dry_run_changes_nothing(place: Place) -> None:
    place.flask_migrate()
    before = files(place.root)
    planned = place.adopt(apply=False)
    assert planned.state == "planned"
    assert files(place.root) == before
    done = place.adopt()
    assert (done.moves, done.lines) == (planned.moves, planned.lines)
    adopted = files(place.root)
    assert place.adopt(undo=True, apply=False).state == "planned"
    assert files(place.root) == adopted


def test_customised_template_stays(place: Place) -> None:
    place.flask_migrate()
    template = place.folder / "script.py.mako"
    template.write_text(template.read_text() + "from shop.types import Money\n")
    adoption = place.adopt()
    assert template.exists()
    assert codes(adoption) == ["adopt-template"]


def test_own_readme_stays(place: Place) -> None:
    place.flask_migrate()
    readme = place.folder / "README"
    readme.write_text("Ask Susan before you change anything here.\n")
    place.adopt()
    assert readme.exists()


# -- lines ----------------------------------------------------------------------------


def evaluated(adoption: Adoption, names: dict[str, t.Any] | None = None) -> Flask:
    """An application on which the lines were run."""
    app = Flask("evaluated")
    exec("\n".join(adoption.lines), {"app": app, **(names or {})})
    return app


def test_lines_keep_what_flask_migrate_does(place: Place) -> None:
    place.flask_migrate()
    context = evaluated(place.adopt()).config["ALEMBIC_CONTEXT"]
    assert context == {"compare_server_default": False, "render_as_batch": True}


def test_lines_hold_what_the_ini_configures(place: Place) -> None:
    more = place.root / "more"
    more.mkdir()
    ini = (
        "[alembic]\n"
        "file_template = %%(year)d_%%(rev)s\ntimezone = UTC\ntruncate_slug_length = 9\n"
        "version_locations = %(here)s/versions, %(here)s/../more\n"
        "[post_write_hooks]\nhooks = fmt\nfmt.type = exec\nfmt.executable = %(here)s/f\n"
    )
    place.flask_migrate(ini=ini)
    adoption = place.adopt()
    assert evaluated(adoption).config["ALEMBIC"] == {
        "file_template": "%(year)d_%(rev)s",
        "timezone": "UTC",
        "truncate_slug_length": "9",
        "version_locations": ["more"],
        "post_write_hooks": {
            "hooks": "fmt",
            "fmt.type": "exec",
            "fmt.executable": f"{place.folder}/f",
        },
    }
    # Without the other folder, its revisions would be missing.
    assert codes(adoption) == ["adopt-first"]


def test_lines_leave_out_what_is_configured(place: Place) -> None:
    place.flask_migrate(ini="[alembic]\ntimezone = UTC\n")
    place.config["ALEMBIC"] = {"timezone": "UTC"}
    place.config["ALEMBIC_CONTEXT"] = {
        "compare_server_default": False,
        "render_as_batch": True,
    }
    assert place.adopt().lines == ()


def test_lines_keep_the_place_of_the_folder(place: Place) -> None:
    place.folder = place.root / "db" / "changes"
    place.config["ALEMBIC"] = {"script_location": "db/changes"}
    place.flask_migrate(ini="[alembic]\ntimezone = UTC\n")
    options = evaluated(place.adopt()).config["ALEMBIC"]
    assert options == {"script_location": "db/changes", "timezone": "UTC"}


def test_lines_hold_constants_of_env_py(place: Place) -> None:
    place.flask_migrate()
    place.change(
        "            **conf_args",
        '            version_table="v", include_schemas=True, **conf_args',
    )
    adoption = place.adopt()
    context = evaluated(adoption).config["ALEMBIC_CONTEXT"]
    assert context["version_table"] == "v"
    assert context["include_schemas"] is True
    assert codes(adoption) == ["adopt-first"]


def test_lines_for_flask_migrate_go_into_its_constructor(place: Place) -> None:
    place.flask_migrate()
    place.change("            **conf_args", "include_schemas=True, **conf_args")
    place.extensions["migrate"] = object()
    assert place.adopt().lines == ("migrate = Migrate(app, db, include_schemas=True)",)


def test_lines_name_the_binds(place: Place) -> None:
    place.flask_migrate(foreign.env_py(foreign.SEVERAL))
    adoption = place.adopt()
    assert evaluated(adoption).config["ALEMBIC_BINDS"] is True
    assert codes(adoption) == ["adopt-first"]


def test_lines_name_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = foreign.alembic_folder(tmp_path)
    env = folder / "env.py"
    text = env.read_text().replace(
        "target_metadata = None",
        "from shop.models import Base\ntarget_metadata = Base.metadata",
    )
    env.write_text(text)
    app = Flask("shop", root_path=str(tmp_path))
    alembic = Alembic(app, False, False)
    with app.app_context():
        adoption = alembic.adopt()
    assert adoption.lines[-2:] == (
        "from shop.models import Base",
        "alembic = Alembic(app, metadatas=Base.metadata)",
    )


def test_options_of_pyproject_are_carried_over(place: Place) -> None:
    foreign.alembic_folder(place.root, kind="pyproject")
    project = place.root / "pyproject.toml"
    text = project.read_text() + (
        'file_template = "%%(rev)s"\nversion_locations = ["%(here)s/more"]\n'
        '[[tool.alembic.post_write_hooks]]\nname = "fmt"\ntype = "exec"\n'
        'executable = "%(here)s/f"\n'
    )
    project.write_text(text)
    adoption = place.adopt()
    assert evaluated(adoption).config["ALEMBIC"] == {
        "file_template": "%(rev)s",
        "version_locations": ["more"],
        "post_write_hooks": {
            "hooks": "fmt",
            "fmt.type": "exec",
            "fmt.executable": f"{place.root}/f",
        },
    }
    assert project.read_text() == text
    assert sorted(codes(adoption)) == ["adopt-first", "adopt-left"]


def test_options_of_engines_and_own_handlers_are_named(place: Place) -> None:
    ini = foreign.INI.replace("keys = console", "keys = console, file")
    place.flask_migrate(ini=ini.replace("[alembic]", "[alembic]\nsqlalchemy.echo = 1"))
    adoption = place.adopt()
    left = [f.message for f in adoption.findings if f.code == "adopt-left"]
    assert ["sqlalchemy.echo" in left[0], "handlers file" in left[1]] == [True, True]


# -- refusals -------------------------------------------------------------------------

SHIPPED = Path(flask_alembic.__file__).parent.parent / "flask_migrate" / "templates"


@pytest.mark.parametrize(
    "name", ["aioflask", "aioflask-multidb", "flask", "flask-multidb"]
)
def test_own_templates_are_known_and_what_is_added_is_not(
    place: Place, name: str
) -> None:
    place.folder.joinpath("versions").mkdir(parents=True)
    for file in ("README", "env.py", "script.py.mako"):
        text = SHIPPED.joinpath(name, file).read_text()
        place.folder.joinpath(file).write_text(text)
    planned = place.adopt(apply=False)
    assert refusals(planned) == []
    assert {Path(path).name for path in planned.moves} == {
        *("README", "env.py", "script.py.mako")
    }
    place.change("def get_metadata(", "import sys\n\n\ndef get_metadata(")
    place.change("    # Compared", "    sys.exit()\n    # Compared")
    assert len(refusals(place.adopt())) == 2


OWN = {
    "the import of shop.models.User": "from shop.models import User",
    "the import of sys": "import sys",
    "the import of logging as log": "import logging as log",
    "the class Own": "class Own:\n    pass",
    "the function include_object()": "def include_object(*args):\n    return True",
    "config.set_main_option('timezone', 'UTC')": (
        'config.set_main_option("timezone", "UTC")'
    ),
    "if config.get_main_option('shop'):": 'if config.get_main_option("shop"):\n    str()',
    "USE_TWOPHASE = True": "USE_TWOPHASE = True",
    "print('hello')": 'print("hello")',
    "assert config": "assert config",
    "raise TypeError": "raise TypeError",
    "str = lambda url: url": "str = lambda url: url",
    "while config:": "while config:\n    config = None",
}


@pytest.mark.parametrize("named", OWN)
def test_own_code_is_refused_and_named(place: Place, named: str) -> None:
    place.flask_migrate(foreign.env_py(own=f"\n{OWN[named]}\n"))
    before = files(place.root)
    adoption = place.adopt()
    assert adoption.state == "refused"
    (finding,) = (f for f in adoption.findings if f.severity == "error")
    assert finding.message == f"env.py has of its own: {named}."
    line = foreign.START.count("\n") + 2
    assert finding.where == f"{place.folder / 'env.py'}:{line}"
    assert (adoption.moves, adoption.lines) == ({}, ())
    assert files(place.root) == before


INSIDE = {
    ("**conf_args", "include_object=keep, **conf_args"): "context.configure(connection",
    ("target_db.metadatas[None]", 'target_db.metadatas["shop"]'): "return target_db",
    ("directives[:] = []", "directives[0].ops.clear()"): "directives[0].ops.clear()",
    ("with get_engine().connect()", "with shop.lock()"): "with shop.lock() as",
    ("def get_engine():", "@cached\ndef get_engine():"): "the function get_engine()",
    ("(TypeError, AttributeError)", "ShopError"): "except ShopError:",
}


@pytest.mark.parametrize("change", INSIDE)
def test_own_code_inside_a_usual_function_is_refused(
    place: Place, change: tuple[str, str]
) -> None:
    place.flask_migrate()
    place.change(*change)
    (message,) = refusals(place.adopt())
    assert f"of its own: {INSIDE[change]}" in message


def test_everything_that_is_in_the_way_is_named(place: Place) -> None:
    place.flask_migrate(foreign.env_py(own="\nimport sys\nimport shop\n"))
    assert len(refusals(place.adopt())) == 2


def test_import_that_is_used_elsewhere_too_is_refused(place: Place) -> None:
    foreign.alembic_folder(place.root)
    place.change(
        "target_metadata = None",
        "from shop import db\ntarget_metadata = db.metadata\ndb.configure()",
    )
    assert len(refusals(place.adopt())) == 1


def test_other_folder_in_the_ini_is_refused(place: Place) -> None:
    foreign.alembic_folder(place.root)
    ini = place.root / "alembic.ini"
    ini.write_text(ini.read_text() + "\n[other]\nscript_location = other\n")
    (message,) = refusals(place.adopt())
    assert "[other]" in message


def test_other_database_names_are_refused(place: Place) -> None:
    foreign.alembic_folder(place.root, kind="multidb")
    (message,) = refusals(place.adopt())
    assert "engine1, engine2" in message


def test_other_address_is_named_without_its_password(place: Place) -> None:
    foreign.alembic_folder(place.root)
    ini = place.root / "alembic.ini"
    url = "postgresql://me:secret@elsewhere/shop"
    text = ini.read_text().replace("driver://user:pass@localhost/dbname", url)
    ini.write_text(text)
    adoption = place.adopt()
    (finding,) = adoption.findings
    assert finding.code == "adopt-address"
    assert "elsewhere" in finding.message
    assert "secret" not in str(adoption)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("env.py", "def broken(:\n"),
        ("env.py", "\0"),
        ("alembic.ini", "no section\n"),
        ("alembic.ini", "[alembic]\ntimezone = %(nowhere)s\n"),
    ],
)
def test_broken_files_are_an_error(place: Place, name: str, text: str) -> None:
    place.flask_migrate()
    path = place.folder / name
    path.write_text(text)
    with pytest.raises(SetupError, match="can't be read") as caught:
        place.adopt()
    assert str(path) in str(caught.value)
    assert path.exists()


def test_unrelated_ini_is_left_alone(place: Place) -> None:
    ini = place.root / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = elsewhere\n")
    place.folder.mkdir()
    assert place.adopt().state == "nothing"
    assert ini.exists()


# -- moving ---------------------------------------------------------------------------


def test_undo_overwrites_nothing(place: Place) -> None:
    place.flask_migrate()
    place.adopt()
    env = place.folder / "env.py"
    env.write_text("new = True\n")
    adoption = place.adopt(undo=True)
    assert codes(adoption) == ["adopt-in-the-way"]
    assert env.read_text() == "new = True\n"
    env.unlink()
    assert place.adopt(undo=True).state == "undone"


def test_what_was_moved_aside_before_is_kept(place: Place) -> None:
    place.flask_migrate()
    place.adopt()
    place.folder.joinpath("env.py").write_text("config = None\n")
    assert place.adopt().state == "done"
    old = place.folder / ".adopted-1" / "env.py"
    assert old.read_text() == foreign.env_py()
    place.adopt(undo=True)
    assert place.folder.joinpath("env.py").read_text() == "config = None\n"


def test_broken_record_is_an_error(place: Place) -> None:
    place.flask_migrate()
    place.adopt()
    place.folder.joinpath(".adopted", "moved.json").write_text("[")
    with pytest.raises(SetupError, match="by hand"):
        place.adopt(undo=True)


def test_failing_move_leaves_everything_in_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    place.flask_migrate()
    before = files(place.root)
    real = shutil.move

    def move(old: Path, new: Path) -> object:
        if old.name == "README":
            raise OSError("disk is full")
        return real(old, new)

    monkeypatch.setattr(shutil, "move", move)
    with pytest.raises(SetupError, match="disk is full"):
        place.adopt()
    now = files(place.root)
    assert {k: v for k, v in now.items() if ".adopted" not in k} == before


# -- a whole life ---------------------------------------------------------------------


def test_adopted_folder_goes_on(project: Project, database: Database) -> None:
    """Revisions and version table of before are found, and new ones follow them."""
    folder = foreign.flask_migrate_folder(project.migrations)
    up = create_table("person")
    back = 'op.drop_table("person")'
    columns = up.replace(
        "primary_key=True)",
        'primary_key=True), sa.Column("name", sa.String(50), nullable=False)',
    )
    write_revision(folder / "versions", "a1", None, columns, back)
    with project.context() as alembic:
        alembic.upgrade()
    before = database.snapshot()
    done = project.run("adopt")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "ALEMBIC_CONTEXT" in done.stdout
    assert database.snapshot() == before
    project.config["ALEMBIC_CONTEXT"] = {"render_as_batch": True}
    project.models = PERSON_WITH_EMAIL
    with project.context() as alembic:
        assert alembic.status()[0].state == "current"
        (script,) = alembic.revision("email")
        assert script.down_revision == "a1"
        assert Path(script.path).parent == folder / "versions"
        assert alembic.upgrade().ok
        assert not alembic.needs_revision()
    assert "email" in database.columns("person")
    assert project.run("adopt", "--undo").exit_code == 0
    assert folder.joinpath("env.py").read_text() == foreign.env_py()


def test_flask_migrates_interface_goes_on_in_an_adopted_folder(
    project: Project, database: Database
) -> None:
    project.setup = (
        "from flask_migrate import Migrate\n"
        "migrate = Migrate(app, db, compare_server_default=True)"
    )
    assert project.run("init").exit_code == 0
    assert project.run("migrate", "-m", "first").exit_code == 0
    assert project.run("upgrade").exit_code == 0
    (head,) = database.versions()
    before = database.snapshot()
    assert project.run("doctor").exit_code == 0
    adopted = project.run("adopt", "--json").json["adoption"]
    assert (adopted["state"], adopted["lines"]) == ("done", [])
    names = {path.name for path in project.migrations.iterdir()}
    assert names - {"__pycache__"} == {".adopted", "versions"}
    assert project.run("current").stdout.startswith(head)
    assert "No new upgrade operations" in project.run("check").stdout
    assert database.snapshot() == before
    project.models = PERSON_WITH_EMAIL
    assert project.run("migrate", "-m", "email").exit_code == 0
    assert project.run("upgrade").exit_code == 0
    assert "email" in database.columns("person")
    assert project.run("adopt", "--undo").exit_code == 0
    assert project.run("downgrade", "base").exit_code == 0
    assert database.tables() == set()


@pytest.mark.one_database
def test_command_says_it_as_json(project: Project) -> None:
    foreign.flask_migrate_folder(
        project.migrations, foreign.env_py(own="\nimport sys\n")
    )
    refused = project.run("adopt", "--json")
    assert refused.exit_code == 1
    document = json.loads(refused.stdout)
    assert document["ok"] is False
    assert document["adoption"]["state"] == "refused"
    project.migrations.joinpath("env.py").write_text(foreign.env_py())
    planned = project.run("adopt", "--dry-run", "--json")
    assert planned.json["adoption"]["state"] == "planned"
    assert project.migrations.joinpath("env.py").exists()


@pytest.mark.one_database
def test_command_says_what_it_does(project: Project) -> None:
    folder = foreign.flask_migrate_folder(project.migrations)
    assert "would become" in project.run("adopt", "--dry-run").stdout
    assert "is configured by Flask now" in project.run("adopt").stdout
    assert "Nothing to do" in project.run("adopt").stdout
    folder.joinpath("env.py").write_text("import sys\n")
    refused = project.run("adopt")
    assert refused.exit_code == 1
    assert "error: env.py has of its own: the import of sys. [adopt-own]" in (
        refused.stdout
    )
    assert "can't be put back" in project.run("adopt", "--undo").stdout
    folder.joinpath("env.py").unlink()
    assert "would be put back" in project.run("adopt", "--undo", "--dry-run").stdout
    assert "is as it was" in project.run("adopt", "--undo").stdout
    assert "Nothing to do" in project.run("adopt", "--undo").stdout

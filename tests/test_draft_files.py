"""What is written runs: imports, names, hooks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.application import PERSON
from support.application import Project
from support.foreign import flask_migrate_folder
from support.servers import Database

from flask_alembic.errors import DraftError
from flask_alembic.migrator.drafts.written import undefined_names

TYPES = """
import enum

from sqlalchemy import types


class Money(types.TypeDecorator):
    impl = types.Numeric(10, 2)
    cache_ok = True

    def __init__(self, currency="EUR"):
        super().__init__()
        self.currency = currency


class Point(types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **kw):
        return "VARCHAR(40)"


class Holder:
    pass


class Picky(types.TypeDecorator):
    impl = types.String(20)
    cache_ok = True

    def __init__(self, holder=None):
        super().__init__()
        self.holder = holder

    def __repr__(self):
        return "Picky(Holder())"
"""

MODELS = """
from shop_types import kinds
from sqlalchemy.dialects import postgresql, mysql


class Item(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    price = sa.Column(kinds.Money("USD"))
    place = sa.Column(kinds.Point)
    both = sa.Column(sa.String(40).with_variant(kinds.Point(), "sqlite"))
    note = sa.Column(sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))
    size = sa.Column(sa.Integer().with_variant(mysql.INTEGER(unsigned=True), "mysql"))
"""

POSTGRESQL = """
class Own(db.Model):
    id = sa.Column(postgresql.UUID, primary_key=True)
    data = sa.Column(postgresql.JSONB(none_as_null=True))
    kind = sa.Column(postgresql.ENUM("a", "b", name="kind"))
    prices = sa.Column(postgresql.ARRAY(sa.Numeric(10, 2)))
    places = sa.Column(sa.ARRAY(sa.String(20)))
"""


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An application with column types in a package of its own."""
    package = project.root / "shop_types"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "kinds.py").write_text(TYPES)
    monkeypatch.syspath_prepend(project.root)
    for name in ("shop_types", "shop_types.kinds"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    project.models = MODELS
    return project


def scripted(project: Project) -> None:
    """Let the project use a folder of Flask-Migrate."""
    flask_migrate_folder(project.migrations)
    project.head = project.head.replace(
        "from flask_alembic import Alembic", "from flask_migrate import Migrate"
    )
    project.setup = f"migrate = Migrate(app, db, directory={str(project.migrations)!r})"


@pytest.mark.parametrize("folder", ["managed", "scripted"])
def test_types_are_imported(shop: Project, database: Database, folder: str) -> None:
    if database.kind == "postgresql":
        shop.models += POSTGRESQL
    if folder == "scripted":
        scripted(shop)
        written = shop.invoke("migrate", "-m", "items")
        files = list((shop.migrations / "versions").glob("*.py"))
    else:
        written = shop.invoke("revision", "items")
        files = shop.files
    assert written.exit_code == 0, written.stderr
    lines = files[0].read_text().splitlines()
    assert lines.count("import shop_types.kinds") == 1
    assert any("shop_types.kinds.Money(" in line for line in lines)
    assert shop.invoke("upgrade").exit_code == 0
    assert shop.invoke("check").exit_code == 0
    assert shop.invoke("downgrade").exit_code == 0
    assert database.tables() == set()


@pytest.mark.one_database
def test_own_rendering_wins(shop: Project) -> None:
    shop.setup = """
def render(kind, item, context):
    if kind == "type" and isinstance(item, kinds.Point):
        context.imports.add("from shop_types.kinds import Point as P")
        return "P()"
    return False


app.config["ALEMBIC_CONTEXT"] = {"render_item": render}
alembic = Alembic(app)
"""
    with shop.context() as alembic:
        (script,) = alembic.revision("items")
        text = Path(script.path).read_text()
        assert "'place', P()" in text
        assert "shop_types.kinds.Money" in text
        assert alembic.upgrade().ok


@pytest.mark.one_database
def test_unknown_names_leave_no_file(shop: Project) -> None:
    shop.models += "\n\nItem.__table__.c.place.type = kinds.Picky(kinds.Holder())\n"
    with shop.context() as alembic:
        with pytest.raises(DraftError, match="Holder"):
            alembic.revision("items")
        assert not shop.files
        # The folder is as usable as before.
        assert alembic.revision("by hand", empty=True)


@pytest.mark.one_database
def test_prefixes(project: Project) -> None:
    """Applications let drafts say ``db.Column``; the template has to import it."""
    project.config["ALEMBIC_CONTEXT"] = {"sqlalchemy_module_prefix": "db."}
    with project.context() as alembic:
        with pytest.raises(DraftError, match="db"):
            alembic.revision("x")
        template = project.migrations / "script.py.mako"
        text = template.read_text()
        template.write_text(
            text.replace(
                "import sqlalchemy as sa", "import sqlalchemy as sa\n\ndb = sa"
            )
        )
        assert len(alembic.revision("x")) == 1


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import a.b\ndef f():\n    a.b.c(len)\n    x = 1\n    return x", []),
        ("def f():\n    return sa.Column(other)", ["other", "sa"]),
        ("import sa\nclass A:\n    x = 1\n    y = sa.B\n    z = [i for i in y]", []),
        (
            "def f(x):\n    def g():\n        return x + missing\n    return g",
            ["missing"],
        ),
        ("from x import *\nstar", []),
        ("for i in (1,):\n    pass\nprint(i, __file__, __name__)", []),
        ("x: int = 1\nwith open(x) as f:\n    f\ny = lambda q: (q, gone)", ["gone"]),
        ("def f():\n    global g\n    g = 1\ndef h():\n    return g", []),
        ("@decorate\ndef f(): pass", ["decorate"]),
    ],
)
def test_undefined_names(source: str, missing: list[str]) -> None:
    assert undefined_names(source) == missing


# -- hooks ---------------------------------------------------------------------------

HOOK = """\
import pathlib
import sys

path = pathlib.Path(sys.argv[1])
path.write_text("# formatted\\n" + path.read_text())
print("hook says hello")
sys.exit({code})
"""


def hooked(project: Project, code: int = 0) -> dict[str, str]:
    hook = project.root / "hook.py"
    hook.write_text(HOOK.format(code=code))
    return {
        "hooks": "own, ruff",
        "own.type": "exec",
        "own.executable": sys.executable,
        "own.options": f"{hook} REVISION_SCRIPT_FILENAME",
        "ruff.type": "module",
        "ruff.module": "ruff",
        "ruff.options": "format REVISION_SCRIPT_FILENAME",
    }


@pytest.mark.one_database
def test_hooks(project: Project) -> None:
    project.config["ALEMBIC"] = {"post_write_hooks": hooked(project)}
    done = project.run("revision", "x", "--json")
    assert done.exit_code == 0, done.stderr
    assert len(done.json["revisions"]) == 1
    assert "hook says hello" in done.stderr
    text = project.files[0].read_text()
    assert text.startswith("# formatted\n")
    # Alembic writes single quotes, and ruff double ones.
    assert 'sa.Column("name", ' in text


@pytest.mark.one_database
def test_hooks_in_a_folder_of_flask_migrate(project: Project) -> None:
    scripted(project)
    ini = project.migrations / "alembic.ini"
    section = [f"{key} = {value}" for key, value in hooked(project).items()]
    ini.write_text(ini.read_text() + "\n".join(["\n[post_write_hooks]", *section, ""]))
    done = project.run("migrate", "-m", "x")
    assert done.exit_code == 0, done.stderr
    assert "hook says hello" in done.stderr
    assert "hook says hello" not in done.stdout
    (file,) = (project.migrations / "versions").glob("*.py")
    assert file.read_text().startswith("# formatted\n")


@pytest.mark.one_database
def test_hooks_that_fail(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    options = hooked(project, code=3)
    project.config["ALEMBIC"] = {"post_write_hooks": options}
    with project.context() as alembic:
        # What a linter finds is no reason to lose the file.
        assert len(alembic.revision("x")) == 1
        assert "exit code 3" in caplog.text
    options["own.executable"] = str(project.root / "nothing")
    project.models += PERSON.replace("Person", "Other")
    with project.context() as alembic:
        alembic.upgrade()
        with pytest.raises(DraftError, match="nothing"):
            alembic.revision("y")
    assert len(project.files) == 1


@pytest.mark.one_database
def test_hooks_that_break_the_file(project: Project) -> None:
    options = hooked(project)
    hook = project.root / "hook.py"
    project.config["ALEMBIC"] = {"post_write_hooks": {**options, "hooks": "own"}}
    for damage in ("this is not python", "revision = undefined_name"):
        hook.write_text(
            "import sys\n"
            f"open(sys.argv[1], 'a').write('\\ndef f():\\n    {damage}\\n')\n"
        )
        with project.context() as alembic, pytest.raises(DraftError):
            alembic.revision("x")
        assert not project.files

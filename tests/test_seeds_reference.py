"""The reference of the class in the first documents: each name, argument and default."""

from __future__ import annotations

import inspect
import typing as t
from datetime import datetime
from pathlib import Path

import alembic.util
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import MigrationScript
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.script import ScriptDirectory
from flask import Flask
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic


def test_signatures() -> None:
    def defaults(function: t.Callable[..., t.Any]) -> dict[str, t.Any]:
        parameters = inspect.signature(function).parameters.values()
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        return {p.name: p.default for p in positional if p.name != "self"}

    assert defaults(Alembic) == {"app": None, "run_mkdir": True, "command_name": "db"}
    expected = {"run_mkdir": None, "command_name": None}
    assert list(defaults(Alembic.init_app)) == ["app", *expected]
    assert defaults(Alembic.init_app).items() >= expected.items()
    assert defaults(Alembic.heads) == {"resolve_dependencies": False}
    assert defaults(Alembic.log) == {"start": "base", "end": "heads"}
    assert defaults(Alembic.stamp) == {"target": "heads"}
    assert defaults(Alembic.upgrade) == {"target": "heads"}
    assert defaults(Alembic.downgrade) == {"target": -1}
    merging = {"revisions": "heads", "message": None, "label": None}
    assert defaults(Alembic.merge) == merging
    assert defaults(Alembic.revision) == {
        "message": inspect.Parameter.empty,
        "empty": False,
        "branch": "default",
        "parent": "head",
        "splice": False,
        "depend": None,
        "label": None,
        "path": None,
    }


@pytest.mark.one_database
@pytest.mark.parametrize("arguments", ["False, False", "False, ''"])
@pytest.mark.parametrize("way", ["Alembic(app, {})", "Alembic().init_app(app, {})"])
def test_positional_run_mkdir_and_command_name(
    project: Project, arguments: str, way: str
) -> None:
    project.setup = way.format(arguments)
    app = project.load().app
    assert not project.migrations.exists()
    assert "db" not in app.cli.commands


@pytest.mark.one_database
def test_positional_command_name(project: Project) -> None:
    project.setup = "Alembic(app, True, 'migrations')"
    app = project.load().app
    assert "migrations" in app.cli.commands
    assert "db" not in app.cli.commands
    assert project.migrations.is_dir()


@pytest.mark.one_database
def test_init_app_overrides_the_constructor(project: Project) -> None:
    project.setup = "Alembic(None, False, False).init_app(app, True, 'database')"
    app = project.load().app
    assert "database" in app.cli.commands
    assert project.migrations.is_dir()


@pytest.mark.one_database
def test_init_app_with_none_keeps_the_constructors(project: Project) -> None:
    project.setup = "Alembic(None, False, 'x').init_app(app, None, None)"
    app = project.load().app
    assert "x" in app.cli.commands
    assert not project.migrations.exists()


@pytest.mark.one_database
def test_default_id_is_alembics(project: Project) -> None:
    with project.context() as extension:
        id = extension.rev_id()
        assert len(id) == len(alembic.util.rev_id()) == 12
        assert int(id, 16) >= 0


@pytest.mark.one_database
def test_id_from_a_timestamp(project: Project, database: Database) -> None:
    with project.context() as alembic:
        # datetime.utcnow() in the document; deprecated by newer Pythons.
        now = datetime(2024, 5, 1, 12, 30, 15, 250000)
        alembic.rev_id = lambda: str(now.timestamp())
        (made,) = alembic.revision("made changes")
        assert made.revision == str(now.timestamp())
        alembic.upgrade()
    assert database.versions() == {str(now.timestamp())}


@pytest.mark.one_database
def test_id_from_a_subclass(project: Project) -> None:
    project.setup = """
class Mine(Alembic):
    def rev_id(self):
        return "mine"

alembic = Mine(app)
"""
    with project.context() as alembic:
        (made,) = alembic.revision("x", empty=True)
        assert made.revision == "mine"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("config", Config),
        ("script_directory", ScriptDirectory),
        ("script", ScriptDirectory),
        ("environment_context", EnvironmentContext),
        ("env", EnvironmentContext),
        ("migration_context", MigrationContext),
        ("context", MigrationContext),
        ("op", Operations),
    ],
)
@pytest.mark.one_database
def test_properties(project: Project, name: str, kind: type) -> None:
    with project.context() as alembic:
        assert isinstance(getattr(alembic, name), kind)


@pytest.mark.parametrize("access", ["migration_context", "op"])
def test_connection_may_be_closed_by_hand(project: Project, access: str) -> None:
    with project.context() as alembic:
        getattr(alembic, access)
        first = alembic.migration_context.connection
        first.close()
        second = alembic.migration_context.connection
        assert not second.closed
        assert second.execute(sa.text("SELECT 1")).scalar() == 1
        second.close()


def test_run_migrations_gets_control(project: Project, database: Database) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        seen: list[tuple[t.Any, ...]] = []

        def only_a(revision: t.Any, context: MigrationContext) -> t.Any:
            seen.append((revision, context))
            return alembic.script._upgrade_revs("a", revision)

        alembic.run_migrations(only_a)
        assert len(seen) == 1
        assert isinstance(seen[0][1], MigrationContext)
    assert database.versions() == {"a"}
    assert database.tables() == {"t_a"}


@pytest.mark.one_database
def test_run_migrations_passes_arguments(project: Project, database: Database) -> None:
    table = "op.create_table(kind, sa.Column('id', sa.Integer))"
    project.revision("a", None, table, arguments="kind")
    with project.context() as alembic:
        alembic.run_migrations(
            lambda revision, _: alembic.script._upgrade_revs("heads", revision),
            kind="passed",
        )
    assert database.tables() == {"passed"}


@pytest.mark.one_database
def test_mkdir(tmp_path: Path) -> None:
    app = Flask("flask", root_path=str(tmp_path))
    alembic = Alembic(app, run_mkdir=False, metadatas=sa.MetaData())
    with app.app_context():
        alembic.mkdir()
    assert (tmp_path / "migrations" / "script.py.mako").is_file()


def ids(scripts: t.Iterable[Script]) -> list[str]:
    return [script.revision for script in scripts]


def test_answers_about_revisions(project: Project) -> None:
    project.tables("a", "b", "c")
    project.revision("c2", "b", depends="c")
    with project.context() as alembic:
        assert alembic.current() == ()
        alembic.upgrade("b")
        current = alembic.current()
        assert isinstance(current, tuple)
        assert ids(current) == ["b"]
        assert isinstance(current[0], Script)

        assert sorted(ids(alembic.heads())) == ["c", "c2"]
        assert ids(alembic.heads(True)) == ["c2"]
        assert ids(alembic.branches()) == ["b"]
        assert set(ids(alembic.log())) == {"a", "b", "c", "c2"}
        assert ids(alembic.log())[-2:] == ["b", "a"]
        assert ids(alembic.log("b", "c"))[0] == "c"


def test_stamp_upgrade_and_downgrade(project: Project, database: Database) -> None:
    project.tables("a", "b", "c")
    with project.context() as alembic:
        alembic.upgrade()
        assert database.tables() == {"t_a", "t_b", "t_c"}
        alembic.downgrade()
        assert database.tables() == {"t_a", "t_b"}
        alembic.downgrade("a")
        assert database.tables() == {"t_a"}
        alembic.stamp()
        assert database.versions() == {"c"}
        assert database.tables() == {"t_a"}
        alembic.stamp("b")
        assert database.versions() == {"b"}


@pytest.mark.one_database
def test_revision_arguments(project: Project) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        (made,) = alembic.revision("spliced", True, "", "a", True, "b", "mark")
        assert made.doc == "spliced"
        assert made.down_revision == "a"
        assert made.dependencies == "b"
        assert made.branch_labels == {"mark"}
        assert alembic.revision("last", empty=True, parent=made)[0].down_revision == (
            made.revision
        )


@pytest.mark.one_database
def test_revision_starts_an_independent_branch(project: Project) -> None:
    (project.root / "elsewhere").mkdir()
    project.config["ALEMBIC"] = {"version_locations": ["elsewhere"]}
    with project.context() as alembic:
        (first,) = alembic.revision("one", empty=True)
        (other,) = alembic.revision("two", True, "side", path="elsewhere")
        (next_,) = alembic.revision("three", True, "side")
        assert first.down_revision is None
        assert other.down_revision is None
        assert other.branch_labels == {"side"}
        assert Path(other.path).parent == project.root / "elsewhere"
        assert next_.down_revision == other.revision


@pytest.mark.one_database
def test_merge_arguments(project: Project) -> None:
    project.tables("a", "b")
    project.revision("b2", "a")
    with project.context() as alembic:
        made = alembic.merge(["b", "b2"], "together", "joined")
        assert isinstance(made, Script)
        assert set(made.down_revision) == {"b", "b2"}
        assert made.doc == "together"
        assert made.branch_labels == {"joined"}
        assert ids(alembic.heads()) == [made.revision]


def test_comparing_models_with_the_database(project: Project) -> None:
    with project.context() as alembic:
        produced = alembic.produce_migrations()
        assert isinstance(produced, MigrationScript)
        assert not produced.upgrade_ops.is_empty()
        assert alembic.compare_metadata()[0][0] == "add_table"
        alembic.revision("all")
        alembic.upgrade()
        assert alembic.compare_metadata() == []
        assert alembic.produce_migrations().upgrade_ops.is_empty()


@pytest.mark.one_database
def test_functions_need_an_application_context(project: Project) -> None:
    module = project.load()
    with pytest.raises(RuntimeError, match="application context"):
        module.alembic.upgrade()

"""Where databases come from: extensions, engines, several of them, some of them."""

from __future__ import annotations

import re
import typing as t
import warnings

import pytest
from support.application import Project
from support.servers import Database
from support.sources import do_everything
from support.sources import lite
from support.sources import plain
from support.sources import undo

from flask_alembic.errors import MigrationError


def test_flask_sqlalchemy(project: Project, database: Database) -> None:
    do_everything(project)
    assert database.tables() == {"person"}
    undo(project)
    assert database.tables() == set()


def test_flask_sqlalchemy_lite(project: Project, database: Database) -> None:
    lite(project, default=database.url)
    do_everything(project)
    assert database.tables() == {"person"}
    undo(project)
    assert database.tables() == set()


def test_plain_engine(project: Project, database: Database) -> None:
    plain(project, f"sa.create_engine({database.url!r})")
    do_everything(project)
    assert database.tables() == {"person"}
    undo(project)
    assert database.tables() == set()


@pytest.mark.parametrize("options", ["{}", "{'isolation_level': 'AUTOCOMMIT'}"])
def test_engine_with_options(
    project: Project, database: Database, options: str
) -> None:
    """What ``Engine.execution_options()`` gives, and an engine in autocommit."""
    made = f"sa.create_engine({database.url!r}).execution_options(**{options})"
    plain(project, made)
    do_everything(project)
    assert database.tables() == {"person"}
    undo(project)
    assert database.tables() == set()


@pytest.mark.needs("server", "ddl_commits")
def test_either_name_of_the_mariadb_dialect(
    project: Project, database: Database
) -> None:
    for name in ("mariadb+pymysql", "mysql+pymysql"):
        url = database.url_with(drivername=name)
        project.config["SQLALCHEMY_DATABASE_URI"] = url
        with project.context() as alembic:
            alembic.needs_upgrade() and alembic.upgrade()
            alembic.revision(name.partition("+")[0])
            alembic.upgrade()
            assert alembic.compare_metadata() == []
    assert database.tables() == {"person"}
    assert len(project.files) == 1


def names(answers: t.Iterable[t.Any]) -> list[str]:
    return [answer.database.name for answer in answers]


def test_every_bind(two: Project, database: Database, other: Database) -> None:
    do_everything(two)
    assert database.tables() == {"person"}
    assert other.tables() == {"log"}
    assert database.versions() == other.versions()
    undo(two)
    assert database.tables() == other.tables() == set()


@pytest.mark.one_database
def test_binds_only_when_asked_for(
    two: Project, other: Database, caplog: pytest.LogCaptureFixture
) -> None:
    two.config["ALEMBIC_BINDS"] = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with two.context() as alembic:
            alembic.revision("x")
            alembic.upgrade()
    said = [str(w.message) for w in caught]
    said += [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert any(re.search(r"\blog\b", line) for line in said), said
    assert other.all_tables() == set()


@pytest.mark.one_database
def test_binds_that_metadatas_names(
    two: Project, database: Database, other: Database
) -> None:
    two.config.pop("ALEMBIC_BINDS")
    two.setup = (
        "alembic = Alembic(app, metadatas={'default': db.metadatas[None],"
        " 'log': db.metadatas['log']})"
    )
    do_everything(two)
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})


def test_several_plain_engines(
    project: Project, database: Database, other: Database
) -> None:
    plain(project, f"sa.create_engine({database.url!r})")
    project.models += f"""
engines["log"] = sa.create_engine({other.url!r})
logs = sa.MetaData()
sa.Table("log", logs, sa.Column("id", sa.Integer, primary_key=True))
"""
    project.setup = """
alembic = Alembic(app, metadatas={"default": metadata, "log": logs}, engines=engines)
"""
    do_everything(project)
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})


@pytest.mark.one_database
def test_several_engines_of_lite(
    project: Project, database: Database, other: Database
) -> None:
    lite(project, default=database.url, log=other.url)
    project.setup = """
logs = sa.MetaData()
sa.Table("log", logs, sa.Column("id", sa.Integer, primary_key=True))
alembic = Alembic(app, metadatas={"default": Base.metadata, "log": logs})
"""
    do_everything(project)
    assert (database.tables(), other.tables()) == ({"person"}, {"log"})


def test_a_bind_added_later(
    project: Project, database: Database, other: Database
) -> None:
    project.config["ALEMBIC_BINDS"] = True
    with project.context() as alembic:
        alembic.revision("alone")
        alembic.upgrade()
    # The template is the one for a single database, made before.
    for key, url in (("log", other.url), ("audit", database.sibling().url)):
        project.bind(key, url)
        with project.context() as alembic:
            assert alembic.upgrade().ok
            assert len(alembic.revision("more")) == 1
            assert alembic.upgrade().ok
            assert alembic.compare_metadata() == []
    assert database.tables() == {"person"}
    assert other.tables() == {"log"}


@pytest.mark.one_database
def test_a_key_error_of_the_revisions_own_is_no_missing_bind(two: Project) -> None:
    two.revision("a", None, "{}['upgrade_other']", arguments="engine_name")
    with two.context() as alembic, pytest.raises(KeyError, match="upgrade_other"):
        alembic.upgrade()


@pytest.mark.one_database
def test_a_bind_whose_name_is_no_identifier(
    project: Project, database: Database, other: Database
) -> None:
    project.bind("my-auth", other.url)
    do_everything(project)
    assert other.tables() == {"my_auth"}


def test_several_metadata_for_one_database(
    project: Project, database: Database
) -> None:
    plain(project, f"sa.create_engine({database.url!r})")
    project.models += """
more = sa.MetaData()
sa.Table("more", more, sa.Column("id", sa.Integer, primary_key=True))
"""
    project.setup = (
        "alembic = Alembic(app, metadatas=[metadata, more], engines=engines)"
    )
    do_everything(project)
    assert database.tables() == {"person", "more"}


@pytest.mark.one_database
def test_some_of_the_databases(
    two: Project, database: Database, other: Database
) -> None:
    with two.context() as alembic:
        alembic.revision("x")
        assert names(alembic.upgrade(databases=["log"]).databases) == ["log"]
        assert (database.tables(), other.tables()) == (set(), {"log"})
        assert names(alembic.plan(databases=["default"])) == ["default"]
        assert names(alembic.status(databases=["log"])) == ["log"]
        assert names(alembic.status()) == ["default", "log"]
        alembic.stamp(databases=["default"])
        assert alembic.downgrade("base", databases=["log"]).ok
        assert database.versions() and not other.versions()
        with pytest.raises(MigrationError, match="nowhere"):
            alembic.upgrade(databases=["nowhere"])


@pytest.mark.one_database
def test_some_of_the_databases_on_the_command_line(
    two: Project, database: Database, other: Database
) -> None:
    assert two.invoke("revision", "x").exit_code == 0
    assert two.invoke("upgrade", "--database", "log").exit_code == 0
    assert (database.tables(), other.tables()) == (set(), {"log"})
    assert two.invoke("current", "--check-heads").exit_code == 1
    done = two.invoke("current", "--check-heads", "--database", "log")
    assert done.exit_code == 0
    both = ["--database", "log", "--database", "default"]
    assert two.invoke("upgrade", *both).exit_code == 0
    assert database.tables() == {"person"}


def test_two_names_for_one_database(project: Project, database: Database) -> None:
    """It would wait for its own lock, so it is refused, naming both."""
    project.bind("log", database.url)
    project.tables("a", arguments="engine_name")
    done = project.run("upgrade")
    assert done.exit_code == 1
    assert len(done.error_lines) <= 5
    message = "\n".join(done.error_lines)
    assert "default" in message
    assert "log" in message
    assert database.tables() == set()


def test_each_database_runs_from_where_it_is(
    two: Project, database: Database, other: Database
) -> None:
    two.tables("a", "b", "c", arguments="engine_name")
    with two.context() as alembic:
        alembic.upgrade("b", databases=["default"])
        alembic.upgrade("a", databases=["log"])
        report = alembic.upgrade()
        counts = {r.database.name: len(r.steps) for r in report.databases}
        assert counts == {"default": 1, "log": 2}
        alembic.downgrade(-1)
    assert database.versions() == other.versions() == {"b"}


def test_revisions_that_have_no_name_for_the_default_database(
    two: Project, database: Database, other: Database
) -> None:
    """Flask-Migrate's for several databases end its functions with nothing."""
    two.revision(
        "a",
        None,
        "globals()[f'upgrade_{engine_name}']()",
        "globals()[f'downgrade_{engine_name}']()",
        arguments="engine_name",
        extra="""
def upgrade_():
    op.create_table("main", sa.Column("id", sa.Integer, primary_key=True))

def upgrade_log():
    op.create_table("logged", sa.Column("id", sa.Integer, primary_key=True))

def downgrade_():
    op.drop_table("main")

def downgrade_log():
    op.drop_table("logged")
""",
    )
    with two.context() as alembic:
        alembic.upgrade()
        assert (database.tables(), other.tables()) == ({"main"}, {"logged"})
        alembic.downgrade("base")
    assert (database.tables(), other.tables()) == (set(), set())

"""Tables that a draft leaves alone, and tables that it refuses to drop."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.application import PERSON
from support.application import Project
from support.application import TASK
from support.revisions import create_table
from support.servers import Database

from flask_alembic.errors import DraftError
from flask_alembic.migrator.drafts.created import Made
from flask_alembic.migrator.drafts.created import made
from flask_alembic.results import Draft


def start(project: Project, models: str = PERSON + TASK) -> None:
    project.models = models
    with project.context() as alembic:
        alembic.revision("all")
        assert alembic.upgrade().ok


def diff(project: Project, **options: bool) -> Draft:
    with project.context() as alembic:
        return alembic.diff(**options)


def names(draft: Draft) -> set[str]:
    return {operation.name for operation in draft.operations}


# -- what isn't ours -----------------------------------------------------------------


def test_foreign_tables_are_left_out_and_named(
    project: Project, database: Database
) -> None:
    start(project)
    database.execute(
        "CREATE TABLE legacy (id INTEGER)", "CREATE INDEX ix_legacy ON legacy (id)"
    )
    project.models = PERSON
    draft = diff(project)
    assert names(draft) == {"task"}
    (finding,) = draft.findings
    assert finding.code == "not-ours"
    assert "legacy" in finding.message
    with project.context() as alembic:
        # Alembic's own answer has it.
        assert any("legacy" in str(found) for found in alembic.compare_metadata())
        (script,) = alembic.revision("task goes")
        assert "legacy" not in Path(script.path).read_text()
        alembic.upgrade()
    assert database.tables() == {"person", "legacy"}
    done = project.invoke("check")
    assert done.exit_code == 0
    assert done.stdout.startswith("No changes detected.\n")
    assert "not ours: legacy" in done.stdout


def test_foreign_tables_are_dropped_if_asked_for(
    project: Project, database: Database
) -> None:
    start(project)
    database.execute("CREATE TABLE legacy (id INTEGER)")
    assert "legacy" in names(diff(project, all_tables=True))
    assert project.invoke("check", "--all-tables").exit_code == 1
    project.config["ALEMBIC_DROP_UNKNOWN_TABLES"] = True
    assert names(diff(project)) == {"legacy"}


KEPT = 'db.Table("t_kept", sa.Column("id", sa.Integer, primary_key=True))'


@pytest.mark.one_database
def test_a_table_that_a_revision_once_made_is_ours(
    project: Project, database: Database
) -> None:
    """However the revision has written it."""
    bodies = {
        "t_kept": create_table("t_kept"),
        "t_call": create_table("t_call"),
        "t_sql": 'op.execute("CREATE TABLE IF NOT EXISTS t_sql (id INTEGER)")',
        "t_new": create_table("t_old") + '\nop.rename_table("t_old", "t_new")',
        "t_to": 'op.execute("CREATE TABLE t_fr (a INT)")\n'
        'op.execute("ALTER TABLE t_fr RENAME TO t_to")',
        "t_named": create_table("t_named").replace('"t_named"', "NAME"),
        "t_loop": 'for name in ["t_loop"]:\n    op.create_table(name, sa.Column("a", sa.Integer))',
    }
    down = None
    for name, body in bodies.items():
        id = name.replace("_", "")
        project.revision(id, down, body, extra='NAME = "t_named"')
        down = id
    project.models = KEPT
    with project.context() as alembic:
        assert alembic.upgrade().ok
        draft = alembic.diff()
    # What the files don't say literally is left alone.
    assert names(draft) == set(bodies) - {"t_kept", "t_loop"}
    assert "t_loop" in draft.findings[0].message


def test_version_tables_of_others_are_left_out(
    project: Project, database: Database
) -> None:
    start(project)
    database.execute("CREATE TABLE plugin_version (version_num VARCHAR(32) NOT NULL)")
    for all_tables in (False, True):
        draft = diff(project, all_tables=all_tables)
        assert (draft.operations, draft.findings) == ((), ())


def test_another_databases_tables_are_not_this_ones(
    two: Project, other: Database
) -> None:
    start(two, two.models)
    other.execute("CREATE TABLE person (id INTEGER)")
    draft = diff(two)
    assert draft.operations == ()
    assert "'log'" in draft.findings[0].message


# -- patterns ------------------------------------------------------------------------


def test_patterns(project: Project, database: Database) -> None:
    start(project)
    database.execute("CREATE TABLE tmp_one (a INTEGER)")
    database.execute("CREATE TABLE spatial_ref_sys (a INTEGER)")
    project.models = PERSON + TASK.replace("title", "renamed")
    project.config["ALEMBIC_IGNORE_TABLES"] = ["tmp_*", "task", "postgis"]
    assert diff(project) == Draft(None, ())
    with project.context() as alembic:
        assert alembic.compare_metadata()


@pytest.mark.one_database
def test_patterns_must_be_names(project: Project) -> None:
    project.config["ALEMBIC_IGNORE_TABLES"] = 5
    done = project.invoke("check")
    assert done.exit_code == 1
    assert "ALEMBIC_IGNORE_TABLES" in done.stderr
    project.config["ALEMBIC_IGNORE_TABLES"] = "a, person"
    assert diff(project) == Draft(None, ())


@pytest.mark.needs("schemas")
def test_patterns_with_a_schema(project: Project, database: Database) -> None:
    database.execute("CREATE SCHEMA shop", "CREATE TABLE shop.task (id INTEGER)")
    project.config["ALEMBIC_CONTEXT"] = {"include_schemas": True}
    start(project)
    assert "shop.task" in diff(project).findings[0].message
    project.models = PERSON
    project.config["ALEMBIC_IGNORE_TABLES"] = ["shop.*"]
    draft = diff(project)
    assert (names(draft), draft.findings) == ({"task"}, ())
    project.config["ALEMBIC_IGNORE_TABLES"] = ["public.task"]
    draft = diff(project)
    assert draft.operations == ()
    assert "shop.task" in draft.findings[0].message


# -- no model ------------------------------------------------------------------------


def test_no_model_was_imported(project: Project, database: Database) -> None:
    start(project)
    project.models = ""
    (project.root / "shop.py").write_text(
        "from app import db\n\n\nclass Item(db.Model):\n    pass\n"
    )
    for command in (["revision", "x"], ["check"], ["diff"], ["diff", "--sql"]):
        done = project.invoke(*command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "0 tables" in done.stderr
        assert "2 tables" in done.stderr
        assert "shop.py" in done.stderr
    assert len(project.files) == 1
    with project.context() as alembic:
        with pytest.raises(DraftError, match="project_"):
            alembic.needs_revision()
        assert len(alembic.compare_metadata()) == 2
        # Who means it, says it.
        assert alembic.revision("all go", all_tables=True)
        alembic.upgrade()
    assert database.tables() == set()


@pytest.mark.one_database
def test_only_some_models_were_imported(project: Project) -> None:
    project.tables("a", "b", "c")
    with project.context() as alembic:
        alembic.upgrade()
        with pytest.raises(DraftError, match=r"1 table .* 3 tables"):
            alembic.diff()


@pytest.mark.one_database
def test_the_last_models_may_be_replaced(project: Project) -> None:
    start(project, PERSON)
    project.models = TASK
    assert names(diff(project)) == {"person", "task"}


@pytest.mark.one_database
def test_no_models_and_no_tables(project: Project, database: Database) -> None:
    project.models = ""
    assert project.invoke("check").exit_code == 0
    database.execute("CREATE TABLE legacy (id INTEGER)")
    assert diff(project).operations == ()


# -- files ---------------------------------------------------------------------------


def test_what_files_say() -> None:
    text = '''
"""CREATE TABLE not_this"""
NAME = "constant"


def upgrade_log():
    op.create_table("Log", schema="Audit")
    op.create_table(table_name="keyword")


def downgrade():
    """CREATE TABLE nor_this"""
    op.create_table(NAME)
    op.create_table(f"{NAME}_x")
    op.create_table("hidden", schema=find())
    op.execute(f"CREATE TABLE part_{NAME}")
    op.execute("create unlogged table if not exists \\"My Schema\\".`tick`(a int)")
    op.execute("CREATE TEMPORARY TABLE gone (a int)")
'''
    assert made(text) == {
        Made("log", "audit", "log"),
        Made("keyword", None, "log"),
        Made("constant"),
        Made("tick", "my schema"),
    }

"""What reviews found: one test for each."""

from __future__ import annotations

import pickle
import sys
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.application import checked_out
from support.application import engines_of
from support.application import Project
from support.clients import apply_script
from support.clients import client
from support.revisions import create_table
from support.servers import Database
from support.servers import problem
from support.servers import SERVERS

from flask_alembic import Alembic
from flask_alembic.errors import DraftError
from flask_alembic.errors import MigrationError
from flask_alembic.errors import RevisionFileError
from flask_alembic.errors import SetupError
from flask_alembic.errors import TargetError
from flask_alembic.errors import VersionTableError
from flask_alembic.migrator.databases import masked
from flask_alembic.results import DatabaseResult
from flask_alembic.results import Event

ORPHAN_ON_DEFAULT = """
if engine_name == "default":
    op.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    op.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER"
        " REFERENCES parent (id))")
    op.execute("INSERT INTO child VALUES (1, 99)")
else:
    op.create_table("made", sa.Column("id", sa.Integer, primary_key=True))
"""

FAIL = "raise ValueError('no luck')"
LONG = "x" * 40

DEFERRED = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER"
    " REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
)

ORPHAN = "INSERT INTO child VALUES (1, 99)"

postgresql = pytest.mark.needs("concurrent_index")
one_database = pytest.mark.one_database


def results_of(error: t.Any) -> dict[str, DatabaseResult]:
    return {result.database.name: result for result in error.report.databases}


def result_of(error: t.Any) -> DatabaseResult:
    (result,) = error.report.databases
    return result


def states(result: DatabaseResult) -> dict[str, str]:
    return {step.step.revision.id: step.state for step in result.steps}


@pytest.fixture
def failing(project: Project) -> Project:
    """A revision that works and one that fails after its first statement."""
    project.tables("a")
    project.revision("b", "a", create_table("half") + f"\n{FAIL}")
    return project


# The live connections


@postgresql
@pytest.mark.parametrize("name", ["default", "log"])
def test_violation_at_the_end_gives_every_connection_back(
    two: Project, database: Database, other: Database, name: str
) -> None:
    kept = {"default": "log", "log": "default"}[name]
    module = two.load()
    with two.closing(module) as app:
        context = app.app_context()
        context.push()
        ops = module.alembic.ops
        ops[kept].execute("CREATE TABLE kept (id INTEGER)")
        for statement in (*DEFERRED, ORPHAN):
            ops[name].execute(statement)
        with pytest.raises(sa.exc.IntegrityError, match="child"):
            context.pop()
        assert [checked_out(engine) for engine in engines_of(module)] == [0, 0]
    made = {"default": database, "log": other}
    assert made[kept].all_tables() == {"kept"}
    assert made[name].all_tables() == set()


def test_using_leaves_no_listener(project: Project) -> None:
    project.tables("a")
    module = project.load()
    with (
        project.closing(module) as app,
        app.app_context(),
        module.db.engine.connect() as connection,
    ):
        with module.alembic.using(connection):
            module.alembic.upgrade()
            assert module.alembic.context.connection is connection
        assert list(connection.dispatch.before_cursor_execute) == []
        assert list(connection.dispatch.commit) == []
        assert list(connection.dispatch.rollback) == []
        connection.commit()


@one_database
@pytest.mark.parametrize("configured", [False, True])
def test_command_in_using_leaves_the_session_uncommitted(
    project: Project, database: Database, configured: bool
) -> None:
    project.config["ALEMBIC_SESSION"] = configured
    project.revision("a", None, create_table("person", "name"))
    assert project.invoke("upgrade").exit_code == 0
    module = project.load()
    with project.closing(module) as app, app.app_context():
        with module.alembic.using(module.db.session):
            module.db.session.add(module.Person(name="Ada"))
            module.db.session.flush()
            done = app.test_cli_runner().invoke(args=["db", "current"])
            assert (done.exit_code, "a" in done.stdout) == (0, True)
        assert database.rows("SELECT name FROM person") == []
        module.db.session.rollback()
    assert database.rows("SELECT name FROM person") == []


def test_second_step_fails_on_a_lent_connection(
    failing: Project, database: Database
) -> None:
    module = failing.load()
    with (
        failing.closing(module) as app,
        app.app_context(),
        module.db.engine.connect() as connection,
        module.alembic.using(connection),
    ):
        with pytest.raises(ValueError, match="no luck") as caught:
            module.alembic.upgrade()
        query = sa.text("SELECT version_num FROM alembic_version")
        assert connection.execute(query).scalars().all() == ["a"]
        connection.rollback()
    result = result_of(caught.value)
    assert (result.outcome, result.heads) == ("partial", ("a",))
    assert states(result) == {"a": "done", "b": "failed"}


@pytest.mark.needs("transactional_ddl")
def test_work_by_hand_survives_a_failing_run(
    failing: Project, database: Database
) -> None:
    with pytest.raises(ValueError, match="no luck"), failing.context() as alembic:
        alembic.op.execute("CREATE TABLE by_hand (id INTEGER)")
        alembic.upgrade()
    assert database.all_tables() == {"by_hand"}


@postgresql
def test_local_timeout_counts_in_a_revision(
    project: Project, database: Database
) -> None:
    query = "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS value"
    project.revision("a", None, f'op.execute("{query}")')
    with project.context() as alembic:
        alembic.op.execute("SET LOCAL lock_timeout = '1234ms'")
        alembic.upgrade()
    assert database.rows("SELECT value FROM seen") == [("1234ms",)]


# Runs and their reports


@pytest.mark.needs("file")
def test_orphan_is_found_before_what_cannot_be_undone(
    project: Project, database: Database, tmp_path: Path
) -> None:
    reason = problem("mariadb")
    if reason is not None:
        pytest.skip(f"NO SERVER: {reason}")
    mariadb = Database(SERVERS["mariadb"], tmp_path)
    try:
        project.bind("log", mariadb.url)
        project.revision("a", None, ORPHAN_ON_DEFAULT, arguments="engine_name")
        with project.context() as alembic:
            with pytest.raises(Exception, match="child") as caught:
                alembic.upgrade()
            assert mariadb.all_tables() == set()
        assert database.all_tables() == set()
        assert results_of(caught.value)["log"].outcome == "unchanged"
    finally:
        mariadb.drop()


@one_database
def test_unreachable_database_that_was_not_asked_for(
    project: Project, database: Database
) -> None:
    project.bind("log", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    project.tables("a", arguments="engine_name")
    chosen = ["default"]
    with project.context() as alembic:
        assert alembic.upgrade(databases=chosen).databases[0].outcome == "done"
        assert alembic.upgrade(databases=chosen).databases[0].outcome == "unchanged"
        changes = {o.change for o in alembic.diff(databases=chosen).operations}
        assert changes == {"add table", "remove table"}
        assert alembic.downgrade(databases=chosen).ok
    assert database.tables() == set()


def test_refused_plan_has_a_report(project: Project, database: Database) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        alembic.upgrade("a")
        database.execute("UPDATE alembic_version SET version_num = 'gone'")
        with pytest.raises(VersionTableError, match="gone") as caught:
            alembic.upgrade()
    result = result_of(caught.value)
    assert (result.outcome, result.heads) == ("failed", ("gone",))
    assert result.error and "gone" in result.error


def test_failing_purge_reports_the_real_heads(
    project: Project, database: Database
) -> None:
    def refuse(**_: object) -> None:
        raise ValueError("no luck")

    project.tables("a", "b")
    module = project.load()
    with project.closing(module) as app, app.app_context():
        module.alembic.upgrade("a")
        module.alembic._end_context(None)
        app.config["ALEMBIC_CONTEXT"]["on_version_apply"] = refuse
        with pytest.raises(ValueError, match="no luck") as caught:
            module.alembic.stamp("b", purge=True)
    assert set(result_of(caught.value).heads) == database.versions() == {"a"}


@one_database
def test_purge_to_base_is_done(project: Project, database: Database) -> None:
    project.tables("a")
    with project.context() as alembic:
        alembic.upgrade()
        (result,) = alembic.stamp("base", purge=True).databases
    assert (result.outcome, result.heads) == ("done", ())
    assert database.versions() == set()


def test_purge_in_sql(project: Project, database: Database) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        alembic.stamp("a")
        database.execute("UPDATE alembic_version SET version_num = 'gone'")
        script = alembic.stamp("b", sql=True, purge=True)["default"]
    assert "DELETE FROM alembic_version" in script
    assert "guard" not in script
    assert "Nothing was changed" not in script
    if client(database) is not None:
        assert apply_script(database, script).exit_code == 0
        assert database.versions() == {"b"}


@one_database
def test_stamp_of_two_revisions_of_one_line(
    project: Project, database: Database
) -> None:
    project.tables("a", "b")
    with project.context() as alembic:
        for target in (["a", "b"], ["b", "a"]):
            with pytest.raises(TargetError, match="a comes before"):
                alembic.stamp(target)
            with pytest.raises(TargetError, match="a comes before"):
                alembic.stamp(target, sql=True)
    assert database.versions() == set()


@postgresql
def test_deferred_violation_in_a_transaction_of_its_own(
    project: Project, database: Database
) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": True}
    project.revision("a", None, "\n".join(f"op.execute({s!r})" for s in DEFERRED))
    project.revision("b", "a", f"op.execute('{ORPHAN}')")
    idle = (
        "SELECT state FROM pg_stat_activity WHERE starts_with(state, 'idle in ')"
        f" AND datname = '{database.name}'"
    )
    with project.context() as alembic:
        with pytest.raises(sa.exc.IntegrityError, match="child") as caught:
            alembic.upgrade()
        assert database.rows(idle) == []
    assert "in revision b" in "\n".join(caught.value.__notes__)
    result = result_of(caught.value)
    assert states(result) == {"a": "done", "b": "failed"}
    assert (result.outcome, result.heads) == ("partial", ("a",))
    assert database.versions() == {"a"}


@one_database
def test_listener_that_raises_stops_nothing(
    project: Project, database: Database
) -> None:
    def fail(event: Event) -> None:
        raise ValueError("listener")

    project.tables("a", "b")
    with project.context() as alembic, alembic.listen(fail):
        assert alembic.upgrade().ok
    assert database.versions() == {"b"}


@one_database
def test_failing_step_is_told_to_listeners(failing: Project) -> None:
    events: list[Event] = []
    with (
        failing.context() as alembic,
        alembic.listen(events.append),
        pytest.raises(ValueError, match="no luck"),
    ):
        alembic.upgrade()
    assert [event.kind for event in events] == [
        "run_started",
        *["step_started", "step_finished"] * 2,
        "run_failed",
    ]
    assert events[-1].message == "ValueError: no luck"
    result = events[-2].result
    assert result is not None and result.state == "failed"
    assert result.error == "ValueError: no luck"


@one_database
def test_override_by_assignment_is_called_at_head(project: Project) -> None:
    project.tables("a")
    calls: list[object] = []
    with project.context() as alembic:
        stock = alembic.run_migrations

        def mine(fn: t.Any, **kwargs: t.Any) -> object:
            calls.append(fn)
            return stock(fn, **kwargs)

        alembic.run_migrations = mine  # type: ignore[method-assign]
        alembic.upgrade()
        assert alembic.upgrade().ok
    assert len(calls) == 2


BY_TABLE = (
    "kind = sa.Enum('x', 'y', name='kind')",
    "",
    "op.execute('DROP TYPE kind')",
)
BY_HAND = (
    "from sqlalchemy.dialects.postgresql import ENUM\n"
    "kind = ENUM('x', 'y', name='kind', create_type=False)",
    "kind.create(op.get_bind())\n",
    "kind.drop(op.get_bind())",
)


@postgresql
@pytest.mark.parametrize("texts", [BY_TABLE, BY_HAND], ids=["by table", "by hand"])
def test_type_is_made_and_dropped_in_one_context(
    project: Project, database: Database, texts: tuple[str, str, str]
) -> None:
    made, create, drop = texts
    up = f"{create}op.create_table('t', sa.Column('kind', kind))"
    project.revision("a", None, up, f"op.drop_table('t')\n{drop}", extra=made)
    query = "SELECT count(*) FROM pg_type WHERE typname = 'kind'"
    with project.context() as alembic:
        alembic.upgrade()
        alembic.downgrade("base")
        assert database.rows(query) == [(0,)]
        alembic.upgrade()
    assert database.rows(query) == [(1,)]
    assert database.tables() == {"t"}


@postgresql
def test_failing_run_on_an_autocommit_engine(
    failing: Project, database: Database
) -> None:
    failing.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
    with (
        failing.context() as alembic,
        pytest.raises(ValueError, match="no luck") as caught,
    ):
        alembic.upgrade()
    assert database.all_tables() == set()
    result = result_of(caught.value)
    assert (result.outcome, result.heads) == ("rolled_back", ())
    assert states(result) == {"a": "rolled_back", "b": "failed"}


# Revisions, targets and the version table


@one_database
def test_status_with_an_unknown_row_and_a_dependency(
    project: Project, database: Database
) -> None:
    project.tables("a")
    project.revision("b", None, create_table("t_b"), depends="a")
    with project.context() as alembic:
        alembic.upgrade("a")
        database.execute("INSERT INTO alembic_version VALUES ('gone')")
        (status,) = alembic.status()
    assert (status.state, status.unknown) == ("diverged", ("gone",))


def test_new_version_table_is_wide_enough(project: Project, database: Database) -> None:
    project.tables("a", LONG)
    with project.context() as alembic:
        assert alembic.upgrade().ok
        assert not alembic.needs_upgrade()
        alembic.downgrade("base")
        assert database.tables() == set()
        alembic.upgrade()
    assert database.versions() == {LONG}


@pytest.mark.needs("server")
def test_narrow_version_table_is_refused_first(
    project: Project, database: Database
) -> None:
    project.tables("a", "b", LONG)
    with project.context() as alembic:
        alembic.upgrade("a")
        with pytest.raises(VersionTableError, match=LONG):
            alembic.upgrade()
    assert (database.tables(), database.versions()) == ({"t_a"}, {"a"})


@one_database
def test_plan_of_a_downgrade_is_one_step(project: Project) -> None:
    project.tables("a", "b", "c")
    with project.context() as alembic:
        alembic.upgrade()
        (plan,) = alembic.plan(direction="downgrade")
    assert [step.revision.id for step in plan.steps] == ["c"]
    assert (plan.current, plan.target) == (("c",), ("b",))


@one_database
def test_downgrade_by_a_count_with_two_heads(
    project: Project, database: Database
) -> None:
    project.tables("root")
    project.tables("left", down="root")
    project.tables("right", down="root")
    with project.context() as alembic:
        alembic.upgrade()
        for act in (alembic.downgrade, lambda: alembic.plan(direction="downgrade")):
            with pytest.raises(TargetError, match=r"left.*right|right.*left"):
                act()
    done = project.invoke("downgrade", "-1")
    assert done.exit_code == 1
    assert "left" in done.stderr and "right" in done.stderr
    assert database.versions() == {"left", "right"}


@one_database
def test_revision_without_upgrade(project: Project, database: Database) -> None:
    project.migrations.mkdir()
    path = project.migrations / "a_bare.py"
    path.write_text("revision = 'a'\ndown_revision = None\n")
    with (
        project.context() as alembic,
        pytest.raises(RevisionFileError, match=r"a_bare\.py") as caught,
    ):
        alembic.upgrade()
    assert caught.value.path == str(path)
    assert database.all_tables() == set()


@one_database
def test_log_that_ends_out_of_range(project: Project) -> None:
    project.tables("a")
    done = project.invoke("log", "--end", "-1")
    assert (done.exit_code, done.stdout, len(done.error_lines)) == (1, "", 1)


# Settings and errors


@one_database
def test_one_bind_as_text(project: Project, database: Database) -> None:
    for key in ("log", "more"):
        project.bind(key, database.sibling().url)
    project.config["ALEMBIC_BINDS"] = "log"
    project.tables("a", arguments="engine_name")
    with project.context() as alembic:
        names = {result.database.name for result in alembic.upgrade().databases}
    assert names == {"default", "log"}


@one_database
def test_no_script_location(project: Project) -> None:
    project.config["ALEMBIC"] = {"script_location": None}
    with project.context() as alembic:
        with pytest.raises(SetupError, match="script_location"):
            alembic.upgrade()
        with pytest.raises(SetupError, match="script_location"):
            alembic.config  # noqa: B018


def test_address_of_odbc_is_masked() -> None:
    url = "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dsa%3BPWD%3Dsecret"
    assert "secret" not in masked(sa.make_url(url))


@one_database
def test_errors_survive_pickling(project: Project) -> None:
    project.tables("a")
    bare = RevisionFileError("no", path="a.py", fix="do")
    with project.context() as alembic:
        with pytest.raises(TargetError) as caught:
            alembic.upgrade("nowhere")
        alembic.upgrade()
        alembic.op.execute("UPDATE alembic_version SET version_num = 'gone'")
        with pytest.raises(VersionTableError) as reported:
            alembic.downgrade()
    for error in (MigrationError("no"), bare, caught.value, reported.value):
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, MigrationError)
        assert isinstance(error, type(again))
        assert (str(again), again.message, again.fix) == (
            str(error),
            error.message,
            error.fix,
        )
        assert again.report == error.report
    assert pickle.loads(pickle.dumps(bare)).path == "a.py"
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), TargetError)
    assert reported.value.report is not None


def test_asynchronous_connection_is_no_engine() -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    connection = create_async_engine("sqlite+aiosqlite://").connect()
    with pytest.raises(TypeError, match="AsyncConnection"):
        Alembic(metadatas=sa.MetaData(), engines=t.cast(t.Any, connection))


# Drafts

EVIL_HOOK = """
def name(context, revision, directives):
    directives[0].rev_id = "../../evil"

app.config["ALEMBIC_CONTEXT"] = {"process_revision_directives": name}
"""

CUSTOM_HOOK = """
from alembic.operations import MigrateOperation

class MakeViewOp(MigrateOperation):
    pass

def append(context, revision, directives):
    directives[0].upgrade_ops.ops.append(MakeViewOp())

app.config["ALEMBIC_CONTEXT"] = {"process_revision_directives": append}
"""


@one_database
@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("way", ["hook", "template"])
def test_file_outside_of_the_folder(
    project: Project, tmp_path: Path, way: str, empty: bool
) -> None:
    if way == "hook":
        if empty:
            project.config["ALEMBIC"] = {"revision_environment": True}
        project.setup += EVIL_HOOK
    else:
        project.config["ALEMBIC"] = {"file_template": "../../%(rev)s"}
    with project.context() as alembic:
        before = set(tmp_path.rglob("*"))
        with pytest.raises(DraftError):
            alembic.revision("x", empty=empty, rev_id="evil")
        after = {path for path in tmp_path.rglob("*") if path.suffix != ".db"}
    assert after <= before
    assert project.files == []


@one_database
@pytest.mark.parametrize("id", ["base", "head", "heads", "current", "__init__"])
def test_id_that_could_not_be_asked_for(project: Project, id: str) -> None:
    with project.context() as alembic, pytest.raises(DraftError, match="id"):
        alembic.revision("x", empty=True, rev_id=id)
    assert project.files == []


@one_database
@pytest.mark.parametrize("name", ["a@b", "heads", "base", ""])
def test_label_that_could_not_be_asked_for(project: Project, name: str) -> None:
    with project.context() as alembic:
        for label in (name, [name]):
            with pytest.raises(DraftError, match="label"):
                alembic.revision("x", empty=True, label=label)
        if name:  # "" means no rules of branches
            with pytest.raises(DraftError, match=r"label|branch"):
                alembic.revision("x", empty=True, branch=name)
    assert project.files == []


@one_database
def test_operation_of_the_application(project: Project) -> None:
    project.models = ""
    project.setup += CUSTOM_HOOK
    with project.context() as alembic:
        assert alembic.needs_revision()
    done = project.invoke("check")
    assert (done.exit_code, done.error_lines) == (1, [])
    assert "make view" in done.stdout


@one_database
def test_hook_prints_nothing_from_python(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.config["ALEMBIC"] = {
        "post_write_hooks": {
            "hooks": "nothing",
            "nothing.type": "exec",
            "nothing.executable": sys.executable,
            "nothing.options": "-c pass",
        }
    }
    with project.context() as alembic:
        assert len(alembic.revision("x")) == 1
        capsys.readouterr()
        assert len(alembic.revision("y", empty=True)) == 1
        assert capsys.readouterr().out == ""


@one_database
def test_unknown_hook(project: Project) -> None:
    project.config["ALEMBIC"] = {
        "post_write_hooks": {"hooks": "odd", "odd.type": "nonsense"}
    }
    done = project.invoke("revision", "x", "--empty")
    assert done.exit_code == 1
    assert "nonsense" in done.stderr
    assert "flask db log" not in done.stderr
    assert project.files == []

"""New revisions are tried on scratch databases, of which nothing stays."""

from __future__ import annotations

import datetime
import os
import tempfile
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import PERSON
from support.application import PERSON_WITH_EMAIL
from support.application import Project
from support.application import TASK
from support.servers import Database
from support.sources import lite
from support.sources import LITE_MODELS
from support.systems import administer

from flask_alembic.dialects.mysql.scratch import MySQLScratch
from flask_alembic.dialects.postgresql import structure as postgresql_structure
from flask_alembic.dialects.postgresql.scratch import PostgreSQLScratch
from flask_alembic.dialects.scratch import new_name
from flask_alembic.dialects.scratch import PREFIX
from flask_alembic.migrator.databases import engine_like
from flask_alembic.migrator.drafts.proofs import scratch as scratch_room
from flask_alembic.migrator.drafts.proofs.scratch import _leading_to
from flask_alembic.results import Draft


def codes(draft: Draft) -> list[str]:
    return [finding.code for finding in draft.findings]


def started(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("start")
        assert alembic.upgrade().ok


def exists(database: Database, name: str) -> bool:
    """Whether a scratch database is there now."""
    if not database.server.variable:
        return os.path.exists(os.path.join(tempfile.gettempdir(), name))
    query = "SELECT schema_name FROM information_schema.schemata"
    if database.server.name == "postgresql":
        query = "SELECT datname FROM pg_database"
    return (name,) in [tuple(row) for row in administer(database.server, query)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the scratch databases that this process has made."""
    made: list[str] = []

    def note() -> str:
        made.append(new_name())
        return made[-1]

    monkeypatch.setattr(scratch_room, "new_name", note)
    return made


HOOK = """
def rewrite(context, revision, directives):
    from alembic.operations import ops

    for script in directives:
        if script.message == "more":
            {body}


app.config["ALEMBIC_CONTEXT"] = {{"process_revision_directives": rewrite}}
"""


def hook(project: Project, body: str) -> None:
    """Let the application change the draft "more"."""
    project.models += HOOK.format(body=body)


# -- what is proved ------------------------------------------------------------------


def test_proved(project: Project, database: Database, names: list[str]) -> None:
    """From nothing, and from something; the database itself stays as it is."""
    with project.context() as alembic:
        draft = alembic.draft("start", prove=True)
        assert codes(draft) == ["proved"], draft.findings
        assert database.all_tables() == set()
        alembic.upgrade()
    database.execute("INSERT INTO person VALUES (1, 'Ada')")
    project.models = PERSON_WITH_EMAIL.replace("50", "60") + TASK
    before = database.snapshot()
    project.config["ALEMBIC_HISTORY"] = True
    with project.context() as alembic:
        events: list[t.Any] = []
        with alembic.listen(events.append):
            draft = alembic.draft("more", prove=True)
        assert codes(draft) == ["proved"], draft.findings
        assert all(event.step is None for event in events)
        assert alembic.needs_upgrade()
    assert database.snapshot() == before
    assert len(names) == 2
    assert not any(exists(database, name) for name in names)


SHOP = """
import enum


class Mood(enum.Enum):
    happy = 1
    sad = 2


class Person(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False, server_default="it's 100%")
    mood = sa.Column(sa.Enum(Mood), comment="how: it is", index=True)
    made = sa.Column(sa.DateTime, server_default=sa.func.now())
    letters = sa.Column(sa.Integer, sa.Computed("length(name)", persisted=True))
    __table_args__ = (
        sa.UniqueConstraint("name", "mood", name="uq_person"),
        sa.CheckConstraint("name <> 'a%b'", name="ck_person"),
        {"comment": "people"},
    )


class Order(db.Model):
    __tablename__ = "order"
    id = sa.Column(sa.Integer, primary_key=True)
    person_id = sa.Column(sa.ForeignKey("person.id", ondelete="CASCADE"))
    total = sa.Column(sa.Numeric(9, 2), index=True)
"""


def test_copy_has_all_that_models_have(project: Project) -> None:
    project.models = SHOP
    started(project)
    changed = SHOP.replace("sa.Numeric(9, 2), index=True", "sa.Numeric(12, 3)")
    project.models = changed.replace('"uq_person"', '"uq_people"') + TASK
    with project.context() as alembic:
        draft = alembic.draft("more", prove=True)
        assert codes(draft) == ["proved"], draft.findings
        assert len(draft.operations) >= 4


def test_renames_and_values(project: Project, database: Database) -> None:
    started(project)
    database.execute("INSERT INTO person VALUES (1, 'Ada')")
    project.models = PERSON.replace("    name =", "    full_name =")
    project.models += "    email = sa.Column(sa.String(80), nullable=False)\n"
    with project.context() as alembic:
        draft = alembic.draft(
            "more",
            renames={"person.name": "full_name"},
            defaults={"person.email": "''"},
            prove=True,
        )
    assert draft.renames == {"person.name": "full_name"}
    assert codes(draft)[-1] == "proved", draft.findings


def test_foreign_key_that_comes_and_goes(project: Project) -> None:
    project.models += TASK + "    person_id = sa.Column(sa.Integer)\n"
    started(project)
    reference = 'sa.Integer, sa.ForeignKey("person.id", name="fk_person")'
    project.models = project.models.replace("sa.Integer)", f"{reference})")
    with project.context() as alembic:
        draft = alembic.draft("more", prove=True)
    assert codes(draft)[-1] == "proved", draft.findings


def test_each_database(two: Project, database: Database, other: Database) -> None:
    with two.context() as alembic:
        draft = alembic.draft("start", prove=True)
        assert codes(draft) == ["proved", "proved"], draft.findings
        assert {"'default'", "'log'"} <= set(
            word.rstrip(".") for f in draft.findings for word in f.message.split()
        )
    assert database.all_tables() == other.all_tables() == set()


def test_async_engines(project: Project, database: Database) -> None:
    address = database.asynchronous_url()
    if address is None:
        pytest.skip("no asynchronous driver")
    lite(project, default=database.url)
    project.config = {"SQLALCHEMY_ASYNC_ENGINES": {"default": address}}
    project.models = LITE_MODELS
    with project.context() as alembic:
        draft = alembic.draft("first", prove=True)
    assert codes(draft) == ["proved"], draft.findings
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_in_the_callers_transaction(
    project: Project, database: Database, make_engine: t.Any
) -> None:
    """The copy has what the caller's transaction has made, and the engine is unused."""
    with project.context() as alembic, make_engine(database.url).connect() as mine:
        with mine.begin(), alembic.using(mine):
            mine.exec_driver_sql("CREATE TABLE legacy (id INTEGER)")
            draft = alembic.draft("start", prove=True)
        assert codes(draft) == ["not-ours", "proved"], draft.findings
        assert not mine.in_transaction()


@pytest.mark.one_database
def test_branches_and_merges(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("start")
        alembic.revision("side", empty=True, branch="side")
        alembic.upgrade()
    project.models = PERSON_WITH_EMAIL
    with project.context() as alembic:
        draft = alembic.draft("more", prove=True)
        assert codes(draft) == ["proved"], draft.findings
        alembic.upgrade()
    project.models += TASK
    heads = ["default@head", "side@head"]
    with project.context() as alembic:
        draft = alembic.draft("both", branch="", parent=heads, prove=True)
        assert codes(draft) == ["proved"], draft.findings
        assert len(draft.revisions[0].parents) == 2


@pytest.mark.one_database
def test_database_in_memory(project: Project) -> None:
    project.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    with project.context() as alembic:
        assert codes(alembic.draft("start", prove=True)) == ["proved"]
        alembic.upgrade()
        alembic.op.execute("CREATE TABLE legacy (id INTEGER)")
        assert codes(alembic.draft("again", prove=True)) == ["not-ours"]


# -- what isn't ----------------------------------------------------------------------


def test_upgrade_that_fails(
    project: Project, database: Database, names: list[str]
) -> None:
    started(project)
    project.models = PERSON_WITH_EMAIL
    hook(project, "script.upgrade_ops.ops.append(ops.ExecuteSQLOp('SELECT x FROM y'))")
    project.config["ALEMBIC_PROVE"] = True
    done = project.invoke("revision", "more", "--json")
    assert done.exit_code == 1
    assert not done.json["ok"]
    (finding,) = done.json["draft"]["findings"]
    assert finding["code"] == "proof-failed"
    assert finding["where"] == done.json["draft"]["path"]
    assert (
        "Its upgrade fails on the scratch database of 'default'" in finding["message"]
    )
    assert database.columns("person") == {"id", "name"}
    assert [exists(database, name) for name in names] == [False]
    Path(finding["where"]).unlink()
    done = project.invoke("revision", "more", "--no-prove", "--json")
    assert (done.exit_code, done.json["draft"]["findings"]) == (0, [])


def test_downgrade_that_leaves_something(project: Project) -> None:
    started(project)
    project.models = PERSON_WITH_EMAIL + TASK
    hook(project, "script.downgrade_ops.ops[:] = []")
    with project.context() as alembic:
        draft = alembic.draft("more", prove=True)
    assert codes(draft) == ["downgrade-differs", "proof-failed"]
    left, failed = draft.findings
    assert "column person.email is left" in left.message
    assert "table task is left" in left.message
    assert "task." not in left.message
    assert "Its upgrade after its downgrade fails" in failed.message


@pytest.mark.one_database
def test_upgrade_that_does_too_little(project: Project) -> None:
    started(project)
    project.models = PERSON_WITH_EMAIL + TASK
    hook(
        project,
        "script.upgrade_ops.ops.pop(); script.downgrade_ops.ops.pop(0)",
    )
    done = project.invoke("revision", "more", "--prove")
    assert done.exit_code == 0
    assert "differs from the models: add column person.email" in done.stderr
    assert "[upgrade-differs]" in done.stderr


PARTIAL = {
    "postgresql": (
        "CREATE ROLE {user} LOGIN PASSWORD 'secret-word'",
        "GRANT ALL ON SCHEMA public TO {user}",
    ),
    "mariadb": (
        "CREATE USER {user} IDENTIFIED BY 'secret-word'",
        "GRANT ALL ON {database}.* TO {user}",
    ),
}


@pytest.mark.needs("server")
def test_role_that_may_make_no_database(project: Project, database: Database) -> None:
    user = f"{database.name}_user"
    for statement in PARTIAL[database.server.name]:
        text = statement.format(user=user, database=database.name)
        administer(database.server, text, database=database.name)
    url = sa.make_url(database.url).set(username=user, password="secret-word")
    address = url.render_as_string(hide_password=False)
    project.config["SQLALCHEMY_DATABASE_URI"] = address
    try:
        done = project.invoke("revision", "start", "--prove")
    finally:
        if database.server.name == "postgresql":
            drop = f"DROP OWNED BY {user} CASCADE"
            administer(database.server, drop, database=database.name)
        administer(database.server, f"DROP USER {user}")
    assert done.exit_code == 0
    assert "Not proved on the database 'default'" in done.stderr
    assert "denied" in done.stderr
    assert "[unproved]" in done.stderr
    assert "secret-word" not in done.stderr
    assert len(project.files) == 1


def test_interrupted(project: Project, database: Database, names: list[str]) -> None:
    """The scratch database is gone, whatever was going on."""
    started(project)
    project.models = PERSON_WITH_EMAIL
    project.setup += INTERRUPTED
    with project.context() as alembic, pytest.raises(KeyboardInterrupt):
        alembic.draft("more", prove=True)
    assert [exists(database, name) for name in names] == [False]
    assert database.columns("person") == {"id", "name"}
    assert len(project.files) == 2


INTERRUPTED = """

with app.app_context():
    engine = db.engine


@sa.event.listens_for(engine, "before_cursor_execute")
def interrupt(connection, cursor, statement, *_):
    if "ADD COLUMN email" in statement:
        raise KeyboardInterrupt
"""


STOPPED = """
import os
import pathlib
import signal
import threading

with app.app_context():
    engine = db.engine


@sa.event.listens_for(getattr(engine, "sync_engine", engine), "before_cursor_execute")
def stop(connection, cursor, statement, *_):
    if "sleep" in statement.lower():
        pathlib.Path("name").write_text(connection.engine.url.database)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
"""

SLEEP = {"postgresql": "pg_sleep(30)", "mariadb": "sleep(30)"}


@pytest.mark.needs("server")
def test_stopped_while_it_waits(project: Project, database: Database) -> None:
    """By Ctrl-C; through an asynchronous driver where there is one."""
    setup, address = STOPPED, database.asynchronous_url()
    if address is not None:
        lite(project, default=database.url)
        project.config = {"SQLALCHEMY_ASYNC_ENGINES": {"default": address}}
        project.models = LITE_MODELS
        setup = STOPPED.replace("db.engine", "db.get_async_engine()")
    project.setup += setup
    sleep = SLEEP[database.server.name]
    hook(project, f"script.upgrade_ops.ops.append(ops.ExecuteSQLOp('SELECT {sleep}'))")
    done = project.run("revision", "more", "--prove")
    assert done.exit_code == 130, done.stderr
    name = (project.root / "name").read_text()
    assert name.startswith(PREFIX)
    assert not exists(database, name)
    assert len(project.files) == 1
    assert database.all_tables() == set()


@pytest.mark.needs("ddl_commits")
def test_other_databases_of_the_server(project: Project, other: Database) -> None:
    project.models += TASK + f"    __table_args__ = {{'schema': {other.name!r}}}\n"
    with project.context() as alembic:
        draft = alembic.draft("start", prove=True)
    assert codes(draft) == ["unproved"]
    assert f"other databases ({other.name})" in draft.findings[0].message


ATTACHED = """

with app.app_context():
    engine = db.engine


@sa.event.listens_for(engine, "connect")
def attach(connection, _):
    connection.execute("ATTACH 'FILE' AS side")
"""


@pytest.mark.needs("file")
def test_attached_database(project: Project, tmp_path: Path) -> None:
    project.setup += ATTACHED.replace("FILE", str(tmp_path / "side.db"))
    with project.context() as alembic:
        draft = alembic.draft("start", prove=True)
    assert codes(draft) == ["unproved"]
    assert "attaches 'side'" in draft.findings[0].message


STUBBORN = """

with app.app_context():
    engine = db.engine
    args, params = engine.dialect.create_connect_args(engine.url)


@sa.event.listens_for(engine, "do_connect")
def connect(dialect, record, cargs, cparams):
    return dialect.connect(*args, **params)
"""


def test_connections_that_lead_elsewhere(project: Project, database: Database) -> None:
    """An application that connects by itself isn't believed: nothing is changed."""
    project.setup += STUBBORN
    with project.context() as alembic:
        draft = alembic.draft("start", prove=True)
    assert codes(draft) == ["unproved"]
    assert "lead to" in draft.findings[0].message
    assert database.all_tables() == set()


@pytest.mark.one_database
def test_env_py(scripted: Scripted) -> None:
    scripted.config["ALEMBIC_PROVE"] = True
    scripted.invoke("upgrade")
    scripted.models = PERSON
    done = scripted.invoke("migrate", "-m", "more")
    assert done.exit_code == 0
    assert "Not proved: env.py decides which databases are met." in done.stderr


# -- what is copied ------------------------------------------------------------------

RICH = """
SET check_function_bodies = off;
CREATE SCHEMA "other schema";
CREATE EXTENSION hstore WITH SCHEMA "other schema";
CREATE TYPE mood AS ENUM ('it''s', '100%', 'a:b');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CONSTRAINT above CHECK (VALUE > 0);
CREATE SEQUENCE numbers AS smallint INCREMENT 2 MINVALUE 3 MAXVALUE 99 START 5 CYCLE;
CREATE FUNCTION next_number() RETURNS integer LANGUAGE sql
    AS $$ SELECT nextval('numbers')::integer + (SELECT count(*) FROM people)::integer $$;
CREATE TABLE people (
    id integer GENERATED ALWAYS AS IDENTITY (START 7) PRIMARY KEY,
    old serial,
    name varchar(50) COLLATE "C" NOT NULL DEFAULT 'it''s 100%',
    "Odd ""name" pair,
    feeling mood DEFAULT 'it''s',
    amount positive,
    tags "other schema".hstore,
    list text[] DEFAULT '{}',
    twice integer GENERATED ALWAYS AS (length(name) * 2) STORED,
    span int4range,
    EXCLUDE USING gist (span WITH &&),
    UNIQUE (name, feeling) DEFERRABLE INITIALLY DEFERRED,
    CHECK (name <> 'a%b') NO INHERIT
);
CREATE UNIQUE INDEX ix_people ON people (lower(name) text_pattern_ops DESC NULLS LAST)
    INCLUDE (id) WHERE amount > 3;
CREATE TABLE "other schema".notes (
    id bigint DEFAULT nextval('numbers') PRIMARY KEY,
    person_id integer REFERENCES people ON DELETE CASCADE DEFERRABLE,
    number integer DEFAULT next_number()
);
ALTER TABLE "other schema".notes ADD CHECK (number > 0) NOT VALID;
CREATE UNLOGGED TABLE scratchy (LIKE people INCLUDING DEFAULTS);
CREATE TABLE special (extra text) INHERITS (people);
CREATE TABLE logs (day date NOT NULL, text text, PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE TABLE logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ix_logs ON logs (text);
CREATE VIEW names AS SELECT name, twice FROM people WHERE name LIKE 'a%';
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM names;
CREATE UNIQUE INDEX ix_totals ON totals (n);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TABLE people IS 'it''s 100%';
COMMENT ON COLUMN people.name IS 'how: so'
"""


def described(connection: sa.Connection) -> list[tuple[str, str]]:
    return [
        tuple(row)
        for query in postgresql_structure.IN_ORDER
        for row in sorted(connection.exec_driver_sql(query))
    ]


@pytest.mark.needs("schemas")
def test_postgresql_objects(database: Database, make_engine: t.Any) -> None:
    """What the catalog says of the copy is what it says of the original."""
    engine = engine_like(make_engine(database.url))
    with engine.connect() as source, source.begin():
        source.connection.cursor().execute(RICH)
        scratch = PostgreSQLScratch(engine, new_name())
        try:
            scratch.create(source)
            with _leading_to(scratch).connect() as connection, connection.begin():
                assert scratch.copy(source, connection) == []
                assert described(connection) == described(source)
                assert len(described(source)) > 30
            assert scratch.name in scratch.others(source)
        finally:
            scratch.drop()


@pytest.mark.needs("ddl_commits")
def test_server_lists_them(database: Database, make_engine: t.Any) -> None:
    engine = engine_like(make_engine(database.url))
    scratch = MySQLScratch(engine, new_name())
    with engine.connect() as source:
        scratch.create(source)
        try:
            assert scratch.name in scratch.others(source)
        finally:
            scratch.drop()
        assert scratch.name not in scratch.others(source)


@pytest.mark.needs("file")
def test_doctor_names_what_is_left(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed command has left; another one may be running now."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started(project)
    old, fresh = new_name(datetime.timedelta(days=3)), new_name()
    (tmp_path / old).mkdir()
    (tmp_path / fresh).mkdir()
    with project.context() as alembic:
        (finding,) = alembic.doctor()
    assert finding.code == "scratch-left-over"
    assert old in finding.message
    assert fresh not in finding.message

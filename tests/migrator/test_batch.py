"""Batches on SQLite: what a table has stays, one feature at a time and all at once."""

from __future__ import annotations

import sqlite3
import typing as t

import pytest
import sqlalchemy as sa
from alembic.operations import BatchOperations
from alembic.runtime.migration import MigrationContext

from flask_alembic.dialects import support
from flask_alembic.dialects.sqlite.grammar import tokens
from flask_alembic.migrator.rebuilds.operations import KeepingOperations
from flask_alembic.migrator.rebuilds.operations import use_keeping_impl

FEATURES = {
    "autoincrement": "create table t (id integer primary key autoincrement, a integer)",
    "collate": "create table t (id integer primary key, a integer, b text collate nocase)",
    "generated stored": "create table t (id integer primary key, a integer,"
    " g int generated always as (id * 2) stored)",
    "generated virtual": "create table t (id integer primary key, a integer,"
    " g int generated always as (id * 2) virtual)",
    "generated untyped": "create table t (id integer primary key, a integer,"
    " g as (id * 2))",
    "named check": "create table t (id integer primary key, a integer, b int,"
    " constraint ck check (b < 5))",
    "unnamed check": "create table t (id integer primary key, a integer, b int,"
    " check (b < 5))",
    "check in a column": "create table t (id integer primary key, a integer,"
    " b int check (b < 5))",
    "named check in a column": "create table t (id integer primary key, a integer,"
    " b int constraint ck check (b < 5))",
    "on conflict": "create table t (id integer primary key, a integer,"
    " b int unique on conflict replace, c int not null on conflict ignore default 1)",
    "inline reference": "create table p (id integer primary key);"
    "create table t (id integer primary key, a integer, b int references p (id)"
    " on delete cascade deferrable initially deferred)",
    "without rowid": "create table t (id integer primary key, a integer) without rowid",
    "strict": "create table t (id integer primary key, a integer) strict",
    "strict any": "create table t (id integer primary key, a integer, b any) strict",
    "expression index": "create table t (id integer primary key, a integer, b text);"
    "create index ix on t (lower(b))",
    "partial index": "create table t (id integer primary key, a integer, b text);"
    "create index ix on t (b) where id > 5",
    "descending index": "create table t (id integer primary key, a integer, b text);"
    "create unique index ix on t (b desc)",
    "collating index": "create table t (id integer primary key, a integer, b text);"
    "create index ix on t (b collate nocase)",
    "trigger on it": "create table t (id integer primary key, a integer);"
    "create table log (id);"
    "create trigger tr after insert on t begin insert into log values (new.id); end",
    "trigger elsewhere": "create table t (id integer primary key, a integer);"
    "create table u (x); create trigger tr after insert on u"
    " begin update t set id = id; end",
    "view": "create table t (id integer primary key, a integer);"
    "create view v as select id from t; create view w as select * from v",
    "descending key": "create table t (id integer, a integer, primary key (id desc))",
    "nullable text key": "create table t (id text primary key, a integer)",
    "types": "create table t (id integer primary key, a integer, b unsigned big int,"
    " c double precision, d weird(1,2), e)",
    "defaults": "create table t (id integer primary key, a integer,"
    " b text default (lower('X')), c int default (1+1), d default current_timestamp,"
    " e text default 'it''s', f int default -1)",
    "named not null": "create table t (id integer primary key, a integer,"
    " b int constraint nn not null default 1)",
    "self reference": "create table t (id integer primary key, a integer,"
    " up int references t (id) on delete cascade)",
    "children": "create table t (id integer primary key, a integer);"
    "create table c (id integer primary key, t int references t (id)"
    " on delete cascade); insert into c values (1, 1)",
    "quotes and comments": 'create table "t" ( -- the table\n [id] integer primary key,'
    " `a` integer, -- an a\n \"b c\" text /* two, words */ default ')', 'd' int -- last\n)",
    "composite key": "create table t (id integer, a integer, b int default 1,"
    " constraint pk primary key (id, b))",
    "table constraints": "create table p (id integer primary key);"
    "create table t (id integer primary key, a integer, b int, c int,"
    " constraint uq unique (b, c) on conflict ignore,"
    " constraint fk foreign key (b) references p on update cascade match full)",
}

EVERYTHING = """
create table p (id integer primary key);
create table log (id);
create table u (x);
create table "t" ( -- all of it
    id integer constraint pk primary key autoincrement, /* never twice */
    a integer,
    b text collate nocase constraint nn not null default (lower('X')),
    c int unique on conflict replace check (c < 500),
    d weird(1,2), e, f any default current_timestamp,
    g as (id * 2), h int generated always as (c + 1) stored,
    up int references "t" (id) on delete set null deferrable initially deferred,
    p int constraint to_p references p (id) on delete cascade,
    constraint ck check (id > 0), check (length(b) > 0) -- at the end
);
create index i1 on t (lower(b));
create unique index i2 on t (c desc) where c > 5;
create index i3 on t (b collate rtrim, e);
create trigger t1 after insert on t begin insert into log values (new.id); end;
create trigger t2 after insert on u begin update t set e = new.x; end;
create view v as select id, b from t;
create table c (id integer primary key, t int references t (id) on delete cascade);
insert into c values (1, 1);
"""


class Change(t.NamedTuple):
    """An operation and the one that undoes it."""

    do: t.Callable[[BatchOperations], t.Any]
    undo: t.Callable[[BatchOperations], t.Any]


CHANGES = {
    "add column": Change(
        lambda b: b.add_column(sa.Column("n", sa.String(9), server_default="x")),
        lambda b: b.drop_column("n"),
    ),
    "type": Change(
        lambda b: b.alter_column("a", type_=sa.Text()),
        lambda b: b.alter_column("a", type_=sa.Integer()),
    ),
    "null": Change(
        lambda b: b.alter_column("a", nullable=False),
        lambda b: b.alter_column("a", nullable=True),
    ),
    "default": Change(
        lambda b: b.alter_column("a", server_default=sa.text("7")),
        lambda b: b.alter_column("a", server_default=None),
    ),
    "rename": Change(
        lambda b: b.alter_column("a", new_column_name="z"),
        lambda b: b.alter_column("z", new_column_name="a"),
    ),
    "rename and type": Change(
        lambda b: b.alter_column("a", new_column_name="z", type_=sa.Text()),
        lambda b: b.alter_column("z", new_column_name="a", type_=sa.Integer()),
    ),
    "unique": Change(
        lambda b: b.create_unique_constraint("new_uq", ["a"]),
        lambda b: b.drop_constraint("new_uq", type_="unique"),
    ),
    "check": Change(
        lambda b: b.create_check_constraint("new_ck", sa.text("a < 100")),
        lambda b: b.drop_constraint("new_ck", type_="check"),
    ),
    "foreign key": Change(
        lambda b: b.create_foreign_key("new_fk", "other", ["a"], ["id"]),
        lambda b: b.drop_constraint("new_fk", type_="foreignkey"),
    ),
    "index": Change(
        lambda b: b.create_index("new_ix", [sa.text("a DESC")]),
        lambda b: b.drop_index("new_ix"),
    ),
    "nothing": Change(lambda b: None, lambda b: None),
}


@pytest.fixture
def connection(
    make_engine: t.Callable[..., sa.Engine],
) -> t.Iterator[sa.Connection]:
    """A migration connection, foreign keys enforced by the application."""
    engine = make_engine("sqlite://")

    @sa.event.listens_for(engine, "connect")
    def connect(driver: t.Any, _: t.Any) -> None:
        driver.execute("PRAGMA foreign_keys=ON")

    with engine.connect() as connection:
        setup = support(engine.dialect).prepare(connection, callers=False)
        with setup.run():
            yield connection
        connection.rollback()
        setup.restore()


def operations(connection: sa.Connection, **options: t.Any) -> KeepingOperations:
    context = MigrationContext.configure(connection, opts=options)
    use_keeping_impl(context)
    return KeepingOperations(context)


def script(connection: sa.Connection, sql: str) -> None:
    """Run several statements inside the connection's transaction."""
    statement = ""
    for part in sql.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement) and part.strip():
            connection.exec_driver_sql(statement)
            statement = ""


def batch(
    connection: sa.Connection,
    change: t.Callable[[BatchOperations], t.Any],
    **options: t.Any,
) -> None:
    options.setdefault("recreate", "always")
    with operations(connection).batch_alter_table("t", **options) as batch_op:
        change(batch_op)


def words(sql: str) -> list[str]:
    """A text without spaces, comments, quotes and case."""
    return [
        text.strip("\"`[]'").lower() for kind, text in tokens(sql) if kind != "space"
    ]


def schema(connection: sa.Connection) -> dict[str, list[str]]:
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
    )
    return {name: words(sql) for name, sql in rows}


def table_text(connection: sa.Connection) -> str:
    query = "SELECT sql FROM sqlite_schema WHERE name = 't'"
    return t.cast("str", connection.exec_driver_sql(query).scalar_one())


def rows(connection: sa.Connection, name: str = "t") -> list[tuple[t.Any, ...]]:
    found = connection.exec_driver_sql(f"SELECT * FROM {name}").all()
    return sorted((tuple(row) for row in found), key=str)


def fill(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    connection.exec_driver_sql("INSERT INTO other VALUES (1), (2), (3)")
    connection.exec_driver_sql("INSERT INTO t (id, a) VALUES (1, 1), (2, 2), (3, 3)")
    connection.exec_driver_sql("DELETE FROM t WHERE id = 3")


def assert_sound(connection: sa.Connection) -> None:
    check = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    assert check == "ok"
    assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    names = schema(connection)
    assert not [name for name in names if name.startswith("_alembic_tmp")]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("feature", [*FEATURES, "everything"])
def test_features_survive(connection: sa.Connection, feature: str, change: str) -> None:
    script(connection, FEATURES.get(feature, EVERYTHING))
    fill(connection)
    if feature.startswith("strict") and change == "type":
        connection.exec_driver_sql("UPDATE t SET a = CAST(a AS TEXT)")
    before, data = schema(connection), rows(connection)
    children = rows(connection, "c") if "c" in before else []

    batch(connection, CHANGES[change].do)

    after = schema(connection)
    assert len(rows(connection)) == len(data)
    assert set(before) <= set(after)
    text = after["t"]
    for word in set(before["t"]):
        changed = word in ("a", "integer")
        assert text.count(word) >= before["t"].count(word) - changed, word
    if change != "nothing":
        assert after != before
    assert_sound(connection)

    batch(connection, CHANGES[change].undo)

    assert schema(connection) == before
    assert rows(connection) == data
    assert (rows(connection, "c") if "c" in before else []) == children
    assert_sound(connection)
    assert_alive(connection, feature, before)


def assert_alive(
    connection: sa.Connection, feature: str, names: t.Container[str]
) -> None:
    """Triggers fire, views answer, ids aren't given twice."""
    connection.exec_driver_sql(
        "INSERT INTO t (a) VALUES (9)"
        if feature
        not in {"without rowid", "nullable text key", "descending key", "composite key"}
        else "INSERT INTO t (id, a) VALUES (4, 9)"
    )
    if "autoincrement" in feature or feature == "everything":
        assert connection.exec_driver_sql("SELECT max(id) FROM t").scalar() == 4
    if "log" in names:
        assert len(rows(connection, "log")) == 4
    if "v" in names:
        assert len(rows(connection, "v")) == 3

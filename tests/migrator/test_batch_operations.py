"""What revisions write in batches, and what becomes of the table's own text."""

from __future__ import annotations

import sqlite3
import typing as t

import pytest
import sqlalchemy as sa
from alembic.ddl.impl import _impls
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations import BatchOperations
from alembic.runtime.migration import MigrationContext

from flask_alembic.dialects import support
from flask_alembic.errors import MigrationError
from flask_alembic.migrator.rebuilds.operations import KeepingOperations
from flask_alembic.migrator.rebuilds.operations import use_keeping_impl

Batch: t.TypeAlias = t.Callable[[BatchOperations], t.Any]


@pytest.fixture
def connection(make_engine: t.Callable[..., sa.Engine]) -> t.Iterator[sa.Connection]:
    """A migration connection to an empty database."""
    engine = make_engine("sqlite://")
    with engine.connect() as connection:
        setup = support(engine.dialect).prepare(connection, callers=False)
        with setup.run():
            yield connection
        connection.rollback()
        setup.restore()


def operations(connection: sa.Connection) -> KeepingOperations:
    context = MigrationContext.configure(connection)
    use_keeping_impl(context)
    return KeepingOperations(context)


def script(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def batch(connection: sa.Connection, *changes: Batch, **options: t.Any) -> None:
    options.setdefault("recreate", "always")
    with operations(connection).batch_alter_table("t", **options) as batch_op:
        for change in changes:
            change(batch_op)


def text(connection: sa.Connection, name: str = "t") -> str:
    """A stored text with all spaces made one."""
    query = f"SELECT sql FROM sqlite_schema WHERE name = '{name}'"
    found = connection.exec_driver_sql(query).scalar_one()
    return " ".join(found.replace('"', "").split())


def names(connection: sa.Connection) -> set[str]:
    found = connection.exec_driver_sql("SELECT name FROM sqlite_schema").scalars()
    return {name for name in found if not name.startswith("sqlite_")}


CONVENTION = {
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
}


def test_what_a_naming_convention_names_is_dropped(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE COLLATE NOCASE,"
        " b INT REFERENCES p (id) ON DELETE CASCADE, c INT, UNIQUE (c, a))",
    )
    batch(
        connection,
        lambda b: b.drop_constraint("uq_t_a", type_="unique"),
        lambda b: b.drop_constraint("uq_t_c", type_="unique"),
        lambda b: b.drop_constraint("fk_t_b", type_="foreignkey"),
        naming_convention=CONVENTION,
    )
    assert text(connection) == (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT COLLATE NOCASE, b INT, c INT)"
    )


def test_constraints_typed_in_columns_go_by_name(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY,"
        " a INT CONSTRAINT uq UNIQUE CONSTRAINT ck CHECK (a > 0) DEFAULT 1)",
    )
    batch(
        connection,
        lambda b: b.drop_constraint("uq", type_="unique"),
        lambda b: b.drop_constraint("ck", type_="check"),
    )
    assert text(connection) == (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT DEFAULT 1)"
    )


def test_a_constraint_is_replaced_under_its_name(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t (a INT, b INT, CONSTRAINT uq UNIQUE (a))")
    batch(
        connection,
        lambda b: b.drop_constraint("uq", type_="unique"),
        lambda b: b.create_unique_constraint("uq", ["a", "b"]),
    )
    assert text(connection) == (
        "CREATE TABLE t (a INT, b INT, CONSTRAINT uq UNIQUE (a, b))"
    )


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("a>0", "CHECK (a > 0), CHECK (b > 0)"),
        ("a > 1", "CHECK (b > 0), CHECK (a > 1)"),
    ],
)
def test_checks_in_table_args(
    connection: sa.Connection, check: str, expected: str
) -> None:
    script(connection, "CREATE TABLE t (a INT, b INT, CHECK (a > 0), CHECK (b > 0))")
    batch(connection, table_args=[sa.CheckConstraint(check)])
    found = text(connection)
    assert sorted(found[found.index("CHECK") : -1].split(", ")) == sorted(
        expected.replace("a > 0", check if check == "a>0" else "a > 0").split(", ")
    )


def test_other_table_args_are_not_repeated(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t (a INT, b INT, UNIQUE (a))")
    arguments = [
        sa.UniqueConstraint("a"),
        sa.UniqueConstraint("b", name="uq"),
    ]
    batch(connection, table_args=arguments)
    assert text(connection).count("UNIQUE (a)") == 1
    assert "CONSTRAINT uq UNIQUE (b)" in text(connection)


def test_table_options(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t (id INTEGER, a INT, PRIMARY KEY (id))")
    batch(connection, table_kwargs={"sqlite_autoincrement": True})
    assert text(connection) == (
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT)"
    )
    script(connection, "DROP TABLE t", "CREATE TABLE t (id INT PRIMARY KEY) STRICT")
    batch(connection, table_kwargs={"sqlite_with_rowid": False})
    assert text(connection).endswith("STRICT, WITHOUT ROWID")


def test_copy_from_keeps_what_it_has_no_words_for(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE log (id INT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE NOCASE,"
        " g INT AS (id * 2), b INT UNIQUE, CHECK (b > 0), CHECK (id > 0))",
        "CREATE INDEX ix ON t (a DESC)",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END",
        "INSERT INTO t (id, a, b) VALUES (7, 'x', 1)",
    )
    described = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Text),
        sa.Column("g", sa.Integer, sa.Computed("id * 2")),
        sa.Column("b", sa.Integer),
        sa.UniqueConstraint("b", name="uq"),
        sa.CheckConstraint("b>0", name="ck"),
    )
    batch(
        connection,
        lambda b: b.drop_constraint("uq", type_="unique"),
        lambda b: b.drop_constraint("ck", type_="check"),
        lambda b: b.alter_column("a", nullable=False),
        copy_from=described,
    )
    found = text(connection)
    assert "AUTOINCREMENT" in found
    assert "a TEXT NOT NULL COLLATE NOCASE" in found
    assert "id > 0" in found
    assert "b > 0" not in found
    assert "UNIQUE" not in found
    assert text(connection, "ix") == "CREATE INDEX ix ON t (a DESC)"
    assert {"tr", "ix"} < names(connection)
    rows = connection.exec_driver_sql("SELECT id, a, g, b FROM t").all()
    assert rows == [(7, "x", 14, 1)]


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        (None, {"partial_reordering": [("c", "b", "a")]}, ["c", "b", "a"]),
        ({"insert_before": "b"}, {}, ["a", "n", "b", "c"]),
        ({"insert_after": "b"}, {}, ["a", "b", "n", "c"]),
    ],
)
def test_order_of_columns(
    connection: sa.Connection,
    change: dict[str, str] | None,
    options: dict[str, t.Any],
    expected: list[str],
) -> None:
    script(
        connection,
        "CREATE TABLE t (a INT, b TEXT COLLATE NOCASE, c INT AS (a + 1))",
        "INSERT INTO t (a, b) VALUES (1, 'x')",
    )
    column = sa.Column("n", sa.Integer)
    operate: list[Batch] = []
    if change is not None:
        operate.append(lambda b: b.add_column(column, **change))
    batch(connection, *operate, **options)
    columns = sa.inspect(connection).get_columns("t")
    assert [column["name"] for column in columns] == expected
    assert "b TEXT COLLATE NOCASE" in text(connection)
    rows = connection.exec_driver_sql("SELECT a, b, c FROM t").all()
    assert rows == [(1, "x", 2)]


def test_rename_and_type_and_comment(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a < 9))",
        "CREATE VIEW v AS SELECT a FROM t",
        "INSERT INTO t VALUES (1, 5)",
    )
    batch(
        connection,
        lambda b: b.alter_column(
            "a", new_column_name="z", type_=sa.Text(), comment="words"
        ),
        recreate="auto",
    )
    assert "z TEXT CHECK (z < 9)" in text(connection)
    assert connection.exec_driver_sql("SELECT z, typeof(z) FROM t").all() == [
        ("5", "text")
    ]
    assert connection.exec_driver_sql("SELECT * FROM v").all() == [("5",)]


def test_columns_change_names_with_each_other(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (a INT, b TEXT, c INT)",
        "INSERT INTO t VALUES (1, 'x', 3)",
    )
    batch(
        connection,
        lambda b: b.alter_column("a", new_column_name="b"),
        lambda b: b.alter_column("b", new_column_name="a"),
    )
    assert text(connection) == "CREATE TABLE t (b INT, a TEXT, c INT)"
    batch(
        connection,
        lambda b: b.drop_column("a"),
        lambda b: b.alter_column("b", new_column_name="a"),
        lambda b: b.alter_column("c", new_column_name="C"),
    )
    assert text(connection) == "CREATE TABLE t (a INT, C INT)"
    assert connection.exec_driver_sql("SELECT * FROM t").all() == [(1, 3)]


def test_a_dropped_column_takes_along_what_needs_it(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, b INT UNIQUE)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, length INT,"
        " UNIQUE (a, b), CHECK (b > 0), CONSTRAINT ck CHECK (a < b),"
        " CHECK (length(a) < 9), FOREIGN KEY (b) REFERENCES p (b),"
        " FOREIGN KEY (a) REFERENCES p (b))",
        "CREATE INDEX ia ON t (a)",
        "CREATE INDEX ib ON t (a, b)",
        "CREATE INDEX ic ON t (a) WHERE b > 0",
        "INSERT INTO t VALUES (1, NULL, 2, 3)",
    )
    batch(
        connection,
        lambda b: b.drop_column("b"),
        lambda b: b.drop_column("length"),
        recreate="auto",
    )
    assert text(connection) == (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, CHECK (length(a) < 9),"
        " FOREIGN KEY (a) REFERENCES p (b))"
    )
    assert names(connection) == {"p", "t", "ia"}
    assert connection.exec_driver_sql("SELECT * FROM t").all() == [(1, None)]


def test_added_columns(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
    )
    reference = sa.ForeignKey("p.id", name="fk", ondelete="CASCADE")
    batch(
        connection,
        lambda b: b.add_column(sa.Column("p", sa.Integer, reference)),
        lambda b: b.add_column(sa.Column("i", sa.Integer, index=True)),
        lambda b: b.add_column(sa.Column("f", sa.Boolean(True, name="ck_f"))),
        lambda b: b.add_column(sa.Column("g", sa.Integer, sa.Computed("id + 1"))),
        lambda b: b.add_column(
            sa.Column("e", sa.Text, server_default=sa.text("lower('X')"))
        ),
    )
    found = text(connection)
    assert found.count("REFERENCES p (id) ON DELETE CASCADE") == 1
    assert found.count("CONSTRAINT ck_f CHECK (f IN (0, 1))") == 1
    assert "e TEXT DEFAULT (lower('X'))" in found
    assert names(connection) - {"p", "t"} == {"ix_t_i"}
    rows = connection.exec_driver_sql("SELECT id, g, e FROM t").all()
    assert rows == [(1, 2, "x")]


def test_a_strict_table_gets_strict_types(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b ANY) STRICT")
    batch(
        connection,
        lambda b: b.add_column(sa.Column("n", sa.String(9))),
        lambda b: b.add_column(sa.Column("m", sa.Numeric(9, 2))),
        lambda b: b.alter_column("a", type_=sa.Boolean()),
    )
    assert text(connection) == (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b ANY, n TEXT, m ANY)"
        " STRICT"
    )


def test_a_generated_column_becomes_a_plain_one(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, g INT AS (id * 2) STORED)",
        "INSERT INTO t (id) VALUES (4)",
    )
    batch(connection, lambda b: b.alter_column("g", server_default=None))
    assert text(connection) == "CREATE TABLE t (id INTEGER PRIMARY KEY, g INT)"
    assert connection.exec_driver_sql("SELECT * FROM t").all() == [(4, 8)]


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (
            "id INTEGER, a INT COLLATE NOCASE NOT NULL",
            lambda b: b.create_primary_key("pk", ["id", "a"]),
            "id INTEGER, a INT COLLATE NOCASE NOT NULL,"
            " CONSTRAINT pk PRIMARY KEY (id, a)",
        ),
        (
            "id INTEGER, a INT DEFAULT 3, CONSTRAINT pk PRIMARY KEY (id, a DESC)",
            lambda b: b.drop_constraint("pk", type_="primary"),
            "id INTEGER, a INT DEFAULT 3",
        ),
        (
            "id INTEGER, a INT, CONSTRAINT pk PRIMARY KEY (id, a DESC)",
            lambda b: b.drop_column("a"),
            "id INTEGER, CONSTRAINT pk PRIMARY KEY (id)",
        ),
        (
            "id INTEGER CONSTRAINT pk PRIMARY KEY AUTOINCREMENT, a INT",
            lambda b: b.drop_column("id"),
            "a INT",
        ),
        (
            "a INT UNIQUE ON CONFLICT IGNORE",
            lambda b: b.add_column(sa.Column("id", sa.Integer, primary_key=True)),
            "a INT UNIQUE ON CONFLICT IGNORE, id INTEGER NOT NULL, PRIMARY KEY (id)",
        ),
        (
            "id INTEGER, a INT, CONSTRAINT pk PRIMARY KEY (id DESC)",
            lambda b: (
                b.drop_constraint("pk", type_="primary"),
                b.create_primary_key("new", ["id"]),
            ),
            "id INTEGER, a INT, CONSTRAINT new PRIMARY KEY (id DESC)",
        ),
    ],
)
def test_primary_keys(
    connection: sa.Connection, before: str, change: Batch, after: str
) -> None:
    script(
        connection,
        f"CREATE TABLE t ({before})",
        "CREATE TABLE u (x INT)",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES (1); END",
        "INSERT INTO t (a) VALUES (5)",
    )
    batch(connection, change)
    assert text(connection).replace("( ", "(") == f"CREATE TABLE t ({after})"
    assert "tr" in names(connection)
    assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 1


def test_indexes_on_expressions(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
        "CREATE INDEX old ON t (lower(a))",
        "CREATE INDEX kept ON t (upper(a) DESC)",
    )
    batch(
        connection,
        lambda b: b.drop_index("old"),
        lambda b: b.alter_column("b", nullable=False),
        lambda b: b.create_index("new", [sa.text("length(a) DESC")], unique=True),
        lambda b: b.create_index("part", ["b"], sqlite_where=sa.text("b > 'x'")),
    )
    assert names(connection) == {"t", "kept", "new", "part"}
    assert text(connection, "kept") == "CREATE INDEX kept ON t (upper(a) DESC)"
    assert text(connection, "new") == ("CREATE UNIQUE INDEX new ON t (length(a) DESC)")
    assert "WHERE b > 'x'" in text(connection, "part")
    with pytest.raises(ValueError, match="No such index"):
        batch(connection, lambda b: b.drop_index("missing"))


@pytest.mark.parametrize(
    "dependent",
    [
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER v AFTER INSERT ON t BEGIN SELECT new.a; END",
        "CREATE TRIGGER v AFTER INSERT ON u BEGIN UPDATE t SET a = 1; END",
    ],
)
def test_what_a_change_breaks_is_named(
    connection: sa.Connection, dependent: str
) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)",
        "CREATE TABLE u (x INT)",
        dependent,
    )
    with pytest.raises(MigrationError, match=r"'t' breaks (view|trigger) 'v'.*\ba\b"):
        batch(connection, lambda b: b.drop_column("a"))


def test_what_was_broken_before_stays_so(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)",
        "CREATE VIEW v AS SELECT missing FROM t",
        "CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
        "CREATE VIEW w AS SELECT a FROM t",
    )
    batch(connection, lambda b: b.alter_column("a", nullable=False))
    batch(connection, lambda b: b.alter_column("a", new_column_name="z"))
    assert text(connection, "v") == "CREATE VIEW v AS SELECT missing FROM t"
    assert text(connection, "w") == "CREATE VIEW w AS SELECT z FROM t"
    assert "tr" in names(connection)


def test_a_temporary_table_is_refused(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TEMPORARY TABLE t (id INTEGER PRIMARY KEY, a INT)",
    )
    with pytest.raises(MigrationError, match="'t' is temporary"):
        batch(connection)


def test_a_table_of_an_attached_database(connection: sa.Connection) -> None:
    connection.rollback()
    script(
        connection,
        "ATTACH ':memory:' AS x",
        "CREATE TABLE x.t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE NOCASE)",
        "CREATE TABLE x.log (id INT)",
        "CREATE INDEX x.ix ON t (a DESC)",
        "CREATE TRIGGER x.tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END",
        "CREATE VIEW x.v AS SELECT a FROM t",
        "INSERT INTO x.t VALUES (5, 'x')",
        "DELETE FROM x.t",
        "INSERT INTO x.t VALUES (1, 'x')",
    )
    batch(
        connection,
        lambda b: b.alter_column("a", new_column_name="z", nullable=False),
        schema="x",
    )
    query = "SELECT name, sql FROM x.sqlite_schema WHERE name IN ('t', 'ix', 'tr', 'v')"
    found = {name: sql for name, sql in connection.exec_driver_sql(query)}
    assert "AUTOINCREMENT" in found["t"]
    assert "COLLATE NOCASE NOT NULL" in found["t"].upper()
    assert "DESC" in found["ix"]
    assert set(found) == {"t", "ix", "tr", "v"}
    script(connection, "INSERT INTO x.t (z) VALUES ('y')")
    assert connection.exec_driver_sql("SELECT max(id) FROM x.t").scalar() == 6
    assert connection.exec_driver_sql("SELECT count(*) FROM x.log").scalar() == 3


@pytest.mark.parametrize(
    ("reference", "row", "refused"),
    [
        ("ON DELETE CASCADE", False, True),
        ("ON DELETE SET NULL", False, True),
        ("ON DELETE SET DEFAULT", False, True),
        ("", True, True),
        ("DEFERRABLE INITIALLY DEFERRED", True, True),
        ("ON DELETE RESTRICT", True, True),
        ("ON DELETE RESTRICT", False, False),
        ("", False, False),
    ],
)
@pytest.mark.parametrize("child", ["c", "t"])
def test_a_rebuild_that_would_lose_rows_is_refused(
    make_engine: t.Callable[..., sa.Engine],
    reference: str,
    row: bool,
    refused: bool,
    child: str,
) -> None:
    engine = make_engine("sqlite://")
    with engine.connect() as connection:
        script(connection, "PRAGMA foreign_keys=ON")
        column = f"up INT REFERENCES t (id) {reference}"
        if child == "c":
            script(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
            script(connection, f"CREATE TABLE c (id INT, {column})")
        else:
            script(connection, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column})")
        script(connection, "INSERT INTO t (id) VALUES (1)")
        if row:
            script(connection, f"INSERT INTO {child} (id, up) VALUES (2, 1)")
        connection.commit()
        setup = support(engine.dialect).prepare(connection, callers=True)
        with setup.run():
            if refused:
                with pytest.raises(MigrationError, match=f"'t'.*'{child}' references"):
                    batch(connection)
            else:
                batch(connection)
                assert connection.exec_driver_sql("SELECT id FROM t").all() == [(1,)]
        setup.restore()
        connection.rollback()


def test_a_failing_copy_leaves_nothing(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)",
        "INSERT INTO t VALUES (1, NULL)",
    )
    before = text(connection)
    with pytest.raises(sa.exc.IntegrityError):
        batch(connection, lambda b: b.alter_column("a", nullable=False))
    assert names(connection) == {"t"}
    assert text(connection) == before
    batch(connection, lambda b: b.alter_column("a", server_default="3"))
    assert "DEFAULT '3'" in text(connection)


def test_ordinary_operations_stay(connection: sa.Connection) -> None:
    op = operations(connection)
    op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))
    op.rename_table("t", "u")
    op.add_column("u", sa.Column("a", sa.Integer))
    op.create_index("ix", "u", ["a"])
    op.drop_index("ix", table_name="u")
    assert names(connection) == {"u"}
    op.drop_table("u")
    assert names(connection) == set()


def test_an_applications_own_class_stays_in_force(connection: sa.Connection) -> None:
    seen: list[str] = []

    class Own(SQLiteImpl):
        def create_table(self, table: sa.Table, **kwargs: t.Any) -> None:
            seen.append(table.name)
            super().create_table(table, **kwargs)

    script(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    context = MigrationContext.configure(connection)
    context.impl.__class__ = Own
    use_keeping_impl(context)
    use_keeping_impl(context)
    with KeepingOperations(context).batch_alter_table("t", recreate="always"):
        pass
    assert seen == ["_alembic_tmp_t"]
    assert "AUTOINCREMENT" in text(connection)
    assert _impls["sqlite"] is SQLiteImpl


def test_offline_sql_is_alembics() -> None:
    context = MigrationContext.configure(dialect_name="sqlite", opts={"as_sql": True})
    kind = type(context.impl)
    use_keeping_impl(context)
    assert type(context.impl) is kind


def test_referenced_tables_are_not_read(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t0 (id INTEGER PRIMARY KEY)")
    for number in range(1, 30):
        script(
            connection,
            f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY,"
            f" up INT REFERENCES t{number - 1} (id))",
        )
    script(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t29)")
    seen: list[str] = []
    driver = t.cast("sqlite3.Connection", connection.connection.dbapi_connection)
    driver.set_trace_callback(seen.append)
    batch(connection, lambda b: b.alter_column("up", nullable=False))
    driver.set_trace_callback(None)
    assert not [statement for statement in seen if "t15" in statement]
    assert len(seen) < 60


def test_a_users_own_reflection_wins(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, f BOOLEAN,"
        " CONSTRAINT ck CHECK (f IN (0, 1)))",
    )
    heard: list[str] = []

    def listen(_: t.Any, __: t.Any, column: t.Any) -> None:
        heard.append(column["name"])

    batch(
        connection,
        lambda b: b.add_column(sa.Column("n", sa.Integer)),
        reflect_args=[sa.Column("f", sa.Boolean(create_constraint=True, name="ck"))],
        reflect_kwargs={"listeners": [("column_reflect", listen)]},
    )
    assert heard == ["id", "f"]
    assert text(connection).count("CHECK") == 1


def test_columns_without_a_type(connection: sa.Connection) -> None:
    script(connection, "CREATE TABLE t (a, b DEFAULT NULL, c NOT NULL)")
    batch(
        connection,
        lambda b: b.alter_column("a", nullable=False),
        lambda b: b.alter_column("b", server_default="x"),
        lambda b: b.alter_column("c", type_=sa.Text()),
    )
    assert text(connection) == (
        "CREATE TABLE t (a NOT NULL, b DEFAULT 'x', c TEXT NOT NULL)"
    )


def test_odd_names_and_texts(connection: sa.Connection) -> None:
    script(
        connection,
        'CREATE TABLE t ("the % id" INTEGER PRIMARY KEY, "a:b" TEXT DEFAULT \'5% :x\','
        " ü INT CHECK (ü <> 'it''s %(x)s'))",
        "INSERT INTO t VALUES (1, 'é', 2)",
    )
    batch(
        connection,
        lambda b: b.alter_column("a:b", new_column_name="a%:b", nullable=False),
        lambda b: b.add_column(sa.Column("n%", sa.Text, server_default="%s :y")),
    )
    found = text(connection)
    assert "a%:b TEXT DEFAULT '5% :x' NOT NULL" in found
    assert "CHECK (ü <> 'it''s %(x)s')" in found
    rows = connection.exec_driver_sql("SELECT * FROM t").all()
    assert rows == [(1, "é", 2, "%s :y")]


def test_an_enum_gets_another_value(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (e VARCHAR(1) CONSTRAINT ck CHECK (e IN ('a', 'b')))",
        "INSERT INTO t VALUES ('a')",
    )
    old = sa.Enum("a", "b", name="ck", create_constraint=True)
    new = sa.Enum("a", "b", "long", name="ck", create_constraint=True)
    batch(connection, lambda b: b.alter_column("e", existing_type=old, type_=new))
    assert text(connection) == (
        "CREATE TABLE t (e VARCHAR(4), CONSTRAINT ck CHECK (e IN ('a', 'b', 'long')))"
    )
    batch(connection, lambda b: b.alter_column("e", existing_type=new, type_=old))
    assert text(connection) == (
        "CREATE TABLE t (e VARCHAR(1), CONSTRAINT ck CHECK (e IN ('a', 'b')))"
    )


def test_what_cannot_be_edited_is_refused(connection: sa.Connection) -> None:
    script(connection, "CREATE VIRTUAL TABLE t USING fts5 (a)")
    with pytest.raises(MigrationError, match=r"'t' can't be edited.*virtual"):
        batch(connection, lambda b: b.add_column(sa.Column("n", sa.Integer)))
    assert "USING fts5" in text(connection)


def test_without_a_transaction_of_ours(
    make_engine: t.Callable[..., sa.Engine],
) -> None:
    engine = make_engine("sqlite://")
    with engine.connect() as connection:
        script(
            connection,
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT)",
            "INSERT INTO t VALUES (5, 1)",
        )
        connection.commit()
        batch(
            connection,
            lambda b: b.alter_column("a", nullable=False),
            lambda b: b.create_index("ix", ["a"]),
        )
        connection.rollback()
        assert "AUTOINCREMENT, a INT NOT NULL" in text(connection)
        assert "ix" in names(connection)


def test_a_temporary_trigger_comes_back(connection: sa.Connection) -> None:
    script(
        connection,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)",
        "CREATE TABLE log (id INT)",
        "CREATE TEMPORARY TRIGGER tr AFTER INSERT ON t"
        " BEGIN INSERT INTO log VALUES (new.id); END",
    )
    batch(connection, lambda b: b.alter_column("a", type_=sa.Text()))
    script(connection, "INSERT INTO t (id) VALUES (1)")
    assert connection.exec_driver_sql("SELECT id FROM log").all() == [(1,)]
    assert "tr" not in names(connection)


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        ("end", "CHECK(CASE WHEN n > 0 THEN 1 END)"),
        ("between", "CHECK(n BETWEEN 1 AND 5)"),
        ("text", "CHECK(CAST(n AS text)<>'')"),
        ("t", "CHECK(t.n>0)"),
    ],
)
def test_a_check_isnt_dropped_for_a_keyword(
    connection: sa.Connection, column: str, kept: str
) -> None:
    script(
        connection,
        f'CREATE TABLE t (n INT, "{column}" INT, {kept}, CHECK ("{column}" > 0))',
        f"CREATE INDEX ix ON t (n) WHERE {kept.removeprefix('CHECK')}",
        f'CREATE INDEX gone ON t ("{column}")',
    )
    batch(connection, lambda b: b.drop_column(column))
    # The table is made under another name, so its own can't stay in its definition.
    assert text(connection) == f"CREATE TABLE t (n INT, {kept.replace('t.', '')})"
    assert names(connection) == {"t", "ix"}


def test_a_restated_check_replaces_its_own_column_only(
    connection: sa.Connection,
) -> None:
    script(
        connection,
        'CREATE TABLE t (a INT, b INT, "end" INT, CHECK (a BETWEEN 1 AND 2),'
        " CHECK (b BETWEEN 1 AND 2), CHECK (CASE WHEN b THEN 1 END))",
    )
    batch(
        connection,
        table_args=[sa.CheckConstraint("CASE WHEN a BETWEEN 1 AND 3 THEN 1 END")],
    )
    found = text(connection)
    assert "a BETWEEN 1 AND 2" not in found
    assert "CHECK (b BETWEEN 1 AND 2), CHECK (CASE WHEN b THEN 1 END)" in found
    assert "CASE WHEN a BETWEEN 1 AND 3 THEN 1 END" in found


OLD, NEW = sa.Enum("a", "b"), sa.Enum("a", "b", "cc")
CHECKED_OLD = sa.Enum("a", "b", create_constraint=True)
CHECKED_NEW = sa.Enum("a", "b", "cc", create_constraint=True)


@pytest.mark.parametrize(
    ("type_", "existing", "checked"),
    [
        (NEW, OLD, False),
        (NEW, None, False),
        (NEW, CHECKED_OLD, False),
        (CHECKED_NEW, CHECKED_OLD, True),
        (CHECKED_NEW, None, True),
        (sa.String(9), OLD, False),
    ],
)
def test_the_check_of_an_enum_goes_with_it(
    connection: sa.Connection,
    type_: sa.types.TypeEngine[str],
    existing: sa.types.TypeEngine[str] | None,
    checked: bool,
) -> None:
    script(
        connection,
        "CREATE TABLE t (e VARCHAR(1), n INT, CHECK (e IN ('a', 'b')),"
        " CHECK (e IN ('a') OR n > 0), CHECK (n IN (0, 1)), CHECK (e <> 'x'),"
        " CONSTRAINT ck CHECK (e IN ('a', 'b', 'cc')))",
    )
    batch(
        connection,
        lambda b: b.alter_column(
            "e", type_=type_, existing_type=existing, new_column_name="f"
        ),
    )
    script(connection, "INSERT INTO t VALUES ('cc', 1)")
    found = text(connection)
    assert "f IN ('a', 'b'))" not in found
    assert "CHECK (f IN ('a') OR n > 0), CHECK (n IN (0, 1))" in found
    assert "CHECK (f <> 'x')" in found
    assert found.count("f IN ('a', 'b', 'cc')") == 1 + checked


@pytest.mark.parametrize(
    ("type_", "existing"),
    [(sa.String(9), None), (sa.String(9), sa.String(1)), (OLD, OLD), (None, OLD)],
)
def test_a_check_that_is_no_types_stays(
    connection: sa.Connection,
    type_: sa.types.TypeEngine[str] | None,
    existing: sa.types.TypeEngine[str] | None,
) -> None:
    script(connection, "CREATE TABLE t (e VARCHAR(1), CHECK (e IN ('a', 'b')))")
    batch(
        connection,
        lambda b: b.alter_column(
            "e", type_=type_, existing_type=existing, nullable=False
        ),
    )
    assert "CHECK (e IN ('a', 'b'))" in text(connection)


@pytest.mark.parametrize("inline", [False, True])
def test_the_check_of_a_boolean_goes_with_it(
    connection: sa.Connection, inline: bool
) -> None:
    check = "CHECK ( [b] in (0, 1) )"
    inside, after = (check, "") if inline else ("", f", {check}")
    script(connection, f"CREATE TABLE t (b BOOLEAN {inside} NOT NULL{after})")
    batch(connection, lambda b: b.alter_column("b", type_=sa.Integer()))
    assert text(connection) == "CREATE TABLE t (b INTEGER NOT NULL)"


def test_the_check_of_an_enum_goes_from_a_described_table(
    connection: sa.Connection,
) -> None:
    script(
        connection,
        "CREATE TABLE t (e VARCHAR(1), CHECK (e IN ('a', 'b')), CHECK (e <> 'x'))",
    )
    described = sa.Table("t", sa.MetaData(), sa.Column("e", OLD))
    batch(
        connection,
        lambda b: b.alter_column("e", type_=NEW, existing_type=OLD),
        copy_from=described,
    )
    script(connection, "INSERT INTO t VALUES ('cc')")
    assert "CHECK (e <> 'x')" in text(connection)


def test_a_column_with_its_tables_name_in_an_expression(
    connection: sa.Connection,
) -> None:
    script(
        connection,
        "CREATE TABLE t (n INT, g INT AS (n * 2), CHECK (main . t . n > 0.5))",
        "CREATE INDEX ix ON t (n) WHERE t.n > 1",
        "INSERT INTO t VALUES (2)",
    )
    batch(connection, lambda b: b.add_column(sa.Column("m", sa.Integer)))
    rows = connection.exec_driver_sql("SELECT n, g, m FROM t").all()
    assert rows == [(2, 4, None)]
    assert text(connection, "ix").endswith("WHERE t.n > 1")
    with pytest.raises(sa.exc.IntegrityError):
        script(connection, "INSERT INTO t (n) VALUES (0)")

"""The database is read all at once: what is found is the same, in few statements."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic.runtime.plugins import Plugin
from sqlalchemy import event
from support.application import Project
from support.models import migrating
from support.servers import Database

from flask_alembic import Alembic
from flask_alembic.migrator.drafts import reflection as bulk
from flask_alembic.migrator.drafts.unchanged import view as unchanged

PLUGIN = "flask_alembic_tests.bulk"
KINDS = 12


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    """Let Alembic's raw comparison be quick, without what refines it."""
    made = Plugin(PLUGIN)
    bulk.add_comparators(made)
    unchanged.add_comparators(made)


def table(
    metadata: sa.MetaData, number: int, kind: str, schema: str | None, changed: bool
) -> None:
    """Describe one of a dozen sorts of tables.

    :param kind: The database's.
    :param changed: It isn't what it was.
    """
    c: t.Any = sa.Column
    pg = kind == "postgresql"
    prefix = f"{schema}." if schema else ""
    items: list[t.Any] = [c("id", sa.Integer, primary_key=True)]
    options: dict[str, t.Any] = {"schema": schema}
    match number % KINDS:
        case 0:
            size = 80 if changed else 40
            items += [c("name", sa.String(size), nullable=False)]
        case 1:
            items += [c("number", sa.Integer, server_default="2" if changed else "1")]
            items += [c("at", sa.DateTime, server_default=sa.func.now())]
        case 2:
            rule = "CASCADE" if changed else "SET NULL"
            target = sa.ForeignKey(f"{prefix}t{number - 2}.id", ondelete=rule)
            items += [c("other_id", target)]
        case 3:
            items += [c("code", sa.String(20)), c("more", sa.Integer, index=True)]
            name = "uq_{}".format("more" if changed else "code")
            items += [sa.UniqueConstraint(name[3:], name=f"{name}_{number}")]
        case 4:
            items += [c("a", sa.Integer), c("b", sa.Integer)]
            columns = ("b", "a") if changed else ("a", "b")
            items += [sa.Index(f"ix_both_{number}", *columns)]
        case 5:
            items += [
                c("n", sa.Integer),
                sa.CheckConstraint("n > 0", name=f"p{number}"),
            ]
            items += [c("extra", sa.Integer)] if changed else []
        case 6:
            items += [c("n", sa.Integer), c("m", sa.Integer, nullable=not changed)]
            items += [c("sum", sa.Integer, sa.Computed("n + 1", persisted=True))]
        case 7:
            condition = sa.text("n > 5") if changed else sa.text("n > 3")
            where = (
                {f"{kind}_where": condition} if kind in ("sqlite", "postgresql") else {}
            )
            items += [c("n", sa.Integer), sa.Index(f"ix_part_{number}", "n", **where)]
        case 8:
            options["comment"] = "other words" if changed else "it's 100%"
            items += [c("noted", sa.Integer, comment="a:b")]
        case 9:
            words = ("a", "b", "c") if changed else ("a", "b")
            items += [c("letter", sa.Enum(*words, name=f"letter_{number}"))]
            items += [c("price", sa.Numeric(10, 4 if changed else 2))]
        case 10:
            items = [c("x", sa.Integer), c("y", sa.String(10))]
            items += [sa.PrimaryKeyConstraint("x", "y", name=f"pk_{number}")]
            items += [c("z", sa.SmallInteger if changed and pg else sa.BigInteger)]
        case 11:
            items += [c("MixedCase", sa.Text), c("per%cent", sa.Integer)]
            items += [c("select", sa.Boolean, server_default=sa.false())]
    sa.Table(
        f"{'Odd ' if number % KINDS == 11 else ''}t{number}",
        metadata,
        *items,
        **options,
    )


def models(
    kind: str,
    number: int,
    *,
    schemas: t.Sequence[str | None] = (None,),
    changed: t.Callable[[int], bool] = lambda _: False,
) -> sa.MetaData:
    """Describe many tables."""
    metadata = sa.MetaData()
    for schema in schemas:
        for place in range(number):
            table(metadata, place, kind, schema, changed(place))
    return metadata


def plain(item: t.Any) -> t.Any:
    """What is found, as something that can be compared."""
    if isinstance(item, (list, tuple)):
        return [plain(one) for one in item]
    if isinstance(item, dict):
        return {str(key): plain(value) for key, value in item.items()}
    if isinstance(item, (sa.Constraint, sa.Index)):
        columns = [str(column) for column in getattr(item, "columns", ())]
        where = [plain(option) for option in item.dialect_kwargs.values()]
        return [type(item).__name__, str(item.name), columns, where]
    text = isinstance(item, (sa.TextClause, sa.DefaultClause))
    return str(getattr(item, "arg", item)) if text else repr(item)


def raw(alembic: Alembic, metadata: sa.MetaData, *, ours: bool) -> list[str]:
    """Alembic's differences, with or without reading at once and leaving tables out."""
    context = t.cast(t.Any, alembic.migration_context)
    before = dict(context.opts)
    plugins = ["alembic.autogenerate.*", *([PLUGIN] if ours else [])]
    context.opts["autogenerate_plugins"] = plugins
    try:
        with contextlib.ExitStack() as stack:
            if ours:
                read = stack.enter_context(bulk.reading(context.opts, context))
                unchanged.leave_out(context.opts, read, before)
            found = autogenerate.compare_metadata(context, metadata)
    finally:
        context.opts.clear()
        context.opts.update(before)
    return sorted(str(plain(difference)) for difference in found)


@contextlib.contextmanager
def with_schemas(database: Database) -> t.Iterator[tuple[sa.Engine, list[str | None]]]:
    """An engine, and the schemas that the tables are in."""
    engine = database.engine()
    names: list[str] = ["one", "two"]
    if database.kind == "sqlite":
        files = {name: database.folder / f"{name}.db" for name in names}

        @event.listens_for(engine, "connect")
        def attach(connection: t.Any, _: t.Any) -> None:
            for name, file in files.items():
                connection.execute(f"ATTACH '{file}' AS {name}")

    elif database.kind == "postgresql":
        database.execute("CREATE SCHEMA one", "CREATE SCHEMA two")
    else:
        names = [database.sibling().name, database.sibling().name]
    yield engine, [None, *names]
    engine.dispose()


def only(schemas: t.Collection[str | None]) -> t.Callable[..., bool]:
    """Leave the other schemas of the server out."""
    return lambda name, kind, _: kind != "schema" or name in schemas


def count(engine: sa.Engine) -> list[str]:
    """Collect the statements that are run from now on."""
    found: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_: t.Any, __: t.Any, statement: str, *___: t.Any) -> None:
        found.append(statement)

    return found


def test_same_differences_as_alembic(project: Project, database: Database) -> None:
    """Sixty tables: most are as they were, or each has changed; some are new or gone."""
    engine, kind = database.engine(), database.kind
    models(kind, 58).create_all(engine)
    for changed, least in ((False, 3), (True, 50)):
        wanted = models(kind, 60, changed=lambda _, changed=changed: changed)
        wanted.remove(wanted.tables["t4"])
        with migrating(project, engine, wanted, compare_server_default=True) as alembic:
            stock = raw(alembic, wanted, ours=False)
            assert len(stock) >= least
            assert raw(alembic, wanted, ours=True) == stock


def test_same_differences_in_all_schemas(project: Project, database: Database) -> None:
    """Tables of one name in three schemas aren't mixed up."""
    with with_schemas(database) as (engine, schemas):
        kind = database.kind
        models(kind, KINDS, schemas=schemas).create_all(engine)
        wanted = models(kind, KINDS, schemas=schemas[:2], changed=lambda n: n % 4 > 0)
        for number in range(KINDS):
            table(wanted, number, kind, schemas[2], number % 2 == 0)
        options = {"include_schemas": True, "include_name": only(schemas)}
        with migrating(project, engine, wanted, **options) as alembic:
            stock = raw(alembic, wanted, ours=False)
            assert raw(alembic, wanted, ours=True) == stock
            assert len(stock) > 10


def test_everything_is_described_alike(project: Project, database: Database) -> None:
    """What reflection says of each table is the same to the letter."""
    with with_schemas(database) as (engine, schemas):
        models(database.kind, KINDS, schemas=schemas).create_all(engine)
        with migrating(project, engine, sa.MetaData()) as alembic:
            context = t.cast(t.Any, alembic.migration_context)
            support = context.target.dialect
            reflection = support.bulk_class(context.live)
            reflection.read(schemas)
            ours, stock = reflection.inspector(), sa.inspect(context.live)
            for schema in schemas:
                names = stock.get_table_names(schema)
                assert sorted(ours.get_table_names(schema)) == sorted(names)
                for kind in sorted(KINDS_OF_REFLECTION):
                    several, one = f"get_multi_{kind}", f"get_{kind}"
                    try:
                        expected = plain(getattr(stock, several)(schema=schema))
                    except NotImplementedError:
                        continue
                    assert plain(getattr(ours, several)(schema=schema)) == expected
                    for name in names[:3]:
                        found = plain(getattr(ours, one)(name, schema=schema))
                        assert found == expected[str((schema, name))]


KINDS_OF_REFLECTION = {
    "columns",
    "pk_constraint",
    "foreign_keys",
    "indexes",
    "unique_constraints",
    "table_comment",
    "check_constraints",
    "table_options",
}


def statements_of_diff(
    project: Project, engine: sa.Engine, metadata: sa.MetaData, **options: t.Any
) -> int:
    """How many statements finding no difference takes."""
    metadata.create_all(engine)
    statements = count(engine)
    with migrating(project, engine, metadata, **options) as alembic:
        assert alembic.diff().operations == ()
    return len(statements)


def test_number_of_statements(project: Project, database: Database) -> None:
    """It grows with no tables, whatever they have."""
    engine, kind = database.engine(), database.kind
    few = statements_of_diff(project, engine, models(kind, KINDS))
    many = statements_of_diff(project, engine, models(kind, 2 * KINDS))
    assert many <= few < 40


@pytest.mark.needs("schemas")
def test_number_of_statements_in_schemas(project: Project, database: Database) -> None:
    """It grows with no schemas either."""
    engine, kind = database.engine(), database.kind
    database.execute("CREATE SCHEMA one", "CREATE SCHEMA two", "CREATE SCHEMA three")
    options = {"include_schemas": True}
    two = models(kind, KINDS, schemas=(None, "one"))
    few = statements_of_diff(project, engine, two, **options)
    four = models(kind, KINDS, schemas=(None, "one", "two", "three"))
    many = statements_of_diff(project, engine, four, **options)
    assert many <= few < 40


def test_all_defaults_at_once(project: Project, database: Database) -> None:
    """A default that can't be evaluated hides none of the others."""
    engine = database.engine()
    before, after = sa.MetaData(), sa.MetaData()
    for number in range(30):
        for metadata, value in (
            (before, "1"),
            (after, "2" if number % 7 == 0 else "1"),
        ):
            sa.Table(
                f"t{number}",
                metadata,
                sa.Column("id", sa.Integer, primary_key=True),
                sa.Column(
                    "number",
                    sa.Integer,
                    server_default=sa.text(f"({value} + {number})"),
                ),
                sa.Column(
                    "word", sa.String(9), server_default=f"50% :x '{number}'"[:9]
                ),
            )
    before.create_all(engine)
    with migrating(project, engine, after, compare_server_default=True) as alembic:
        found = [operation.name for operation in alembic.diff().operations]
    assert sorted(found) == sorted(f"t{n}.number" for n in range(0, 30, 7))


def test_second_comparison_reads_nothing(project: Project, database: Database) -> None:
    """A rename makes Alembic compare twice; the database is read once."""
    engine, kind = database.engine(), database.kind
    models(kind, KINDS).create_all(engine)
    statements = count(engine)
    with migrating(project, engine, models(kind, KINDS)) as alembic:
        assert alembic.diff().operations == ()
        once = len(statements)
        renamed = models(kind, KINDS)
    statements.clear()
    renamed.remove(renamed.tables["t0"])
    renamed.remove(renamed.tables["t2"])
    sa.Table(
        "fresh",
        renamed,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
    )
    sa.Table(
        "t2",
        renamed,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("other_id", sa.ForeignKey("fresh.id", ondelete="SET NULL")),
    )
    with migrating(project, engine, renamed) as alembic:
        draft = alembic.diff(renames={"t0": "fresh"})
        assert draft.renames == {"t0": "fresh"}
    assert len(statements) < once + 15


def test_table_that_cannot_be_described(project: Project, database: Database) -> None:
    """A table that the application leaves out doesn't spoil the others."""
    engine = database.engine()
    metadata = models(database.kind, KINDS)
    metadata.create_all(engine)
    if database.kind == "sqlite":
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("PRAGMA writable_schema = 1")
            connection.exec_driver_sql(
                "INSERT INTO sqlite_master VALUES ('table', 'broken', 'broken', 0,"
                " 'CREATE VIRTUAL TABLE broken USING unknown_module(x)')"
            )
    options = {"include_name": lambda name, kind, _: name != "broken"}
    with migrating(project, engine, metadata, **options) as alembic:
        assert alembic.diff().operations == ()

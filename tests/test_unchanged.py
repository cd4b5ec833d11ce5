"""Tables that are as their models say are left out; nothing that differs is."""

from __future__ import annotations

import contextlib
import random
import typing as t

import pytest
import sqlalchemy as sa
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import event
from support.application import Project
from support.models import migrating
from support.servers import Database


class Parts:
    """What a table is made of, before it is made.

    :param number: Names it and what it has.
    :ivar columns: Name -> arguments and options.
    """

    def __init__(self, number: int) -> None:
        self.number, self.name = number, f"t{number:02}"
        self.columns: dict[str, tuple[list[t.Any], dict[str, t.Any]]] = {}
        self.column("id", sa.Integer, primary_key=True)
        self.column("name", sa.String(40), nullable=False)
        self.column("word", sa.String(20), server_default="new")
        self.column("amount", sa.Numeric(10, 2))
        self.column("count", sa.Integer, server_default=sa.text("3"))
        self.column("flag", sa.Boolean)
        self.column("at", sa.DateTime, server_default=sa.func.now())
        self.column("day", sa.Date, index=True)
        self.column("note", sa.Text, comment="of it")
        self.column("letter", sa.Enum("a", "b", name=f"letter_{number}"))
        self.column("owner_id", sa.ForeignKey("owner.id", ondelete="CASCADE"))
        self.items: dict[str, t.Any] = {
            "unique": sa.UniqueConstraint("name", "word", name=f"uq_{number}"),
            "index": sa.Index(f"ix_both_{number}", "amount", "count"),
        }
        self.options: dict[str, t.Any] = {"comment": "many of them"}

    def column(self, name: str, *arguments: t.Any, **options: t.Any) -> None:
        """Add a column, or change what it is."""
        self.columns[name] = ([*arguments], options)

    def make(self, metadata: sa.MetaData) -> None:
        """Make the table."""
        columns = [sa.Column(n, *a, **o) for n, (a, o) in self.columns.items()]
        sa.Table(self.name, metadata, *columns, *self.items.values(), **self.options)


def option(column: str, **options: t.Any) -> t.Callable[[Parts], None]:
    """Change a column's options."""
    return lambda parts: parts.columns[column][1].update(options)


def typed(
    column: str, make: t.Callable[[], t.Sequence[t.Any]]
) -> t.Callable[[Parts], None]:
    """Give a column another type, foreign key or check."""

    def change(parts: Parts) -> None:
        parts.columns[column][0][:] = make()

    return change


def item(key: str, made: t.Callable[[str], t.Any] | None) -> t.Callable[[Parts], None]:
    """Put a constraint or an index in the place of another, or take it away.

    :param made: Gets a word for its name.
    """

    def change(parts: Parts) -> None:
        parts.items.pop(key, None)
        if made is not None:
            parts.items[key] = made(str(parts.number))

    return change


CHANGES: dict[str, t.Callable[[Parts], t.Any]] = {
    "nothing": lambda parts: None,
    "longer": typed("name", lambda: [sa.String(41)]),
    "other family": typed("count", lambda: [sa.String(9)]),
    "bigger": typed("count", lambda: [sa.BigInteger]),
    "scale": typed("amount", lambda: [sa.Numeric(10, 3)]),
    "with time": typed("day", lambda: [sa.DateTime]),
    "text": typed("note", lambda: [sa.String(99)]),
    "other words": typed(
        "letter", lambda: [sa.Enum("a", "bb", name="letter_x", native_enum=False)]
    ),
    "more letters": lambda parts: parts.column(
        "letter", sa.Enum("a", "b", "cc", name=f"letter_{parts.number}")
    ),
    "table's options": lambda parts: parts.options.update(
        mysql_row_format="DYNAMIC", postgresql_tablespace="other"
    ),
    "checked flag": typed("flag", lambda: [sa.Boolean(create_constraint=True)]),
    "collation": typed("note", lambda: [sa.String(99, collation="binary")]),
    "identity": typed("id", lambda: [sa.Integer, sa.Identity()]),
    "required": option("amount", nullable=False),
    "optional": option("name", nullable=True),
    "default": option("word", server_default="old"),
    "default's kind": option("word", server_default=sa.text("lower('OLD')")),
    "no default": option("count", server_default=None),
    "new default": option("amount", server_default="0"),
    "moment": option("at", server_default=sa.text("'2020-01-01 00:00:00'")),
    "comment": option("note", comment="of them"),
    "no comment": option("note", comment=None),
    "table's comment": lambda parts: parts.options.update(comment="few"),
    "no table's comment": lambda parts: parts.options.pop("comment"),
    "column more": lambda parts: parts.column("more", sa.Integer),
    "column less": lambda parts: parts.columns.pop("flag"),
    "order": lambda parts: parts.columns.update(flag=parts.columns.pop("flag")),
    "computed": lambda parts: parts.column("sum", sa.Integer, sa.Computed("id + 1")),
    "key": option("count", primary_key=True),
    "no key": option("id", primary_key=False),
    "no unique": item("unique", None),
    "unique": item("more", lambda n: sa.UniqueConstraint("day", name=f"uq_day_{n}")),
    "unnamed unique": item("more", lambda _: sa.UniqueConstraint("day", "count")),
    "unique's columns": item(
        "unique", lambda n: sa.UniqueConstraint("name", name=f"uq_{n}")
    ),
    "unique's name": item(
        "unique", lambda n: sa.UniqueConstraint("name", "word", name=f"uq_other_{n}")
    ),
    "no index": item("index", None),
    "index": option("amount", index=True),
    "column's index": option("day", index=False),
    "unique index": item(
        "index", lambda n: sa.Index(f"ix_both_{n}", "amount", "count", unique=True)
    ),
    "index's order": item(
        "index", lambda n: sa.Index(f"ix_both_{n}", "count", "amount")
    ),
    "index's name": item(
        "index", lambda n: sa.Index(f"ix_more_{n}", "amount", "count")
    ),
    "index's condition": item(
        "index",
        lambda n: sa.Index(
            f"ix_both_{n}",
            "amount",
            "count",
            sqlite_where=sa.text("count > 1"),
            postgresql_where=sa.text("count > 1"),
        ),
    ),
    "index's expression": item(
        "index", lambda n: sa.Index(f"ix_both_{n}", "amount", sa.text("lower(name)"))
    ),
    "no foreign key": typed("owner_id", lambda: [sa.Integer]),
    "foreign key's rule": typed("owner_id", lambda: [sa.ForeignKey("owner.id")]),
    "update rule": typed(
        "owner_id",
        lambda: [sa.ForeignKey("owner.id", ondelete="CASCADE", onupdate="CASCADE")],
    ),
    "deferrable key": typed(
        "owner_id",
        lambda: [sa.ForeignKey("owner.id", ondelete="CASCADE", deferrable=True)],
    ),
    "other table": typed(
        "owner_id", lambda: [sa.ForeignKey("place.id", ondelete="CASCADE")]
    ),
    "foreign key": typed("count", lambda: [sa.ForeignKey("place.id")]),
    "check": item("check", lambda n: sa.CheckConstraint("amount > 0", name=f"ck_{n}")),
    "column's check": typed(
        "amount", lambda: [sa.Numeric(10, 2), sa.CheckConstraint("amount > 0")]
    ),
}
UNSEEN = {
    "nothing",
    # It means nothing.
    "order",
    # SQLite has no comments, and takes all texts for one.
    "comment",
    "no comment",
    "table's comment",
    "no table's comment",
    # PostgreSQL has booleans, which need no check.
    "checked flag",
    # MariaDB has no functional or partial indexes.
    "index's expression",
    "index's condition",
    # Nobody compares them.
    "table's options",
}


def models(*changes: t.Sequence[str]) -> sa.MetaData:
    """Describe a table for each of these, and those that they refer to.

    :param changes: Names in ``CHANGES``.
    """
    metadata = sa.MetaData()
    for name in ("owner", "place"):
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
    for number, names in enumerate(changes):
        parts = Parts(number)
        for name in names:
            CHANGES[name](parts)
        parts.make(metadata)
    return metadata


def found(
    project: Project, engine: sa.Engine, metadata: sa.MetaData, **options: t.Any
) -> list[str]:
    """The differences and what is said of them."""
    with migrating(project, engine, metadata, **options) as alembic:
        draft = alembic.diff()
    return sorted(map(str, (*draft.operations, *draft.findings)))


def everything(*_: t.Any) -> bool:
    """Filter nothing: who is asked about every object sees them all."""
    return True


@contextlib.contextmanager
def made() -> t.Iterator[list[str]]:
    """Collect the names of the tables that objects are made of."""
    names: list[str] = []

    def note(table: sa.Table, _: t.Any) -> None:
        names.append(table.name)

    event.listen(sa.Table, "after_parent_attach", note)
    try:
        yield names
    finally:
        event.remove(sa.Table, "after_parent_attach", note)


def test_no_object_is_made_of_what_is_unchanged(
    project: Project, database: Database
) -> None:
    """Neither of tables that are as they were, nor of those beside one that isn't."""
    engine = database.engine()
    models(*[["nothing"]] * 3).create_all(engine)
    for changes, expected in (
        ([["nothing"]] * 3, set()),
        ([["order"], ["nothing"], ["order"]], set()),
        ([["nothing"], ["longer"], ["nothing"]], {"t01"}),
    ):
        wanted = models(*changes)
        with migrating(project, engine, wanted) as alembic, made() as names:
            operations = alembic.diff().operations
        # What they refer to is a name without a table's columns.
        assert set(names) & (wanted.tables.keys() - {"owner"}) == expected
        assert len(operations) == len(expected)


def test_every_change_is_seen(project: Project, database: Database) -> None:
    """Each alone: what is found is what is found when nothing is left out."""
    engine = database.engine()
    names = list(CHANGES)
    models(*[["nothing"]] * len(names)).create_all(engine)
    wanted = models(*([name] for name in names))
    fast = found(project, engine, wanted)
    assert fast == found(project, engine, wanted, include_object=everything)
    unseen = {
        name
        for number, name in enumerate(names)
        if not any(f"t{number:02}" in line for line in fast)
    }
    assert unseen <= UNSEEN, fast


def test_changes_together_are_seen(project: Project, database: Database) -> None:
    """Some at random, on half of the tables; tables that refer to each other's."""
    engine, source = database.engine(), random.Random(database.kind)
    # A column that is gone can't be changed as well.
    names = [name for name in CHANGES if name not in ("column less", "order")]
    models(*[["nothing"]] * 30).create_all(engine)
    changes = [
        source.sample(names, source.randint(2, 3)) if source.random() < 0.5 else []
        for _ in range(30)
    ]
    wanted = models(*changes)
    fast = found(project, engine, wanted)
    assert fast == found(project, engine, wanted, include_object=everything)


def test_who_refers_to_a_changed_key_is_looked_at(
    project: Project, database: Database
) -> None:
    """The foreign key of a table that is as it was keeps a key from being dropped."""
    engine = database.engine()
    models(["nothing"]).create_all(engine)
    wanted = models(["nothing"])
    wanted.remove(wanted.tables["owner"])
    sa.Table(
        "owner",
        wanted,
        sa.Column("id", sa.Integer, nullable=False, unique=True),
        sa.Column("code", sa.Integer, primary_key=True),
    )
    fast = found(project, engine, wanted)
    assert fast == found(project, engine, wanted, include_object=everything)
    assert len(fast) > 2


@pytest.mark.one_database
def test_hooks_see_everything(project: Project, database: Database) -> None:
    """What the application looks at itself is shown to it as Alembic would."""
    engine, wanted = database.engine(), models(["nothing"])
    wanted.create_all(engine)
    columns = {column.name for column in wanted.tables["t00"].columns}
    seen: list[str] = []

    def include_object(_: t.Any, name: str, *__: t.Any) -> bool:
        seen.append(name)
        return True

    def compare_type(_: t.Any, __: t.Any, column: t.Any, *___: t.Any) -> None:
        seen.append(column.name)

    def compare_server_default(_: t.Any, __: t.Any, column: t.Any, *___: t.Any) -> None:
        seen.append(column.name)

    for options, expected in (
        ({"include_object": include_object}, {"t00", *columns}),
        ({"compare_type": compare_type}, columns),
        ({"compare_server_default": compare_server_default}, {"word", "count", "at"}),
    ):
        seen.clear()
        with migrating(project, engine, wanted, **options) as alembic:
            assert alembic.diff().operations == ()
        assert expected <= set(seen), options


@pytest.mark.one_database
def test_listeners_and_plugins_see_everything(
    project: Project, database: Database
) -> None:
    """So it is with who changes what is reflected, and who compares tables too."""
    engine, wanted = database.engine(), models(["nothing"])
    wanted.create_all(engine)
    seen: list[str] = []

    def longer(_: t.Any, table: sa.Table, info: t.Any) -> None:
        if (table.name, info["name"]) == ("t00", "name"):
            info["type"] = sa.String(41)

    event.listen(sa.Table, "column_reflect", longer)
    try:
        assert len(found(project, engine, wanted)) == 1
    finally:
        event.remove(sa.Table, "column_reflect", longer)
    assert found(project, engine, wanted) == []

    def look(_: t.Any, __: t.Any, ___: t.Any, name: str, *____: t.Any) -> t.Any:
        seen.append(name)
        return PriorityDispatchResult.CONTINUE

    name = "flask_alembic_tests.look"
    Plugin(name).add_autogenerate_comparator(look, "table", name)
    plugins = ["alembic.autogenerate.*", name]
    assert found(project, engine, wanted, autogenerate_plugins=plugins) == []
    assert {"t00", "owner", "place"} == set(seen)


def test_names_that_are_left_out(project: Project, database: Database) -> None:
    """A filter of names that hides a column or an index makes it one to add."""
    engine, wanted = database.engine(), models(["nothing"])
    wanted.create_all(engine)

    def include_name(name: str, kind: str, _: t.Any) -> bool:
        return (kind, name) not in {("column", "note"), ("index", "ix_both_0")}

    fast = found(project, engine, wanted, include_name=include_name)
    options = {"include_name": include_name, "include_object": everything}
    assert fast == found(project, engine, wanted, **options)
    assert len(fast) >= 2


@pytest.mark.one_database
def test_columns_of_ones_own_making(project: Project, database: Database) -> None:
    """Those that keep elsewhere what they say are left to Alembic."""

    class Own(sa.Column[t.Any]):
        inherit_cache = True

        def _said(self) -> bool | None:
            return t.cast("bool | None", self.__dict__["said"])

        def _say(self, value: bool | None) -> None:
            self.__dict__["said"] = value

        nullable: t.Any = property(_said, _say)

    engine = database.engine()
    for optional, number in ((True, 0), (False, 1)):
        wanted = sa.MetaData()
        columns = [Own("name", sa.String(9), nullable=optional)]
        sa.Table("own", wanted, sa.Column("id", sa.Integer, primary_key=True), *columns)
        wanted.create_all(engine)
        with migrating(project, engine, wanted) as alembic:
            assert len(alembic.diff().operations) == number

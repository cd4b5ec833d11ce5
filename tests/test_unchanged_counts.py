"""What many tables have alike is compared once for all of them."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from sqlalchemy.sql.compiler import DDLCompiler
from support.application import Project
from support.servers import Database
from test_unchanged import found

from flask_alembic.migrator.drafts.unchanged.tables import LeftOut
from flask_alembic.migrator.drafts.unchanged.tables import Unchanged


def alike(number: int) -> sa.MetaData:
    """Tables with columns that are written alike, and belong to one table each."""
    metadata = sa.MetaData()
    for place in range(number):
        sa.Table(
            f"t{place:02}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column(f"name_{place}", sa.String(40), nullable=False),
            sa.Column("amount", sa.Numeric(10, 2), server_default="0"),
            sa.Column("flag", sa.Boolean, server_default=sa.true()),
            sa.Column("made", sa.DateTime, server_default=sa.func.now()),
            sa.Column("day", sa.Date, server_default=sa.func.current_date()),
            sa.Column("count", sa.Integer, server_default=sa.text("3")),
        )
    return metadata


def test_what_is_written_alike_is_compared_once(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tables have such columns: neither types nor defaults are read anew."""
    calls: list[str] = []

    def counted(owner: t.Any, name: str) -> None:
        method = getattr(owner, name)

        def counting(*arguments: t.Any, **options: t.Any) -> t.Any:
            calls.append(name)
            return method(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    counted(DefaultImpl, "compare_type")
    counted(DDLCompiler, "get_column_default_string")
    numbers: list[int] = []
    for number in (4, 24):
        engine, wanted = database.engine(), alike(number)
        wanted.create_all(engine)
        calls.clear()
        assert found(project, engine, wanted) == []
        numbers.append(len(calls))
    # A type that has been compared may look like another: it remembers what it is.
    assert 5 < numbers[1] <= numbers[0] + 3


def test_only_tables_that_may_have_enums_are_searched_for_them(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are as they were; what is known of them is what was compared."""

    class Word(sa.types.TypeDecorator[str]):
        impl = sa.String(9)
        cache_ok = True

    engine, wanted = database.engine(), alike(3)
    types: dict[str, t.Any] = {
        "enum": sa.Enum("a", "b", name="letters"),
        "decorated": Word(),
        "variant": sa.Integer().with_variant(sa.BigInteger(), "oracle"),
    }
    for name, type_ in types.items():
        number = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(name, wanted, number, sa.Column("value", type_))
    wanted.create_all(engine)
    results: list[LeftOut] = []
    find = Unchanged.find

    def noting(self: Unchanged, schemas: t.Collection[str | None]) -> LeftOut:
        results.append(find(self, schemas))
        return results[-1]

    monkeypatch.setattr(Unchanged, "find", noting)
    assert found(project, engine, wanted) == []
    (left_out,) = results
    assert {name for _, name in left_out.tables} == {*wanted.tables}
    plain = {name for _, name in left_out.plain}
    assert plain == wanted.tables.keys() - types.keys()

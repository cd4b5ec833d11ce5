"""Tables that are left stand in the order that they have among all tables."""

from __future__ import annotations

import random
import typing as t

import pytest
import sqlalchemy as sa
from support.application import Project
from support.models import migrating
from support.servers import Database

from flask_alembic.migrator.drafts.unchanged.order import in_order


def related(source: random.Random, *, cyclic: bool = False) -> sa.MetaData:
    """Tables of which many refer to others, in no order of their names."""
    metadata = sa.MetaData()
    names = [f"t{number:02}" for number in range(30)]
    source.shuffle(names)
    for number, name in enumerate(names):
        others = source.sample(names[:number], min(number, source.randrange(3)))
        if cyclic and number == 3:
            others = names[3:6]
        columns: list[sa.Column[t.Any]] = [
            sa.Column(other, sa.ForeignKey(f"{other}.id")) for other in others
        ]
        sa.Table(
            name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns
        )
    for _ in range(3):
        first, second = sorted(source.sample(range(30), 2))
        metadata.tables[names[second]].add_is_dependent_on(
            metadata.tables[names[first]]
        )
    return metadata


def test_order_of_some_is_the_order_of_all() -> None:
    """What isn't there, but is referred to, is between those that are."""
    source = random.Random(7)
    for _ in range(50):
        metadatas = [related(source), related(source)]
        tables = [table for metadata in metadatas for table in metadata.sorted_tables]
        some = source.sample(tables, source.randrange(1, 8))
        assert in_order(metadatas, some) == [table for table in tables if table in some]
    assert in_order(metadatas, []) == []


def test_cycle_is_broken_as_ever() -> None:
    """SQLAlchemy warns of one, and sorts the others."""
    metadata = related(random.Random(3), cyclic=True)
    with pytest.warns(sa.exc.SAWarning, match="unresolvable cycles"):
        tables = metadata.sorted_tables
    with pytest.warns(sa.exc.SAWarning, match="unresolvable cycles"):
        assert in_order([metadata], tables) == tables


def test_new_tables_are_made_behind_those_that_they_refer_to(
    project: Project, database: Database
) -> None:
    """With most tables unchanged, and one of them between two that are new."""
    engine, source = database.engine(), random.Random(5)
    wanted = related(source)
    tables = wanted.sorted_tables
    there = sa.MetaData()
    for table in tables[:20]:
        table.to_metadata(there)
    there.create_all(engine)
    with migrating(project, engine, wanted) as alembic:
        found = [
            op.name for op in alembic.diff().operations if op.change == "add table"
        ]
    assert found == [table.name for table in tables[20:]]

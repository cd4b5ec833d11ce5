"""The order in which some of a metadata's tables stand: each behind those it refers to.

Sorting thousands of tables takes longer than comparing them, and mostly few are left.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.schema import sort_tables


def in_order(
    metadatas: t.Iterable[sa.MetaData], tables: t.Collection[sa.Table]
) -> list[sa.Table]:
    """Put tables in the order that they have among all of their metadata.

    A table stands as far behind as those it refers to make it stand, so that these are
    sorted with it, and nothing else.

    :param tables: Of these metadata.
    :raises sqlalchemy.exc.NoReferencedTableError: One refers to a table that isn't known.
    """
    found: list[sa.Table] = []
    for metadata in metadatas:
        own = [table for table in tables if table.metadata is metadata]
        behind = sort_tables(sorted(_needed(own), key=_key))
        wanted = frozenset(own)
        found += [table for table in behind if table in wanted]
    return found


def _needed(tables: t.Iterable[sa.Table]) -> set[sa.Table]:
    """Tables, those that they refer to, and those that these refer to."""
    needed: set[sa.Table] = set()
    left = list(tables)
    while left:
        table = left.pop()
        if table not in needed:
            needed.add(table)
            others = [key.referred_table for key in table.foreign_key_constraints]
            # What the application itself has said of their order.
            others += table._extra_dependencies
            left += [other for other in others if other.metadata is table.metadata]
    return needed


def _key(table: t.Any) -> str:
    return str(table.key)

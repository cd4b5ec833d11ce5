"""What is in a scratch database: its structure, its rows and what is applied."""

from __future__ import annotations

import dataclasses
import typing as t
import warnings

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event

from ...dialects.scratch import Scratch
from ...settings import Settings
from ..drafts.proofs import structures
from ..heads import applied_heads
from . import rows as rows_room
from .rows import Rows
from .use import own_tables


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """A database, so that it can be written down and compared.

    :param tables: The application's, without their rows, each after those it refers to.
    :param counters: SQL that sets what explicit values leave behind.
    :param typed: Values of the rows are of the columns' types, not as they are stored.
    """

    heads: tuple[str, ...]
    structure: structures.Structure
    tables: tuple[sa.Table, ...]
    rows: Rows
    counters: tuple[str, ...]
    typed: bool


def read(engine: sa.Engine, scratch: Scratch, settings: Settings) -> Contents:
    """Read a scratch database.

    :raises TooManyError: It has more rows than a snapshot may hold.
    """
    with engine.connect() as connection:
        heads = applied_heads(connection, settings)
        tables = _tables(connection, scratch, own_tables(settings))
        rows = rows_room.read(
            connection, tables, settings.snapshot_rows, typed=scratch.typed_values
        )
        return Contents(
            heads,
            _structure(connection, scratch),
            tuple(tables),
            rows,
            tuple(scratch.counters(connection)) if rows else (),
            scratch.typed_values,
        )


def _structure(connection: sa.Connection, scratch: Scratch) -> structures.Structure:
    found = structures.read(connection, scratch, ())
    found |= {piece.what: piece.sql for piece in scratch.definitions(connection)}
    return {what: scratch.normal(text) for what, text in found.items()}


def _tables(
    connection: sa.Connection, scratch: Scratch, own: t.Collection[str]
) -> list[sa.Table]:
    """Reflect the tables as operations can make them."""
    metadata = sa.MetaData()
    impl: t.Any = MigrationContext.configure(connection).impl

    def listen(inspector: t.Any, table: sa.Table, column: t.Any) -> None:
        # What makes a column SERIAL isn't a default.
        impl.autogen_column_reflect(inspector, table, column)

    event.listen(metadata, "column_reflect", listen)
    with warnings.catch_warnings():
        # What isn't reflected is found when the result is compared.
        warnings.simplefilter("ignore")
        metadata.reflect(connection, only=lambda name, _: name not in own)
        for table in metadata.tables.values():
            table.kwargs.update(scratch.table_options(connection, table.name))
            scratch.adjust(connection, table)
        return list(metadata.sorted_tables)

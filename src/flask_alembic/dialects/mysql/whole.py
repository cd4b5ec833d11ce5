"""A table together with its indexes, in one statement."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy import schema
from sqlalchemy.ext.compiler import compiles


class WholeTable(schema.CreateTable):
    """CREATE TABLE with indexes that SQLAlchemy would make after it."""

    def __init__(self, table: sa.Table, indexes: t.Sequence[sa.Index]) -> None:
        super().__init__(table)
        self.indexes = indexes


@compiles(WholeTable)
def _compile(create: WholeTable, compiler: t.Any, **kw: t.Any) -> str:
    constraints = compiler.create_table_constraints
    lines = [_line(index, compiler) for index in create.indexes]

    def with_indexes(table: sa.Table, **options: t.Any) -> str:
        return ", \n\t".join(filter(None, [constraints(table, **options), *lines]))

    # A compiler is made for one statement.
    compiler.create_table_constraints = with_indexes
    return str(compiler.visit_create_table(create, **kw))


def _line(index: sa.Index, compiler: t.Any) -> str:
    """What CREATE INDEX says, as a table's definition has it."""
    text = str(compiler.visit_create_index(schema.CreateIndex(index)))
    table = compiler.preparer.format_table(index.table)
    return text.removeprefix("CREATE ").replace(f" ON {table} (", " (", 1)

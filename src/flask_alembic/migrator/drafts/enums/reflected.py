"""Reflected tables by the new names of values: that is how a downgrade makes them again.

An upgrade gives values their new names before all else, and so a downgrade behind it.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ..sql_text import verbatim

if t.TYPE_CHECKING:
    from ..refining import Refinement
    from .decided import Decided


def relabel(refinement: Refinement, decided: Decided) -> None:
    """Write what was reflected with the values' new names."""
    if not any(values.renamed for _, values in decided.values.values()):
        return
    tables = [met.found for met in refinement.tables]
    for op in refinement.ops.ops:
        made = op._reverse if isinstance(op, ops.DropTableOp) else None
        columns = made.columns if made is not None else ()
        tables += [x.table for x in columns if isinstance(x, sa.Column)][:1]
    for table in tables:
        for column in table.columns:
            _relabel_column(column, decided)
        for index in table.indexes:
            _relabel_index(index, decided)


def _relabel_column(column: sa.Column[t.Any], decided: Decided) -> None:
    default: t.Any = column.server_default
    if isinstance(default, sa.Computed):
        default.sqltext = _text(decided, str(default.sqltext))
    elif isinstance(default, sa.DefaultClause):
        found = str(default.arg)
        if decided.relabeled(found) != found:
            column.server_default = sa.DefaultClause(_text(decided, found))


def _relabel_index(index: sa.Index, decided: Decided) -> None:
    options: t.Any = index.dialect_options
    where = options["postgresql"]["where"] if "postgresql" in options else None
    if where is not None:
        options["postgresql"]["where"] = _text(decided, str(where))


def _text(decided: Decided, sql: str) -> sa.TextClause:
    return sa.text(verbatim(decided.relabeled(sql)))

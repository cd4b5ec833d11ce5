"""What the other databases of a command have, where renames are looked for."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...databases import Metadata
from ...environments import Names
from ...live import leaving_no_transaction
from ...live import Live
from ..definitions import Shapes
from .scores import Other
from .scores import Shape
from .scores import TableShape

if t.TYPE_CHECKING:
    from ...context import StepContext


class Others:
    """Looks into the databases that have the same models, when there is a candidate.

    Which databases an env.py will come to isn't known before it does: there are none.

    :param names: The databases of the command; None for all.
    """

    def __init__(self, live: Live, names: Names = None) -> None:
        self._live = live
        self._names = names

    def columns(
        self, context: StepContext, model: sa.Table, old_table: str
    ) -> list[Other[Shape]]:
        """The columns of a table in each of the others that has it.

        :param context: The database's that is compared.
        :param old_table: What the table is called where it isn't renamed yet.
        """
        found: list[Other[Shape]] = []
        for other in self._with(context, model):
            shapes = Shapes(t.cast(t.Any, other.impl))
            schema = _schema(other, model)
            for name in dict.fromkeys([old_table, model.name]):
                there = _tables(other, shapes, schema, [name])
                if there:
                    columns = {shape.name: shape for shape in there[name].columns}
                    found.append(Other(columns, shapes.same_type))
                    break
        return found

    def tables(
        self, context: StepContext, models: t.Sequence[sa.Table], gone: t.Iterable[str]
    ) -> list[Other[TableShape]]:
        """Which of these tables each of the others has, if it has these models.

        :param models: New tables of one schema.
        :param gone: Tables of it that have no model.
        """
        found: list[Other[TableShape]] = []
        names = [*gone, *(model.name for model in models)]
        for other in self._with(context, *models):
            shapes = Shapes(t.cast(t.Any, other.impl))
            there = _tables(other, shapes, _schema(other, models[0]), names)
            found.append(Other(there, shapes.same_type))
        return found

    def _with(self, context: StepContext, *models: sa.Table) -> list[StepContext]:
        """The other databases that have models like these."""
        if self._live.scripted:
            return []
        return [
            other
            for name, other in self._live.get_contexts(self._names).items()
            if name != context.target.name
            and all(_has_like(other.target.metadata, model) for model in models)
        ]


def _has_like(metadata: Metadata, model: sa.Table) -> bool:
    """Whether there is a table of this name with columns of the same names."""
    for one in metadata if isinstance(metadata, list) else [metadata]:
        own = one.tables.get(model.key)
        if own is not None and own.columns.keys() == model.columns.keys():
            return True
    return False


def _schema(context: StepContext, model: sa.Table) -> str | None:
    default = context.dialect.default_schema_name
    return None if model.schema == default else model.schema


def _tables(
    context: StepContext, shapes: Shapes, schema: str | None, names: t.Iterable[str]
) -> dict[str, TableShape]:
    """Describe those tables that a database has."""
    connection, found = context.live, dict[str, TableShape]()
    with leaving_no_transaction(connection):
        inspector = sa.inspect(connection)
        for name in names:
            if inspector.has_table(name, schema=schema):
                table = sa.Table(name, sa.MetaData(), schema=schema)
                inspector.reflect_table(table, None, resolve_fks=False)
                found[name] = shapes.of_table(table)
    return found

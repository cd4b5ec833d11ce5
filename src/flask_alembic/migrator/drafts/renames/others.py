"""What the other databases of a command have, where renames are looked for."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl

from ...databases import Metadata
from ...environments import Names
from ...live import leaving_no_transaction
from ...live import Live
from ..definitions import Shapes
from .beside import Beside
from .scores import Other
from .scores import Shape
from .scores import TableShape

if t.TYPE_CHECKING:
    from ...context import StepContext

R = t.TypeVar("R")


class Others:
    """Looks into the databases that have the same models, when there is a candidate.

    :param names: The databases of the command; None for all.
    """

    def __init__(self, live: Live, names: Names = None) -> None:
        self._live = live
        self._names = names
        self._beside = Beside(live)

    def columns(
        self, context: StepContext, model: sa.Table, old_table: str
    ) -> list[Other[Shape]]:
        """The columns of a table in each of the others that has it.

        :param context: The database's that is compared.
        :param old_table: What the table is called where it isn't renamed yet.
        """

        def read(look: _Look) -> Other[Shape] | None:
            for name in dict.fromkeys([old_table, model.name]):
                there = look.tables(model, [name])
                if there:
                    columns = {shape.name: shape for shape in there[name].columns}
                    return Other(columns, look.shapes.same_type)
            return None

        return self._read(context, [model], read)

    def tables(
        self, context: StepContext, models: t.Sequence[sa.Table], gone: t.Iterable[str]
    ) -> list[Other[TableShape]]:
        """Which of these tables each of the others has, if it has these models.

        :param models: New tables of one schema.
        :param gone: Tables of it that have no model.
        """
        names = [*gone, *(model.name for model in models)]

        def read(look: _Look) -> Other[TableShape]:
            return Other(look.tables(models[0], names), look.shapes.same_type)

        return self._read(context, models, read)

    def _read(
        self,
        context: StepContext,
        models: t.Sequence[sa.Table],
        read: t.Callable[[_Look], R | None],
    ) -> list[R]:
        """Read from the other databases that have models like these."""
        if self._live.scripted:
            found = self._read_beside(context, models, read)
        else:
            found = [
                read(_Look(other.live, other.impl))
                for name, other in self._live.get_contexts(self._names).items()
                if name != context.target.name
                and _have_like(other.target.metadata, models)
            ]
        return [item for item in found if item is not None]

    def _read_beside(
        self,
        context: StepContext,
        models: t.Sequence[sa.Table],
        read: t.Callable[[_Look], R | None],
    ) -> list[R | None]:
        """Read from those that an env.py isn't at."""

        def look(connection: sa.Connection) -> R | None:
            dialect = connection.dialect
            impl = DefaultImpl.get_by_dialect(dialect)
            return read(
                _Look(connection, impl(dialect, connection, False, None, None, {}))
            )

        return [
            self._beside.look(target, look)
            for target in self._beside.targets(context.target.engine)
            if self._names is None or target.name in self._names
            if _have_like(target.metadata, models)
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """One of the others, while it is looked at."""

    connection: sa.Connection
    impl: DefaultImpl

    @property
    def shapes(self) -> Shapes:
        """What describes its tables."""
        return Shapes(self.impl)

    def tables(self, model: sa.Table, names: t.Iterable[str]) -> dict[str, TableShape]:
        """Describe those tables that there are beside a model's.

        :param model: Its schema is meant.
        """
        default = self.connection.dialect.default_schema_name
        schema = None if model.schema == default else model.schema
        connection, found = self.connection, dict[str, TableShape]()
        with leaving_no_transaction(connection):
            inspector = sa.inspect(connection)
            for name in names:
                if inspector.has_table(name, schema=schema):
                    table = sa.Table(name, sa.MetaData(), schema=schema)
                    inspector.reflect_table(table, None, resolve_fks=False)
                    found[name] = self.shapes.of_table(table)
        return found


def _have_like(metadata: Metadata, models: t.Iterable[sa.Table]) -> bool:
    """Whether there are tables of these names with columns of the same names."""
    several = metadata if isinstance(metadata, list) else [metadata]
    return all(any(_has_like(one, model) for one in several) for model in models)


def _has_like(metadata: sa.MetaData, model: sa.Table) -> bool:
    own = metadata.tables.get(model.key)
    return own is not None and own.columns.keys() == model.columns.keys()

"""Which tables are surely as their models say."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

import sqlalchemy as sa

from ....dialects.bulk import describe
from ....dialects.bulk import Description
from ....dialects.bulk import Descriptions
from ....dialects.bulk import FoundReference
from ....dialects.bulk import TableKey
from ..renames.view import RenamedInspector
from .columns import Columns
from .columns import Compared
from .columns import Question
from .constraints import Constraints
from .types import Key

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

    from ..reflection import Bulk

Ask: t.TypeAlias = t.Callable[[t.Sequence[Question]], t.Sequence[bool]]
"""Asks the database whether it sees no difference, for each question."""


class Watched(t.NamedTuple):
    """What is known of a comparison before it begins.

    :param bulk: What was read of the database.
    :param filters: The application's own, which the options have under these names.
    :param ask: None where texts that differ are a difference.
    """

    bulk: Bulk
    filters: t.Mapping[str, t.Any]
    ask: Ask | None


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOut:
    """What Alembic doesn't get to see of a comparison.

    :param tables: Their columns are the models'.
    :param plain: Those of them that have no enum, or type that is made of another.
    """

    tables: frozenset[TableKey] = frozenset()
    plain: frozenset[TableKey] = frozenset()


class Unchanged:
    """Finds the tables of one comparison that are surely the same."""

    def __init__(self, autogen: AutogenContext, watched: Watched) -> None:
        self._autogen = autogen
        self._watched = watched
        self._inspector: t.Any = autogen.inspector
        impl: t.Any = autogen.migration_context.impl
        reflect = functools.partial(impl.autogen_column_reflect, self._inspector)
        self._columns = Columns(impl, reflect, watched.bulk.is_serial)
        chosen = watched.filters.get("include_name")
        self._all_names = chosen is None or getattr(chosen, "only_tables", False)
        support = watched.bulk.support
        self._constraints = Constraints(
            autogen.dialect, served=support.indexes_foreign_keys
        )

    def find(self, schemas: t.Collection[str | None]) -> LeftOut:
        """Compare what was read with the models."""
        alike: dict[TableKey, Compared] = {}
        referring: dict[TableKey, t.Sequence[FoundReference]] = {}
        identified: set[TableKey] = set()
        models = self._models()
        for schema in schemas:
            names = self._candidates(schema, models)
            for name, found in self._described(schema, names):
                table = models[schema, name]
                if not self._constraints.same_key(table, found):
                    continue
                identified.add((schema, name))
                compared = self._compare(schema, table, found)
                if compared is not None:
                    alike[schema, name] = compared
                    referring[schema, name] = found.foreign_keys
        asked = [one.questions for one in alike.values()]
        same = self._answers(frozenset().union(*asked))
        # Who refers to a key that may change is looked at with it.
        tables = [
            table
            for table, one in alike.items()
            if one.questions <= same
            and all([(key.schema, key.table) in identified for key in referring[table]])
        ]
        plain = [table for table in tables if alike[table].plain]
        return LeftOut(frozenset(tables), frozenset(plain))

    def _compare(
        self, schema: str | None, table: sa.Table, found: Description
    ) -> Compared | None:
        """Compare a table; None where it may differ, whatever is answered."""
        if self._constraints.same(table, found) and self._same_comment(table, found):
            # Columns of somebody's own making may keep elsewhere what they say.
            with contextlib.suppress(KeyError):
                return self._columns.compare(schema, table, found.columns)
        return None

    def _models(self) -> dict[TableKey, sa.Table]:
        """The models' tables that can be compared here."""
        default = self._autogen.dialect.default_schema_name
        context = self._autogen.migration_context
        found: dict[TableKey, sa.Table] = {}
        several: set[TableKey] = {(context.version_table_schema, context.version_table)}
        for table in self._autogen.table_key_to_table.values():
            key = (None if table.schema == default else table.schema, str(table.name))
            if key in found or _is_listened_to(table):
                several.add(key)
            found[key] = table
        return {key: table for key, table in found.items() if key not in several}

    def _candidates(
        self, schema: str | None, models: t.Container[TableKey]
    ) -> list[str]:
        inspector, is_whole = self._inspector, self._watched.bulk.is_whole
        renaming = isinstance(inspector, RenamedInspector)
        return [
            name
            for name in inspector.get_table_names(schema=schema)
            if (schema, name) in models
            and is_whole((schema, name))
            and not (renaming and inspector.renames(schema, name))
            and self._included(name, "table", {"schema_name": schema})
        ]

    def _included(self, name: str | None, kind: t.Any, parents: t.Any) -> bool:
        return self._autogen.run_name_filters(name, kind, parents)

    # -- what is read --------------------------------------------------------------------

    def _described(self, schema: str | None, names: t.Sequence[str]) -> Descriptions:
        """Read what is told of tables."""
        if not names:
            return
        if self._all_names:
            yield from self._watched.bulk.describe(self._inspector, schema, names)
            return
        for name, description in describe(self._inspector, schema, names):
            if self._names_included(schema, name, description):
                yield name, description

    def _names_included(
        self, schema: str | None, table: str, found: Description
    ) -> bool:
        """Whether the application's filter lets everything of a table be compared."""
        kinds = {
            "column": found.columns.names,
            "unique_constraint": [unique.name for unique in found.uniques],
            "index": [index.name for index in found.indexes],
            "foreign_key_constraint": [key.name for key in found.foreign_keys],
        }
        return all(
            self._included(name, kind, {"table_name": table, "schema_name": schema})
            for kind, names in kinds.items()
            for name in names
        )

    # -- what is decided -----------------------------------------------------------------

    def _same_comment(self, table: sa.Table, found: Description) -> bool:
        if not self._autogen.dialect.supports_comments:
            return True
        return (found.comment or None) == (table.comment or None)

    def _answers(self, keys: t.Collection[Key]) -> set[Key]:
        """Ask the database what texts leave open."""
        ask = self._watched.ask
        if ask is None or not keys:
            return set()
        wanted = list(keys)
        answers = ask([self._columns.questions[key] for key in wanted])
        return {key for key, same in zip(wanted, answers, strict=True) if same}


def _is_listened_to(table: sa.Table) -> bool:
    """Whether somebody hears of columns that are reflected."""
    own: t.Any = table.dispatch
    everyones: t.Any = table.metadata.dispatch
    return bool(own.column_reflect) or bool(everyones.column_reflect)

"""Enums that are types of the database: made, changed and dropped with their columns.

What changes a type stands before all else, and names tables and columns as the database
has them: a downgrade comes to it when all else is undone.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa

from ....dialects.enums import ColumnKey
from ....dialects.enums import Dependent
from ....dialects.enums import EnumType
from ....dialects.enums import EnumUse
from ....dialects.enums import TypeKey
from .conversions import convert
from .operations import ChangeEnum
from .operations import Difference
from .operations import Statements
from .stops import Stops
from .taken import take
from .taken import TakenOver
from .uses import kept_by_metadata
from .uses import Uses
from .uses import without_creating
from .values import Decision
from .values import Values

if t.TYPE_CHECKING:
    from ..refining import Refinement
    from .decided import Decided


class Types:
    """The types of one database."""

    def __init__(self, refinement: Refinement, decided: Decided, uses: Uses) -> None:
        self._stops = Stops(refinement)
        self._refinement = refinement
        self._decided = decided
        self._sql = decided.sql
        self._found = decided.found
        self._uses = uses
        self._relabelings: list[tuple[EnumType, t.Mapping[str, str]]] = []
        self._gone: set[str] = set()
        self._plain: set[ColumnKey] = set()
        self._first: list[ChangeEnum] = []
        self._last: list[ChangeEnum] = []

    def write(self) -> None:
        """Put what types need around the operations that are there."""
        convert(self._refinement, self._sql, self._uses)
        for key, type_ in self._uses.new_types().items():
            if key not in self._found:
                self._create(key, type_)
            else:
                for table in self._uses.creating(key):
                    without_creating(table, key, self._refinement.context.dialect)
        for key, found in self._found.items():
            self._drop(key, found)
        for key, (decision, values) in self._decided.values.items():
            self._change(self._found[key], decision, values)
        operations = self._refinement.ops.ops
        operations[:] = [*self._first, *operations, *self._last]
        self._stops.put()

    # -- made and dropped ----------------------------------------------------------------

    def _create(self, key: TypeKey, type_: sa.Enum) -> None:
        found = EnumType(self._uses.schema(key[0]), key[1], tuple(type_.enums))
        self._refinement.schemas.add(key[0])
        # One new table makes its types itself, as Alembic writes it; a second one, and
        # a new column, would find it there or miss it.
        alone = self._uses.made_by_one_table(key)
        if not alone:
            for table in self._uses.creating(key):
                without_creating(table, key, self._refinement.context.dialect)
        self._first.append(
            ChangeEnum(
                Statements(() if alone else [self._sql.create(found)]),
                Statements([self._sql.drop(found)]),
                [("enum", "create type", "", _name(found), "")],
            )
        )

    def _drop(self, key: TypeKey, found: EnumType) -> None:
        lost = self._uses.lost.get(key, [])
        unused = (
            lost
            and not self._uses.left(found)
            and not self._uses.gained.get(key)
            and not kept_by_metadata(self._refinement.autogen, key)
        )
        tables = self._uses.recreating(key)
        if not unused or len(tables) < len(lost) or len(tables) > 1:
            for table in tables:
                without_creating(table, key, self._refinement.context.dialect)
            tables = []
        if unused:
            self._last.append(
                ChangeEnum(
                    Statements([self._sql.drop(found)]),
                    Statements(() if tables else [self._sql.create(found)]),
                    [("enum", "drop type", "", _name(found), "")],
                )
            )

    # -- other values --------------------------------------------------------------------

    def _change(self, found: EnumType, decision: Decision, values: Values) -> None:
        self._relabelings.append((found, values.renamed))
        found = dataclasses.replace(found, dependents=self._dependents(found))
        taken = TakenOver()
        if not _in_place(values):
            taken = take(self._refinement, found.dependents)
            # What needs two types goes with the first, and comes back with it.
            self._gone.update(one.drop for one in taken.gone)
            self._plain.update(taken.plain)
        left = tuple(one for one in found.dependents if one not in taken.gone)
        before = self._with_plain_columns(found)
        self._stops.before(decision, values, before.stored)
        self._stops.behind(decision, values, self._uses.still_there(found))
        defaults = {use: self._default(use, values) for use in before.stored}
        self._first.append(
            ChangeEnum(
                self._forward(before, values, defaults, left),
                self._back(found, values, defaults, left),
                _differences(decision, found, values),
                () if _in_place(values) else _columns(found),
            )
        )

    def _with_plain_columns(self, found: EnumType) -> EnumType:
        """The type when columns have lost their expressions."""
        return dataclasses.replace(
            found,
            uses=tuple(
                dataclasses.replace(use, computed=False, default=None)
                if use.key in self._plain
                else use
                for use in found.uses
            ),
            dependents=tuple(
                dataclasses.replace(one, drop=one.lose)
                if one.column in self._plain
                else one
                for one in found.dependents
            ),
        )

    def _dependents(self, found: EnumType) -> tuple[Dependent, ...]:
        """What is there beside the columns, by the names that values have by then."""
        return tuple(
            dataclasses.replace(one, create=tuple(map(self._relabeled, one.create)))
            for one in found.dependents
            if one.drop not in self._gone
        )

    def _relabeled(self, sql: str) -> str:
        for found, renamed in self._relabelings:
            sql = self._sql.relabeled(sql, found, renamed)
        return sql

    def _default(self, use: EnumUse, values: Values) -> str | None:
        """A column's default afterwards; no other operation changes it then."""
        op = self._uses.altered(use)
        if op is not None and op.modify_server_default is not False:
            column = self._uses.model(use)
            op.modify_server_default = False
            if column is None:
                return None
            dialect = self._refinement.context.dialect
            compiler = t.cast(t.Any, dialect).ddl_compiler(dialect, None)
            return t.cast("str | None", compiler.get_column_default_string(column))
        return _renamed(use.default, values)

    def _forward(
        self,
        found: EnumType,
        values: Values,
        defaults: t.Mapping[EnumUse, str | None],
        left: tuple[Dependent, ...],
    ) -> Statements:
        renames = [self._sql.rename(found, o, n) for o, n in values.renamed.items()]
        old = {new: old for old, new in values.renamed.items()}
        if _in_place(values):
            labels = [old.get(label, label) for label in values.after]
            added = self._sql.add(found, labels)
            return Statements([*renames, *self._defaults(values, defaults)], added)
        replaced = self._sql.replace(found, values.after, defaults, values.joined, left)
        return Statements([*renames, *replaced])

    def _defaults(
        self, values: Values, defaults: t.Mapping[EnumUse, str | None]
    ) -> list[str]:
        return [
            self._sql.set_default(use, default)
            for use, default in defaults.items()
            if _literal(default) != _literal(_renamed(use.default, values))
        ]

    def _back(
        self,
        found: EnumType,
        values: Values,
        defaults: t.Mapping[EnumUse, str | None],
        left: tuple[Dependent, ...],
    ) -> Statements:
        renames = [self._sql.rename(found, n, o) for o, n in values.renamed.items()]
        was = {use: _renamed(use.default, values) for use in found.stored}
        if values.standing != values.after:
            now = dataclasses.replace(
                found,
                labels=values.after,
                uses=tuple(
                    dataclasses.replace(use, default=defaults[use])
                    for use in found.stored
                ),
                dependents=left,
            )
            again = found.dependents
            replaced = self._sql.replace(now, values.standing, was, {}, again)
            return Statements([*replaced, *renames])
        changed = [
            self._sql.set_default(use, use.default)
            for use, default in was.items()
            if _literal(default) != _literal(defaults[use])
        ]
        return Statements([*renames, *changed])


_LITERAL = re.compile(r"'((?:[^']|'')*)'(::[^']+)?$")


def _literal(default: str | None) -> str | None:
    """The value of a default that is a text; another one's SQL as it is."""
    match = _LITERAL.match(default or "")
    return match[1] if match else default


def _renamed(default: str | None, values: Values) -> str | None:
    """A default when the values have their new names."""
    value = _literal(default)
    if value is None or default is None or value == default:
        return default
    new = values.renamed.get(value.replace("''", "'"))
    if new is None:
        return default
    escaped = new.replace("'", "''")
    return f"'{escaped}'{default[len(value) + 2 :]}"


def _in_place(values: Values) -> bool:
    """Whether a type needn't be made anew."""
    return values.standing == values.after or values.grows


def _columns(found: EnumType) -> list[ColumnKey]:
    """What views and the like won't have changed."""
    stored = [use.key for use in found.stored]
    computed = [one.column for one in found.dependents if one.column is not None]
    return [*stored, *computed]


def _name(found: EnumType) -> str:
    return f"{found.schema}.{found.name}" if found.schema else found.name


def _differences(
    decision: Decision, found: EnumType, values: Values
) -> list[Difference]:
    name = decision.name
    table, note = name.rpartition(".")[0], f"type {_name(found)}"
    rows = [("rename value", o, f"-> {n}") for o, n in values.renames.items()]
    rows += [("remove value", label, note) for label in values.removed]
    rows += [("add value", label, note) for label in values.added]
    if not rows:
        order = ", ".join(values.after)
        return [("enum", "reorder values", table, name, f"-> {order}")]
    return [("enum", what, table, f"{name}.{x}", more) for what, x, more in rows]

"""Foreign keys that the database has, also those of tables that have no model.

One that stays goes before what it refers to is made anew, and comes back word by word.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...results import Finding
from .constraints import Met
from .key_operations import Referred
from .reference_operations import CreateReference
from .reference_operations import DropReference
from .references import is_unique
from .references import new_tables
from .references import referred_by
from .references import take_away
from .references import target_of
from .renames.operations import RenameColumn
from .renames.operations import RenameObject
from .renames.operations import RenameTable
from .renames.view import in_text
from .renames.view import Key
from .required_operations import Stop
from .table_operations import retyped

if t.TYPE_CHECKING:
    from ...dialects.references import Reference
    from ...dialects.references import References
    from .refining import Refinement

Operations: t.TypeAlias = list[ops.MigrateOperation]


@dataclasses.dataclass(frozen=True, slots=True)
class Anew:
    """Columns that are dropped and made anew, or get another type, or a key made anew.

    :param key: The columns of a key that is made in the place of one of ``columns``; None
        where the columns themselves go.
    """

    met: Met
    columns: frozenset[str]
    key: frozenset[str] | None = None

    def holds(self, reference: Reference) -> bool:
        """Whether a foreign key of the database needs what goes."""
        own = self.columns & set(reference.columns)
        needs = {*reference.referred, *reference.serving}
        if reference.target == _key(self.met) and (
            self.columns & needs if self.key is None else needs <= self.columns
        ):
            return True
        return self.key is None and bool(own) and reference.place == _key(self.met)

    def is_referred(self, target: Key, columns: t.Collection[str]) -> bool:
        """Whether a new foreign key needs what is made."""
        if target != _key(self.met):
            return False
        if self.key is None:
            return bool(self.columns & set(columns))
        return set(columns) <= self.key


def hold(refinement: Refinement) -> None:
    """Let foreign keys go before what is made anew, and come back after it."""
    context = refinement.context
    sql = context.target.dialect.references_class(context.live)
    if not sql.holds:
        return
    anew = [*refinement.anew, *_dropped_uniques(refinement)]
    anew += _retyped(refinement) if sql.holds_types else []
    if anew:
        _Held(refinement, sql, anew).put()


def _dropped_uniques(refinement: Refinement) -> t.Iterator[Anew]:
    for met in refinement.tables:
        for op in met.container.ops:
            item: t.Any = None
            if isinstance(op, ops.DropConstraintOp) and op.constraint_type == "unique":
                item = op.to_constraint()
            elif isinstance(op, ops.DropIndexOp) and op.to_index().unique:
                item = op.to_index()
            if item is not None:
                columns = frozenset(str(column.name) for column in item.columns)
                yield Anew(met, columns, frozenset())


def _retyped(refinement: Refinement) -> t.Iterator[Anew]:
    for met in refinement.tables:
        columns = retyped(met.container)
        if columns:
            yield Anew(met, frozenset(columns))


def _read(
    refinement: Refinement, sql: References, tables: t.Iterable[Met]
) -> list[Reference]:
    """Read the foreign keys around tables, and write them in the draft's names.

    What goes with its table isn't among them.
    """
    names = refinement.names
    found = sql.read([(met.schema, names.old_table(*_key(met))) for met in tables])
    gone = {
        (op.schema, op.table_name)
        for op in refinement.ops.ops
        if isinstance(op, ops.DropTableOp)
    }
    return [_renamed(refinement, one) for one in found if one.place not in gone]


def _renamed(refinement: Refinement, found: Reference) -> Reference:
    names = refinement.names
    table = names.of_table(found.schema, found.table)
    target = found.target[0], names.of_table(*found.target)
    own = names.columns.get((found.schema, table), {})
    theirs = names.columns.get(target, {})
    objects = names.objects.get((found.schema, table), {})
    return dataclasses.replace(
        found,
        table=table,
        name=objects.get(found.name, found.name),
        columns=tuple(own.get(name, name) for name in found.columns),
        target=target,
        referred=tuple(theirs.get(name, name) for name in found.referred),
        serving=frozenset(theirs.get(name, name) for name in found.serving),
        words=in_text(found.words, own),
    )


def put_around(
    refinement: Refinement, drops: t.Sequence[t.Any], creates: t.Sequence[t.Any]
) -> None:
    """Let foreign keys go before all changes of tables, and come back behind them."""
    operations = refinement.ops.ops
    places = [n for n, op in enumerate(operations) if _stands_before(op)]
    place = places[-1] + 1 if places else 0
    operations[place:place] = drops
    operations.extend(creates)


def _stands_before(op: ops.MigrateOperation) -> bool:
    """Whether all that changes comes behind this: a new name, or a stop."""
    if isinstance(op, ops.ModifyTableOps):
        return all(isinstance(inner, RenameColumn) for inner in op.ops)
    return isinstance(op, (RenameTable, RenameObject, Stop))


def _stop(
    refinement: Refinement, met: Met, child: str, key: str, columns: t.Sequence[str]
) -> Referred:
    """Stop the revision, since a foreign key would refer to nothing that is unique."""
    said, table, name = ", ".join(columns), met.full_name, f"{key} of {child}"
    refinement.findings.append(
        Finding(
            "referred",
            "warning",
            f"The foreign key {name} refers to {said} of {table}, which isn't"
            f" unique any more (database {refinement.context.target.name!r}).",
            effect="The revision stops before it changes anything.",
            fix=f"Let {said} be unique in the model, or change the foreign key.",
            where=table,
        )
    )
    return Referred(table, name, said)


def _key(met: Met) -> Key:
    return met.schema, met.name


class _Held:
    """The foreign keys around what is made anew."""

    def __init__(
        self, refinement: Refinement, sql: References, anew: t.Sequence[Anew]
    ) -> None:
        self._refinement = refinement
        self._sql = sql
        self._anew = anew
        keys = refinement.context.target.dialect.keys_class
        self._refers_to_key = keys.refers_to_key

    def put(self) -> None:
        """Write them around all changes."""
        drops: Operations = []
        creates: Operations = []
        stops: Operations = []
        tables = {_key(one.met): one.met for one in self._anew}
        for reference in _read(self._refinement, self._sql, tables.values()):
            needed = [one for one in self._anew if one.holds(reference)]
            if not needed:
                continue
            taken = take_away(self._refinement, functools.partial(_drops, reference))
            drops += taken
            if taken:
                continue
            stop = self._stops(reference, tables.get(reference.target))
            stops += stop
            if stop:
                continue
            if self._refers_to_key or any(one.key is None for one in needed):
                drops.append(DropReference(self._sql, reference))
                creates.append(CreateReference(self._sql, reference))
        adds = take_away(self._refinement, self._makes)
        made = new_tables(self._refinement, self._needs_new)
        put_around(self._refinement, drops, [*made, *creates, *adds])
        self._refinement.ops.ops[:0] = stops

    def _stops(self, reference: Reference, met: Met | None) -> Operations:
        """Stop where a foreign key that stays would refer to nothing that is unique."""
        if met is None:
            return []
        key = [str(column.name) for column in met.wanted.primary_key]
        referred, held = reference.referred, self._refers_to_key
        if is_unique(met.wanted, key, referred, held=held):
            return []
        prefix = f"{reference.schema}." if reference.schema else ""
        child = f"{prefix}{reference.table}"
        return [_stop(self._refinement, met, child, reference.name, referred)]

    def _makes(self, op: t.Any) -> bool:
        """Whether an operation makes a foreign key of what is made anew, or to it."""
        if not isinstance(op, ops.CreateForeignKeyOp):
            return False
        place = op.kw.get("source_schema"), op.source_table
        own = any(
            one.key is None and one.is_referred(place, op.local_cols)
            for one in self._anew
        )
        return own or self._needs_new(op.to_constraint())

    def _needs_new(self, key: sa.ForeignKeyConstraint) -> bool:
        target = target_of(self._refinement, key)
        columns = referred_by(key)
        return any(one.is_referred(target, columns) for one in self._anew)


def _drops(reference: Reference, op: t.Any) -> bool:
    return (
        isinstance(op, ops.DropConstraintOp)
        and op.constraint_type == "foreignkey"
        and (op.schema, op.table_name) == reference.place
        and op.constraint_name == reference.name
    )

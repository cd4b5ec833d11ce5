"""Indexes that foreign keys need: MariaDB lets none be dropped before another serves.

Source: https://mariadb.com/kb/en/foreign-keys/
"""

from __future__ import annotations

import functools
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...dialects.renamed import Place
from .constraints import Met
from .constraints import shortened
from .directions import Ways
from .references import again
from .references import named_in_draft
from .renames.operations import RenameObject
from .table_operations import changes_of

if t.TYPE_CHECKING:
    from .refining import Refinement

Drop: t.TypeAlias = ops.DropIndexOp | ops.DropConstraintOp
Create: t.TypeAlias = ops.CreateIndexOp | ops.CreateUniqueConstraintOp


def keep_served(refinement: Refinement) -> None:
    """Have an index for every foreign key at every moment, both ways."""
    if refinement.context.target.dialect.indexes_foreign_keys:
        for met in refinement.tables:
            table = _Table(refinement, met)
            table.keep_own()
            table.order()
            table.drop_before_types_change()
        _let_go_with_tables(refinement)


def _let_go_with_tables(refinement: Refinement) -> None:
    """Let indexes go with their tables, in a downgrade as well."""
    operations = refinement.ops.ops
    gone, made = (
        {(op.schema, op.table_name) for op in operations if isinstance(op, kind)}
        for kind in (ops.DropTableOp, ops.CreateTableOp)
    )
    for container in operations:
        if not isinstance(container, ops.ModifyTableOps):
            continue
        key = container.schema, container.table_name
        if key in gone:
            changes_of(container).ops = [
                Ways(back=op.reverse()) if _is_drop(op) else op for op in container.ops
            ]
        elif key in made:
            for op in container.ops:
                if isinstance(op, ops.CreateIndexOp):
                    changes_of(container)
                    t.cast(t.Any, op).__class__ = _CreateWithTable


class _CreateWithTable(ops.CreateIndexOp):
    """An index of a new table: it goes with that."""

    def reverse(self) -> t.Any:
        """Nothing: the table is dropped."""
        return Ways()


class _Table:
    """One table's drops and creations of indexes."""

    def __init__(self, refinement: Refinement, met: Met) -> None:
        self._refinement = refinement
        self._met = met
        operations = met.container.ops
        self._dropped_keys = [op for op in operations if _drops_key(op)]
        self._drops = [op for op in operations if _is_drop(op)]
        self._creates = [op for op in operations if _is_create(op)]
        gone = {op.constraint_name for op in self._dropped_keys}
        # Name -> columns, of the keys that stay.
        self._keys = {
            str(key.name): list(key.column_keys)
            for key in met.found.foreign_key_constraints
            if key.name not in gone
        }

    def order(self) -> None:
        """Put what serves instead before each drop of an index that a key needs.

        Keys that go themselves do so first.
        """
        if self._dropped_keys and self._drops:
            rest = [o for o in self._met.container.ops if o not in self._dropped_keys]
            changes_of(self._met.container).ops = [*self._dropped_keys, *rest]
        for drop in self._drops:
            key = self._served_only_by(drop)
            if key is None:
                continue
            changes_of(self._met.container)
            names = self._keys[key]
            instead = [c for c in self._creates if _serves(_columns(c), names)]
            if not instead:
                self._put_before(drop, self._plain(key))
            elif _name(instead[0]) == _name(drop):
                self._make_room(drop)
            else:
                self._met.container.ops.remove(instead[0])
                self._put_before(drop, instead[0])

    def keep_own(self) -> None:
        """Let a key go in a downgrade while the index is dropped that serves it now.

        MariaDB takes away the index that it has made for a key as soon as there is
        another one, and makes it again with the key.
        """
        own = {
            name
            for name, names in self._keys.items()
            if not any(_serves(columns, names) for columns in self._others(name))
        }
        for create in self._creates:
            for name in sorted(own):
                if _serves(_columns(create), self._keys[name]):
                    own.discard(name)
                    self._put_around_in_downgrade(create, name)

    def _put_around_in_downgrade(self, create: Create, name: str) -> None:
        met = self._met
        # Alembic reflects them anew for its own comparison.
        key = next(k for k in met.found.foreign_key_constraints if k.name == name)
        drop, make = again(key, named_in_draft(self._refinement, met, key))
        operations = changes_of(met.container).ops
        place = operations.index(create)
        operations[place : place + 1] = [
            Ways(back=make),
            create,
            Ways(back=drop),
        ]

    def drop_before_types_change(self) -> None:
        """Drop indexes before their columns get a type that they couldn't have."""
        operations = self._met.container.ops
        retyped = {
            op.column_name: op
            for op in reversed(operations)
            if isinstance(op, ops.AlterColumnOp) and op.modify_type is not None
        }
        for drop in self._drops:
            changes = [retyped[name] for name in _columns(drop) if name in retyped]
            if changes and drop in operations and self._served_only_by(drop) is None:
                operations.remove(drop)
                place = min(operations.index(op) for op in changes)
                operations.insert(place, drop)

    def _served_only_by(self, drop: Drop) -> str | None:
        """The foreign key that has no index but this one: the longest, if several."""
        columns, others = _columns(drop), self._others()
        needed = [
            name
            for name, names in self._keys.items()
            if _serves(columns, names) and not any(_serves(o, names) for o in others)
        ]
        return max(needed, key=lambda name: len(self._keys[name]), default=None)

    def _others(self, key: str | None = None) -> list[list[str]]:
        """Columns of what serves now and stays.

        :param key: Leave out the index that MariaDB has made for it.
        """
        found, gone = self._met.found, {_name(drop) for drop in self._drops}
        if key is not None:
            gone |= {key, self._keys[key][0]}
        constraints = (
            item
            for item in found.constraints
            if isinstance(item, (sa.UniqueConstraint, sa.PrimaryKeyConstraint))
        )
        return [
            [str(column.name) for column in item.columns]
            for item in (*found.indexes, *constraints)
            if item.name not in gone
        ]

    def _put_before(self, drop: Drop, op: ops.MigrateOperation) -> None:
        operations = self._met.container.ops
        operations.insert(operations.index(drop), op)

    def _plain(self, key: str) -> ops.CreateIndexOp:
        """An index as MariaDB makes it for a key: it has the key's name."""
        met = self._met
        return ops.CreateIndexOp(key, met.name, self._keys[key], schema=met.schema)

    def _make_room(self, drop: Drop) -> None:
        """Give the old index another name, until the new one is there."""
        met, name = self._met, _name(drop)
        place = Place(met.schema, met.name)
        dialect = self._refinement.context.dialect
        spare = shortened(f"{name}_old", dialect.max_identifier_length)
        support = self._refinement.context.target.dialect
        statements = support.rename_statements(dialect)
        statement = functools.partial(statements.of_object, "index", place)
        rename = RenameObject(
            "index",
            place,
            name,
            spare,
            t.cast("t.Callable[[str, str], str]", statement),
        )
        # Not into the table's container: a batch would run it out of order.
        everything = self._refinement.ops.ops
        where = next(n for n, op in enumerate(everything) if op is met.container)
        everything.insert(where, rename)
        operations = met.container.ops
        operations.remove(drop)
        operations.append(_under(drop, spare))


def _under(drop: Drop, name: str) -> ops.DropIndexOp:
    """The same drop of an index that has another name for now."""
    item = (
        drop.to_index() if isinstance(drop, ops.DropIndexOp) else drop.to_constraint()
    )
    columns = [str(column.name) for column in t.cast(t.Any, item).columns]
    unique = bool(getattr(item, "unique", True))
    table, schema = str(drop.table_name), drop.schema
    return ops.DropIndexOp(
        name,
        table,
        schema=schema,
        _reverse=ops.CreateIndexOp(name, table, columns, schema=schema, unique=unique),
    )


def _drops_key(op: ops.MigrateOperation) -> t.TypeGuard[ops.DropConstraintOp]:
    return isinstance(op, ops.DropConstraintOp) and op.constraint_type == "foreignkey"


def _is_drop(op: ops.MigrateOperation) -> t.TypeGuard[Drop]:
    return isinstance(op, ops.DropIndexOp) or (
        isinstance(op, ops.DropConstraintOp) and op.constraint_type == "unique"
    )


def _is_create(op: ops.MigrateOperation) -> t.TypeGuard[Create]:
    return isinstance(op, (ops.CreateIndexOp, ops.CreateUniqueConstraintOp))


def _name(op: t.Any) -> str:
    return str(op.index_name if hasattr(op, "index_name") else op.constraint_name)


def _columns(op: t.Any) -> list[str]:
    item = op.to_index() if hasattr(op, "to_index") else op.to_constraint()
    return [str(getattr(column, "name", "")) for column in item.columns]


def _serves(columns: t.Sequence[str], key: t.Sequence[str]) -> bool:
    """Whether an index begins with a key's columns."""
    return list(columns[: len(key)]) == list(key)

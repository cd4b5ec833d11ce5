"""Foreign keys between tables that come, go and change in one draft.

Alembic makes and drops tables first and changes the others by their names. A database
that holds what foreign keys refer to wants them gone before it, and made after it.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from .constraints import name_of_new
from .held_references import put_around
from .references import begins
from .references import new_tables
from .references import referred_by
from .references import take_away
from .references import target_of
from .renames.view import Key
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from .refining import Refinement

Operations: t.TypeAlias = list[ops.MigrateOperation]
_Table: t.TypeAlias = ops.CreateTableOp | ops.DropTableOp


def put_in_order(refinement: Refinement) -> None:
    """Drop foreign keys before their targets, and make them after those."""
    if refinement.context.target.dialect.references_class.holds:
        put_around(refinement, _first(refinement), _last(refinement))


def _first(refinement: Refinement) -> Operations:
    """Take the foreign keys that go before tables do, and let these go in order."""
    drops = [op for op in refinement.ops.ops if isinstance(op, ops.DropTableOp)]
    gone = {_key(op) for op in drops}
    taken = take_away(
        refinement,
        lambda op: (
            isinstance(op, ops.DropConstraintOp)
            and op.constraint_type == "foreignkey"
            and target_of(refinement, _constraint(op)) in gone
        ),
    )
    ordered = _referring_first(refinement, drops)
    _put_tables(refinement, drops, ordered)
    return [*taken, *_cut(refinement, ordered)]


def _last(refinement: Refinement) -> Operations:
    """Take the foreign keys, and new tables with such, that others have to precede."""
    there = _Coming(refinement)
    made = new_tables(refinement, there.needs)
    moved = {_key(op) for op in made if isinstance(op, ops.CreateTableOp)}
    taken = take_away(
        refinement,
        lambda op: (
            isinstance(op, ops.CreateForeignKeyOp)
            and (
                there.needs(_constraint(op))
                or target_of(refinement, _constraint(op)) in moved
            )
        ),
    )
    creates = [
        op for op in (*refinement.ops.ops, *made) if isinstance(op, ops.CreateTableOp)
    ]
    later = [made_later.reverse() for made_later in _cut(refinement, creates[::-1])]
    return [*made, *taken, *later]


class _Coming:
    """What existing tables get that can be referred to."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._columns: dict[Key, set[str]] = {}
        self._indexes: dict[Key, list[list[str]]] = {}
        for met in refinement.tables:
            key = met.schema, met.name
            for op in met.container.ops:
                if isinstance(op, ops.AddColumnOp):
                    self._columns.setdefault(key, set()).add(str(op.column.name))
                elif isinstance(op, (ops.CreateUniqueConstraintOp, ops.CreateIndexOp)):
                    columns = [str(c.name) for c in _item(op).columns]
                    self._indexes.setdefault(key, []).append(columns)

    def needs(self, key: sa.ForeignKeyConstraint) -> bool:
        """Whether a foreign key refers to any of it."""
        target, columns = target_of(self._refinement, key), referred_by(key)
        return bool(self._columns.get(target, set()) & set(columns)) or any(
            begins(index, columns) or set(index) == set(columns)
            for index in self._indexes.get(target, ())
        )


# -- tables ----------------------------------------------------------------------------


def _referring_first(
    refinement: Refinement, drops: t.Sequence[ops.DropTableOp]
) -> list[ops.DropTableOp]:
    """Put tables before those that they refer to; a circle begins with its first."""
    by_key = {_key(op): op for op in drops}
    referring: dict[Key, list[Key]] = {key: [] for key in by_key}
    for op in drops:
        for constraint in _keys_of(op):
            target = target_of(refinement, constraint)
            if target in referring:
                referring[target].append(_key(op))
    ordered: dict[Key, ops.DropTableOp] = {}
    met: set[Key] = set()
    todo = [(key, False) for key in reversed(by_key)]
    while todo:
        key, done = todo.pop()
        if done:
            ordered[key] = by_key[key]
        elif key not in met:
            met.add(key)
            todo.append((key, True))
            todo.extend((other, False) for other in reversed(referring[key]))
    return list(ordered.values())


def _put_tables(
    refinement: Refinement,
    drops: t.Sequence[ops.DropTableOp],
    ordered: t.Sequence[ops.DropTableOp],
) -> None:
    """Put drops of tables in another order; what prepares them stays before them."""
    if list(drops) == list(ordered):
        return
    operations = refinement.ops.ops
    place = operations.index(drops[0])
    rest = operations[place:]
    others = [op for op in rest if op not in drops]
    of_tables = {_key(op) for op in drops}
    prepares = [
        op
        for op in others
        if isinstance(op, ops.ModifyTableOps) and _key(op) in of_tables
    ]
    others = [op for op in others if op not in prepares]
    operations[place:] = [*prepares, *ordered, *others]


def _cut(refinement: Refinement, tables: t.Sequence[_Table]) -> list[TableChanges]:
    """Take foreign keys out of tables that can't be dropped, or made, with them.

    Those refer to a table before theirs, or to what an index serves that is made behind
    the tables; or it is said that they come by themselves.

    :param tables: In the order in which they are dropped.
    :return: What drops those foreign keys, before the tables go.
    """
    cut: list[ops.DropConstraintOp] = []
    gone: set[Key] = set()
    by_key = {_key(op): op for op in tables}
    for op in tables:
        for constraint in _keys_of(op):
            target = target_of(refinement, constraint)
            referred = by_key.get(target)
            if (
                target in gone
                or constraint.use_alter
                or (referred and not _serves(refinement, referred, constraint))
            ):
                columns = _columns_of(op)
                columns[:] = [item for item in columns if item is not constraint]
                drop = ops.DropConstraintOp.from_constraint(constraint)
                drop.constraint_name = name_of_new(refinement, constraint)
                cut.append(drop)
        gone.add(_key(op))
    return [TableChanges(op.table_name, [op], schema=op.schema) for op in cut]


def _serves(
    refinement: Refinement, table: _Table, key: sa.ForeignKeyConstraint
) -> bool:
    """Whether a foreign key can refer to a table as soon as that is made."""
    columns = referred_by(key)
    keys = [
        [str(column.name) for column in item.columns]
        for item in _columns_of(table)
        if isinstance(item, (sa.PrimaryKeyConstraint, sa.UniqueConstraint))
    ]
    if any(set(names) == set(columns) for names in keys):
        return True
    whole = refinement.context.target.dialect.keys_class.refers_to_key
    return not whole and any(begins(names, columns) for names in keys)


def _columns_of(op: _Table) -> list[t.Any]:
    made = op if isinstance(op, ops.CreateTableOp) else op._reverse
    return t.cast("list[t.Any]", made.columns) if made is not None else []


def _keys_of(op: _Table) -> list[sa.ForeignKeyConstraint]:
    found = _columns_of(op)
    return [item for item in found if isinstance(item, sa.ForeignKeyConstraint)]


# -- operations ------------------------------------------------------------------------


def _constraint(op: t.Any) -> sa.ForeignKeyConstraint:
    return t.cast(sa.ForeignKeyConstraint, op.to_constraint())


def _item(op: t.Any) -> t.Any:
    return op.to_index() if isinstance(op, ops.CreateIndexOp) else op.to_constraint()


def _key(op: t.Any) -> Key:
    return op.schema, str(op.table_name)

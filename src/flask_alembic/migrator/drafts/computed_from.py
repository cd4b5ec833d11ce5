"""Which columns are computed from which: these come first, and go last."""

from __future__ import annotations

import dataclasses
import typing as t

from alembic.operations import ops

from ...dialects.expressions import mentioned

if t.TYPE_CHECKING:
    from ...dialects.expressions import ModelWords
    from ...dialects.expressions import TableWords
    from .constraints import Met


@dataclasses.dataclass(frozen=True, slots=True)
class ComputedFrom:
    """The computed columns of a table, in the database and in its model."""

    met: Met
    found: TableWords
    wanted: ModelWords

    def users(self, names: set[str]) -> set[str]:
        """The columns that are computed from some, or from those."""
        return _users(self.found.computed, list(self.met.found.columns.keys()), names)

    def model_users(self, names: set[str]) -> set[str]:
        """The same of the model's columns."""
        columns = {str(column.name): column for column in self.met.wanted.columns}
        computed = {
            name: self.wanted.computed.get(name) or str(column.computed.sqltext)
            for name, column in columns.items()
            if column.computed is not None
        }
        return _users(computed, list(columns), names)

    def put_in_order(self) -> None:
        """Drop columns behind those that are computed from them, and add them before.

        Alembic drops columns in no order, and adds them in the model's.
        """
        operations = self.met.container.ops
        _sort(operations, ops.DropColumnOp, lambda name: len(self.users({name})))
        _sort(operations, ops.AddColumnOp, lambda name: -len(self.model_users({name})))


def _users(
    computed: t.Mapping[str, str], columns: t.Sequence[str], names: set[str]
) -> set[str]:
    """Follow expressions from some columns to all that need them.

    :param computed: Column -> its expression.
    :param columns: All of the table.
    """
    found: set[str] = set()
    while True:
        more = {
            name
            for name, expression in computed.items()
            if (names | found) & set(mentioned(expression, columns))
        }
        if more <= found:
            return found
        found |= more


def _sort(
    operations: list[ops.MigrateOperation],
    kind: type[ops.AddColumnOp] | type[ops.DropColumnOp],
    place: t.Callable[[str], int],
) -> None:
    """Sort the operations of one kind, in the places that these have."""
    places = [number for number, op in enumerate(operations) if isinstance(op, kind)]
    found: list[t.Any] = [operations[number] for number in places]
    found.sort(key=lambda op: place(_column_name(op)))
    for number, op in zip(places, found, strict=True):
        operations[number] = op


def _column_name(op: ops.AddColumnOp | ops.DropColumnOp) -> str:
    return str(op.column.name if isinstance(op, ops.AddColumnOp) else op.column_name)

"""What a draft drops itself of what has to go while a type is made anew.

It goes with the type's change and comes back with it in a downgrade: what it says may be
known to the old type only.
"""

from __future__ import annotations

import dataclasses
import typing as t

from alembic.operations import ops

from ..directions import taken
from ..directions import Ways
from ..plain_operations import LoseExpression
from ..reference_operations import DropReference
from ..renames.operations import RenameColumn
from ..renames.operations import RenameObject
from ..table_operations import changes_of

if t.TYPE_CHECKING:
    from ....dialects.enums import ColumnKey
    from ....dialects.enums import Dependent
    from ..refining import Refinement

_Key: t.TypeAlias = tuple[bool, str | None, str, str]
"""Whether it is a column; schema, table after the draft's renames, and name."""


@dataclasses.dataclass(frozen=True, slots=True)
class TakenOver:
    """What a draft drops itself.

    :param gone: What doesn't come back in the upgrade.
    :param plain: The columns among it that only lose their expression.
    """

    gone: tuple[Dependent, ...] = ()
    plain: frozenset[ColumnKey] = frozenset()


def take(refinement: Refinement, dependents: t.Sequence[Dependent]) -> TakenOver:
    """Take over what the draft drops of these, and what it makes plain."""
    new = {_new_key(refinement, one): one for one in dependents}
    lost = _replaced(refinement, new, _lost_by)
    dropped = lost | _replaced(refinement, new, _dropped_by)
    columns = {one.column for key, one in new.items() if key in dropped}
    gone = tuple(
        one for key, one in new.items() if key in dropped or one.needs & columns
    )
    plain = [one for key, one in new.items() if key in lost]
    again = (one for one in gone if one not in plain)
    _replaced(refinement, {_old_key(refinement, one) for one in again}, _renamed_by)
    for one in plain:
        _rename_once(refinement, _old_key(refinement, one))
    return TakenOver(gone, frozenset(one.column for one in plain if one.column))


def _old_key(refinement: Refinement, dependent: Dependent) -> _Key:
    """What a dependent is before it gets another name; its table has its new one."""
    table = refinement.names.of_table(dependent.schema, dependent.table)
    return dependent.kind == "column", dependent.schema, table, dependent.name


def _new_key(refinement: Refinement, dependent: Dependent) -> _Key:
    is_column, schema, table, name = _old_key(refinement, dependent)
    names = refinement.names.columns if is_column else refinement.names.objects
    own = names.get((schema, table), {})
    return is_column, schema, table, own.get(name, name)


def _replaced(
    refinement: Refinement,
    keys: t.Container[_Key],
    about: t.Callable[[t.Any], _Key | None],
) -> set[_Key]:
    """Leave to another operation what is about some things."""
    found: set[_Key] = set()
    for several, number, key in _about(refinement, about):
        if key in keys:
            found.add(key)
            several[number] = taken(several[number])
    return found


def _rename_once(refinement: Refinement, key: _Key) -> None:
    """Rename a column in the upgrade only: a downgrade makes it with its old name."""
    for several, number, renamed in _about(refinement, _renamed_by):
        if renamed == key:
            several[number] = Ways(several[number])


def _about(
    refinement: Refinement, about: t.Callable[[t.Any], _Key | None]
) -> t.Iterator[tuple[list[ops.MigrateOperation], int, _Key]]:
    """Find operations about something: where each stands, and what it is about."""
    operations = refinement.ops.ops
    containers = [op for op in operations if isinstance(op, ops.ModifyTableOps)]
    for several in (operations, *(changes_of(one).ops for one in containers)):
        for number, op in enumerate(several):
            key = about(op)
            if key is not None:
                yield several, number, key


def _dropped_by(op: t.Any) -> _Key | None:
    if isinstance(op, DropReference):
        return False, op.reference.schema, op.reference.table, op.reference.name
    if isinstance(op, ops.DropColumnOp):
        return True, op.schema, op.table_name, str(op.column_name)
    if isinstance(op, ops.DropConstraintOp):
        return False, op.schema, op.table_name, str(op.constraint_name)
    if isinstance(op, ops.DropIndexOp):
        return False, op.schema, str(op.table_name), str(op.index_name)
    return None


def _lost_by(op: t.Any) -> _Key | None:
    """What makes a column plain, and what makes it computed again on the way back."""
    if not isinstance(op, Ways):
        return None
    if isinstance(op.forth, LoseExpression):
        return True, *op.forth.key
    if isinstance(op.back, ops.AddColumnOp):
        return True, op.back.schema, op.back.table_name, str(op.back.column.name)
    return None


def _renamed_by(op: t.Any) -> _Key | None:
    if isinstance(op, RenameColumn):
        return True, op.schema, op.table_name, str(op.column_name)
    if isinstance(op, RenameObject):
        return op.kind == "column", op.place.schema, op.place.table, op.old
    return None

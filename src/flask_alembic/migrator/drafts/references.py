"""Foreign keys: what they refer to, what serves them, and those that are made again."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from .constraints import keep
from .constraints import Met
from .renames.operations import RenameObject
from .renames.view import Key
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from .refining import Refinement


@dataclasses.dataclass(frozen=True, slots=True)
class OwnReferences:
    """The foreign keys of one table whose primary key changes.

    :param before: The columns of its key, by their new names.
    :param after: Those that the key will have.
    """

    refinement: Refinement
    met: Met
    before: tuple[str, ...]
    after: tuple[str, ...]

    def serve_own(self) -> None:
        """Make an index for a foreign key that has none but the primary key.

        Before the key is changed, and so dropped after that on the way back.
        """
        if not self.refinement.context.target.dialect.indexes_foreign_keys:
            return
        met = self.met
        there: list[t.Sequence[str]] = [self.after]
        there += [[str(c.name) for c in index.columns] for index in met.wanted.indexes]
        there += [
            [str(c.name) for c in item.columns]
            for item in (*met.wanted.constraints, *met.found.indexes)
            if isinstance(item, (sa.UniqueConstraint, sa.Index))
        ]
        for name, columns in self._own():
            if begins(self.before, columns) and not any(
                begins(names, columns) for names in there
            ):
                index = ops.CreateIndexOp(name, met.name, columns, schema=met.schema)
                met.container.ops.insert(0, index)
                keep(self.refinement, met.container)

    def served(self) -> dict[str, tuple[str, ...]]:
        """Indexes of the table's foreign keys that the new key serves as well."""
        own = [columns for _, columns in self._own() if begins(self.after, columns)]
        indexes = {
            str(index.name): [str(column.name) for column in index.columns]
            for index in self.met.found.indexes
            if not index.unique
        }
        return {
            name: tuple(columns)
            for name, columns in sorted(indexes.items())
            if columns in own and not begins(self.before, columns)
        }

    def _own(self) -> list[tuple[str, list[str]]]:
        """The table's foreign keys, and their columns."""
        # Alembic reflects them anew for its own comparison.
        found = {
            str(key.name): list(key.column_keys)
            for key in self.met.found.foreign_key_constraints
        }
        return sorted(found.items())


def target_of(refinement: Refinement, key: sa.ForeignKeyConstraint) -> Key:
    """The schema and the name of the table that a foreign key refers to."""
    *parts, table, _ = key.elements[0].target_fullname.split(".")
    schema = ".".join(parts) or None
    default = refinement.context.dialect.default_schema_name
    return (None if schema == default else schema), table


def referred_by(key: sa.ForeignKeyConstraint) -> list[str]:
    """The columns that a foreign key refers to."""
    return [element.target_fullname.split(".")[-1] for element in key.elements]


def new_tables(
    refinement: Refinement, needs_new: t.Callable[[sa.ForeignKeyConstraint], bool]
) -> list[ops.MigrateOperation]:
    """Take away new tables that need what is made anew, and those that need them."""
    operations = refinement.ops.ops
    made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
    moved: set[Key] = set()
    for _ in made:
        moved |= {
            (op.schema, op.table_name)
            for op in made
            for key in op.columns
            if isinstance(key, sa.ForeignKeyConstraint)
            and (needs_new(key) or target_of(refinement, key) in moved)
        }
    taken = [
        op
        for op in operations
        if isinstance(op, (ops.CreateTableOp, ops.ModifyTableOps))
        and (op.schema, op.table_name) in moved
    ]
    operations[:] = [op for op in operations if op not in taken]
    return [*taken]


def take_away(
    refinement: Refinement, is_it: t.Callable[[t.Any], bool]
) -> list[ops.MigrateOperation]:
    """Take operations away from the changes of their tables."""
    found: list[ops.MigrateOperation] = []
    operations = refinement.ops.ops
    for container in list(operations):
        if not isinstance(container, ops.ModifyTableOps):
            continue
        taken = [op for op in container.ops if is_it(op)]
        if taken:
            found.append(TableChanges.of(container, taken))
            container.ops[:] = [op for op in container.ops if op not in taken]
            if not container.ops:
                operations.remove(container)
    return found


def is_unique(
    wanted: sa.Table, key: t.Sequence[str], columns: t.Sequence[str], *, held: bool
) -> bool:
    """Whether columns of a table may be referred to.

    :param key: The columns of its primary key.
    :param held: They have to be unique; otherwise an index is enough.
    """
    uniques = [
        [str(column.name) for column in item.columns]
        for item in (*wanted.constraints, *wanted.indexes)
        if isinstance(item, sa.UniqueConstraint)
        or (isinstance(item, sa.Index) and item.unique)
    ]
    if any(set(names) == set(columns) for names in (key, *uniques)):
        return True
    indexes = [[str(c.name) for c in index.columns] for index in wanted.indexes]
    return not held and any(begins(names, columns) for names in (key, *indexes))


def begins(key: t.Sequence[str], columns: t.Sequence[str]) -> bool:
    """Whether an index on some columns is one on these, too."""
    return list(key[: len(columns)]) == list(columns)


def named_in_draft(refinement: Refinement, met: Met, constraint: sa.Constraint) -> str:
    """What a constraint of the database is called when the draft's renames have run."""
    return name_in_draft(refinement, met, "constraint", str(constraint.name))


def name_in_draft(refinement: Refinement, met: Met, kind: str, name: str) -> str:
    """What something of a table is called when the draft's renames have run."""
    for op in refinement.ops.ops:
        if (
            isinstance(op, RenameObject)
            and (op.kind, op.old) == (kind, name)
            and (op.place.schema, op.place.table) == (met.schema, met.name)
        ):
            name = op.new
    return name


def again(
    constraint: sa.UniqueConstraint | sa.ForeignKeyConstraint, name: str
) -> tuple[ops.DropConstraintOp, ops.AddConstraintOp]:
    """Drop a constraint of the database and make it again.

    :param name: What it is called when the draft's renames have run.
    """
    drop = ops.DropConstraintOp.from_constraint(constraint)
    make: t.Any = ops.AddConstraintOp.from_constraint(constraint)
    drop.constraint_name = make.constraint_name = conv(name)
    return drop, make

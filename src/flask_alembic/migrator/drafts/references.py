"""Foreign keys that a changed primary key is for, or that are served by it."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from ...results import Finding
from .constraints import keep
from .constraints import Met
from .key_operations import Referred
from .renames.operations import RenameObject
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from .refining import Refinement


@dataclasses.dataclass(frozen=True, slots=True)
class References:
    """The foreign keys around one table.

    :param before: The columns of its key, by their new names.
    :param after: Those that the key will have.
    """

    refinement: Refinement
    met: Met
    before: tuple[str, ...]
    after: tuple[str, ...]

    def take(self, *, held: bool) -> list[ops.MigrateOperation]:
        """Let foreign keys go before the key that they refer to, and come after it.

        :param held: One that stays is dropped, too, and made again.
        :return: Stops for those that would refer to nothing that is unique.
        """
        stops: list[ops.MigrateOperation] = []
        first: list[ops.MigrateOperation] = []
        last: list[ops.MigrateOperation] = []
        for child in self.refinement.tables:
            drops = self._taken(child, ops.DropConstraintOp)
            gone = {t.cast(t.Any, op).constraint_name for op in drops}
            for name, key in sorted(self._kept(child, gone).items()):
                if not self._is_unique(_referred(key), held=held):
                    stops.append(self._stop(child, name, _referred(key)))
                elif held:
                    drop, make = again(key, name)
                    drops.append(drop)
                    last.append(TableChanges(child.name, [make], schema=child.schema))
            if drops:
                first.append(TableChanges(child.name, drops, schema=child.schema))
            adds = self._taken(child, ops.CreateForeignKeyOp)
            if adds:
                last.append(TableChanges(child.name, adds, schema=child.schema))
        operations = self.refinement.ops.ops
        containers = [met.container for met in self.refinement.tables]
        place = next(
            (
                n
                for n, op in enumerate(operations)
                if any(op is container for container in containers)
            ),
            len(operations),
        )
        operations[place:place] = first
        operations.extend([*self._new_tables(), *last])
        return stops

    # -- which -------------------------------------------------------------------------

    def _taken(
        self, child: Met, kind: type[ops.MigrateOperation]
    ) -> list[ops.MigrateOperation]:
        """Take away what a table's changes have of foreign keys to this one."""
        container = child.container
        taken = [
            op
            for op in container.ops
            if isinstance(op, kind) and self._is_reference(op)
        ]
        container.ops[:] = [op for op in container.ops if op not in taken]
        if taken and not container.ops:
            self.refinement.ops.ops[:] = [
                op for op in self.refinement.ops.ops if op is not container
            ]
        return taken

    def _is_reference(self, op: t.Any) -> bool:
        if isinstance(op, ops.DropConstraintOp) and op.constraint_type != "foreignkey":
            return False
        key: t.Any = op.to_constraint()
        return isinstance(key, sa.ForeignKeyConstraint) and self._is_to_us(key)

    def _is_to_us(self, key: sa.ForeignKeyConstraint) -> bool:
        return self._target(key) == (self.met.schema, self.met.name)

    def _target(self, key: sa.ForeignKeyConstraint) -> tuple[str | None, str]:
        """The schema and the name of the table that a foreign key refers to."""
        *parts, table, _ = key.elements[0].target_fullname.split(".")
        schema = ".".join(parts) or None
        default = self.refinement.context.dialect.default_schema_name
        return (None if schema == default else schema), table

    def _kept(
        self, child: Met, gone: t.Container[t.Any]
    ) -> dict[str, sa.ForeignKeyConstraint]:
        """Foreign keys to the key as it was that stay, by their names after renames."""
        # Alembic reflects them anew for its own comparison.
        named = {
            named_in_draft(self.refinement, child, key): key
            for key in child.found.foreign_key_constraints
        }
        return {
            name: key
            for name, key in named.items()
            if name not in gone
            and self._is_to_us(key)
            and set(_referred(key)) <= set(self.before)
        }

    def _is_unique(self, columns: t.Sequence[str], *, held: bool) -> bool:
        """Whether what is left may be referred to.

        :param held: It has to be unique; otherwise an index does.
        """
        wanted = self.met.wanted
        uniques = [
            [str(column.name) for column in item.columns]
            for item in (*wanted.constraints, *wanted.indexes)
            if isinstance(item, sa.UniqueConstraint)
            or (isinstance(item, sa.Index) and item.unique)
        ]
        if any(set(names) == set(columns) for names in (self.after, *uniques)):
            return True
        indexes = [[str(c.name) for c in index.columns] for index in wanted.indexes]
        return not held and any(
            _begins(names, columns) for names in (self.after, *indexes)
        )

    def _stop(self, child: Met, key: str, referred: t.Sequence[str]) -> Referred:
        columns, table = ", ".join(referred), self.met.full_name
        name = f"{key} of {child.full_name}"
        self.refinement.findings.append(
            Finding(
                "referred",
                "warning",
                f"The foreign key {name} refers to {columns} of {table}, which isn't"
                " unique any more (database"
                f" {self.refinement.context.target.name!r}).",
                effect="The revision stops before it changes anything.",
                fix=f"Let {columns} be unique in the model, or change the foreign key.",
                where=table,
            )
        )
        return Referred(table, name, columns)

    def _new_tables(self) -> list[ops.MigrateOperation]:
        """Take away new tables that need the new key, and those that need them."""
        operations = self.refinement.ops.ops
        made = [op for op in operations if isinstance(op, ops.CreateTableOp)]
        moved: set[tuple[str | None, str]] = set()
        for _ in made:
            moved |= {
                (op.schema, op.table_name)
                for op in made
                for key in op.columns
                if isinstance(key, sa.ForeignKeyConstraint)
                and (self._needs_new(key) or self._target(key) in moved)
            }
        taken = [
            op
            for op in operations
            if isinstance(op, (ops.CreateTableOp, ops.ModifyTableOps))
            and (op.schema, op.table_name) in moved
        ]
        operations[:] = [op for op in operations if op not in taken]
        return [*taken]

    def _needs_new(self, key: sa.ForeignKeyConstraint) -> bool:
        return self._is_to_us(key) and set(_referred(key)) == set(self.after)

    # -- the table's own ---------------------------------------------------------------

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
            if _begins(self.before, columns) and not any(
                _begins(names, columns) for names in there
            ):
                index = ops.CreateIndexOp(name, met.name, columns, schema=met.schema)
                met.container.ops.insert(0, index)
                keep(self.refinement, met.container)

    def served(self) -> dict[str, tuple[str, ...]]:
        """Indexes of the table's foreign keys that the new key serves as well."""
        own = [columns for _, columns in self._own() if _begins(self.after, columns)]
        indexes = {
            str(index.name): [str(column.name) for column in index.columns]
            for index in self.met.found.indexes
            if not index.unique
        }
        return {
            name: tuple(columns)
            for name, columns in sorted(indexes.items())
            if columns in own and not _begins(self.before, columns)
        }

    def _own(self) -> list[tuple[str, list[str]]]:
        """The table's foreign keys, and their columns."""
        # Alembic reflects them anew for its own comparison.
        found = {
            str(key.name): list(key.column_keys)
            for key in self.met.found.foreign_key_constraints
        }
        return sorted(found.items())


def _begins(key: t.Sequence[str], columns: t.Sequence[str]) -> bool:
    return list(key[: len(columns)]) == list(columns)


def _referred(key: sa.ForeignKeyConstraint) -> list[str]:
    return [element.target_fullname.split(".")[-1] for element in key.elements]


def named_in_draft(refinement: Refinement, met: Met, constraint: sa.Constraint) -> str:
    """What a constraint of the database is called when the draft's renames have run."""
    name = str(constraint.name)
    for op in refinement.ops.ops:
        if (
            isinstance(op, RenameObject)
            and (op.kind, op.old) == ("constraint", name)
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

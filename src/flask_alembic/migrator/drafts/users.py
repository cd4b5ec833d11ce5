"""What uses columns that are made anew: it goes before them and comes after them."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ...dialects.expressions import check_name
from ...dialects.expressions import mentioned
from .check_operations import CreateCheck
from .check_operations import DropCheck
from .constraints import CONVENTION
from .constraints import conventional
from .constraints import Met
from .constraints import unnamed_uniques
from .references import again
from .references import named_in_draft
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from ...dialects.expressions import TableWords
    from .refining import Refinement

Operations: t.TypeAlias = list[ops.MigrateOperation]
Again: t.TypeAlias = tuple[ops.MigrateOperation, ops.MigrateOperation | None]
"""What drops something, and what makes it again if it stays."""


class Users:
    """The indexes and constraints of one table.

    Foreign keys are among them where they hold no column of the table that they refer to.

    :param found: The table as the database has it, in the draft's names.
    """

    def __init__(self, refinement: Refinement, met: Met, found: TableWords) -> None:
        self._refinement = refinement
        self._met = met
        self._found = found
        self._columns = [
            *met.found.columns.keys(),
            *(str(column.name) for column in met.wanted.columns),
        ]
        self._unnamed = False
        support = refinement.context.target.dialect
        # A foreign key is a matter of two tables where one holds the other.
        self._keeps_references = not support.references_class.holds

    def take(self, names: t.Collection[str]) -> tuple[Operations, Operations]:
        """Take what uses columns away from the table's other changes.

        What stays as it is is dropped and made again.

        :return: What drops it, and what makes it.
        """
        container, wanted = self._met.container, set(names)
        drops: Operations = []
        creates: Operations = []
        rest: Operations = []
        for op in container.ops:
            used = self._used_by(op) & wanted
            is_drop = isinstance(op, (ops.DropIndexOp, ops.DropConstraintOp))
            (drops if used and is_drop else creates if used else rest).append(op)
        container.ops[:] = rest
        gone = {_name(op) for op in drops}
        for drop, create in self._kept(wanted):
            # Alembic reflects a unique constraint anew for its own comparison.
            if _name(drop) not in gone:
                gone.add(_name(drop))
                drops.append(drop)
                creates[:0] = [create] if create is not None else []
        return drops, creates

    def part(self, operations: Operations) -> TableChanges:
        """Hold operations that :meth:`take` gave, among others."""
        met = self._met
        made = TableChanges(met.name, operations, schema=met.schema)
        if self._unnamed:
            made.naming_convention = {"uq": CONVENTION["uq"], "fk": CONVENTION["fk"]}
        return made

    # -- what there is -----------------------------------------------------------------

    def _kept(self, wanted: set[str]) -> t.Iterator[Again]:
        before = {str(index.name) for index in self._met.found.indexes}
        before.update(self._found.indexes)
        for index in self._met.wanted.indexes:
            if index.name in before and self._used_by_index(index) & wanted:
                drop = ops.DropIndexOp.from_index(index)
                yield drop, ops.CreateIndexOp.from_index(index)
        for constraint in self._met.found.constraints:
            kinds = (sa.UniqueConstraint, sa.ForeignKeyConstraint)
            if isinstance(constraint, kinds) and self._used_in(constraint) & wanted:
                yield self._again(constraint)
        for name, sql in self._checks(wanted):
            table, schema = self._met.name, self._met.schema
            yield (
                DropCheck(name, table, sql, schema),
                CreateCheck(name, table, sql, schema),
            )

    def _again(
        self, constraint: sa.UniqueConstraint | sa.ForeignKeyConstraint
    ) -> Again:
        if constraint.name is None:
            self._unnamed = True
            drop, create = again(constraint, conventional(constraint))
            columns = set(_columns(constraint))
            unique = isinstance(constraint, sa.UniqueConstraint)
            if unique and columns not in unnamed_uniques(self._met.wanted):
                self._met.dropped.append(columns)
                return drop, None
            return drop, create
        name = named_in_draft(self._refinement, self._met, constraint)
        return again(constraint, name)

    def _checks(self, wanted: set[str]) -> t.Iterator[tuple[str, str]]:
        taken = {check.name for check in self._found.checks if check.name}
        for check in self._found.checks:
            name = check.name
            if name is None and not check.inline:
                name = check_name(self._met.name, check.columns, taken)
                taken.add(name)
            if name is not None and wanted & set(check.columns):
                yield name, check.sql

    # -- what uses what ----------------------------------------------------------------

    def _used_by(self, op: ops.MigrateOperation) -> set[str]:
        if isinstance(op, (CreateCheck, DropCheck)):
            return set(mentioned(op.sql, self._columns))
        if isinstance(op, (ops.CreateIndexOp, ops.DropIndexOp)):
            return self._used_by_index(op.to_index())
        if isinstance(op, (ops.AddConstraintOp, ops.DropConstraintOp)):
            return self._used_in(op.to_constraint())
        return set()

    def _used_in(self, constraint: sa.Constraint) -> set[str]:
        is_reference = isinstance(constraint, sa.ForeignKeyConstraint)
        if is_reference and not self._keeps_references:
            return set()
        return set(_columns(constraint))

    def _used_by_index(self, index: sa.Index) -> set[str]:
        texts = [
            str(getattr(expression, "text", expression))
            for expression in index.expressions
        ]
        where = (options.get("where") for options in index.dialect_options.values())
        texts += [str(text) for text in where if text is not None]
        found = {str(column.name) for column in index.columns}
        return found.union(*(mentioned(text, self._columns) for text in texts))


def _columns(constraint: t.Any) -> list[str]:
    if isinstance(constraint, sa.ForeignKeyConstraint):
        return list(constraint.column_keys)
    return [str(column.name) for column in getattr(constraint, "columns", ())]


def _name(op: t.Any) -> str:
    return str(op.index_name if hasattr(op, "index_name") else op.constraint_name)

"""Drops and adds that are renames become renames.

What is renamed is decided first: tables, then columns, then indexes and constraints.
After each round Alembic compares again, with the database seen under the new names, so
that types, keys and all else of what was renamed are compared as ever. The renames
stand before everything else, and so at the end of a downgrade.
"""

from __future__ import annotations

import functools
import logging
import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ....errors import DraftError
from ....results import Question
from .. import questions
from ..definitions import Shapes
from . import objects as rename_objects
from .columns import Columns
from .operations import note
from .operations import RenameTable
from .order import in_order
from .scores import Candidate
from .scores import chosen
from .scores import column_candidates
from .scores import Shape
from .scores import table_candidates
from .scores import TableShape
from .view import Key
from .words import Words

if t.TYPE_CHECKING:
    from ..refining import Choices
    from ..refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


def rename(refinement: Refinement) -> None:
    """Find the renames in a draft."""
    if refinement.choices.renames is False:
        return
    _Renaming(refinement).run()


def check_understood(choices: Choices, refinements: t.Sequence[Refinement]) -> None:
    """Refuse renames that no database's draft has anything for.

    :raises DraftError: Lists what there is.
    """
    known = {name for item in refinements for name in item.understood}
    unknown = [name for name in choices.renames or {} if name not in known]
    if unknown:
        offers = dict.fromkeys(x for item in refinements for x in item.renameable)
        assert choices.renames
        what = ", ".join(f"{name}={choices.renames[name]}" for name in unknown)
        raise DraftError(
            f"There is nothing to rename for {what}.",
            fix=f"The draft has: {', '.join(offers) or 'no table or column'}.",
        )


class _Renaming:
    """The renames of one database."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._context = refinement.context
        self._names = refinement.names
        self._others = refinement.others
        self._shapes = Shapes(t.cast(t.Any, refinement.context.impl))
        self._words = Words(refinement)
        self._operations: list[ops.MigrateOperation] = []

    @property
    def _ops(self) -> list[ops.MigrateOperation]:
        return self._refinement.ops.ops

    @property
    def _database(self) -> str:
        return self._context.target.name

    def run(self) -> None:
        """Decide, round by round, and put what was decided in front."""
        tables = self._tables()
        if tables:
            self._names.tables.update(tables)
            self._rename_tables(tables)
            self._refinement.compare_again()
        columns = self._columns()
        if columns:
            self._names.columns.update(columns)
            self._rename_columns(columns)
        if tables or columns:
            self._operations += rename_objects.followers(self._refinement)
            self._refinement.compare_again()
        found = rename_objects.find(self._refinement)
        if found:
            self._operations += found
            self._refinement.compare_again()
        self._words.finish()
        self._ops[:0] = self._operations

    # -- tables ------------------------------------------------------------------------

    def _tables(self) -> dict[Key, str]:
        found = self._words.tables()
        gone = [op for op in self._ops if isinstance(op, ops.DropTableOp)]
        made = [op for op in self._ops if isinstance(op, ops.CreateTableOp)]
        for schema in dict.fromkeys(op.schema for op in gone):
            found.update(
                self._guess_tables(
                    schema,
                    {
                        op.table_name: op
                        for op in gone
                        if op.schema == schema and (schema, op.table_name) not in found
                    },
                    [
                        op
                        for op in made
                        if self._words.schema(op.schema) == schema
                        and self._words.knows(op)
                        and op.table_name not in found.values()
                    ],
                )
            )
        return found

    def _guess_tables(
        self,
        schema: str | None,
        gone: t.Mapping[str, ops.DropTableOp],
        made: t.Sequence[ops.CreateTableOp],
    ) -> dict[Key, str]:
        if not gone or not made:
            return {}
        models = [self._words.model(schema, op.table_name) for op in made]
        old = [self._shapes.of_table(_dropped(op)) for op in gone.values()]
        new = [self._shapes.of_table(model) for model in models]
        others = self._others.tables(self._context, models, gone)
        candidates = table_candidates(old, new, self._shapes.same_type, others)
        option = functools.partial(questions.table_option, schema)
        agreed = questions.agreed(old, new, option, self._refinement.choices)

        def accept(candidate: Candidate[TableShape]) -> bool:
            question = questions.about_table(self._database, schema, candidate)
            return self._accept(question, gone[candidate.old.name])

        taken = chosen([*agreed, *candidates], accept)
        return {(schema, found.old.name): found.new.name for found in taken}

    def _accept(
        self, question: Question, dropped: ops.DropColumnOp | ops.DropTableOp
    ) -> bool:
        """Decide, or say in the draft and in its file that it isn't decided."""
        answer = questions.answered(question, self._refinement.choices)
        if answer is None:
            self._refinement.findings.append(questions.possible(question))
            note(
                dropped,
                f"May have been renamed: {question.option} keeps what is in it.",
            )
        return bool(answer)

    def _rename_tables(self, tables: t.Mapping[Key, str]) -> None:
        for schema in dict.fromkeys(schema for schema, _ in tables):
            own = {old: new for (at, old), new in tables.items() if at == schema}
            prefix = f"{schema}." if schema else ""
            for old, new in in_order(own, self._words.in_database(schema)):
                self._operations.append(RenameTable(old, new, schema=schema))
            for old, new in own.items():
                self._refinement.renames[f"{prefix}{old}"] = new
                logger.info("Detected renamed table '%s%s' as %r", prefix, old, new)

    # -- columns -----------------------------------------------------------------------

    def _columns(self) -> dict[Key, dict[str, str]]:
        found = self._words.columns()
        for op in self._ops:
            if isinstance(op, ops.ModifyTableOps) and self._words.knows(op):
                key = (op.schema, op.table_name)
                said = found.get(key, {})
                guessed = self._guess_columns(key, op, said)
                if said or guessed:
                    found[key] = {**said, **guessed}
        return found

    def _guess_columns(
        self, key: Key, container: ops.ModifyTableOps, said: t.Mapping[str, str]
    ) -> dict[str, str]:
        gone = {
            op.column_name: op
            for op in container.ops
            if isinstance(op, ops.DropColumnOp)
            and op.column_name not in said
            and op.to_column().table is not None
        }
        made = [
            op.column
            for op in container.ops
            if isinstance(op, ops.AddColumnOp) and op.column.name not in said.values()
        ]
        if not gone or not made:
            return {}
        model, old_name = self._words.model(*key), self._names.old_table(*key)
        old = [self._shapes.of_column(op.to_column()) for op in gone.values()]
        new = [self._shapes.of_column(self._words.column(key, c.name)) for c in made]
        others = self._others.columns(self._context, model, old_name)
        candidates = column_candidates(old, new, self._shapes.same_type, others)
        old_table, new_table = self._words.spelled(key)
        option = functools.partial(questions.column_option, old_table)
        agreed = questions.agreed(old, new, option, self._refinement.choices)

        def accept(candidate: Candidate[Shape]) -> bool:
            question = questions.about_column(
                self._database, old_table, candidate, new_table
            )
            return self._accept(question, gone[candidate.old.name])

        taken = chosen([*agreed, *candidates], accept)
        return {found.old.name: found.new.name for found in taken}

    def _rename_columns(self, columns: t.Mapping[Key, t.Mapping[str, str]]) -> None:
        for key, own in columns.items():
            table = Columns(self._refinement, key)
            self._operations += table.operations(own)
            name = self._words.spelled(key)[0]
            for old, new in own.items():
                self._refinement.renames[f"{name}.{old}"] = new
                logger.info("Detected renamed column '%s.%s' as %r", name, old, new)


def _dropped(op: ops.DropTableOp) -> sa.Table:
    """The table as it was reflected."""
    assert op._reverse is not None
    columns = (item for item in op._reverse.columns if isinstance(item, sa.Column))
    return next((column.table for column in columns), op.to_table())

"""Computed columns: another expression is another column, computed anew for every row.

PostgreSQL changes no type of a column that a computed one uses: that one is made anew,
too.
"""

from __future__ import annotations

import dataclasses
import logging
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from alembic.util import PriorityDispatchResult

from ...dialects.expressions import mentioned
from ...results import Finding
from .constraints import Met
from .held_references import Anew
from .required_operations import Refill
from .users import Users

if t.TYPE_CHECKING:
    from ...dialects.expressions import ModelWords
    from ...dialects.expressions import TableWords
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


def add_comparators(plugin: Plugin) -> None:
    """Come before Alembic, which only warns of a difference."""
    plugin.add_autogenerate_comparator(
        _leave, "column", "server_default", priority=DispatchPriority.FIRST
    )


def _leave(*arguments: t.Any) -> PriorityDispatchResult:
    found, wanted = arguments[-2:]
    if found.computed is not None or wanted.computed is not None:
        return PriorityDispatchResult.STOP
    return PriorityDispatchResult.CONTINUE


def compare(
    refinement: Refinement, met: Met, found: TableWords, wanted: ModelWords
) -> None:
    """Drop and make the computed columns of a table that differ, or are in the way."""
    _Table(refinement, met, found, wanted).run()


def differing(met: Met, found: TableWords, wanted: ModelWords) -> set[str]:
    """Names of a table's columns that are computed in another way."""
    names: set[str] = set()
    for column in met.wanted.columns:
        name = str(column.name)
        was, now = found.computed.get(name), wanted.computed.get(name)
        unknown = column.computed is not None and now is None
        if name in met.found.columns and not unknown and was != now:
            names.add(name)
    return names


@dataclasses.dataclass(frozen=True, slots=True)
class _Table:
    refinement: Refinement
    met: Met
    found: TableWords
    wanted: ModelWords

    def run(self) -> None:
        """Replace what differs and what stands in the way."""
        differing_names = differing(self.met, self.found, self.wanted)
        retyped = self._held_types()
        names = differing_names | self._users(differing_names | retyped)
        replaced = [c for c in self.met.wanted.columns if c.name in names]
        for column in replaced:
            if column.name in differing_names:
                self._say_changed(column)
            else:
                self._say_replaced(str(column.name))
        if replaced or retyped:
            self._replace(replaced, retyped)

    # -- which -------------------------------------------------------------------------

    def _held_types(self) -> set[str]:
        """Columns that get another type, which computed ones would hold."""
        support = self.refinement.context.target.dialect
        if not support.expressions_class.holds_types:
            return set()
        return {
            op.column_name
            for op in self.met.container.ops
            if isinstance(op, ops.AlterColumnOp) and op.modify_type is not None
        }

    def _users(self, names: set[str]) -> set[str]:
        """The computed columns that are computed from these, or from those."""
        columns = list(self.met.found.columns.keys())
        found: set[str] = set()
        while True:
            more = {
                name
                for name, expression in self.found.computed.items()
                if (names | found) & set(mentioned(expression, columns))
            }
            if more <= found:
                return found
            found |= more

    def _needs(self, column: sa.Column[t.Any], names: set[str]) -> bool:
        """Whether a model's computed column is computed from one of these."""
        if column.computed is None:
            return False
        written = self.wanted.computed.get(str(column.name))
        sql = written or str(column.computed.sqltext)
        columns = [str(c.name) for c in self.met.wanted.columns]
        return bool(names & set(mentioned(sql, columns)))

    # -- how ---------------------------------------------------------------------------

    def _replace(
        self, replaced: t.Sequence[sa.Column[t.Any]], retyped: set[str]
    ) -> None:
        """Let the columns go before the table's other changes, and come after them."""
        met = self.met
        names = {str(column.name) for column in replaced}
        if names:
            self.refinement.anew.append(Anew(met, frozenset(names)))
        schema, table, container = met.schema, met.name, met.container
        container.ops[:] = [op for op in container.ops if not _is_about(op, names)]
        users = Users(self.refinement, met, self.found)
        first, last = users.take(names)
        gone: list[ops.MigrateOperation] = [
            *first,
            *self._taken_drops(retyped),
            *(
                ops.DropColumnOp.from_column_and_tablename(
                    schema, table, met.found.columns[str(column.name)]
                )
                for column in reversed(replaced)
            ),
        ]
        made: list[ops.MigrateOperation] = [
            *(
                ops.AddColumnOp.from_column_and_tablename(schema, table, column)
                for column in replaced
            ),
            *self._taken_adds(retyped),
            *last,
        ]
        # Apart, since one batch knows one column of a name.
        before: list[ops.MigrateOperation] = []
        after: list[ops.MigrateOperation] = []
        if gone:
            before.append(users.part(gone))
        if made:
            after.append(users.part(made))
        for fill in filter(None, map(self._fill, replaced)):
            # What fills on the way back stands last there.
            (after if fill.forth else before).append(fill)
        operations = self.refinement.ops.ops
        place = next(
            (n for n, op in enumerate(operations) if op is container), len(operations)
        )
        operations[place + 1 : place + 1] = after
        operations[place:place] = before[::-1]

    def _taken_drops(self, retyped: set[str]) -> list[ops.MigrateOperation]:
        """Let computed columns that go do so before a type changes."""
        container = self.met.container
        users = self._users(retyped)
        taken = [
            op
            for op in container.ops
            if isinstance(op, ops.DropColumnOp) and op.column_name in users
        ]
        container.ops[:] = [op for op in container.ops if op not in taken]
        return [*taken]

    def _taken_adds(self, retyped: set[str]) -> list[ops.MigrateOperation]:
        """Let new computed columns come when the types have changed."""
        container = self.met.container
        taken = [
            op
            for op in container.ops
            if isinstance(op, ops.AddColumnOp) and self._needs(op.column, retyped)
        ]
        container.ops[:] = [op for op in container.ops if op not in taken]
        return [*taken]

    def _fill(self, new: sa.Column[t.Any]) -> Refill | None:
        """Let a column that isn't computed any more have the values that it had."""
        met, old = self.met, self.met.found.columns[str(new.name)]
        if (old.computed is None) == (new.computed is None):
            return None
        context = self.refinement.context
        computed = old.computed if old.computed is not None else new.computed
        assert computed is not None
        quote = context.dialect.identifier_preparer.quote
        table = ".".join(quote(part) for part in (met.schema, met.name) if part)
        words = context.target.dialect.expressions_class(context.live)
        value = words.sql(computed.sqltext)
        sql = f"UPDATE {table} SET {quote(str(new.name))} = {value}"
        return Refill(sql, forth=new.computed is None)

    # -- what is said ------------------------------------------------------------------

    def _say_changed(self, column: sa.Column[t.Any]) -> None:
        name = f"{self.met.full_name}.{column.name}"
        logger.info("Detected changed computed column '%s'", name)
        old = self.met.found.columns[str(column.name)]
        if column.computed is not None and old.computed is None:
            self._say(
                "warning",
                name,
                "becomes a computed column",
                "The values that its rows have are replaced by computed ones.",
            )

    def _say_replaced(self, column: str) -> None:
        self._say(
            "info",
            f"{self.met.full_name}.{column}",
            "is computed from a column that changes",
            "It is dropped and made anew, with its indexes and constraints.",
        )

    def _say(
        self, severity: t.Literal["info", "warning"], name: str, what: str, effect: str
    ) -> None:
        database = self.refinement.context.target.name
        self.refinement.findings.append(
            Finding(
                "computed",
                severity,
                f"{name} {what} (database {database!r}).",
                effect=effect,
                where=name,
            )
        )


def _is_about(op: ops.MigrateOperation, names: t.Container[str]) -> bool:
    return isinstance(op, ops.AlterColumnOp) and op.column_name in names

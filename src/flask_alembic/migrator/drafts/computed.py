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

from ...results import Finding
from .check_operations import CreateCheck
from .check_operations import DropCheck
from .computed_from import ComputedFrom
from .constraints import Met
from .directions import Ways
from .enums.columns import final_name
from .held_references import Anew
from .made_plain import make_computed
from .made_plain import make_plain
from .table_operations import retyped
from .users import Operations
from .users import Users

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
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
        differing_names |= self._altered()
        # Those that computed columns would hold.
        held = self._expressions_class.holds_types
        changed = retyped(self.met.container) if held else set()
        columns = self.columns
        names = differing_names | columns.users(differing_names | changed)
        replaced = [c for c in self.met.wanted.columns if c.name in names]
        for column in replaced:
            if column.name in differing_names:
                self._say_changed(column)
            else:
                self._say_replaced(str(column.name))
        if replaced or changed:
            self._replace(replaced, changed)
        columns.put_in_order()

    @property
    def columns(self) -> ComputedFrom:
        """What is computed from what."""
        return ComputedFrom(self.met, self.found, self.wanted)

    @property
    def _expressions_class(self) -> type[Expressions]:
        return self.refinement.context.target.dialect.expressions_class

    # -- which -------------------------------------------------------------------------

    def _altered(self) -> set[str]:
        """Computed columns that get another type, or what can't be said of them alone.

        No value can be converted that is computed.
        """
        alters = self._expressions_class.alters_computed
        wanted = {str(column.name): column for column in self.met.wanted.columns}
        return {
            op.column_name
            for op in self.met.container.ops
            if isinstance(op, ops.AlterColumnOp)
            and not self._is_plain(op.column_name)
            and wanted[op.column_name].computed is not None
            and (op.modify_type is not None or not alters)
        }

    # -- how ---------------------------------------------------------------------------

    def _replace(
        self, replaced: t.Sequence[sa.Column[t.Any]], changed: set[str]
    ) -> None:
        """Let the columns go before the table's other changes, and come after them."""
        met = self.met
        names = {str(column.name) for column in replaced}
        if names:
            self.refinement.anew.append(Anew(met, frozenset(names)))
        schema, table, container = met.schema, met.name, met.container
        plain = [c for c in replaced if (c.computed is None) != self._is_plain(c.name)]
        anew = [column for column in replaced if column not in plain]
        again = {str(column.name) for column in anew}
        container.ops[:] = [op for op in container.ops if not _is_about(op, again)]
        users = Users(self.refinement, met, self.found)
        checks = self._checks_of_types(replaced)
        first, last = self._without_checks_of_types(*users.take(names), checks)
        gone: list[ops.MigrateOperation] = [
            *first,
            *self._taken_drops(changed),
            *(
                ops.DropColumnOp.from_column_and_tablename(
                    schema, table, met.found.columns[str(column.name)]
                )
                for column in reversed(anew)
            ),
        ]
        made: list[ops.MigrateOperation] = [
            *(
                ops.AddColumnOp.from_column_and_tablename(schema, table, column)
                for column in anew
            ),
            *self._taken_adds(changed),
            *last,
        ]
        # Apart, since one batch knows one column of a name.
        before: list[ops.MigrateOperation] = [users.part(gone)] if gone else []
        after: list[ops.MigrateOperation] = []
        # One may be computed from another.
        for column in reversed(plain):
            if column.computed is None:
                before += make_plain(self.refinement, met, column)
        for column in plain:
            if column.computed is not None:
                after += make_computed(self.refinement, met, column)
        if made:
            after.append(users.part(made))
        operations = self.refinement.ops.ops
        place = next(
            (n for n, op in enumerate(operations) if op is container), len(operations)
        )
        operations[place + 1 : place + 1] = after
        operations[place:place] = before

    def _is_plain(self, name: str) -> bool:
        """Whether the database has a column as one that isn't computed."""
        return self.met.found.columns[str(name)].computed is None

    def _without_checks_of_types(
        self, first: Operations, last: Operations, checks: t.Mapping[str, bool]
    ) -> tuple[Operations, Operations]:
        """Leave to a downgrade the checks that columns get with their types.

        :param first: What drops checks and the like before the columns change.
        :param last: What makes them again.
        :param checks: As :meth:`_checks_of_types` gives them.
        """
        back = [
            Ways(back=op.reverse())
            if isinstance(op, DropCheck) and checks.get(str(op.constraint_name))
            else op
            for op in first
        ]
        made = [
            Ways(back=op.reverse())
            if isinstance(op, CreateCheck) and str(op.constraint_name) in checks
            else op
            for op in last
        ]
        return back, made

    def _checks_of_types(
        self, replaced: t.Iterable[sa.Column[t.Any]]
    ) -> dict[str, bool]:
        """Find the checks that come with types, and whether their columns stay."""
        changed = retyped(self.met.container)
        found: dict[str, bool] = {}
        for column in replaced:
            stays = column.computed is None
            name = final_name(column, self.refinement.autogen)
            if name is not None and (not stays or column.name in changed):
                found[name] = stays
        return found

    def _taken_drops(self, changed: set[str]) -> list[ops.MigrateOperation]:
        """Let computed columns that go do so before a type changes."""
        container = self.met.container
        users = self.columns.users(changed)
        taken = [
            op
            for op in container.ops
            if isinstance(op, ops.DropColumnOp) and op.column_name in users
        ]
        container.ops[:] = [op for op in container.ops if op not in taken]
        return [*taken]

    def _taken_adds(self, changed: set[str]) -> list[ops.MigrateOperation]:
        """Let new computed columns come when the types have changed."""
        container = self.met.container
        users = self.columns.model_users(changed)
        taken = [
            op
            for op in container.ops
            if isinstance(op, ops.AddColumnOp) and op.column.name in users
        ]
        container.ops[:] = [op for op in container.ops if op not in taken]
        return [*taken]

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

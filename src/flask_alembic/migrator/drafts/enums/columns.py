"""Enums that are a matter of one column: MariaDB's, and those that a check lists.

Alembic compares one column at a time, and we look on: at the values of an ENUM, and at
the check of the others. What differs becomes a change of type, which Alembic runs as
MODIFY, or as a check that is dropped and one that is made.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from alembic.util import sqla_compat
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import conv

from ....dialects.enums import EnumUse
from ....dialects.enums import listed_values
from ..directions import Sql
from ..directions import Ways
from ..sql_text import literal
from ..table_operations import changes_of
from ..table_operations import TableChanges
from .operations import ChangeEnum
from .operations import Statements
from .stops import Stops
from .uses import model_of
from .values import Decision
from .values import Labels
from .values import Values

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.plugins import Plugin

    from ..refining import Refinement

_KEY = "flask_alembic_enums"


@dataclasses.dataclass(frozen=True, slots=True)
class EnumColumn:
    """A column whose list of values differs.

    :param make: Makes the column's type with other values.
    :param checks: What the check is called before and after; None for an ENUM.
    """

    op: ops.AlterColumnOp
    before: Labels
    after: Labels
    make: t.Callable[[Labels], sa.types.TypeEngine[t.Any]]
    checks: tuple[str, str] | None = None


class _Final(conv):
    """A check's name that no convention adds to, in a revision neither."""

    prefix: str

    def __new__(cls, name: str, prefix: str) -> _Final:
        made = super().__new__(cls, name)
        made.prefix = prefix
        return made

    def __repr__(self) -> str:
        return f"{self.prefix}f({str(self)!r})"


EnumColumns: t.TypeAlias = dict[int, EnumColumn]


def watch(opts: dict[str, t.Any]) -> None:
    """Make the place where the comparator puts what it finds.

    :param opts: The migration context's; they are put back by the caller.
    """
    found: EnumColumns = {}
    opts[_KEY] = found


def add_comparator(plugin: Plugin) -> None:
    """Come after the application's own comparison, before ours of types."""
    plugin.add_autogenerate_comparator(_compare, "column", "types")


def _compare(
    autogen: AutogenContext,
    op: ops.AlterColumnOp,
    schema: str | None,
    table: str,
    name: str,
    found: sa.Column[t.Any],
    wanted: sa.Column[t.Any],
) -> PriorityDispatchResult:
    described = _described(autogen, op, found, wanted)
    if described is None:
        return PriorityDispatchResult.CONTINUE
    listed = isinstance(found.type, sa.Enum)
    if not listed:
        op.existing_type = described.make(described.before)
    # A check has no order.
    values: t.Callable[[Labels], t.Collection[str]] = tuple if listed else frozenset
    if values(described.before) == values(described.after):
        return PriorityDispatchResult.CONTINUE
    named = listed or described.checks is None or final_name(wanted, autogen)
    op.modify_type = wanted.type if named else described.make(described.after)
    autogen.opts[_KEY][id(op)] = described
    return PriorityDispatchResult.STOP


def _described(
    autogen: AutogenContext,
    op: ops.AlterColumnOp,
    found: sa.Column[t.Any],
    wanted: sa.Column[t.Any],
) -> EnumColumn | None:
    type_: t.Any = wanted.type._unwrapped_dialect_impl(autogen.dialect)
    if not isinstance(type_, sa.Enum):
        return None
    after = tuple(type_.enums)
    if isinstance(found.type, mysql.ENUM) and isinstance(type_, mysql.ENUM):
        return EnumColumn(op, tuple(found.type.enums), after, _listing(type_))
    native = type_.native_enum and autogen.dialect.supports_native_enum
    if native or not type_.create_constraint or isinstance(found.type, sa.Enum):
        return None
    check = _check(autogen, op)
    if check is None:
        return None
    name, final = check[0], final_name(wanted, autogen)
    # A convention adds to a type's name, so that it is the type's that is written.
    own = type_.name if final == name else name
    if name and final not in (name, type_.name):
        own = _Final(name, autogen.opts["alembic_module_prefix"] or "")
    make = _checking(own, getattr(found.type, "length", None) or 0)
    checks = (name, final or name) if name else None
    return EnumColumn(op, check[1], after, make, checks)


def _listing(type_: mysql.ENUM) -> t.Callable[[Labels], mysql.ENUM]:
    return lambda labels: mysql.ENUM(
        *labels, charset=type_.charset, collation=type_.collation
    )


def _checking(name: str | None, length: int) -> t.Callable[[Labels], sa.Enum]:
    return lambda labels: sa.Enum(
        *labels,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=max(length, *map(len, labels)),
    )


def _check(
    autogen: AutogenContext, op: ops.AlterColumnOp
) -> tuple[str | None, Labels] | None:
    """Find the check that lists a column's values: its name, and the values."""
    inspector: t.Any = autogen.inspector
    for check in inspector.get_check_constraints(op.table_name, schema=op.schema):
        labels = listed_values(
            check["sqltext"],
            op.column_name,
            escapes=bool(getattr(autogen.dialect, "_backslash_escapes", False)),
        )
        if labels:
            return check["name"], labels
    return None


def final_name(wanted: sa.Column[t.Any], autogen: AutogenContext) -> str | None:
    """What the check of a model's column is called, by its convention."""
    for check in wanted.table.constraints:
        bound = getattr(check, "_type_bound", False)
        checks = bound and isinstance(check, sa.CheckConstraint)
        if checks and any(c is wanted for c in t.cast(t.Any, check).columns):
            name = sqla_compat._get_constraint_final_name(check, autogen.dialect)
            return None if name is None else str(name)
    return None


class Columns:
    """Writes the changes of the columns that the comparator found."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._dialect = refinement.context.dialect
        self._found: EnumColumns = refinement.autogen.opts[_KEY]
        self._stops = Stops(refinement)

    def write(self) -> None:
        """Put steps in the place of changes that rows have to be changed for."""
        written: list[ops.MigrateOperation] = []
        for op in self._refinement.ops.ops:
            if isinstance(op, ops.ModifyTableOps):
                written += self._steps(op)
            else:
                written.append(op)
        self._refinement.ops.ops[:] = written
        self._stops.put()

    def _steps(self, container: ops.ModifyTableOps) -> list[ops.MigrateOperation]:
        before: list[ops.MigrateOperation] = []
        updates: list[ops.MigrateOperation] = []
        after: list[ops.MigrateOperation] = []
        for op in container.ops:
            item = self._found.get(id(op))
            if item is None:
                after += [op, *self._check_behind(op)]
                continue
            values = self._decide(item)
            updates += self._updates(item, values)
            first, last = _split(item, values)
            if first is not None:
                # In between it is called as before.
                checks = item.checks and (item.checks[0], item.checks[0])
                before += self._without_checks(checks, first)
            after += self._without_checks(item.checks, last)
        if after == list(container.ops):
            return [container]
        parts = [TableChanges.of(container, before)] if before else []
        # Those that look at the table's changes after us look there.
        changes_of(container).ops[:] = after
        return [*parts, *updates, container]

    def _without_checks(
        self, checks: tuple[str, str] | None, op: ops.AlterColumnOp
    ) -> list[ops.MigrateOperation]:
        """Drop the check before another one is made, where Alembic doesn't."""
        support = self._refinement.context.target.dialect
        if checks is None or not support.keeps_checks_of_types:
            return [op]
        drops = [self._drop_check(op, name) for name in checks]
        before = ChangeEnum(Statements(drops[:1]), Statements(), beside=op)
        behind = ChangeEnum(Statements(), Statements(drops[1:]), beside=op)
        return [before, op, behind]

    def _check_behind(self, op: ops.MigrateOperation) -> list[ops.MigrateOperation]:
        """Drop the check in a downgrade that a column's new type has made."""
        support = self._refinement.context.target.dialect
        if not support.keeps_checks_of_types or not isinstance(op, ops.AlterColumnOp):
            return []
        column = model_of(self._refinement, op) if op.modify_type is not None else None
        name = column is not None and final_name(column, self._refinement.autogen)
        if not name:
            return []
        back = Statements([self._drop_check(op, name)])
        return [ChangeEnum(Statements(), back, beside=op)]

    def _drop_check(self, op: ops.AlterColumnOp, name: str) -> str:
        quote = self._dialect.identifier_preparer.quote
        table = ".".join(quote(x) for x in (op.schema, op.table_name) if x)
        return f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}"

    def _decide(self, item: EnumColumn) -> Values:
        op, names = item.op, self._refinement.names
        key = (op.schema, op.table_name)
        old = names.old_table(*key), names.old_column(key, op.column_name)
        prefix = f"{op.schema}." if op.schema else ""
        spelled = [
            f"{prefix}{table}.{column}"
            for table in (old[0], op.table_name)
            for column in (old[1], op.column_name)
        ]
        decision = Decision(self._refinement, spelled)
        values = decision.decide(item.before, item.after)
        use = EnumUse(op.schema, *old)
        any_case = self._any_case(op)
        self._stops.before(
            decision, values, [use], ignoring=item.after if any_case else ()
        )
        self._stops.behind(
            decision,
            values,
            {use: (op.table_name, op.column_name)},
            ignoring=item.before if any_case else (),
        )
        return values

    def _any_case(self, op: ops.AlterColumnOp) -> bool:
        """Whether the database takes values for the same that differ by case only."""
        return isinstance(op.existing_type, mysql.ENUM)

    def _updates(
        self, item: EnumColumn, values: Values
    ) -> t.Iterator[ops.MigrateOperation]:
        column: sa.ColumnClause[t.Any] = sa.column(item.op.column_name, sa.String)
        table = sa.table(item.op.table_name, column, schema=item.op.schema)

        def update(old: str, new: str) -> str:
            changed = sa.update(table).values({column: new}).where(column == old)
            return literal(self._dialect, changed) or ""

        for old, new in values.renames.items():
            if old.lower() == new.lower() and self._any_case(item.op):
                # The values' new spelling is the rows' as soon as the column has it.
                continue
            back = Sql(update(new, old)) if old in values.renamed else None
            yield Ways(Sql(update(old, new)), back)


def _split(
    item: EnumColumn, values: Values
) -> tuple[ops.AlterColumnOp | None, ops.AlterColumnOp]:
    """Change a type in two steps if rows get a value that it didn't have.

    In between it has the old values and the new ones.
    """
    last = _in_batch(copy.copy(item.op))
    spellings = {label.lower() for label in item.before}
    native = isinstance(item.op.existing_type, mysql.ENUM)
    more = tuple(
        new
        for new in values.renamed.values()
        if not (native and new.lower() in spellings)
    )
    if not more:
        return None, last
    between = item.make((*item.before, *more))
    first = ops.AlterColumnOp(
        last.table_name,
        last.column_name,
        schema=last.schema,
        existing_type=last.existing_type,
        existing_nullable=last.existing_nullable,
        existing_server_default=t.cast(t.Any, last.existing_server_default),
        existing_comment=last.existing_comment,
        modify_type=between,
        **{k: v for k, v in last.kw.items() if not k.startswith("modify_")},
    )
    last.existing_type = between
    return _in_batch(first), last


def _in_batch(op: ops.AlterColumnOp) -> ops.AlterColumnOp:
    """Let it be a batch where it has to be: Alembic alone doesn't write it at all."""
    t.cast(t.Any, op).needs_batch = True
    return op

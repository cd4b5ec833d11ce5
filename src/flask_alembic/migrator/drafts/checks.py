"""Check constraints, compared in the database's own words."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.util import sqla_compat

from ...dialects.expressions import Check
from ...dialects.expressions import check_name
from ...dialects.expressions import mentioned
from . import computed
from .check_operations import CreateCheck
from .check_operations import DropCheck
from .constraints import keep
from .constraints import Met
from .constraints import say_named
from .constraints import shortened
from .directions import BothWays
from .sql_text import verbatim

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from ...dialects.expressions import ModelWords
    from ...dialects.expressions import TableWords
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A check constraint of a model.

    :param words: In the database's words; None where it couldn't tell.
    :param bound: It belongs to the column's type, and is compared with that.
    """

    constraint: sa.CheckConstraint
    name: str | None
    sql: str
    words: str | None
    bound: bool


def of_model(table: sa.Table, dialect: sa.Dialect) -> tuple[sa.CheckConstraint, ...]:
    """The checks that a model has on this kind of database."""
    compiler = t.cast(t.Any, dialect).ddl_compiler(dialect, None)
    places = itertools.chain(table.constraints, *(c.constraints for c in table.columns))
    found = {
        check
        for check in places
        if isinstance(check, sa.CheckConstraint) and _is_made(check, compiler)
    }
    return tuple(sorted(found, key=lambda check: check._creation_order))


def _is_made(check: t.Any, compiler: t.Any) -> bool:
    rule, condition = check._create_rule, getattr(check, "_ddl_if", None)
    return (rule is None or bool(rule(compiler))) and (
        condition is None
        or condition._should_execute(check, check, None, compiler=compiler)
    )


def compare(
    refinement: Refinement,
    met: Met,
    expressions: Expressions,
    found: TableWords,
    wanted: ModelWords,
) -> None:
    """Drop and make the checks of a table that differ.

    :param found: The table as the database has it, in the draft's names.
    :param wanted: The table as its model has it.
    """
    _Checks(refinement, met, expressions, found, wanted).run()


def complete_new_tables(refinement: Refinement) -> None:
    """Write the checks of columns with their table: Alembic leaves them out."""
    for op in refinement.ops.ops:
        if isinstance(op, ops.CreateTableOp):
            columns = [c for c in op.columns if isinstance(c, sa.Column)]
            checks = [
                sa.CheckConstraint(check.sqltext, name=check.name)
                for column in columns
                for check in column.constraints
                if isinstance(check, sa.CheckConstraint)
                and not getattr(check, "_type_bound", False)
            ]
            op.columns = [*op.columns, *checks]


class _Checks:
    """The checks of one table."""

    def __init__(
        self,
        refinement: Refinement,
        met: Met,
        expressions: Expressions,
        found: TableWords,
        wanted: ModelWords,
    ) -> None:
        self._refinement = refinement
        self._met = met
        self._expressions = expressions
        self._left = list(found.checks)
        self._paired: list[tuple[Check, Wanted]] = []
        self._computed = computed.differing(met, found, wanted)
        self._wanted = self._read(wanted)
        self._taken = {check.name for check in found.checks if check.name}
        self._given = {
            id(check): self._free_name(check.columns)
            for check in found.checks
            if check.name is None and not check.inline
        }

    def _read(self, words: ModelWords) -> list[Wanted]:
        dialect = self._refinement.context.dialect
        items: list[Wanted] = []
        checks = of_model(self._met.wanted, dialect)
        for check, text in zip(checks, words.checks, strict=True):
            name = sqla_compat._get_constraint_final_name(check, dialect)
            sql = self._expressions.sql(check.sqltext)
            bound = bool(getattr(check, "_type_bound", False))
            items.append(Wanted(check, name and str(name), sql, text, bound))
        return items

    def run(self) -> None:
        """Pair them by name, then by what they demand."""
        # One with a name is none of those without.
        named_first = sorted(self._wanted, key=lambda item: item.name is None)
        same = [item for item in named_first if self._take_same(item)]
        missing = [item for item in self._wanted if item not in same]
        missing = [item for item in missing if not item.bound or self._is_new(item)]
        self._forget_alembics(missing)
        missing += self._take_from_columns()
        changed = [item for item in missing if self._by_name(item.name)]
        gone = [c for c in self._left if not (c.inline or self._is_of_type(c))]
        drops = [self._drop(c) for c in gone if self._may(c, reflected=True)]
        self._taken -= {str(op.constraint_name) for op in drops}
        adds = [
            self._add(item)
            for item in missing
            if item in changed or self._may(item.constraint, reflected=False)
        ]
        container = self._met.container
        # A column can't go while a check needs it, nor have one before it is there.
        container.ops[:] = [*drops, *container.ops, *adds]
        keep(self._refinement, container)

    def _take_same(self, item: Wanted) -> bool:
        """Whether the database has it; then it is accounted for."""
        named = self._by_name(item.name)
        if item.words is None:
            # It isn't known: what has its name, or any that is left, will be it.
            same = named if item.name else self._left[0] if self._left else None
        elif item.name is not None:
            same = named if named and self._words(named) == item.words else None
        else:
            found = (c for c in self._left if self._words(c) == item.words)
            same = next(found, None)
        if same is not None:
            self._left.remove(same)
            self._paired.append((same, item))
        return same is not None

    def _is_new(self, item: Wanted) -> bool:
        """Whether a column stays as it is but for the check that its type makes."""
        names = {str(column.name) for column in item.constraint.columns}
        return names <= set(self._met.found.columns.keys()) and not (
            any(self._belongs(check, item) for check in self._left)
            or any(_is_retyped(op, names) for op in self._met.container.ops)
        )

    def _take_from_columns(self) -> list[Wanted]:
        """Take checks out of columns' definitions; gives those that are still wanted.

        A column that is changed or renamed gets a definition without them.
        """
        touched = self._touched()
        gone = [(c, None) for c in self._left if c.inline]
        moved = [(c, item) for c, item in self._paired if touched & set(c.columns)]
        wanted: list[Wanted] = []
        for check, item in (*gone, *moved):
            if check.taken and not self._is_of_type(check):
                wanted += [item] if item is not None else []
                # The column has its old name until the draft's renames have run.
                operations = self._refinement.ops.ops
                operations.insert(0, self._take_from_column(check))
        return wanted

    def _touched(self) -> set[str]:
        key = (self._met.schema, self._met.name)
        names = set(self._refinement.names.columns.get(key, {}).values())
        names |= self._computed
        for op in self._met.container.ops:
            if isinstance(op, (ops.AlterColumnOp, ops.DropColumnOp)):
                names.add(str(op.column_name))
        return names

    def _take_from_column(self, check: Check) -> BothWays:
        table = sa.Table(self._met.name, sa.MetaData(), schema=self._met.schema)
        made = sa.CheckConstraint(sa.text(verbatim(check.sql)))
        table.append_constraint(made)
        (column,) = check.columns
        logger.info("Detected removed check of '%s.%s'", self._met.name, column)
        return BothWays(check.taken, check.put, [("remove_constraint", made)])

    def _words(self, check: Check) -> str:
        return self._expressions.normal(check.sql)

    def _by_name(self, name: str | None) -> Check | None:
        if name is None:
            return None
        return next((c for c in self._left if c.name and c.name == name), None)

    def _is_of_type(self, check: Check) -> bool:
        """Whether it is what is left of the check of an enum or a boolean."""
        return any(self._belongs(check, item) for item in self._wanted if item.bound)

    def _belongs(self, check: Check, item: Wanted) -> bool:
        """Whether a check is what an enum or a boolean has made, or made before."""
        columns = {str(column.name) for column in item.constraint.columns}
        same_name = bool(check.name) and check.name == item.name
        return same_name or set(check.columns) == columns

    def _forget_alembics(self, ours: t.Sequence[Wanted]) -> None:
        """Take away what Alembic's own comparison of names has found.

        :param ours: What is made here.
        """
        bound = {item.name for item in self._wanted if item.bound and item not in ours}
        container = self._met.container
        container.ops[:] = [
            op
            for op in container.ops
            if not isinstance(op, (ops.CreateCheckConstraintOp, ops.DropConstraintOp))
            or (isinstance(op, ops.DropConstraintOp) and op.constraint_type != "check")
            or op.constraint_name in bound
        ]

    def _may(self, check: t.Any, *, reflected: bool) -> bool:
        """Ask the application's own filters."""
        autogen = self._refinement.autogen
        if not reflected:
            return autogen.run_object_filters(
                check, check.name, "check_constraint", False, None
            )
        names: t.Any = {"table_name": self._met.name, "schema_name": self._met.schema}
        if not autogen.run_name_filters(check.name, "check_constraint", names):
            return False
        constraint = sa.CheckConstraint(sa.text(verbatim(check.sql)))
        return autogen.run_object_filters(
            constraint, check.name, "check_constraint", True, None
        )

    def _drop(self, check: Check) -> DropCheck:
        name = check.name or self._given[id(check)]
        logger.info("Detected removed check constraint %r on %r", name, self._met.name)
        return DropCheck(name, self._met.name, check.sql, self._met.schema)

    def _add(self, item: Wanted) -> CreateCheck:
        name = item.name
        if name is None:
            names = [str(column.name) for column in self._met.wanted.columns]
            name = self._free_name(mentioned(item.sql, names))
            say_named(self._refinement, self._met.container, name)
        logger.info("Detected added check constraint %r on %r", name, self._met.name)
        return CreateCheck(name, self._met.name, item.sql, self._met.schema)

    def _free_name(self, columns: t.Iterable[str]) -> str:
        longest = self._refinement.context.dialect.max_identifier_length
        name = shortened(check_name(self._met.name, columns, self._taken), longest)
        self._taken.add(name)
        return name


def _is_retyped(op: ops.MigrateOperation, columns: t.Collection[str]) -> bool:
    return (
        isinstance(op, ops.AlterColumnOp)
        and op.modify_type is not None
        and op.column_name in columns
    )

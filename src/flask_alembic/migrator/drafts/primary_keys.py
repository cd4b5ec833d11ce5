"""Primary keys, which Alembic doesn't compare: their columns, and the order of those.

What a key is called makes no difference. Whether a column counts isn't compared either;
where a key changes it comes along: the column that the model leaves to the database
counts afterwards.
"""

from __future__ import annotations

import dataclasses
import logging
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.util import sqla_compat
from sqlalchemy.sql.elements import conv

from ...dialects.keys import KeyChange
from ...results import Finding
from .constraints import CONVENTION
from .constraints import conventional
from .constraints import keep
from .constraints import Met
from .constraints import shortened
from .directions import BothWays
from .held_references import Anew
from .key_counting import count_again
from .key_counting import count_as_key
from .key_operations import AddCounting
from .key_operations import CreateKey
from .key_operations import DropKey
from .key_operations import NotUnique
from .references import named_in_draft
from .references import OwnReferences
from .sql_text import literal
from .table_operations import changes_of
from .table_operations import TableChanges

if t.TYPE_CHECKING:
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")


def compare(refinement: Refinement) -> None:
    """Change the keys that differ."""
    for met in list(refinement.tables):
        before = tuple(str(column.name) for column in met.found.primary_key)
        orders = _wanted_orders(met.wanted.primary_key)
        if before not in orders and _may(refinement, met):
            _Key(refinement, met, before, orders[-1]).change()


def _wanted_orders(key: sa.PrimaryKeyConstraint) -> list[tuple[str, ...]]:
    """The columns of a model's key, in the orders in which its table may be made."""
    found = [tuple(str(column.name) for column in key.columns)]
    if key._implicit_generated:
        # So does CREATE TABLE; a revision writes them as they stand.
        found.append(tuple(str(column.name) for column in key.columns_autoinc_first))
    return found


def _may(refinement: Refinement, met: Met) -> bool:
    """Ask the application's own filters."""
    autogen, found = refinement.autogen, met.found.primary_key
    wanted = met.wanted.primary_key
    names: t.Any = {"table_name": met.name, "schema_name": met.schema}
    kind: t.Any = "primary_key_constraint"
    return autogen.run_name_filters(
        _name_of(found), kind, names
    ) and autogen.run_object_filters(wanted, _name_of(wanted), kind, False, found)


def _name_of(key: sa.PrimaryKeyConstraint) -> str | None:
    """Its name; None for one that a naming convention couldn't name."""
    return key.name if isinstance(key.name, str) else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Key:
    """One table's key.

    :param before: The columns of the database's, by their new names.
    :param after: The columns of the model's.
    """

    refinement: Refinement
    met: Met
    before: tuple[str, ...]
    after: tuple[str, ...]

    def change(self) -> None:
        """Write what changes it, in an order that runs both ways."""
        context, met = self.refinement.context, self.met
        logger.info("Detected changed primary key on %r", met.full_name)
        container = changes_of(met.container)
        stops = self._not_unique()
        operations = self.refinement.ops.ops
        keys = context.target.dialect.keys_class(context.live)
        references = OwnReferences(self.refinement, met, self.before, self.after)
        references.serve_own()
        wanted = self._described(references.served())
        replaced = keys.replaced(wanted)
        if replaced is not None:
            self._put_between(
                BothWays(
                    replaced.statement.sql,
                    replaced.statement.back,
                    self._differences(),
                )
            )
            count_as_key(self.met, replaced.counts, replaced.counted)
            self._say_counts(replaced.counts, replaced.zero)
        else:
            self._put_around()
            keep(self.refinement, container)
            self._count(keys.adds_counting, wanted, keys.counting(wanted))
            if keys.adds_counting:
                count_again(self.met, self.before)
        operations[:0] = stops
        anew = Anew(met, frozenset(self.before), frozenset(self.after))
        self.refinement.anew.append(anew)

    def _described(self, served: t.Mapping[str, tuple[str, ...]]) -> KeyChange:
        names, met = self.refinement.names, self.met
        gone = {
            str(op.index_name)
            for op in met.container.ops
            if isinstance(op, ops.DropIndexOp)
        }
        indexes = [i for i in met.found.indexes if i.name not in gone]
        return KeyChange(
            met.schema,
            names.old_table(met.schema, met.name),
            names.columns.get((met.schema, met.name), {}),
            met.wanted,
            self.before,
            self.after,
            frozenset(str(next(iter(i.columns)).name) for i in indexes if i.columns),
            served,
        )

    # -- in which order ----------------------------------------------------------------

    def _put_around(self) -> None:
        """Drop the key before columns may be null again, make it when all is there."""
        container, operations = self.met.container, self.met.container.ops
        adds = [op for op in operations if isinstance(op, ops.AddColumnOp)]
        drops = [op for op in operations if isinstance(op, ops.DropColumnOp)]
        rest = [op for op in operations if op not in adds and op not in drops]
        first, last = self._operations()
        container.ops[:] = [*adds, *first, *rest, *last, *drops]

    def _operations(
        self,
    ) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
        met, found, wanted = self.met, self.met.found.primary_key, self._wanted_name()
        first: list[ops.MigrateOperation] = []
        last: list[ops.MigrateOperation] = []
        was = _name_of(found) and named_in_draft(self.refinement, met, found)
        if self.before:
            if was is None:
                was = conv(conventional(found))
                container = changes_of(met.container)
                known = dict(container.naming_convention or {})
                container.naming_convention = {**known, "pk": CONVENTION["pk"]}
            first.append(DropKey(was, met.name, self.before, met.schema))
        if self.after:
            name = wanted or was or CONVENTION["pk"] % {"table_name": met.name}
            longest = self.refinement.context.dialect.max_identifier_length
            name = shortened(name, longest)
            last.append(CreateKey(name, met.name, self.after, met.schema))
        return first, last

    def _wanted_name(self) -> str | None:
        """What the model calls its key."""
        dialect = self.refinement.context.dialect
        key = self.met.wanted.primary_key
        name = sqla_compat._get_constraint_final_name(key, dialect)
        return None if name is None else str(name)

    def _put_between(self, op: BothWays) -> None:
        """Change the key while its columns, old and new, can't be null."""
        container = self.met.container
        behind = [other for other in container.ops if self._follows(other)]
        container.ops[:] = [other for other in container.ops if other not in behind]
        # Not in the container: a batch would run it too early.
        parts: list[ops.MigrateOperation] = [op]
        parts += [TableChanges.of(container, behind)] if behind else []
        self._put_behind(parts)

    def _follows(self, op: ops.MigrateOperation) -> bool:
        """Whether a change has to wait until the key is another one.

        A column can't count while another one is computed from it.
        """
        if isinstance(op, ops.DropColumnOp):
            return op.column_name in self.before
        if isinstance(op, ops.AddColumnOp):
            return op.column.computed is not None and op.column.name not in self.after
        return isinstance(op, ops.AlterColumnOp) and bool(op.modify_nullable)

    def _put_behind(self, parts: t.Sequence[ops.MigrateOperation]) -> None:
        """Let operations follow the table's other changes, if there are any."""
        operations, container = self.refinement.ops.ops, self.met.container
        places = (n for n, op in enumerate(operations) if op is container)
        place = next(places, len(operations) - 1) + 1
        operations[place:place] = parts

    def _differences(self) -> list[tuple[t.Any, ...]]:
        return [op.to_diff_tuple() for part in self._operations() for op in part]

    # -- what counts -------------------------------------------------------------------

    def _count(
        self, adds_counting: bool, wanted: KeyChange, statements: t.Sequence[t.Any]
    ) -> None:
        """Let the column count that the model leaves to the database."""
        column, added = wanted.counting, self._added_counting()
        if added and column is not None and adds_counting:
            t.cast(t.Any, added[0]).__class__ = AddCounting
        elif statements and column is not None:
            self._put_behind([BothWays(each.sql, each.back) for each in statements])
            self._say_counts(str(column.name), None)

    def _say_counts(self, counts: str | None, zero: str | None) -> None:
        there = self.met.found.columns
        if counts is not None and counts in there:
            self._say(
                "counts",
                "info",
                f"{counts} counts from now on",
                "New rows get a number of the database's, behind those that are there.",
            )
        if zero is not None:
            self._say(
                "counts",
                "warning",
                f"{zero} doesn't count: a row has 0, which would get another value",
                "New rows need a number of their own.",
            )

    # -- rows --------------------------------------------------------------------------

    def _not_unique(self) -> list[ops.MigrateOperation]:
        """Stop where rows are the same in the new key's columns."""
        names, met = self.refinement.names, self.met
        if not self.after or set(self.before or "*") <= set(self.after):
            return []
        if any(op.column.name in self.after for op in self._added_counting()):
            return []
        key = (met.schema, met.name)
        kept = [name for name in self.after if name in met.found.columns]
        columns: list[sa.ColumnClause[t.Any]] = [
            sa.column(names.old_column(key, name)) for name in kept
        ]
        table = sa.table(names.old_table(*key), schema=met.schema)
        query: sa.Select[t.Any] = sa.select(sa.literal_column("1")).select_from(table)
        query = query.where(*(column.is_not(None) for column in columns))
        query = query.group_by(*columns).having(sa.literal_column("count(*) > 1"))
        context = self.refinement.context
        query = query.limit(1)
        if context.live.execute(query).first() is None:
            return []
        said = ", ".join(kept) or ", ".join(self.after)
        self._say(
            "not-unique",
            "warning",
            f"has rows with the same {said}, which becomes its primary key",
            "The revision stops before it changes anything, where there are such rows.",
            "Change the rows, or make them differ in another column of the key.",
        )
        return [NotUnique(met.full_name, said, literal(context.dialect, query) or "")]

    def _added_counting(self) -> list[ops.AddColumnOp]:
        counting = self.met.wanted._autoincrement_column
        return [
            op
            for op in self.met.container.ops
            if isinstance(op, ops.AddColumnOp)
            and counting is not None
            and op.column.name == counting.name
        ]

    def _say(
        self,
        code: str,
        severity: t.Literal["info", "warning"],
        what: str,
        effect: str,
        fix: str = "",
    ) -> None:
        database, table = self.refinement.context.target.name, self.met.full_name
        subject = f"{table}.{what}" if code == "counts" else f"{table} {what}"
        self.refinement.findings.append(
            Finding(
                code,
                severity,
                f"{subject} (database {database!r}).",
                effect=effect,
                fix=fix,
                where=table,
            )
        )

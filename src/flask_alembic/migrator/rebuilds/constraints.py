"""Which constraints a batch on SQLite takes away from a table's text, and which it adds."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ...dialects.sqlite.columns import ColumnUse
from ...dialects.sqlite.expressions import unnamed_checks
from ...dialects.sqlite.grammar import Clause
from ...dialects.sqlite.grammar import name_of as name_in
from ...dialects.sqlite.grammar import Reader
from ...dialects.sqlite.grammar import same_words
from ...dialects.sqlite.grammar import tokens
from ...dialects.sqlite.text import TableText
from ...errors import MigrationError


def signature(constraint: sa.Constraint) -> tuple[t.Any, ...]:
    """What makes two constraints the same, their names apart."""
    if getattr(constraint, "_type_bound", False):
        # Its text names the table, which is another one after a batch.
        columns = t.cast("sa.CheckConstraint", constraint).columns
        return ("TYPE", tuple(column.key for column in columns))
    if isinstance(constraint, sa.CheckConstraint):
        return ("CHECK", str(constraint.sqltext))
    if isinstance(constraint, sa.ForeignKeyConstraint):
        return (
            "FOREIGN",
            tuple(element.parent.key for element in constraint.elements),
            tuple(element.target_fullname for element in constraint.elements),
            *(constraint.ondelete, constraint.onupdate, constraint.deferrable),
            constraint.initially,
        )
    if isinstance(constraint, sa.UniqueConstraint):
        return ("UNIQUE", tuple(column.key for column in constraint.columns))
    return (type(constraint).__name__,)


def name_of(constraint: sa.Constraint) -> str | None:
    """Its name; None for one that a naming convention couldn't name."""
    return str(constraint.name) if isinstance(constraint.name, str) else None


@dataclasses.dataclass
class ConstraintChanges:
    """What a batch does to a table's constraints.

    :param batch: Alembic's ``ApplyBatchImpl``, after it made the new table.
    :param compiler: The dialect's compiler of DDL.
    :param use: Asks which of the old columns an expression needs.
    :param gone: Names of the dropped columns, in lower case.
    :param dropped: Names of dropped constraints that are typed in a column.
    :param retyped: Key of a column that gets another type -> its type before, if known.
    """

    batch: t.Any
    compiler: t.Any
    use: ColumnUse
    gone: frozenset[str]
    dropped: frozenset[str]
    retyped: t.Mapping[str, t.Any]

    def edit(self, text: TableText) -> None:
        """Change the constraints of a table's text, but for its primary key."""
        gone = [clause for _, clause in text.all_clauses() if self.is_gone(clause)]
        text.remove(gone)
        unnamed = unnamed_checks(text, self.batch.table.name)
        text.remove([unnamed[name] for name in self.dropped if name in unnamed])
        text.remove(text.named_in_columns(self.dropped))
        before = [
            constraint
            for constraint in self.batch.table.constraints
            if not isinstance(constraint, sa.PrimaryKeyConstraint)
        ]
        kept = [constraint for constraint in before if self._is_kept(constraint)]
        for constraint in before:
            name = name_of(constraint)
            # Dropped by name as well as with its column.
            went = name is not None and any(clause.named(name) for clause in gone)
            if not went and not any(constraint is other for other in kept):
                self._remove(text, constraint)
        self._replace_restated_checks(text)
        added: list[str] = []
        for constraint in self._added(kept):
            written = self.compiler.process(constraint)
            # Alembic before 1.19 adds the check of a Boolean or Enum twice.
            if (
                written
                and written not in added
                and not self._is_there(text, constraint, written)
            ):
                text.append(written)
                added.append(written)

    def is_gone(self, clause: Clause) -> bool:
        """Whether a constraint goes because one of its columns, or its type, does."""
        if clause.kind == "CHECK":
            return self._is_of_old_type(clause) or self.use.in_check(
                clause.text, self.gone
            )
        return clause.kind in ("UNIQUE", "FOREIGN") and bool(
            self.gone & set(clause.columns)
        )

    def _is_of_old_type(self, clause: Clause) -> bool:
        """Whether an Enum or a Boolean that the column isn't any more has made a check.

        Nobody can drop it, since it has no name.
        """
        listed = None if clause.name else _listed_column(clause.text)
        return listed is not None and any(
            self.batch.columns[key].name.lower() == listed
            for key, was in self.retyped.items()
            if key in self.batch.columns and self._loses_its_check(key, was)
        )

    def _loses_its_check(self, key: str, was: t.Any) -> bool:
        before = self.batch.table.columns.get(key)
        if was is None and before is not None:
            was = before.type
        types = [_undecorated(was), _undecorated(self.batch.columns[key].type)]
        checked = any(isinstance(type_, sa.types.SchemaType) for type_ in types)
        return checked and repr(types[0]) != repr(types[1])

    def _is_kept(self, constraint: sa.Constraint) -> bool:
        if getattr(constraint, "_type_bound", False):
            return True
        if isinstance(constraint, sa.CheckConstraint) and not name_of(constraint):
            return True
        batch = self.batch
        present = (*batch.named_constraints.values(), *batch.unnamed_constraints)
        return any(constraint is other for other in present)

    def _added(self, kept: t.Iterable[sa.Constraint]) -> list[sa.Constraint]:
        known = [(name_of(constraint), signature(constraint)) for constraint in kept]
        added: list[sa.Constraint] = []
        # Table.constraints is a set; what table_args repeats has to come last.
        for constraint in sorted(self.batch.new_table.constraints, key=self._order):
            if isinstance(constraint, sa.PrimaryKeyConstraint):
                continue
            same = (name_of(constraint), signature(constraint))
            if same in known:
                known.remove(same)
            elif constraint._create_rule is None or constraint._create_rule(
                self.compiler
            ):
                added.append(constraint)
        return [constraint for constraint in added if not _repeats(constraint, added)]

    def _order(self, constraint: sa.Constraint) -> tuple[bool, int]:
        given = any(constraint is argument for argument in self.batch.table_args)
        return given, constraint._creation_order

    def _remove(self, text: TableText, constraint: sa.Constraint) -> None:
        unwanted = self._find(text, constraint)
        if unwanted:
            text.remove(unwanted[:1])
        elif name_of(constraint) not in self.dropped and not self.gone & set(
            self._column_names(constraint)
        ):
            raise MigrationError(
                f"Constraint {name_of(constraint) or signature(constraint)!r} was not"
                f" found in the definition of table {self.batch.table.name!r}.",
                fix="Drop it with a Table given as copy_from.",
            )

    def _find(self, text: TableText, constraint: sa.Constraint) -> list[Clause]:
        kind = signature(constraint)[0]
        kinds = {"FOREIGN", "REFERENCES"} if kind == "FOREIGN" else {kind}
        clauses = [(o, c) for o, c in text.all_clauses() if c.kind in kinds]
        name = name_of(constraint)
        by_name = [c for _, c in clauses if name and c.named(name)]
        if by_name:
            return by_name
        columns = self._column_names(constraint)
        target = None
        if isinstance(constraint, sa.ForeignKeyConstraint):
            target = constraint.elements[0].target_fullname.split(".")[-2].lower()
        return [
            clause
            for owner, clause in clauses
            if columns == ((owner.name.lower(),) if owner else clause.columns)
            and clause.target == target
        ]

    def _column_names(self, constraint: sa.Constraint) -> tuple[str, ...]:
        """The columns of a constraint under their new names, in lower case."""
        columns = getattr(constraint, "columns", ())
        keys = (column.key for column in columns)
        named = ((key, self.batch.columns.get(key)) for key in keys)
        return tuple((key if c is None else c.name).lower() for key, c in named)

    def _replace_restated_checks(self, text: TableText) -> None:
        """Give way to the checks in ``table_args``: Alembic's way of changing them."""
        restated = [
            clause
            for argument in self.batch.table_args
            if isinstance(argument, sa.CheckConstraint)
            for clause in parsed(self.compiler.process(argument))
        ]
        text.remove(
            [
                clause
                for _, clause in text.all_clauses()
                if clause.kind == "CHECK" and clause.name is None
                for new in restated
                if self._share_column(new, clause)
            ]
        )

    def _share_column(self, one: Clause, other: Clause) -> bool:
        return any(
            self.use.in_check(one.text, {name})
            and self.use.in_check(other.text, {name})
            for name in set(one.columns) & set(other.columns)
        )

    def _is_there(
        self, text: TableText, constraint: sa.Constraint, written: str
    ) -> bool:
        """Whether ``table_args`` repeats what the table has."""
        if not any(constraint is argument for argument in self.batch.table_args):
            return False
        name = name_of(constraint)
        return any(
            clause.named(name) if name else same_words(clause.text, written)
            for _, clause in text.all_clauses()
        )


def _listed_column(check: str) -> str | None:
    """The column of a check that is ``column IN (…)`` and no more, in lower case."""
    outer = Reader(tokens(check))
    while outer.sign != "(":
        outer.take()
    reader = Reader(outer.take_group())
    name = name_in(reader.take()).lower()
    if not reader.take_word("IN") or reader.sign != "(":
        return None
    reader.take_group()
    return name if reader.done else None


def _undecorated(type_: t.Any) -> t.Any:
    type_ = sa.types.to_instance(type_)
    decorated = isinstance(type_, sa.types.TypeDecorator)
    return type_.impl_instance if decorated else type_


def _repeats(constraint: sa.Constraint, others: t.Iterable[sa.Constraint]) -> bool:
    """Whether ``unique=True`` of an added column is there under a name as well."""
    return name_of(constraint) is None and any(
        name_of(other) is not None and signature(other) == signature(constraint)
        for other in others
    )


def parsed(written: str) -> list[Clause]:
    """Read a table constraint that SQLAlchemy has written."""
    return TableText.parse(f"CREATE TABLE t (c, {written})").constraints

"""From Alembic's table before and after a batch to the edited CREATE TABLE text.

Alembic decides what changes; what doesn't stays as it was typed. Knows
``ApplyBatchImpl`` by its attributes only and changes nothing in the database.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.type_api import TypeEngine

from ...dialects.base import identifier
from ...dialects.sqlite.grammar import CannotEdit
from ...dialects.sqlite.grammar import Clause
from ...dialects.sqlite.grammar import same_words
from ...dialects.sqlite.schema import StoredTable
from ...dialects.sqlite.text import cast_to_strict
from ...dialects.sqlite.text import ColumnText
from ...dialects.sqlite.text import TableText
from ...errors import MigrationError
from .constraints import ConstraintChanges
from .constraints import name_of
from .constraints import parsed

STRICT_TYPES = {"INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"}


@dataclasses.dataclass
class RebuiltText:
    """The text of a table after a batch.

    :param batch: Alembic's ``ApplyBatchImpl``, after it made the new table.
    :param existing: Keys of the columns that were there before.
    :param gone: Names of the dropped columns, in lower case.
    :param dropped: Names of dropped constraints that are typed in a column.
    :param retyped: Key of a column that gets another type -> its type before, if known.
    """

    batch: t.Any
    stored: StoredTable
    dialect: sa.Dialect
    existing: frozenset[str]
    gone: frozenset[str]
    dropped: frozenset[str]
    retyped: t.Mapping[str, t.Any]

    def sql(self) -> str:
        """The CREATE TABLE statement of the temporary table."""
        name = self.dialect.identifier_preparer.format_table(self.batch.new_table)
        try:
            old = TableText.parse(self.stored.sql)
        except CannotEdit as error:
            if not self.batch.reflected:
                return self._compiled()
            raise MigrationError(
                f"The definition of table {self.stored.name!r} can't be edited: {error}.",
                fix="Describe the table with copy_from, or change it with op.execute().",
            ) from error
        old.unqualify()
        if not self.batch.reflected:
            return self._graft(old).render(name)
        self._edit_columns(old)
        self._constraints.edit(old)
        self._edit_primary_key(old)
        self._edit_options(old)
        return old.render(name)

    def _compiled(self) -> str:
        return str(CreateTable(self.batch.new_table).compile(dialect=self.dialect))

    @property
    def _constraints(self) -> ConstraintChanges:
        return ConstraintChanges(
            self.batch,
            self._compiler,
            self.stored.use,
            self.gone,
            self.dropped,
            self.retyped,
        )

    @property
    def _compiler(self) -> t.Any:
        dialect = t.cast("t.Any", self.dialect)
        return dialect.ddl_compiler(dialect, None)

    # -- columns

    def _edit_columns(self, text: TableText) -> None:
        columns: list[ColumnText] = []
        before = {column.name: column for column in self.batch.table.columns}
        for key, column in self.batch.columns.items():
            part = text.column(column.name) if key in self.existing else None
            if part is None:
                part = self._specification(column, text)
                part.lead = f"\n\t{part.lead.lstrip()}"
                part.drop("PRIMARY")
            else:
                self._edit_column(part, column, before[key], text)
            columns.append(part)
        text.columns = columns

    def _specification(self, column: sa.Column[t.Any], text: TableText) -> ColumnText:
        written = self._compiler.get_column_specification(column)
        try:
            part = ColumnText.parse(written)
        except CannotEdit:
            part = ColumnText.parse(_with_default_in_parentheses(written))
        if "STRICT" in text.options and part.type.strip().upper() not in STRICT_TYPES:
            part.set_type(cast_to_strict(part.type))
        return part

    def _edit_column(
        self,
        part: ColumnText,
        column: sa.Column[t.Any],
        was: sa.Column[t.Any],
        text: TableText,
    ) -> None:
        changed_type = self._type_changed(column.type, was.type)
        changed_default = self._default(column) != self._default(was)
        changed_null = column.nullable != was.nullable
        if not (changed_type or changed_default or changed_null):
            return
        wanted = self._specification(_alone(column), text)
        if isinstance(column.type, sa.types.NullType):
            wanted.set_type("")
        if changed_type and not same_words(wanted.type, part.type):
            part.set_type(wanted.type.strip())
        if changed_null:
            part.drop("NULL")
            part.replace("NOT", wanted)
        if changed_default:
            if isinstance(was.server_default, sa.Computed):
                part.drop("AS")
            part.replace("DEFAULT", wanted)

    def _type_changed(self, now: TypeEngine[t.Any], was: TypeEngine[t.Any]) -> bool:
        # Alembic copies types that have events of their own, and keeps the others.
        return now is not was and (
            not isinstance(was, sa.types.SchemaType)
            or self._type(now) != self._type(was)
        )

    def _type(self, type_: TypeEngine[t.Any]) -> str:
        if isinstance(type_, sa.types.NullType):
            return ""
        return self.dialect.type_compiler_instance.process(type_)

    def _default(self, column: sa.Column[t.Any]) -> str | None:
        if isinstance(column.server_default, sa.Computed):
            return f"AS {column.server_default.sqltext}"
        return t.cast("str | None", self._compiler.get_column_default_string(column))

    # -- primary key and options

    def _edit_primary_key(self, text: TableText) -> None:
        key = self.batch.new_table.primary_key
        after = [column.name for column in key.columns]
        now = tuple(column.lower() for column in after)
        same = set(now) == set(self.stored.primary_key)
        if not same or (self._has_new_key and now != self.stored.primary_key):
            self._write_primary_key(text, after, self._key_name(text))
        elif name_of(key) != name_of(self.batch.table.primary_key):
            self._name_primary_key(text, name_of(key))
        self._edit_autoincrement(text, list(key.columns))

    def _edit_autoincrement(
        self, text: TableText, key: t.Sequence[sa.Column[t.Any]]
    ) -> None:
        """Write it where it is said, and drop it where SQLite doesn't take it."""
        now = [clause for _, clause in text.all_clauses() if clause.kind == "PRIMARY"]
        names = [column.name for column in key]
        part = text.column(names[0]) if len(names) == 1 else None
        if text.autoincrement:
            # What was typed may be quoted, or have a comment in it.
            if part is None or self._type(key[0].type) != "INTEGER":
                self._write_primary_key(text, names, now[0].name)
        elif (
            self.batch.table_kwargs.get("sqlite_autoincrement")
            and part is not None
            and issubclass(t.cast(type, key[0].type._type_affinity), sa.Integer)
        ):
            self._write_autoincrement(text, names[0], now[0].name if now else None)

    def _key_name(self, text: TableText) -> str | None:
        """The new key's name; none for a key without one that only the batch names."""
        name = name_of(self.batch.new_table.primary_key)
        found = [c for _, c in text.all_clauses() if c.kind == "PRIMARY"]
        unnamed = bool(found) and found[0].name is None
        same = name == name_of(self.batch.table.primary_key)
        return None if unnamed and same else name

    @property
    def _has_new_key(self) -> bool:
        """Whether the batch makes a key, and doesn't only keep the one that it found."""
        present = (
            *self.batch.named_constraints.values(),
            *self.batch.unnamed_constraints,
        )
        return not any(key is self.batch.table.primary_key for key in present)

    def _write_primary_key(
        self, text: TableText, columns: t.Sequence[str], name: str | None
    ) -> None:
        text.remove(
            [clause for _, clause in text.all_clauses() if clause.kind == "PRIMARY"]
        )
        if columns:
            # SQLAlchemy 2.0.38 doesn't find a name between quotes.
            quote = self.dialect.identifier_preparer.quote
            prefix = f"CONSTRAINT {quote(name)} " if name else ""
            listed = ", ".join(identifier(column) for column in columns)
            text.append(f"{prefix}PRIMARY KEY ({listed})")

    def _name_primary_key(self, text: TableText, name: str | None) -> None:
        for _, clause in text.all_clauses():
            if clause.kind == "PRIMARY":
                clause.rename(name)

    def _write_autoincrement(
        self, text: TableText, column: str, name: str | None
    ) -> None:
        part = text.column(column)
        if part is not None:
            self._write_primary_key(text, (), None)
            quote = self.dialect.identifier_preparer.quote
            prefix = f"CONSTRAINT {quote(name)} " if name else ""
            part.set_type("INTEGER")
            part.add(*parsed(f"{prefix}PRIMARY KEY AUTOINCREMENT"))

    def _edit_options(self, text: TableText) -> None:
        options = self.batch.table_kwargs
        if "sqlite_with_rowid" in options:
            text.set_option("WITHOUT ROWID", on=not options["sqlite_with_rowid"])
        if "sqlite_strict" in options:
            text.set_option("STRICT", on=bool(options["sqlite_strict"]))

    # -- a table that the revision describes itself

    def _graft(self, old: TableText) -> TableText:
        """Alembic's own result, and what ``copy_from`` has no words for."""
        new = TableText.parse(self._compiled())
        new.tail = new.tail.strip() or old.tail
        for key, column in self.batch.columns.items():
            part, was = new.column(column.name), old.column(column.name)
            if part is None or was is None or key not in self.existing:
                continue
            self._graft_column(part, was)
            if (
                "STRICT" in new.options
                and part.type.strip().upper() not in STRICT_TYPES
            ):
                part.set_type(was.type.strip())
        described = [self._compiler.process(check) for check in self._checks()]
        for _, clause in old.all_clauses():
            if (
                clause.kind == "CHECK"
                and not self._constraints.is_gone(clause)
                and not any(_same_check(clause, other) for other in described)
            ):
                new.append(clause.text.strip())
        keys = tuple(c.name.lower() for c in self.batch.new_table.primary_key)
        if (
            old.autoincrement
            and not new.autoincrement
            and keys == self.stored.primary_key
        ):
            self._write_autoincrement(new, keys[0], None)
        return new

    def _graft_column(self, part: ColumnText, was: ColumnText) -> None:
        for kind in ("COLLATE", "AS"):
            clause = was.find(kind)
            if clause is not None and part.find(kind) is None:
                part.add(dataclasses.replace(clause, text=clause.text.strip()))

    def _checks(self) -> list[sa.CheckConstraint]:
        """The checks that were described, also those that the batch drops."""
        tables = (self.batch.table, self.batch.new_table)
        found = [c for table in tables for c in table.constraints]
        return [c for c in found if isinstance(c, sa.CheckConstraint)]


def _alone(column: sa.Column[t.Any]) -> sa.Column[t.Any]:
    """The column without its table, and without an expression that it lost."""
    default = column.server_default
    written = (default,) if isinstance(default, sa.Computed) else ()
    untyped = isinstance(column.type, sa.types.NullType)
    return sa.Column(
        column.name,
        # Without a type nothing is compiled; who asks for it looks at the type itself.
        sa.Integer() if untyped else column.type,
        *(computed._copy() for computed in written),
        nullable=column.nullable,
        server_default=None if written else default,
    )


def _same_check(clause: Clause, written: str) -> bool:
    one, other = clause.text, parsed(written)[0].text
    return same_words(one[one.find("(") :].rstrip(), other[other.find("(") :].rstrip())


def _with_default_in_parentheses(written: str) -> str:
    """Mend ``DEFAULT lower('x')``, which SQLite takes in parentheses only."""
    before, word, default = written.partition(" DEFAULT ")
    expression, not_null, rest = default.partition(" NOT NULL")
    return f"{before}{word}({expression}){not_null}{rest}"

"""A schema that changes: each change as a revision's operation and as plain SQL."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex
from sqlalchemy.schema import CreateTable

Dialect = sa.engine.Dialect


@dataclasses.dataclass(frozen=True)
class Column:
    """A column, as Python text for models and revisions alike and as an object.

    :param type: Name in SQLAlchemy and arguments.
    """

    name: str
    type: tuple[t.Any, ...]
    nullable: bool = True
    default: str | None = None
    refers: str | None = None
    primary: bool = False

    @property
    def type_text(self) -> str:
        """The type as Python text."""
        name, *arguments = self.type
        return f"sa.{name}({', '.join(map(repr, arguments))})"

    def text(self) -> str:
        """The column as Python text."""
        parts = [repr(self.name), self.type_text]
        if self.refers:
            parts.append(f"sa.ForeignKey({f'{self.refers}.id'!r})")
        if self.primary:
            parts.append("primary_key=True")
        elif not self.nullable:
            parts.append("nullable=False")
        if self.default is not None:
            parts.append(f"server_default={self.default!r}")
        return f"sa.Column({', '.join(parts)})"

    def made(self) -> sa.Column[t.Any]:
        """The column as SQLAlchemy's object."""
        name, *arguments = self.type
        keys = [sa.ForeignKey(f"{self.refers}.id")] if self.refers else []
        return sa.Column(
            self.name,
            getattr(sa, name)(*arguments),
            *keys,
            primary_key=self.primary,
            nullable=self.nullable,
            server_default=self.default,
        )


@dataclasses.dataclass
class Table:
    """A table as it is at the moment.

    :ivar indexes: Name -> column.
    """

    name: str
    columns: list[Column]
    indexes: dict[str, str] = dataclasses.field(default_factory=dict)

    def made(self, name: str | None = None) -> sa.Table:
        """SQLAlchemy's object, perhaps under another name; what it refers to as stubs."""
        metadata = sa.MetaData()
        for refers in {c.refers for c in self.columns if c.refers}:
            sa.Table(refers, metadata, sa.Column("id", sa.Integer, primary_key=True))
        table = sa.Table(name or self.name, metadata, *(c.made() for c in self.columns))
        for index, column in self.indexes.items():
            sa.Index(index, table.c[column])
        return table

    def model(self) -> str:
        """The class that describes it."""
        lines = [f"class {self.name.title()}(db.Model):"]
        lines += [f"    __tablename__ = {self.name!r}"]
        lines += [f"    {column.name} = {column.text()}" for column in self.columns]
        indexes = [f"sa.Index({name!r}, {c!r})" for name, c in self.indexes.items()]
        if indexes:
            lines += [f"    __table_args__ = ({', '.join(indexes)},)"]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Change:
    """What one revision does.

    :ivar sql: The same as statements of one database system.
    """

    upgrade: str
    downgrade: str
    sql: tuple[str, ...]


class Schema:
    """The tables as they are, and the changes that can be made to them."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.tables: list[Table] = []

    def models(self) -> str:
        """The models of the schema as it is now."""
        return "\n\n\n".join(table.model() for table in self.tables)

    def _sql(self, element: sa.schema.ExecutableDDLElement) -> str:
        return str(element.compile(dialect=self.dialect)).strip()

    def create(self) -> Change:
        """Add a table with an index, which refers to one or two that are there."""
        number = len(self.tables)
        name = f"t{number:04}"
        columns = [
            Column("id", ("Integer",), nullable=False, primary=True),
            Column("name", ("String", 50), nullable=False),
            Column("state", ("String", 20), default="new"),
            Column("amount", ("Numeric", 10, 2)),
            Column("made", ("DateTime",)),
            Column("active", ("Boolean",)),
            Column("notes", ("Text",)),
        ]
        # Most tables of an application hang together.
        for column, other in {
            "parent_id": number // 2,
            "friend_id": number - 1,
        }.items():
            if 0 <= other < number and (column == "parent_id" or number % 2):
                columns.append(Column(column, ("Integer",), refers=f"t{other:04}"))
        table = Table(name, columns, {f"ix_{name}_name": "name"})
        self.tables.append(table)
        made = table.made()
        lines = [f"op.create_table({name!r},"]
        lines += [f"    {column.text()}," for column in columns]
        lines += [")", f"op.create_index('ix_{name}_name', {name!r}, ['name'])"]
        indexes = (self._sql(CreateIndex(index)) for index in _sorted(made))
        return Change(
            "\n".join(lines),
            f"op.drop_table({name!r})",
            (self._sql(CreateTable(made)), *indexes),
        )

    def add_column(self, table: Table) -> Change:
        """Add a column to a table."""
        column = Column(f"c{len(table.columns)}", ("String", 30))
        table.columns.append(column)
        made = table.made()
        compiler = self.dialect.ddl_compiler(self.dialect, None)  # type: ignore[arg-type]  # unused here
        specification = compiler.get_column_specification(made.c[column.name])
        return Change(
            f"op.add_column({table.name!r}, {column.text()})",
            f"op.drop_column({table.name!r}, {column.name!r})",
            (f"ALTER TABLE {table.name} ADD COLUMN {specification}",),
        )

    def add_index(self, table: Table) -> Change:
        """Add an index to a table, on its last column of text."""
        texts = [c.name for c in table.columns if c.type[0] == "String"]
        name = f"ix_{table.name}_{len(table.indexes)}"
        table.indexes[name] = texts[-1]
        (made,) = (index for index in table.made().indexes if index.name == name)
        return Change(
            f"op.create_index({name!r}, {table.name!r}, [{texts[-1]!r}])",
            f"op.drop_index({name!r}, {table.name!r})",
            (self._sql(CreateIndex(made)),),
        )

    def alter(self, table: Table) -> Change:
        """Make the name longer; a rebuild of the table on SQLite."""
        old = table.columns[1]
        new = dataclasses.replace(old, type=("String", old.type[1] + 10))
        table.columns[1] = new
        call = (
            f"with op.batch_alter_table({table.name!r}) as batch:\n"
            f"    batch.alter_column('name', existing_nullable=False,"
            f" existing_type={{}}, type_={{}})"
        )
        return Change(
            call.format(old.type_text, new.type_text),
            call.format(new.type_text, old.type_text),
            self._altered(table, new),
        )

    def _altered(self, table: Table, column: Column) -> tuple[str, ...]:
        type_ = column.made().type.compile(dialect=self.dialect)
        alter = f"ALTER TABLE {table.name}"
        if self.dialect.name == "postgresql":
            return (f"{alter} ALTER COLUMN {column.name} TYPE {type_}",)
        if self.dialect.name != "sqlite":
            return (f"{alter} MODIFY {column.name} {type_} NOT NULL",)
        names = ", ".join(c.name for c in table.columns)
        return (
            self._sql(CreateTable(table.made(f"_{table.name}"))),
            f"INSERT INTO _{table.name} ({names}) SELECT {names} FROM {table.name}",
            f"DROP TABLE {table.name}",
            f"ALTER TABLE _{table.name} RENAME TO {table.name}",
            *(self._sql(CreateIndex(index)) for index in _sorted(table.made())),
        )


def _sorted(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))

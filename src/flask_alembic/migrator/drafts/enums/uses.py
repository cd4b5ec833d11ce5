"""Which columns have which enum types, before a draft and after it."""

from __future__ import annotations

import functools
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from ....dialects.bulk import TableKey
from ....dialects.enums import EnumType
from ....dialects.enums import EnumUse
from ....dialects.enums import TypeKey
from ..unchanged.types import is_plain
from ..unchanged.view import left_out

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

    from ..refining import Refinement

Column: t.TypeAlias = "sa.Column[t.Any]"


def named(
    type_: sa.types.TypeEngine[t.Any] | None, dialect: sa.Dialect
) -> dict[TypeKey, sa.Enum]:
    """The type of the database that a column's type is made of, if there is one.

    :return: At most one, by schema and name.
    """
    if type_ is None:
        return {}
    found: t.Any = type_._unwrapped_dialect_impl(dialect)
    if isinstance(found, sa.ARRAY):
        item: t.Any = found.item_type
        found = item._unwrapped_dialect_impl(dialect)
    native = isinstance(found, sa.Enum) and found.native_enum and found.name
    if not native:
        return {}
    schema = found.schema or dialect.default_schema_name or ""
    return {(str(schema), str(found.name)): found}


def model_of(refinement: Refinement, op: ops.AlterColumnOp) -> Column | None:
    """The model's column that an operation changes."""
    default = refinement.context.dialect.default_schema_name
    for table in refinement.autogen.table_key_to_table.values():
        schema = None if table.schema == default else table.schema
        if (schema, table.name) == (op.schema, op.table_name):
            return next((c for c in table.columns if c.name == op.column_name), None)
    return None


def kept_by_metadata(autogen: AutogenContext, key: TypeKey) -> bool:
    """Whether a model's metadata has a type of its own, whatever columns there are."""
    given: t.Any = autogen.metadata
    for metadata in given if isinstance(given, t.Iterable) else (given,):
        for listener in metadata.dispatch.before_create:
            owner = getattr(listener, "__self__", None)
            if isinstance(owner, sa.Enum) and key in named(owner, autogen.dialect):
                return True
    return False


class Uses:
    """Reads the columns of models and of a draft's operations."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._names = refinement.names
        self._dialect = refinement.context.dialect
        self.default_schema = str(self._dialect.default_schema_name)
        self.lost: dict[TypeKey, list[EnumUse]] = {}
        self.gained: dict[TypeKey, list[ops.MigrateOperation]] = {}
        self._types: dict[TypeKey, sa.Enum] = {}
        self._recreating: dict[TypeKey, list[ops.CreateTableOp]] = {}
        self._altered: dict[tuple[str | None, str, str], ops.AlterColumnOp] = {}
        self._gone: set[tuple[str | None, str]] = set()
        self._gone_columns: set[tuple[str | None, str, str]] = set()
        for op in refinement.ops.ops:
            self._read(op)

    def schema(self, name: str) -> str | None:
        """A schema as operations have it: None for the default one."""
        return None if name == self.default_schema else name

    # -- operations ----------------------------------------------------------------------

    def _read(self, op: ops.MigrateOperation) -> None:
        if isinstance(op, ops.CreateTableOp):
            for column in op.columns:
                if isinstance(column, sa.Column):
                    self._gain(op, column.type)
        elif isinstance(op, ops.DropTableOp):
            self._gone.add((op.schema, op.table_name))
            made = op._reverse
            for column in made.columns if made is not None else ():
                if isinstance(column, sa.Column):
                    self._lose(op.schema, op.table_name, column.name, column.type, made)
        elif isinstance(op, ops.ModifyTableOps):
            for inner in op.ops:
                self._read_inner(inner)

    def _read_inner(self, op: ops.MigrateOperation) -> None:
        if isinstance(op, ops.AddColumnOp):
            self._gain(op, op.column.type)
        elif isinstance(op, ops.DropColumnOp | ops.AlterColumnOp):
            key = (op.schema, op.table_name)
            table = self._names.old_table(*key)
            column = self._names.old_column(key, op.column_name)
            if isinstance(op, ops.DropColumnOp):
                self._gone_columns.add((op.schema, table, column))
                self._lose(op.schema, table, column, op.to_column().type, None)
                return
            self._altered[op.schema, table, column] = op
            old = named(op.existing_type, self._dialect)
            new = named(op.modify_type, self._dialect)
            if op.modify_type is not None and old.keys() != new.keys():
                self._lose(op.schema, table, column, op.existing_type, None)
                self._gain(op, op.modify_type)

    def _gain(self, op: ops.MigrateOperation, type_: t.Any) -> None:
        for key, enum in named(type_, self._dialect).items():
            self._types.setdefault(key, enum)
            users = self.gained.setdefault(key, [])
            if op not in users:
                users.append(op)

    def _lose(
        self,
        schema: str | None,
        table: str,
        column: str,
        type_: t.Any,
        made: ops.CreateTableOp | None,
    ) -> None:
        for key in named(type_, self._dialect):
            self.lost.setdefault(key, []).append(EnumUse(schema, table, column))
            tables = self._recreating.setdefault(key, [])
            if made is not None and made not in tables:
                tables.append(made)

    # -- types ---------------------------------------------------------------------------

    def new_types(self) -> dict[TypeKey, sa.Enum]:
        """Types that columns get."""
        return self._types

    def creating(self, key: TypeKey) -> list[ops.CreateTableOp]:
        """New tables with a type."""
        users = self.gained.get(key, [])
        return [op for op in users if isinstance(op, ops.CreateTableOp)]

    def made_by_one_table(self, key: TypeKey) -> bool:
        """Whether nothing else in the draft gets a type than one new table."""
        return len(self.gained[key]) == len(self.creating(key)) == 1

    def recreating(self, key: TypeKey) -> list[ops.CreateTableOp]:
        """What makes dropped tables with a type again."""
        return self._recreating.get(key, [])

    def left(self, found: EnumType) -> list[EnumUse]:
        """Columns that keep a type."""
        key = (found.schema or self.default_schema, found.name)
        lost = {_place(use) for use in self.lost.get(key, ())}
        return [use for use in found.uses if _place(use) not in lost]

    def still_there(self, found: EnumType) -> dict[EnumUse, tuple[str, str]]:
        """Columns that hold values after the upgrade: what they are called then."""
        return {
            use: self._new_name(use)
            for use in found.stored
            if (use.schema, use.table) not in self._gone
            and _place(use) not in self._gone_columns
        }

    def _new_name(self, use: EnumUse) -> tuple[str, str]:
        table = self._names.of_table(use.schema, use.table)
        columns = self._names.columns.get((use.schema, table), {})
        return table, columns.get(use.column, use.column)

    def altered(self, use: EnumUse) -> ops.AlterColumnOp | None:
        """The operation that changes a column."""
        return self._altered.get(_place(use))

    # -- models --------------------------------------------------------------------------

    def _tables(
        self, without: t.Collection[TableKey] = frozenset()
    ) -> t.Iterator[sa.Table]:
        """The models' tables that the application lets be compared.

        :param without: Nobody asks for these.
        """
        autogen = self._refinement.autogen
        for table in autogen.table_key_to_table.values():
            key = (self.schema(table.schema or self.default_schema), table.name)
            if key not in without and autogen.run_object_filters(
                table, table.name, "table", False, None
            ):
                yield table

    @functools.cached_property
    def _models(self) -> dict[tuple[str | None, str, str], Column]:
        found: dict[tuple[str | None, str, str], Column] = {}
        for table in self._tables():
            schema = self.schema(table.schema or self.default_schema)
            for column in table.columns:
                found[schema, table.name, str(column.name)] = column
        return found

    def models(self) -> dict[TypeKey, list[Column]]:
        """Type -> the models' columns that have it."""
        found: dict[TypeKey, list[Column]] = {}
        # Most are plain: a look at each would be a part of every comparison.
        for table in self._tables(without=left_out(self._refinement.autogen).plain):
            for column in table.columns:
                if not is_plain(column.type):
                    for key in named(column.type, self._dialect):
                        found.setdefault(key, []).append(column)
        return found

    def model(self, use: EnumUse) -> Column | None:
        """The model's column for one of the database."""
        return self._models.get((use.schema, *self._new_name(use)))

    def spelled(self, found: EnumType, columns: t.Iterable[Column]) -> list[str]:
        """How columns of a type may be called: by old names, then by new ones."""
        names: list[str] = []
        for use in found.uses:
            new = self._new_name(use)
            for table in (use.table, new[0]):
                for column in (use.column, new[1]):
                    names.append(_dotted(use.schema, table, column))
        for own in columns:
            schema = self.schema(own.table.schema or self.default_schema)
            names.append(_dotted(schema, own.table.name, str(own.name)))
        return names


def _place(use: EnumUse) -> tuple[str | None, str, str]:
    return use.schema, use.table, use.column


def _dotted(schema: str | None, table: str, column: str) -> str:
    return ".".join(part for part in (schema, table, column) if part)


def without_creating(op: ops.CreateTableOp, key: TypeKey, dialect: sa.Dialect) -> None:
    """Let a table use a type that is there when it is made."""
    columns: list[t.Any] = list(op.columns)
    for number, column in enumerate(columns):
        if isinstance(column, sa.Column) and key in named(column.type, dialect):
            columns[number] = column._copy()
            columns[number].type = _plain(column.type, named(column.type, dialect)[key])
    op.columns = columns


class _Existing(postgresql.ENUM):
    """A type that isn't to be made, and is written so in a revision.

    SQLAlchemy 2.0 leaves that out of the text of its own.
    """

    def __repr__(self) -> str:
        text = super().__repr__()
        ending = "" if "create_type" in text else ", create_type=False"
        return f"{text[:-1]}{ending})"


# Alembic writes what a type is called, and imports what it is from.
_Existing.__name__ = postgresql.ENUM.__name__
_Existing.__module__ = postgresql.ENUM.__module__


def _plain(type_: t.Any, enum: sa.Enum) -> t.Any:
    made = _Existing(*enum.enums, name=enum.name, schema=enum.schema, create_type=False)
    if not _is_array(type_):
        return made
    dimensions = getattr(type_, "dimensions", None)
    return postgresql.ARRAY(made, dimensions=dimensions)


def _is_array(type_: t.Any) -> bool:
    return isinstance(getattr(type_, "impl_instance", type_), sa.ARRAY)

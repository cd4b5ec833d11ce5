"""Tables and columns as the scorer of renames sees them, and as a question shows them."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from sqlalchemy.exc import SQLAlchemyError

from .renames.scores import Shape
from .renames.scores import TableShape

_COLLATION = re.compile(r" (CHARACTER SET|COLLATE) \S+")


class Shapes:
    """Describes columns and tables of one database's models and of the database."""

    def __init__(self, impl: DefaultImpl) -> None:
        self._impl = impl
        self._dialect = impl.dialect

    def same_type(self, old: Shape, new: Shape) -> bool:
        """Whether Alembic, or the application's ``compare_type``, sees no difference."""
        return not self._impl.compare_type(old.source, new.source)

    def of_table(self, table: sa.Table) -> TableShape:
        """Describe a table."""
        columns = tuple(self.of_column(column) for column in table.columns)
        return TableShape(table.name, columns, table.comment, table)

    def of_column(self, column: sa.Column[t.Any]) -> Shape:
        """Describe a column; it is in its table."""
        names = [other.name for other in column.table.columns]
        return Shape(
            name=str(column.name),
            type=self._type(column),
            family=t.cast(type, column.type._type_affinity).__name__,
            nullable=bool(column.nullable),
            default=self._default(column),
            comment=column.comment,
            place=names.index(column.name) / max(1, len(names) - 1),
            keys=frozenset(_keys(column)),
            source=column,
        )

    def _type(self, column: sa.Column[t.Any]) -> str:
        try:
            text = column.type.compile(dialect=self._dialect)
        except SQLAlchemyError:
            return repr(column.type)
        return _COLLATION.sub("", text)

    def _default(self, column: sa.Column[t.Any]) -> str | None:
        arg = getattr(column.server_default, "arg", None)
        if arg is None:
            return None if column.server_default is None else "generated"
        text = str(getattr(arg, "text", arg)).partition("::")[0]
        return None if text.upper() == "NULL" else text.strip("'()").lower()


def _keys(column: sa.Column[t.Any]) -> t.Iterator[str]:
    """What uses a column; a database may back each of these by an index, too."""
    table = column.table
    if column.primary_key:
        yield "primary"
    if column.foreign_keys:
        yield "foreign"
        return
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint) and column.name in constraint.c:
            yield "unique"
    for index in table.indexes:
        if column.name in index.columns:
            yield "unique" if index.unique else "index"


def definition(shape: Shape) -> str:
    """A column in the words of SQL."""
    default = f" DEFAULT {shape.default}" if shape.default is not None else ""
    return f"{shape.type}{'' if shape.nullable else ' NOT NULL'}{default}"


def table_definition(shape: TableShape) -> str:
    """A table's columns in the words of SQL."""
    return ", ".join(f"{column.name} {column.type}" for column in shape.columns)

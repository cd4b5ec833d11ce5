"""Whether a model's column is what the database has, asked of the database itself.

A temporary table is made with the model's columns; what the database then calls their
types and defaults is compared with what it calls those of the real table.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

PROBE = "flask_alembic_probe"


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A column of the database and the model's, which seem to differ.

    :param schema: The table's in the database; None for the default one.
    :param column: What the database calls it.
    :param found: As it was reflected.
    :param wanted: The model's.
    """

    schema: str | None
    table: str
    column: str
    found: sa.Column[t.Any]
    wanted: sa.Column[t.Any]

    @property
    def found_default(self) -> str | None:
        """The default's text, as it was reflected."""
        # A ":" in it doesn't begin a parameter: it is never compiled.
        text = getattr(getattr(self.found.server_default, "arg", None), "text", None)
        return t.cast("str | None", text)

    def wanted_default(self, dialect: sa.Dialect) -> str | None:
        """The model's default as it stands in CREATE TABLE."""
        compiler = t.cast(t.Any, dialect).ddl_compiler(dialect, None)
        return t.cast("str | None", compiler.get_column_default_string(self.wanted))


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What a database calls a column's type and default.

    :param default: Empty for none.
    """

    type: str
    default: str


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the two are the same; None where the database couldn't tell."""

    type: bool | None = None
    default: bool | None = None


Reader: t.TypeAlias = t.Callable[[sa.Connection], t.Mapping[str, Words]]
Around: t.TypeAlias = t.Callable[[sa.Connection], t.ContextManager[t.Any]]


def probe(
    connection: sa.Connection,
    columns: t.Sequence[sa.Column[t.Any]],
    read: Reader,
    around: Around,
) -> list[Words | None]:
    """Let the database put columns in its own words.

    What one of them can't be made for, such as a type that doesn't exist yet, doesn't
    spoil the others. Columns that are written alike are made once.

    :param read: Reads the temporary table's columns, called ``c0``, ``c1`` and so on.
    :param around: Surrounds making and reading it, and takes it away.
    """

    def ask(some: t.Sequence[sa.Column[t.Any]]) -> list[Words | None]:
        with around(connection):
            connection.execute(CreateTable(_probe_table(some)))
            words = read(connection)
        return [words.get(f"c{number}") for number in range(len(some))]

    keys = [_written(connection.dialect, column) for column in columns]
    unlike = dict(zip(keys, columns, strict=True))
    found = dict(zip(unlike, at_once(list(unlike.values()), ask), strict=True))
    return [found[key] for key in keys]


Asked = t.TypeVar("Asked")
Answer = t.TypeVar("Answer")


def at_once(
    items: t.Sequence[Asked],
    ask: t.Callable[[t.Sequence[Asked]], t.Sequence[Answer | None]],
    *,
    most: int = 500,
) -> list[Answer | None]:
    """Ask a database about many things in few statements.

    What it refuses to answer for one of them doesn't spoil the others: they are asked
    about in halves then.

    :param most: How many it takes at once.
    """
    if len(items) > most:
        parts = [items[n : n + most] for n in range(0, len(items), most)]
        return [found for part in parts for found in at_once(part, ask, most=most)]
    try:
        return list(ask(items)) if items else []
    except SQLAlchemyError:
        if len(items) == 1:
            return [None]
    half = len(items) // 2
    return [
        *at_once(items[:half], ask, most=most),
        *at_once(items[half:], ask, most=most),
    ]


def _written(dialect: sa.Dialect, column: sa.Column[t.Any]) -> t.Hashable:
    """What the definition of a column in the temporary table is made of."""
    compiler = t.cast(t.Any, dialect).ddl_compiler(dialect, None)
    types = t.cast(t.Any, dialect).type_compiler_instance
    try:
        type_ = types.process(column.type, type_expression=column)
        default = compiler.get_column_default_string(column)
    except SQLAlchemyError:
        return id(column)
    return type_, default, column.nullable


def _probe_table(columns: t.Sequence[sa.Column[t.Any]]) -> sa.Table:
    made = sa.Table(PROBE, sa.MetaData(), prefixes=["TEMPORARY"])
    for number, column in enumerate(columns):
        default = getattr(column.server_default, "arg", None)
        copy: sa.Column[t.Any] = sa.Column(
            f"c{number}",
            column.type,
            server_default=default,
            nullable=column.nullable,
            autoincrement=False,
        )
        made.append_column(copy)
    return made


def agree(found: Words | None, wanted: Words | None) -> Agreement:
    """Compare a database's words."""
    if found is None or wanted is None:
        return Agreement()
    return Agreement(found.type == wanted.type, found.default == wanted.default)

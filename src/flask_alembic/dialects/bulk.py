"""The tables of whole schemas, described from a few statements.

SQLAlchemy's own reflection does the work. It reads through a copy of the dialect that
answers from memory what was read for all tables at once; whatever wasn't is read as
ever. Nothing here changes the engine's dialect.

Private names of SQLAlchemy that the three databases lean on, and what for:

================================================= =====================================
``SQLiteDialect._get_table_pragma/_get_table_sql``  the rows of pragmas, CREATE TABLE
``SQLiteDialect._resolve_type_affinity``            a type for the text of one
``MySQLDialect._show_create_table``                 what SHOW CREATE TABLE says
``PGDialect._pg_class_filter_scope_schema``         which tables a catalog query is about
================================================= =====================================
"""

from __future__ import annotations

import copy
import typing as t

import sqlalchemy as sa

TableKey: t.TypeAlias = tuple[str | None, str]
"""Schema and name of a table; no schema for the default one."""


Info: t.TypeAlias = t.Mapping[str, t.Any]
"""One of an inspector's dictionaries."""


class FoundColumns(t.NamedTuple):
    """What is told of a table's columns, in their order.

    :param infos: An inspector's words for columns like them, which may be those of many:
        only what isn't said here is these columns' own.
    """

    names: t.Sequence[str]
    infos: t.Sequence[Info]
    defaults: t.Sequence[str | None]
    comments: t.Sequence[str | None]


class FoundItem(t.NamedTuple):
    """What is told of a primary key, a unique constraint or an index.

    :param columns: None for an expression.
    :param info: An inspector's words for one like it, but for its name and its columns.
    """

    name: str | None
    columns: t.Sequence[str | None]
    info: Info


class FoundReference(t.NamedTuple):
    """What is told of a foreign key.

    :param info: An inspector's words for one like it: its options are this one's.
    """

    name: str | None
    columns: list[str]
    schema: str | None
    table: str
    referred: list[str]
    info: Info


class Description(t.NamedTuple):
    """What is told of a table."""

    columns: FoundColumns
    key: FoundItem
    foreign_keys: t.Sequence[FoundReference]
    uniques: t.Sequence[FoundItem]
    indexes: t.Sequence[FoundItem]
    checks: t.Sequence[Info]
    comment: str | None


Descriptions: t.TypeAlias = t.Iterator[tuple[str, Description]]
"""Names of tables, and what is told of them."""


def describe(
    inspector: t.Any, schema: str | None, names: t.Sequence[str]
) -> Descriptions:
    """Ask an inspector about tables; those that it doesn't know are left out."""
    several = [_several(inspector, kind, schema, names) for kind in DESCRIBED]
    for name in names:
        told = [read.get((schema, name)) for read in several]
        if None not in told[:-1]:
            yield name, description(told)


def description(told: t.Sequence[t.Any]) -> Description:
    """Put together what an inspector tells of a table, in the order of ``DESCRIBED``."""
    columns, key, foreign_keys, uniques, indexes, checks, comment = told
    return Description(
        found_columns(columns),
        FoundItem(key.get("name"), key.get("constrained_columns") or (), key),
        found_references(foreign_keys),
        found_items(uniques),
        found_items(indexes),
        checks,
        (comment or {}).get("text"),
    )


def found_columns(infos: t.Sequence[Info]) -> FoundColumns:
    """Take what an inspector tells of columns apart."""
    return FoundColumns(
        [info["name"] for info in infos],
        infos,
        [info["default"] for info in infos],
        [info.get("comment") for info in infos],
    )


def found_references(infos: t.Iterable[Info]) -> list[FoundReference]:
    """Take what an inspector tells of foreign keys apart."""
    return [
        FoundReference(
            info["name"],
            info["constrained_columns"],
            info["referred_schema"],
            info["referred_table"],
            info["referred_columns"],
            info,
        )
        for info in infos
    ]


def found_items(infos: t.Iterable[Info]) -> list[FoundItem]:
    """Take what an inspector tells of unique constraints or indexes apart."""
    return [FoundItem(info["name"], info["column_names"], info) for info in infos]


KINDS = (
    "columns",
    "pk_constraint",
    "foreign_keys",
    "indexes",
    "unique_constraints",
    "table_comment",
    "check_constraints",
    "table_options",
)
"""What an inspector tells of a table, by the end of its methods' names."""

DESCRIBED = (
    "columns",
    "pk_constraint",
    "foreign_keys",
    "unique_constraints",
    "indexes",
    "check_constraints",
    "table_comment",
)
"""What an inspector is asked about a table."""


def _several(
    inspector: t.Any, kind: str, schema: str | None, names: t.Sequence[str]
) -> t.Mapping[TableKey, t.Any]:
    read = getattr(inspector, f"get_multi_{kind}")
    try:
        return t.cast(
            "t.Mapping[TableKey, t.Any]", read(schema=schema, filter_names=names)
        )
    except NotImplementedError:
        return {}


class BulkReflection:
    """Describes a database's tables; this one reads each table by itself.

    :param connection: What is compared.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect: t.Any = connection.dialect

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas.

        :param schemas: None for the default one.
        """

    def inspector(self) -> sa.Inspector:
        """Make an inspector that has looked at nothing, and answers from what was read."""
        inspector = sa.inspect(self.connection)
        inspector.dialect = self.dialect
        return inspector

    def describe(
        self, inspector: sa.Inspector, schema: str | None, names: t.Sequence[str]
    ) -> Descriptions:
        """Tell what was read of tables.

        :param inspector: Knows what was read.
        """
        return describe(inspector, schema, names)

    def is_whole(self, table: TableKey) -> bool:
        """Whether what an inspector tells of a table is all that there is to compare."""
        return False

    def serial_owner(self, sequence: str) -> tuple[str, str] | None:
        """Which sequence this is, and the column that owns it, if that was read.

        :param sequence: As it stands in a column's default.
        """
        return None

    def is_serial(self, column: str, default: str) -> bool:
        """Whether a default comes from a sequence that a column of this name owns."""
        return False

    def replace(self, **methods: t.Callable[..., t.Any]) -> None:
        """Go on with a copy of the dialect that has these methods of its own."""
        made = copy.copy(self.connection.dialect)
        vars(made).update(methods)
        self.dialect = made

"""SQLite's tables from five statements: pragmas are functions that a query can join."""

from __future__ import annotations

import functools
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..base import identifier
from ..base import sql_string
from ..bulk import BulkReflection
from ..bulk import Description
from ..bulk import Descriptions
from ..bulk import found_columns
from ..bulk import found_items
from ..bulk import found_references
from ..bulk import TableKey
from . import plain

_OF_TABLE = ("table_xinfo", "foreign_key_list", "index_list")
_OF_CONSTRAINTS = "sqlite_autoindex"
"""How the names of indexes begin that SQLite makes for constraints."""
_FIRST_VERSION = (3, 31)
"""SQLAlchemy asks older ones for ``table_info``, which leaves computed columns out."""

Rows: t.TypeAlias = list[tuple[t.Any, ...]]


class SQLiteBulk(BulkReflection):
    """Joins the pragmas with the list of tables."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._pragmas: dict[str, dict[TableKey, Rows]] = {}
        self._tables: dict[TableKey, str] = {}
        self._indexes: dict[TableKey, str | None] = {}
        self._unreflected: set[TableKey] = set()
        self._known = False
        self._schemas: tuple[str | None, ...] = ()

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas, which are attached databases."""
        if (self.dialect.server_version_info or ()) < _FIRST_VERSION or not schemas:
            return
        self._schemas = tuple(schemas)
        try:
            self._read_names()
            for pragma in _OF_TABLE:
                self._pragmas[pragma] = self._join(pragma, self._tables)
            self._pragmas["index_info"] = self._join_indexes()
        except DBAPIError:
            # A virtual table without its module can't be described: others still can.
            return
        self.replace(
            get_table_names=self._get_table_names,
            has_table=self._has_table,
            get_indexes=self._get_indexes,
            get_unique_constraints=self._unless(
                "unique_constraints", self._has_no_unique
            ),
            get_check_constraints=self._unless("check_constraints", self._has_no_check),
            _resolve_type_affinity=functools.cache(self._stock._resolve_type_affinity),
            _get_table_pragma=self._get_table_pragma,
            _get_table_sql=self._get_table_sql,
        )
        self._known = True

    def is_whole(self, table: TableKey) -> bool:
        """Whether SQLAlchemy shows all indexes of a table."""
        return self._known and table in self._tables and table not in self._unreflected

    def describe(
        self, inspector: sa.Inspector, schema: str | None, names: t.Sequence[str]
    ) -> Descriptions:
        """Tell what was read of tables."""
        if not (self._known and schema in self._schemas):
            yield from super().describe(inspector, schema, names)
            return
        columns = plain.Columns(self.dialect._resolve_type_affinity)
        for name in names:
            yield name, self._described(inspector, columns, schema, name)

    def _described(
        self,
        inspector: sa.Inspector,
        columns: plain.Columns,
        schema: str | None,
        name: str,
    ) -> Description:
        """Tell of a table from pragmas; of what they leave out from its text."""
        key = (schema, name)
        pragmas, text = self._pragmas, self._tables[key]
        rows = pragmas["table_xinfo"][key]
        found = columns.tell(rows)
        keys = plain.foreign_keys(pragmas["foreign_key_list"][key], schema, text)
        indexes = plain.indexes(
            pragmas["index_list"][key],
            lambda index: pragmas["index_info"].get((schema, index)),
            _OF_CONSTRAINTS,
        )
        ask = functools.partial(_ask, inspector, name, schema)
        return Description(
            found_columns(ask("columns")) if found is None else found,
            plain.primary_key(rows),
            found_references(ask("foreign_keys")) if keys is None else keys,
            [] if self._has_no_unique(key) else found_items(ask("unique_constraints")),
            found_items(ask("indexes")) if indexes is None else indexes,
            [] if self._has_no_check(key) else ask("check_constraints"),
            None,
        )

    # -- what is read --------------------------------------------------------------------

    def _read_names(self) -> None:
        query = (
            "SELECT {number}, type, name, tbl_name, sql FROM {schema}.sqlite_master"
            " WHERE type IN ('table', 'index')"
        )
        for number, kind, name, table, sql in self._run(query):
            found = self._tables if kind == "table" else self._indexes
            t.cast(t.Any, found)[self._schemas[number], name] = sql
            if kind == "index" and sql is not None and sql.count("(") > 1:
                # Perhaps it is on an expression: it is left out then.
                self._unreflected.add((self._schemas[number], table))

    def _join(self, pragma: str, names: t.Iterable[TableKey]) -> dict[TableKey, Rows]:
        """Read a pragma of all tables."""
        found: dict[TableKey, Rows] = {key: [] for key in names}
        query = (
            "SELECT {number}, m.name, x.* FROM {schema}.sqlite_master m"
            f" JOIN pragma_{pragma}(m.name, {{text}}) x WHERE m.type = 'table'"
        )
        for row in self._run(query):
            found[self._schemas[row[0]], row[1]].append(row[2:])
        return found

    def _join_indexes(self) -> dict[TableKey, Rows]:
        """Read the columns of all indexes, those of keys among them."""
        query = (
            "SELECT {number}, i.name, x.* FROM {schema}.sqlite_master m"
            " JOIN pragma_index_list(m.name, {text}) i"
            " JOIN pragma_index_info(i.name, {text}) x WHERE m.type = 'table'"
        )
        found: dict[TableKey, Rows] = {}
        for row in self._run(query):
            found.setdefault((self._schemas[row[0]], row[1]), []).append(row[2:])
        return found

    def _run(self, query: str) -> t.Sequence[t.Any]:
        """Run a query for every schema at once."""
        parts = [
            query.format(
                number=number,
                schema=identifier(schema or "main"),
                text=sql_string(schema or "main"),
            )
            for number, schema in enumerate(self._schemas)
        ]
        return self.connection.exec_driver_sql(" UNION ALL ".join(parts)).all()

    # -- what is answered ----------------------------------------------------------------

    @property
    def _stock(self) -> t.Any:
        return self.connection.dialect

    def _get_table_names(
        self, connection: sa.Connection, schema: str | None = None, **options: t.Any
    ) -> list[str]:
        if schema not in self._schemas or options.get("sqlite_include_internal"):
            found = self._stock.get_table_names(connection, schema, **options)
            return t.cast("list[str]", found)
        return sorted(
            name
            for at, name in self._tables
            if at == schema and not name.lower().startswith("sqlite_")
        )

    def _has_table(
        self,
        _: sa.Connection,
        table_name: str,
        schema: str | None = None,
        **options: t.Any,
    ) -> bool:
        found = self._stock.has_table
        known = (schema, table_name) in self._tables
        return known or bool(found(self.connection, table_name, schema, **options))

    def _get_table_pragma(
        self,
        connection: sa.Connection,
        pragma: str,
        table_name: str,
        schema: str | None = None,
    ) -> t.Any:
        rows = self._pragmas.get(pragma, {}).get((schema, table_name))
        if rows is not None:
            return rows
        return self._stock._get_table_pragma(connection, pragma, table_name, schema)

    def _get_table_sql(
        self,
        connection: sa.Connection,
        table_name: str,
        schema: str | None = None,
        **options: t.Any,
    ) -> t.Any:
        sql = self._tables.get((schema, table_name))
        if sql is not None:
            return sql
        return self._stock._get_table_sql(connection, table_name, schema, **options)

    def _unless(
        self, kind: str, has_none: t.Callable[[TableKey], bool]
    ) -> t.Callable[..., t.Any]:
        """Describe something as SQLAlchemy does, unless a table surely has none.

        SQLAlchemy looks for it in the table's text.
        """
        get = getattr(type(self.dialect), f"get_{kind}")

        def get_unless(
            connection: sa.Connection,
            table_name: str,
            schema: str | None = None,
            **options: t.Any,
        ) -> t.Any:
            if has_none((schema, table_name)):
                return []
            return get(self.dialect, connection, table_name, schema, **options)

        return get_unless

    def _has_no_unique(self, table: TableKey) -> bool:
        rows = self._pragmas["index_list"].get(table)
        return rows is not None and not any(
            row[1].startswith(_OF_CONSTRAINTS) for row in rows
        )

    def _has_no_check(self, table: TableKey) -> bool:
        sql = self._tables.get(table)
        return sql is not None and "check" not in sql.lower()

    def _get_indexes(
        self,
        connection: sa.Connection,
        table_name: str,
        schema: str | None = None,
        **options: t.Any,
    ) -> t.Any:
        known: t.Any = _KnownIndexes(connection, self._indexes, schema)
        get = type(self.dialect).get_indexes
        return get(self.dialect, known, table_name, schema, **options)


def _ask(inspector: t.Any, name: str, schema: str | None, kind: str) -> t.Any:
    return getattr(inspector, f"get_{kind}")(name, schema=schema)


class _KnownIndexes:
    """A connection that knows the CREATE INDEX of partial indexes.

    SQLAlchemy selects each by itself.
    """

    def __init__(
        self,
        connection: sa.Connection,
        indexes: t.Mapping[TableKey, str | None],
        schema: str | None,
    ) -> None:
        self._connection = connection
        self._indexes = indexes
        self._schema = schema

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def exec_driver_sql(self, statement: str, parameters: t.Any = None) -> t.Any:
        """Answer from memory what is an index's text."""
        if isinstance(parameters, tuple) and len(parameters) == 1:
            sql = self._indexes.get((self._schema, parameters[0]))
            if sql is not None and statement.endswith("type = 'index'"):
                return _Text(sql)
        return self._connection.exec_driver_sql(statement, parameters)


class _Text:
    """A result of one value."""

    def __init__(self, value: str) -> None:
        self._value = value

    def scalar(self) -> str:
        """Give the value."""
        return self._value

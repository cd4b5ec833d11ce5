"""PostgreSQL's tables: what SQLAlchemy reads by schema, for several schemas at once."""

from __future__ import annotations

import contextlib
import copy
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.engine.reflection import ObjectScope

from ..base import identifier
from ..bulk import BulkReflection
from ..bulk import TableKey

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
"""What an inspector tells of a table."""

_TABLES = sa.text("""\
SELECT c.oid::text, n.nspname, c.relname, c.relkind <> 'f', pg_table_is_visible(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (
 n.nspname = ANY (CAST(:schemas AS text[]))
 OR (CAST(:default AS boolean) AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'))
ORDER BY n.nspname, c.relname""").bindparams(
    sa.bindparam("schemas", type_=ARRAY(sa.Text)),
    sa.bindparam("default", type_=sa.Boolean),
)

_OWNERS = """\
SELECT s.oid::regclass::text, s.relname, a.attname
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
 AND d.refclassid = 'pg_class'::regclass
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S'"""


class _Found(t.NamedTuple):
    """A table in the catalog.

    :param id: Its oid, as text.
    :param listed: It isn't a foreign table.
    :param visible: It can be named without its schema.
    """

    id: str
    schema: str
    name: str
    listed: bool
    visible: bool


class PostgreSQLBulk(BulkReflection):
    """Reads each kind of thing for all tables of all schemas."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._names: dict[str | None, list[str]] = {}
        self._read: dict[str, dict[TableKey, t.Any]] = {}
        self._owners: dict[str, tuple[str, str]] = {}

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas."""
        if not schemas:
            return
        rows = self.connection.execute(
            _TABLES,
            {"schemas": [s for s in schemas if s], "default": None in schemas},
        )
        default = self.dialect.default_schema_name
        tables = [_Found(*row) for row in rows]
        # What a temporary table hides can't be named without its schema.
        tables = [found for found in tables if found.visible or found.schema != default]
        if any(table.visible and table.schema != default for table in tables):
            # The search path has several schemas: SQLAlchemy then writes what a foreign
            # key refers to in a way that depends on the schema it was asked for.
            return
        keys = {
            found.id: (None if found.schema == default else found.schema, found.name)
            for found in tables
        }
        self._names = {schema: [] for schema in schemas}
        for table in tables:
            if table.listed:
                self._names[keys[table.id][0]].append(table.name)
        self._read_kinds(keys)
        self._read_owners()
        self.replace(
            get_table_names=self._get_table_names,
            **{f"get_multi_{kind}": self._several(kind) for kind in self._read},
            **{f"get_{kind}": self._single(kind) for kind in self._read},
        )

    def _read_kinds(self, keys: t.Mapping[str, TableKey]) -> None:
        reader = _catalog_reader(self.connection.dialect, keys)
        cache: dict[t.Any, t.Any] = {}
        for kind in KINDS:
            rows = getattr(reader, f"get_multi_{kind}")(
                self.connection,
                schema=None,
                filter_names=None,
                scope=ObjectScope.DEFAULT,
                kind=ObjectKind.TABLE,
                info_cache=cache,
            )
            # An older SQLAlchemy knows less, and says so as soon as one looks.
            with contextlib.suppress(NotImplementedError):
                self._read[kind] = {keys[id]: found for (_, id), found in rows}

    def _read_owners(self) -> None:
        for text, name, column in self.connection.exec_driver_sql(_OWNERS):
            self._owners[text] = (name, column)

    def is_whole(self, table: TableKey) -> bool:
        """Whether it was read with all others."""
        return table in self._read.get("columns", ())

    def serial_owner(self, sequence: str) -> tuple[str, str] | None:
        """Which sequence this is, and the column that owns it."""
        return self._owners.get(sequence)

    # -- what is answered ----------------------------------------------------------------

    def _get_table_names(
        self, connection: sa.Connection, schema: str | None = None, **options: t.Any
    ) -> list[str]:
        found = self._names.get(schema)
        if found is None:
            stock: t.Any = self.connection.dialect
            found = stock.get_table_names(connection, schema, **options)
        return list(found)

    def _several(self, kind: str) -> t.Callable[..., t.Any]:
        stock = getattr(self.connection.dialect, f"get_multi_{kind}")
        read = self._read[kind]

        def get_multi(
            connection: sa.Connection,
            *,
            schema: str | None,
            filter_names: t.Collection[str] | None,
            **options: t.Any,
        ) -> t.Any:
            plain = (options.get("kind"), options.get("scope")) == _ALL
            if schema not in self._names or not plain or set(options) - _KNOWN:
                options |= {"schema": schema, "filter_names": filter_names}
                return stock(connection, **options)
            names = None if filter_names is None else set(filter_names)
            return [
                (key, _copied(found))
                for key, found in read.items()
                if key[0] == schema and (names is None or key[1] in names)
            ]

        return get_multi

    def _single(self, kind: str) -> t.Callable[..., t.Any]:
        stock = getattr(self.connection.dialect, f"get_{kind}")
        read = self._read[kind]

        def get(
            connection: sa.Connection,
            table_name: str,
            schema: str | None = None,
            **options: t.Any,
        ) -> t.Any:
            key = (schema, table_name)
            if key in read and not set(options) - _KNOWN:
                return _copied(read[key])
            return stock(connection, table_name, schema, **options)

        return get


_KNOWN = frozenset(["kind", "scope", "info_cache", "unreflectable"])
_ALL = (ObjectKind.TABLE, ObjectScope.DEFAULT)


def _copied(found: t.Any) -> t.Any:
    """Copy what was read: who gets it may change it."""
    if isinstance(found, list):
        return [dict(item) for item in found]
    return dict(found) if isinstance(found, dict) else found


def query_tables(
    connection: sa.Connection, query: str, tables: t.Sequence[TableKey]
) -> t.Iterator[tuple[TableKey, t.Any]]:
    """Ask the catalog about many tables.

    :param query: Begins with ``given.place`` of the tables in ``{given}``, whose column
        ``oid`` is a ``regclass``.
    :return: The table and the row without its first column.
    """
    given = (
        "(SELECT CAST(name AS regclass) AS oid, place"
        " FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS n (name, place)) given"
    )
    bound = sa.bindparam("tables", type_=ARRAY(sa.Text))
    names = [".".join(identifier(part) for part in key if part) for key in tables]
    statement = sa.text(query.format(given=given)).bindparams(bound)
    for place, *row in connection.execute(statement, {"tables": names}).all():
        yield tables[place - 1], row


def _catalog_reader(dialect: sa.Dialect, keys: t.Mapping[str, TableKey]) -> t.Any:
    """A copy of the dialect whose queries are about these tables, named by their oids.

    Tables of several schemas may have one name.

    :param keys: By oid.
    """
    from sqlalchemy.dialects.postgresql import pg_catalog

    relname, oid = pg_catalog.pg_class.c.relname, pg_catalog.pg_class.c.oid

    def renamed(column: t.Any) -> t.Any:
        named = getattr(column, "element", column)
        return sa.cast(oid, sa.Text).label(column.name) if named is relname else column

    def only_these(
        query: t.Any, schema: t.Any, scope: t.Any, pg_class_table: t.Any = None
    ) -> t.Any:
        columns = [renamed(column) for column in query.selected_columns]
        wanted = sa.bindparam(
            None, [int(key) for key in keys], type_=ARRAY(sa.BigInteger)
        )
        query = query.with_only_columns(*columns)
        return query.where(sa.cast(oid, sa.BigInteger) == sa.any_(wanted))

    made: t.Any = copy.copy(dialect)
    made._pg_class_filter_scope_schema = only_these
    return made

"""PostgreSQL's tables: what SQLAlchemy reads by schema, for several schemas at once."""

from __future__ import annotations

import json
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.engine.reflection import ObjectScope

from ..base import identifier
from ..bulk import BulkReflection
from ..bulk import DESCRIBED
from ..bulk import description
from ..bulk import Descriptions
from ..bulk import TableKey
from . import facts
from .alike import one_of_each_sort
from .alike import Sorts
from .facts import Table
from .kinds import read_kinds

# There may be as many as tables: one text is quicker to read than a row for each.
_OWNERS = """\
SELECT json_object_agg(s.oid::regclass::text, json_build_array(s.relname, a.attname))::text
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
 AND d.refclassid = 'pg_class'::regclass
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S'"""
_NEXT, _OF_SEQUENCE = "nextval('", "'::regclass)"


class PostgreSQLBulk(BulkReflection):
    """Reads each kind of thing for all tables of all schemas."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._names: dict[str | None, list[str]] = {}
        self._read: dict[str, dict[TableKey, t.Any]] = {}
        self._sorts = Sorts()
        self._alike: dict[TableKey, Table] = {}
        self._owners: dict[str, tuple[str, str]] = {}

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas."""
        if not schemas:
            return
        default = self.dialect.default_schema_name
        tables = facts.read(self.connection, schemas)
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
        self._read_tables(schemas, tables, keys)
        self._read_owners()
        self.replace(
            get_table_names=self._get_table_names,
            **{f"get_multi_{kind}": self._several(kind) for kind in self._read},
            **{f"get_{kind}": self._single(kind) for kind in self._read},
        )

    def _read_tables(
        self,
        schemas: t.Collection[str | None],
        tables: t.Sequence[Table],
        keys: t.Mapping[str, TableKey],
    ) -> None:
        """Let SQLAlchemy read one table of each sort; the others are told like them."""
        chosen = one_of_each_sort(tables)
        self._read_kinds({table.id: keys[table.id] for table in chosen})
        # Somebody may change tables at this moment: then nobody is told like others.
        again = facts.read(self.connection, schemas, [table.id for table in chosen])
        if again == chosen:
            for table in chosen:
                key = keys[table.id]
                told = {kind: read[key] for kind, read in self._read.items()}
                self._sorts.learn(table, told)
        if not all(map(self._sorts.know, chosen)):
            self._read_kinds(keys)
            return
        known = self._read["columns"]
        self._alike = {
            keys[table.id]: table for table in tables if keys[table.id] not in known
        }

    def _read_kinds(self, keys: t.Mapping[str, TableKey]) -> None:
        for kind, told in read_kinds(self.connection, list(keys)).items():
            found = {keys[id]: info for id, info in told.items()}
            self._read.setdefault(kind, {}).update(found)

    def _read_owners(self) -> None:
        found = self.connection.exec_driver_sql(_OWNERS).scalar()
        owners: dict[str, list[str]] = json.loads(found) if found else {}
        self._owners = {text: (name, column) for text, (name, column) in owners.items()}

    def is_whole(self, table: TableKey) -> bool:
        """Whether it was read with all others."""
        return table in self._alike or table in self._read.get("columns", ())

    def describe(
        self, inspector: sa.Inspector, schema: str | None, names: t.Sequence[str]
    ) -> Descriptions:
        """Tell what was read of tables."""
        if schema not in self._names:
            yield from super().describe(inspector, schema, names)
            return
        for name in names:
            key = (schema, name)
            if key in self._alike:
                yield name, self._sorts.describe(self._alike[key])
            else:
                told = [self._read[kind].get(key) for kind in DESCRIBED]
                yield name, description(told)

    def serial_owner(self, sequence: str) -> tuple[str, str] | None:
        """Which sequence this is, and the column that owns it."""
        return self._owners.get(sequence)

    def is_serial(self, column: str, default: str) -> bool:
        """Whether a default comes from a sequence that a column of this name owns."""
        if not (default.startswith(_NEXT) and default.endswith(_OF_SEQUENCE)):
            return False
        owner = self._owners.get(default[len(_NEXT) : -len(_OF_SEQUENCE)])
        return owner is not None and owner[1] == column

    # -- what is answered ----------------------------------------------------------------

    def _get_table_names(
        self, connection: sa.Connection, schema: str | None = None, **options: t.Any
    ) -> list[str]:
        found = self._names.get(schema)
        if found is None:
            stock: t.Any = self.connection.dialect
            found = stock.get_table_names(connection, schema, **options)
        return list(found)

    def _told(self, kind: str, key: TableKey) -> t.Any:
        """Tell of a table, so that who gets it may change it."""
        if key in self._alike:
            return self._sorts.tell(kind, self._alike[key])
        found = self._read[kind][key]
        if isinstance(found, list):
            return [dict(item) for item in found]
        return dict(found) if isinstance(found, dict) else found

    def _several(self, kind: str) -> t.Callable[..., t.Any]:
        stock = getattr(self.connection.dialect, f"get_multi_{kind}")
        keys = dict.fromkeys((*self._read[kind], *self._alike))

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
            wanted: t.Iterable[TableKey] = keys
            if filter_names is not None:
                # Mostly few of thousands.
                wanted = dict.fromkeys((schema, name) for name in filter_names)
            return [
                (key, self._told(kind, key))
                for key in wanted
                if key[0] == schema and key in keys
            ]

        return get_multi

    def _single(self, kind: str) -> t.Callable[..., t.Any]:
        stock = getattr(self.connection.dialect, f"get_{kind}")
        keys = {*self._read[kind], *self._alike}

        def get(
            connection: sa.Connection,
            table_name: str,
            schema: str | None = None,
            **options: t.Any,
        ) -> t.Any:
            key = (schema, table_name)
            if key in keys and not set(options) - _KNOWN:
                return self._told(kind, key)
            return stock(connection, table_name, schema, **options)

        return get


_KNOWN = frozenset(["kind", "scope", "info_cache", "unreflectable"])
_ALL = (ObjectKind.TABLE, ObjectScope.DEFAULT)


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

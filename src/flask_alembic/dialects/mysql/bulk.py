"""MariaDB's tables: SHOW CREATE TABLE of many in one compound statement.

MySQL has no such statement outside of stored programs: there each table is read by
itself.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..bulk import BulkReflection
from ..bulk import TableKey

_AT_ONCE = 1000
"""Tables in one statement."""

IN_ONE = "BEGIN NOT ATOMIC /* no commit */"
"""How a compound statement begins that commits nothing."""

_NAMES = sa.text(
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
    " WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA IN :schemas"
).bindparams(sa.bindparam("schemas", expanding=True))


class MySQLBulk(BulkReflection):
    """Lets SQLAlchemy parse what was read at once."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._names: dict[str | None, list[str]] = {}
        self._listed: dict[str | None, frozenset[str]] = {}
        self._texts: dict[str, str] = {}

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas, which are databases."""
        if not self.dialect.is_mariadb or not schemas:
            return
        default = self.dialect.default_schema_name
        by_name = {schema or default: schema for schema in schemas}
        self._names = {schema: [] for schema in schemas}
        rows = self.connection.execute(_NAMES, {"schemas": list(by_name)})
        for schema, name in rows:
            if schema in by_name:
                self._names[by_name[schema]].append(name)
        self._listed = {at: frozenset(names) for at, names in self._names.items()}
        keys = [(at, name) for at, names in self._names.items() for name in names]
        texts = show_create_tables(self.connection, keys)
        self._texts = {_quoted(self.dialect, *key): text for key, text in texts.items()}
        self.replace(
            get_table_names=self._get_table_names,
            _show_create_table=self._show_create_table,
        )

    def is_whole(self, table: TableKey) -> bool:
        """Whether its CREATE TABLE was read with all others."""
        return table[1] in self._listed.get(table[0], ())

    def _get_table_names(
        self, connection: sa.Connection, schema: str | None = None, **options: t.Any
    ) -> list[str]:
        found = self._names.get(schema)
        if found is None:
            stock: t.Any = self.connection.dialect
            found = stock.get_table_names(connection, schema, **options)
        return list(found)

    def _show_create_table(
        self,
        connection: sa.Connection,
        table: sa.Table | None,
        charset: str | None = None,
        full_name: str | None = None,
    ) -> str:
        text = self._texts.get(full_name or "")
        if text is None:
            stock: t.Any = self.connection.dialect
            text = stock._show_create_table(connection, table, charset, full_name)
        return text.strip()


def show_create_tables(
    connection: sa.Connection, tables: t.Sequence[TableKey]
) -> dict[TableKey, str]:
    """Read what SHOW CREATE TABLE says of many tables.

    Where they can't be read at once, each is read by itself.
    """
    found: dict[TableKey, str] = {}
    for start in range(0, len(tables), _AT_ONCE):
        part = tables[start : start + _AT_ONCE]
        found.update(zip(part, _show(connection, part), strict=False))
    for key in tables:
        if key not in found:
            show = f"SHOW CREATE TABLE {_quoted(connection.dialect, *key)}"
            found[key] = str(connection.exec_driver_sql(show).one()[1])
    return found


def _show(connection: sa.Connection, tables: t.Sequence[TableKey]) -> list[str]:
    """Run one block; nothing where a table can't be read or the driver can't follow."""
    if len(tables) == 1 or not t.cast(t.Any, connection.dialect).is_mariadb:
        return []
    shows = (f"SHOW CREATE TABLE {_quoted(connection.dialect, *k)};" for k in tables)
    driver = connection.dialect.loaded_dbapi
    texts: list[str] = []
    try:
        result = connection.exec_driver_sql(f"{IN_ONE} {' '.join(shows)} END")
    except DBAPIError:
        return []
    try:
        cursor: t.Any = result.cursor
        for _ in tables:
            texts.append(str(cursor.fetchone()[1]))
            cursor.nextset()
    except (driver.Error, AttributeError, TypeError):
        return []
    finally:
        result.close()
    return texts


def _quoted(dialect: sa.Dialect, schema: str | None, name: str) -> str:
    quote = dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in (schema, name) if part)

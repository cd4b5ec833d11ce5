"""MySQL's and MariaDB's foreign keys, which may be between databases.

Source: https://mariadb.com/docs/server/reference/system-tables/information-schema/information-schema-tables/information-schema-key_column_usage-table
"""

from __future__ import annotations

import itertools
import typing as t

import sqlalchemy as sa

from ..bulk import TableKey
from ..references import Reference
from ..references import References

_REFERENCES = """\
SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME,
 k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,
 r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE k
JOIN information_schema.REFERENTIAL_CONSTRAINTS r
 ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME
 AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
WHERE (k.TABLE_SCHEMA, k.TABLE_NAME) IN :tables
 OR (k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME) IN :tables
ORDER BY 1, 2, 3, k.ORDINAL_POSITION"""

_PLAIN = "RESTRICT"


class MySQLReferences(References):
    """Reads ``information_schema``."""

    holds = True
    holds_types = True
    drop_words = "DROP FOREIGN KEY"

    def read(self, tables: t.Sequence[TableKey]) -> list[Reference]:
        """Read the foreign keys of some tables and those that refer to them."""
        default = self.connection.dialect.default_schema_name
        given = [(schema or default, name) for schema, name in tables]
        query = sa.text(_REFERENCES).bindparams(sa.bindparam("tables", expanding=True))
        rows = self.connection.execute(query, {"tables": given}).all()
        return [
            self._reference([tuple(row) for row in several])
            for _, several in itertools.groupby(rows, lambda row: tuple(row[:3]))
        ]

    def _reference(self, rows: t.Sequence[tuple[str, ...]]) -> Reference:
        schema, table, name, _, at, target, _, deleted, updated = rows[0]
        referred = tuple(row[6] for row in rows)
        rules = (("DELETE", deleted), ("UPDATE", updated))
        return Reference(
            self._schema(schema),
            table,
            name,
            tuple(row[3] for row in rows),
            (self._schema(at), target),
            referred,
            frozenset(referred),
            "".join(f" ON {what} {rule}" for what, rule in rules if rule != _PLAIN),
        )

    def _schema(self, name: str) -> str | None:
        default = self.connection.dialect.default_schema_name
        return None if name == default else name

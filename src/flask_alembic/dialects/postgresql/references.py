"""PostgreSQL's foreign keys: each needs the columns and the index that it refers to.

Source: https://www.postgresql.org/docs/current/catalog-pg-constraint.html
"""

from __future__ import annotations

import re
import typing as t

from ..bulk import TableKey
from ..references import Reference
from ..references import References
from .bulk import query_tables

# What a partition has of its parent's goes and comes with that.
_REFERENCES = """\
SELECT given.place, n.nspname::text, c.relname::text, k.conname::text,
 ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
  ORDER BY u.place),
 m.nspname::text, f.relname::text,
 ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
  ORDER BY u.place),
 ARRAY(SELECT a.attname::text FROM pg_index i
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indexrelid = k.conindid),
 pg_get_constraintdef(k.oid)
FROM {given}
JOIN pg_constraint k ON given.oid IN (k.conrelid, k.confrelid)
 AND k.contype = 'f' AND k.conparentid = 0
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace m ON m.oid = f.relnamespace
ORDER BY 2, 3, 4"""

_NAME = r"""(?:"(?:[^"]|"")*"|[^"()])*"""
_WORDS = re.compile(rf"FOREIGN KEY \({_NAME}\) REFERENCES {_NAME}\({_NAME}\)(.*)", re.S)


class PostgreSQLReferences(References):
    """Reads the catalog."""

    holds = True

    def read(self, tables: t.Sequence[TableKey]) -> list[Reference]:
        """Read the foreign keys of some tables and those that refer to them."""
        found: dict[Reference, None] = {}
        for _, row in query_tables(self.connection, _REFERENCES, tables):
            schema, table, name, columns, at, target, referred, serving, text = row
            match = _WORDS.fullmatch(text)
            assert match is not None, text
            reference = Reference(
                self._schema(schema),
                table,
                name,
                tuple(columns),
                (self._schema(at), target),
                tuple(referred),
                frozenset(serving),
                match[1],
            )
            found[reference] = None
        return list(found)

    def _schema(self, name: str) -> str | None:
        default = self.connection.dialect.default_schema_name
        return None if name == default else name

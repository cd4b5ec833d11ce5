"""What PostgreSQL's catalog says of all tables, one row a table.

A *word* stands for everything that reflection tells of a column, key or index beside
names, defaults and comments: what has one word is told alike. The server makes them of
its own texts, less the names at their beginning; a text that begins in another way than
the plain one, and whatever else may be told in a way of its own, gets a word of its own.
"""

from __future__ import annotations

import json
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

_FIRST_VERSION = (12,)
"""Older ones have no generated columns, and each of their tables has its own word."""

Column: t.TypeAlias = tuple[str, str, "str | None", "str | None"]
"""Name, word, default and comment; the word says whether there is a default."""

Constraint: t.TypeAlias = tuple[
    str, str, str, list[str], "str | None", "str | None", list[str]
]
"""PostgreSQL's letter for its kind (p, u, f or c), name, word, columns; of a foreign key
the schema, unless it can be left out, the table and the columns that it refers to."""

Index: t.TypeAlias = tuple[str, str, list[str]]
"""Name, word and columns of one that isn't the primary key's."""


class Table(t.NamedTuple):
    """A table in the catalog.

    :param id: Its oid, as text.
    :param listed: It isn't a foreign table.
    :param visible: It can be named without its schema.
    :param word: Its options.
    """

    id: str
    schema: str
    name: str
    listed: bool
    visible: bool
    word: str
    comment: str | None
    columns: list[Column]
    constraints: list[Constraint]
    indexes: list[Index]

    def words(self) -> set[str]:
        """All its words; those of different kinds differ."""
        return {
            self.word,
            *[word for _, word, *_ in self.columns],
            *[word for _, _, word, *_ in self.constraints],
            *[word for _, word, _ in self.indexes],
        }


_WORD = """concat_ws(' ', 'table', c.relkind, c.relam, c.reltablespace, c.reloptions,
  (SELECT min(h.inhrelid::bigint) FROM pg_inherits h WHERE h.inhrelid = c.oid))"""

_COMMENT = """(SELECT o.description FROM pg_description o WHERE o.objoid = c.oid
  AND o.classoid = 'pg_class'::regclass AND o.objsubid = 0)"""

# The oids of the server's own types are small; others may be enums and domains, whose
# objects belong to one column each.
_COLUMNS = r"""(SELECT json_agg(json_build_array(a.attname,
  concat_ws(' ', a.atttypid, a.atttypmod, a.attcollation, a.attnotnull,
   CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' OR a.atttypid >= 10000
     AND EXISTS (SELECT FROM pg_type y LEFT JOIN pg_type e ON e.oid = y.typelem
     WHERE y.oid = a.atttypid AND 'b' <> ANY (ARRAY[y.typtype, e.typtype]))
    THEN a.attrelid || '.' || a.attnum
    WHEN d.text IS NULL THEN NULL
    WHEN d.text NOT LIKE '%nextval%' THEN 'default'
    WHEN d.text ~ '^nextval\(''[^'']+''::regclass\)$' THEN 'nextval'
    ELSE a.attrelid || '.' || a.attnum END),
  d.text, o.description) ORDER BY a.attnum)::text
 FROM pg_attribute a
 LEFT JOIN LATERAL (SELECT pg_get_expr(f.adbin, f.adrelid) AS text FROM pg_attrdef f
  WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum) d ON a.atthasdef
 LEFT JOIN pg_description o ON o.objoid = c.oid
  AND o.classoid = 'pg_class'::regclass AND o.objsubid = a.attnum
 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"""

_NAMES = """LEFT JOIN LATERAL (SELECT json_agg(a.attname ORDER BY u.place) AS names,
   string_agg(quote_ident(a.attname), ', ' ORDER BY u.place) AS quoted
  FROM unnest({numbers}) WITH ORDINALITY u (number, place)
  JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number
  WHERE u.place <= {most}) {name} ON true"""

_CONSTRAINTS = f"""(SELECT json_agg(json_build_array(k.contype, k.conname,
  CASE WHEN starts_with(k.text, k.plain) AND NOT EXISTS (SELECT FROM pg_description o
    WHERE o.objoid = k.oid AND o.classoid = 'pg_constraint'::regclass)
   THEN k.contype || substr(k.text, length(k.plain) + 1) ELSE k.contype || k.oid END,
  k.names, k.nspname, k.relname, k.referred) ORDER BY k.conname)::text
 FROM (SELECT k.oid, k.contype::text, k.conname, r.relname, own.names, theirs.names AS referred,
   pg_get_constraintdef(k.oid, true) AS text, CASE k.contype
   WHEN 'p' THEN 'PRIMARY KEY (' || own.quoted || ')'
   WHEN 'u' THEN 'UNIQUE (' || own.quoted || ')'
   WHEN 'f' THEN 'FOREIGN KEY (' || own.quoted || ') REFERENCES '
    || k.confrelid::regclass || '(' || theirs.quoted || ')' END AS plain,
   CASE WHEN NOT pg_table_is_visible(r.oid) THEN s.nspname END AS nspname
  FROM pg_constraint k
  LEFT JOIN pg_class r ON r.oid = k.confrelid
  LEFT JOIN pg_namespace s ON s.oid = r.relnamespace
  {_NAMES.format(numbers="k.conkey", table="k.conrelid", most="1000", name="own")}
  {_NAMES.format(numbers="k.confkey", table="k.confrelid", most="1000", name="theirs")}
  WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c')) k)"""

_INDEXES = f"""(SELECT json_agg(json_build_array(x.relname, CASE
   WHEN starts_with(x.text, x.plain)
   THEN concat_ws(' ', x.indisunique, x.indisvalid, x.kept, 'index')
    || substr(x.text, length(x.plain) + 1)
   ELSE 'index ' || x.oid END, x.names) ORDER BY x.relname)::text
 FROM (SELECT r.oid, r.relname, i.indisunique, i.indisvalid, own.names,
   EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conindid = r.oid
    AND k.contype IN ('p', 'u', 'x')) AS kept,
   pg_get_indexdef(r.oid) AS text, 'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE '
    ELSE '' END || 'INDEX ' || quote_ident(r.relname) || ' ON ' || quote_ident(n.nspname)
    || '.' || quote_ident(c.relname) || ' USING btree (' || own.quoted || ')' AS plain
  FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
  {_NAMES.format(numbers="i.indkey", table="c.oid", most="i.indnkeyatts", name="own")}
  WHERE i.indrelid = c.oid AND NOT i.indisprimary) x)"""

_TABLES = """\
SELECT c.oid::text, n.nspname, c.relname, c.relkind <> 'f', pg_table_is_visible(c.oid),
 {facts}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (
 n.nspname = ANY (CAST(:schemas AS text[]))
 OR (CAST(:default AS boolean) AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'))
 AND (CAST(:ids AS text[]) IS NULL OR c.oid::text = ANY (CAST(:ids AS text[])))
ORDER BY n.nspname, c.relname"""

_FACTS = ",\n ".join((_WORD, _COMMENT, _COLUMNS, _CONSTRAINTS, _INDEXES))
_NO_FACTS = "c.oid::text, NULL, NULL, NULL, NULL"


def read(
    connection: sa.Connection,
    schemas: t.Collection[str | None],
    ids: t.Collection[str] | None = None,
) -> list[Table]:
    """Read the tables of some schemas.

    :param schemas: None for those that can be named without one.
    :param ids: Only these, if given.
    """
    version = connection.dialect.server_version_info or ()
    facts = _FACTS if version >= _FIRST_VERSION else _NO_FACTS
    query = sa.text(_TABLES.format(facts=facts).replace("::", r"\:\:")).bindparams(
        sa.bindparam("schemas", type_=ARRAY(sa.Text)),
        sa.bindparam("default", type_=sa.Boolean),
        sa.bindparam("ids", type_=ARRAY(sa.Text)),
    )
    given = {
        "schemas": [schema for schema in schemas if schema],
        "default": None in schemas,
        "ids": None if ids is None else list(ids),
    }
    return [
        Table(*row[:7], *[json.loads(parts) if parts else [] for parts in row[7:]])
        for row in connection.execute(query, given)
    ]

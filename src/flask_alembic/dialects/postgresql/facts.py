"""What PostgreSQL's catalog says of all tables, one row a table.

A *word* stands for everything that reflection tells of a column, key or index beside
names, defaults and comments: what has one word is told alike. The server makes them of
its own texts, less the names at their beginning; a text that begins in another way than
the plain one, and whatever else may be told in a way of its own, gets a word of its own.
"""

from __future__ import annotations

import functools
import itertools
import json
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

_FIRST_VERSION = (12,)
"""Older ones have no generated columns, and each of their tables has its own word."""


class Words(t.NamedTuple):
    """A table's words; those of different kinds differ.

    :param table: Its options.
    :param constraints: Each begins with PostgreSQL's letter for its kind: p, u, f or c.
    :param indexes: Of all but the primary key's.
    """

    table: str
    columns: list[str]
    constraints: list[str]
    indexes: list[str]

    def each(self) -> t.Iterator[str]:
        """One after the other."""
        return itertools.chain(
            (self.table,), self.columns, self.constraints, self.indexes
        )


Constraint: t.TypeAlias = tuple[str, list[str], "str | None", str, list[str]]
"""Name and columns; the schema, unless it can be left out, the table and the columns that
a foreign key refers to, nothing for others."""

Index: t.TypeAlias = tuple[str, list[str]]
"""Name and columns."""


class Parts(t.NamedTuple):
    """What else there is to say of a table, in the order of its words.

    :param names: The columns'.
    :param defaults: Theirs; whether there is one is said by the word, too.
    :param comments: Theirs.
    """

    names: list[str]
    defaults: list[str | None]
    comments: list[str | None]
    constraints: list[Constraint]
    indexes: list[Index]


class Table(t.NamedTuple):
    """A table in the catalog.

    :param id: Its oid, as text.
    :param listed: It isn't a foreign table.
    :param visible: It can be named without its schema.
    :param text: Its parts as JSON, which few look at more than once.
    """

    id: str
    schema: str
    name: str
    listed: bool
    visible: bool
    comment: str | None
    words: Words
    text: str

    def parts(self) -> Parts:
        """Take its text apart."""
        return Parts._make(_decode(self.text)[0])


_decode = json.JSONDecoder().raw_decode

_WORD = """concat_ws(' ', 'table', c.relkind, c.relam, c.reltablespace, c.reloptions,
  (SELECT min(h.inhrelid::bigint) FROM pg_inherits h WHERE h.inhrelid = c.oid))"""

_COMMENT = """(SELECT o.description FROM pg_description o WHERE o.objoid = c.oid
  AND o.classoid = 'pg_class'::regclass AND o.objsubid = 0)"""

# What stands in an ordered subquery is worked out once, and is put together in its order.
# The oids of the server's own types are small; others may be enums and domains, whose
# objects belong to one column each.
_COLUMNS = r"""
 SELECT json_agg(concat_ws(' ', a.atttypid, a.atttypmod, a.attcollation, a.attnotnull,
   CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' OR a.atttypid >= 10000
     AND EXISTS (SELECT FROM pg_type y LEFT JOIN pg_type e ON e.oid = y.typelem
     WHERE y.oid = a.atttypid AND 'b' <> ANY (ARRAY[y.typtype, e.typtype]))
    THEN c.oid || '.' || a.attnum
    WHEN a.text IS NULL THEN NULL
    WHEN a.text NOT LIKE '%nextval%' THEN 'default'
    WHEN a.text ~ '^nextval\(''[^'']+''::regclass\)$' THEN 'nextval'
    ELSE c.oid || '.' || a.attnum END)) AS words,
  json_agg(a.attname) AS names,
  json_agg(a.text) AS defaults,
  json_agg(a.description) AS comments
 FROM (SELECT a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull,
   a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid) AS text, o.description
  FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON a.atthasdef AND d.adrelid = c.oid AND d.adnum = a.attnum
  LEFT JOIN pg_description o ON o.objoid = c.oid
   AND o.classoid = 'pg_class'::regclass AND o.objsubid = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum) a"""

_NAMES = """LEFT JOIN LATERAL (SELECT json_agg(a.attname) AS names,
   string_agg(quote_ident(a.attname), ', ') AS quoted
  FROM (SELECT a.attname FROM unnest({numbers}) WITH ORDINALITY u (number, place)
   JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number
   WHERE u.place <= {most} ORDER BY u.place) a) {name} ON true"""

_CONSTRAINTS = f"""
 SELECT json_agg(CASE
   WHEN starts_with(k.text, k.plain) AND NOT EXISTS (SELECT FROM pg_description o
    WHERE o.objoid = k.oid AND o.classoid = 'pg_constraint'::regclass)
   THEN k.contype || substr(k.text, length(k.plain) + 1)
   ELSE k.contype || k.oid END) AS words,
  json_agg(json_build_array(k.conname, k.names, k.nspname, k.relname, k.referred)) AS parts
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
  {_NAMES.format(numbers="k.conkey", table="c.oid", most="1000", name="own")}
  {_NAMES.format(numbers="k.confkey", table="k.confrelid", most="1000", name="theirs")}
  WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c')
  ORDER BY k.conname) k"""

_INDEXES = f"""
 SELECT json_agg(CASE WHEN starts_with(x.text, x.plain)
   THEN concat_ws(' ', x.indisunique, x.indisvalid, x.kept, 'index')
    || substr(x.text, length(x.plain) + 1)
   ELSE 'index ' || x.oid END) AS words,
  json_agg(json_build_array(x.relname, x.names)) AS parts
 FROM (SELECT r.oid, r.relname, i.indisunique, i.indisvalid, own.names,
   EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conindid = r.oid
    AND k.contype IN ('p', 'u', 'x')) AS kept,
   pg_get_indexdef(r.oid) AS text, 'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE '
    ELSE '' END || 'INDEX ' || quote_ident(r.relname) || ' ON ' || quote_ident(n.nspname)
    || '.' || quote_ident(c.relname) || ' USING btree (' || own.quoted || ')' AS plain
  FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
  {_NAMES.format(numbers="i.indkey", table="c.oid", most="i.indnkeyatts", name="own")}
  WHERE i.indrelid = c.oid AND NOT i.indisprimary
  ORDER BY r.relname) x"""


def _list(*lists: str) -> str:
    """Put lists together, each of which is missing where nothing is in it."""
    return ", ".join(f"coalesce({one}, '[]')" for one in lists)


_FACTS = f"""
 json_build_array({_WORD}, {_list("cs.words", "ks.words", "xs.words")})::text,
 json_build_array({
    _list("cs.names", "cs.defaults", "cs.comments", "ks.parts", "xs.parts")
})::text"""
_NO_FACTS = """json_build_array(c.oid::text, '[]'::json, '[]'::json, '[]'::json)::text,
 '[[], [], [], [], []]'"""
_PARTS = f"""
LEFT JOIN LATERAL ({_COLUMNS}) cs ON true
LEFT JOIN LATERAL ({_CONSTRAINTS}) ks ON true
LEFT JOIN LATERAL ({_INDEXES}) xs ON true"""

_TABLES = f"""\
SELECT c.oid::text, n.nspname, c.relname, c.relkind <> 'f', pg_table_is_visible(c.oid),
 {_COMMENT}, {{facts}}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {{parts}}
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND (
 n.nspname = ANY (CAST(:schemas AS text[]))
 OR (CAST(:default AS boolean) AND pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'))
 AND (CAST(:ids AS text[]) IS NULL OR c.oid::text = ANY (CAST(:ids AS text[])))
ORDER BY n.nspname, c.relname"""


@functools.cache
def _query(*, known: bool) -> sa.TextClause:
    facts, parts = (_FACTS, _PARTS) if known else (_NO_FACTS, "")
    text = _TABLES.format(facts=facts, parts=parts).replace("::", r"\:\:")
    return sa.text(text).bindparams(
        sa.bindparam("schemas", type_=ARRAY(sa.Text)),
        sa.bindparam("default", type_=sa.Boolean),
        sa.bindparam("ids", type_=ARRAY(sa.Text)),
    )


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
    given = {
        "schemas": [schema for schema in schemas if schema],
        "default": None in schemas,
        "ids": None if ids is None else list(ids),
    }
    rows = connection.execute(_query(known=version >= _FIRST_VERSION), given).all()
    # Once is much quicker than once a table.
    words = json.loads(f"[{','.join(row[6] for row in rows)}]")
    return [
        Table(oid, schema, name, listed, visible, comment, Words._make(of), text)
        for (oid, schema, name, listed, visible, comment, _, text), of in zip(
            rows, words, strict=True
        )
    ]

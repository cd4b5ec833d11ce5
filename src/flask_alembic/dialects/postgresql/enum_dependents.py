"""What has to go while an enum is made anew, as PostgreSQL's catalog has it.

No column gets another type while a computed one uses it, and a condition or a foreign key
would compare the old type with the new one.

Sources: https://www.postgresql.org/docs/current/catalog-pg-depend.html and
https://www.postgresql.org/docs/current/ddl-generated-columns.html
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ..base import dotted
from ..base import sql_string
from ..enums import Dependent
from .expressions import lost_expression

# Partitions and heirs get what their parents get.
_DEPENDENTS = """\
WITH types AS (
 SELECT oid, typarray FROM pg_type WHERE oid = ANY (CAST(:types AS regtype[]))
), typed AS (
 SELECT t.oid AS type, a.attrelid AS relation, a.attnum AS number
 FROM types t JOIN pg_attribute a ON a.atttypid IN (t.oid, t.typarray)
 WHERE a.attnum > 0 AND NOT a.attisdropped
), named AS (
 SELECT t.oid AS type, d.classid, d.objid, d.objsubid
 FROM types t JOIN pg_depend d ON d.refobjid IN (t.oid, t.typarray)
 WHERE d.refclassid = 'pg_type'::regclass
), used AS (
 SELECT typed.type, d.classid, d.objid, d.objsubid
 FROM typed JOIN pg_depend d ON d.refobjid = typed.relation
  AND d.refobjsubid = typed.number AND d.refclassid = 'pg_class'::regclass
 UNION SELECT * FROM named
), generated AS (
 SELECT a.attrelid AS relation, a.attnum AS number, d.oid AS expression
 FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attgenerated <> '' AND a.attinhcount = 0 AND NOT a.attisdropped
), computed AS (
 SELECT used.type, g.relation, g.number FROM generated g
 JOIN used ON used.classid = 'pg_attrdef'::regclass AND used.objid = g.expression
 UNION
 SELECT used.type, g.relation, g.number FROM generated g
 JOIN used ON used.classid = 'pg_class'::regclass AND used.objid = g.relation
  AND used.objsubid = g.number
 UNION
 SELECT typed.type, g.relation, g.number FROM generated g
 JOIN typed USING (relation, number)
), around AS (
 SELECT c.type, d.classid, d.objid, c.relation, c.number
 FROM computed c JOIN pg_depend d ON d.refobjid = c.relation
  AND d.refobjsubid = c.number AND d.refclassid = 'pg_class'::regclass
), served AS (
 SELECT around.type, coalesce(k.conindid, i.indexrelid) AS index, relation, number
 FROM around
 LEFT JOIN pg_constraint k ON classid = 'pg_constraint'::regclass AND k.oid = objid
  AND k.contype IN ('p', 'u')
 LEFT JOIN pg_index i ON classid = 'pg_class'::regclass AND i.indexrelid = objid
), touched AS (
 SELECT type, classid, objid, NULL::oid AS relation, NULL::smallint AS number
 FROM used WHERE objsubid = 0
 UNION SELECT * FROM around
 UNION
 SELECT s.type, 'pg_constraint'::regclass, k.oid, s.relation, s.number
 FROM served s JOIN pg_constraint k ON k.contype = 'f' AND k.conindid = s.index
), owned AS (
 SELECT type, coalesce(k.tableoid, classid) AS classid, coalesce(k.oid, objid) AS objid,
  relation, number
 FROM touched LEFT JOIN pg_constraint k ON classid = 'pg_class'::regclass
  AND k.conindid = objid AND k.contype <> 'f'
), needed AS (
 SELECT touched.type, classid, objid,
  array_agg(ARRAY[n.nspname::text, c.relname::text, a.attname::text])
   FILTER (WHERE a.attnum IS NOT NULL) AS columns
 FROM owned touched
 LEFT JOIN pg_attribute a ON a.attrelid = touched.relation AND a.attnum = touched.number
 LEFT JOIN pg_class c ON c.oid = a.attrelid
 LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 GROUP BY 1, 2, 3
)
SELECT computed.type::regtype::text, 'column', n.nspname::text, c.relname::text,
 a.attname::text, format_type(a.atttypid, a.atttypmod)
 || CASE WHEN a.attcollation <> y.typcollation THEN (
  SELECT format(' COLLATE %I.%I', o.nspname, l.collname) FROM pg_collation l
  JOIN pg_namespace o ON o.oid = l.collnamespace WHERE l.oid = a.attcollation)
 ELSE '' END
 || ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
 || CASE a.attgenerated WHEN 'v' THEN ') VIRTUAL' ELSE ') STORED' END
 || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
 col_description(a.attrelid, a.attnum), NULL
FROM computed
JOIN pg_attribute a ON a.attrelid = computed.relation AND a.attnum = computed.number
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_type y ON y.oid = a.atttypid
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT needed.type::regtype::text, 'index', n.nspname::text, t.relname::text,
 c.relname::text, CASE c.relkind WHEN 'i' THEN pg_get_indexdef(c.oid)
 ELSE regexp_replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') END, obj_description(c.oid, 'pg_class'), columns
FROM needed JOIN pg_class c ON needed.classid = 'pg_class'::regclass
 AND c.oid = needed.objid AND c.relkind IN ('i', 'I') AND NOT c.relispartition
JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE columns IS NOT NULL OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
UNION ALL
SELECT needed.type::regtype::text, CASE k.contype WHEN 'f' THEN 'foreign key'
 ELSE 'constraint' END, n.nspname::text, c.relname::text, k.conname::text,
 pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'), columns
FROM needed JOIN pg_constraint k ON needed.classid = 'pg_constraint'::regclass
 AND k.oid = needed.objid AND k.coninhcount = 0 AND k.conparentid = 0
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'f', 'x') OR columns IS NOT NULL AND k.contype IN ('p', 'u')
ORDER BY 1, 3, 4, 5"""

_ORDER = ("column", "constraint", "index", "foreign key")
"""Kinds as they are made; what is dropped goes the other way."""


def read(
    connection: sa.Connection,
    types: t.Sequence[str],
    schema: t.Callable[[str], str | None],
) -> dict[str, tuple[Dependent, ...]]:
    """Read what enums have.

    :param types: What they are called in expressions.
    :param schema: Gives None for the default one.
    :return: By type, in the order in which they are made.
    """
    found: dict[str, list[Dependent]] = {}
    quote = connection.dialect.identifier_preparer.quote
    bound = sa.bindparam("types", list(types), type_=ARRAY(sa.Text))
    rows = connection.execute(sa.text(_DEPENDENTS).bindparams(bound)).all()
    for type_, kind, at, table, name, definition, comment, columns in rows:
        key = schema(at), table, name
        place = dotted(quote, *key[:2])
        own = quote(name)
        if kind == "index":
            place = own = dotted(quote, schema(at), name)
        drop, create, what = (
            text.format(place=place, own=own) for text in _WORDS[kind]
        )
        made = [f"{create}{definition}"]
        if comment is not None:
            made.append(f"COMMENT ON {what} IS {sql_string(comment)}")
        needs = ((schema(each[0]), each[1], each[2]) for each in columns or ())
        found.setdefault(type_, []).append(
            Dependent(
                kind,
                *key,
                drop,
                tuple(made),
                frozenset(needs),
                lost_expression(quote, key) if kind == "column" else "",
            )
        )
    for several in found.values():
        several.sort(key=lambda one: _ORDER.index(one.kind))
    return {type_: tuple(several) for type_, several in found.items()}


_CONSTRAINT = (
    "ALTER TABLE {place} DROP CONSTRAINT {own}",
    "ALTER TABLE {place} ADD CONSTRAINT {own} ",
    "CONSTRAINT {own} ON {place}",
)
_WORDS: t.Mapping[str, tuple[str, str, str]] = {
    "column": (
        "ALTER TABLE {place} DROP COLUMN {own}",
        "ALTER TABLE {place} ADD COLUMN {own} ",
        "COLUMN {place}.{own}",
    ),
    "index": ("DROP INDEX {place}", "", "INDEX {place}"),
    "constraint": _CONSTRAINT,
    "foreign key": _CONSTRAINT,
}
"""Kind -> how it is dropped, how it is made, and what it is called."""

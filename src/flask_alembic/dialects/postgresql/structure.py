"""Queries that write PostgreSQL's objects as the statements that make them.

Each gives rows of a name and a statement; what an extension has made is left to its
CREATE EXTENSION. Names are written as the connection's search path finds them.

Source: https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations


def _own(catalog: str, oid: str) -> str:
    """A condition: in a schema of the user's, and not an extension's."""
    return (
        f"(n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS"
        f" (SELECT 1 FROM pg_depend x WHERE x.classid = '{catalog}'::regclass"
        f" AND x.objid = {oid} AND x.deptype = 'e'))"
    )


def _name(column: str) -> str:
    return f"quote_ident(n.nspname) || '.' || quote_ident({column})"


_RELATIONS = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_TYPES = "pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace"

_SEQUENCE_OPTIONS = (
    "' INCREMENT BY ' || s.seqincrement || ' MINVALUE ' || s.seqmin || ' MAXVALUE '"
    " || s.seqmax || ' START WITH ' || s.seqstart || ' CACHE ' || s.seqcache"
    " || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END"
)

SCHEMAS = f"""
SELECT 'schema ' || n.nspname, 'CREATE SCHEMA IF NOT EXISTS ' || quote_ident(n.nspname)
FROM pg_namespace n WHERE {_own("pg_namespace", "n.oid")}
"""

EXTENSIONS = """
SELECT 'extension ' || e.extname, 'CREATE EXTENSION IF NOT EXISTS '
    || quote_ident(e.extname) || ' WITH SCHEMA ' || quote_ident(n.nspname)
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
"""

ENUMS = f"""
SELECT 'type ' || {_name("y.typname")}, 'CREATE TYPE ' || {_name("y.typname")}
    || ' AS ENUM (' || coalesce((SELECT string_agg(quote_literal(e.enumlabel), ', '
    ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = y.oid), '') || ')'
FROM {_TYPES} WHERE y.typtype = 'e' AND {_own("pg_type", "y.oid")}
"""

COMPOSITES = f"""
SELECT 'type ' || {_name("c.relname")}, 'CREATE TYPE ' || {_name("c.relname")} || ' AS ('
    || coalesce((SELECT string_agg(quote_ident(a.attname) || ' '
    || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')'
FROM {_RELATIONS} WHERE c.relkind = 'c' AND {_own("pg_type", "c.reltype")}
"""

DOMAINS = f"""
SELECT 'domain ' || {_name("y.typname")}, 'CREATE DOMAIN ' || {_name("y.typname")}
    || ' AS ' || format_type(y.typbasetype, y.typtypmod)
    || coalesce(' DEFAULT ' || y.typdefault, '')
    || CASE WHEN y.typnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' '
    || pg_get_constraintdef(k.oid), '') FROM pg_constraint k
    WHERE k.contypid = y.oid AND k.contype = 'c'), '')
FROM {_TYPES} WHERE y.typtype = 'd' AND {_own("pg_type", "y.oid")}
"""

SEQUENCES = f"""
SELECT 'sequence ' || {_name("c.relname")}, 'CREATE SEQUENCE ' || {_name("c.relname")}
    || ' AS ' || format_type(s.seqtypid, NULL) || {_SEQUENCE_OPTIONS}
FROM {_RELATIONS} JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE {_own("pg_class", "c.oid")} AND NOT EXISTS (SELECT 1 FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
"""

SEQUENCE_OWNERS = f"""
SELECT 'owner of ' || {_name("c.relname")}, 'ALTER SEQUENCE ' || {_name("c.relname")}
    || ' OWNED BY ' || d.refobjid::regclass || '.' || quote_ident(a.attname)
FROM {_RELATIONS} JOIN pg_depend d ON d.classid = 'pg_class'::regclass
    AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND {_own("pg_class", "c.oid")}
"""

FUNCTIONS = f"""
SELECT 'function ' || p.oid::regprocedure, pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p') AND {_own("pg_proc", "p.oid")}
"""

_COLUMN = f"""
    quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attcollation <> ty.typcollation THEN (SELECT ' COLLATE '
        || quote_ident(cn.nspname) || '.' || quote_ident(co.collname) FROM pg_collation co
        JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation)
        ELSE '' END
    || CASE WHEN a.attidentity <> '' THEN ' GENERATED '
        || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
        || ' AS IDENTITY (' || (SELECT 'SEQUENCE NAME ' || s.seqrelid::regclass
            || {_SEQUENCE_OPTIONS} FROM pg_depend d
            JOIN pg_sequence s ON s.seqrelid = d.objid
            WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'i'
            AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum) || ')'
        WHEN a.attgenerated = 's' THEN ' GENERATED ALWAYS AS ('
            || pg_get_expr(ad.adbin, ad.adrelid) || ') STORED'
        WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS ('
            || pg_get_expr(ad.adbin, ad.adrelid) || ') VIRTUAL'
        ELSE coalesce(' DEFAULT ' || pg_get_expr(ad.adbin, ad.adrelid), '') END
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
"""

TABLES = f"""
SELECT 'table ' || {_name("c.relname")}, 'CREATE '
    || CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END || 'TABLE '
    || {_name("c.relname")}
    || CASE WHEN c.relispartition THEN (SELECT ' PARTITION OF ' || i.inhparent::regclass
            FROM pg_inherits i WHERE i.inhrelid = c.oid)
            || ' ' || pg_get_expr(c.relpartbound, c.oid)
        ELSE ' (' || coalesce((SELECT string_agg({_COLUMN}, ', ' ORDER BY a.attnum)
            FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid
            LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attislocal), '') || ')'
            || coalesce((SELECT ' INHERITS (' || string_agg(i.inhparent::regclass::text,
            ', ' ORDER BY i.inhseqno) || ')' FROM pg_inherits i
            WHERE i.inhrelid = c.oid), '') END
    || CASE WHEN c.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid)
        ELSE '' END
FROM {_RELATIONS} WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    AND {_own("pg_class", "c.oid")}
ORDER BY c.relispartition, c.oid
"""

CONSTRAINTS = f"""
SELECT 'constraint ' || k.conname || ' of ' || c.relname, 'ALTER TABLE '
    || {_name("c.relname")} || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' '
    || pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN {_RELATIONS} ON k.conrelid = c.oid
WHERE k.contype IN ('p', 'u', 'c', 'x', 'f') AND k.conislocal AND k.conparentid = 0
    AND {_own("pg_class", "c.oid")}
ORDER BY position(k.contype::text IN 'pucxf'), k.oid
"""

INDEXES = f"""
SELECT 'index ' || c.relname, pg_get_indexdef(c.oid)
FROM {_RELATIONS} JOIN pg_index i ON i.indexrelid = c.oid
WHERE NOT c.relispartition AND {_own("pg_class", "i.indrelid")}
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid
    AND k.contype IN ('p', 'u', 'x'))
"""

VIEWS = f"""
SELECT 'view ' || {_name("c.relname")}, 'CREATE '
    || CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END || 'VIEW '
    || {_name("c.relname")} || ' AS ' || pg_get_viewdef(c.oid)
FROM {_RELATIONS} WHERE c.relkind IN ('v', 'm') AND {_own("pg_class", "c.oid")}
ORDER BY c.oid
"""

TRIGGERS = f"""
SELECT 'trigger ' || g.tgname || ' of ' || c.relname, pg_get_triggerdef(g.oid)
FROM pg_trigger g JOIN {_RELATIONS} ON g.tgrelid = c.oid
WHERE NOT g.tgisinternal AND NOT c.relispartition AND {_own("pg_class", "c.oid")}
"""

COMMENTS = f"""
SELECT 'comment on ' || c.relname, 'COMMENT ON '
    || CASE WHEN d.objsubid = 0 THEN 'TABLE ' || {_name("c.relname")}
        ELSE 'COLUMN ' || {_name("c.relname")} || '.' || quote_ident(a.attname) END
    || ' IS ' || quote_literal(d.description)
FROM pg_description d JOIN {_RELATIONS} ON d.objoid = c.oid
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
WHERE d.classoid = 'pg_class'::regclass AND c.relkind IN ('r', 'p')
    AND {_own("pg_class", "c.oid")}
"""

FOREIGN_TABLES = f"""
SELECT 'foreign table ' || {_name("c.relname")} FROM {_RELATIONS}
WHERE c.relkind = 'f' AND {_own("pg_class", "c.oid")}
"""

APART = (
    SCHEMAS,
    EXTENSIONS,
    ENUMS,
    COMPOSITES,
    DOMAINS,
    SEQUENCES,
    FUNCTIONS,
    VIEWS,
    TRIGGERS,
)
"""What isn't reflected with tables."""

IN_ORDER = (
    SCHEMAS,
    EXTENSIONS,
    ENUMS,
    COMPOSITES,
    DOMAINS,
    SEQUENCES,
    FUNCTIONS,
    TABLES,
    SEQUENCE_OWNERS,
    CONSTRAINTS,
    INDEXES,
    VIEWS,
    TRIGGERS,
    COMMENTS,
)
"""What can be made, in an order in which most objects find what they need."""

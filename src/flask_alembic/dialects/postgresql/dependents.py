"""Views, rules, triggers and policies: PostgreSQL keeps the columns that they name.

Source: https://www.postgresql.org/docs/current/ddl-depend.html
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..base import sql_string
from ..dependents import ColumnName
from ..dependents import Dependent
from .bulk import query_tables

_DEPENDENTS = """\
SELECT given.place, a.attname, d.classid::regclass::text,
 CASE WHEN r.ev_class = given.oid THEN 'rule' WHEN v.relkind = 'm'
  THEN 'materialized view' WHEN v.relkind IS NOT NULL THEN 'view'
  WHEN g.oid IS NOT NULL THEN 'trigger' ELSE 'policy' END,
 coalesce(CASE WHEN r.ev_class = given.oid THEN r.rulename END, g.tgname, p.polname),
 coalesce(r.ev_class, given.oid)::regclass::text
FROM {given} JOIN pg_attribute a ON a.attrelid = given.oid
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = given.oid
 AND d.refobjsubid = a.attnum
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class
LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
WHERE d.deptype = 'n' AND coalesce(r.oid, g.oid, p.oid) IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"""

_NAMES: t.Mapping[str, tuple[str, str]] = {
    "pg_rewrite": ("rulename", "ev_class"),
    "pg_trigger": ("tgname", "tgrelid"),
    "pg_policy": ("polname", "polrelid"),
}
"""Catalog -> its columns for the name and the table."""


def dependents(
    connection: sa.Connection, columns: t.Sequence[ColumnName]
) -> list[Dependent]:
    """Find what names some columns."""
    asked = {(c.schema, c.table, c.column): c for c in columns}
    tables = list(dict.fromkeys((c.schema, c.table) for c in columns))
    found: list[Dependent] = []
    for key, row in query_tables(connection, _DEPENDENTS, tables):
        column, catalog, kind, name, table = row
        needs = asked.get((*key, column))
        if needs is not None:
            what = f"{kind} {table}" if name is None else f"{kind} {name} on {table}"
            found.append(Dependent(needs, what, _query(catalog, name, table)))
    return found


def _query(catalog: str, name: str | None, table: str) -> str:
    relation = f"to_regclass({sql_string(table)})"
    if name is None:
        return f"SELECT 1 FROM pg_class WHERE oid = {relation}"
    name_column, table_column = _NAMES[catalog]
    return (
        f"SELECT 1 FROM {catalog} WHERE {name_column} = {sql_string(name)}"
        f" AND {table_column} = {relation}"
    )

"""Changes of type that PostgreSQL makes only if it is told how.

Source: https://www.postgresql.org/docs/current/catalog-pg-cast.html
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError

_CASTS = sa.text(
    "WITH kinds AS ("
    " SELECT oid, CASE WHEN typcategory = 'A' THEN typelem ELSE oid END AS one"
    " FROM pg_type WHERE oid IN (to_regtype(:old), to_regtype(:new)))"
    " SELECT o.one = n.one OR c.castcontext IN ('a', 'i')"
    " OR (c.castcontext IS NULL AND t.typcategory = 'S'),"
    # What has no cast goes by way of a type that has one to and from both.
    " CASE WHEN c.castcontext IS NOT NULL THEN ''"
    " WHEN t.typcategory IN ('B', 'N') AND s.typcategory IN ('B', 'N') THEN '::int'"
    " ELSE '::text' END"
    " FROM kinds o CROSS JOIN kinds n JOIN pg_type s ON s.oid = o.one"
    " JOIN pg_type t ON t.oid = n.one"
    " LEFT JOIN pg_cast c ON c.castsource = o.one AND c.casttarget = n.one"
    " WHERE o.oid = to_regtype(:old) AND n.oid = to_regtype(:new)"
)
"""Whether one type becomes another by itself, and by which way otherwise."""

Type: t.TypeAlias = "sa.types.TypeEngine[t.Any]"


def conversion(
    connection: sa.Connection, column: str, old: Type, new: Type
) -> tuple[str, str] | None:
    """Write how values change their type and change back; None if they do it alone."""
    there, back = _cast(connection, old, new), _cast(connection, new, old)
    if there is None or back is None or (there[0] and back[0]):
        return None
    name = connection.dialect.identifier_preparer.quote(column)
    new_name, old_name = (_name(connection, type_) for type_ in (new, old))
    return f"{name}{there[1]}::{new_name}", f"{name}{back[1]}::{old_name}"


def _cast(connection: sa.Connection, old: Type, new: Type) -> tuple[bool, str] | None:
    """What the catalog says; None of a type that it doesn't have."""
    names = {"old": _name(connection, old), "new": _name(connection, new)}
    row = connection.execute(_CASTS, names).one_or_none()
    return None if row is None else (bool(row[0]), str(row[1]))


def _name(connection: sa.Connection, type_: Type) -> str | None:
    try:
        # A collation is no part of a type's name.
        return type_.compile(dialect=connection.dialect).partition(" COLLATE ")[0]
    except CompileError:
        return None

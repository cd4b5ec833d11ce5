"""SQLAlchemy's own reflection of PostgreSQL, for tables of any schemas at once.

It reads by schema. A copy of the dialect, made once for an engine, asks about tables with
certain oids in place of that, and so builds each of its queries once.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import typing as t
import weakref

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.engine.reflection import ObjectScope

from ..bulk import KINDS

_oids: contextvars.ContextVar[list[int]] = contextvars.ContextVar("flask_alembic_oids")
_readers: weakref.WeakKeyDictionary[sa.Engine, t.Any] = weakref.WeakKeyDictionary()


def read_kinds(
    connection: sa.Connection, ids: t.Sequence[str]
) -> dict[str, dict[str, t.Any]]:
    """Read all that SQLAlchemy tells of some tables.

    :param ids: Oids, as text.
    :return: Kind -> oid -> what is told.
    """
    reader = _readers.get(connection.engine)
    if reader is None:
        reader = _readers[connection.engine] = _reader(connection.dialect)
    found: dict[str, dict[str, t.Any]] = {}
    cache: dict[t.Any, t.Any] = {}
    token = _oids.set([int(id) for id in ids])
    try:
        for kind in KINDS:
            rows = getattr(reader, f"get_multi_{kind}")(
                connection,
                schema=None,
                filter_names=None,
                scope=ObjectScope.DEFAULT,
                kind=ObjectKind.TABLE,
                info_cache=cache,
            )
            # An older SQLAlchemy knows less, and says so as soon as one looks.
            with contextlib.suppress(NotImplementedError):
                found[kind] = {id: told for (_, id), told in rows}
    finally:
        _oids.reset(token)
    return found


def _reader(dialect: sa.Dialect) -> t.Any:
    """A copy of the dialect whose queries are about tables that are named by their oids.

    Tables of several schemas may have one name.
    """
    from sqlalchemy.dialects.postgresql import pg_catalog

    relname, oid = pg_catalog.pg_class.c.relname, pg_catalog.pg_class.c.oid
    wanted = sa.bindparam(
        "flask_alembic_oids", callable_=_oids.get, type_=ARRAY(sa.BigInteger)
    )

    def renamed(column: t.Any) -> t.Any:
        named = getattr(column, "element", column)
        return sa.cast(oid, sa.Text).label(column.name) if named is relname else column

    def only_these(
        query: t.Any, schema: t.Any, scope: t.Any, pg_class_table: t.Any = None
    ) -> t.Any:
        columns = [renamed(column) for column in query.selected_columns]
        query = query.with_only_columns(*columns)
        return query.where(sa.cast(oid, sa.BigInteger) == sa.any_(wanted))

    made: t.Any = copy.copy(dialect)
    made._pg_class_filter_scope_schema = only_these
    return made

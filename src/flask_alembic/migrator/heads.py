"""What a database says of itself: its version table, read without Alembic."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..results import Status
from ..settings import Settings
from .databases import Target
from .history import History


def applied_heads(connection: sa.Connection, settings: Settings) -> tuple[str, ...]:
    """Read the ids in the version table; none if there is no such table.

    One SELECT in the usual case. Inside a transaction the table is looked for first:
    on PostgreSQL a failing statement would end the caller's work.
    """
    name, schema = settings.version_table, settings.version_table_schema
    ids: sa.ColumnClause[str] = sa.column("version_num")
    rows = sa.select(ids).select_from(sa.table(name, schema=schema))
    if connection.in_transaction() and not _has_table(connection, name, schema):
        return ()
    try:
        found = connection.execute(rows).scalars().all()
    except DBAPIError:
        if connection.invalidated:
            raise
        connection.rollback()
        if _has_table(connection, name, schema):
            raise
        return ()
    return tuple(sorted(str(value) for value in found))


def _has_table(connection: sa.Connection, name: str, schema: str | None) -> bool:
    return sa.inspect(connection).has_table(name, schema=schema)


def judge(target: Target, applied: tuple[str, ...], history: History) -> Status:
    """Compare what is applied with what the code has."""
    unknown = history.unknown(applied)
    known = tuple(id_ for id_ in applied if id_ not in unknown)
    pending = () if unknown and not known else history.pending(known)
    state, note = "behind", None
    if history.overlapping(known):
        rows = ", ".join(history.overlapping(known))
        state, note = "unknown", f"rows of the version table overlap: {rows}"
    elif unknown and not any(history.describe(id_).children for id_ in known):
        state = "ahead"
        note = (
            f"presumed: {', '.join(unknown)} isn't in this code, which has nothing that"
            " is known to be missing; an older release, or another one's database"
        )
        pending = ()
    elif unknown:
        state, note = "diverged", f"{', '.join(unknown)} isn't in this code"
    elif not applied:
        state = "unstamped"
    elif not pending:
        state = "current"
    return Status(
        database=target.describe(),
        state=state,  # type: ignore[arg-type]  # one of the literals above
        current=applied,
        heads=tuple(history.heads),
        pending=pending,
        unknown=unknown,
        note=note,
    )


def unreadable(target: Target, error: DBAPIError, history: History) -> Status:
    """The status of a database whose version table can't be read."""
    reason = str(error.orig).strip().split("\n", 1)[0]
    return Status(
        database=target.describe(),
        state="unknown",
        current=(),
        heads=tuple(history.heads),
        note=f"the version table can't be read: {reason}",
    )

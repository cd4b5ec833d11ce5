"""What a database says of itself: its version table, read without Alembic."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

if t.TYPE_CHECKING:
    from ..results import Database
    from ..results import Status
    from ..settings import Settings
    from .history import History


class UnreadableError(Exception):
    """The version table is there, but can't be read.

    :param cause: What the driver said.
    """

    def __init__(self, cause: DBAPIError) -> None:
        self.cause = cause
        super().__init__(str(cause))


def applied_heads(connection: sa.Connection, settings: Settings) -> tuple[str, ...]:
    """Read the ids in the version table; none if there is no such table.

    One SELECT in the usual case. Inside a transaction the table is looked for first:
    on PostgreSQL a failing statement would end the caller's work.

    :raises UnreadableError: There is one, but it can't be read.
    """
    name, schema = settings.version_table, settings.version_table_schema
    ids: sa.ColumnClause[str] = sa.column("version_num")
    rows = sa.select(ids).select_from(sa.table(name, schema=schema))
    inside = connection.in_transaction()
    if inside and not _has_table(connection, name, schema):
        return ()
    try:
        with _surviving(connection) if inside else contextlib.nullcontext():
            found = connection.execute(rows).scalars().all()
    except DBAPIError as e:
        if connection.invalidated:
            raise
        if inside:
            raise UnreadableError(e) from e
        connection.rollback()
        there = _has_table(connection, name, schema)
        connection.rollback()
        if not there:
            return ()
        found = _read_again(connection, rows)
    return tuple(sorted(str(value) for value in found))


def _read_again(connection: sa.Connection, rows: sa.Select[t.Any]) -> t.Sequence[t.Any]:
    """Read what another process may have made since it wasn't there."""
    try:
        return connection.execute(rows).scalars().all()
    except DBAPIError as e:
        if connection.invalidated:
            raise
        connection.rollback()
        raise UnreadableError(e) from e


def _surviving(connection: sa.Connection) -> t.ContextManager[t.Any]:
    """Let the caller's transaction go on after an error in the block."""
    from .. import dialects

    if dialects.support(connection.dialect).error_ends_transaction:
        return connection.begin_nested()
    return contextlib.nullcontext()


def _has_table(connection: sa.Connection, name: str, schema: str | None) -> bool:
    return sa.inspect(connection).has_table(name, schema=schema)


def judge(
    database: Database,
    applied: tuple[str, ...],
    history: History,
    before: t.Collection[str] | None = None,
) -> Status:
    """Compare what is applied with what the code has.

    :param before: Revisions of the code that the unknown ones came after, as the record
        has it; None where nothing is recorded.
    """
    from ..results import Status

    unknown = history.unknown(applied)
    known = tuple(id_ for id_ in applied if id_ not in unknown)
    pending = () if unknown and not known else history.pending(known)
    state, note = "behind", None
    if history.overlapping(known):
        rows = ", ".join(history.overlapping(known))
        state, note = "unknown", f"rows of the version table overlap: {rows}"
    elif unknown and before is not None:
        pending = history.pending([*known, *before])
        state = "diverged" if pending else "ahead"
        came = f"{', '.join(unknown)} came after {', '.join(sorted(before)) or 'base'}"
        note = f"recorded: {came}"
    elif unknown and not any(_is_followed(history, id_) for id_ in known):
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
        database=database,
        state=state,  # type: ignore[arg-type]  # one of the literals above
        current=applied,
        heads=tuple(history.heads),
        pending=pending,
        unknown=unknown,
        note=note,
    )


def _is_followed(history: History, id_: str) -> bool:
    """Whether the code has something that comes after a revision."""
    entry = history.describe(id_)
    return bool(entry.children or entry.dependents)


def unreadable(
    database: Database, reason: str, history: History, *, reachable: bool
) -> Status:
    """The status of a database that can't be asked.

    :param reachable: Whether only its version table can't be read.
    """
    from ..results import Status

    what = "the version table can't be read" if reachable else "it can't be reached"
    return Status(
        database=database,
        state="unknown",
        current=(),
        heads=tuple(history.heads),
        note=f"{what}: {reason}",
        reachable=reachable,
    )

"""PostgreSQL: which tables a migration connection has locked, and how strongly.

A second connection looks, since it sees the tables as the application does: new ones
don't appear, since nobody can wait for them, and others have their old names.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ...results import Blocks
from ...results import TableLock
from ..base import LockTrace
from ..base import run_raw

MODES: t.Final = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""Table locks, the weakest first.

Source: https://www.postgresql.org/docs/current/explicit-locking.html
"""

# No function that measures a table: they lock it, and would wait for the migration.
_LOCKS = sa.text("""
    SELECT l.mode, c.oid::bigint AS oid, c.relname,
        CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text
            ELSE n.nspname || '.' || c.relname END AS name,
        c.relfilenode::bigint AS file,
        CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint
            ELSE pg_stat_get_live_tuples(c.oid) END AS rows,
        c.relpages::bigint * current_setting('block_size')::int AS bytes
    FROM pg_locks l
    JOIN pg_class c ON c.oid = l.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = :pid AND l.locktype = 'relation' AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
    ORDER BY name
""")


class PostgreSQLTrace(LockTrace):
    """Asks ``pg_locks`` after each step: locks last until the transaction's end."""

    def __init__(
        self,
        connection: sa.Connection,
        watching: sa.Connection,
        *,
        ignored: t.Collection[str],
    ) -> None:
        self._connection = connection
        self._watching = watching
        self._ignored = ignored
        self._pid = run_raw(connection, "SELECT pg_backend_pid()")[0][0]
        self._held: dict[int, int] = {}
        self._files: dict[int, int | None] = {}
        # Whatever happens, the migration must not wait for who watches it.
        for name in ("lock_timeout", "statement_timeout"):
            watching.exec_driver_sql(f"SET {name} = '2s'")

    def look(self) -> tuple[TableLock, ...]:
        """What is locked more strongly than at the last look, or was rewritten since."""
        strongest: dict[int, t.Any] = {}
        for row in self._watching.execute(_LOCKS, {"pid": self._pid}):
            before = strongest.get(row.oid)
            if before is None or _rank(row.mode) > _rank(before.mode):
                strongest[row.oid] = row
        rows = [r for r in strongest.values() if r.relname not in self._ignored]
        files = self._files_now([row.oid for row in rows])
        found = []
        for row in rows:
            now = files.get(row.oid, row.file)
            rewritten = now != self._files.get(row.oid, row.file)
            if rewritten or _rank(row.mode) > self._held.get(row.oid, -1):
                found.append(_table_lock(row, rewritten))
            self._held[row.oid], self._files[row.oid] = _rank(row.mode), now
        return tuple(found)

    def _files_now(self, oids: t.Sequence[int]) -> dict[int, int]:
        """The files of tables as the migration sees them; a dropped one has none."""
        if not oids:
            return {}
        ids = ", ".join(str(oid) for oid in oids)
        try:
            rows = run_raw(
                self._connection,
                "SELECT oid::bigint, relfilenode::bigint FROM pg_class"
                f" WHERE oid IN ({ids})",
            )
        except DBAPIError:
            # After an error in the transaction nothing can be asked in it.
            return {}
        return {oid: file for oid, file in rows}


def _rank(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else 0


def _table_lock(row: t.Any, rewritten: bool) -> TableLock:
    return TableLock(
        row.name,
        row.mode,
        _blocks(_rank(row.mode)),
        rewritten,
        row.rows,
        row.bytes,
    )


def _blocks(rank: int) -> Blocks:
    if rank == len(MODES) - 1:
        return "readers and writers"
    return "writers" if rank >= MODES.index("ShareLock") else "nobody"

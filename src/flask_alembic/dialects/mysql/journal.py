"""The journal of MySQL and MariaDB: a table, as long as a revision is unfinished.

Everything goes over the migration connection, by raw cursors: so what is written here
is committed together with what it describes, and SQLAlchemy's events don't see it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import typing as t

import sqlalchemy as sa

from ..base import journal_table
from ..journal import Entry
from ..journal import Key
from ..journal import NOTHING_GIVEN
from .values import hash_of

if t.TYPE_CHECKING:
    from ...results import Direction
    from ...results import StatementState
    from .listening import Listening

_COLUMNS = (
    "revision, direction, number, code, kind, digest, sql_text, objects,"
    " fingerprint, result, undoing, session"
)

# Its answer has the counter of the table, which grows with its rows.
_COUNTS = " AUTO_INCREMENT="
_COUNTER = re.compile(rf"{_COUNTS}\d+")

# No such table, view, trigger, routine, event, database or sequence.
_ABSENT = frozenset([1049, 1146, 1305, 1360, 1539, 4091])

_LONGEST_SQL = 10_000
"""How much of a statement is kept to be shown and taken back; its hash is of all."""


class MySQLJournal:
    """The journal beside one version table.

    :param table: The version table's name.
    :param schema: The version table's schema.
    """

    def __init__(
        self, connection: sa.Connection, *, table: str, schema: str | None
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._name = journal_table(table)
        quote = connection.dialect.identifier_preparer.quote_identifier
        parts = [schema, self._name] if schema else [self._name]
        self._table = ".".join(quote(part) for part in parts)
        style = connection.dialect.paramstyle
        self._mark = "?" if style == "qmark" else "%s"
        self._listening: Listening

    # -- raw cursors -------------------------------------------------------------------

    def run(self, sql: str, *values: t.Any) -> list[t.Any]:
        """Run SQL unseen by SQLAlchemy, with ``?`` where values go."""
        with contextlib.closing(self._connection.connection.cursor()) as cursor:
            if values:
                cursor.execute(sql.replace("?", self._mark), values)
            else:
                cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def commit(self) -> None:
        """Commit, without SQLAlchemy's event."""
        self._connection.dialect.do_commit(self._connection.connection)

    def rollback(self) -> None:
        """Roll back what isn't committed, without SQLAlchemy's event."""
        self._connection.dialect.do_rollback(self._connection.connection)

    @functools.cached_property
    def session(self) -> int:
        """The connection's number at the server."""
        return int(self.run("SELECT CONNECTION_ID()")[0][0])

    # -- the table ---------------------------------------------------------------------

    def create(self) -> None:
        """Make the table; commits."""
        self.run(
            f"CREATE TABLE IF NOT EXISTS {self._table} ("
            "revision VARCHAR(255) NOT NULL, direction VARCHAR(16) NOT NULL,"
            " number INT NOT NULL, code TEXT NOT NULL, kind VARCHAR(16) NOT NULL,"
            " digest CHAR(64), sql_text MEDIUMTEXT NOT NULL, objects TEXT NOT NULL,"
            " fingerprint CHAR(64), result LONGTEXT, undoing BOOL NOT NULL,"
            " session BIGINT NOT NULL, PRIMARY KEY (revision, direction, number)"
            ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
        )

    def _exists(self) -> bool:
        where = "?" if self._schema else "DATABASE()"
        found = self.run(
            "SELECT 1 FROM information_schema.tables"
            f" WHERE table_schema = {where} AND table_name = ?",
            *([self._schema] if self._schema else []),
            self._name,
        )
        return bool(found)

    def drop(self) -> bool:
        """Drop the table if nothing is in it; commits."""
        if not self._exists() or self.run(f"SELECT 1 FROM {self._table} LIMIT 1"):
            return False
        self.run(f"DROP TABLE {self._table}")
        return True

    def read(self) -> dict[Key, list[Entry]]:
        """All that is unfinished, in order."""
        if not self._exists():
            return {}
        found: dict[Key, list[Entry]] = {}
        for row in self.run(
            f"SELECT {_COLUMNS} FROM {self._table} ORDER BY revision, direction, number"
        ):
            key = Key(row[0], t.cast("Direction", row[1]))
            found.setdefault(key, []).append(_entry(row))
        for entries in found.values():
            # None is begun before the one ahead of it has come to its end.
            for entry in entries[:-1]:
                if entry.result is None:
                    entry.result = dict(NOTHING_GIVEN)
        return found

    def write(self, key: Key, entries: t.Iterable[Entry]) -> None:
        """Write entries in the open transaction, in place of those with their number."""
        marks = ", ".join([self._mark] * 12)
        sql = f"REPLACE INTO {self._table} ({_COLUMNS}) VALUES ({marks})"
        rows = [_row(key, entry) for entry in entries]
        if not rows:
            return
        with contextlib.closing(self._connection.connection.cursor()) as cursor:
            if len(rows) == 1:
                # A driver that makes one statement of several rows takes longer.
                cursor.execute(sql, rows[0])
            else:
                cursor.executemany(sql, rows)

    def forget(self, keys: t.Iterable[Key]) -> None:
        """Delete the entries of revisions, in the open transaction."""
        for key in keys:
            sql = f"DELETE FROM {self._table} WHERE revision = ? AND direction = ?"
            self.run(sql, *key)

    def settle(self, key: Key, entries: t.Sequence[Entry], code: str) -> None:
        """Write entries as they were judged, delete the others, and commit."""
        for entry in entries:
            entry.code = code
        self.forget([key])
        if entries:
            self.write(key, entries)
        self.commit()

    # -- what has run ------------------------------------------------------------------

    def runs(self, entry: Entry) -> bool:
        """Whether the server still works on it, for a client that may be gone."""
        if entry.session == self.session:
            return False
        found = self.run(
            "SELECT command FROM information_schema.processlist WHERE id = ?",
            entry.session,
        )
        return bool(found) and found[0][0] != "Sleep"

    def can_judge(self, entry: Entry) -> bool:
        """Whether it can be told later that a statement has run, should nobody say so."""
        return entry.kind == "schema" and entry.fingerprint is not None

    def judge(self, entry: Entry) -> StatementState:
        """Tell whether a statement that was begun has run."""
        if entry.done:
            return "done"
        if entry.kind == "repeat":
            return "missing"
        now = self.fingerprint(entry.objects)
        if entry.fingerprint is None or now is None:
            return "unknown"
        same = now == entry.fingerprint
        # What an inverse has changed is no longer there.
        return "missing" if same != entry.undoing else "done"

    def fingerprint(self, objects: t.Iterable[tuple[str, str]]) -> str | None:
        """A hash of how tables and the like are defined; None if it can't be told."""
        found = [self._definition(kind, name) for kind, name in objects]
        if not found or None in found:
            return None
        text = "\0".join(str(item) for item in found)
        return hash_of(text)

    def _definition(self, kind: str, name: str) -> str | None:
        # Names come from statements in which a driver doubles this sign.
        name = name.replace("%%", "%")
        try:
            row = self.run(f"SHOW CREATE {kind} {name}")[0]
        except self._connection.dialect.loaded_dbapi.Error as error:
            return "absent" if error.args and error.args[0] in _ABSENT else None
        # A definition that this user may not see is NULL.
        if None in row[:3]:
            return None
        text = str(row)
        return _COUNTER.sub("", text) if _COUNTS in text else text

    # -- both ways ---------------------------------------------------------------------

    def listening(self) -> contextlib.AbstractContextManager[t.Any]:
        """Listen to the connection in the block, once for all that is recorded."""
        from .listening import Listening

        self._listening = Listening(self._connection)
        return self._listening

    def recording(
        self, key: Key, entries: t.Sequence[Entry], code: str
    ) -> contextlib.AbstractContextManager[t.Any]:
        """Replay the entries, then record, while the revision's function runs."""
        from .recorder import Recorder

        return Recorder(self, self._connection, self._listening, key, entries, code)

    def inverse(self, entry: Entry) -> str | None:
        """SQL that takes a statement back; "" if there is nothing to take back."""
        # Only a repair asks.
        from .inverse import inverse

        unchanged = entry.kind == "write" and (entry.result or {}).get("rowcount") == 0
        if not entry.changes or unchanged:
            return ""
        return inverse(entry.sql) if entry.kind == "schema" else None

    def undo(self, key: Key, entry: Entry, sql: str) -> None:
        """Run an inverse, delete the entry, and commit."""
        if sql:
            entry.fingerprint, entry.undoing = self.fingerprint(entry.objects), True
            entry.session = self.session
            self.write(key, [entry])
            self.run(sql.replace("%%", "%"))
        self.remove(key, entry)

    def remove(self, key: Key, entry: Entry) -> None:
        """Delete an entry, and commit."""
        self.run(
            f"DELETE FROM {self._table}"
            " WHERE revision = ? AND direction = ? AND number = ?",
            *key,
            entry.number,
        )
        self.commit()


def _row(key: Key, entry: Entry) -> tuple[t.Any, ...]:
    return (
        *key,
        entry.number,
        entry.code,
        entry.kind,
        entry.digest,
        entry.sql[:_LONGEST_SQL],
        json.dumps(entry.objects),
        entry.fingerprint,
        None if entry.result is None else json.dumps(entry.result),
        entry.undoing,
        entry.session,
    )


def _entry(row: t.Sequence[t.Any]) -> Entry:
    return Entry(
        number=row[2],
        code=row[3],
        kind=row[4],
        digest=row[5],
        sql=row[6],
        objects=tuple((kind, name) for kind, name in json.loads(row[7])),
        fingerprint=row[8],
        result=None if row[9] is None else json.loads(row[9]),
        undoing=bool(row[10]),
        session=row[11],
    )

"""Watch the statements of a revision on MySQL: replay those of an interrupted run,
write down the others.

Reads and DML are only remembered. The statement that commits implicitly takes all of
them into the journal with it, together with itself as begun. That it has run is told by
the definitions, and from then on by the entry of the next such statement, which isn't
begun earlier; where the definitions don't tell, it is marked as done at once.
"""

from __future__ import annotations

import contextlib
import functools
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..journal import Divergence
from ..journal import Entry
from ..journal import Key
from ..journal import NOTHING_GIVEN
from .modes import Modes
from .results import give
from .results import result_of
from .statements import first_word
from .statements import meaning
from .statements import shortened
from .values import decode
from .values import digest
from .values import encode
from .values import UnstorableError

if t.TYPE_CHECKING:
    from .journal import MySQLJournal
    from .listening import Listening

_DEADLOCK = 1213


class Recorder(contextlib.AbstractContextManager["Recorder"]):
    """Is told what a connection does while a revision's function runs.

    :param listening: Tells it.
    :param entries: What an interrupted run has done; each one is done.
    """

    def __init__(
        self,
        journal: MySQLJournal,
        connection: sa.Connection,
        listening: Listening,
        key: Key,
        entries: t.Sequence[Entry],
        code: str,
    ) -> None:
        self._journal = journal
        self._connection = connection
        self._listening = listening
        self._key = key
        self._recorded = entries
        self._code = code
        self._count = 0
        self._entry: Entry | None = None
        self._replayed: Entry | None = None
        self._buffer: list[Entry] = []
        self._flushed: list[Entry] = []
        self._told: list[Entry] = []
        self._failure: Entry | None = None
        self._lock: Entry | None = None
        self._stopped: Divergence | None = None
        self._own_transaction = False
        self._modes = Modes(journal, connection)

    def __enter__(self) -> t.Self:
        self._listening.recorder = self
        return self

    def __exit__(self, kind: t.Any, error: t.Any, trace: t.Any) -> None:
        self._listening.recorder = None
        if error is not None:
            self._forget_failure()
            return
        stopped = self._stopped or self._missed()
        if stopped is not None:
            raise stopped

    def _forget_failure(self) -> None:
        """Delete the entry of a statement that is known not to have run.

        Somebody may put right what was in its way; that would look as if it had. So could
        what ran before it look as if it hadn't: now that is marked.
        """
        if self._failure is None:
            return
        # The error is what the caller has to hear of.
        with contextlib.suppress(self._connection.dialect.loaded_dbapi.Error):
            self._journal.rollback()
            self._journal.write(self._key, self._told)
            self._journal.remove(self._key, self._failure)

    def _missed(self) -> Divergence | None:
        if self._count >= len(self._recorded):
            return None
        missed = self._recorded[self._count]
        return Divergence(
            f"statement {missed.number} was '{shortened(missed.sql)}' and isn't reached"
            " any more"
        )

    # -- events ------------------------------------------------------------------------

    def before(
        self,
        cursor: t.Any,
        sql: str,
        parameters: t.Any,
        context: t.Any,
        executemany: bool,
    ) -> tuple[str, t.Any]:
        """See a statement that is about to run; give what shall run in its place."""
        if self._stopped is not None:
            # The revision has caught it, and would go on.
            raise self._stopped
        self._failure = None
        self._count += 1
        found = meaning(sql)
        entry = Entry(
            self._count,
            sql,
            found.kind,
            digest(sql, parameters),
            found.objects,
            code=self._code,
            session=self._journal.session,
        )
        if found.lost:
            entry.result = {"lost": found.lost}
        if context is not None:
            context.handle_dbapi_exception = functools.partial(self._failed, entry)
        if self._count <= len(self._recorded):
            return self._replay(entry, cursor, parameters, executemany)
        self._entry, self._replayed = entry, None
        self._announce(entry)
        return sql, parameters

    def after(self, cursor: t.Any, context: t.Any) -> None:
        """See what a statement gave."""
        if self._replayed is not None:
            old, self._replayed = self._replayed, None
            with self._stopping():
                give(old, cursor, context)
            return
        entry, self._entry = self._entry, None
        if entry is None:
            return
        entry.result = {**result_of(entry, cursor, context), **(entry.result or {})}
        self._note(entry)

    def _failed(self, entry: Entry, error: BaseException) -> None:
        """Note an error: the revision may catch it, and do something else then."""
        if self._entry is not entry:
            return
        self._entry = None
        dialect, driver = self._connection.dialect, self._connection.connection
        if dialect.is_disconnect(t.cast(t.Any, error), driver, None):
            return
        if error.args and error.args[0] == _DEADLOCK:
            self._stopped = Divergence("a deadlock has undone what it did before")
        try:
            values = [encode(value) for value in error.args]
            entry.result = {"error": [type(error).__name__, values]}
        except UnstorableError:
            entry.result = {"lost": "its error can't be written down"}
        self._failure = entry if entry.kind in ("schema", "repeat") else None
        # A statement that fails to be parsed hasn't committed: written once more.
        self._buffer += [*self._flushed, entry]
        self._flushed = []
        self._modes.changed(entry)
        if self._own_transaction:
            self._own_transaction = False
            self._journal.rollback()

    def committing(self) -> None:
        """Let the revision's own COMMIT take the journal with it."""
        if self._lock is None and any(entry.kind == "write" for entry in self._buffer):
            self._journal.write(self._key, self._buffer)
            self._buffer = []

    # -- recording ---------------------------------------------------------------------

    def _announce(self, entry: Entry) -> None:
        """Write down what is about to run, where its end might not be seen."""
        if self._lock is not None or entry.kind in ("read", "session"):
            return
        if entry.kind == "write":
            self._announce_write(entry)
            return
        if entry.kind == "unknown" and first_word(entry.sql) == "LOCK":
            self._lock = entry
        if entry.objects:
            entry.fingerprint = self._journal.fingerprint(entry.objects)
        self._flush(entry)

    def _announce_write(self, entry: Entry) -> None:
        """Prepare for a write that lasts before its record does."""
        if self._modes.outside_transactions(entry.sql):
            entry.kind = "unknown"
            self._flush(entry)
            self._journal.commit()
        elif self._modes.autocommit:
            # So they share a transaction after all.
            self._own_transaction = True
            self._journal.run("START TRANSACTION")

    def _flush(self, entry: Entry) -> None:
        result, entry.result = entry.result, None
        self._journal.write(self._key, [*self._buffer, entry])
        entry.result = result
        self._flushed, self._buffer = self._buffer, []

    def _note(self, entry: Entry) -> None:
        """Write down what has run, at once where it has committed."""
        self._modes.changed(entry)
        judged = self._journal.can_judge(entry)
        if judged and self._lock is None and entry.result == NOTHING_GIVEN:
            # As it stands in the journal it says enough.
            self._told.append(entry)
            return
        self._buffer.append(entry)
        if self._lock is not None:
            # No other table can be written to while tables are locked.
            if first_word(entry.sql) != "UNLOCK":
                return
            self._lock = None
        elif not self._own_transaction and (
            judged or entry.kind in ("read", "session", "write")
        ):
            return
        self._own_transaction = False
        self._journal.write(self._key, self._buffer)
        self._journal.commit()
        self._buffer, self._flushed = [], []

    # -- replaying ---------------------------------------------------------------------

    def _replay(
        self, entry: Entry, cursor: t.Any, parameters: t.Any, executemany: bool
    ) -> tuple[str, t.Any]:
        """Compare with what was done, and do something that changes nothing."""
        old = self._recorded[entry.number - 1]
        self._entry, self._replayed = None, old
        with self._stopping():
            _compare(old, entry)
        result = old.result or {}
        if "error" in result:
            self._replayed = None
            cursor.close()
            raise self._error(old, parameters)
        if entry.kind == "session" or "read" in result:
            # What a connection was told is gone with it.
            return entry.sql, parameters
        last = result.get("lastrowid")
        sql = f"DO LAST_INSERT_ID({int(last)})" if last else "DO 0"
        return sql, [()] if executemany else ()

    @contextlib.contextmanager
    def _stopping(self) -> t.Iterator[None]:
        """Remember a divergence, which the revision's code may catch."""
        try:
            yield
        except Divergence as e:
            self._stopped = e
            raise

    def _error(self, old: Entry, parameters: t.Any) -> BaseException:
        dbapi = self._connection.dialect.loaded_dbapi
        name, values = (old.result or {})["error"]
        kind = getattr(dbapi, name, dbapi.DatabaseError)
        orig = kind(*(decode(value) for value in values))
        dialect = self._connection.dialect
        error = DBAPIError.instance(
            old.sql, parameters, orig, dbapi.Error, dialect=dialect
        )
        return t.cast(BaseException, error)


def _compare(old: Entry, new: Entry) -> None:
    if old.digest is not None and old.digest == new.digest:
        return
    # What was kept of a long statement may be its beginning.
    if not new.sql.startswith(old.sql):
        raise Divergence(
            f"statement {old.number} was '{shortened(old.sql)}' and is now"
            f" '{shortened(new.sql)}'"
        )
    raise Divergence(
        f"statement {old.number}, '{shortened(old.sql)}', "
        + (
            "has values that can't be compared"
            if old.digest is None or new.digest is None
            else "now has other values"
        )
    )

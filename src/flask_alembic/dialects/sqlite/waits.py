"""Waiting on SQLite: a file beside the database, and its busy timeout."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import socket
import sys
import typing as t

from ..base import run_raw
from ..locks import Holder
from ..locks import SessionLock
from ..repeats import Repeats
from ..timeouts import milliseconds
from ..timeouts import SessionTimeouts

if t.TYPE_CHECKING:
    from filelock import BaseFileLock

logger = logging.getLogger(__name__)

SUFFIX = ".migration.lock"

DRIVERS_OWN = 5000
"""The busy timeout that Python's driver sets by itself; milliseconds."""

_LONGEST = 2**31 - 1


class SQLiteLock(SessionLock):
    """A file beside the database; it stays there, since its name is what is locked."""

    _file: BaseFileLock | None = None

    def find(self) -> t.Hashable | None:
        """The file; None for a database in memory."""
        rows = run_raw(self.connection, "PRAGMA database_list")
        path = next((path for _, name, path in rows if name == "main"), "")
        if not path:
            return None
        self._path = os.path.realpath(path) + SUFFIX
        return self._path

    def take(self) -> bool:
        """Try once; where no file can be written, SQLite's own lock must do."""
        from filelock import FileLock
        from filelock import Timeout

        # Given back by whoever gives the connection back, in whichever thread.
        file = FileLock(self._path, timeout=0, thread_local=False)
        try:
            file.acquire()
        except Timeout:
            return False
        except (OSError, NotImplementedError) as e:
            logger.debug(
                "No lock file %s (%s): only SQLite's own lock keeps two runs apart.",
                self._path,
                e,
            )
            return True
        self._file = file
        with contextlib.suppress(OSError), open(self._path, "w") as note:
            note.write(self._note())
        return True

    @staticmethod
    def _note() -> str:
        since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        program = os.path.basename(sys.argv[0] or "python")
        return f"process {os.getpid()} ({program} on {socket.gethostname()}, since {since})"

    def holder(self) -> Holder:
        """What the holder has written into the file."""
        with contextlib.suppress(OSError), open(self._path) as file:
            note = " ".join(file.read(300).split())
            if note:
                return Holder(note)
        return Holder()

    def free(self, driver: t.Any) -> bool:
        """Let go; the file stays."""
        if self._file is not None:
            self._file.release()
        return True


class SQLiteTimeouts(SessionTimeouts):
    """The busy timeout; how long a statement runs has no limit here.

    Source: https://www.sqlite.org/pragma.html#pragma_busy_timeout
    """

    locks = ("busy_timeout",)

    def find(self) -> t.Mapping[str, tuple[t.Any, bool]]:
        """What isn't the driver's own value was set on purpose."""
        ((value,),) = run_raw(self.connection, "PRAGMA busy_timeout")
        return {"busy_timeout": (value, value != DRIVERS_OWN)}

    def wanted(self) -> t.Mapping[str, t.Any]:
        """Milliseconds; 0 would mean not to wait at all."""
        lock = self.limits.lock
        return {} if lock is None else {"busy_timeout": milliseconds(lock, _LONGEST)}

    def assign(self, driver: t.Any, values: t.Mapping[str, t.Any]) -> None:
        """Set it; that works inside a transaction, too."""
        cursor = driver.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {values['busy_timeout']}")
        cursor.close()


class SQLiteRepeats(Repeats):
    """In a transaction all is begun again; a statement outside of one stands alone."""

    def waited(self, error: BaseException) -> bool:
        """The database, a table or the schema is locked."""
        return str(error).startswith("database ") and str(error).endswith("is locked")

    def statement(self, error: BaseException, sql: str) -> bool:
        """Outside of a transaction."""
        driver = self.connection.connection.driver_connection
        return not (driver and driver.in_transaction)

"""Everything that is refused, with an exit code and what to do next.

::

    MigrationError
    ├── SetupError (RuntimeError)   the application is not configured for this
    ├── HistoryError                the revision files don't fit together
    │   └── RevisionFileError       one file can't be read, compiled or loaded
    ├── TargetError                 a revision that was asked for can't be used
    ├── DatabaseError               a database can't be reached or read
    │   ├── VersionTableError       it holds revisions that the code can't place
    │   └── NotReadyError           a database wasn't at the heads in time
    ├── LockError                   another process migrates the same database
    ├── RepairError                 an interrupted revision needs a decision
    ├── SessionError                the application's own transaction is in the way
    ├── DraftError                  a revision can't be written
    └── SnapshotError               a snapshot can't be made

What leaves :class:`flask_alembic.Alembic` is also an
``alembic.util.CommandError``; the classes that are both are made where Alembic is
imported. What a revision or a driver raises keeps its own type.
"""

from __future__ import annotations

import typing as t


class MigrationError(Exception):
    """Base of all refusals: one line that says what, where and what to do.

    :param message: One line. Never holds a password.
    :param fix: The command or setting that mends it.
    """

    exit_code: int = 1

    report: t.Any = None
    """The :class:`.Report` of the run that failed, if there was one."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message} {fix}" if fix else message)

    def __reduce__(self) -> tuple[t.Any, ...]:
        # Classes that are an Alembic error as well are made when they are needed, and
        # can't be found by name.
        kind = next(k for k in type(self).__mro__ if k.__dict__.get("plain", True))
        return _restored, (kind, self.args, self.__dict__)


class SetupError(MigrationError, RuntimeError):
    """The application isn't configured for what was asked."""


class HistoryError(MigrationError):
    """The revision files don't fit together."""


class RevisionFileError(HistoryError):
    """One revision file can't be read, compiled or loaded.

    :param path: The file.
    """

    def __init__(self, message: str, *, path: str, fix: str | None = None) -> None:
        self.path = path
        super().__init__(message, fix=fix)


class TargetError(MigrationError):
    """A revision that was asked for is unknown, ambiguous or out of range."""


class DatabaseError(MigrationError):
    """A database can't be reached or read."""


class VersionTableError(DatabaseError):
    """The version table holds revisions that the code can't place."""


class NotReadyError(DatabaseError):
    """A database wasn't at the code's heads in time.

    The report's ``statuses`` say how far each one was at last.
    """


class LockError(MigrationError):
    """Another process migrates the same database, and went on doing so."""


class RepairError(MigrationError):
    """A revision was interrupted half-way, and what to do isn't certain."""

    unfinished: tuple[t.Any, ...] = ()
    """An :class:`.Unfinished` for each revision that this is about."""


class SessionError(MigrationError):
    """The application's own transaction is in the way."""


class DraftError(MigrationError):
    """A revision can't be written."""


class SnapshotError(MigrationError):
    """A snapshot can't be made, or wouldn't build what the revisions build."""


def _restored(
    kind: type[MigrationError], args: tuple[t.Any, ...], state: dict[str, t.Any]
) -> MigrationError:
    """Make a pickled error again."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error

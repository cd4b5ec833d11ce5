"""What a database has on record, and what was interrupted."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    import datetime

    from .databases import Database
    from .steps import Direction
    from .steps import StepState


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class RecordedStep(Data):
    """What the record of a database says of one step.

    :param database: The database's name.
    :param revision: Its id; "base" for a stamp that left nothing applied.
    :param started: In UTC.
    :param checksum: Of the revision's code, without comments and layout.
    :param parents: Ids of what it comes directly after, dependencies included.
    :param who: ``user@host``.
    :param process: Its number on that host.
    :param command: The method that was called.
    """

    database: str
    revision: str
    direction: Direction
    state: StepState
    started: datetime.datetime | None = None
    seconds: float = 0.0
    checksum: str = ""
    parents: tuple[str, ...] = ()
    who: str = ""
    process: int | None = None
    command: str = ""


StatementState = t.Literal["done", "missing", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class UnfinishedStatement(Data):
    """A statement of a revision that was interrupted, as the journal has it.

    :param number: Its place among all of the revision's statements, from 1.
    :param state: ``missing`` if it was begun and hasn't run, ``unknown`` if that can't
        be told.
    :param note: What else is known, such as the error that it ended with.
    """

    number: int
    sql: str
    state: StatementState
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Unfinished(Data):
    """A revision that was interrupted where statements commit one by one.

    :param path: Its file; empty if the code doesn't have it any more.
    :param changed: Its code was changed since.
    :param statements: What has changed the database, and the one that was running.
    """

    database: Database
    revision: str
    direction: Direction
    path: str
    changed: bool
    statements: tuple[UnfinishedStatement, ...]

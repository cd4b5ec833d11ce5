"""How far databases are."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .databases import Database

DatabaseState = t.Literal[
    "unstamped", "behind", "current", "ahead", "diverged", "unknown"
]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Status(Data):
    """How far one database is.

    :param current: Ids in its version table.
    :param heads: The code's head ids.
    :param pending: Ids that an upgrade would apply.
    :param unknown: Ids in its version table that the code doesn't have.
    :param note: What a reader should know about the answer.
    :param reachable: False if the database didn't answer; the state is ``unknown``.
    """

    database: Database
    state: DatabaseState
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str | None = None
    reachable: bool = True


_READINESS: t.Mapping[str, int] = {
    "behind": 3,
    "unstamped": 3,
    "diverged": 4,
    "unknown": 5,
}


def readiness(statuses: t.Iterable[Status], *, exact: bool = False) -> int:
    """Give the exit code for the worst state; 0 if every database is ready.

    :param exact: A database that is ahead isn't ready.
    """
    codes = {**_READINESS, "ahead": 6 if exact else 0}
    # Where the code has no revisions there is nothing to wait for.
    missing = [s for s in statuses if s.state != "unstamped" or s.pending]
    return max((codes.get(status.state, 0) for status in missing), default=0)

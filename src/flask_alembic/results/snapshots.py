"""A file that stands for many revisions."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .databases import Database

SnapshotState = t.Literal["written", "current", "behind", "stale", "missing"]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Snapshot(Data):
    """A file that builds an empty database as a part of the revisions would.

    :param path: The file, whether or not it is there.
    :param state: ``behind`` if revisions have come after it: these are run after it.
        ``stale`` if it is left aside.
    :param heads: Ids that are applied when it has run.
    :param revisions: How many revisions it stands for.
    :param tables: How many tables it makes; counted when it is written.
    :param rows: How many rows it inserts, likewise.
    :param reason: Why it is stale.
    """

    database: Database
    path: str
    state: SnapshotState
    heads: tuple[str, ...] = ()
    revisions: int = 0
    tables: int = 0
    rows: int = 0
    reason: str = ""

"""How good the snapshots are that lie in the folder."""

from __future__ import annotations

import typing as t

from ...errors import RevisionFileError
from ...results import Snapshot
from .. import databases
from ..databases import Target
from ..history import History
from ..live import Live
from . import files


def look(
    live: Live, history: History, names: t.Collection[str] | None
) -> list[Snapshot]:
    """Tell of each database whether its snapshot is there and still holds."""
    chosen = databases.select(live.targets(), names)
    return [_state(live, history, target) for target in chosen.values()]


def _state(live: Live, history: History, target: Target) -> Snapshot:
    path = files.path_of(live.settings, target)
    database = target.describe()
    try:
        head = files.read_head(path)
    except RevisionFileError as e:
        return Snapshot(database, str(path), "stale", reason=e.message)
    if head is None:
        return Snapshot(database, str(path), "missing")
    reason = files.reason_against(head, history)
    if reason:
        return Snapshot(database, str(path), "stale", head.of, reason=reason)
    count = len(history.ancestors(head.of))
    behind = count < len(history.entries)
    state: t.Literal["behind", "current"] = "behind" if behind else "current"
    return Snapshot(database, str(path), state, head.of, revisions=count)

"""Makes snapshots: replays the history on scratch databases, writes, tries, compares."""

from __future__ import annotations

import dataclasses
import tempfile
import time
import typing as t
from pathlib import Path

from ...errors import SnapshotError
from ...results import Snapshot
from .. import databases
from ..databases import Target
from ..drafts.proofs.prove import quiet
from ..history import History
from ..live import Live
from . import files
from . import rows as rows_room
from .comparing import differences
from .contents import Contents
from .step import SnapshotStep
from .trials import SHOWN
from .trials import Trials
from .writing import write

_TICK = 1.1
"""Seconds until the clock of every database shows another time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """A snapshot that was tried, and isn't in its place yet."""

    snapshot: Snapshot
    text: str

    def save(self) -> Snapshot:
        """Put it where upgrades look for it.

        :raises SnapshotError: It can't be written.
        """
        path = Path(self.snapshot.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = path.with_suffix(".tmp")
            made.write_text(self.text, encoding="utf-8", newline="\n")
            made.replace(path)
        except OSError as e:
            raise SnapshotError(
                f"The snapshot {path} can't be written: {e.strerror or e}.",
                fix="Make the folder writable, or name another in ALEMBIC_SNAPSHOTS.",
            ) from e
        return self.snapshot


def make(
    live: Live, history: History, names: t.Collection[str] | None
) -> list[Snapshot]:
    """Make the snapshots of databases; all are written, or none.

    :raises SnapshotError: One can't be made; says why.
    """
    check_place(live)
    if not history.entries:
        raise SnapshotError(
            "There are no revisions, so there is nothing to make a snapshot of."
        )
    chosen = databases.select(live.targets(), names)
    made = [_Making(live, history, target).written() for target in chosen.values()]
    return [item.save() for item in made]


def check_place(live: Live) -> None:
    """Refuse a folder whose files Alembic would take for revisions.

    :raises SnapshotError: It does.
    """
    settings = live.settings
    if not settings.flag("recursive_version_locations"):
        return
    folder = settings.snapshot_folder.resolve()
    if any(folder.is_relative_to(place.resolve()) for place in settings.folders):
        raise SnapshotError(
            f"Alembic would take snapshots in {folder} for revisions, since it looks into"
            " subfolders (recursive_version_locations).",
            fix="Name a folder elsewhere in ALEMBIC_SNAPSHOTS.",
        )


class _Making:
    """Makes one database's snapshot."""

    def __init__(self, live: Live, history: History, target: Target) -> None:
        self._live = live
        self._history = history
        self._target = target
        self._settings = live.settings
        self._path = files.path_of(self._settings, target)
        self._trials = Trials(live, target)

    def written(self) -> Written:
        """Replay, write and try."""
        sums = files.sums_of(self._history, self._history.entries)
        with quiet():
            replayed = self._trials.replayed()
            rows = replayed.rows
            left_out = self._left_to_defaults(replayed) if rows else []
            rows = rows_room.without(rows, left_out)
            text = write(
                replayed,
                rows,
                sums,
                self._target.engine.dialect,
                self._target.name,
            )
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, self._path.name)
                path.write_text(text, encoding="utf-8")
                head = files.Head(path, replayed.heads, sums)
                built = self._trials.built(self._step(head))
        built = dataclasses.replace(built, rows=rows_room.without(built.rows, left_out))
        self._compare(dataclasses.replace(replayed, rows=rows), built)
        return Written(
            Snapshot(
                self._target.describe(),
                str(self._path),
                "written",
                replayed.heads,
                revisions=len(self._history.ancestors(replayed.heads)),
                tables=len(replayed.tables),
                rows=sum(map(len, rows.values())),
            ),
            text,
        )

    def _step(self, head: files.Head) -> SnapshotStep:
        ids = self._history.ancestors(head.of)
        return SnapshotStep(head, ids, self._live.get_script().revision_map)

    # -- what can't be written down ------------------------------------------------------

    def _left_to_defaults(self, replayed: Contents) -> list[tuple[str, str]]:
        """Find the columns whose values the database gives anew each time.

        :raises SnapshotError: Others differ each time, too.
        """
        # Within one tick of a clock two times look like a constant.
        time.sleep(_TICK)
        again = self._trials.replayed()
        varying = rows_room.varying(replayed.rows, again.rows)
        defaults = {
            (table.name, column.name)
            for table in replayed.tables
            for column in table.columns
            if column.server_default is not None and not column.primary_key
        }
        stuck = [place for place in varying if place not in defaults]
        if stuck:
            names = ", ".join(".".join(place).rstrip(".") for place in stuck[:SHOWN])
            raise self._trials.refusal(
                f"each time the revisions run they leave something else in {names};"
                f" inserted by {self._trials.who(table for table, _ in stuck)}",
                "Insert constants, or give the columns server defaults.",
            )
        return varying

    def _compare(self, replayed: Contents, built: Contents) -> None:
        """Refuse what would build something else.

        :raises SnapshotError: Names what differs.
        """
        lines = differences(replayed, built)
        if lines:
            more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
            raise self._trials.refusal(
                "built from it, a database differs from one that all revisions have"
                f" made: {'; '.join(lines[:SHOWN])}{more}",
                "Operations can't make what is named; leave snapshots alone here.",
            )

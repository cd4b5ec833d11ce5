"""Where an upgrade of an empty database begins: at a snapshot, if one can be used."""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ...dialects.base import journal_table
from ...dialects.journal import Key
from ...settings import history_table
from ...settings import Settings
from ..databases import Target
from ..history import History
from ..steps import find_steps
from .files import Head
from .files import path_of
from .files import read_head
from .files import reason_against
from .step import KEY
from .step import SnapshotStep

logger = logging.getLogger(__name__)

JOURNAL_KEY = Key(KEY, "snapshot")
"""What the journal has of a snapshot that was interrupted."""


class Upgrade:
    """Finds the steps of an upgrade.

    :param goal: As Alembic reads it.
    :param replay: Run every revision, whatever there is.
    """

    def __init__(
        self,
        script: ScriptDirectory,
        history: History,
        settings: Settings,
        goal: t.Any,
        *,
        replay: bool = False,
    ) -> None:
        self._script = script
        self._history = history
        self._settings = settings
        self._goal = goal
        self._replay = replay

    def steps(
        self,
        heads: t.Collection[str],
        target: Target,
        connection: sa.Connection | None,
        warn: t.Callable[[str], object] = lambda _: None,
    ) -> list[t.Any]:
        """Find them.

        :param heads: What is applied.
        :param connection: None where a script is written for an empty database.
        :param warn: Gets the reason why a snapshot isn't used.
        """
        step = None
        if not (heads or self._replay):
            step = self._snapshot(target, connection, warn)
        if step is None:
            return self.replayed(heads)
        return [step, *self.replayed(step.to_revisions)]

    def replayed(self, heads: t.Collection[str]) -> list[t.Any]:
        """Find the steps without a snapshot."""
        return find_steps(self._script._upgrade_revs, self._goal, heads)

    def _snapshot(
        self,
        target: Target,
        connection: sa.Connection | None,
        warn: t.Callable[[str], object],
    ) -> SnapshotStep | None:
        head = read_head(path_of(self._settings, target))
        if head is None or not _can_begin(connection, target, self._settings):
            return None
        reason = reason_against(head, self._history)
        if reason:
            text = (
                f"The snapshot {head.path} isn't used: {reason}. Write it anew with"
                " 'flask db snapshot'."
            )
            logger.warning("%s", text)
            warn(text)
            return None
        return self._made(head) if self._includes(head) else None

    def _made(self, head: Head) -> SnapshotStep:
        ids = self._history.ancestors(head.of)
        return SnapshotStep(head, ids, self._script.revision_map)

    def _includes(self, head: Head) -> bool:
        """Whether all that the snapshot stands for is on the way to the goal."""
        goal = [self._goal] if isinstance(self._goal, str) else list(self._goal)
        if goal == ["heads"]:
            return True
        if any(set("+-") & set(name) for name in goal):
            # A count is a count of revisions.
            return False
        try:
            found = self._script.get_revisions(goal)
        except CommandError:
            # Whoever looks for the steps says it better.
            return False
        ids = [script.revision for script in found if script is not None]
        return set(head.of) <= self._history.ancestors(ids)


def _can_begin(
    connection: sa.Connection | None, target: Target, settings: Settings
) -> bool:
    """Whether there is nothing in a database, or what a snapshot has left unfinished."""
    if connection is None:
        return True
    own = own_tables(settings)
    inspector = sa.inspect(connection)
    tables = {*inspector.get_table_names(), *inspector.get_view_names()}
    return tables <= own or _is_unfinished(connection, target, settings)


def _is_unfinished(
    connection: sa.Connection, target: Target, settings: Settings
) -> bool:
    journal = target.dialect.journal(
        connection,
        table=settings.version_table,
        schema=settings.version_table_schema,
    )
    return journal is not None and JOURNAL_KEY in journal.read()


def own_tables(settings: Settings) -> frozenset[str]:
    """Names of the tables that are ours, not the application's."""
    table = settings.version_table
    return frozenset([table, history_table(table), journal_table(table)])


def unfinished_step(
    script: ScriptDirectory, history: History, settings: Settings, target: Target
) -> SnapshotStep | None:
    """Make the step that was interrupted; None if its file is gone or stale."""
    head = read_head(path_of(settings, target))
    if head is None or reason_against(head, history):
        return None
    return SnapshotStep(head, history.ancestors(head.of), script.revision_map)

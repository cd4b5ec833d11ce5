"""The step that builds an empty database from a snapshot, as Alembic's own object."""

from __future__ import annotations

import typing as t

from alembic.runtime.migration import MigrationInfo
from alembic.runtime.migration import StampStep
from alembic.script.revision import RevisionMap

if t.TYPE_CHECKING:
    from ...results import Step
    from .files import Head

KEY = "snapshot"
"""What the step is called where revisions are named by one id."""


class SnapshotStep(StampStep):
    """Takes the place of all revisions up to some heads, on a database without tables.

    :param ids: All revisions that it stands for.
    """

    def __init__(
        self, head: Head, ids: t.Collection[str], revision_map: RevisionMap
    ) -> None:
        from .files import load

        super().__init__((), head.of, True, True, revision_map)
        self.head = head
        self.ids = frozenset(ids)
        module = load(head)

        def build(**_: t.Any) -> None:
            module.upgrade()

        self.migration_fn = build

    @property
    def name(self) -> str:
        """What the log calls it."""
        return KEY

    @property
    def info(self) -> MigrationInfo:
        """What is told to ``on_version_apply`` callbacks."""
        return MigrationInfo(
            revision_map=t.cast(RevisionMap, self.revision_map),
            is_upgrade=True,
            is_stamp=False,
            up_revisions=self.to_,
            down_revisions=(),
        )

    def describe(self) -> Step:
        """Describe it as data."""
        from ...results import Revision
        from ...results import Step

        number = len(self.ids)
        revision = Revision(
            id=", ".join(self.to_),
            message=f"{number} revision{'s' * (number != 1)} in one step",
            path=str(self.head.path),
        )
        return Step(revision, "snapshot")

"""From a goal to Alembic's steps."""

from __future__ import annotations

import contextlib
import re
import typing as t

from alembic.runtime.migration import RevisionStep

from ..errors import RevisionFileError
from ..errors import TargetError


def find_steps(
    method: t.Callable[..., t.Any], goal: t.Any, heads: t.Any
) -> list[t.Any]:
    """Ask Alembic for the steps to a goal.

    :param method: One of the script directory's.
    :raises TargetError: There is no way from the heads to the goal.
    """
    count = isinstance(goal, str) and re.fullmatch(r"-\d+", goal)
    if count and len(heads) > 1:
        names = sorted(heads)
        commands = [f"'flask db downgrade {name}@{goal}'" for name in names]
        raise TargetError(
            f"Several heads are applied, {', '.join(names)}: {goal} could mean each of"
            " them.",
            fix=f"Name one: {' or '.join(commands)}.",
        )
    with in_range(goal):
        try:
            return _quick(list(method(goal, heads)))
        except AttributeError as e:
            path = getattr(e.obj, "__file__", None)
            if e.name not in ("upgrade", "downgrade") or path is None:
                raise
            raise RevisionFileError(
                f"The revision file {path} has no function {e.name}().",
                path=path,
                fix="Add it, if only with 'pass'.",
            ) from e


@contextlib.contextmanager
def in_range(target: t.Any) -> t.Iterator[None]:
    """Word what Alembic says of a count that leads too far: nothing.

    :raises TargetError: Names the target.
    """
    try:
        yield
    except AssertionError as e:
        raise TargetError(
            f"{target!r} leads out of the history.", fix="'flask db log' shows it."
        ) from e


class _Downgrade:
    """What a downgrade's steps know together: what is applied before each of them.

    :param steps: In the order in which they will run.
    """

    def __init__(self, steps: t.Sequence[RevisionStep]) -> None:
        self._place = {step.revision.revision: n for n, step in enumerate(steps)}
        self._before: set[str] | None = None

    def covered(self, step: RevisionStep, below: str, heads: t.Collection[str]) -> bool:
        """Whether something other than a step's revision still stands on another.

        :param below: What the step's revision stood on.
        :param heads: Applied when the step begins.
        """
        map_ = step.revision_map
        if self._before is None:
            found = map_._get_ancestor_nodes(
                map_.get_revisions(tuple(heads)), check=False
            )
            self._before = {revision.revision for revision in found}
        own = self._place[step.revision.revision]
        following = t.cast(t.Any, map_.get_revision(below))._all_nextrev
        return any(
            id_ in self._before and self._place.get(id_, own + 1) > own
            for id_ in following
        )


class DowngradeStep(RevisionStep):
    """A step down whose rows are found without walking the history each time."""

    downgrade: _Downgrade

    def _unmerge_to_revisions(self, heads: set[str]) -> tuple[str, ...]:
        return tuple(
            below
            for below in self.to_revisions
            if not self.downgrade.covered(self, below, heads)
        )


def _quick(steps: list[t.Any]) -> list[t.Any]:
    """Let downgrades share what they know."""
    down = [s for s in steps if isinstance(s, RevisionStep) and not s.is_upgrade]
    downgrade = _Downgrade(down)
    for step in down:
        step.__class__ = DowngradeStep
        t.cast(DowngradeStep, step).downgrade = downgrade
    return steps

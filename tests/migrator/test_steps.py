"""The rows of the version table during a downgrade."""

from __future__ import annotations

import random
import typing as t
from types import SimpleNamespace

import pytest
from alembic.runtime.migration import RevisionStep
from alembic.script.revision import Revision
from alembic.script.revision import RevisionMap

from flask_alembic.errors import TargetError
from flask_alembic.migrator.bridge import PlannedHeads
from flask_alembic.migrator.steps import find_steps


def random_map(seed: int, size: int) -> RevisionMap:
    """Branches, merges and dependencies."""
    chance = random.Random(seed)
    revisions: list[Revision] = []
    for n in range(size):
        recent = [r.revision for r in revisions[-5:]]
        parents = tuple(
            chance.sample(recent, min(len(recent), chance.choice((0, 1, 1, 1, 2))))
        )
        others = [r.revision for r in revisions if r.revision not in parents]
        depends = (
            tuple(chance.sample(others, 1)) if others and chance.random() < 0.2 else ()
        )
        revisions.append(Revision(f"r{n:03d}", parents, depends))
    return RevisionMap(lambda: revisions)


def downgrade(map_: RevisionMap, heads: tuple[str, ...]) -> list[RevisionStep]:
    found = map_.iterate_revisions(heads, "base", select_for_downgrade=True)
    steps = []
    for revision in found:
        t.cast(t.Any, revision).module = SimpleNamespace(downgrade=lambda: None)
        steps.append(RevisionStep(map_, t.cast(t.Any, revision), False))
    return steps


@pytest.mark.parametrize("seed", range(200))
def test_rows_are_what_nothing_applied_follows(seed: int) -> None:
    """After each step, whatever branches, merges and dependencies there are.

    Alembic's own steps sometimes leave a row beside one that includes it.
    """
    map_ = random_map(seed, 14)
    heads = tuple(map_._real_heads)
    applied = {r.revision for r in map_._revision_map.values() if r is not None}
    rows = PlannedHeads(heads)
    for step in find_steps(lambda goal, heads: downgrade(map_, heads), "base", heads):
        rows.update_to_step(step)
        applied.remove(step.revision.revision)
        revisions = [t.cast(Revision, map_.get_revision(id_)) for id_ in applied]
        expected = {r.revision for r in revisions if not r._all_nextrev & applied}
        assert rows.heads == expected
    assert not applied


def test_rows_take_a_step_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the history is, it is walked once."""
    walks = []
    stock = RevisionMap._get_ancestor_nodes

    def counted(self: RevisionMap, *args: t.Any, **kwargs: t.Any) -> t.Any:
        walks.append(args)
        return stock(self, *args, **kwargs)

    line = [Revision(f"r{n}", f"r{n - 1}" if n else None) for n in range(500)]
    map_ = RevisionMap(lambda: line)
    quick = find_steps(lambda goal, heads: downgrade(map_, heads), "base", ("r499",))
    monkeypatch.setattr(RevisionMap, "_get_ancestor_nodes", counted)
    heads = PlannedHeads(["r499"])
    for step in quick:
        heads.update_to_step(step)
    assert heads.heads == set()
    assert len(walks) == 1


def test_a_count_from_several_heads_is_refused() -> None:
    with pytest.raises(TargetError, match=r"a1, b1.*-1"):
        find_steps(lambda goal, heads: [], "-1", ("b1", "a1"))

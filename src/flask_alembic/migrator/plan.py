"""From a target to a plan: what would run, in which order, and where it ends."""

from __future__ import annotations

import typing as t

from alembic.script import ScriptDirectory

from ..results import Database
from ..results import Plan
from .bridge import PlannedHeads
from .bridge import resolving
from .context import check_rows
from .context import describe_step
from .history import History
from .steps import find_steps


def plan_of(
    script: ScriptDirectory,
    history: History,
    database: Database,
    heads: tuple[str, ...],
    goal: t.Any,
    *,
    downwards: bool,
) -> Plan:
    """Plan one database.

    :param heads: What is applied.
    :param goal: As Alembic reads it.
    """
    check_rows(history, database.name, heads)
    revs = script._downgrade_revs if downwards else script._upgrade_revs
    with resolving(f" (database {database.name!r})"):
        steps = find_steps(revs, goal, heads)
    after = PlannedHeads(heads)
    for step in steps:
        after.update_to_step(step)
    return Plan(
        database=database,
        current=heads,
        target=tuple(sorted(after.heads)),
        steps=tuple(describe_step(step) for step in steps),
    )

"""From a target to a plan: what would run, in which order, and where it ends."""

from __future__ import annotations

import typing as t

from ..results import Database
from ..results import Plan
from .bridge import PlannedHeads
from .bridge import resolving
from .context import check_rows
from .context import describe_step
from .context import StepContext
from .deploys.plan_sql import count_rows
from .deploys.plan_sql import with_statements
from .history import History


def plan_of(
    history: History,
    database: Database,
    heads: tuple[str, ...],
    find: t.Callable[[tuple[str, ...]], list[t.Any]],
    *,
    context: StepContext | None = None,
    drops_only: bool = False,
) -> Plan:
    """Plan one database.

    :param heads: What is applied.
    :param find: Heads -> Alembic's steps.
    :param context: A connected one, to add the statements and what they drop.
    :param drops_only: Add them where something may be dropped.
    """
    check_rows(history, database.name, heads)
    with resolving(f" (database {database.name!r})"):
        steps = find(heads)
    after = PlannedHeads(heads)
    for step in steps:
        after.update_to_step(step)
    return Plan(
        database=database,
        current=heads,
        target=tuple(sorted(after.heads)),
        steps=tuple(describe_step(step) for step in steps)
        if context is None
        else count_rows(
            context.live, with_statements(context, steps, drops_only=drops_only)
        ),
    )

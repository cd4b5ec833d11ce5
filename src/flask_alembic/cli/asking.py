"""Questions, on a terminal only: before data is dropped."""

from __future__ import annotations

import contextlib
import sys
import typing as t

import click

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import Drop
    from ..results import Plan

Direction: t.TypeAlias = t.Literal["upgrade", "downgrade"]


def can_ask() -> bool:
    """Whether somebody is there to answer: reading and being told on a terminal."""
    ctx = click.get_current_context(silent=True)
    as_json = ctx is not None and ctx.params.get("as_json")
    return not as_json and _is_terminal()


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm_drops(
    extension: Alembic,
    direction: Direction,
    target: str,
    databases: tuple[str, ...] = (),
    *,
    replay: bool = False,
) -> None:
    """Ask before tables or columns are dropped; off a terminal nothing is asked.

    Upwards each drop is asked about, downwards those of tables that have rows.

    :param replay: No snapshot is used.
    :raises click.ClickException: The answer was no.
    """
    if not can_ask():
        return
    plans = _plans(extension, direction, target, databases, replay)
    names = [name for plan in plans for name in _dropped(plan, len(plans) > 1)]
    if not names:
        return
    question = f"This drops {', '.join(dict.fromkeys(names))}. Go on?"
    with contextlib.suppress(click.Abort):
        if click.confirm(question, default=False, err=True):
            return
    raise click.ClickException("Nothing was changed.")


def _plans(
    extension: Alembic,
    direction: Direction,
    target: str,
    databases: tuple[str, ...],
    replay: bool,
) -> tuple[Plan, ...]:
    from .progress import quiet

    # What a revision prints belongs to its run, not to looking at it.
    with quiet(), contextlib.redirect_stdout(None):
        # An error ends the command: a run that doesn't meet it would drop unasked.
        return extension.plan(
            target,
            databases=databases or None,
            direction=direction,
            statements="drops",
            replay=replay,
        )


def _dropped(plan: Plan, several: bool) -> t.Iterator[str]:
    from .plans import drop_words

    prefix = f"{plan.database.name}: " if several else ""
    for step in plan.steps:
        for drop in step.drops:
            if step.direction == "upgrade" or _has_data(drop):
                yield prefix + drop_words(drop)


def _has_data(drop: Drop) -> bool:
    return drop.rows != 0

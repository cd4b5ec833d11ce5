"""From Alembic's raw differences to a draft: what is found is refined, piece by piece.

Alembic dispatches its comparators; ours is the last of them, so that what it changes is
what the application's own hooks get, and what a downgrade is derived from. It works
where we configure the context and where an env.py does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from alembic.util import PriorityDispatchResult

from ..results import Finding

if t.TYPE_CHECKING:
    from .context import StepContext

PLUGIN = "flask_alembic.drafts"
ALEMBICS = "alembic.autogenerate.*"
_KEY = "flask_alembic_drafting"


@dataclasses.dataclass(frozen=True, slots=True)
class Choices:
    """What the caller has decided beforehand, and whom to ask otherwise.

    :param renames: Old name -> new name, as the interface writes them; False for none
        at all, whatever looks like one.
    :param defaults: ``table.column`` -> SQL text, for rows that need a value.
    :param ask: Called with a question; None where nobody is there.
    """

    renames: t.Mapping[str, str] | t.Literal[False] | None = None
    defaults: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    ask: t.Callable[[t.Any], t.Any] | None = None


@dataclasses.dataclass(slots=True)
class Refinement:
    """One database's differences while they are refined.

    :param ops: The upgrade's operations, changed in place; the downgrade's are their
        reverse, taken when all is done.
    :param findings: What the reader of the draft should know.
    :param renames: Old name -> new name, of what became a rename.
    """

    context: StepContext
    autogen: AutogenContext
    ops: UpgradeOps
    choices: Choices
    findings: list[Finding] = dataclasses.field(default_factory=list)
    renames: dict[str, str] = dataclasses.field(default_factory=dict)


Refiner: t.TypeAlias = t.Callable[[Refinement], None]


def _refiners() -> tuple[Refiner, ...]:
    """What refines, in this order: each sees what those before it left."""
    return ()


@contextlib.contextmanager
def refining(context: StepContext, choices: Choices) -> t.Iterator[list[Refinement]]:
    """Let a comparison in the block be refined; gives what was done.

    :param context: The database's.
    """
    _register()
    done: list[Refinement] = []
    opts = context.opts
    before = dict(opts)
    plugins = list(opts.get("autogenerate_plugins") or [ALEMBICS])
    opts["autogenerate_plugins"] = [*plugins, PLUGIN]
    opts[_KEY] = (context, choices, done)
    try:
        yield done
    finally:
        opts.clear()
        opts.update(before)


@functools.cache
def _register() -> None:
    # The registry is global: a name of its own keeps it out of everyone's wildcard.
    plugin = Plugin(PLUGIN)
    plugin.add_autogenerate_comparator(
        _refine, "autogenerate", priority=DispatchPriority.LAST
    )


def _refine(autogen: AutogenContext, ops: UpgradeOps) -> PriorityDispatchResult:
    context, choices, done = autogen.opts[_KEY]
    refinement = Refinement(context, autogen, ops, choices)
    for refiner in _refiners():
        refiner(refinement)
    done.append(refinement)
    return PriorityDispatchResult.CONTINUE

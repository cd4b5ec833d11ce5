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

from ...dialects.enums import ColumnKey
from ...results import Finding
from . import casts
from . import checks
from . import companions
from . import computed
from . import constraints
from . import dependents
from . import expressions
from . import held_references
from . import key_options
from . import made_plain
from . import needed_indexes
from . import partial_indexes
from . import primary_keys
from . import reference_order
from . import reflection as bulk
from . import required
from . import schemas
from . import sequences
from . import settled
from .constraints import Met
from .enums import refiner as enums
from .models import refuse_without_models
from .owned import Ownership
from .owned import report
from .renames import refiner as renaming
from .renames.view import NewNames
from .renames.view import RenamedInspector
from .settled import HeldColumns
from .table_operations import in_batches
from .unchanged import view as unchanged

if t.TYPE_CHECKING:
    from ..context import StepContext
    from .enums.decided import Decided
    from .renames.others import Others

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
    :param all_tables: Drop tables without a model whoever has made them, and even if
        none is left.
    :param answers: Option -> what was answered, so that nothing is asked twice.
    """

    renames: t.Mapping[str, str] | t.Literal[False] | None = None
    defaults: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    ask: t.Callable[[t.Any], t.Any] | None = None
    all_tables: bool = False
    answers: dict[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(slots=True)
class Refinement:
    """One database's differences while they are refined.

    :param ops: The upgrade's operations, changed in place; the downgrade's are their
        reverse, taken when all is done.
    :param findings: What the reader of the draft should know.
    :param renames: Old name -> new name, of what became a rename.
    :param ownership: Which tables are left out, and why.
    :param names: What the database is seen under, once something is renamed.
    :param understood: Keys of ``choices.renames`` that mean something here.
    :param renameable: What could have been meant.
    :param tables: Those that are in the database and have a model.
    :param fillable: Columns that ``choices.defaults`` can give a value to.
    :param held: Columns whose type or default the database is asked about.
    :param others: The other databases of the command.
    :param types: What becomes of enums that are types, once that is decided.
    :param anew: Columns and keys that are dropped and made anew.
    :param plain: Columns that aren't computed any more.
    :param schemas: Those of new types and sequences.
    """

    context: StepContext
    autogen: AutogenContext
    ops: UpgradeOps
    choices: Choices
    ownership: Ownership
    held: HeldColumns
    others: Others
    tables: list[Met] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    renames: dict[str, str] = dataclasses.field(default_factory=dict)
    names: NewNames = dataclasses.field(default_factory=NewNames)
    understood: set[str] = dataclasses.field(default_factory=set)
    renameable: tuple[str, ...] = ()
    fillable: list[str] = dataclasses.field(default_factory=list)
    types: Decided | None = None
    anew: list[held_references.Anew] = dataclasses.field(default_factory=list)
    plain: set[ColumnKey] = dataclasses.field(default_factory=set)
    schemas: set[str] = dataclasses.field(default_factory=set)

    def compare_again(self) -> None:
        """Compare anew, with the database seen under the names in ``names``."""
        autogen, found = self.autogen, UpgradeOps([])
        self.held.clear()
        self.tables.clear()
        self.ownership.left_out.clear()
        inspector: t.Any = RenamedInspector(bulk.inspector(autogen), self.names)
        autogen.inspector = inspector
        drafting = autogen.opts.pop(_KEY)
        try:
            compare = autogen.comparators.dispatch(
                "autogenerate", qualifier=autogen.dialect.name
            )
            compare(autogen, found)
        finally:
            autogen.opts[_KEY] = drafting
        self.ops.ops[:] = found.ops


Refiner: t.TypeAlias = t.Callable[[Refinement], None]


def _refiners() -> tuple[Refiner, ...]:
    """What refines, in this order: each sees what those before it left."""
    return (
        renaming.rename,
        settled.settle,
        enums.decide,
        expressions.compare,
        checks.complete_new_tables,
        partial_indexes.complete_new_tables,
        constraints.find_unnamed,
        constraints.name_new,
        constraints.index_foreign_keys,
        needed_indexes.keep_served,
        report,
        refuse_without_models,
        enums.refine_columns,
        primary_keys.compare,
        held_references.hold,
        reference_order.put_in_order,
        key_options.keep,
        required.require,
        sequences.compare,
        enums.refine_types,
        schemas.make,
        casts.convert,
        dependents.stop_for_dependents,
        made_plain.once,
        in_batches,
        companions.put_in_order,
    )


@contextlib.contextmanager
def refining(
    context: StepContext, choices: Choices, others: Others
) -> t.Iterator[list[Refinement]]:
    """Let a comparison in the block be refined; gives what was done.

    :param context: The database's.
    :param others: The other databases of the command.
    """
    _register()
    done: list[Refinement] = []
    opts = context.opts
    before = dict(opts)
    plugins = list(opts.get("autogenerate_plugins") or [ALEMBICS])
    plugins += companions.load(context.settings.plugins)
    opts["autogenerate_plugins"] = [*dict.fromkeys(plugins), PLUGIN]
    ownership, held = Ownership(context, choices), settled.hold(opts)
    ownership.apply(opts)
    tables = constraints.hold(opts)
    enums.watch(opts)
    opts[_KEY] = (context, choices, ownership, held, others, tables, done)
    try:
        with partial_indexes.unwarned(), bulk.reading(opts, context) as read:
            unchanged.leave_out(opts, read, before, settled.asking(context))
            yield done
    finally:
        opts.clear()
        opts.update(before)


@functools.cache
def _register() -> None:
    # The registry is global: a name of its own keeps it out of everyone's wildcard.
    plugin = Plugin(PLUGIN)
    bulk.add_comparators(plugin)
    unchanged.add_comparators(plugin)
    enums.add_comparator(plugin)
    settled.add_comparators(plugin)
    constraints.add_comparators(plugin)
    computed.add_comparators(plugin)
    plugin.add_autogenerate_comparator(
        _refine, "autogenerate", priority=DispatchPriority.LAST
    )


def _refine(autogen: AutogenContext, ops: UpgradeOps) -> PriorityDispatchResult:
    if _KEY not in autogen.opts:
        return PriorityDispatchResult.CONTINUE
    context, choices, ownership, held, others, tables, done = autogen.opts[_KEY]
    refinement = Refinement(
        context, autogen, ops, choices, ownership, held, others, tables
    )
    for refiner in _refiners():
        refiner(refinement)
    done.append(refinement)
    return PriorityDispatchResult.CONTINUE

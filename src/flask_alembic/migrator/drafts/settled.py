"""Differences of types and defaults that the database itself doesn't see.

Alembic compares texts. Where those differ we hold the difference back, ask the database
about all of them at once, and drop what turns out to be the same. The application's own
``compare_type`` and ``compare_server_default`` are asked before, and win.
"""

from __future__ import annotations

import dataclasses
import logging
import typing as t

import sqlalchemy as sa
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import OpContainer
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from ...dialects.columns import Agreement
from ...dialects.columns import Pair

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

    from ..context import StepContext
    from .refining import Refinement
    from .unchanged.columns import Question

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")

_KEY = "flask_alembic_held"


@dataclasses.dataclass(slots=True)
class Held:
    """A column whose type or default seems to differ."""

    op: AlterColumnOp
    pair: Pair
    type: bool = False
    default: bool = False


HeldColumns: t.TypeAlias = dict[int, Held]


def hold(opts: dict[str, t.Any]) -> HeldColumns:
    """Give the place where the comparators put what they hold back.

    :param opts: The migration context's; they are put back by the caller.
    """
    held: HeldColumns = {}
    opts[_KEY] = held
    return held


def add_comparators(plugin: Plugin) -> None:
    """Come after the application's own comparisons and before Alembic's."""
    plugin.add_autogenerate_comparator(_hold_type, "column", "types")
    plugin.add_autogenerate_comparator(_hold_default, "column", "server_default")


def _hold_type(
    autogen: AutogenContext,
    op: AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    found: sa.Column[t.Any],
    wanted: sa.Column[t.Any],
) -> PriorityDispatchResult:
    if isinstance(found.type, NullType) or isinstance(wanted.type, NullType):
        return PriorityDispatchResult.CONTINUE
    if not autogen.migration_context.impl.compare_type(found, wanted):
        # Alembic would ask once more.
        return PriorityDispatchResult.STOP
    op.modify_type = wanted.type
    pair = Pair(op.schema, op.table_name, op.column_name, found, wanted)
    _held(autogen, op, pair).type = True
    return PriorityDispatchResult.STOP


def _hold_default(
    autogen: AutogenContext,
    op: AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    found: sa.Column[t.Any],
    wanted: sa.Column[t.Any],
) -> PriorityDispatchResult:
    if not (_is_plain(found) and _is_plain(wanted)) or _is_serial(wanted):
        return PriorityDispatchResult.CONTINUE
    pair = Pair(op.schema, op.table_name, op.column_name, found, wanted)
    if pair.found_default == pair.wanted_default(autogen.dialect):
        return PriorityDispatchResult.STOP
    op.modify_server_default = wanted.server_default
    _held(autogen, op, pair).default = True
    return PriorityDispatchResult.STOP


def _held(autogen: AutogenContext, op: AlterColumnOp, pair: Pair) -> Held:
    held: HeldColumns = autogen.opts[_KEY]
    return held.setdefault(id(op), Held(op, pair))


def _is_plain(column: sa.Column[t.Any]) -> bool:
    default = column.server_default
    return default is None or isinstance(default, sa.DefaultClause)


def _is_serial(column: sa.Column[t.Any]) -> bool:
    return column.primary_key and column is column.table._autoincrement_column


def settle(refinement: Refinement) -> None:
    """Drop what is the same to the database; where it can't tell, Alembic decides."""
    held = [h for h in refinement.held.values() if h.op.has_changes()]
    if not held:
        return
    context = refinement.context
    support = context.target.dialect
    answers = support.agreements(
        context.live, [_as_found(refinement, item.pair) for item in held]
    )
    for item, answer in zip(held, answers, strict=True):
        _settle(refinement, item, answer)
    prune(refinement.ops)


def asking(context: StepContext) -> t.Callable[[t.Sequence[Question]], list[bool]]:
    """Ask whether the database sees no difference, before Alembic compares."""

    def ask(questions: t.Sequence[Question]) -> list[bool]:
        support = context.target.dialect
        answers = support.agreements(context.live, [asked.pair for asked in questions])
        return [
            (not asked.type or answer.type is True)
            and (not asked.default or answer.default is True)
            for asked, answer in zip(questions, answers, strict=True)
        ]

    return ask


def _as_found(refinement: Refinement, pair: Pair) -> Pair:
    """Name a pair as the database does, where the draft renames its column or table."""
    names, key = refinement.names, (pair.schema, pair.table)
    return dataclasses.replace(
        pair,
        table=names.old_table(*key),
        column=names.old_column(key, pair.column),
    )


def _settle(refinement: Refinement, item: Held, answer: Agreement) -> None:
    if item.type and answer.type:
        item.op.modify_type = None
    if item.default:
        same = answer.default
        if same is None:
            same = not _differs_for_alembic(refinement, item)
        if same:
            item.op.modify_server_default = False
    where = f"{item.op.table_name}.{item.op.column_name}"
    if item.op.modify_type is not None and item.type:
        types = (item.pair.found.type, item.pair.wanted.type)
        logger.info("Detected type change from %r to %r on '%s'", *types, where)
    if item.op.modify_server_default is not False and item.default:
        logger.info("Detected server default on column '%s'", where)


def _differs_for_alembic(refinement: Refinement, item: Held) -> bool:
    impl, pair = t.cast(t.Any, refinement.context.impl), item.pair
    wanted = _rendered(refinement.autogen, pair.wanted)
    try:
        with refinement.context.live.begin_nested():
            different = impl.compare_server_default(
                pair.found, pair.wanted, wanted, pair.found_default
            )
    except DBAPIError:
        # Alembic's own query couldn't be run: it wasn't found to be the same.
        return True
    return bool(different)


def _rendered(autogen: AutogenContext, column: sa.Column[t.Any]) -> str | None:
    """A default as Alembic compares it."""
    default = getattr(column.server_default, "arg", None)
    if default is None or isinstance(default, str):
        return default
    literal = {"literal_binds": True}
    return str(default.compile(dialect=autogen.dialect, compile_kwargs=literal))


def prune(container: OpContainer) -> None:
    """Take away what changes nothing any more."""
    for op in list(container.ops):
        if isinstance(op, AlterColumnOp) and not op.has_changes():
            container.ops.remove(op)
        elif isinstance(op, OpContainer):
            prune(op)
            if op.is_empty():
                container.ops.remove(op)

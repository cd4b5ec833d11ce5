"""SQL scripts: the same steps, written instead of run, without a connection."""

from __future__ import annotations

import io
import typing as t

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext

from ..dialects.base import ConnectionSetup
from ..errors import TargetError
from . import revisions
from .bridge import resolving
from .bridge import write_sql_verbatim
from .connect import context_options
from .connect import is_fallback
from .databases import Target
from .execute import MigrationFn
from .execute import operating
from .execute import StepContext
from .live import Live


class OfflineContext(StepContext):
    """Writes SQL where its base runs it."""

    def prepare_version_table(self) -> None:
        """Leave it to the first step, so that it stands inside the transaction."""

    def announce(self, step: t.Any) -> None:
        """Say which revision the statements belong to."""
        if not self.applied:
            table = sa.schema.CreateTable(self._version, if_not_exists=True)
            self.impl._exec(table)
        self.impl.static_output(f"-- Running {step.short_log}")


def split_range(target: str, *, start_at_base: bool) -> tuple[str, str]:
    """Read ``start:end``; without a start, base.

    :param start_at_base: Whether a start may be left out.
    :raises TargetError: It can't.
    """
    start, colon, end = target.rpartition(":")
    if not colon and not start_at_base:
        raise TargetError(
            f"An offline downgrade to {target!r} must say where it starts.",
            fix="Write it as START:END, such as 'head:base'.",
        )
    return start or "base", end or "heads"


def script(
    live: Live,
    target: Target,
    names: t.Sequence[str],
    *,
    start: str,
    plan: t.Callable[[StepContext, tuple[str, ...]], t.Iterable[t.Any]],
) -> str:
    """Write one database's script.

    :param start: Where the database is; ids separated by commas, or "base".
    :param plan: Context and starting ids -> Alembic steps.
    """
    buffer = io.StringIO()
    settings, scripts = live.settings, live.get_script()
    with resolving():
        heads = tuple(
            found.revision
            for name in start.split(",")
            for found in scripts.get_revisions(name.strip())
            if found is not None
        )
    dialect = target.engine.dialect
    env = EnvironmentContext(live.get_config(), scripts, as_sql=True)
    env.configure(
        dialect_name=target.dialect.offline_name(dialect),
        # With a named style no '%' has to be doubled.
        dialect_opts={"paramstyle": "named"},
        starting_rev=heads,  # type: ignore[arg-type]  # Alembic reads several as well
        output_buffer=buffer,
        **context_options(live, target, names),
    )
    context = OfflineContext.adopt(
        env.get_context(),
        target=target,
        setup=ConnectionSetup(t.cast("sa.Connection", None), callers=False),
        history=live.history,
        several=len(names) > 1,
        fallback=is_fallback(target, names),
    )
    write_sql_verbatim(context)
    guard = target.dialect.guard(
        dialect,
        table=settings.version_table,
        schema=settings.version_table_schema,
        heads=heads,
    )
    _write(context, guard, lambda heads, ctx: plan(ctx, heads))
    return buffer.getvalue()


def _write(context: OfflineContext, guard: str | None, fn: MigrationFn) -> None:
    context.plan(fn, context.part, purge=False)
    revisions.load(
        step.revision for step in context.planned if hasattr(step, "revision")
    )
    if guard and context.planned:
        context.impl.static_output(f"-- guard\n{guard};")
    kwargs = {"engine_name": context.target.name} if context.several else {}
    with operating(context), context.begin_transaction():
        if guard and context.planned and context.target.dialect.error_ends_transaction:
            # psql goes on after an error outside of a transaction, not inside of one.
            context.impl.static_output(f"{guard};")
        context.run_migrations(**kwargs)

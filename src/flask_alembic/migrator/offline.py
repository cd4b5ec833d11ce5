"""SQL scripts: the same steps, written instead of run, without a connection."""

from __future__ import annotations

import io
import typing as t

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext

from ..dialects.base import ConnectionSetup
from ..errors import TargetError
from .bridge import resolving
from .bridge import write_sql_verbatim
from .connect import context_options
from .connect import is_fallback
from .context import MigrationFn
from .context import StepContext
from .databases import Target
from .live import Live
from .runs import Run
from .targets import Target as RevisionTarget


class OfflineContext(StepContext):
    """Writes SQL where its base runs it."""

    def prepare_version_table(self) -> None:
        """Leave it to the first step, so that it stands inside the transaction."""
        if self.purge:
            self._create_version_table()
            self.impl._exec(self._version.delete())

    def _create_version_table(self) -> None:
        self.impl._exec(sa.schema.CreateTable(self._version, if_not_exists=True))

    def announce(self, step: t.Any) -> None:
        """Say which revision the statements belong to."""
        if not (self.applied or self.purge):
            self._create_version_table()
        self.impl.static_output(f"-- Running {step.short_log}")


def split_range(
    target: RevisionTarget, *, start_at_base: bool
) -> tuple[str, RevisionTarget]:
    """Read ``start:end``; without a start, base.

    :param start_at_base: Whether a start may be left out.
    :raises TargetError: It can't.
    """
    if isinstance(target, str) and ":" in target:
        start, _, end = target.partition(":")
        return start or "base", end or "heads"
    if not start_at_base:
        raise TargetError(
            f"An offline downgrade to {target!r} must say where it starts.",
            fix="Write it as START:END, such as 'head:base'.",
        )
    return "base", target


def starting_ids(live: Live, start: str) -> tuple[str, ...]:
    """Find the revisions where a script starts; none for base.

    :param start: Names of revisions, separated by commas.
    """
    scripts = live.get_script()
    with resolving():
        return tuple(
            found.revision
            for name in start.split(",")
            for found in scripts.get_revisions(name.strip())
            if found is not None
        )


def script(
    live: Live,
    target: Target,
    names: t.Sequence[str],
    *,
    start: str,
    plan: MigrationFn,
    purge: bool = False,
) -> str:
    """Write one database's script.

    :param start: Where the database is; ids separated by commas, or "base".
    :param plan: Starting ids and context -> Alembic steps.
    """
    buffer = io.StringIO()
    settings, scripts = live.settings, live.get_script()
    heads = starting_ids(live, start)
    dialect = target.engine.dialect
    env = EnvironmentContext(live.get_config(), scripts, as_sql=True)
    options = context_options(live, target, names)
    # A script is text, whatever the encoding of a file would be.
    options.pop("output_encoding", None)
    env.configure(
        dialect_name=target.dialect.offline_name(dialect),
        # With a named style no '%' has to be doubled.
        dialect_opts={"paramstyle": "named"},
        starting_rev=heads,  # type: ignore[arg-type]  # Alembic reads several as well
        output_buffer=buffer,
        **options,
    )
    context = OfflineContext.adopt(
        env.get_context(),
        target=target,
        setup=ConnectionSetup(t.cast("sa.Connection", None), callers=False),
        history=live.history,
        settings=settings,
        several=len(names) > 1,
        fallback=is_fallback(target, names),
    )
    context.run = Run("offline", purge=purge)
    write_sql_verbatim(context)
    guard = target.dialect.guard(
        dialect,
        table=settings.version_table,
        schema=settings.version_table_schema,
        heads=heads,
    )
    # Whatever the table holds is what a purge is for.
    _write(context, None if purge else guard, plan)
    return buffer.getvalue()


def _write(context: OfflineContext, guard: str | None, fn: MigrationFn) -> None:
    context.plan(fn, context.part, context.run)
    context.load()
    if guard and context.planned:
        context.impl.static_output(f"-- guard\n{guard};")
    kwargs = {"engine_name": context.target.name} if context.several else {}
    with context.begin_transaction():
        if guard and context.planned and context.target.dialect.error_ends_transaction:
            # psql goes on after an error outside of a transaction, not inside of one.
            context.impl.static_output(f"{guard};")
        context.run_migrations(**kwargs)

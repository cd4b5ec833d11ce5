"""Run on all databases: begin, read the heads, plan, load, run, check, commit all."""

from __future__ import annotations

import contextlib
import logging
import typing as t

from sqlalchemy.exc import SQLAlchemyError

from ..errors import MigrationError
from . import databases
from .context import MigrationFn
from .context import StepContext
from .deploys import limits
from .deploys import locks
from .deploys import retries
from .runs import DatabaseRun
from .runs import first_line
from .runs import Run

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")


def execute(
    contexts: t.Mapping[str, StepContext],
    fn: MigrationFn,
    kwargs: t.Mapping[str, t.Any],
    run: Run,
) -> None:
    """Run what ``fn`` plans on every database; all commit, or none that can undo it.

    :param fn: Heads and context -> Alembic steps.
    :param kwargs: Handed to each revision's function.
    :param run: Collects the results.
    """
    if run.writes:
        databases.check_distinct([context.target for context in contexts.values()])
    parts = [
        _Part(contexts[name], run.start(contexts[name].target.describe()))
        for name in sorted(contexts)
    ]
    with contextlib.ExitStack() as stack:
        try:
            for part in parts:
                with part.blamed("preparing"):
                    part.begin(run, stack)
            for part in parts:
                with part.blamed("planning"):
                    part.plan(fn, run)
            # What can't be rolled back runs when everything else has succeeded.
            for part in sorted(parts, key=_keeps_going):
                with part.blamed("migrating"):
                    part.migrate(kwargs)
            for part in parts:
                with part.blamed("committing"):
                    part.commit()
        except BaseException:
            for part in parts:
                part.undo()
            raise


def _keeps_going(part: _Part) -> bool:
    return not part.context.impl.transactional_ddl


class _Part:
    """One database's transaction during a run."""

    def __init__(self, context: StepContext, results: DatabaseRun) -> None:
        self.context = context
        self.results = results
        self.transaction: t.Any = None
        # What live use has begun isn't ours to end where nothing is written.
        self.in_use = context.live.in_transaction()

    @property
    def _ours(self) -> bool:
        return not self.context.setup.callers

    @contextlib.contextmanager
    def blamed(self, what: str) -> t.Iterator[None]:
        """Note an error as this database's.

        :param what: What was going on.
        """
        try:
            yield
        except BaseException as e:
            self.results.error = first_line(e)
            retries.meet(self.context, e)
            if not (getattr(e, "__notes__", None) or isinstance(e, MigrationError)):
                database = self.results.database
                ids = ", ".join(r.step.revision.id for r in self.results.results)
                work = f"{what} {ids}".strip()
                e.add_note(f"while {work} on {database.name!r} ({database.url})")
            raise

    def begin(self, run: Run, stack: contextlib.ExitStack) -> None:
        """Open the run's transaction, where it is ours to open."""
        context, target = self.context, self.context.target
        if run.dry:
            from .deploys.dry import refuse

            refuse(context)
        context.part, context.run = self.results, run
        context.known = context.has_table = None
        # Those of an earlier run have nothing to say of this one.
        context.watchers = ()
        if not run.writes:
            return
        if not self._ours:
            locks.take(context, run, stack)
            return
        databases.check_session(target)
        limits.look(context)
        settings: list[str] = []
        if self.in_use:
            # What was done by hand isn't lost with a run that fails.
            settings = target.dialect.local_settings(context.live)
            context.live.commit()
        self.in_use = False
        locks.take(context, run, stack)
        stack.enter_context(context.setup.run())
        if context.known is None:
            # Otherwise the heads say already that nothing will run.
            stack.enter_context(limits.limited(context))
        if run.dry:
            from .deploys.dry import rolling_back

            stack.enter_context(rolling_back(context))
        transaction = context.begin_transaction()
        for sql in settings:
            context.live.exec_driver_sql(sql)
        # Alembic gives a null context where each step has its own transaction.
        self.transaction = transaction if hasattr(transaction, "commit") else None

    def plan(self, fn: MigrationFn, run: Run) -> None:
        """Find the steps, and load what they run."""
        context, target = self.context, self.context.target
        context.plan(fn, self.results, run)
        context.load()
        if self.results.steps and not self._ours and target.dialect.ddl_commits:
            log.warning(
                "%s commits at each DDL statement: what the caller's transaction did so"
                " far on the database %r will be committed with it.",
                context.live.dialect.name,
                target.name,
            )

    def migrate(self, kwargs: t.Mapping[str, t.Any]) -> None:
        """Run the steps."""
        context = self.context
        names = {"engine_name": context.target.name} if context.several else {}
        # What it remembers of earlier runs, such as the types it made, may be undone.
        context.impl.memo.clear()
        context.run_migrations(**{**kwargs, **names})

    def commit(self) -> None:
        """End the transaction well."""
        if self.results.dry:
            self.undo()
            return
        if not self._ours:
            if self.results.steps:
                self.results.warn(
                    "committed at each DDL statement, with the caller's transaction"
                    if self.context.target.dialect.ddl_commits
                    else "part of the caller's transaction: it lasts when that does"
                )
        elif self.transaction is not None:
            self.transaction.commit()
        elif not self.in_use and self.context.live.in_transaction():
            # Opened by nothing but reading.
            self.context.live.rollback()
        self.results.keep(self.context.applied)

    def undo(self) -> None:
        """Roll back whatever isn't committed, and say so in the results."""
        if not self._ours:
            # It stands in the caller's transaction until the caller ends that.
            if self.results.results:
                self.results.keep(self.context.applied)
                self.results.touched = True
            return
        if self.in_use:
            return
        self.results.undo()
        self.context._transaction = None
        # A lost connection has rolled back by itself.
        live = self.context.live
        with contextlib.suppress(SQLAlchemyError, live.dialect.loaded_dbapi.Error):
            live.rollback()
            if not (live.closed or live.invalidated):
                # SQLAlchemy takes a transaction whose COMMIT has failed for ended.
                live.dialect.do_rollback(live.connection)
        if live.closed or live.invalidated:
            # Whatever is asked of it now would go to a new one, which has no lock.
            return
        for watcher in self.context.watchers:
            watcher.undone()

"""Run a database's planned steps, one by one, and say what became of each."""

from __future__ import annotations

import contextlib
import gc
import logging
import time
import typing as t

from alembic.runtime.migration import RevisionStep

from ..errors import MigrationError
from .calling import call
from .deploys import limits
from .deploys import retries
from .deploys.watchers import Untried
from .deploys.watchers import Watcher
from .runs import first_line
from .version_rows import VersionRows

if t.TYPE_CHECKING:
    from ..results import Step
    from ..results import StepResult
    from ..results import StepState
    from .context import StepContext

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")


@contextlib.contextmanager
def _leaving_what_was_there() -> t.Iterator[None]:
    """Let the garbage collector look at what the block makes, and at nothing else.

    All that was imported and read is there to stay, and each look at it takes as long as
    some revisions do. What the application has set aside by itself stays so.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Running:
    """The steps of one database's plan, on their way.

    :param context: Has a plan.
    :param arguments: Handed to each revision's function.
    :param rows: Keeps the version table as they go.
    """

    def __init__(
        self, context: StepContext, arguments: dict[str, t.Any], rows: VersionRows
    ) -> None:
        self._context = context
        self._arguments = arguments
        self._rows = rows

    def run(self) -> None:
        """Run all, in order; the first that fails is the last.

        :raises Untried: A dry run came to a step that can't be rolled back.
        """
        context, part = self._context, self._context.part
        steps = zip(context.planned or (), part.steps, strict=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(_leaving_what_was_there())
            for watcher in context.watchers:
                stack.enter_context(watcher.run())
            for number, (step, described) in enumerate(steps, 1):
                part.emit("step_started", number, step=described)
                result = self._in_transaction(step, described)
                part.emit("step_finished", number, step=described, result=result)

    def _in_transaction(self, step: t.Any, described: Step) -> StepResult:
        context = self._context
        context.split = False
        with context.begin_transaction(_per_migration=True):
            result = self._take(step, described)
            if context.split and context._transaction is not None:
                # What ran outside of a transaction stays: so must its version row.
                self._rows.write()
                context._transaction.commit()
                context._transaction = context.live.begin()
        if context._in_external_transaction and context.setup.has_committed():
            # The caller's work is committed with it: its version row must be, too.
            context.dialect.do_commit(context.live.connection)
            context.part.keep(self._rows.heads)
        if context.split or context.commits_each:
            context.part.keep(self._rows.heads)
        context.split = False
        return result

    def _take(self, step: t.Any, described: Step) -> StepResult:
        context = self._context
        context.announce(step)
        context.running = f"revision {described.revision.id}"
        started = time.monotonic()
        try:
            ran = self._call(step, described, context.watchers)
            self._rows.update_to_step(step)
            self._tell_application(step)
            if context.commits_each:
                context.setup.check_deferred()
            seconds = time.monotonic() - started
            state: StepState = "done" if ran else "skipped"
            result = self._completed(self._result(described, state, seconds))
            for watcher in context.watchers:
                watcher.applied(step, result)
        except Untried:
            raise
        except BaseException as e:
            self._fail(e, described, time.monotonic() - started)
            raise
        context.part.results.append(result)
        return result

    def _call(
        self, step: t.Any, described: Step, watchers: t.Sequence[Watcher]
    ) -> bool:
        # Not all on one stack: this is done for each of a thousand steps.
        context = self._context
        if watchers:
            first, *others = watchers
            with first.step(step, described):
                return self._call(step, described, others)
        own = (
            limits.of_revision(step.revision)
            if isinstance(step, RevisionStep)
            else limits.NONE
        )
        with context.timeouts.step(own):
            return call(context, step, self._arguments)

    def _tell_application(self, step: t.Any) -> None:
        callbacks = self._context.on_version_apply_callbacks
        if callbacks:
            # They may look in any way.
            self._rows.write()
        for callback in callbacks:
            callback(
                ctx=self._context,
                step=step.info,
                heads=set(self._rows.heads),
                run_args=self._arguments,
            )

    def _result(
        self, step: Step, state: StepState, seconds: float, error: str | None = None
    ) -> StepResult:
        from ..results import StepResult

        return StepResult(step, state, seconds, error)

    def _completed(self, result: StepResult) -> StepResult:
        for watcher in self._context.watchers:
            result = watcher.completed(result)
        return result

    def _fail(self, error: BaseException, step: Step, seconds: float) -> None:
        context, part = self._context, self._context.part
        # What is in the way may have gone when everybody has been told.
        retries.meet(context, error, context.running)
        failed = self._result(step, "failed", seconds, first_line(error))
        result = self._completed(failed)
        part.results.append(result)
        part.emit("step_finished", len(part.results), step=step, result=result)
        if isinstance(error, SystemExit):
            refusal = MigrationError(
                f"Revision {step.revision.id} ended the process with"
                f" sys.exit({error.code!r}) instead of finishing."
            )
            self._annotate(refusal, step)
            raise refusal from error
        self._annotate(error, step)

    def _annotate(self, error: BaseException, step: Step) -> None:
        context, database = self._context, self._context.target.describe()
        where = f"revision {step.revision.id} ({step.revision.path})"
        error.add_note(f"in {where}, database {database.name!r} ({database.url})")
        if context.target.dialect.ddl_commits:
            context.part.touched = True
            error.add_note(
                f"{database.dialect} commits each DDL statement: what {step.revision.id}"
                f" did before it failed stays, and so do the revisions before it."
                + ("" if context.setup.callers else " The next run goes on after it.")
            )

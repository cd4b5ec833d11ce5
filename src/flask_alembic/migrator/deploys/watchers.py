"""What accompanies the steps of a run on one database."""

from __future__ import annotations

import contextlib
import typing as t

if t.TYPE_CHECKING:
    from ...dialects.journal import Journal
    from ...results import Step
    from ...results import StepResult
    from ..context import StepContext
    from ..runs import Run


class Untried(Exception):
    """A step asks for what can't be rolled back: it and the rest aren't tried."""


class Watcher:
    """Accompanies the steps of one database's run; here: does nothing.

    Made for each run, when its steps are known and their modules loaded, and before
    the first of them. An error that a method raises fails the step.
    """

    def __init__(self, context: StepContext) -> None:
        self.context = context

    def planned(self) -> None:
        """Look at what is about to run; nothing has run yet."""

    @contextlib.contextmanager
    def run(self) -> t.Iterator[None]:
        """Surround all the steps."""
        yield

    @contextlib.contextmanager
    def step(self, step: t.Any, described: Step) -> t.Iterator[None]:
        """Surround the revision's function; the version row isn't written yet.

        :param step: Alembic's.
        """
        yield

    def applied(self, step: t.Any, result: StepResult) -> None:
        """Go on where the version row was written: in the step's own transaction."""

    def completed(self, result: StepResult) -> StepResult:
        """Say more of a step that has run or failed, before anybody is told of it."""
        return result

    def finished(self) -> None:
        """All steps have run; what has no transaction of its own isn't committed."""

    def undone(self) -> None:
        """Go on where a failed run was rolled back, on a connection that is ours."""


def watchers_of(context: StepContext, run: Run) -> tuple[Watcher, ...]:
    """What accompanies this database's steps, in the order in which it is asked."""
    if context.trial is not None:
        return (context.trial,)
    watchers: list[Watcher] = []
    if context.settings.history and run.changes:
        from .record import Recorder

        watchers.append(Recorder(context))
    journal = journal_of(context) if run.changes else None
    if journal is not None:
        from .journal import JournalWatcher

        # Last: what others do isn't the revision's, and it ends where they have ended.
        watchers.append(JournalWatcher(context, journal, run.decision))
    return tuple(watchers)


def journal_of(context: StepContext) -> Journal | None:
    """The journal of a context's database; None where it needs none."""
    if context.setup.callers or context.as_sql:
        return None
    return context.target.dialect.journal(
        context.live, table=context.version_table, schema=context.version_table_schema
    )

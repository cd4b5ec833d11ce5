"""Run steps: begin, read the heads, plan, load, run, check, commit all, report."""

from __future__ import annotations

import contextlib
import inspect
import logging
import time
import typing as t

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.runtime.migration import RevisionStep
from alembic.script import Script
from sqlalchemy.exc import SQLAlchemyError

from ..dialects.base import ConnectionSetup
from ..errors import MigrationError
from ..errors import VersionTableError
from ..results import Direction
from ..results import Revision
from ..results import Step
from ..results import StepResult
from . import databases
from . import revisions
from .batch import KeepingOperations
from .bridge import Heads
from .bridge import proxied
from .bridge import resolving
from .databases import Target
from .history import History
from .runs import DatabaseRun
from .runs import first_line
from .runs import Run

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")

MigrationFn: t.TypeAlias = t.Callable[[t.Any, t.Any], t.Iterable[t.Any]]


def revision_data(script: Script) -> Revision:
    """Describe one of Alembic's scripts."""
    return Revision(
        id=script.revision,
        parents=_texts(script.down_revision),
        depends_on=_texts(script.dependencies),
        labels=tuple(sorted(script.branch_labels)),
        message=script.doc,
        path=str(script.path),
    )


def _texts(value: str | t.Iterable[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def describe_step(step: t.Any) -> Step:
    """Describe one of Alembic's steps."""
    if isinstance(step, RevisionStep):
        direction: Direction = "upgrade" if step.is_upgrade else "downgrade"
        return Step(revision_data(step.revision), direction)
    ids = _texts(step.to_revisions) or _texts(step.from_revisions)
    return Step(revision_data(step.revision_map.get_revision(ids[0])), "stamp")


def check_rows(history: History, database: str, heads: t.Collection[str]) -> None:
    """Refuse rows of a version table that no plan can start from.

    :raises VersionTableError: Names the database and the rows.
    """
    where = f"The version table of the database {database!r}"
    unknown = history.unknown(heads)
    if unknown:
        raise VersionTableError(
            f"{where} holds {', '.join(unknown)}, which the code doesn't have.",
            fix="Deploy the code that has it, or 'flask db stamp --purge REVISION'"
            " where the schema is known to be at REVISION.",
        )
    overlapping = history.overlapping(heads)
    if overlapping:
        raise VersionTableError(
            f"{where} holds overlapping rows: {', '.join(overlapping)} came before"
            f" another of {', '.join(sorted(heads))}.",
            fix="Delete the older row, or 'flask db stamp --purge REVISION'.",
        )


class StepContext(MigrationContext):
    """A migration context that knows its database and reports its steps.

    Alembic's own, its class changed by :meth:`adopt`, so that whoever configured it
    (we, or an env.py) need not know.
    """

    target: Target
    setup: ConnectionSetup
    history: t.Callable[[], History]
    several: bool
    fallback: bool
    part: DatabaseRun
    planned: tuple[t.Any, ...]
    applied: set[str]
    split: bool

    @classmethod
    def adopt(
        cls,
        context: MigrationContext,
        *,
        target: Target,
        setup: ConnectionSetup,
        history: t.Callable[[], History],
        several: bool,
        fallback: bool,
    ) -> t.Self:
        """Take a configured context over.

        :param history: The revision files as they are now.
        :param several: More than one database is configured.
        :param fallback: Revisions that know nothing of databases are for this one.
        """
        context.__class__ = cls
        self = t.cast("t.Self", context)
        self.target, self.setup, self.history = target, setup, history
        self.several, self.fallback = several, fallback
        self.part, self.planned = DatabaseRun(target.describe()), ()
        self.applied, self.split = set(), False
        if setup.callers:
            # Whether or not the caller's transaction has begun: it is the caller's.
            self._in_external_transaction = True
        return self

    @property
    def live(self) -> sa.Connection:
        """The connection that this context runs on."""
        return t.cast("sa.Connection", self.connection)

    @contextlib.contextmanager
    def autocommit_block(self) -> t.Iterator[None]:
        """Run the block outside of any transaction; what came before is committed.

        :raises MigrationError: The transaction belongs to the caller.
        """
        if self.as_sql:
            with super().autocommit_block():
                yield
            return
        if self._in_external_transaction:
            raise MigrationError(
                "autocommit_block() can't be used here: the transaction on the database"
                f" {self.target.name!r} was opened by the caller.",
                fix="Run this revision with 'flask db upgrade' on a connection of its own.",
            )
        self.part.keep(self.applied)
        self.part.touched = self.split = True
        with self.setup.autocommit(), super().autocommit_block():
            yield

    def plan(self, fn: MigrationFn, part: DatabaseRun, purge: bool) -> None:
        """Read the heads and find the steps; nothing is run yet."""
        self.part, self.purge = part, purge
        heads = () if purge else self.get_current_heads()
        self.applied = set(heads)
        part.keep(heads)
        check_rows(self.history(), self.target.name, heads)
        with resolving(f" (database {self.target.name!r})"), operating(self):
            self.planned = tuple(fn(heads, self))
        part.steps = tuple(describe_step(step) for step in self.planned)

    def run_migrations(self, **kwargs: t.Any) -> None:
        """Run the planned steps, keeping the version table as they go."""
        self.impl.start_migrations()
        part, steps = self.part, zip(self.planned, self.part.steps, strict=True)
        maintainer = Heads(self, self.applied)
        self.applied = maintainer.heads
        part.emit("run_started")
        self.prepare_version_table()
        for number, (step, described) in enumerate(steps, 1):
            part.emit("step_started", number, step=described)
            self.split = False
            with self.begin_transaction(_per_migration=True):
                result = self._take(step, described, maintainer, kwargs)
                if self.split and self._transaction is not None:
                    # What ran outside of a transaction stays: so must its version row.
                    self._transaction.commit()
                    self._transaction = self.live.begin()
            if self.split or self._commits_each:
                part.keep(maintainer.heads)
            part.emit("step_finished", number, step=described, result=result)
        part.emit("run_finished")

    def prepare_version_table(self) -> None:
        """Make the version table, if there is something to write into it."""
        if self.purge or (self.planned and not self.applied):
            self._ensure_version_table(purge=self.purge)

    def announce(self, step: t.Any) -> None:
        """Say that a step begins."""
        log.info("Running %s", step)

    @property
    def _commits_each(self) -> bool:
        own = not self._in_external_transaction
        each = self._transaction_per_migration or not self.impl.transactional_ddl
        return bool(own and each)

    def _take(
        self, step: t.Any, described: Step, maintainer: Heads, kwargs: dict[str, t.Any]
    ) -> StepResult:
        self.announce(step)
        started = time.monotonic()
        try:
            ran = self._call(step, kwargs)
            maintainer.update_to_step(step)
            for callback in self.on_version_apply_callbacks:
                callback(
                    ctx=self,
                    step=step.info,
                    heads=set(maintainer.heads),
                    run_args=kwargs,
                )
        except BaseException as e:
            self._fail_step(e, described, time.monotonic() - started)
            raise
        seconds = time.monotonic() - started
        result = StepResult(described, "done" if ran else "skipped", seconds)
        self.part.results.append(result)
        return result

    def _fail_step(self, error: BaseException, step: Step, seconds: float) -> None:
        self.part.results.append(StepResult(step, "failed", seconds, first_line(error)))
        if isinstance(error, SystemExit):
            refusal = MigrationError(
                f"Revision {step.revision.id} ended the process with"
                f" sys.exit({error.code!r}) instead of finishing."
            )
            self._annotate(refusal, step)
            raise refusal from error
        self._annotate(error, step)

    def _annotate(self, error: BaseException, step: Step) -> None:
        database = self.target.describe()
        where = f"revision {step.revision.id} ({step.revision.path})"
        error.add_note(f"in {where}, database {database.name!r} ({database.url})")
        if self.target.dialect.ddl_commits:
            self.part.touched = True
            error.add_note(
                f"{database.dialect} commits each DDL statement: what {step.revision.id}"
                f" did before it failed stays, and so do the revisions before it."
            )

    def _call(self, step: t.Any, kwargs: dict[str, t.Any]) -> bool:
        """Call the revision's function; False if it has nothing for this database."""
        fn = step.migration_fn
        if not isinstance(step, RevisionStep):
            fn(**kwargs)
            return True
        accepted = _accepted(fn)
        if "engine_name" in kwargs and "engine_name" not in accepted:
            if not self.fallback:
                return False
            kwargs = {k: v for k, v in kwargs.items() if k != "engine_name"}
        elif "engine_name" not in kwargs and accepted.get("engine_name") is True:
            kwargs = {**kwargs, "engine_name": self.target.name}
        if getattr(step.revision.module, "transactional", True):
            return self._dispatch(fn, step, kwargs)
        with self.autocommit_block():
            return self._dispatch(fn, step, kwargs)

    def _dispatch(self, fn: t.Any, step: t.Any, kwargs: dict[str, t.Any]) -> bool:
        try:
            fn(**kwargs)
        except KeyError as e:
            direction = "upgrade" if step.is_upgrade else "downgrade"
            missing = f"{direction}_{kwargs.get('engine_name')}"
            # Raised by the revision's own look-up of the database's function, not by
            # something that its function did.
            frame = e.__traceback__ and e.__traceback__.tb_next
            own = (
                frame and frame.tb_next is None and frame.tb_frame.f_code is fn.__code__
            )
            if own and e.args == (missing,):
                return False
            raise
        return True


def _accepted(fn: t.Any) -> dict[str, bool]:
    """Name -> whether it must be given, of a function's parameters."""
    parameters = inspect.signature(fn).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return {"engine_name": False}
    return {p.name: p.default is p.empty for p in parameters}


@contextlib.contextmanager
def operating(context: StepContext) -> t.Iterator[None]:
    """Make ``alembic.op`` and ``alembic.context`` mean this database."""
    env = t.cast(EnvironmentContext, context.environment_context)
    with proxied(env, KeepingOperations(context)):
        yield


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
    parts = [
        _Part(contexts[name], run.start(contexts[name].target.describe()))
        for name in sorted(contexts)
    ]
    with contextlib.ExitStack() as stack:
        try:
            for part in parts:
                part.begin(run, stack)
            for part in parts:
                part.context.plan(fn, part.results, run.purge)
            revisions.load(_scripts(part.context.planned for part in parts))
            # What can't be rolled back runs when everything else has succeeded.
            for part in sorted(
                parts, key=lambda p: not p.context.impl.transactional_ddl
            ):
                context = part.context
                names = {"engine_name": context.target.name} if context.several else {}
                with operating(context):
                    context.run_migrations(**{**kwargs, **names})
            for part in parts:
                part.check_deferred(run)
            for part in parts:
                part.commit()
        except BaseException as e:
            for part in parts:
                part.fail(e)
            raise


def _scripts(plans: t.Iterable[t.Iterable[t.Any]]) -> t.Iterator[Script]:
    for steps in plans:
        yield from (s.revision for s in steps if isinstance(s, RevisionStep))


class _Part:
    """One database's transaction during a run."""

    def __init__(self, context: StepContext, results: DatabaseRun) -> None:
        self.context = context
        self.results = results
        self.transaction: t.Any = None
        # What live use has begun isn't ours to end, unless the run goes on in it.
        self.joined = context.live.in_transaction()

    @property
    def _ours(self) -> bool:
        return not self.context.setup.callers

    def begin(self, run: Run, stack: contextlib.ExitStack) -> None:
        """Open the run's transaction, where it is ours to open."""
        context, target = self.context, self.context.target
        if not run.writes:
            return
        if not self._ours:
            if target.dialect.ddl_commits:
                log.warning(
                    "%s commits at each DDL statement: what the caller's transaction did"
                    " so far on the database %r will be committed with it.",
                    context.live.dialect.name,
                    target.name,
                )
            return
        databases.check_session(target)
        if self.joined and not target.dialect.joins_transaction:
            context.live.commit()
        self.joined = False
        stack.enter_context(context.setup.run())
        transaction = context.begin_transaction()
        # Alembic gives a null context where each step has its own transaction.
        self.transaction = transaction if hasattr(transaction, "commit") else None

    def check_deferred(self, run: Run) -> None:
        """Find now what would make a later COMMIT fail."""
        if run.writes and self._ours:
            self.context.setup.check_deferred()

    def commit(self) -> None:
        """End the transaction well."""
        if not self._ours:
            if self.results.steps:
                self.results.warnings.append(
                    "part of the caller's transaction: it lasts when that is committed"
                )
        elif self.transaction is not None:
            self.transaction.commit()
        elif not self.joined and self.context.live.in_transaction():
            # Opened by nothing but reading.
            self.context.live.rollback()
        self.results.keep(self.context.applied)

    def fail(self, error: BaseException) -> None:
        """Roll back whatever isn't committed, and say so in the results."""
        if any(result.state == "failed" for result in self.results.results):
            self.results.error = first_line(error)
        if not self._ours or self.joined:
            return
        self.results.undo()
        self.context._transaction = None
        # A lost connection has rolled back by itself.
        with contextlib.suppress(SQLAlchemyError):
            if self.context.live.in_transaction():
                self.context.live.rollback()

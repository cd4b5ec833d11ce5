"""One database's part of a run: a migration context that plans, runs and reports."""

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
from sqlalchemy.exc import PendingRollbackError

from ..dialects.base import ConnectionSetup
from ..dialects.base import journal_table
from ..dialects.repeats import Repeats
from ..dialects.timeouts import Limits
from ..dialects.timeouts import Timeouts
from ..errors import MigrationError
from ..errors import VersionTableError
from ..results import Direction
from ..results import Revision
from ..results import Step
from ..results import StepResult
from ..results import StepState
from ..settings import history_table
from ..settings import Settings
from ..settings import VERSION_TABLE
from . import databases
from . import folder
from . import revisions
from .bridge import Heads
from .bridge import proxied
from .bridge import resolving
from .databases import Target
from .deploys import limits
from .deploys import retries
from .deploys.dry import Trial
from .deploys.dry import Untried
from .deploys.watchers import Watcher
from .deploys.watchers import watchers_of
from .drafts import companions
from .history import History
from .rebuilds.batch import KeepingOperations
from .runs import DatabaseRun
from .runs import first_line
from .runs import Run
from .targets import texts

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")

MigrationFn: t.TypeAlias = t.Callable[[t.Any, t.Any], t.Iterable[t.Any]]


def revision_data(script: Script) -> Revision:
    """Describe one of Alembic's scripts."""
    return Revision(
        id=script.revision,
        parents=texts(script.down_revision),
        depends_on=texts(script.dependencies),
        labels=tuple(sorted(script.branch_labels)),
        message=script.doc,
        path=str(script.path),
    )


def describe_step(step: t.Any) -> Step:
    """Describe one of Alembic's steps."""
    if isinstance(step, RevisionStep):
        direction: Direction = "upgrade" if step.is_upgrade else "downgrade"
        return Step(revision_data(step.revision), direction)
    ids = texts(step.to_revisions) or texts(step.from_revisions)
    return Step(revision_data(step.revision_map.get_revision(ids[0])), "stamp")


def check_rows(history: History, database: str, heads: t.Collection[str]) -> None:
    """Refuse rows of a version table that no plan can start from.

    :raises VersionTableError: Names the database and the rows.
    """
    where = f"The version table of the database {database!r}"
    unknown = history.unknown(heads)
    if unknown:
        raise VersionTableError(
            f"{where} holds {', '.join(unknown)}, which the code doesn't have: Can't"
            f" locate revision identified by {unknown[0]!r}.",
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
    settings: Settings
    several: bool
    fallback: bool
    watchers: tuple[Watcher, ...]
    part: DatabaseRun
    planned: tuple[t.Any, ...] | None
    applied: set[str]
    split: bool
    scripted: bool
    run: Run
    extra: dict[str, t.Any]
    timeouts: Timeouts
    repeats: Repeats
    known: tuple[str, ...] | None = None
    """The heads as they were read ahead of a lock that isn't needed."""
    running: str = ""
    """The revision that is being run, for people."""
    arguments: dict[str, t.Any]
    trial: Trial | None = None

    @classmethod
    def adopt(
        cls,
        context: MigrationContext,
        *,
        target: Target,
        setup: ConnectionSetup,
        history: t.Callable[[], History],
        settings: Settings,
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
        self.settings, self.watchers = settings, ()
        # Revisions may use the operations that these bring.
        companions.load(settings.plugins)
        self.several, self.fallback = several, fallback
        self.part, self.planned = DatabaseRun(target.describe()), None
        self.applied, self.split = set(), False
        self.scripted, self.run, self.extra = False, Run("run_migrations"), {}
        self.arguments = {}
        self.timeouts = Timeouts(self.live, Limits())
        self.repeats = Repeats(self.live)
        self.opts["include_name"] = _without_own_tables(self.opts, self.version_table)
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
        if self.trial is not None:
            raise self.trial.untried("it uses autocommit_block()")
        if self._in_external_transaction:
            raise self._not_ours("autocommit_block() can't be used here")
        self.part.keep(self.applied)
        self.part.touched = self.split = True
        if self.running:
            self.part.warn(
                f"{self.running} ran statements outside of a transaction: they aren't"
                " rolled back, and run again if it is interrupted before its end"
            )
        first: BaseException | None = None
        try:
            with (
                self.setup.autocommit(),
                super().autocommit_block(),
                self.timeouts.outside(),
            ):
                try:
                    yield
                except BaseException as e:
                    first = e
                    raise
        except PendingRollbackError:
            # Nothing can be put back on a connection that is lost.
            if first is None:
                raise
            raise first from first.__cause__

    def _not_ours(self, what: str) -> MigrationError:
        opener = "env.py" if self.scripted else "the caller"
        return MigrationError(
            f"{what}: the transaction on the database {self.target.name!r} was opened"
            f" by {opener}.",
            fix="Let env.py use context.begin_transaction()."
            if self.scripted
            else "Run it with 'flask db upgrade', on a connection of its own.",
        )

    def plan(self, fn: MigrationFn, part: DatabaseRun, run: Run) -> None:
        """Read the heads and find the steps; nothing is run yet."""
        self.part, self.run, self.purge = part, run, run.purge
        heads, self.known = self.known, None
        if heads is None:
            heads = self.get_current_heads()
        part.keep(heads)
        if run.purge:
            part.purged, heads = bool(heads), ()
        self.applied, self.planned = set(heads), ()
        if run.names is not None and self.target.name not in run.names:
            return
        if run.checks:
            check_rows(self.history(), self.target.name, heads)
        with resolving(f" (database {self.target.name!r})"), operating(self):
            self.planned = tuple(fn(heads, self))
        part.steps = tuple(describe_step(step) for step in self.planned)

    def load(self) -> None:
        """Load all modules of the plan, so that none fails after another ran.

        :raises MigrationError: One needs what the open transaction doesn't allow.
        """
        scripts = [
            s.revision for s in self.planned or () if isinstance(s, RevisionStep)
        ]
        revisions.load(scripts)
        self._fit_version_table([script.revision for script in scripts])
        for script in scripts:
            limits.of_revision(script)
            outside = not getattr(script.module, "transactional", True)
            if outside and self._in_external_transaction:
                raise self._not_ours(
                    f"Revision {script.revision} asks to run outside of a transaction"
                )
        self.watchers = () if self.as_sql else watchers_of(self, self.run)
        for watcher in self.watchers:
            watcher.planned()

    def _fit_version_table(self, ids: t.Sequence[str]) -> None:
        """Make a new version table wide enough; refuse one that is too narrow.

        :raises VersionTableError: Names the id, before anything has run.
        """
        longest = max(ids, key=len, default="")
        if len(longest) <= folder.MAX_ID or self.as_sql:
            return
        if not self._has_version_table():
            self._version.c.version_num.type = sa.String(len(longest))
            return
        columns = sa.inspect(self.live).get_columns(
            self.version_table, schema=self.version_table_schema
        )
        width = getattr(columns[0]["type"], "length", None)
        if width is not None and width < len(longest):
            raise VersionTableError(
                f"The revision id {longest!r} is longer than the version table's column"
                f" ({width} characters), database {self.target.name!r}.",
                fix=f"Make {self.version_table}.version_num wider, or the id shorter.",
            )

    def run_migrations(self, **kwargs: t.Any) -> None:
        """Run the planned steps, keeping the version table as they go.

        An env.py calls this without a plan: then it is made here.
        """
        self.arguments = {**self.extra, **kwargs}
        if self.planned is None:
            self.plan(t.cast(t.Any, self._migrations_fn), self.part, self.run)
            self.load()
        with operating(self):
            self._run_steps(self.arguments)

    def _run_steps(self, kwargs: dict[str, t.Any]) -> None:
        self.impl.start_migrations()
        planned = t.cast("tuple[t.Any, ...]", self.planned)
        part, steps = self.part, zip(planned, self.part.steps, strict=True)
        maintainer = Heads(self, self.applied)
        self.applied = maintainer.heads
        part.emit("run_started")
        if self.purge and not planned:
            # There is no step to commit it with.
            with self.begin_transaction(_per_migration=True):
                self.prepare_version_table()
        else:
            self.prepare_version_table()
        with contextlib.suppress(Untried):
            for number, (step, described) in enumerate(steps, 1):
                part.emit("step_started", number, step=described)
                result = self._run_step(step, described, maintainer, kwargs)
                part.emit("step_finished", number, step=described, result=result)
        if not self._in_external_transaction and self.planned:
            # What fails at COMMIT fails now, when nothing else has been committed.
            self.setup.check_deferred()
        for watcher in self.watchers:
            watcher.finished()

    def _run_step(
        self, step: t.Any, described: Step, maintainer: Heads, kwargs: dict[str, t.Any]
    ) -> StepResult:
        self.split = False
        with self.begin_transaction(_per_migration=True):
            result = self._take(step, described, maintainer, kwargs)
            if self.split and self._transaction is not None:
                # What ran outside of a transaction stays: so must its version row.
                self._transaction.commit()
                self._transaction = self.live.begin()
        if self._in_external_transaction and self.setup.has_committed():
            # The caller's work is committed with it: its version row must be, too.
            self.dialect.do_commit(self.live.connection)
            self.part.keep(maintainer.heads)
        if self.split or self._commits_each:
            self.part.keep(maintainer.heads)
        self.split = False
        return result

    def prepare_version_table(self) -> None:
        """Make the version table, if there is something to write into it."""
        if self.purge or (self.planned and not self.applied):
            self._ensure_version_table(purge=self.purge)

    def announce(self, step: t.Any) -> None:
        """Say that a step begins."""
        log.info("Running %s", step)

    @property
    def can_begin_again(self) -> bool:
        """Whether what the running step has done until now can all be undone."""
        return bool(self.impl.transactional_ddl) and not self.split

    @property
    def _commits_each(self) -> bool:
        own = not self._in_external_transaction
        each = self._transaction_per_migration or not self.impl.transactional_ddl
        return bool(own and each)

    def _take(
        self, step: t.Any, described: Step, maintainer: Heads, kwargs: dict[str, t.Any]
    ) -> StepResult:
        self.announce(step)
        self.running = f"revision {described.revision.id}"
        started = time.monotonic()
        try:
            with contextlib.ExitStack() as stack:
                for watcher in self.watchers:
                    stack.enter_context(watcher.step(step, described))
                if isinstance(step, RevisionStep):
                    own = limits.of_revision(step.revision)
                    stack.enter_context(self.timeouts.step(own))
                ran = self._call(step, kwargs)
            maintainer.update_to_step(step)
            for callback in self.on_version_apply_callbacks:
                callback(
                    ctx=self,
                    step=step.info,
                    heads=set(maintainer.heads),
                    run_args=kwargs,
                )
            if self._commits_each:
                self.setup.check_deferred()
            seconds = time.monotonic() - started
            state: StepState = "done" if ran else "skipped"
            result = self._completed(StepResult(described, state, seconds))
            for watcher in self.watchers:
                watcher.applied(step, result)
        except Untried:
            raise
        except BaseException as e:
            self._fail_step(e, described, time.monotonic() - started)
            raise
        self.part.results.append(result)
        return result

    def _completed(self, result: StepResult) -> StepResult:
        for watcher in self.watchers:
            result = watcher.completed(result)
        return result

    def _fail_step(self, error: BaseException, step: Step, seconds: float) -> None:
        # What is in the way may have gone when everybody has been told.
        retries.meet(self, error, self.running, again=self.can_begin_again)
        failed = StepResult(step, "failed", seconds, first_line(error))
        result = self._completed(failed)
        self.part.results.append(result)
        number = len(self.part.results)
        self.part.emit("step_finished", number, step=step, result=result)
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
                + ("" if self.setup.callers else " The next run goes on after it.")
            )

    def _call(self, step: t.Any, kwargs: dict[str, t.Any]) -> bool:
        """Call the revision's function; False if it has nothing for this database."""
        fn = step.migration_fn
        if not isinstance(step, RevisionStep):
            fn(**kwargs)
            return True
        accepted = _accepted(fn)
        if "engine_name" in kwargs and "engine_name" not in accepted:
            if not (self.fallback or kwargs["engine_name"] == ""):
                return False
            kwargs = {k: v for k, v in kwargs.items() if k != "engine_name"}
        elif "engine_name" not in kwargs and accepted.get("engine_name") is True:
            name = "" if self.scripted and self.fallback else self.target.name
            kwargs = {**kwargs, "engine_name": name}
        if kwargs.get("engine_name") == databases.DEFAULT:
            kwargs = {**kwargs, "engine_name": _default_name(step)}
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
            code = getattr(fn, "__code__", None)
            own = frame and frame.tb_next is None and frame.tb_frame.f_code is code
            if own and e.args == (missing,):
                return False
            raise
        return True


def _without_own_tables(
    opts: t.Mapping[str, t.Any], version_table: str
) -> t.Callable[..., bool]:
    """Leave our tables out of comparisons, as Alembic does with its version table.

    :param opts: Of the context; the application's own choice counts for the others.
    """
    chosen = opts.get("include_name") or (lambda *_: True)
    ours = {
        named(table)
        for named in (history_table, journal_table)
        for table in (version_table, VERSION_TABLE)
    }

    def include_name(name: str | None, kind: t.Any, parents: t.Any) -> bool:
        own = kind == "table" and name in ours
        if own and not any(table.name == name for table in _tables(opts)):
            return False
        return bool(chosen(name, kind, parents))

    return include_name


def _tables(opts: t.Mapping[str, t.Any]) -> t.Iterator[sa.Table]:
    """The models' tables."""
    given = opts.get("target_metadata") or ()
    for metadata in given if isinstance(given, t.Iterable) else (given,):
        yield from metadata.tables.values()


def _default_name(step: RevisionStep) -> str:
    """How a revision calls the default database: Flask-Migrate's have no name for it."""
    module, direction = (
        step.revision.module,
        "upgrade" if step.is_upgrade else "downgrade",
    )
    named = hasattr(module, f"{direction}_{databases.DEFAULT}")
    return "" if hasattr(module, f"{direction}_") and not named else databases.DEFAULT


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

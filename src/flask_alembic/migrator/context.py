"""One database's part of a run: a migration context that plans, runs and reports."""

from __future__ import annotations

import contextlib
import logging
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
from ..settings import history_table
from ..settings import Settings
from ..settings import VERSION_TABLE
from . import folder
from . import revisions
from .bridge import proxied
from .bridge import resolving
from .databases import Target
from .deploys import limits
from .deploys import locks
from .deploys.watchers import Untried
from .deploys.watchers import Watcher
from .deploys.watchers import watchers_of
from .history import History
from .rebuilds.operations import KeepingOperations
from .running import Running
from .runs import DatabaseRun
from .runs import Run
from .snapshots.step import SnapshotStep
from .targets import texts
from .version_rows import VersionRows

if t.TYPE_CHECKING:
    from ..results import Direction
    from ..results import Revision
    from ..results import Step
    from .deploys.dry import Trial

# Applications read these lines under Alembic's own name.
log = logging.getLogger("alembic.runtime.migration")

MigrationFn: t.TypeAlias = t.Callable[[t.Any, t.Any], t.Iterable[t.Any]]


def revision_data(script: Script) -> Revision:
    """Describe one of Alembic's scripts."""
    from ..results import Revision

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
    # Late, like the other results of steps: at head there is none.
    from ..results import Step

    if isinstance(step, RevisionStep):
        direction: Direction = "upgrade" if step.is_upgrade else "downgrade"
        return Step(revision_data(step.revision), direction)
    if isinstance(step, SnapshotStep):
        return step.describe()
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
    has_table: bool | None = None
    """Whether there is a version table; None before anybody has looked."""
    rows: VersionRows | None = None
    """What keeps the version table while steps run."""

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
        if settings.plugins:
            from .drafts import companions

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

    @property
    def bind(self) -> sa.Connection | None:
        """The connection, for whoever asks for it: all that ran can be seen on it."""
        if self.rows is not None:
            self.rows.write()
        return self.connection

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
        if self.rows is not None:
            self.rows.write()
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
            heads = self._read_heads()
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

    def _read_heads(self) -> tuple[str, ...]:
        """The rows of the version table, none if there is no table."""
        if self.as_sql:
            return self.get_current_heads()
        if self.has_table is None:
            self.has_table = self._has_version_table()
        if not self.has_table:
            return ()
        return tuple(self.live.scalars(sa.select(self._version.c.version_num)))

    def load(self) -> None:
        """Load all modules of the plan, so that none fails after another ran.

        :raises MigrationError: One needs what the open transaction doesn't allow.
        """
        scripts = [
            s.revision for s in self.planned or () if isinstance(s, RevisionStep)
        ]
        revisions.load(scripts)
        built = [s.ids for s in self.planned or () if isinstance(s, SnapshotStep)]
        self._fit_version_table(
            [*(script.revision for script in scripts), *frozenset().union(*built)]
        )
        for script in scripts:
            limits.of_revision(script)
            outside = not vars(script.module).get("transactional", True)
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
        if self.has_table is False:
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
            self._run_steps()

    def _run_steps(self) -> None:
        self.impl.start_migrations()
        rows = self.rows = VersionRows(self, self.applied)
        self.applied = rows.heads
        self.part.emit("run_started")
        if self.purge and not self.planned:
            # There is no step to commit it with.
            with self.begin_transaction(_per_migration=True):
                self.prepare_version_table()
        else:
            self.prepare_version_table()
        with contextlib.suppress(Untried), self._keeping(rows):
            Running(self, self.arguments, rows).run()
        if not self._in_external_transaction and self.planned:
            # What fails at COMMIT fails now, when nothing else has been committed.
            self.setup.check_deferred()
        for watcher in self.watchers:
            watcher.finished()

    @contextlib.contextmanager
    def _keeping(self, rows: VersionRows) -> t.Iterator[None]:
        """Write rows as late as nobody can miss them."""
        lasting = self.commits_each or not self.impl.transactional_ddl
        if (
            lasting
            or self.as_sql
            # A dry run tells what each step executes, and this would be among it.
            or self.trial is not None
            or len(self.planned or ()) < 2
            or self.target.dialect.notices_rows(
                self.live, self.version_table, locks.schema_of(self)
            )
        ):
            yield
            return
        with rows.late():
            yield

    def prepare_version_table(self) -> None:
        """Make the version table, if there is something to write into it."""
        if self.has_table is False and (self.purge or self.planned):
            self.impl._exec(sa.schema.CreateTable(self._version))
            self.has_table = True
        elif self.purge:
            self.live.execute(self._version.delete())

    def announce(self, step: t.Any) -> None:
        """Say that a step begins."""
        log.info("Running %s", step)

    @property
    def can_begin_again(self) -> bool:
        """Whether what the running step has done until now can all be undone."""
        return bool(self.impl.transactional_ddl) and not self.split

    @property
    def commits_each(self) -> bool:
        """Whether each step is committed by itself."""
        own = not self._in_external_transaction
        each = self._transaction_per_migration or not self.impl.transactional_ddl
        return bool(own and each)


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

    # Who compares thousands of columns needn't ask for each of them.
    t.cast(t.Any, include_name).only_tables = not opts.get("include_name")
    return include_name


def _tables(opts: t.Mapping[str, t.Any]) -> t.Iterator[sa.Table]:
    """The models' tables."""
    given = opts.get("target_metadata") or ()
    for metadata in given if isinstance(given, t.Iterable) else (given,):
        yield from metadata.tables.values()


@contextlib.contextmanager
def operating(context: StepContext) -> t.Iterator[None]:
    """Make ``alembic.op`` and ``alembic.context`` mean this database."""
    env = t.cast(EnvironmentContext, context.environment_context)
    with proxied(env, KeepingOperations(context)):
        yield

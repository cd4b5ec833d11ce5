"""The extension object: its parameters, and facades of the core's methods."""

from __future__ import annotations

import functools
import logging
import os
import typing as t

from flask import Flask

from . import constructor
from . import settings
from .errors import SetupError
from .per_context import is_replaced
from .per_context import PerContext
from .signatures import with_parameters_of
from .web import pending

if t.TYPE_CHECKING:
    from alembic.operations import MigrationScript
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script
    from flask import Blueprint

    from .migrator.commands import Commands
    from .migrator.databases import Metadata
    from .migrator.databases import Source
    from .migrator.targets import Target
    from .results import Adoption
    from .results import Draft
    from .results import Finding
    from .results import LogEntry
    from .results import Plan
    from .results import RecordedStep
    from .results import Report
    from .results import Snapshot
    from .results import Status

logger = logging.getLogger(__name__)


class Alembic(PerContext):
    """Database migrations for Flask applications.

    :param app: Call :meth:`init_app` with it.
    :param run_mkdir: Make the migrations folder during ``init_app``.
    :param command_name: Name of the command group; False or "" for none.
    :param metadatas: The models: a MetaData, a list, or a dict of these by database
        name. A single value is for "default". Taken from Flask-SQLAlchemy if not given.
    :param engines: An Engine, an AsyncEngine or a Connection, or a dict of these by
        database name. A Connection's transaction stays the caller's. Taken from
        Flask-SQLAlchemy(-Lite) if not given.
    :raises TypeError: ``engines`` holds something else.

    .. versionchanged:: 4.0
        Asynchronous engines and connections are accepted. ``run_mkdir`` and
        ``command_name`` may be given by position, and to ``init_app``, again.
    """

    def __init__(
        self,
        app: Flask | None = None,
        run_mkdir: bool = True,
        command_name: str | t.Literal[False] = "db",
        *,
        metadatas: Metadata | t.Mapping[str, Metadata] | None = None,
        engines: Source | t.Mapping[str, Source] | None = None,
    ) -> None:
        self.run_mkdir = run_mkdir
        self.command_name: str | t.Literal[False] = command_name
        super().__init__(constructor.keyed(metadatas), constructor.keyed(engines))
        constructor.check_engines(self.engines)
        constructor.show_log_lines()
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: Flask,
        run_mkdir: bool | None = None,
        command_name: str | t.Literal[False] | None = None,
    ) -> None:
        """Register the extension on an application.

        :param run_mkdir: Overrides what the constructor got.
        :param command_name: Likewise.
        """
        app.extensions["alembic"] = self
        if "ALEMBIC" not in app.config:
            app.config["ALEMBIC"] = {
                **settings.DEFAULT_OPTIONS,
                "version_locations": [],
            }
        if "ALEMBIC_CONTEXT" not in app.config:
            app.config["ALEMBIC_CONTEXT"] = dict(settings.DEFAULT_CONTEXT)
        app.teardown_appcontext(self._end_context)
        if self.run_mkdir if run_mkdir is None else run_mkdir:
            self._try_mkdir(app)
        name = self.command_name if command_name is None else command_name
        pending.install(app, lambda: self, name or None)
        if name:
            from .cli import cli

            app.cli.add_command(cli, name)

    def _try_mkdir(self, app: Flask) -> None:
        """Make the folder; a read-only deployment is told, and goes on."""
        from .migrator import folder

        try:
            folder.make(settings.read(app.config, app.root_path))
        except (OSError, SetupError) as e:
            logger.warning("The migrations folder was not made: %s", e)

    # -- running -----------------------------------------------------------------------

    def mkdir(self) -> None:
        """Make the migrations folder, the version locations and the template."""
        self._call(lambda commands: commands.mkdir())

    def current(
        self, *, databases: t.Collection[str] | None = None
    ) -> tuple[Script, ...]:
        """The applied revisions.

        :param databases: Only these; all by default.
        """
        return self._call(lambda commands: commands.current(databases))

    def heads(self, resolve_dependencies: bool = False) -> tuple[Script, ...]:
        """The revisions that nothing follows.

        :param resolve_dependencies: Leave out what another revision depends on.
        """
        return self._call(
            lambda commands: commands.heads(resolve_dependencies), connects=False
        )

    def branches(self) -> list[Script]:
        """The revisions that more than one follows."""
        return self._call(lambda commands: commands.branches(), connects=False)

    def log(self, start: Target = "base", end: Target = "heads") -> list[Script]:
        """The revisions from one to another, newest first.

        :param start: The oldest; "current" for what is applied.
        :param end: The newest.
        """
        return self._call(
            lambda commands: commands.log(start, end),
            connects="current" in (start, end),
        )

    def walk(
        self, start: Target = "base", end: Target = "heads"
    ) -> tuple[LogEntry, ...]:
        """Describe the revisions from one to another, newest first.

        What :meth:`log` lists, as data: the whole history is told without Alembic.

        :param start: The oldest; "current" for what is applied.
        :param end: The newest.

        .. versionadded:: 4.0
        """
        return self._call(
            lambda commands: commands.walk(start, end),
            connects="current" in (start, end),
        )

    def describe(
        self, revisions: Target = "heads", *, resolve_dependencies: bool = False
    ) -> tuple[LogEntry, ...]:
        """Describe revisions and their places in the history.

        :param resolve_dependencies: Leave out heads that another depends on.

        .. versionadded:: 4.0
        """
        return self._call(
            lambda commands: commands.describe(revisions, resolve_dependencies)
        )

    def status(
        self, *, databases: t.Collection[str] | None = None
    ) -> tuple[Status, ...]:
        """Tell how far each database is; never fails for an unknown revision.

        :param databases: Only these; all by default.

        .. versionadded:: 4.0
        """
        return self._call(lambda commands: commands.status(databases))

    def record(
        self, *, databases: t.Collection[str] | None = None
    ) -> tuple[RecordedStep, ...]:
        """Show what was run, each database's newest step first.

        :param databases: Only these; all by default.
        :raises SetupError: ``ALEMBIC_HISTORY`` is off.

        .. versionadded:: 4.0
        """
        return self._call(lambda commands: commands.record(databases))

    def verify(
        self, *, databases: t.Collection[str] | None = None
    ) -> tuple[Finding, ...]:
        """Compare the revisions that are applied with their files, by the record.

        :param databases: Only these; all by default.
        :return: Errors for what was edited or is gone; nothing where all is the same.
        :raises SetupError: ``ALEMBIC_HISTORY`` is off.

        .. versionadded:: 4.0
        """
        return self._call(lambda commands: commands.verify(databases))

    def wait(
        self,
        timeout: float = 60,
        interval: float = 1.0,
        exact: bool = False,
        databases: t.Collection[str] | None = None,
    ) -> tuple[Status, ...]:
        """Wait until every database is at the code's heads, or ahead of them.

        One that doesn't answer isn't there yet. Between two looks no connection is
        held; each one is a single SELECT.

        :param timeout: Seconds after which to give up; 0 to look once.
        :param interval: Seconds between two looks.
        :param exact: A database that is ahead isn't ready.
        :param databases: Only these; all by default.
        :raises NotReadyError: One wasn't ready in time. ``exit_code`` is that of
            ``flask db status --check``.

        .. versionadded:: 4.0
        """
        from .migrator.deploys import waiting

        # Not the session's connection: its transaction may not see what others do.
        with self._apart():
            return waiting.wait(
                lambda: self.status(databases=databases),
                timeout=timeout,
                interval=interval,
                exact=exact,
            )

    @functools.cached_property
    def health(self) -> Blueprint:
        """A blueprint whose ``/ready`` says whether every database is ready.

        .. versionadded:: 4.0
        """
        from .web.health import make_blueprint

        return make_blueprint(lambda: self)

    def plan(
        self,
        target: Target | None = None,
        *,
        databases: t.Collection[str] | None = None,
        direction: t.Literal["upgrade", "downgrade"] = "upgrade",
        statements: bool | t.Literal["drops"] = False,
        replay: bool = False,
    ) -> tuple[Plan, ...]:
        """Tell what a command would do, without doing it.

        :param target: By default "heads", and -1 downwards.
        :param databases: Only these; all by default.
        :param statements: Add the SQL of each step, and the tables and columns that it
            drops. The revisions' functions are called for it, as for offline SQL;
            with "drops" those alone that speak of dropping something.
        :param replay: As :meth:`upgrade` has it.

        .. versionadded:: 4.0
        """
        return self._call(
            lambda commands: commands.plan(
                target, databases, direction, statements, replay
            )
        )

    def visit(
        self,
        fn: t.Callable[[tuple[str, ...], MigrationContext], object],
        *,
        databases: t.Collection[str] | None = None,
    ) -> None:
        """Call a function for each database, and change nothing.

        :param fn: Gets the applied heads and the migration context.
        :param databases: Only these; all by default.

        .. versionadded:: 4.0
        """
        return self._call(lambda commands: commands.visit(fn, databases))

    def needs_upgrade(self) -> bool:
        """Whether some database isn't at the heads."""
        return self._call(lambda commands: commands.needs_upgrade())

    @t.overload
    def upgrade(
        self,
        target: Target = "heads",
        *,
        sql: t.Literal[False] = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
        replay: bool = False,
    ) -> Report: ...

    @t.overload
    def upgrade(
        self,
        target: Target = "heads",
        *,
        sql: t.Literal[True],
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
        replay: bool = False,
    ) -> dict[str, str]: ...

    @t.overload
    def upgrade(
        self,
        target: Target = "heads",
        *,
        sql: bool,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
        replay: bool = False,
    ) -> Report | dict[str, str]: ...

    def upgrade(
        self,
        target: Target = "heads",
        *,
        sql: bool = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
        replay: bool = False,
    ) -> Report | dict[str, str]:
        """Run revisions until the database is at the target.

        :param target: A revision, a list of these, "heads", or a count.
        :param sql: Write SQL instead of running it; ``target`` may be "start:end".
        :param databases: Only these; all by default.
        :param tag: For an ``env.py`` that asks for it.
        :param dry_run: Run everything, roll it back, and report what it did. MariaDB
            can't: the report has the SQL instead.
        :param replay: Run every revision, also where a snapshot could take the place of
            the first ones.
        :return: What was done; with ``sql``, database name -> script.

        .. versionchanged:: 4.0
            Returns a report. ``sql``, ``databases``, ``dry_run`` and ``replay`` are new.
        """
        if sql:
            return self._call(
                lambda commands: commands.offline(
                    "upgrade", target, databases, tag, replay=replay
                )
            )
        return self._call(
            lambda commands: commands.upgrade(target, databases, tag, dry_run, replay)
        )

    @t.overload
    def downgrade(
        self,
        target: Target = -1,
        *,
        sql: t.Literal[False] = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
    ) -> Report: ...

    @t.overload
    def downgrade(
        self,
        target: Target = -1,
        *,
        sql: t.Literal[True],
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, str]: ...

    @t.overload
    def downgrade(
        self,
        target: Target = -1,
        *,
        sql: bool,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
    ) -> Report | dict[str, str]: ...

    def downgrade(
        self,
        target: Target = -1,
        *,
        sql: bool = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        dry_run: bool = False,
    ) -> Report | dict[str, str]:
        """Undo revisions until the database is at the target.

        :param target: A revision, "base", or a negative count.
        :param sql: Write SQL instead of running it; ``target`` is "start:end".
        :param databases: Only these; all by default.
        :param tag: For an ``env.py`` that asks for it.
        :param dry_run: Run everything, roll it back, and report what it did. MariaDB
            can't: the report has the SQL instead.
        :return: What was done; with ``sql``, database name -> script.

        .. versionchanged:: 4.0
            Returns a report. ``sql``, ``databases`` and ``dry_run`` are new.
        """
        if sql:
            return self._call(lambda c: c.offline("downgrade", target, databases, tag))
        return self._call(
            lambda commands: commands.downgrade(target, databases, tag, dry_run)
        )

    @t.overload
    def stamp(
        self,
        target: Target = "heads",
        *,
        sql: t.Literal[False] = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        purge: bool = False,
    ) -> Report: ...

    @t.overload
    def stamp(
        self,
        target: Target = "heads",
        *,
        sql: t.Literal[True],
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        purge: bool = False,
    ) -> dict[str, str]: ...

    @t.overload
    def stamp(
        self,
        target: Target = "heads",
        *,
        sql: bool,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        purge: bool = False,
    ) -> Report | dict[str, str]: ...

    def stamp(
        self,
        target: Target = "heads",
        *,
        sql: bool = False,
        databases: t.Collection[str] | None = None,
        tag: str | None = None,
        purge: bool = False,
    ) -> Report | dict[str, str]:
        """Write the version table without running revisions.

        :param target: A revision, a list of these, "heads" or "base".
        :param sql: Write SQL instead of running it; ``target`` may be "start:end".
        :param databases: Only these; all by default.
        :param tag: For an ``env.py`` that asks for it.
        :param purge: Empty the version table first, whatever it holds.
        :return: What was done; with ``sql``, database name -> script.

        .. versionchanged:: 4.0
            Returns a report. ``sql``, ``databases`` and ``purge`` are new.
        """
        if sql:
            return self._call(
                lambda c: c.offline("stamp", target, databases, tag, purge)
            )
        return self._call(
            lambda commands: commands.stamp(target, databases, tag, purge)
        )

    def repair(
        self,
        revision: str | None = None,
        *,
        action: t.Literal["finish", "done", "undo"] | None = None,
        ran: bool | None = None,
        databases: t.Collection[str] | None = None,
    ) -> Report:
        """Mend what a run left half-way on a database that commits every statement.

        :param revision: Only this one; an id or its beginning.
        :param action: ``finish`` runs what is left, ``done`` takes it as applied,
            ``undo`` takes its statements back; by default tell what is unfinished.
        :param ran: Whether a statement has run of which the database can't tell.
        :param databases: Only these; all by default.
        :raises RepairError: The action can't be done; it says why.

        .. versionadded:: 4.0
        """
        return self._call(lambda c: c.repair(revision, action, ran, databases))

    # -- drafts ------------------------------------------------------------------------

    def draft(
        self,
        message: str | None,
        empty: bool = False,
        branch: str = "default",
        parent: Target = "head",
        splice: bool = False,
        depend: Target | None = None,
        label: str | t.Sequence[str] | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        rev_id: str | None = None,
        renames: t.Mapping[str, str] | t.Literal[False] | None = None,
        defaults: t.Mapping[str, str] | None = None,
        ask: t.Callable[[t.Any], t.Any] | None = None,
        all_tables: bool = False,
        prove: bool | None = None,
    ) -> Draft:
        """Write a revision as :meth:`revision` does, and tell what was found.

        Takes the same arguments. Where nothing changed, the draft has no path.

        .. versionadded:: 4.0
        """
        from .requests import DraftRequest

        wanted = DraftRequest(
            message,
            empty,
            branch,
            parent,
            splice,
            depend,
            label,
            path,
            rev_id=rev_id,
            renames=renames,
            defaults=defaults,
            ask=ask,
            all_tables=all_tables,
            prove=prove,
        )
        return self._call(lambda commands: commands.draft(wanted))

    @with_parameters_of(draft)
    def revision(self, *args: t.Any, **options: t.Any) -> list[Script]:
        """Write a revision from the differences between models and databases.

        :param message: What it does, for people.
        :param empty: Compare nothing, and write a file to be filled in.
        :param branch: The independent branch it belongs to; "" for no rules of
            branches, so that ``parent`` is all that counts.
        :param parent: What it follows.
        :param splice: It may follow a revision that others follow already.
        :param depend: What must be applied before it.
        :param label: Branch labels that start with it.
        :param path: Folder for its file; one of the configured ones.
        :param rev_id: Its id; by default :meth:`rev_id` makes one.
        :param renames: Old name -> new name, such as ``"users.name": "full_name"``;
            False for none.
        :param defaults: Column -> SQL text for rows that need a value, such as
            ``"users.email": "''"``.
        :param ask: Called with a question where something isn't decided.
        :param all_tables: Drop tables without a model whoever has made them, and even
            if none is left.
        :param prove: Upgrade, downgrade and upgrade it on scratch databases; by
            default what ``ALEMBIC_PROVE`` says. What comes of it :meth:`draft` tells.
        :return: The new revisions; none if nothing changed.

        .. versionchanged:: 4.0
            Writes nothing if nothing changed.
        """
        drafted = self.draft(*args, **options)
        if not drafted.revisions:
            return []
        return self._call(lambda commands: commands.written(drafted))

    @with_parameters_of(draft)
    def revise(self, *args: t.Any, **options: t.Any) -> Draft:
        """Write a revision as ``flask db revision`` does, and tell what was found.

        It comes from :meth:`revision` where the application has one of its own, with
        as many of the arguments as that takes; the others hold for what it calls.
        Otherwise this is :meth:`draft`, which takes the same arguments.

        .. versionadded:: 4.0
        """
        if not is_replaced(self.revision, Alembic.revision):
            return self.draft(*args, **options)
        from .migrator.drafts import own_revision

        return own_revision.through(self.revision, args, options)

    def merge(
        self,
        revisions: Target = "heads",
        message: str | None = None,
        label: str | t.Sequence[str] | None = None,
        *,
        rev_id: str | None = None,
    ) -> Script:
        """Write a revision that joins others; a single one is returned as it is.

        :param message: By default it names the revisions.
        :param label: Branch labels that start with it.
        :param rev_id: Its id; by default :meth:`rev_id` makes one.
        """
        return self._call(
            lambda commands: commands.merge(revisions, message, label, rev_id)
        )

    def produce_migrations(self) -> MigrationScript:
        """Alembic's own comparison, unfiltered; several databases are several lists."""
        return self._call(lambda commands: commands.produce_migrations())

    def compare_metadata(self) -> list[t.Any]:
        """Alembic's own differences, unfiltered, of all databases."""
        return self._call(lambda commands: commands.compare_metadata())

    def needs_revision(self) -> bool:
        """Whether :meth:`revision` would write something."""
        return bool(self.diff().operations)

    def diff(
        self,
        *,
        databases: t.Collection[str] | None = None,
        renames: t.Mapping[str, str] | t.Literal[False] | None = None,
        defaults: t.Mapping[str, str] | None = None,
        ask: t.Callable[[t.Any], t.Any] | None = None,
        all_tables: bool = False,
        sql: bool = False,
    ) -> Draft:
        """Compare as :meth:`revision` does, and write nothing.

        :param databases: Only these; all by default.
        :param renames: As :meth:`revision` takes them; so are the next three.
        :param sql: Add the upgrade's SQL, for each database.

        .. versionadded:: 4.0
        """

        def work(commands: Commands) -> Draft:
            from .migrator.drafts.refining import Choices

            choices = Choices(renames, defaults or {}, ask, all_tables)
            return commands.diff(databases, choices, sql)

        return self._call(work)

    # -- upkeep ------------------------------------------------------------------------

    def snapshot(
        self, *, check: bool = False, databases: t.Collection[str] | None = None
    ) -> tuple[Snapshot, ...]:
        """Write what all revisions leave in an empty database as one file for each.

        The revisions run on scratch databases, and so does what is written: it is
        refused if the results differ. An upgrade of an empty database begins with it.

        :param check: Write nothing, and tell how good those are that are there.
        :param databases: Only these; all by default.
        :raises SnapshotError: One can't be made; then none is written.

        .. versionadded:: 4.0
        """
        return self._call(lambda commands: commands.snapshot(check, databases))

    def adopt(self, *, undo: bool = False, apply: bool = True) -> Adoption:
        """Make a folder of Flask-Migrate or plain Alembic one without ``env.py``.

        Its files but the revisions are moved aside; databases aren't touched.

        :param undo: Put the files back.
        :param apply: Change something; otherwise only tell what would be changed.

        .. versionadded:: 4.0
        """
        from .migrator.upkeep import adopt

        with self._live() as live:
            work = adopt.undo if undo else adopt.adopt
            adoption = work(live, apply=apply)
        # The environment is another one now.
        self._end_context(None)
        return adoption

    def doctor(self) -> tuple[Finding, ...]:
        """Examine installation, folder and databases; never fails for what it finds.

        .. versionadded:: 4.0
        """
        from .migrator.upkeep import doctor

        return doctor.examine(self._get_cache, self._call)

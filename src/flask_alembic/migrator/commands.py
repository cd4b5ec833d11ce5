"""The public methods that change databases or write files."""

from __future__ import annotations

import functools
import os
import typing as t

from flask import current_app

from .. import settings as settings_room
from ..errors import DraftError
from ..errors import SetupError
from ..errors import TargetError
from . import databases
from . import folder
from .readings import one
from .readings import Readings
from .runs import collecting
from .runs import current_run
from .runs import Run
from .targets import texts

if t.TYPE_CHECKING:
    from alembic.script import Script

    from ..requests import DraftRequest
    from ..results import Draft
    from ..results import Report
    from ..results import Snapshot
    from .drafts.placing import Request
    from .environments import Names
    from .live import Live
    from .targets import Target

Command: t.TypeAlias = t.Literal["upgrade", "downgrade", "stamp"]
Planner: t.TypeAlias = "t.Callable[[t.Any, t.Any], list[t.Any]]"


class Commands(Readings):
    """The methods that change databases or files.

    :param overridden: The extension's ``run_migrations`` is the application's own.
    """

    def __init__(self, live: Live, *, overridden: bool) -> None:
        super().__init__(live)
        self._overridden = overridden

    # -- running -----------------------------------------------------------------------

    def run(self, fn: t.Any, kwargs: t.Mapping[str, t.Any]) -> None:
        """Run what ``fn`` plans."""
        with current_run() as run:
            self._environment.execute(fn, kwargs, run)
            run.finish()

    def _through_owner(self, command: str, fn: Planner, **options: t.Any) -> Report:
        """Run by the extension's method, which the application may have overridden."""
        from .deploys.retries import repeating

        run = Run(command, **options)
        with collecting(run):
            repeating(
                run,
                self._live.settings.lock_retries,
                lambda: self._live.owner.run_migrations(fn),
            )
        return run.report()

    def _work(self) -> None:
        """Look at every file again: there is something to do.

        Modules that were loaded are loaded anew; their files may have been edited.
        """
        self._history(fresh=True)
        self._live.script = None

    def upgrade(
        self,
        target: Target,
        names: Names,
        tag: str | None,
        dry: bool = False,
        replay: bool = False,
    ) -> Report:
        """Upgrade; a database that is at its heads already costs one SELECT.

        :param replay: Leave snapshots aside.
        """
        if target == "heads" and not self._overridden and not self._live.scripted:
            report = self._at_head(names, dry)
            if report is not None:
                return report
        self._work()
        goal = one(self._goal(target))
        options = {"tag": tag, "destination_rev": goal}
        plan = self._planner("upgrade", goal, replay=replay)
        return self._through_owner(
            "upgrade", plan, names=names, dry=dry, options=options
        )

    def _at_head(self, names: Names, dry: bool) -> Report | None:
        """Answer from the index, if there is nothing to do; without Alembic."""
        history = self._history()
        run = Run("upgrade", names=names, dry=dry)
        for item in self._applied(names):
            if not history.at_head(item.heads):
                return None
            run.start(item.database).keep(item.heads)
        with collecting(run):
            return run.report()

    def downgrade(
        self, target: Target, names: Names, tag: str | None, dry: bool = False
    ) -> Report:
        """Downgrade."""
        self._work()
        goal = self._downwards(target)
        options = {"tag": tag, "destination_rev": goal}
        plan = self._planner("downgrade", goal)
        return self._through_owner(
            "downgrade", plan, names=names, dry=dry, options=options
        )

    def stamp(
        self, target: Target, names: Names, tag: str | None, purge: bool
    ) -> Report:
        """Write the version table without running revisions."""
        self._work()
        goal = self._stamps(target)
        options = {"tag": tag, "purge": purge, "destination_rev": goal}
        plan = self._planner("stamp", goal)
        return self._through_owner(
            "stamp", plan, names=names, purge=purge, options=options
        )

    def _stamps(self, target: Target) -> tuple[str, ...]:
        """Find what a stamp writes.

        :raises TargetError: One of several revisions comes before another.
        """
        goal = tuple(self._named(target))
        if len(goal) > 1:
            ids = [script.revision for script in self._scripts(goal)]
            overlapping = self._history().overlapping(ids)
            if overlapping:
                raise TargetError(
                    f"{', '.join(overlapping)} comes before another of"
                    f" {', '.join(ids)}: one row says both.",
                    fix="Name the later ones only.",
                )
        return goal

    def _planner(
        self, command: Command, goal: t.Any, *, replay: bool = False
    ) -> Planner:
        """What finds the steps of a command, for whatever is applied."""
        if command == "upgrade":
            history = self._live.history()
            # Once, and not at head, which needs nothing that finds steps.
            upgrade = functools.cache(
                lambda: self._upgrade(goal, history, replay=replay)
            )
            to_heads = goal == "heads" or (goal == "head" and len(history.heads) == 1)

            def find(heads: t.Collection[str], context: t.Any) -> list[t.Any]:
                # Alembic reads all revisions to find that there is nothing to do.
                if to_heads and history.at_head(heads):
                    return []
                return upgrade().steps(
                    heads,
                    context.target,
                    None if context.as_sql else context.connection,
                    context.part.warn,
                )

            return find
        from .steps import find_steps

        script = self._live.get_script()
        method = (
            script._downgrade_revs if command == "downgrade" else script._stamp_revs
        )
        return lambda heads, context: find_steps(method, goal, heads)

    def repair(
        self,
        revision: str | None,
        action: t.Literal["finish", "done", "undo"] | None,
        ran: bool | None,
        names: Names,
    ) -> Report:
        """Show, finish, accept or undo what was interrupted half-way."""
        from .deploys import repair
        from .deploys.journal import Decision

        self._work()
        unfinished, journals = repair.look(self._environment, names, revision)
        if action is None or not unfinished:
            return repair.report_on(unfinished, journals)
        return repair.repair(
            self._live.get_script(),
            unfinished,
            Decision(action, ran),
            functools.partial(self._through_owner, names=names),
        )

    # -- offline -----------------------------------------------------------------------

    def _offline_goal(self, command: Command, end: Target) -> t.Any:
        if command == "stamp":
            return self._stamps(end)
        return one(self._goal(end)) if command == "upgrade" else self._downwards(end)

    def offline(
        self,
        command: Command,
        target: Target,
        names: Names,
        tag: str | None,
        purge: bool = False,
        replay: bool = False,
    ) -> dict[str, str]:
        """Write the SQL of a command, a script for each database.

        :param purge: Begin by emptying the version table, whatever it holds.
        :param replay: Leave snapshots aside.
        :return: Nothing if an env.py has written it somewhere itself.
        """
        from . import offline

        self._work()
        start, end = offline.split_range(target, start_at_base=command != "downgrade")
        plan = self._planner(command, self._offline_goal(command, end), replay=replay)
        if self._live.scripted:
            if purge:
                raise TargetError("A stamp can't purge in SQL that env.py writes.")
            options = {
                "as_sql": True,
                "starting_rev": offline.starting_ids(self._live, start),
                "destination_rev": end,
                "tag": tag,
            }
            self._through_owner(command, plan, names=names, options=options)
            return {}
        configured = self._live.targets()
        return {
            name: offline.script(
                self._live,
                chosen,
                list(configured),
                start=start,
                plan=plan,
                purge=purge,
            )
            for name, chosen in databases.select(configured, names).items()
        }

    # -- drafts ------------------------------------------------------------------------

    def draft(self, wanted: DraftRequest) -> Draft:
        """Write a revision, if there is anything to write, and say what was found."""
        from .drafts import own_revision

        return own_revision.collect(self._draft(own_revision.completed(wanted)))

    def _draft(self, wanted: DraftRequest) -> Draft:
        from .drafts import draft
        from .drafts.refining import Choices

        self._work()
        request = self._placed(wanted)
        if wanted.empty and not self._live.settings.flag("revision_environment"):
            return draft.empty(self._live, request)
        choices = Choices(
            wanted.renames, wanted.defaults or {}, wanted.ask, wanted.all_tables
        )
        draft_ = draft.Autogenerated(self._live, request, choices, empty=wanted.empty)
        self._through_owner(
            "revision", draft_.compare, writes=False, options=draft_.options
        )
        drafted = draft_.write()
        if not (self._live.settings.prove if wanted.prove is None else wanted.prove):
            return drafted
        from .drafts.proofs.prove import proved

        return proved(self._live, drafted, None if wanted.empty else choices)

    def _placed(self, wanted: DraftRequest) -> Request:
        """Decide on the id, the parents, the labels and the folder."""
        from .drafts import placing

        path, depend = wanted.path, wanted.depend
        parents, labels, place = placing.place(
            self._live,
            branch=wanted.branch,
            parents=self._named(wanted.parent or "head"),
            labels=texts(wanted.label),
            path=settings_room.locate(path, self._base) if path else None,
        )
        return placing.Request(
            id=self._new_id(wanted.rev_id),
            message=wanted.message,
            parents=parents,
            depends=tuple(self._named(depend)) if depend else (),
            labels=labels,
            path=place,
            splice=wanted.splice,
        )

    def written(self, draft: Draft) -> list[Script]:
        """Find the scripts of what was written."""
        return list(self._scripts(tuple(item.id for item in draft.revisions)))

    @property
    def _base(self) -> str:
        """Where relative paths start: as Alembic has it, if Alembic is configured."""
        return os.getcwd() if self._live.given_config else current_app.root_path

    def _new_id(self, wanted: str | None) -> str:
        return str(self._live.owner.rev_id() if wanted is None else wanted)

    def merge(
        self,
        revisions: Target,
        message: str | None,
        label: str | t.Sequence[str] | None,
        rev_id: str | None,
    ) -> Script:
        """Join revisions; a single one is returned as it is."""
        from .drafts import draft
        from .drafts import placing

        self._work()
        scripts = self._scripts(self._named(revisions))
        found = list(dict.fromkeys(script.revision for script in scripts))
        if not found:
            raise DraftError("There are no revisions to merge.")
        if len(found) == 1:
            return self._scripts(found)[0]
        return draft.merge(
            self._live,
            placing.Request(
                id=self._new_id(rev_id),
                message=f"merge {', '.join(found)}" if message is None else message,
                parents=tuple(found),
                labels=texts(label),
            ),
        )

    # -- snapshots ---------------------------------------------------------------------

    def snapshot(self, check: bool, names: Names) -> tuple[Snapshot, ...]:
        """Make snapshots, or tell how good they are.

        :raises SetupError: An env.py is the environment.
        """
        from .snapshots import making
        from .snapshots import states

        if self._live.scripted:
            raise SetupError(
                "There are no snapshots where an env.py decides which databases are met.",
                fix="'flask db adopt' lets Flask configure the folder.",
            )
        self._work()
        history = self._history()
        if check:
            return tuple(states.look(self._live, history, names))
        return tuple(making.make(self._live, history, names))

    # -- folder ------------------------------------------------------------------------

    def mkdir(self) -> None:
        """Make the folders and the template."""
        settings = self._live.settings
        try:
            folder.make(settings)
        except OSError as e:
            raise DraftError(
                f"The migrations folder {str(settings.script_location)!r} can't be made:"
                f" {e.strerror or e}.",
                fix="Make it writable, or name another in ALEMBIC['script_location'].",
            ) from e

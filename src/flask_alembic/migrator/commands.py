"""The public methods that change databases or write files."""

from __future__ import annotations

import functools
import os
import typing as t

from flask import current_app

from .. import settings as settings_room
from ..errors import DraftError
from ..errors import TargetError
from ..results import Draft
from ..results import Report
from . import databases
from . import folder
from .deploys.retries import repeating
from .environments import Names
from .live import Live
from .readings import one
from .readings import Readings
from .runs import collecting
from .runs import current_run
from .runs import Run
from .targets import Target
from .targets import texts

if t.TYPE_CHECKING:
    from alembic.script import Script

    from .drafts.refining import Choices

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
        self, target: Target, names: Names, tag: str | None, dry: bool = False
    ) -> Report:
        """Upgrade; a database that is at its heads already costs one SELECT."""
        if target == "heads" and not self._overridden and not self._live.scripted:
            report = self._at_head(names, dry)
            if report is not None:
                return report
        self._work()
        goal = one(self._goal(target))
        options = {"tag": tag, "destination_rev": goal}
        plan = self._planner("upgrade", goal)
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

    def _planner(self, command: Command, goal: t.Any) -> Planner:
        """What finds the steps of a command, for whatever is applied."""
        from .steps import find_steps

        script = self._live.get_script()
        method = {
            "upgrade": script._upgrade_revs,
            "downgrade": script._downgrade_revs,
            "stamp": script._stamp_revs,
        }[command]
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
    ) -> dict[str, str]:
        """Write the SQL of a command, a script for each database.

        :param purge: Begin by emptying the version table, whatever it holds.
        :return: Nothing if an env.py has written it somewhere itself.
        """
        from . import offline

        self._work()
        start, end = offline.split_range(target, start_at_base=command != "downgrade")
        plan = self._planner(command, self._offline_goal(command, end))
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

    def draft(
        self,
        message: str | None,
        empty: bool,
        branch: str,
        parent: Target,
        splice: bool,
        depend: Target | None,
        label: str | t.Sequence[str] | None,
        path: str | os.PathLike[str] | None,
        rev_id: str | None,
        choices: Choices,
        prove: bool | None = None,
    ) -> Draft:
        """Write a revision, if there is anything to write, and say what was found.

        :param prove: Try it on scratch databases; None leaves that to the settings.
        """
        from .drafts import draft

        self._work()
        parents, labels, place = draft.place(
            self._live,
            branch=branch,
            parents=self._named(parent or "head"),
            labels=texts(label),
            path=settings_room.locate(path, self._base) if path else None,
        )
        request = draft.Request(
            id=self._new_id(rev_id),
            message=message,
            parents=parents,
            depends=tuple(self._named(depend)) if depend else (),
            labels=labels,
            path=place,
            splice=splice,
        )
        if empty and not self._live.settings.flag("revision_environment"):
            return draft.empty(self._live, request)
        draft_ = draft.Autogenerated(self._live, request, choices, empty=empty)
        self._through_owner(
            "revision", draft_.compare, writes=False, options=draft_.options
        )
        drafted = draft_.write()
        if not (self._live.settings.prove if prove is None else prove):
            return drafted
        from .drafts.proofs.prove import proved

        return proved(self._live, drafted, None if empty else choices)

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

        self._work()
        scripts = self._scripts(self._named(revisions))
        found = list(dict.fromkeys(script.revision for script in scripts))
        if not found:
            raise DraftError("There are no revisions to merge.")
        if len(found) == 1:
            return self._scripts(found)[0]
        return draft.merge(
            self._live,
            draft.Request(
                id=self._new_id(rev_id),
                message=f"merge {', '.join(found)}" if message is None else message,
                parents=tuple(found),
                labels=texts(label),
            ),
        )

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

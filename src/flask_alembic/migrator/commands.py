"""What each public method does. Alembic is imported when a method needs it."""

from __future__ import annotations

import os
import typing as t

from sqlalchemy.exc import DBAPIError

from .. import settings as settings_room
from ..errors import DraftError
from ..errors import TargetError
from ..results import Draft
from ..results import LogEntry
from ..results import Plan
from ..results import Report
from ..results import Status
from . import databases
from . import folder
from . import heads as heads_room
from . import targets
from .live import Live
from .runs import collecting
from .runs import current_run
from .runs import Run
from .targets import Target

if t.TYPE_CHECKING:
    from alembic.operations import MigrationScript
    from alembic.script import Script

Names: t.TypeAlias = "t.Collection[str] | None"


class Owner(t.Protocol):
    """The extension, as far as the core calls back into it: what may be overridden."""

    def run_migrations(self, fn: t.Any, **kwargs: t.Any) -> object: ...

    def rev_id(self) -> str: ...


class Commands:
    """The methods of the extension for one application context.

    :param owner: Whose ``run_migrations`` and ``rev_id`` are called.
    :param overridden: Its ``run_migrations`` is the application's own.
    """

    def __init__(self, owner: Owner, live: Live, *, overridden: bool) -> None:
        self._owner = owner
        self._live = live
        self._overridden = overridden

    # -- reading -----------------------------------------------------------------------

    def _selected(self, names: Names) -> dict[str, databases.Target]:
        return databases.select(self._live.targets(), names)

    def _applied(self, target: databases.Target) -> tuple[str, ...]:
        with self._live.reading(target) as connection:
            return heads_room.applied_heads(connection, self._live.settings)

    def status(self, names: Names = None) -> tuple[Status, ...]:
        """Tell how far each database is."""
        history = self._live.history()
        history.check()
        found = []
        for target in self._selected(names).values():
            try:
                with self._live.reading(target) as connection:
                    try:
                        applied = heads_room.applied_heads(
                            connection, self._live.settings
                        )
                    except DBAPIError as e:
                        found.append(heads_room.unreadable(target, e, history))
                        connection.rollback()
                        continue
            except DBAPIError as e:
                e.add_note(f"while reading the database {target.name!r}")
                raise
            found.append(heads_room.judge(target, applied, history))
        return tuple(found)

    def current(self, names: Names = None) -> tuple[Script, ...]:
        """Find the scripts of what is applied, in any of the databases."""
        applied: dict[str, None] = {}
        for target in self._selected(names).values():
            applied.update(dict.fromkeys(self._applied(target)))
        return self._scripts(tuple(applied))

    def _scripts(self, ids: t.Any) -> tuple[Script, ...]:
        from .bridge import resolving

        self._live.history().check()
        with resolving():
            found = self._live.get_script().get_revisions(ids)
        return tuple(script for script in found if script is not None)

    def heads(self, resolve_dependencies: bool) -> tuple[Script, ...]:
        """Find the scripts that nothing follows."""
        history = self._live.history()
        ids = history.effective_heads if resolve_dependencies else history.heads
        return self._scripts(tuple(ids))

    def branches(self) -> list[Script]:
        """Find the scripts that several follow."""
        return [
            script for script in self.log("base", "heads") if script.is_branch_point
        ]

    def log(self, start: Target, end: Target) -> list[Script]:
        """Walk the history, newest first."""
        from .bridge import resolving

        history = self._live.history()
        history.check()
        ends = [self._named(start), self._named(end)]
        with resolving():
            return list(self._live.get_script().walk_revisions(*t.cast(t.Any, ends)))

    def _named(self, target: Target) -> list[str]:
        if target == "current":
            return [script.revision for script in self.current()]
        return targets.names(target, self._live.history().entries)

    def describe(
        self, revisions: Target, resolve_dependencies: bool
    ) -> tuple[LogEntry, ...]:
        """Describe revisions from the index; Alembic is asked for what isn't an id."""
        history = self._live.history()
        history.check()
        if revisions == "heads":
            ids = tuple(
                sorted(history.effective_heads)
                if resolve_dependencies
                else history.heads
            )
        else:
            ids = tuple(targets.names(revisions, history.entries))
            if not all(id_ in history.entries for id_ in ids):
                ids = tuple(script.revision for script in self._scripts(ids))
        return tuple(history.describe(id_) for id_ in ids)

    def needs_upgrade(self) -> bool:
        """Whether some database isn't at the heads."""
        history = self._live.history()
        history.check()
        return any(
            not history.at_head(self._applied(target))
            for target in self._selected(None).values()
        )

    # -- running -----------------------------------------------------------------------

    def run(self, fn: t.Any, kwargs: t.Mapping[str, t.Any]) -> None:
        """Run what ``fn`` plans, on the live contexts."""
        from .execute import execute

        run = current_run()
        contexts = self._live.get_contexts()
        if run.names is not None:
            contexts = {name: contexts[name] for name in self._selected(run.names)}
        execute(contexts, fn, kwargs, run)

    def _through_owner(self, run: Run, fn: t.Any) -> Report:
        with collecting(run):
            self._owner.run_migrations(fn)
        return run.report()

    def _work(self) -> None:
        """Look at every file again: there is something to do.

        Modules that were loaded are loaded anew; their files may have been edited.
        """
        self._live.history(fresh=True).check()
        self._live.script = None

    def upgrade(self, target: Target, names: Names) -> Report:
        """Upgrade; a database that is at its heads already costs one SELECT."""
        if target == "heads" and not self._overridden:
            report = self._at_head(names)
            if report is not None:
                return report
        from .bridge import find_steps

        self._work()
        wanted = targets.names(target, self._live.history().entries, counts=True)
        script = self._live.get_script()

        def plan(heads: t.Any, context: t.Any) -> list[t.Any]:
            return find_steps(script._upgrade_revs, _one(wanted), heads)

        return self._through_owner(Run("upgrade", names=names), plan)

    def _at_head(self, names: Names) -> Report | None:
        """Answer from the index, if there is nothing to do; without Alembic."""
        history = self._live.history()
        history.check()
        run = Run("upgrade", names=names)
        for target in self._selected(names).values():
            applied = self._applied(target)
            if not history.at_head(applied):
                return None
            run.start(target.describe()).keep(applied)
        return run.report()

    def downgrade(self, target: Target, names: Names) -> Report:
        """Downgrade."""
        from .bridge import find_steps

        self._work()
        wanted = self._downwards(target)
        script = self._live.get_script()

        def plan(heads: t.Any, context: t.Any) -> list[t.Any]:
            return find_steps(script._downgrade_revs, wanted, heads)

        return self._through_owner(Run("downgrade", names=names), plan)

    def _downwards(self, target: Target) -> str:
        wanted = targets.names(target, self._live.history().entries, counts=True)
        if len(wanted) > 1:
            raise TargetError(
                f"A downgrade goes to one revision, not to {', '.join(wanted)}."
            )
        if wanted[0].startswith("+"):
            raise TargetError(
                f"A downgrade can't go {wanted[0]} revisions.",
                fix=f"Go down with -{wanted[0][1:]}.",
            )
        return wanted[0]

    def stamp(self, target: Target, names: Names, purge: bool) -> Report:
        """Write the version table without running revisions."""
        from .bridge import find_steps

        self._work()
        wanted = targets.names(target, self._live.history().entries)
        script = self._live.get_script()

        def plan(heads: t.Any, context: t.Any) -> list[t.Any]:
            return find_steps(script._stamp_revs, tuple(wanted), heads)

        return self._through_owner(Run("stamp", names=names, purge=purge), plan)

    def plan(self, target: Target, names: Names, direction: str) -> tuple[Plan, ...]:
        """Tell what a command would do, without doing it."""
        history = self._live.history(fresh=True)
        history.check()
        chosen = self._selected(names).values()
        applied = {target_.name: self._applied(target_) for target_ in chosen}
        plans = []
        for chosen_target in chosen:
            heads = applied[chosen_target.name]
            if direction == "upgrade" and target == "heads" and history.at_head(heads):
                plans.append(Plan(chosen_target.describe(), heads, heads, ()))
            else:
                plans.append(self._plan(chosen_target, heads, target, direction))
        return tuple(plans)

    def _plan(
        self,
        database: databases.Target,
        heads: tuple[str, ...],
        target: Target,
        direction: str,
    ) -> Plan:
        from .plan import plan_of

        history = self._live.history()
        down = direction == "downgrade"
        wanted = targets.names(target, history.entries, counts=True)
        goal = self._downwards(target) if down else _one(wanted)
        return plan_of(
            self._live.get_script(), history, database, heads, goal, downwards=down
        )

    # -- offline -----------------------------------------------------------------------

    def offline(
        self,
        command: t.Literal["upgrade", "downgrade", "stamp"],
        target: Target,
        names: Names,
    ) -> dict[str, str]:
        """Write the SQL of a command, a script for each database."""
        from . import offline
        from .bridge import find_steps

        self._work()
        history, script = self._live.history(), self._live.get_script()
        text = target if isinstance(target, str) else ""
        start, end = "base", target
        if isinstance(target, str):
            start, end = offline.split_range(text, start_at_base=command != "downgrade")
        elif command == "downgrade":
            offline.split_range(str(target), start_at_base=False)
        wanted = targets.names(end, history.entries, counts=command != "stamp")

        def plan(context: t.Any, heads: tuple[str, ...]) -> t.Iterable[t.Any]:
            if command == "upgrade":
                return find_steps(script._upgrade_revs, _one(wanted), heads)
            if command == "downgrade":
                return find_steps(script._downgrade_revs, wanted[0], heads)
            return find_steps(script._stamp_revs, tuple(wanted), heads)

        configured = self._live.targets()
        return {
            name: offline.script(
                self._live, chosen, list(configured), start=start, plan=plan
            )
            for name, chosen in self._selected(names).items()
        }

    # -- drafts ------------------------------------------------------------------------

    def revision(
        self,
        message: str,
        empty: bool,
        branch: str,
        parent: Target,
        splice: bool,
        depend: Target | None,
        label: str | t.Sequence[str] | None,
        path: str | os.PathLike[str] | None,
    ) -> list[Script]:
        """Write a revision; an empty list if there is nothing to write."""
        from . import draft

        self._work()
        settings, ids = self._live.settings, self._live.history().entries
        chosen = None if not path else settings_room.locate(path, self._root_path)
        parents, labels, place = draft.place(
            self._live,
            branch=branch,
            parents=targets.names(parent or "head", ids),
            labels=_texts(label),
            path=chosen,
        )
        request = draft.Request(
            id=str(self._owner.rev_id()),
            message=message,
            parents=parents,
            depends=tuple(targets.names(depend, ids)) if depend else (),
            labels=labels,
            path=place,
            splice=splice,
        )
        if empty and not settings.flag("revision_environment"):
            return draft.empty(self._live, request)
        compare, finish = draft.autogenerating(self._live, request, empty=empty)
        self._through_owner(Run("revision", writes=False), compare)
        return finish()

    @property
    def _root_path(self) -> str:
        from flask import current_app

        return current_app.root_path

    def merge(
        self,
        revisions: Target,
        message: str | None,
        label: str | t.Sequence[str] | None,
    ) -> Script:
        """Join revisions; a single one is returned as it is."""
        from . import draft

        self._work()
        named = targets.names(revisions, self._live.history().entries)
        found = list(dict.fromkeys(script.revision for script in self._scripts(named)))
        if not found:
            raise DraftError("There are no revisions to merge.")
        if len(found) == 1:
            return self._scripts(found)[0]
        return draft.merge(
            self._live,
            draft.Request(
                id=str(self._owner.rev_id()),
                message=f"merge {', '.join(found)}" if message is None else message,
                parents=tuple(found),
                labels=_texts(label),
            ),
        )

    def produce_migrations(self) -> MigrationScript:
        """Give Alembic's raw comparison."""
        from . import draft

        return draft.raw(self._live.get_contexts())

    def compare_metadata(self) -> list[t.Any]:
        """Give Alembic's raw differences, of all databases."""
        script = self.produce_migrations()
        return [diff for ops in script.upgrade_ops_list for diff in ops.as_diffs()]

    def diff(self, names: Names) -> Draft:
        """Compare as :meth:`revision` does, and write nothing."""
        from . import draft

        self._live.history().check()
        chosen = self._selected(names)
        contexts = self._live.get_contexts()
        found = draft.compare(self._live, {name: contexts[name] for name in chosen})
        return Draft(path=None, operations=draft.operations(found, list(chosen)))

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


def _one(wanted: list[str]) -> t.Any:
    """Alembic takes a list of ids, but a count only by itself."""
    return wanted[0] if len(wanted) == 1 else wanted


def _texts(value: str | t.Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)

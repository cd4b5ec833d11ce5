"""The public methods that look: at the files, the databases, the models."""

from __future__ import annotations

import contextlib
import typing as t

from sqlalchemy.exc import SQLAlchemyError

from ..errors import SetupError
from ..errors import TargetError
from . import targets
from .environments import Applied
from .environments import environment_of

if t.TYPE_CHECKING:
    from alembic.operations import MigrationScript
    from alembic.script import Script

    from ..results import Draft
    from ..results import Finding
    from ..results import LogEntry
    from ..results import Plan
    from ..results import RecordedStep
    from ..results import Status
    from .context import StepContext
    from .drafts.refining import Choices
    from .environments import Names
    from .environments import Records
    from .environments import Visitor
    from .history import History
    from .live import Live
    from .snapshots.use import Upgrade
    from .targets import Target


class Readings:
    """The methods that change nothing."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._environment = environment_of(live)

    def _history(self, *, fresh: bool = False) -> History:
        """The files, which must fit together."""
        history = self._live.history(fresh=fresh)
        history.check()
        return history

    def _applied(self, names: Names) -> list[Applied]:
        """What is applied; a version table that can't be read is an error."""
        found = self._environment.applied(names)
        for item in found:
            if item.error is not None:
                if not getattr(item.error, "__notes__", None):
                    name = item.database.name
                    item.error.add_note(f"while reading the database {name!r}")
                raise item.error
        return found

    def _named(self, target: Target) -> list[str]:
        """Write a target as Alembic reads it; digits are an id."""
        return targets.names(target, self._live.history().entries)

    def _goal(self, target: Target) -> list[str]:
        """Write a target as Alembic reads it; digits may be a count.

        Not with an Alembic configuration of the caller's: there a count has a sign.
        """
        ids = self._live.history().entries
        return targets.names(target, ids, counts=self._live.given_config is None)

    def _downwards(self, target: Target) -> str:
        wanted = self._goal(target)
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

    def status(self, names: Names = None) -> tuple[Status, ...]:
        """Tell how far each database is."""
        from . import heads as heads_room

        history = self._history()
        found = self._environment.applied(names)
        before = self._before(found, history)
        return tuple(
            heads_room.judge(
                item.database, item.heads, history, before.get(item.database.name)
            )
            if item.error is None
            else heads_room.unreadable(
                item.database, item.reason, history, reachable=item.reachable
            )
            for item in found
        )

    def _before(
        self, found: list[Applied], history: History
    ) -> dict[str, set[str] | None]:
        """What unknown revisions came after: database name -> ids, from the record."""
        unknown = {item.database.name: history.unknown(item.heads) for item in found}
        names = [name for name, ids in unknown.items() if ids]
        if not (names and self._live.settings.history):
            return {}
        from .deploys.record import known_before

        records: Records = {}
        # The state can be told without it.
        with contextlib.suppress(SQLAlchemyError):
            records = self._environment.records(names)
        return {
            name: known_before(records.get(name, ()), unknown[name], history)
            for name in names
        }

    def record(self, names: Names) -> tuple[RecordedStep, ...]:
        """Show what is on record, each database's newest first."""
        records = self._records(names)
        return tuple(s for name in sorted(records) for s in reversed(records[name]))

    def _records(self, names: Names) -> Records:
        """Read the records.

        :raises SetupError: None is kept.
        """
        if not self._live.settings.history:
            raise SetupError(
                "There is no record of what was run: ALEMBIC_HISTORY is off.",
                fix="Set ALEMBIC_HISTORY = True; from then on it is kept.",
            )
        return self._environment.records(names)

    def verify(self, names: Names) -> tuple[Finding, ...]:
        """Compare what is applied with the files."""
        from .deploys.verify import verify

        history = self._history(fresh=True)
        records = self._records(names)
        return tuple(verify(self._applied(names), records, history))

    def current(self, names: Names = None) -> tuple[Script, ...]:
        """Find the scripts of what is applied, in any of the databases."""
        applied: dict[str, None] = {}
        for item in self._applied(names):
            applied.update(dict.fromkeys(item.heads))
        return self._scripts(tuple(applied))

    def _scripts(
        self, ids: t.Any, history: History | None = None
    ) -> tuple[Script, ...]:
        """Find scripts.

        :param history: What was asked for just now; it need not be looked at again.
        """
        from .bridge import resolving

        history = history or self._history()
        with resolving():
            return self._live.lookup(history).find(tuple(ids))

    def heads(self, resolve_dependencies: bool) -> tuple[Script, ...]:
        """Find the scripts that nothing follows."""
        history = self._history()
        ids = history.effective_heads if resolve_dependencies else history.heads
        return self._scripts(ids, history)

    def branches(self) -> list[Script]:
        """Find the scripts that several follow."""
        return [
            script for script in self.log("base", "heads") if script.is_branch_point
        ]

    def log(self, start: Target, end: Target) -> list[Script]:
        """Walk the history, newest first."""
        from .bridge import resolving
        from .steps import in_range

        lookup = self._live.lookup(self._history())
        if (start, end) == ("base", "heads"):
            return list(lookup.newest_first)
        ends = [
            [script.revision for script in self.current()]
            if target == "current"
            else self._named(target)
            for target in (start, end)
        ]
        with resolving(), in_range(end if start == "base" else start):
            return list(lookup.directory.walk_revisions(*t.cast(t.Any, ends)))

    def walk(self, start: Target, end: Target) -> tuple[LogEntry, ...]:
        """Describe what :meth:`log` lists; the whole history without Alembic."""
        history = self._history()
        if (start, end) == ("base", "heads"):
            ids = history.newest_first
        else:
            ids = tuple(script.revision for script in self.log(start, end))
        return tuple(history.describe(id_) for id_ in ids)

    def describe(
        self, revisions: Target, resolve_dependencies: bool
    ) -> tuple[LogEntry, ...]:
        """Describe revisions from the index; Alembic is asked for what isn't an id."""
        history = self._history()
        if revisions == "heads":
            ids = tuple(
                sorted(history.effective_heads)
                if resolve_dependencies
                else history.heads
            )
        else:
            ids = tuple(targets.names(revisions, history.entries))
            if not all(id_ in history.entries for id_ in ids):
                ids = tuple(script.revision for script in self._scripts(ids, history))
        return tuple(history.describe(id_) for id_ in ids)

    def needs_upgrade(self) -> bool:
        """Whether some database isn't at the heads."""
        history = self._history()
        return any(not history.at_head(item.heads) for item in self._applied(None))

    def visit(self, fn: Visitor, names: Names) -> None:
        """Show the caller each database's heads and migration context."""
        self._environment.visit(fn, names)

    def plan(
        self,
        target: Target | None,
        names: Names,
        direction: str,
        statements: bool | t.Literal["drops"] = False,
        replay: bool = False,
    ) -> tuple[Plan, ...]:
        """Tell what a command would do, without doing it.

        :param statements: Add the SQL, and what it drops.
        :param replay: Leave snapshots aside.
        """
        from ..results import Plan

        history = self._history(fresh=True)
        upwards = direction == "upgrade"
        if target is None:
            target = "heads" if upwards else -1
        plans = tuple(
            Plan(item.database, item.heads, item.heads, ())
            if upwards and target == "heads" and history.at_head(item.heads)
            else self._plan(item, history, target, upwards=upwards, replay=replay)
            for item in self._applied(names)
        )
        steps = [step for plan in plans for step in plan.steps]
        drops_only = statements == "drops"
        if drops_only and steps:
            from .deploys.plan_sql import may_drop

            steps = [step for step in steps if may_drop(step)]
        if not (statements and steps):
            return plans
        told: list[Plan] = []

        def tell(heads: tuple[str, ...], context: t.Any) -> None:
            item = Applied(context.target.describe(), tuple(sorted(heads)))
            plan = self._plan(
                item,
                history,
                target,
                upwards=upwards,
                context=context,
                drops_only=drops_only,
                replay=replay,
            )
            told.append(plan)

        self._environment.visit(tell, names)
        return tuple(told)

    def _plan(
        self,
        item: Applied,
        history: History,
        target: Target,
        *,
        upwards: bool,
        context: StepContext | None = None,
        drops_only: bool = False,
        replay: bool = False,
    ) -> Plan:
        from .plan import plan_of

        if upwards:
            find = self._upwards(one(self._goal(target)), history, item, replay)
        else:
            find = self._downward_steps(self._downwards(target))
        return plan_of(
            history,
            item.database,
            item.heads,
            find,
            context=context,
            drops_only=drops_only,
        )

    def _upwards(
        self, goal: t.Any, history: History, item: Applied, replay: bool
    ) -> t.Callable[[tuple[str, ...]], list[t.Any]]:
        """What finds the steps of an upgrade of one database."""
        upgrade = self._upgrade(goal, history, replay=replay)

        def find(heads: tuple[str, ...]) -> list[t.Any]:
            # An env.py has names of its own for databases.
            if heads or replay or self._live.scripted:
                return upgrade.replayed(heads)
            target = self._live.targets()[item.database.name]
            with self._live.reading(target) as connection:
                return upgrade.steps(heads, target, connection)

        return find

    def _upgrade(self, goal: t.Any, history: History, *, replay: bool) -> Upgrade:
        from .snapshots.use import Upgrade

        live = self._live
        # What env.py does between connecting and migrating, nobody else can do.
        replay = replay or live.scripted
        script = live.get_script()
        return Upgrade(script, history, live.settings, goal, replay=replay)

    def _downward_steps(
        self, goal: t.Any
    ) -> t.Callable[[tuple[str, ...]], list[t.Any]]:
        from .steps import find_steps

        method = self._live.get_script()._downgrade_revs
        return lambda heads: find_steps(method, goal, heads)

    def compare_metadata(self) -> list[t.Any]:
        """Give Alembic's raw differences, of all databases."""
        script = self.produce_migrations()
        return [diff for ops in script.upgrade_ops_list for diff in ops.as_diffs()]

    def produce_migrations(self) -> MigrationScript:
        """Give Alembic's raw comparison."""
        from .drafts import draft

        return draft.raw(self._environment)

    def diff(self, names: Names, choices: Choices, sql: bool) -> Draft:
        """Compare as a new revision would, and write nothing."""
        from .drafts import draft

        self._history()
        return draft.compare(self._live, self._environment, names, choices, sql=sql)


def one(wanted: list[str]) -> t.Any:
    """Alembic takes a list of ids, but a count only by itself."""
    return wanted[0] if len(wanted) == 1 else wanted

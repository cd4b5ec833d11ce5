"""Finish, accept or undo a revision that was interrupted half-way."""

from __future__ import annotations

import typing as t

from alembic.runtime.migration import MigrationStep

from ...dialects.journal import Entry
from ...dialects.journal import Key
from ...errors import RepairError
from ...errors import TargetError
from ...results import Report
from ...results import Unfinished
from ..environments import Environment
from ..environments import Names
from ..snapshots.use import JOURNAL_KEY
from ..snapshots.use import unfinished_step
from .journal import Decision
from .journal import describe
from .journal import refusal
from .journal import settled
from .journal import short
from .journal import wait_for
from .watchers import journal_of

if t.TYPE_CHECKING:
    from alembic.script import ScriptDirectory

    from ..context import StepContext

Action: t.TypeAlias = t.Literal["finish", "done", "undo"]
Runner: t.TypeAlias = t.Callable[..., Report]

WHOLE = (
    "There is nothing to repair: on this database a revision is applied as a whole or"
    " not at all, but for what it does outside of a transaction."
)
NOTHING = "There is nothing to repair."


def look(
    environment: Environment, names: Names, revision: str | None = None
) -> tuple[list[Unfinished], bool]:
    """Tell what is unfinished, and whether anything can ever be.

    :raises TargetError: The revision that was asked for isn't unfinished.
    """
    found: list[Unfinished] = []
    journals = []

    def visit(heads: t.Any, context: StepContext) -> None:
        journal = journal_of(context)
        if journal is None or (names and context.target.name not in names):
            return
        journals.append(journal)
        for key, entries in journal.read().items():
            found.append(describe(context, journal, key, entries))

    environment.visit(visit, names)
    chosen = [item for item in found if _is_meant(item.revision, revision)]
    if revision and found and not chosen:
        raise TargetError(
            f"Revision {revision!r} isn't unfinished.",
            fix=f"Unfinished: {', '.join(item.revision for item in found)}.",
        )
    return chosen, bool(journals)


def _is_meant(id_: str, revision: str | None) -> bool:
    return not revision or id_.startswith(revision)


def report_on(unfinished: t.Sequence[Unfinished], journals: bool) -> Report:
    """Say what is unfinished."""
    message = f"{len(unfinished)} unfinished" if unfinished else NOTHING
    code = int(bool(unfinished))
    return Report(
        "repair",
        not code,
        code,
        unfinished=tuple(unfinished),
        message=message if journals else WHOLE,
    )


def repair(
    script: ScriptDirectory,
    unfinished: t.Sequence[Unfinished],
    decision: Decision,
    run: Runner,
) -> Report:
    """Do what was decided.

    :param run: Runs what a function plans, with a decision.
    """
    meant = {
        (item.database.name, Key(item.revision, item.direction)) for item in unfinished
    }

    def plan(heads: t.Any, context: StepContext) -> list[t.Any]:
        keys = [key for name, key in meant if name == context.target.name]
        if decision.action == "undo":
            _undo(context, keys, decision)
            return []
        return [_step(context, script, key, decision) for key in keys]

    return run("repair", plan, decision=decision)


def _step(
    context: StepContext, script: ScriptDirectory, key: Key, decision: Decision
) -> t.Any:
    """Alembic's step for one revision; it does nothing if it is to count as done.

    :raises RepairError: The code doesn't have the revision.
    """
    step: t.Any = None
    if key == JOURNAL_KEY:
        step = unfinished_step(
            script, context.history(), context.settings, context.target
        )
    elif key.revision in context.history().entries:
        make = (
            MigrationStep.upgrade_from_script
            if key.direction == "upgrade"
            else MigrationStep.downgrade_from_script
        )
        step = make(script.revision_map, script.get_revision(key.revision))
    if step is None:
        raise RepairError(
            f"The code doesn't have revision {key.revision}, which is unfinished on the"
            f" database {context.target.name!r}.",
            fix="Deploy the code that has it, or use --undo.",
        )
    if decision.action == "done":
        step.migration_fn = _nothing
    return step


def _nothing(**kwargs: t.Any) -> None:
    """Take the place of a revision's function."""


def _undo(context: StepContext, keys: t.Sequence[Key], decision: Decision) -> None:
    """Run the inverses of what was done, newest first.

    :raises RepairError: Something has none; then nothing is changed.
    """
    journal = journal_of(context)
    if journal is None:
        return
    found = journal.read()
    for key in keys:
        entries = found.get(key, [])
        if not entries:
            continue
        wait_for(context, journal, entries[-1])
        about = describe(context, journal, key, entries)
        kept = settled(journal, entries, decision.ran)
        inverses = [(entry, journal.inverse(entry)) for entry in reversed(kept)]
        stuck = [entry for entry, sql in inverses if sql is None or not entry.done]
        if stuck:
            raise refusal(
                about, f"can't be undone: {_without(stuck)} can't be taken back"
            )
        for entry, sql in inverses:
            journal.undo(key, entry, sql or "")
        # What was begun and hasn't run.
        journal.settle(key, [], "")
        context.part.warn(f"{key.revision}: {len(inverses)} statements were undone")
    journal.drop()


def _without(entries: t.Iterable[Entry]) -> str:
    return "; ".join(f"{entry.number} {short(entry.sql)}" for entry in entries)

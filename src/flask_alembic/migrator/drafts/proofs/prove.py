"""Tries a new revision on a scratch database: up, down and up again."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from alembic.runtime.migration import MigrationStep
from flask import g
from sqlalchemy.exc import DBAPIError

from ....dialects.base import journal_table
from ....dialects.scratch import NoScratchError
from ....errors import MigrationError
from ....results import Draft
from ....results import Finding
from ....settings import history_table
from ... import databases
from ... import entry
from ...environments import Managed
from ...live import Live
from ...runs import first_line
from ...runs import muted
from ...runs import Run
from ...steps import find_steps
from .. import draft as draft_room
from ..refining import Choices
from . import scratch
from . import structures

SHOWN = 5
"""How many differences a finding names."""


def proved(live: Live, draft: Draft, choices: Choices | None) -> Draft:
    """Try what was written on a copy of each database, and add what was found.

    :param choices: What the draft was made with; None where nothing was compared.
    """
    if not draft.revisions:
        return draft
    found: list[Finding] = []
    if live.scripted:
        found.append(
            _unproved(
                draft,
                "Not proved: env.py decides which databases are met.",
                "'flask db adopt' lets Flask configure the folder.",
            )
        )
    else:
        for name in live.targets():
            found += _prove(live, name, draft, choices)
    return dataclasses.replace(draft, findings=(*draft.findings, *found))


def _unproved(draft: Draft, message: str, fix: str) -> Finding:
    return Finding(
        code="unproved",
        severity="warning",
        message=message,
        effect="Whether it runs, and can be undone, isn't known.",
        fix=fix,
        where=draft.path or "",
    )


def _prove(
    live: Live, name: str, draft: Draft, choices: Choices | None
) -> list[Finding]:
    target = live.targets()[name]
    try:
        with quiet(), scratch.beside(live, target) as made:
            apart = live.apart({name: made.engine})
            # What a revision asks the extension for leads to the copy as well.
            with entry.replaced(g._flask_alembic, live.owner, apart):
                return _Proof(apart, name, draft, made).findings(choices)
    except NoScratchError as e:
        message = f"Not proved on the database {name!r}: {e.reason}."
        return [_unproved(draft, message, e.fix)]


@contextlib.contextmanager
def quiet() -> t.Iterator[None]:
    """Say nothing of runs that nobody has asked for."""
    logger = logging.getLogger("alembic")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with muted():
            yield
    finally:
        logger.setLevel(level)


class _Failed(Exception):
    """The revision doesn't run; the cause says why.

    :param words: What it was to do.
    """

    def __init__(self, words: str) -> None:
        self.words = words


class _Proof:
    """One database's trial.

    :param live: Leads to the scratch database.
    """

    def __init__(self, live: Live, name: str, draft: Draft, made: scratch.Made) -> None:
        self._live = live
        self._name = name
        self._draft = draft
        self._made = made
        self._steps: list[t.Any] = []

    def findings(self, choices: Choices | None) -> list[Finding]:
        """Try it; a failure ends the trial."""
        found: list[Finding] = []
        try:
            self._stamp()
            before = self._structure()
            self._run("upgrade", self._upward)
            if choices is not None:
                found += self._compared(choices)
            self._run("downgrade", self._downward)
            found += self._undone(before)
            self._run("upgrade", self._upward, " after its downgrade")
        except _Failed as e:
            return [*found, self._failed(e)]
        return found or [self._proved()]

    # -- what runs ---------------------------------------------------------------------

    def _run(self, command: str, fn: t.Any, when: str = "") -> None:
        run = Run(command, names=[self._name], scratch=True)
        try:
            for context in self._live.get_contexts([self._name]).values():
                # They are told of what stays.
                context.on_version_apply_callbacks = ()
            Managed(self._live).execute(fn, {}, run)
        except Exception as e:
            raise _Failed(f"{command}{when}") from e
        except BaseException as e:
            # What was noted on the way speaks of a database that nobody will see.
            path = self._draft.path
            e.__notes__ = [f"while {path} was tried on a scratch database; it stays"]
            raise

    def _stamp(self) -> None:
        heads, script = self._made.heads, self._live.get_script()
        if heads:
            method = script._stamp_revs
            self._run("stamp", lambda _, __: find_steps(method, heads, ()))

    def _upward(self, heads: t.Any, _: t.Any) -> list[t.Any]:
        ids = tuple(revision.id for revision in self._draft.revisions)
        self._steps = find_steps(self._live.get_script()._upgrade_revs, ids, heads)
        return self._steps

    def _downward(self, _: t.Any, __: t.Any) -> list[t.Any]:
        map_ = self._live.get_script().revision_map
        return [
            MigrationStep.downgrade_from_script(map_, step.revision)
            for step in reversed(self._steps)
        ]

    # -- what is found -----------------------------------------------------------------

    def _structure(self) -> structures.Structure:
        table = self._live.settings.version_table
        ours = {table, history_table(table), journal_table(table)}
        with self._made.engine.connect() as connection:
            return structures.read(connection, self._made.scratch, ours)

    def _compared(self, choices: Choices) -> list[Finding]:
        """Compare with the models what the upgrade has made."""
        decided = Choices(renames=False, all_tables=choices.all_tables)
        environment = Managed(self._live)
        try:
            left = draft_room.compare(
                self._live, environment, [self._name], decided, sql=False
            )
        except (MigrationError, DBAPIError) as e:
            raise _Failed("comparison after the upgrade") from e
        lines = [f"{item.change} {item.name}" for item in left.operations]
        return self._differs("upgrade-differs", "upgrade", "from the models", lines)

    def _undone(self, before: structures.Structure) -> list[Finding]:
        """Compare with the start what the downgrade has left."""
        lines = structures.differences(before, self._structure())
        return self._differs("downgrade-differs", "downgrade", "from the start", lines)

    def _differs(
        self, code: str, command: str, what: str, lines: list[str]
    ) -> list[Finding]:
        if not lines:
            return []
        more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        shown = "; ".join(lines[:SHOWN])
        return [
            Finding(
                code=code,
                severity="warning",
                message=f"After its {command} the scratch database of {self._name!r}"
                f" differs {what}: {shown}{more}.",
                fix=f"Correct its {command}().",
                where=self._draft.path or "",
            )
        ]

    def _failed(self, failure: _Failed) -> Finding:
        cause = t.cast(BaseException, failure.__cause__)
        engine = self._made.engine
        said = first_line(cause)
        if isinstance(cause, DBAPIError):
            said = databases.reason(cause, engine)
        left = self._not_copied()
        return Finding(
            code="proof-failed",
            severity="error",
            message=f"Its {failure.words} fails on the scratch database of"
            f" {self._name!r}: {said}",
            effect=f"The scratch database had no {left}." if left else "",
            fix="Correct the file, or delete it and draft anew.",
            where=self._draft.path or "",
        )

    def _proved(self) -> Finding:
        left = self._not_copied()
        return Finding(
            code="proved",
            severity="info",
            message=f"Upgraded, downgraded and upgraded again on a scratch database of"
            f" {self._name!r}.",
            effect=f"It had no {left}." if left else "",
        )

    def _not_copied(self) -> str:
        left = self._made.left
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        return ", ".join(left[:SHOWN]) + more

"""Dry runs: everything is executed in one transaction, which is rolled back.

Whoever commits (we, or an env.py) commits nothing: SQLAlchemy's event comes before the
driver's COMMIT, and rolls back. What ends the transaction in another way isn't tried.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import typing as t

import sqlalchemy as sa
from alembic.runtime.migration import RevisionStep
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from ...errors import SessionError
from ...results import Statement
from ...results import Step
from ...results import StepResult
from ...results import TableLock
from .statements import read_statement
from .tracer import tracing
from .watchers import Untried
from .watchers import Watcher

if t.TYPE_CHECKING:
    from ...dialects.base import LockTrace
    from ..context import StepContext

# Beside Alembic's own lines.
log = logging.getLogger("alembic.runtime.migration")

_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:COMMIT|PREPARE\s+TRANSACTION)\b|"
    r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:BEGIN|START\s+TRANSACTION|END|ABORT|ROLLBACK(?!\s+TO)|VACUUM|ATTACH|DETACH)\b",
    re.IGNORECASE | re.DOTALL,
)
_LOOKS = re.compile(
    r"^\s*(?:PRAGMA|SHOW|SET|RESET|SAVEPOINT|RELEASE)\b|\bpg_catalog\.|\bpg_get_"
    r"|\binformation_schema\.|\bsqlite_(?:temp_)?(?:master|schema)\b",
    re.IGNORECASE,
)


def refuse(context: StepContext) -> None:
    """Refuse a transaction that can't be rolled back here.

    :raises SessionError: Names the database.
    """
    if context.setup.callers:
        raise SessionError(
            f"A dry run on the database {context.target.name!r} would have to roll the"
            " caller's transaction back.",
            fix="Run it outside of using() and without ALEMBIC_SESSION.",
        )
    if isinstance(context.live.get_transaction(), sa.TwoPhaseTransaction):
        raise SessionError(
            f"env.py begins a two-phase transaction on the database"
            f" {context.target.name!r}, which a dry run can't roll back.",
            fix="Set USE_TWOPHASE = False for it.",
        )


@contextlib.contextmanager
def rolling_back(context: StepContext) -> t.Iterator[None]:
    """Let every commit of the block on this database be a rollback."""
    if context.impl.transactional_ddl:
        log.info(
            "Dry run on the database %r: it takes the locks of a real run until its end.",
            context.target.name,
        )
    each, context._transaction_per_migration = context._transaction_per_migration, False
    trial = context.trial = Trial(context)
    try:
        with trial.listening():
            yield
    finally:
        context._transaction_per_migration, context.trial = each, None


class Trial(Watcher):
    """Tries one database's steps, and notes what they do."""

    def __init__(self, context: StepContext) -> None:
        super().__init__(context)
        self._resources = contextlib.ExitStack()
        self._locks: LockTrace | None = None
        self._steps: tuple[tuple[t.Any, Step], ...] = ()
        self._inside: Step | None = None
        self._statements: list[Statement] = []
        self._locked: tuple[TableLock, ...] = ()
        self._reason = ""
        self._stop: Untried | None = None

    @contextlib.contextmanager
    def listening(self) -> t.Iterator[None]:
        """Hear of what is executed and committed."""
        connection = self.context.live
        listeners: dict[str, t.Callable[..., None]] = {
            "commit": self._on_commit,
            "before_cursor_execute": self._on_execute,
        }
        for name, listener in listeners.items():
            event.listen(connection, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(connection, name, listener)
            self._close()

    def _on_commit(self, connection: sa.Connection) -> None:
        connection.dialect.do_rollback(connection.connection)
        if self._inside is not None:
            raise self.untried("it commits")

    def _on_execute(self, _: t.Any, __: t.Any, statement: str, *___: t.Any) -> None:
        if self._inside is None:
            return
        if self._stop is not None:
            raise self._stop
        if _ENDS_TRANSACTION.search(statement):
            raise self.untried(f"{statement.split()[0].upper()} ends the transaction")
        if not _LOOKS.search(statement):
            self._statements.append(read_statement(statement))

    def untried(self, why: str) -> Untried:
        """What to raise where a revision asks for what can't be rolled back.

        :param why: Words that can stand in a sentence.
        """
        step = t.cast(Step, self._inside)
        self._reason = _reason(step, why)
        self._stop = Untried(self._reason)
        return self._stop

    # -- as a watcher ------------------------------------------------------------------

    def planned(self) -> None:
        """Leave out what is known not to be possible."""
        context = self.context
        planned = t.cast("tuple[t.Any, ...]", context.planned)
        self._steps = tuple(zip(planned, context.part.steps, strict=True))
        if self._steps and not context.impl.transactional_ddl:
            system = context.live.dialect.name
            self._cut(
                0, f"{system} commits each DDL statement: a dry run can't be done"
            )
        for number, (step, described) in enumerate(self._steps):
            if isinstance(step, RevisionStep) and _runs_outside(step):
                why = "it asks to run outside of a transaction (transactional = False)"
                self._cut(number, _reason(described, why))
                break
        if context.planned:
            self._locks = self._resources.enter_context(tracing(context))

    def _cut(self, number: int, reason: str) -> None:
        kept = self._steps[:number]
        self.context.planned = tuple(step for step, _ in kept)
        self.context.part.steps = tuple(described for _, described in kept)
        self._reason = reason

    @contextlib.contextmanager
    def step(self, step: t.Any, described: Step) -> t.Iterator[None]:
        """Note what the revision's function executes, and what it locks."""
        self._statements, self._locked, self._inside = [], (), described
        try:
            yield
            if self._stop is not None:
                # The revision has caught it.
                raise self._stop
        except BaseException as e:
            self._inside = None
            self._look()
            # An asynchronous driver's connection can't be closed further out.
            self._close()
            if self._stop is not None and isinstance(e, Exception):
                raise self._stop from None
            raise
        self._inside = None
        self._look()

    def completed(self, result: StepResult) -> StepResult:
        """Add what was noted; what ran is as good as rolled back."""
        return dataclasses.replace(
            result,
            state="rolled_back" if result.state == "done" else result.state,
            statements=tuple(self._statements),
            locks=self._locked,
        )

    def finished(self) -> None:
        """Say what wasn't run, with the SQL that can be told of it."""
        from .plan_sql import with_statements

        part = self.context.part
        rest = self._steps[len(part.results) :]
        self._close()
        if not rest:
            return
        part.warn(f"{self._reason}.")
        told = with_statements(self.context, [step for step, _ in rest])
        for number, step in enumerate(told, len(part.results) + 1):
            result = StepResult(step, "not_run", error=self._reason)
            if self._statements and number == len(self._steps) - len(rest) + 1:
                result = self.completed(result)
            part.results.append(result)
            part.emit("step_finished", number, step=step, result=result)

    # -- locks -------------------------------------------------------------------------

    def _look(self) -> None:
        if self._locks is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._locked = self._locks.look()

    def _close(self) -> None:
        self._locks = None
        with contextlib.suppress(SQLAlchemyError):
            self._resources.close()


def _reason(step: Step, why: str) -> str:
    return f"{step.revision.id} and what follows can't be rolled back: {why}"


def _runs_outside(step: RevisionStep) -> bool:
    return not getattr(step.revision.module, "transactional", True)

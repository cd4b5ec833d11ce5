"""The SQL of planned steps, found without executing any of it.

A revision's function is called as for an offline script, and what it writes is noted.
It gets no connection: one that wants to read has no SQL that could be told.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import io
import logging
import threading
import typing as t
from contextvars import ContextVar
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import BatchOperations
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.runtime.migration import RevisionStep
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from ...dialects.base import ConnectionSetup
from ...results import ROWS_COUNTED
from ...results import Statement
from ...results import Step
from .. import revisions
from ..bridge import proxied
from ..bridge import write_sql_verbatim
from ..calling import call
from ..context import describe_step
from ..context import StepContext
from ..offline import OfflineContext
from ..rebuilds.operations import KeepingOperations
from ..runs import first_line
from .statements import drops
from .statements import read_statement


def with_statements(
    context: StepContext, steps: t.Sequence[t.Any], *, drops_only: bool = False
) -> tuple[Step, ...]:
    """Describe steps with their SQL; one whose SQL can't be told says why.

    :param context: A connected one; nothing is asked through its connection.
    :param steps: Alembic's.
    :param drops_only: Leave those alone whose files don't speak of dropping.
    """
    revisions.load([s.revision for s in steps if isinstance(s, RevisionStep)])
    recorder = _Recorder(context)
    return tuple(
        described
        if drops_only and not may_drop(described)
        else recorder.tell(step, described)
        for step, described in ((step, describe_step(step)) for step in steps)
    )


def may_drop(step: Step) -> bool:
    """Whether a revision's file speaks of dropping, the other direction left out."""
    other = "downgrade" if step.direction == "upgrade" else "upgrade"
    try:
        tree = ast.parse(Path(step.revision.path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    return any(
        "drop" in ast.dump(node).lower()
        for node in tree.body
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith(other))
    )


def count_rows(connection: sa.Connection, steps: t.Iterable[Step]) -> tuple[Step, ...]:
    """Add how many rows the tables have that steps drop, or drop columns of."""
    rows = functools.cache(lambda name: _rows(connection, name))
    return tuple(
        dataclasses.replace(
            step,
            drops=tuple(
                dataclasses.replace(drop, rows=rows(drop.table)) for drop in step.drops
            ),
        )
        for step in steps
    )


def _rows(connection: sa.Connection, name: str) -> int | None:
    schema, _, table = name.rpartition(".")
    source = sa.table(table, schema=schema or None)
    some = sa.select(sa.literal(1).label("one")).select_from(source)
    counted = some.limit(ROWS_COUNTED + 1).subquery()
    query = sa.select(sa.func.count()).select_from(counted)
    try:
        if not sa.inspect(connection).has_table(table, schema=schema or None):
            return None
        return int(connection.execute(query).scalar_one())
    except SQLAlchemyError:
        # Not to be read by this user: the number is a courtesy.
        return None


class _Recorder:
    """Calls revisions' functions offline, and notes what they write."""

    def __init__(self, context: StepContext) -> None:
        with _apart():
            self._env, self._context = _offline(context)
        self._operations = _RecordingOperations(self._context)
        several = {"engine_name": context.target.name} if context.several else {}
        self._kwargs = {**context.arguments, **several}
        self._found: list[Statement] = []
        self._outside = False
        self._context.impl.static_output = self._note  # type: ignore[method-assign]

    def tell(self, step: t.Any, described: Step) -> Step:
        """Describe a step with its SQL."""
        self._found, self._outside = [], False
        try:
            with proxied(self._env, self._operations), _apart():
                call(self._context, step, self._kwargs)
        except (Exception, SystemExit) as e:
            note = f"Its SQL can't be told without running it ({first_line(e)})."
            return dataclasses.replace(described, note=note)
        found = tuple(self._found)
        return dataclasses.replace(described, statements=found, drops=drops(found))

    def _note(self, text: str) -> None:
        statement = read_statement(text, in_transaction=not self._outside)
        if statement.kind in ("BEGIN", "COMMIT"):
            # An autocommit block ends the transaction, and begins one after it.
            self._outside = statement.kind == "COMMIT"
        elif statement.sql:
            self._found.append(statement)


def _offline(context: StepContext) -> tuple[EnvironmentContext, OfflineContext]:
    """Make a context that writes SQL for the database that another is connected to."""
    connected = t.cast(EnvironmentContext, context.environment_context)
    env = EnvironmentContext(connected.config, connected.script, as_sql=True)
    support = context.target.dialect
    # Nothing here is bound to be a script: no encoding, and no steps to plan.
    dropped = ("output_encoding", "fn")
    options = {k: v for k, v in context.opts.items() if k not in dropped}
    made = MigrationContext.configure(
        dialect_name=support.offline_name(context.dialect),
        # With a named style no '%' has to be doubled.
        dialect_opts={"paramstyle": "named"},
        environment_context=env,
        opts={**options, "as_sql": True, "output_buffer": io.StringIO()},
    )
    env._migration_context = made
    offline = OfflineContext.adopt(
        made,
        target=context.target,
        setup=ConnectionSetup(t.cast(sa.Connection, None), callers=False),
        history=context.history,
        settings=context.settings,
        several=context.several,
        fallback=context.fallback,
    )
    offline.scripted = context.scripted
    write_sql_verbatim(offline)
    return env, offline


# -- batches ---------------------------------------------------------------------------


class _RecordingOperations(KeepingOperations):
    """``op``, with batches that say what they would do where only a table tells how."""

    @contextlib.contextmanager
    def batch_alter_table(
        self, table_name: str, *args: t.Any, **kwargs: t.Any
    ) -> t.Iterator[BatchOperations]:
        """Gather operations on one table."""
        with super().batch_alter_table(table_name, *args, **kwargs) as batch:
            t.cast("t.Any", batch.impl).__class__ = _RecordedBatch
            yield batch


class _RecordedBatch(BatchOperationsImpl):
    """Notes a rebuild's operations; its SQL depends on the table as it is."""

    def flush(self) -> None:
        """Write what was gathered."""
        if self.copy_from is not None or not self._should_recreate():
            super().flush()
            return
        for name, arguments, _ in self.batch:
            words = [name.replace("_", " ").upper(), *map(_name, arguments[1:2])]
            if name.endswith("_constraint") or name.endswith("_index"):
                words[1:] = map(_name, arguments[:1])
            text = f"ALTER TABLE {_quoted(self.table_name)} {' '.join(words)}"
            self.impl.static_output(f"-- in a rebuild of the table:\n{text}")


def _name(value: t.Any) -> str:
    return _quoted(str(getattr(value, "name", value)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# -- connections -----------------------------------------------------------------------

_telling: ContextVar[bool] = ContextVar("telling", default=False)


class _ReachesOut(Exception):
    """A revision uses a connection that it has from somewhere else."""


_watching = threading.Lock()
_watchers = 0


def _refuse(*_: t.Any) -> None:
    if _telling.get():
        raise _ReachesOut("it uses a connection that isn't the migration's")


def _is_news(_: logging.LogRecord) -> bool:
    """That static SQL is generated is none here."""
    return not _telling.get()


def _watch(change: t.Literal[1, -1]) -> None:
    """Listen on all engines, as long as some thread tells SQL.

    On all, since a revision may have the application's, or its session.
    """
    global _watchers
    log = logging.getLogger("alembic.runtime.migration")
    with _watching:
        _watchers += change
        if _watchers == (1 if change > 0 else 0):
            do = event.listen if change > 0 else event.remove
            do(sa.Engine, "engine_connect", _refuse)
            do(sa.Engine, "before_cursor_execute", _refuse)
            (log.addFilter if change > 0 else log.removeFilter)(_is_news)


@contextlib.contextmanager
def _apart() -> t.Iterator[None]:
    """Let nothing in the block reach a database, or say that it does."""
    _watch(1)
    token = _telling.set(True)
    try:
        yield
    finally:
        _telling.reset(token)
        _watch(-1)

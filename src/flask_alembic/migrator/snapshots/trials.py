"""Runs on scratch databases: all revisions, or a snapshot in their place."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import sqlalchemy as sa
from flask import g
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ...dialects.scratch import NoScratchError
from ...errors import MigrationError
from ...errors import SnapshotError
from .. import databases
from .. import entry
from ..context import StepContext
from ..databases import Target
from ..deploys.statements import read_statement
from ..drafts.proofs import scratch as scratch_room
from ..environments import Managed
from ..live import Live
from ..runs import first_line
from ..runs import Run
from ..steps import find_steps
from . import contents as contents_room
from .contents import Contents
from .rows import TooManyError
from .step import SnapshotStep

SHOWN = 5
"""How many things of a kind an error names."""

_INSERTING = frozenset(["INSERT", "COPY", "LOAD", "WITH"])


class Trials:
    """Scratch databases like one database, each made, read and dropped again.

    :ivar inserting: Revision -> the tables that it inserts rows into.
    """

    def __init__(self, live: Live, target: Target) -> None:
        self._live = live
        self._target = target
        self._settings = live.settings
        self.inserting: dict[str, dict[str, None]] = {}

    def refusal(self, what: str, fix: str | None) -> SnapshotError:
        """Make the error for this database."""
        name = self._target.name
        return SnapshotError(
            f"No snapshot was written of the database {name!r}: {what}.", fix=fix
        )

    def replayed(self) -> Contents:
        """Run all revisions, and read what they leave."""
        method = self._live.get_script()._upgrade_revs
        return self._contents(
            lambda heads, _: find_steps(method, "heads", heads), self._failed_replay
        )

    def built(self, step: SnapshotStep) -> Contents:
        """Run a snapshot, and read what it leaves.

        :raises SnapshotError: It fails.
        """
        return self._contents(lambda _, __: [step], self._failed_build)

    def _contents(
        self, fn: t.Any, failed: t.Callable[[Exception], SnapshotError]
    ) -> Contents:
        """Run steps on a scratch database, and read it.

        :raises SnapshotError: There is none, or they fail.
        """
        name = self._target.name
        try:
            with scratch_room.beside(self._live, self._target, empty=True) as made:
                apart = self._live.apart({name: made.engine})
                # What a revision asks the extension for leads to the scratch database.
                with entry.replaced(g._flask_alembic, self._live.owner, apart):
                    self._run(apart, fn, failed)
                    apart.clear()
                return contents_room.read(made.engine, made.scratch, self._settings)
        except NoScratchError as e:
            raise self.refusal(e.reason, e.fix or None) from e
        except TooManyError as e:
            raise self.refusal(
                f"the revisions leave more than {self._settings.snapshot_rows} rows in"
                f" it; inserted by {self.who(e.tables)}",
                "Raise ALEMBIC_SNAPSHOT_ROWS, or load such data elsewhere.",
            ) from e

    def _run(
        self, apart: Live, fn: t.Any, failed: t.Callable[[Exception], SnapshotError]
    ) -> None:
        name = self._target.name
        run = Run("upgrade", names=[name], scratch=True)
        try:
            with contextlib.ExitStack() as stack:
                for context in apart.get_contexts([name]).values():
                    # They are told of what stays.
                    context.on_version_apply_callbacks = ()
                    stack.enter_context(self._watching(context))
                stack.enter_context(self._guarded())
                Managed(apart).execute(fn, {}, run)
        except Exception as e:
            raise failed(e) from e

    def _said(self, error: Exception) -> str:
        if isinstance(error, DBAPIError):
            return databases.reason(error, self._target.engine)
        return first_line(error)

    def _failed_build(self, error: Exception) -> SnapshotError:
        return self.refusal(
            f"what was written fails: {self._said(error)}",
            "Operations can't make all of it; leave snapshots alone here.",
        )

    def _failed_replay(self, error: Exception) -> SnapshotError:
        """Say what failed, and in which revision."""
        said, fix = self._said(error), "Correct the revision."
        if isinstance(error, MigrationError):
            said, fix = error.message, error.fix or fix
        notes = [str(note) for note in getattr(error, "__notes__", ())]
        # The rest speaks of a database that nobody will see.
        where = f" ({notes[0].partition(', database')[0]})" if notes else ""
        return self.refusal(f"{said.rstrip('.')}{where}", fix)

    @contextlib.contextmanager
    def _guarded(self) -> t.Iterator[None]:
        """Let no revision reach the application's databases by their own engines."""
        engines = {id(x.engine): x.engine for x in self._live.targets().values()}
        thread = threading.get_ident()

        def refuse(connection: sa.Connection, *_: t.Any) -> None:
            # A scratch database's engine has the same events. Other threads may go on.
            own = any(connection.engine.pool is x.pool for x in engines.values())
            if own and thread == threading.get_ident():
                raise MigrationError(
                    "It asks the application's own database, not the connection that"
                    " revisions are given",
                    fix="Use op.get_bind() in revisions.",
                )

        with contextlib.ExitStack() as stack:
            for engine in engines.values():
                event.listen(engine, "before_cursor_execute", refuse)
                stack.callback(event.remove, engine, "before_cursor_execute", refuse)
            yield

    @contextlib.contextmanager
    def _watching(self, context: StepContext) -> t.Iterator[None]:
        """Note which revision inserts rows into which table."""

        def note(_: t.Any, __: t.Any, sql: str, *___: t.Any) -> None:
            statement = read_statement(sql)
            own = statement.table == context.version_table
            if statement.kind in _INSERTING and not own and context.running:
                tables = self.inserting.setdefault(context.running, {})
                tables[statement.table or ""] = None

        event.listen(context.live, "before_cursor_execute", note)
        try:
            yield
        finally:
            event.remove(context.live, "before_cursor_execute", note)

    def who(self, tables: t.Iterable[str]) -> str:
        """Name the revisions that insert into some tables."""
        meant = set(tables)
        found = [
            revision
            for revision, names in self.inserting.items()
            if meant & {name.rpartition(".")[2] for name in names} or "" in names
        ]
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return ", ".join(found[:SHOWN]) + more or "what the revisions call"

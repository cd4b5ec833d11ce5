"""The record of what was run: a table of our own beside the version table.

A step's row is written in the step's own transaction, so that it is there exactly if
the version row is.
"""

from __future__ import annotations

import contextlib
import datetime
import getpass
import json
import os
import socket
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.exc import SQLAlchemyError

from ...results import Direction
from ...results import RecordedStep
from ...results import Step
from ...results import StepResult
from ...results import StepState
from ...settings import history_table
from ..history import History
from .checksum import checksum
from .watchers import Watcher

if t.TYPE_CHECKING:
    from ..context import StepContext

BASE = "base"
"""What stands for a revision where a stamp has left none."""


def make_table(version_table: str, schema: str | None) -> sa.Table:
    """The table's description.

    :param schema: The version table's.
    """
    return sa.Table(
        history_table(version_table),
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("database", sa.Text),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("parents", sa.Text),
        sa.Column("direction", sa.String(20)),
        sa.Column("checksum", sa.String(64)),
        sa.Column("started", sa.DateTime),
        sa.Column("seconds", sa.Float(53)),
        sa.Column("state", sa.String(20)),
        sa.Column("who", sa.Text),
        sa.Column("process", sa.Integer),
        sa.Column("command", sa.Text),
        schema=schema,
    )


def _existing(connection: sa.Connection, table: sa.Table) -> list[sa.Column[t.Any]]:
    """The columns that the database's table has, too; none if it isn't there.

    One that an earlier release of ours has made may have fewer.
    """
    try:
        found = sa.inspect(connection).get_columns(table.name, schema=table.schema)
    except NoSuchTableError:
        return []
    names = {column["name"] for column in found}
    return [column for column in table.columns if column.name in names]


class Recorder(Watcher):
    """Writes a row for each step."""

    def __init__(self, context: StepContext) -> None:
        super().__init__(context)
        self._table = make_table(context.version_table, context.version_table_schema)
        self._columns: list[str] = []
        self._checksums: dict[str, str] = {}
        self._rows: list[dict[str, t.Any]] = []
        self._failed = False
        self._error: BaseException | None = None

    def planned(self) -> None:
        """Take the checksums now: this is what was loaded."""
        history, steps = self.context.history(), self.context.part.steps
        for step, described in zip(self.context.planned or (), steps, strict=True):
            for id_, path in _files(step, described, history).items():
                with contextlib.suppress(OSError):
                    self._checksums[id_] = checksum(path)

    @contextlib.contextmanager
    def step(self, step: t.Any, described: Step) -> t.Iterator[None]:
        """Note what will stand in the row, or in those of a snapshot's heads."""
        files = _files(step, described, self.context.history())
        self._rows = [self._begin(step, described, id_) for id_ in files]
        if self.context.target.dialect.ddl_commits:
            # Made later, it would commit the version row without the row that it is for.
            self._make_table()
        try:
            yield
        except BaseException as e:
            self._error = e
            raise

    def _begin(self, step: t.Any, described: Step, id_: str) -> dict[str, t.Any]:
        below = self.context.history().below(id_)
        if described.direction == "stamp" and not step.to_revisions:
            id_, below = BASE, ()
        return {
            "database": self.context.target.name,
            "revision": id_,
            "parents": json.dumps(below),
            "direction": described.direction,
            "checksum": self._checksums.get(id_, ""),
            "started": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
            "who": who(),
            "process": os.getpid(),
            "command": self.context.run.command,
        }

    def applied(self, step: t.Any, result: StepResult) -> None:
        """Write the row of a step that has run."""
        self._write(result)

    def completed(self, result: StepResult) -> StepResult:
        """Remember the step that failed."""
        if result.state == "failed":
            self._failed = True
            self._note(seconds=result.seconds)
        return result

    def undone(self) -> None:
        """Write the row of the step that failed, in a transaction of its own.

        The error is what the caller has to hear of: this may fail.
        """
        connection = self.context.live
        lost = getattr(self._error, "connection_invalidated", False)
        # Who has waited for a lock in vain may try again, and would wait here, too.
        waited = self.context.run.obstacle is not None
        failed, self._failed = self._failed, False
        if not failed or lost or waited or connection.invalidated:
            return
        # The table may have been made, and rolled back.
        self._columns = []
        with contextlib.suppress(SQLAlchemyError), connection.begin():
            self._insert("failed")

    def _write(self, result: StepResult) -> None:
        self._note(seconds=result.seconds)
        self._insert(result.state)

    def _note(self, **values: t.Any) -> None:
        for row in self._rows:
            row |= values

    def _insert(self, state: str) -> None:
        self._make_table()
        self._note(state=state)
        for row in self._rows:
            known = {name: row[name] for name in self._columns if name in row}
            self.context.live.execute(self._table.insert().values(known))

    def _make_table(self) -> None:
        """Make the table where there is none, and see which columns it has."""
        if self._columns:
            return
        connection = self.context.live
        columns = _existing(connection, self._table)
        if not columns:
            self._table.create(connection)
            columns = list(self._table.columns)
        self._columns = [column.name for column in columns]


def _files(step: t.Any, described: Step, history: History) -> dict[str, str]:
    """What a step is on record as: id -> path; a snapshot as each of its heads."""
    if described.direction == "snapshot":
        ids = step.to_revisions
        return {id_: history.entries[id_].path for id_ in ids}
    return {described.revision.id: described.revision.path}


def who() -> str:
    """The user and the machine that this process runs as and on."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user may have a number only.
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"


def read(
    connection: sa.Connection, database: str, version_table: str, schema: str | None
) -> tuple[RecordedStep, ...]:
    """Read the record, the earliest first; nothing if there is no table.

    :param database: Its name now; it may have had another.
    :param schema: The version table's.
    """
    table = make_table(version_table, schema)
    columns = _existing(connection, table)
    if not columns:
        return ()
    query = sa.select(*columns).order_by(table.c.id)
    return tuple(
        _recorded(database, dict(row)) for row in connection.execute(query).mappings()
    )


def _recorded(database: str, row: t.Mapping[str, t.Any]) -> RecordedStep:
    started = row.get("started")
    return RecordedStep(
        database=database,
        revision=row["revision"],
        direction=t.cast(Direction, row.get("direction") or "upgrade"),
        state=t.cast(StepState, row.get("state") or "done"),
        started=started and started.replace(tzinfo=datetime.UTC),
        seconds=row.get("seconds") or 0.0,
        checksum=row.get("checksum") or "",
        parents=tuple(json.loads(row.get("parents") or "[]")),
        who=row.get("who") or "",
        process=row.get("process"),
        command=row.get("command") or "",
    )


def newest(steps: t.Iterable[RecordedStep]) -> dict[str, RecordedStep]:
    """Revision id -> the last that was done with it."""
    return {step.revision: step for step in steps if step.state != "failed"}


def known_before(
    steps: t.Iterable[RecordedStep], unknown: t.Iterable[str], history: History
) -> set[str] | None:
    """Find the revisions of the code that unknown ones came after.

    :return: None where the record doesn't tell.
    """
    last = newest(steps)
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(unknown)
    while todo:
        id_ = todo.pop()
        if id_ in history.entries:
            found.add(id_)
        elif id_ not in last or last[id_].direction == "downgrade":
            return None
        elif id_ not in seen:
            seen.add(id_)
            todo += last[id_].parents
    return found

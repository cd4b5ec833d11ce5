"""The data that the core returns: frozen, free of Alembic, ready to be rendered.

Every surface (terminal, JSON, a Python caller) shows these and adds nothing.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from pathlib import Path

SCHEMA_VERSION = 1
"""The layout of :meth:`Report.as_dict`; raised when a key changes its meaning."""

Direction = t.Literal["upgrade", "downgrade", "stamp"]
StepState = t.Literal["done", "rolled_back", "failed", "skipped", "not_run"]
DatabaseState = t.Literal[
    "unstamped", "behind", "current", "ahead", "diverged", "unknown"
]
Outcome = t.Literal["done", "unchanged", "rolled_back", "partial", "failed"]
Severity = t.Literal["info", "warning", "error"]


def _plain(value: t.Any) -> t.Any:
    """Reduce a result to what :mod:`json` writes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, t.Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


class Data:
    """Base of all results: the conversion to plain data."""

    __slots__ = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the result as dicts, lists, strings and numbers."""
        return t.cast("dict[str, t.Any]", _plain(self))


@dataclasses.dataclass(frozen=True, slots=True)
class Database(Data):
    """A database that is migrated.

    :param name: Its key among the configured databases.
    :param dialect: SQLAlchemy's name of the database system.
    :param url: Its address, the password masked.
    """

    name: str
    dialect: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Revision(Data):
    """What the head of a revision file says.

    :param parents: Ids of the revisions that it follows; none for a base.
    :param depends_on: Ids or branch labels that must be applied before it.
    :param message: First paragraph of the file's docstring.
    :param path: The file.
    """

    id: str
    parents: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    message: str = ""
    path: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LogEntry(Data):
    """A revision and its place in the history.

    :param doc: The file's whole docstring.
    :param branches: Branch labels, those included that it has from other revisions.
    :param children: Ids of the revisions that follow it.
    :param dependents: Ids of the revisions that depend on it without following it.
    """

    revision: Revision
    doc: str = ""
    branches: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Statement(Data):
    """One SQL statement.

    :param kind: First words that tell what it does, such as ``CREATE TABLE``.
    :param table: The table that it names, if any.
    :param in_transaction: Whether a rollback undoes it.
    """

    sql: str
    kind: str
    table: str | None = None
    in_transaction: bool = True


ROWS_COUNTED = 100_000
"""How far the rows of a table are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Drop(Data):
    """A table or a column that a statement drops.

    :param column: None if it is the whole table.
    :param rows: How many rows the table has; one more than ``ROWS_COUNTED`` stands
        for more than these, None for a table that isn't there yet.
    """

    table: str
    column: str | None = None
    rows: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Step(Data):
    """One revision going one way.

    :param statements: Its SQL, where it was asked for.
    :param drops: What these statements drop.
    :param note: Why there are no statements.
    """

    revision: Revision
    direction: Direction
    statements: tuple[Statement, ...] = ()
    drops: tuple[Drop, ...] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan(Data):
    """What a command would do to one database.

    :param current: Applied head ids.
    :param target: Applied head ids afterwards.
    :param steps: In the order in which they will run.
    """

    database: Database
    current: tuple[str, ...]
    target: tuple[str, ...]
    steps: tuple[Step, ...]


Blocks = t.Literal["nobody", "writers", "readers and writers"]


@dataclasses.dataclass(frozen=True, slots=True)
class TableLock(Data):
    """The strongest lock that a dry run took on a table; it lasts until the commit.

    :param mode: The database's name for it.
    :param blocks: Who waits for it among those that read and write the table.
    :param rewritten: Whether all of the table's rows were written anew.
    :param rows: How many rows it had before, as the database estimates.
    :param bytes: Its size before, without indexes, likewise.
    """

    table: str
    mode: str
    blocks: Blocks
    rewritten: bool = False
    rows: int | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StepResult(Data):
    """What became of a step.

    :param state: ``rolled_back`` if it ran and was undone, ``skipped`` if the
        revision has nothing for this database, ``not_run`` if a dry run can't try it.
    :param seconds: How long it ran.
    :param error: Type and text of what it raised, or why it wasn't tried.
    :param statements: What it executed; of a dry run only.
    :param locks: The tables that it locked, or locked more strongly than the steps
        before it; of a dry run on a database that tells.
    """

    step: Step
    state: StepState
    seconds: float = 0.0
    error: str | None = None
    statements: tuple[Statement, ...] = ()
    locks: tuple[TableLock, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseResult(Data):
    """What became of one database during a run.

    :param outcome: ``partial`` if earlier work was kept when a step failed.
    :param heads: Ids that are applied now.
    :param attempts: How often the run was begun: more than once after waiting for a
        lock in vain.
    """

    database: Database
    outcome: Outcome
    heads: tuple[str, ...]
    steps: tuple[StepResult, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    attempts: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Status(Data):
    """How far one database is.

    :param current: Ids in its version table.
    :param heads: The code's head ids.
    :param pending: Ids that an upgrade would apply.
    :param unknown: Ids in its version table that the code doesn't have.
    :param note: What a reader should know about the answer.
    :param reachable: False if the database didn't answer; the state is ``unknown``.
    """

    database: Database
    state: DatabaseState
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str | None = None
    reachable: bool = True


_READINESS: t.Mapping[str, int] = {
    "behind": 3,
    "unstamped": 3,
    "diverged": 4,
    "unknown": 5,
}


def readiness(statuses: t.Iterable[Status], *, exact: bool = False) -> int:
    """Give the exit code for the worst state; 0 if every database is ready.

    :param exact: A database that is ahead isn't ready.
    """
    codes = {**_READINESS, "ahead": 6 if exact else 0}
    # Where the code has no revisions there is nothing to wait for.
    missing = [s for s in statuses if s.state != "unstamped" or s.pending]
    return max((codes.get(status.state, 0) for status in missing), default=0)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding(Data):
    """Something worth knowing about a revision or a set-up.

    :param effect: What happens if nothing is done.
    :param fix: What to do.
    :param where: File and line, or table.
    """

    code: str
    severity: Severity
    message: str
    effect: str = ""
    fix: str = ""
    where: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedStep(Data):
    """What the record of a database says of one step.

    :param database: The database's name.
    :param revision: Its id; "base" for a stamp that left nothing applied.
    :param started: In UTC.
    :param checksum: Of the revision's code, without comments and layout.
    :param parents: Ids of what it comes directly after, dependencies included.
    :param who: ``user@host``.
    :param process: Its number on that host.
    :param command: The method that was called.
    """

    database: str
    revision: str
    direction: Direction
    state: StepState
    started: datetime.datetime | None = None
    seconds: float = 0.0
    checksum: str = ""
    parents: tuple[str, ...] = ()
    who: str = ""
    process: int | None = None
    command: str = ""


StatementState = t.Literal["done", "missing", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True)
class UnfinishedStatement(Data):
    """A statement of a revision that was interrupted, as the journal has it.

    :param number: Its place among all of the revision's statements, from 1.
    :param state: ``missing`` if it was begun and hasn't run, ``unknown`` if that can't
        be told.
    :param note: What else is known, such as the error that it ended with.
    """

    number: int
    sql: str
    state: StatementState
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Unfinished(Data):
    """A revision that was interrupted where statements commit one by one.

    :param path: Its file; empty if the code doesn't have it any more.
    :param changed: Its code was changed since.
    :param statements: What has changed the database, and the one that was running.
    """

    database: Database
    revision: str
    direction: Direction
    path: str
    changed: bool
    statements: tuple[UnfinishedStatement, ...]


AdoptionState = t.Literal["nothing", "planned", "done", "refused", "undone"]


@dataclasses.dataclass(frozen=True, slots=True)
class Adoption(Data):
    """How a folder of Flask-Migrate or plain Alembic becomes one without env.py.

    :param folder: The migrations folder.
    :param state: ``planned`` where nothing was to be changed; ``refused`` if a finding
        is an error, and nothing was changed.
    :param moves: File -> where it goes, or has gone.
    :param lines: Python lines that take the place of the files.
    :param findings: What can't be carried over, and what to watch.
    """

    folder: str
    state: AdoptionState
    moves: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Operation(Data):
    """One difference between models and database.

    :param change: What an upgrade would do, such as ``add column``.
    :param name: The object, such as ``users.email``.
    :param table: The table it belongs to; empty if it belongs to none.
    :param finding: Codes of the findings about it.
    """

    database: str
    change: str
    name: str
    note: str = ""
    table: str = ""
    finding: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Question(Data):
    """Something that a comparison can't know.

    :param code: What is asked, such as ``rename-column`` or ``rename-value``.
    :param text: One line.
    :param name: What it is about, such as ``users.name``.
    :param details: Name -> definition, of what there is and what is to be.
    :param option: What answers it on the command line with yes.
    :param default: The answer if nobody says more.
    """

    code: str
    database: str
    text: str
    name: str
    details: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    option: str = ""
    default: t.Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Draft(Data):
    """A comparison of models and database, and the file written from it.

    :param path: The revision file; None if nothing was written.
    :param renames: Old name -> new name.
    :param revisions: What was written; more than one if the application's hooks say so.
    :param sql: Database -> the upgrade's SQL, where it was asked for.
    """

    path: str | None
    operations: tuple[Operation, ...]
    renames: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    sql: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Report(Data):
    """The answer of one command.

    :param exit_code: What ``flask db`` exits with.
    :param databases: A result for each database that the command ran on.
    :param message: One line for people.
    :param dry_run: Everything was rolled back.
    """

    command: str
    ok: bool = True
    exit_code: int = 0
    databases: tuple[DatabaseResult, ...] = ()
    plans: tuple[Plan, ...] = ()
    statuses: tuple[Status, ...] = ()
    revisions: tuple[Revision, ...] = ()
    draft: Draft | None = None
    findings: tuple[Finding, ...] = ()
    record: tuple[RecordedStep, ...] = ()
    adoption: Adoption | None = None
    unfinished: tuple[Unfinished, ...] = ()
    message: str = ""
    dry_run: bool = False
    schema_version: int = SCHEMA_VERSION


EventKind = t.Literal[
    "waiting",
    "lock_waiting",
    "run_started",
    "step_started",
    "step_finished",
    "retrying",
    "run_finished",
    "run_failed",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Event(Data):
    """Progress, while it happens.

    :param result: With ``step_finished``.
    :param total: How many steps this database's plan has.
    :param number: The step's place in the plan, from 1.
    :param message: With ``lock_waiting`` who holds the lock, with ``retrying`` why and
        who is in the way, with ``run_failed`` the error.
    :param seconds: With ``lock_waiting`` how long it has waited, with ``retrying`` the
        pause before the next try.
    :param status: With ``waiting``: how far the database is now.
    """

    kind: EventKind
    database: Database
    step: Step | None = None
    result: StepResult | None = None
    number: int = 0
    total: int = 0
    message: str = ""
    seconds: float = 0.0
    status: Status | None = None

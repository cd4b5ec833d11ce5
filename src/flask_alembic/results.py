"""The data that the core returns: frozen, free of Alembic, ready to be rendered.

Every surface (terminal, JSON, a Python caller) shows these and adds nothing.
"""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

SCHEMA_VERSION = 1
"""The layout of :meth:`Report.as_dict`; raised when a key changes its meaning."""

Direction = t.Literal["upgrade", "downgrade", "stamp"]
StepState = t.Literal["done", "rolled_back", "failed", "skipped"]
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


@dataclasses.dataclass(frozen=True, slots=True)
class Step(Data):
    """One revision going one way.

    :param statements: Its SQL, where it was asked for.
    """

    revision: Revision
    direction: Direction
    statements: tuple[Statement, ...] = ()


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


@dataclasses.dataclass(frozen=True, slots=True)
class StepResult(Data):
    """What became of a step.

    :param state: ``rolled_back`` if it ran and was undone, ``skipped`` if the
        revision has nothing for this database.
    :param seconds: How long it ran.
    :param error: Type and text of what it raised.
    """

    step: Step
    state: StepState
    seconds: float = 0.0
    error: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseResult(Data):
    """What became of one database during a run.

    :param outcome: ``partial`` if earlier work was kept when a step failed.
    :param heads: Ids that are applied now.
    """

    database: Database
    outcome: Outcome
    heads: tuple[str, ...]
    steps: tuple[StepResult, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Status(Data):
    """How far one database is.

    :param current: Ids in its version table.
    :param heads: The code's head ids.
    :param pending: Ids that an upgrade would apply.
    :param unknown: Ids in its version table that the code doesn't have.
    :param note: What a reader should know about the answer.
    """

    database: Database
    state: DatabaseState
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str | None = None


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
    """

    database: str
    change: str
    name: str
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Draft(Data):
    """A comparison of models and database, and the file written from it.

    :param path: The revision file; None if nothing was written.
    :param renames: Old name -> new name.
    """

    path: str | None
    operations: tuple[Operation, ...]
    renames: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Report(Data):
    """The answer of one command.

    :param exit_code: What ``flask db`` exits with.
    :param databases: A result for each database that the command ran on.
    :param message: One line for people.
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
    adoption: Adoption | None = None
    message: str = ""
    schema_version: int = SCHEMA_VERSION


EventKind = t.Literal["run_started", "step_started", "step_finished", "run_finished"]


@dataclasses.dataclass(frozen=True, slots=True)
class Event(Data):
    """Progress, while it happens.

    :param result: With ``step_finished``.
    :param total: How many steps this database's plan has.
    :param number: The step's place in the plan, from 1.
    """

    kind: EventKind
    database: Database
    step: Step | None = None
    result: StepResult | None = None
    number: int = 0
    total: int = 0

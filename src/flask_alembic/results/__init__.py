"""The data that the core returns: frozen, free of Alembic, ready to be rendered.

Every surface (terminal, JSON, a Python caller) shows these and adds nothing. Making a
dataclass takes its time, and a command needs few of them: each file is imported when
one of its names is asked for.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from .adoptions import Adoption as Adoption
    from .adoptions import AdoptionState as AdoptionState
    from .data import Data as Data
    from .databases import Database as Database
    from .drafts import Draft as Draft
    from .drafts import Operation as Operation
    from .drafts import Question as Question
    from .events import Event as Event
    from .events import EventKind as EventKind
    from .findings import Finding as Finding
    from .findings import Severity as Severity
    from .records import RecordedStep as RecordedStep
    from .records import StatementState as StatementState
    from .records import Unfinished as Unfinished
    from .records import UnfinishedStatement as UnfinishedStatement
    from .reports import Report as Report
    from .reports import SCHEMA_VERSION as SCHEMA_VERSION
    from .revisions import LogEntry as LogEntry
    from .revisions import Revision as Revision
    from .runs import DatabaseResult as DatabaseResult
    from .runs import Outcome as Outcome
    from .snapshots import Snapshot as Snapshot
    from .snapshots import SnapshotState as SnapshotState
    from .statuses import DatabaseState as DatabaseState
    from .statuses import readiness as readiness
    from .statuses import Status as Status
    from .steps import Blocks as Blocks
    from .steps import Direction as Direction
    from .steps import Drop as Drop
    from .steps import Plan as Plan
    from .steps import ROWS_COUNTED as ROWS_COUNTED
    from .steps import Statement as Statement
    from .steps import Step as Step
    from .steps import StepResult as StepResult
    from .steps import StepState as StepState
    from .steps import TableLock as TableLock

# Name -> the file that has it.
_HOMES: t.Mapping[str, str] = {
    "Adoption": "adoptions",
    "AdoptionState": "adoptions",
    "Blocks": "steps",
    "Data": "data",
    "Database": "databases",
    "DatabaseResult": "runs",
    "DatabaseState": "statuses",
    "Direction": "steps",
    "Draft": "drafts",
    "Drop": "steps",
    "Event": "events",
    "EventKind": "events",
    "Finding": "findings",
    "LogEntry": "revisions",
    "Operation": "drafts",
    "Outcome": "runs",
    "Plan": "steps",
    "Question": "drafts",
    "readiness": "statuses",
    "RecordedStep": "records",
    "Report": "reports",
    "Revision": "revisions",
    "ROWS_COUNTED": "steps",
    "SCHEMA_VERSION": "reports",
    "Severity": "findings",
    "Snapshot": "snapshots",
    "SnapshotState": "snapshots",
    "Statement": "steps",
    "StatementState": "records",
    "Status": "statuses",
    "Step": "steps",
    "StepResult": "steps",
    "StepState": "steps",
    "TableLock": "steps",
    "Unfinished": "records",
    "UnfinishedStatement": "records",
}


# Hidden from type checkers, which would take any name for one that is there.
if not t.TYPE_CHECKING:

    def __getattr__(name: str) -> t.Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f".{_HOMES[name]}", __name__)
        found = globals()[name] = getattr(home, name)
        return found

"""Database migrations for Flask applications, with Alembic as the engine."""

from __future__ import annotations

import importlib
import typing as t

from .extension import Alembic

if t.TYPE_CHECKING:
    from . import signals as signals
    from .errors import DatabaseError
    from .errors import DraftError
    from .errors import HistoryError
    from .errors import LockError
    from .errors import MigrationError
    from .errors import NotReadyError
    from .errors import RepairError
    from .errors import RevisionFileError
    from .errors import SessionError
    from .errors import SetupError
    from .errors import SnapshotError
    from .errors import TargetError
    from .errors import VersionTableError
    from .results import Adoption
    from .results import Database
    from .results import DatabaseResult
    from .results import Draft
    from .results import Drop
    from .results import Event
    from .results import Finding
    from .results import LogEntry
    from .results import Operation
    from .results import Plan
    from .results import Question
    from .results import RecordedStep
    from .results import Report
    from .results import Revision
    from .results import Snapshot
    from .results import Statement
    from .results import Status
    from .results import Step
    from .results import StepResult
    from .results import TableLock
    from .results import Unfinished
    from .results import UnfinishedStatement

__version__ = "4.0.0"

__all__ = [
    "Adoption",
    "Alembic",
    "Database",
    "DatabaseError",
    "DatabaseResult",
    "Draft",
    "DraftError",
    "Drop",
    "Event",
    "Finding",
    "HistoryError",
    "LockError",
    "LogEntry",
    "MigrationError",
    "NotReadyError",
    "Operation",
    "Plan",
    "Question",
    "RecordedStep",
    "RepairError",
    "Report",
    "Revision",
    "RevisionFileError",
    "SessionError",
    "SetupError",
    "Snapshot",
    "SnapshotError",
    "Statement",
    "Status",
    "Step",
    "StepResult",
    "TableLock",
    "TargetError",
    "Unfinished",
    "UnfinishedStatement",
    "VersionTableError",
]


def __getattr__(name: str) -> t.Any:
    if name == "signals":
        return importlib.import_module(".signals", __name__)
    if name in __all__:
        room = ".errors" if name.endswith("Error") else ".results"
        return getattr(importlib.import_module(room, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

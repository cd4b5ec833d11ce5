"""The answer of one command."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .adoptions import Adoption
    from .drafts import Draft
    from .findings import Finding
    from .records import RecordedStep
    from .records import Unfinished
    from .revisions import Revision
    from .runs import DatabaseResult
    from .snapshots import Snapshot
    from .statuses import Status
    from .steps import Plan

SCHEMA_VERSION = 1
"""The layout of :meth:`Report.as_dict`; raised when a key changes its meaning."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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
    snapshots: tuple[Snapshot, ...] = ()
    message: str = ""
    dry_run: bool = False
    schema_version: int = SCHEMA_VERSION

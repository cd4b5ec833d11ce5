"""Progress, while it happens."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .databases import Database
    from .statuses import Status
    from .steps import Step
    from .steps import StepResult

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


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

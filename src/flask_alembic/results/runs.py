"""What became of a database."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .databases import Database
    from .steps import StepResult

Outcome = t.Literal["done", "unchanged", "rolled_back", "partial", "failed"]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

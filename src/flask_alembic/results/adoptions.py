"""How a folder that has an env.py becomes one without."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .findings import Finding

AdoptionState = t.Literal["nothing", "planned", "done", "refused", "undone"]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

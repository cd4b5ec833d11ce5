"""What is worth knowing about a revision or a set-up."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

Severity = t.Literal["info", "warning", "error"]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

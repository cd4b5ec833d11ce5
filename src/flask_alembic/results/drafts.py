"""Comparisons of models and databases."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .findings import Finding
    from .revisions import Revision


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

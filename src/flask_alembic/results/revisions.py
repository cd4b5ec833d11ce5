"""Revision files, and their places in the history."""

from __future__ import annotations

import dataclasses

from .data import Data


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
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

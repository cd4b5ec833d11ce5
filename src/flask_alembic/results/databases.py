"""Databases that are migrated."""

from __future__ import annotations

import dataclasses

from .data import Data


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Database(Data):
    """A database that is migrated.

    :param name: Its key among the configured databases.
    :param dialect: SQLAlchemy's name of the database system.
    :param url: Its address, the password masked.
    """

    name: str
    dialect: str
    url: str

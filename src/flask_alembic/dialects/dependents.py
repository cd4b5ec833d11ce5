"""What a database won't have a column changed or dropped for, such as a view of it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnName:
    """A column of the database.

    :param schema: None for the default one.
    """

    schema: str | None
    table: str
    column: str


@dataclasses.dataclass(frozen=True, slots=True)
class Dependent:
    """Something that needs a column to stay as it is.

    :param what: Its kind and name, for a message.
    :param query: SQL that gives a row as long as it is there.
    """

    needs: ColumnName
    what: str
    query: str

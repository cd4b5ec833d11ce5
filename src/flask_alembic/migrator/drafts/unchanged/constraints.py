"""Keys, unique constraints and indexes: whether reflection tells what the model says.

Every answer is the careful one: what isn't known to make no difference makes one.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.util import sqla_compat
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql import ClauseElement

from ....dialects.bulk import Description
from ....dialects.bulk import Info


class Named(t.NamedTuple):
    """An index or a unique constraint.

    :param name: None for one without.
    """

    name: str | None
    columns: tuple[str, ...]
    unique: bool


class Constraints:
    """Compares what tables have beside their columns.

    :param served: The database makes indexes for foreign keys by itself.
    """

    def __init__(self, dialect: sa.Dialect, *, served: bool) -> None:
        self._dialect = dialect
        self._served = served
        lengths = (
            dialect.max_identifier_length,
            dialect.max_index_name_length,
            dialect.max_constraint_name_length,
        )
        self._longest = min(filter(None, lengths))

    def same(self, table: sa.Table, found: Description) -> bool:
        """Whether a table surely has what its model has beside its primary key."""
        if found.checks:
            return False
        keys: list[sa.ForeignKeyConstraint] = []
        uniques: list[Named] = []
        for constraint in table.constraints:
            if isinstance(constraint, sa.ForeignKeyConstraint):
                keys.append(constraint)
            elif isinstance(constraint, sa.UniqueConstraint):
                if _is_special(constraint):
                    return False
                uniques.append(self._named(constraint, constraint.columns, True))
            elif constraint is not table.primary_key:
                return False
        return _same_foreign_keys(keys, found.foreign_keys) and self._same_indexes(
            table, uniques, found
        )

    def same_key(self, table: sa.Table, found: Description) -> bool:
        """Whether a table surely has its model's primary key, whatever it is called."""
        key = table.primary_key
        if _says_more(found.key, _OF_KEY) or _is_special(key):
            return False
        columns = tuple([str(column.name) for column in key.columns])
        return columns == tuple(found.key.get("constrained_columns") or ())

    def _named(
        self, item: sa.Index | sa.Constraint, columns: t.Iterable[t.Any], unique: bool
    ) -> Named:
        name = item.name
        if type(name) is not str or len(name) > self._longest:
            name = sqla_compat._get_constraint_final_name(item, self._dialect)
        names = tuple([str(column.name) for column in columns])
        return Named(None if name is None else str(name), names, unique)

    def _same_indexes(
        self, table: sa.Table, uniques: list[Named], found: Description
    ) -> bool:
        indexes: list[Named] = []
        for index in table.indexes:
            columns = index.expressions
            if index.name is None or _is_special(index):
                return False
            for column in columns:
                if not isinstance(column, sa.Column):
                    return False
            indexes.append(self._named(index, columns, bool(index.unique)))
        there = _indexes(found.indexes)
        constraints = _uniques(found.uniques)
        if there is None or constraints is None:
            return False
        if any(["duplicates_index" in info for info in found.uniques]):
            # Such a database has only indexes, whatever the model calls them.
            constraints = there
        for wanted, place in ((indexes, there), (uniques, constraints)):
            for item in wanted:
                if not _take(item, place):
                    return False
        if constraints and constraints is not there:
            return False
        return not there or all(self._serves(item, found) for item in there)

    def _serves(self, index: Named, found: Description) -> bool:
        """Whether the database has made an index for a foreign key by itself."""
        if not self._served or index.unique:
            return False
        return any(
            index.columns == tuple(key["constrained_columns"])
            and index.name in (key["name"], index.columns[0])
            for key in found.foreign_keys
        )


_OF_KEY = frozenset(["constrained_columns", "name"])
_OF_UNIQUE = frozenset(["name", "column_names", "duplicates_index"])
_OF_INDEX = frozenset(["name", "column_names", "unique", "type"])
_OF_FOREIGN_KEY = frozenset(
    [
        "name",
        "constrained_columns",
        "referred_schema",
        "referred_table",
        "referred_columns",
        "options",
    ]
)
_RULES = frozenset(["onupdate", "ondelete", "deferrable", "initially"])
_NO_RULES = ("", "", "")


def _says_more(info: Info, known: frozenset[str]) -> bool:
    """Whether there is something in it that isn't compared here."""
    for name in info.keys() - known:
        value = info[name]
        if name == "dialect_options":
            if any(map(_is_said, value.values())):
                return True
        elif value:
            return True
    return False


def _is_said(value: t.Any) -> bool:
    # An expression has no truth value.
    return isinstance(value, ClauseElement) or bool(value)


def _is_special(item: sa.Index | sa.Constraint) -> bool:
    """Whether a model says something of it that only some databases know."""
    # SQLAlchemy makes it as soon as there is something to put in.
    if "dialect_options" not in vars(item):
        return False
    # An expression has no truth value.
    return any(
        value is not None and value is not False and value != ()
        for value in item.dialect_kwargs.values()
    )


def _indexes(found: t.Iterable[Info]) -> list[Named] | None:
    """Read indexes; None if there is one that is more than a list of columns."""
    items: list[Named] = []
    for info in found:
        if info.get("duplicates_constraint"):
            continue
        columns = tuple(info["column_names"])
        # SQLAlchemy 2.0 writes MariaDB's word for it beside "unique".
        plain = info.get("type") in (None, "UNIQUE")
        if None in columns or not (columns and plain) or _says_more(info, _OF_INDEX):
            return None
        items.append(Named(info["name"], columns, bool(info["unique"])))
    return items


def _uniques(found: t.Iterable[Info]) -> list[Named] | None:
    items: list[Named] = []
    for info in found:
        if _says_more(info, _OF_UNIQUE):
            return None
        items.append(Named(info["name"], tuple(info["column_names"]), True))
    return items


def _take(wanted: Named, left: list[Named]) -> bool:
    """Find something, and take it away; what has no name is told by its columns."""
    for item in left:
        same = item == wanted
        if wanted.name is None:
            same = item.unique and sorted(item.columns) == sorted(wanted.columns)
        if same:
            left.remove(item)
            return True
    return False


# -- foreign keys ----------------------------------------------------------------------


def _same_foreign_keys(
    wanted: t.Sequence[sa.ForeignKeyConstraint], found: t.Sequence[Info]
) -> bool:
    if len(wanted) != len(found):
        return False
    if not wanted:
        return True
    for info in found:
        if _says_more(info, _OF_FOREIGN_KEY) or info["options"].keys() - _RULES:
            return False
    for key in wanted:
        if key.match or _is_special(key):
            return False
    there = {
        (
            tuple(info["constrained_columns"]),
            info["referred_schema"],
            info["referred_table"],
            tuple(info["referred_columns"]),
            *_rules(**info["options"]),
        )
        for info in found
    }
    try:
        return there == {_told(key) for key in wanted}
    except InvalidRequestError:
        # The table that it refers to isn't known: whoever needs it will say so.
        return False


def _told(key: sa.ForeignKeyConstraint) -> tuple[t.Any, ...]:
    parts = [(element.parent.name, element.column) for element in key.elements]
    target = parts[0][1].table
    return (
        tuple([str(own) for own, _ in parts]),
        target.schema,
        target.name,
        tuple([str(column.name) for _, column in parts]),
        *_rules(key.onupdate, key.ondelete, key.deferrable, key.initially),
    )


def _rules(
    onupdate: str | None = None,
    ondelete: str | None = None,
    deferrable: bool | None = None,
    initially: str | None = None,
) -> tuple[str, ...]:
    """What a foreign key demands beside its columns; its defaults left out."""
    if not (onupdate or ondelete or deferrable or initially):
        return _NO_RULES
    when = "deferred" if (initially or "").lower() == "deferred" else ""
    return (
        (onupdate or "").lower().replace("no action", ""),
        (ondelete or "").lower().replace("no action", ""),
        when or ("deferrable" if deferrable else ""),
    )

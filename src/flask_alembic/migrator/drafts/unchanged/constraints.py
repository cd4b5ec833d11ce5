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
from ....dialects.bulk import FoundItem
from ....dialects.bulk import FoundReference
from ....dialects.bulk import Info
from .infos import Infos

Named: t.TypeAlias = "tuple[str | None, list[str], bool]"
"""Name, if it has one, columns, and whether they are unique together: an index or a
unique constraint."""


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
        self._of_keys = Infos(_is_plain_key)
        self._of_uniques = Infos(_is_plain_unique)
        self._of_indexes = Infos(_uniqueness)
        self._of_references = Infos(_rules_found)

    def same(self, table: sa.Table, found: Description) -> bool:
        """Whether a table surely has what its model has beside its primary key."""
        if found.checks:
            return False
        keys: list[sa.ForeignKeyConstraint] = []
        uniques: list[Named] = []
        primary_key = table.primary_key
        for constraint in table.constraints:
            if constraint is primary_key:
                continue
            if isinstance(constraint, sa.ForeignKeyConstraint):
                keys.append(constraint)
            elif isinstance(constraint, sa.UniqueConstraint):
                if _is_special(constraint):
                    return False
                uniques.append(self._named(constraint, constraint.columns, True))
            else:
                return False
        return self._same_foreign_keys(keys, found.foreign_keys) and self._same_indexes(
            table, uniques, found
        )

    def same_key(self, table: sa.Table, found: Description) -> bool:
        """Whether a table surely has its model's primary key, whatever it is called."""
        key = table.primary_key
        if _is_special(key) or not self._of_keys.of(found.key.info):
            return False
        return [column.name for column in key.columns] == [*found.key.columns]

    def _named(
        self, item: sa.Index | sa.Constraint, columns: t.Iterable[t.Any], unique: bool
    ) -> Named:
        name = item.name
        if not isinstance(name, str) or len(name) > self._longest:
            name = sqla_compat._get_constraint_final_name(item, self._dialect)
        return name, [column.name for column in columns], unique

    # -- indexes and unique constraints --------------------------------------------------

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
        there = self._indexes(found.indexes)
        if there is None:
            return False
        if indexes == there and not (uniques or found.uniques):
            return True
        constraints = self._uniques(found.uniques)
        if constraints is None:
            return False
        if any(["duplicates_index" in one.info for one in found.uniques]):
            # Such a database has only indexes, whatever the model calls them.
            constraints = there
        for wanted, place in ((indexes, there), (uniques, constraints)):
            for item in wanted:
                if not _take(item, place):
                    return False
        if constraints and constraints is not there:
            return False
        return not there or all(self._serves(item, found) for item in there)

    def _indexes(self, found: t.Iterable[FoundItem]) -> list[Named] | None:
        """Read indexes; None if there is one that is more than a list of columns."""
        items: list[Named] = []
        for name, columns, info in found:
            unique = self._of_indexes.of(info)
            if unique is _OF_CONSTRAINT:
                continue
            if unique is None or None in columns or not columns:
                return None
            items.append((name, t.cast("list[str]", [*columns]), unique))
        return items

    def _uniques(self, found: t.Iterable[FoundItem]) -> list[Named] | None:
        items: list[Named] = []
        for name, columns, info in found:
            if not self._of_uniques.of(info):
                return None
            items.append((name, t.cast("list[str]", [*columns]), True))
        return items

    def _serves(self, index: Named, found: Description) -> bool:
        """Whether the database has made an index for a foreign key by itself."""
        name, columns, unique = index
        if not self._served or unique:
            return False
        return any(
            columns == [*key.columns] and name in (key.name, columns[0])
            for key in found.foreign_keys
        )

    # -- foreign keys --------------------------------------------------------------------

    def _same_foreign_keys(
        self,
        wanted: t.Sequence[sa.ForeignKeyConstraint],
        found: t.Sequence[FoundReference],
    ) -> bool:
        if len(wanted) != len(found):
            return False
        there: list[tuple[t.Any, ...]] = []
        for _, columns, schema, table, referred, info in found:
            rules = self._of_references.of(info)
            if rules is None:
                return False
            there.append((columns, schema, table, referred, rules))
        try:
            own = [_told(one) for one in wanted]
        except InvalidRequestError:
            # The table that it refers to isn't known: whoever needs it will say so.
            return False
        # There are few of them, and mostly they have the same order.
        return None not in own and (
            own == there
            or (all(one in there for one in own) and all(one in own for one in there))
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


def _is_plain_key(info: Info) -> bool:
    return not _says_more(info, _OF_KEY)


def _is_plain_unique(info: Info) -> bool:
    return not _says_more(info, _OF_UNIQUE)


def _uniqueness(info: Info) -> t.Any:
    """Whether an index is unique; None if it is more than a list of columns."""
    if info.get("duplicates_constraint"):
        return _OF_CONSTRAINT
    # SQLAlchemy 2.0 writes MariaDB's word for it beside "unique".
    if info.get("type") not in (None, "UNIQUE") or _says_more(info, _OF_INDEX):
        return None
    return bool(info["unique"])


_OF_CONSTRAINT = object()


def _take(wanted: Named, left: list[Named]) -> bool:
    """Find something, and take it away; what has no name is told by its columns."""
    name, columns, _ = wanted
    for item in left:
        same = item == wanted
        if name is None:
            same = item[2] and sorted(item[1]) == sorted(columns)
        if same:
            left.remove(item)
            return True
    return False


# -- foreign keys ----------------------------------------------------------------------


def _rules_found(info: Info) -> tuple[str, ...] | None:
    """What a foreign key demands beside its columns; None if that isn't all."""
    options = info["options"]
    if _says_more(info, _OF_FOREIGN_KEY) or options.keys() - _RULES:
        return None
    return _rules(**options)


def _told(key: sa.ForeignKeyConstraint) -> tuple[t.Any, ...] | None:
    """What a model says of a foreign key; None if that isn't all."""
    if key.match or _is_special(key):
        return None
    own: list[str] = []
    referred: list[str] = []
    for element in key.elements:
        column = element.column
        own.append(element.parent.name)
        referred.append(column.name)
    target = column.table
    rules = _rules(key.onupdate, key.ondelete, key.deferrable, key.initially)
    return own, target.schema, target.name, referred, rules


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

"""Enums as databases have them: types of their own, or lists of values in a check."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa

TypeKey: t.TypeAlias = tuple[str, str]
"""Schema and name of a type."""

_STRING = re.compile(r"'((?:[^']|'')*)'")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^\W\d][\w$]*')
_LIST_WORDS = frozenset(["in", "any", "array", "text", "character", "varying"])


ColumnKey: t.TypeAlias = tuple[str | None, str, str]
"""Schema, table and name of a column; no schema for the default one."""


@dataclasses.dataclass(frozen=True, slots=True)
class EnumUse:
    """A column of an enum's type.

    :param schema: None for the default one.
    :param array: Its values are arrays of the enum's.
    :param default: As SQL; None without one.
    :param computed: The default is what its values are computed by.
    """

    schema: str | None
    table: str
    column: str
    array: bool = False
    default: str | None = None
    computed: bool = False

    @property
    def key(self) -> ColumnKey:
        """The column."""
        return self.schema, self.table, self.column


@dataclasses.dataclass(frozen=True, slots=True)
class Dependent:
    """What has to go while a type is made anew, such as a check with one of its values.

    :param kind: ``column``, ``constraint``, ``index`` or ``foreign key``.
    :param schema: None for the default one.
    :param create: Statements.
    :param needs: Computed columns that it can't be without, which have to go, too.
    :param lose: Of a column: what it loses its expression by, and keeps its values.
    """

    kind: str
    schema: str | None
    table: str
    name: str
    drop: str
    create: tuple[str, ...]
    needs: frozenset[ColumnKey] = frozenset()
    lose: str = ""

    @property
    def column(self) -> ColumnKey | None:
        """The column that it is; None for anything else."""
        return (self.schema, self.table, self.name) if self.kind == "column" else None


@dataclasses.dataclass(frozen=True, slots=True)
class EnumType:
    """A type of a database.

    :param schema: None for the default one.
    :param dependents: In the order in which they can be made.
    :param words: What it is called in expressions of the database's.
    """

    schema: str | None
    name: str
    labels: tuple[str, ...]
    uses: tuple[EnumUse, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    words: str = ""

    @property
    def stored(self) -> tuple[EnumUse, ...]:
        """Columns that aren't computed."""
        return tuple(use for use in self.uses if not use.computed)


class EnumTypes:
    """Reads types, and writes the SQL that changes them.

    :param dialect: Knows how names are quoted.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        self.dialect = dialect

    def read(self, connection: sa.Connection) -> dict[TypeKey, EnumType]:
        """Read all enums; those of extensions aren't anybody's to change."""
        raise NotImplementedError

    def dependents(
        self, connection: sa.Connection, types: t.Iterable[EnumType]
    ) -> dict[str, tuple[Dependent, ...]]:
        """Read what has to go while types are made anew.

        :return: What a type is called in expressions -> what goes, as it can be made.
        """
        raise NotImplementedError

    def create(self, found: EnumType) -> str:
        """Make a type."""
        raise NotImplementedError

    def drop(self, found: EnumType) -> str:
        """Drop a type, if it is there."""
        raise NotImplementedError

    def add(self, found: EnumType, labels: t.Sequence[str]) -> list[str]:
        """Add values.

        :param labels: All values in their order, those that are there among them.
        """
        raise NotImplementedError

    def rename(self, found: EnumType, old: str, new: str) -> str:
        """Rename a value."""
        raise NotImplementedError

    def replace(
        self,
        found: EnumType,
        labels: t.Sequence[str],
        defaults: t.Mapping[EnumUse, str | None],
        instead: t.Mapping[str, str],
        again: t.Sequence[Dependent],
    ) -> list[str]:
        """Make a type anew with other values, and give it to all of its columns.

        :param defaults: What the columns have afterwards.
        :param instead: Value that goes -> value that its rows get.
        :param again: What there is beside the columns afterwards.
        """
        raise NotImplementedError

    def set_default(self, use: EnumUse, default: str | None) -> str:
        """Set or drop a column's default."""
        raise NotImplementedError

    def relabeled(self, sql: str, found: EnumType, renames: t.Mapping[str, str]) -> str:
        """Write an expression of the database's as it is when values have new names."""
        raise NotImplementedError

    def using(self, column: str, type_: sa.types.TypeEngine[t.Any]) -> str:
        """Write how a column's values become another type's."""
        raise NotImplementedError


def listed_values(
    check: str, column: str, *, escapes: bool = False
) -> tuple[str, ...] | None:
    r"""Read a check that only lists a column's values; None if it is something else.

    :param escapes: Strings have backslashes before what would mean something else.
    """
    if escapes:
        check = _ESCAPED.sub(lambda m: "''" if m[1] == "'" else m[1], check)
    words = {_unquoted(word) for word in _WORD.findall(_STRING.sub(" ", check))}
    rest = {word for word in words if word.lower() not in _LIST_WORDS}
    if rest != {column} and words != {column}:
        return None
    lists = re.search(r"\bin\b|\bany\b|=", _STRING.sub(" ", check), re.I)
    if not lists or re.search(r"[<>+*/|!]", _STRING.sub(" ", check)):
        return None
    return tuple(label.replace("''", "'") for label in _STRING.findall(check)) or None


def _unquoted(word: str) -> str:
    return word[1:-1].replace(word[0] * 2, word[0]) if word[0] in '"`' else word


def holds(
    use: EnumUse, labels: t.Sequence[str], *, renamed: tuple[str, str] | None = None
) -> sa.Select[t.Any]:
    """Find one row of a column with one of these values.

    :param renamed: What table and column are called instead.
    """
    table, name = renamed or (use.table, use.column)
    text: t.Any = sa.Text
    column: t.Any = sa.column(name)
    if use.array:
        column = sa.cast(column, sa.ARRAY(text))
        found = sa.or_(
            *(sa.literal(label, text) == sa.any_(column) for label in labels)
        )
    else:
        found = sa.cast(column, sa.String(255)).in_(labels)
    query: sa.Select[t.Any] = sa.select(sa.literal_column("1")).limit(1)
    return query.select_from(sa.table(table, schema=use.schema)).where(found)

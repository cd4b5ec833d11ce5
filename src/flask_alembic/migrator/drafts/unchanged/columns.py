"""Columns: whether reflection tells what the model says, and what the database knows."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.types import NullType

from ....dialects.columns import Pair
from .constraints import Info

Column: t.TypeAlias = "sa.Column[t.Any]"
Key: t.TypeAlias = t.Hashable

_KNOWN = frozenset(
    ["name", "type", "nullable", "default", "autoincrement", "comment", "primary_key"]
)


class Question(t.NamedTuple):
    """Something that two columns' texts leave open, for all columns like them.

    :param type: It's about their types.
    :param default: It's about their defaults.
    """

    pair: Pair
    type: bool
    default: bool


class Columns:
    """Compares columns.

    Tables have few distinct ones: what was found of a pair of types holds for all others
    that are made alike.

    :param reflect: Alembic's hook that changes what is reflected.
    :ivar questions: What the database has to be asked.
    """

    def __init__(self, impl: t.Any, reflect: t.Callable[..., None]) -> None:
        self.questions: dict[Key, Question] = {}
        self._impl = impl
        self._reflect = reflect
        self._dialect: sa.Dialect = impl.dialect
        self._compiler = t.cast(t.Any, impl.dialect).ddl_compiler(impl.dialect, None)
        self._types: dict[Key, bool | None] = {}
        self._defaults: dict[Key, t.Any] = {}
        self._literals: dict[str, str] = {}

    def compare(
        self, schema: str | None, table: sa.Table, found: t.Sequence[Info]
    ) -> set[Key] | None:
        """Compare all columns of a table.

        :return: Keys of ``questions`` on whose answers it depends whether they are the
            same; None if something differs, or isn't known.
        """
        asked: set[Key] = set()
        there = {info["name"]: info for info in found}
        if len(there) != len(table.columns):
            return None
        commented = self._dialect.supports_comments
        for wanted in table.columns:
            info = there.get(wanted.name)
            if (
                info is None
                or info["nullable"] is not wanted.nullable
                or wanted.system
                or wanted.constraints
                or not info.keys() <= _KNOWN
                or (
                    commented
                    and (info.get("comment") or None) != (wanted.comment or None)
                )
            ):
                return None
            key, same = self._compared_types(info["type"], wanted)
            if same and info["default"] is None and wanted.server_default is None:
                continue
            question = self._question(schema, table, info, wanted, same, key)
            if question is None:
                return None
            if question is not _SAME:
                asked.add(question)
        return asked

    # -- types ---------------------------------------------------------------------------

    def _compared_types(self, found: t.Any, wanted: Column) -> tuple[Key, bool | None]:
        """What is known of two types, and under which key."""
        key: Key = (_made_of(found), _made_of(wanted.type))
        try:
            same = self._types.get(key, _UNKNOWN)
        except TypeError:
            # It is made of lists: it is compared with nothing but itself. The cache
            # holds the objects, so that none takes another's place.
            key, same = (_Itself(found), _Itself(wanted.type)), _UNKNOWN
        if same is _UNKNOWN:
            same = self._types[key] = self._same_type(found, wanted)
        return key, same

    def _same_type(self, found: t.Any, wanted: Column) -> bool | None:
        """Whether types are the same to Alembic; None where it can't tell."""
        made: t.Any = wanted.type._unwrapped_dialect_impl(self._dialect)
        if isinstance(found, NullType) or wanted.type._type_affinity is NullType:
            return None
        if isinstance(found, sa.Enum) and not (
            isinstance(made, sa.Enum) and list(found.enums) == list(made.enums)
        ):
            return None
        column: Column = sa.Column(wanted.name, found)
        return not self._impl.compare_type(column, wanted)

    # -- defaults ------------------------------------------------------------------------

    def _question(
        self,
        schema: str | None,
        table: sa.Table,
        info: Info,
        wanted: Column,
        same: bool | None,
        types: Key,
    ) -> Key | None:
        """What is left to ask; None where no answer would do."""
        default = wanted.server_default
        plain = default is None or isinstance(default, sa.DefaultClause)
        if same is None or not plain:
            return None
        text = self._found_default(table, info)
        try:
            own = self._own_default(wanted)
        except CompileError:
            return None
        if same and text == own:
            return _SAME
        if not isinstance(text, str | None) or (
            text != own and wanted is table._autoincrement_column
        ):
            return None
        key = (types, text, own, wanted.nullable)
        if key not in self.questions:
            self.questions[key] = Question(
                self._pair(schema, table, info, text, wanted), not same, text != own
            )
        return key

    def _own_default(self, wanted: Column) -> str | None:
        """A model's default as it stands in CREATE TABLE."""
        value = getattr(wanted.server_default, "arg", None)
        if not isinstance(value, str):
            return t.cast(
                "str | None", self._compiler.get_column_default_string(wanted)
            )
        if value not in self._literals:
            self._literals[value] = self._compiler.get_column_default_string(wanted)
        return self._literals[value]

    def _found_default(self, table: sa.Table, info: Info) -> t.Any:
        """A default as Alembic gets it."""
        if info["default"] is None:
            return None
        key = (info["name"], type(info["type"]), info["default"])
        if key not in self._defaults:
            copied = dict(info)
            self._reflect(table, copied)
            self._defaults[key] = copied.get("default")
        return self._defaults[key]

    def _pair(
        self,
        schema: str | None,
        table: sa.Table,
        info: Info,
        default: str | None,
        wanted: Column,
    ) -> Pair:
        clause = None if default is None else sa.DefaultClause(sa.text(default))
        column: Column = sa.Column(
            wanted.name, info["type"], server_default=clause, nullable=wanted.nullable
        )
        return Pair(schema, str(table.name), str(wanted.name), column, wanted)


_UNKNOWN: t.Any = object()
_SAME = object()


class _Itself:
    """An object that is equal to itself only."""

    def __init__(self, item: t.Any) -> None:
        self._item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other._item is self._item

    def __hash__(self) -> int:
        return id(self._item)


def _made_of(type_: t.Any) -> tuple[t.Any, ...]:
    """What types that are alike have in common."""
    parts = vars(type_)
    if "dispatch" in parts:
        # Of booleans: events, each its own.
        parts = {name: value for name, value in parts.items() if name != "dispatch"}
    return (type(type_), *parts.items())

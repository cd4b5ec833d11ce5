"""Columns: whether reflection tells what the model says, and what the database knows."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.sql import functions
from sqlalchemy.types import NullType

from ....dialects.bulk import FoundColumns
from ....dialects.bulk import Info
from ....dialects.columns import Pair
from .types import Key
from .types import made_of
from .types import Types

Column: t.TypeAlias = "sa.Column[t.Any]"

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


class _Defaults(t.NamedTuple):
    """A default as the database has it, and as the model has it."""

    found: t.Any
    own: str | None


class Columns:
    """Compares columns.

    Tables have few distinct ones: what was found of a pair of columns holds for all
    others that are told and made alike.

    :param reflect: Alembic's hook that changes what is reflected.
    :param is_serial: Whether a default is the next number of a sequence that a column of
        this name owns.
    :ivar questions: What the database has to be asked.
    """

    def __init__(
        self,
        impl: t.Any,
        reflect: t.Callable[..., None],
        is_serial: t.Callable[[str, str], bool],
    ) -> None:
        self.questions: dict[Key, Question] = {}
        self._impl = impl
        self._reflect = reflect
        self._is_serial = is_serial
        self._dialect: sa.Dialect = impl.dialect
        self._compiler = t.cast(t.Any, impl.dialect).ddl_compiler(impl.dialect, None)
        self._types = Types(self._same_type)
        # An info that belongs to many columns is known by itself. It is held here, so
        # that no other takes its place.
        self._known: dict[Key, tuple[Key | None, Info]] = {}
        self._defaults: dict[Key, t.Any] = {}
        # Kinds of types whose owned sequences are no defaults to Alembic.
        self._serials: set[type[t.Any]] = set()
        self._texts: dict[t.Any, str | None] = {}

    def compare(
        self, schema: str | None, table: sa.Table, found: FoundColumns
    ) -> set[Key] | None:
        """Compare all columns of a table.

        :return: Keys of ``questions`` on whose answers it depends whether they are the
            same; None if something differs, or isn't known.
        """
        asked: set[Key] = set()
        columns = _in_order(table, found.names)
        if columns is None:
            return None
        known, commented = self._known, self._dialect.supports_comments
        for wanted, name, info, default, comment in zip(columns, *found, strict=True):
            if wanted.system or wanted.constraints:
                return None
            if commented and (comment or None) != (wanted.comment or None):
                return None
            defaults = _NONE
            if default is not None or wanted.server_default is not None:
                both = self._both_defaults(table, name, info, default, wanted)
                if both is None:
                    return None
                defaults = both
            key = (id(info), defaults, wanted.nullable, made_of(wanted.type))
            try:
                question, _ = known[key]
            except (KeyError, TypeError):
                question = self._question(schema, table, info, defaults, wanted)
                # A type that is made of lists is like no other.
                with contextlib.suppress(TypeError):
                    known[key] = (question, info)
            if question is None:
                return None
            if question is not _SAME:
                asked.add(question)
        return asked

    # -- types ---------------------------------------------------------------------------

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
        defaults: _Defaults,
        wanted: Column,
    ) -> Key | None:
        """What is left to ask; None where no answer would do."""
        if info["nullable"] is not wanted.nullable or not info.keys() <= _KNOWN:
            return None
        types, same = self._types.compare(info["type"], wanted)
        found, own = defaults
        if same is None or not isinstance(found, str | None):
            return None
        if same and found == own:
            return _SAME
        key = (types, defaults, wanted.nullable)
        if key not in self.questions:
            pair = _pair(schema, table, info, found, wanted)
            self.questions[key] = Question(pair, not same, found != own)
        return key

    def _both_defaults(
        self,
        table: sa.Table,
        name: str,
        info: Info,
        default: str | None,
        wanted: Column,
    ) -> _Defaults | None:
        """Read both; None where their texts say nothing."""
        found, own = self._found_default(table, name, info, default), None
        if wanted.server_default is not None:
            if not isinstance(wanted.server_default, sa.DefaultClause):
                return None
            try:
                own = self._own_default(wanted, wanted.server_default.arg)
            except CompileError:
                return None
        if found != own and wanted is table._autoincrement_column:
            return None
        return _Defaults(found, own)

    def _own_default(self, wanted: Column, arg: t.Any) -> str | None:
        """A model's default as it stands in CREATE TABLE."""
        key = _written_as(arg)
        if key not in self._texts:
            self._texts[key] = self._compiler.get_column_default_string(wanted)
        return self._texts[key]

    def _found_default(
        self, table: sa.Table, name: str, info: Info, default: str | None
    ) -> t.Any:
        """A default as Alembic gets it."""
        if default is None:
            return None
        kind = type(info["type"])
        serial = self._is_serial(name, default)
        if serial and kind in self._serials:
            return None
        key = (name, kind, default)
        if key not in self._defaults:
            copied = {**info, "name": name, "default": default}
            self._reflect(table, copied)
            self._defaults[key] = copied.get("default")
            if serial and self._defaults[key] is None:
                self._serials.add(kind)
        return self._defaults[key]


def _written_as(default: t.Any) -> t.Hashable:
    """What defaults have in common that are written alike; most are known by themselves.

    Tables often have one of the time at which a row was made.
    """
    kind: type[t.Any] = type(default)
    if kind is sa.TextClause and not default._bindparams:
        return kind, default.text
    own = kind.__module__ == functions.__name__
    if own and not getattr(default, "_has_args", True) and type(default.name) is str:
        return kind, default.name, default.packagenames
    return t.cast("t.Hashable", default)


def _in_order(table: sa.Table, names: t.Sequence[str]) -> t.Sequence[Column] | None:
    """A model's columns in another order; None if they aren't these."""
    columns = list(table.columns)
    if [column.name for column in columns] == names:
        return columns
    there = {column.name: column for column in columns}
    if len(there) != len(names) or not there.keys() >= set(names):
        return None
    return [there[name] for name in names]


def _pair(
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


_NONE = _Defaults(None, None)
_SAME = object()

"""Columns: whether reflection tells what the model says, and what the database knows."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.sql import functions
from sqlalchemy.types import NullType

from ....dialects.bulk import FoundColumns
from ....dialects.bulk import Info
from ....dialects.columns import Pair
from .types import is_hashable
from .types import is_plain
from .types import Key
from .types import Types
from .types import without_events

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


class Compared(t.NamedTuple):
    """What is known of a table's columns, which may be those of its model.

    :param questions: Keys of :attr:`Columns.questions`, on whose answers it depends.
    :param plain: None of their types can be an enum, or is made of another type.
    """

    questions: frozenset[Key]
    plain: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Met:
    """What was found of a pair of columns, and what it holds for: all that are so.

    :param kind: The class of the model's type.
    :param parts: What that type is made of.
    :param default: As the database has it.
    :param own: How the model's default is written.
    :param question: What is left to ask.
    :param plain: As of :class:`Compared`.
    :param done: There is nothing to ask, and it's plain.
    """

    kind: type[t.Any]
    parts: t.Mapping[str, t.Any]
    default: str | None
    own: t.Hashable
    nullable: bool | None
    primary_key: bool
    question: Key
    plain: bool
    done: bool


_MOST = 8
"""How many sorts of a model's columns are kept in mind for one sort of the database's."""


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
        self._met: dict[int, tuple[Info, list[_Met]]] = {}
        self._defaults: dict[Key, t.Any] = {}
        # Kinds of types whose owned sequences are no defaults to Alembic.
        self._serials: set[type[t.Any]] = set()
        self._texts: dict[t.Hashable, str | None] = {}

    def compare(
        self, schema: str | None, table: sa.Table, found: FoundColumns
    ) -> Compared | None:
        """Compare all columns of a table; gives None if one differs, or isn't known."""
        columns = table.columns.values()
        if len(columns) != len(found.names):
            return None
        questions, plain = _NO_QUESTIONS, True
        all_met, commented = self._met, self._dialect.supports_comments
        for column, name, info, default, comment in zip(columns, *found, strict=True):
            # A column that is asked for an attribute looks whether its type has an
            # operator of that name: with thousands of columns that takes its time.
            own = column.__dict__
            if own["name"] != name:
                again = _in_order(columns, found)
                return None if again is None else self.compare(schema, table, again)
            if own["system"] or own["constraints"]:
                return None
            if commented and (comment or None) != (own["comment"] or None):
                return None
            given, type_ = own["server_default"], own["type"]
            if default is not None:
                default = self._found_default(table, name, info, default)
            if given is not None:
                given = _written_as(given)
            parts = type_.__dict__
            if "dispatch" in parts:
                parts = without_events(parts)
            nullable, primary_key = own["nullable"], own["primary_key"]
            known = all_met.get(id(info))
            for met in () if known is None else known[1]:
                if (
                    met.kind is type_.__class__
                    and met.parts == parts
                    and met.default == default
                    and met.own == given
                    and met.nullable is nullable
                    and met.primary_key is primary_key
                ):
                    break
            else:
                new = self._meet(schema, table, info, default, column)
                if new is None:
                    return None
                met = new
            if not met.done:
                plain = plain and met.plain
                if met.question is not _SAME:
                    questions |= {met.question}
        return Compared(questions, plain)

    def _meet(
        self,
        schema: str | None,
        table: sa.Table,
        info: Info,
        default: t.Any,
        wanted: Column,
    ) -> _Met | None:
        """Compare columns of a new sort; gives None if they differ."""
        question = self._question(schema, table, info, default, wanted)
        if question is None:
            return None
        type_, given, plain = wanted.type, wanted.server_default, is_plain(wanted.type)
        met = _Met(
            kind=type_.__class__,
            parts=without_events(vars(type_)).copy(),
            default=default,
            own=None if given is None else _written_as(given),
            nullable=wanted.nullable,
            primary_key=wanted.primary_key,
            question=question,
            plain=plain,
            done=plain and question is _SAME,
        )
        _, all_met = self._met.setdefault(id(info), (info, []))
        if len(all_met) < _MOST and is_hashable(type_):
            all_met.append(met)
        return met

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
        found: t.Any,
        wanted: Column,
    ) -> Key | None:
        """What is left to ask; None where no answer would do."""
        if info["nullable"] is not wanted.nullable or not info.keys() <= _KNOWN:
            return None
        own = self._own_default(wanted)
        if not isinstance(found, str | None) or own is _UNKNOWN:
            return None
        if found != own and wanted is table._autoincrement_column:
            return None
        types, same = self._types.compare(info["type"], wanted)
        if same is None:
            return None
        if same and found == own:
            return _SAME
        key = (types, found, own, wanted.nullable)
        if key not in self.questions:
            pair = _pair(schema, table, info, found, wanted)
            self.questions[key] = Question(pair, not same, found != own)
        return key

    def _own_default(self, wanted: Column) -> t.Any:
        """A model's default as it stands in CREATE TABLE, if it has a text."""
        default = wanted.server_default
        if default is None:
            return None
        if not isinstance(default, sa.DefaultClause):
            return _UNKNOWN
        key = _written_as(default)
        if key not in self._texts:
            try:
                text = self._compiler.get_column_default_string(wanted)
            except CompileError:
                return _UNKNOWN
            self._texts[key] = text
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
    arg: t.Any = getattr(default, "arg", None)
    kind: type[t.Any] = arg.__class__
    if kind is str:
        return t.cast("str", arg)
    if kind is sa.TextClause and not arg._bindparams:
        return kind, arg.text
    own = kind.__module__ == functions.__name__
    if own and not getattr(arg, "_has_args", True) and type(arg.name) is str:
        return kind, arg.name, arg.packagenames
    # Its model holds it as long as it is compared.
    return id(arg)


def _in_order(columns: t.Sequence[Column], found: FoundColumns) -> FoundColumns | None:
    """What is told of columns in a model's order; None if these aren't its columns."""
    there = dict(zip(found.names, zip(*found, strict=True), strict=True))
    if {column.name for column in columns} != there.keys():
        return None
    told = [there[column.name] for column in columns]
    return FoundColumns(*zip(*told, strict=True))


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


_NO_QUESTIONS: frozenset[Key] = frozenset()
_UNKNOWN = object()
_SAME = object()

"""Columns: whether reflection tells what the model says, and what the database knows."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.types import NullType

from ....dialects.bulk import FoundColumn
from ....dialects.columns import Pair
from .types import Key
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


class Columns:
    """Compares columns.

    Tables have few distinct ones: what was found of a pair of types holds for all others
    that are made alike.

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
        self._defaults: dict[Key, t.Any] = {}
        # Kinds of types whose owned sequences are no defaults to Alembic.
        self._serials: set[type[t.Any]] = set()
        self._literals: dict[str, str] = {}

    def compare(
        self, schema: str | None, table: sa.Table, found: t.Sequence[FoundColumn]
    ) -> set[Key] | None:
        """Compare all columns of a table.

        :return: Keys of ``questions`` on whose answers it depends whether they are the
            same; None if something differs, or isn't known.
        """
        asked: set[Key] = set()
        there = {column[0]: column for column in found}
        if len(there) != len(table.columns):
            return None
        commented = self._dialect.supports_comments
        for wanted in table.columns:
            column = there.get(wanted.name)
            if column is None:
                return None
            _, info, default, comment = column
            if (
                info["nullable"] is not wanted.nullable
                or wanted.system
                or wanted.constraints
                or not info.keys() <= _KNOWN
                or (commented and (comment or None) != (wanted.comment or None))
            ):
                return None
            key, same = self._types.compare(info["type"], wanted)
            if same and default is None and wanted.server_default is None:
                continue
            question = self._question(schema, table, column, wanted, same, key)
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
        found: FoundColumn,
        wanted: Column,
        same: bool | None,
        types: Key,
    ) -> Key | None:
        """What is left to ask; None where no answer would do."""
        default = wanted.server_default
        plain = default is None or isinstance(default, sa.DefaultClause)
        if same is None or not plain:
            return None
        text = self._found_default(table, found)
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
                self._pair(schema, table, found, text, wanted), not same, text != own
            )
        return key

    def _own_default(self, wanted: Column) -> str | None:
        """A model's default as it stands in CREATE TABLE."""
        if wanted.server_default is None:
            return None
        value = getattr(wanted.server_default, "arg", None)
        if not isinstance(value, str):
            return t.cast(
                "str | None", self._compiler.get_column_default_string(wanted)
            )
        if value not in self._literals:
            self._literals[value] = self._compiler.get_column_default_string(wanted)
        return self._literals[value]

    def _found_default(self, table: sa.Table, found: FoundColumn) -> t.Any:
        """A default as Alembic gets it."""
        name, info, default, _ = found
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

    def _pair(
        self,
        schema: str | None,
        table: sa.Table,
        found: FoundColumn,
        default: str | None,
        wanted: Column,
    ) -> Pair:
        clause = None if default is None else sa.DefaultClause(sa.text(default))
        column: Column = sa.Column(
            wanted.name,
            found.info["type"],
            server_default=clause,
            nullable=wanted.nullable,
        )
        return Pair(schema, str(table.name), str(wanted.name), column, wanted)


_SAME = object()

"""The database as it will be called when some renames have run.

Alembic's comparison reads the database through an inspector. This one answers in the
new names, so that what is compared is only what the renames don't make up.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.sql.compiler import RESERVED_WORDS

from ....dialects.bulk import KINDS

Key: t.TypeAlias = tuple[str | None, str]
"""Schema and name of a table; no schema for the default one."""

_LISTS = ("constrained_columns", "column_names", "include_columns")
_WORDS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | (?<![\w$.])[^\W\d][\w$]*""", re.X
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclasses.dataclass(slots=True)
class NewNames:
    """Renames that are decided.

    :param tables: Old key -> new name.
    :param columns: New key of the table -> old name -> new name.
    :param objects: As ``columns``, for indexes and constraints.
    """

    tables: dict[Key, str] = dataclasses.field(default_factory=dict)
    columns: dict[Key, dict[str, str]] = dataclasses.field(default_factory=dict)
    objects: dict[Key, dict[str, str]] = dataclasses.field(default_factory=dict)

    def of_table(self, schema: str | None, old: str) -> str:
        """The table's new name; the old one if it stays."""
        return self.tables.get((schema, old), old)

    def old_table(self, schema: str | None, new: str) -> str:
        """The name that a table has in the database."""
        for (at, old), name in self.tables.items():
            if (at, name) == (schema, new):
                return old
        return new

    def old_column(self, key: Key, new: str) -> str:
        """The name that a column has in the database.

        :param key: The table's new one.
        """
        olds = (old for old, name in self.columns.get(key, {}).items() if name == new)
        return next(olds, new)


def in_text(sql: str, names: t.Mapping[str, str]) -> str:
    """Replace columns in an expression, as a database does that renames them."""

    def replaced(match: re.Match[str]) -> str:
        word = match[0]
        if sql.endswith("::", 0, match.start()):
            # What PostgreSQL writes after these is a type.
            return word
        quote = word[0] if word[0] in "\"`'" else ""
        if quote == "'" or (not quote and sql.startswith("(", match.end())):
            # A string, or what a function is called.
            return word
        old = word[1:-1].replace(quote * 2, quote) if quote else word
        new = names.get(old)
        return word if new is None else _written(new, quote)

    return _WORDS.sub(replaced, sql)


def _written(name: str, quote: str) -> str:
    """Write a name as a database does where another one stood.

    :param quote: What the other was quoted by. Where that is ``"``, or nothing, only
        names that need it are.
    """
    if quote != "`" and _PLAIN.fullmatch(name) and name not in RESERVED_WORDS:
        return name
    quote = quote or '"'
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


class RenamedInspector:
    """An inspector that answers in the new names.

    :param inspector: Has looked at nothing yet.
    """

    def __init__(self, inspector: sa.Inspector, names: NewNames) -> None:
        self._inspector = inspector
        self._names = names

    def __getattr__(self, name: str) -> t.Any:
        method = getattr(self._inspector, name)
        kind = name.removeprefix("get_").removeprefix("multi_")
        if kind not in KINDS:
            return method
        ours: t.Any = self._several if name.startswith("get_multi_") else self._single
        return functools.update_wrapper(functools.partial(ours, kind, method), method)

    def renames(self, schema: str | None, table: str) -> bool:
        """Whether a table, or something of it, is called by a new name.

        :param table: Its new name.
        """
        names, key = self._names, (schema, table)
        new = names.old_table(schema, table) != table
        return new or key in names.columns or key in names.objects

    def get_table_names(self, schema: str | None = None, **options: t.Any) -> list[str]:
        """The tables, by their new names."""
        found = self._inspector.get_table_names(schema=schema, **options)
        return [self._names.of_table(schema, name) for name in found]

    def reflect_table(self, table: sa.Table, **options: t.Any) -> None:
        """Describe a table that is called by its new name.

        What listens already is asked about columns by their old names, by which it
        may look into the database.
        """
        new = self._names.columns.get((table.schema, table.name))
        if new:
            old = {name: key for key, name in new.items()}
            event.listen(table, "column_reflect", _rename(old), insert=True)
            event.listen(table, "column_reflect", _rename(new))
        self._inspector.reflect_table(table, **options)

    def _single(
        self,
        kind: str,
        method: t.Callable[..., t.Any],
        table_name: str,
        schema: str | None = None,
        **options: t.Any,
    ) -> t.Any:
        old = self._names.old_table(schema, table_name)
        return self._answer(kind, method(old, schema=schema, **options), schema, old)

    def _several(
        self,
        kind: str,
        method: t.Callable[..., t.Any],
        schema: str | None = None,
        filter_names: t.Sequence[str] | None = None,
        **options: t.Any,
    ) -> dict[Key, t.Any]:
        if filter_names is not None:
            filter_names = [self._names.old_table(schema, x) for x in filter_names]
        found = method(schema=schema, filter_names=filter_names, **options)
        return {
            (at, self._names.of_table(at, old)): self._answer(kind, value, at, old)
            for (at, old), value in found.items()
        }

    def _answer(self, kind: str, value: t.Any, schema: str | None, old: str) -> t.Any:
        key = (schema, self._names.of_table(schema, old))
        own = self._names.columns.get(key, {})
        named = own if kind == "columns" else self._names.objects.get(key, {})
        if isinstance(value, list):
            return [self._item(item, own, named) for item in value]
        return self._item(value, own, named)

    def _item(
        self, item: t.Any, own: t.Mapping[str, str], named: t.Mapping[str, str]
    ) -> t.Any:
        if not isinstance(item, dict):
            return item
        found = {field: _field(field, value, own) for field, value in item.items()}
        found.update(self._referred(item))
        for field in ("name", "duplicates_index", "duplicates_constraint"):
            if field in item:
                found[field] = named.get(item[field], item[field])
        return found

    def _referred(self, item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        if "referred_table" not in item:
            return {}
        schema = item["referred_schema"]
        table = self._names.of_table(schema, item["referred_table"])
        theirs = self._names.columns.get((schema, table), {})
        columns = [theirs.get(name, name) for name in item["referred_columns"]]
        return {"referred_table": table, "referred_columns": columns}


def _rename(names: t.Mapping[str, str]) -> t.Callable[..., None]:
    def listener(_: t.Any, __: t.Any, info: dict[str, t.Any]) -> None:
        info["name"] = names.get(info["name"], info["name"])

    return listener


def _field(field: str, value: t.Any, own: t.Mapping[str, str]) -> t.Any:
    """Write what an inspector says of a column's use in its new name."""
    if not own or value is None:
        return value
    if field in _LISTS or field.endswith("_include"):
        return [own.get(name, name) for name in value]
    if isinstance(value, sa.TextClause):
        return sa.text(in_text(value.text, own))
    if field == "sqltext" or field.endswith("_where"):
        return in_text(str(value), own)
    if field == "expressions":
        return [in_text(str(text), own) for text in value]
    if isinstance(value, dict):
        if field == "column_sorting" or field.endswith(("_ops", "_length")):
            return {own.get(name, name): how for name, how in value.items()}
        return {key: _field(key, part, own) for key, part in value.items()}
    return value

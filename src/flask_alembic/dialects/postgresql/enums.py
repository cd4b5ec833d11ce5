"""PostgreSQL's enums: types with columns of any table.

Sources: https://www.postgresql.org/docs/current/sql-altertype.html and
https://www.postgresql.org/docs/current/catalog-pg-enum.html
"""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from ..base import sql_string
from ..enums import Dependent
from ..enums import EnumType
from ..enums import EnumTypes
from ..enums import EnumUse
from ..enums import TypeKey
from . import enum_dependents

_TYPES = """\
SELECT n.nspname::text, t.typname::text,
 array(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
  ORDER BY e.enumsortorder), t.oid::regtype::text, t.oid::bigint
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND NOT EXISTS (SELECT FROM pg_depend d
 WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')"""

# Partitions and heirs get what their parents get.
_USES = """\
SELECT t.oid::bigint, n.nspname::text, c.relname::text, a.attname::text,
 a.atttypid = t.typarray, pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.typtype = 'e' AND a.atttypid IN (t.oid, t.typarray)
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0
ORDER BY 2, 3, a.attnum"""

_LONGEST = 63


class PostgreSQLEnums(EnumTypes):
    """Adds and renames values in place; for all else a type is made anew."""

    def read(self, connection: sa.Connection) -> dict[TypeKey, EnumType]:
        """Read the catalog."""
        uses: dict[int, list[EnumUse]] = {}
        for oid, schema, *rest in connection.exec_driver_sql(_USES):
            uses.setdefault(oid, []).append(EnumUse(self._schema(schema), *rest))
        return {
            (schema, name): EnumType(
                self._schema(schema),
                name,
                tuple(labels),
                tuple(uses.get(oid, ())),
                words=words,
            )
            for schema, name, labels, words, oid in connection.exec_driver_sql(_TYPES)
        }

    def dependents(
        self, connection: sa.Connection, types: t.Iterable[EnumType]
    ) -> dict[str, tuple[Dependent, ...]]:
        """Read the catalog."""
        words = [found.words for found in types]
        return enum_dependents.read(connection, words, self._schema)

    def _schema(self, name: str) -> str | None:
        return None if name == self.dialect.default_schema_name else name

    def _name(self, schema: str | None, name: str) -> str:
        quote = self.dialect.identifier_preparer.quote
        return ".".join(quote(part) for part in (schema, name) if part)

    def _alter_column(self, use: EnumUse) -> str:
        table, column = self._name(use.schema, use.table), self._name(None, use.column)
        return f"ALTER TABLE {table} ALTER COLUMN {column}"

    def create(self, found: EnumType) -> str:
        """``CREATE TYPE``."""
        labels = ", ".join(map(sql_string, found.labels))
        return f"CREATE TYPE {self._name(found.schema, found.name)} AS ENUM ({labels})"

    def drop(self, found: EnumType) -> str:
        """``DROP TYPE``; PostgreSQL refuses while anything uses it."""
        return f"DROP TYPE IF EXISTS {self._name(found.schema, found.name)}"

    def add(self, found: EnumType, labels: t.Sequence[str]) -> list[str]:
        """``ADD VALUE``, each beside one that is there by then."""
        there = set(found.labels)
        made: list[str] = []
        for number, label in enumerate(labels):
            if label in there:
                continue
            following = next((x for x in labels[number:] if x in there), None)
            place = ""
            if number:
                place = f" AFTER {sql_string(labels[number - 1])}"
            elif following is not None:
                place = f" BEFORE {sql_string(following)}"
            name = self._name(found.schema, found.name)
            value = f"ADD VALUE IF NOT EXISTS {sql_string(label)}"
            made.append(f"ALTER TYPE {name} {value}{place}")
            there.add(label)
        return made

    def rename(self, found: EnumType, old: str, new: str) -> str:
        """``RENAME VALUE``."""
        name = self._name(found.schema, found.name)
        return f"ALTER TYPE {name} RENAME VALUE {sql_string(old)} TO {sql_string(new)}"

    def replace(
        self,
        found: EnumType,
        labels: t.Sequence[str],
        defaults: t.Mapping[EnumUse, str | None],
        instead: t.Mapping[str, str],
        again: t.Sequence[Dependent],
    ) -> list[str]:
        """Put the old type aside, make the new one, and let the columns change over."""
        aside = f"{found.name[: _LONGEST - 5]}__old"
        made = EnumType(found.schema, found.name, tuple(labels))
        name, old = (self._name(found.schema, x) for x in (found.name, aside))
        return [
            *(dependent.drop for dependent in reversed(found.dependents)),
            *(self.set_default(use, None) for use in found.stored if use.default),
            f"ALTER TYPE {name} RENAME TO {self._name(None, aside)}",
            self.create(made),
            *(self._change_over(use, name, instead) for use in found.stored),
            f"DROP TYPE {old}",
            *(
                self.set_default(use, default)
                for use, default in defaults.items()
                if default
            ),
            *(statement for dependent in again for statement in dependent.create),
        ]

    def _change_over(
        self, use: EnumUse, name: str, instead: t.Mapping[str, str]
    ) -> str:
        array = "[]" if use.array else ""
        value = f"{self._name(None, use.column)}::text{array}"
        for old, new in instead.items():
            if use.array:
                value = f"array_replace({value}, {sql_string(old)}, {sql_string(new)})"
        if instead and not use.array:
            cases = " ".join(
                f"WHEN {sql_string(old)} THEN {sql_string(new)}"
                for old, new in instead.items()
            )
            value = f"(CASE {value} {cases} ELSE {value} END)"
        type_ = f"{name}{array}"
        return f"{self._alter_column(use)} TYPE {type_} USING {value}::{type_}"

    def set_default(self, use: EnumUse, default: str | None) -> str:
        """``SET DEFAULT`` or ``DROP DEFAULT``."""
        what = f"SET DEFAULT {default}" if default else "DROP DEFAULT"
        return f"{self._alter_column(use)} {what}"

    def relabeled(self, sql: str, found: EnumType, renames: t.Mapping[str, str]) -> str:
        """The catalog keeps values by their ids, and writes them with their type."""
        if not renames:
            return sql
        news = {sql_string(old): sql_string(new) for old, new in renames.items()}
        labels = "|".join(map(re.escape, news))
        pattern = rf"(?:{labels})(?=::{re.escape(found.words)}(?!\w))"
        return re.sub(pattern, lambda match: news[match[0]], sql)

    def using(self, column: str, type_: sa.types.TypeEngine[t.Any]) -> str:
        """By way of text, which every enum and most others know."""
        array = "[]" if isinstance(type_, sa.ARRAY) else ""
        name = type_.compile(dialect=self.dialect)
        return f"{self._name(None, column)}::text{array}::{name}"

"""Checks, computed columns and indexes as PostgreSQL's catalog has them."""

from __future__ import annotations

import contextlib
import functools
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex
from sqlalchemy.schema import CreateTable

from ..base import dotted
from ..base import identifier
from ..base import sql_string
from ..bulk import TableKey
from ..expressions import Check
from ..expressions import given_options
from ..expressions import MadePlain
from ..expressions import ModelTable
from ..expressions import PROBE
from ..expressions import probed_names
from ..expressions import ProbedExpressions
from ..expressions import SequenceOptions
from ..expressions import StoredIndex
from ..expressions import TableWords
from .bulk import query_tables
from .probed_types import ProbedTypes

if t.TYPE_CHECKING:
    from ..enums import ColumnKey

_CHECKS = """\
SELECT given.place, c.conname, pg_get_constraintdef(c.oid), ARRAY(
 SELECT attname::text FROM pg_attribute
 WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey))
FROM {given} JOIN pg_constraint c ON c.conrelid = given.oid AND c.contype = 'c'
ORDER BY given.place, c.conname"""
_COMPUTED = """\
SELECT given.place, attname, pg_get_expr(adbin, adrelid)
FROM {given} JOIN pg_attribute ON attrelid = given.oid AND attgenerated <> ''
JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"""
_INDEXES = """\
SELECT given.place, c.relname, i.indisunique, pg_get_indexdef(c.oid)
FROM {given} JOIN pg_index i ON i.indrelid = given.oid
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid AND contype <> 'f')"""


_SEQUENCES = """\
SELECT n.nspname, c.relname, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
 s.seqcache, s.seqcycle
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid
 AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i', 'e'))"""
_LARGEST: t.Mapping[type[t.Any], int] = {sa.SmallInteger: 2**15, sa.Integer: 2**31}


PROBE_INDEX = f"{PROBE}_index"


class PostgreSQLExpressions(ProbedExpressions):
    """Makes what models say in a savepoint that is rolled back."""

    holds_types = True
    _is_around = False

    def made_plain(self, key: ColumnKey, computed: sa.Computed) -> MadePlain | None:
        """By its expression, since PostgreSQL 13, if its values are stored."""
        version = t.cast("tuple[int, ...]", self.dialect.server_version_info or ())
        known = version >= (13,) and computed.persisted is not False
        sql = lost_expression(self.dialect.identifier_preparer.quote, key)
        return MadePlain("expression", sql) if known else None

    def identity_start(
        self, schema: str | None, table: str, column: str, start: int
    ) -> str | None:
        """SQL that lets new identities begin after the values that are there."""
        name = dotted(identifier, schema, table)
        sequence = f"pg_get_serial_sequence({sql_string(name)}, {sql_string(column)})"
        highest = f"max({identifier(column)})"
        return f"SELECT setval({sequence}, {highest}) FROM {name} HAVING {highest} >= {start}"

    def sequences(self) -> dict[tuple[str, str], SequenceOptions] | None:
        """Read the sequences that belong to no column."""
        names = ("start", "increment", "minvalue", "maxvalue", "cache", "cycle")
        rows = self.connection.exec_driver_sql(_SEQUENCES)
        return {(r[0], r[1]): dict(zip(names, r[2:], strict=True)) for r in rows}

    def sequence_options(self, sequence: sa.Sequence) -> SequenceOptions:
        """What a model's sequence would be made with."""
        given = given_options(sequence)
        if (sequence.increment or 1) < 0:
            return given
        kind = type(sequence.data_type) if sequence.data_type else sa.BigInteger
        largest = _LARGEST.get(kind, 2**63) - 1
        return {
            "start": given.get("minvalue", 1),
            "increment": 1,
            "minvalue": 1,
            "maxvalue": largest,
            "cache": 1,
            "cycle": False,
            **given,
        }

    def missing_schema(self, schema: str) -> str | None:
        """SQL that makes a schema, if it isn't there."""
        query = f"SELECT 1 FROM pg_namespace WHERE nspname = {sql_string(schema)}"
        if self.connection.exec_driver_sql(query).first() is not None:
            return None
        quoted = self.dialect.identifier_preparer.quote_schema(schema)
        return f"CREATE SCHEMA IF NOT EXISTS {quoted}"

    def read_probe(self) -> TableWords:
        """Read the temporary table."""
        return self.read_probes([PROBE])[0]

    def read_tables(self, tables: t.Sequence[TableKey]) -> dict[TableKey, TableWords]:
        """Read what tables have."""
        checks: dict[TableKey, list[Check]] = {key: [] for key in tables}
        computed: dict[TableKey, dict[str, str]] = {key: {} for key in tables}
        indexes: dict[TableKey, dict[str, StoredIndex]] = {key: {} for key in tables}
        for key, (name, text, columns) in self._ask(_CHECKS, tables):
            checks[key].append(Check(name, condition(text), tuple(columns)))
        for key, (name, text) in self._ask(_COMPUTED, tables):
            computed[key][name] = text
        for key, (name, unique, text) in self._ask(_INDEXES, tables):
            indexes[key][name] = StoredIndex(unique, text.partition(" USING ")[2])
        return {
            key: TableWords(tuple(checks[key]), computed[key], indexes[key])
            for key in tables
        }

    def _ask(
        self, query: str, tables: t.Sequence[TableKey]
    ) -> t.Iterator[tuple[TableKey, t.Any]]:
        return query_tables(self.connection, query, tables)

    def read_probes(self, names: t.Sequence[str]) -> list[TableWords]:
        """Read temporary tables."""
        found = self.read_tables([("pg_temp", name) for name in names])
        return [self._probed.without(words) for words in found.values()]

    def table(
        self,
        model: ModelTable,
        checks: t.Sequence[sa.CheckConstraint] = (),
        computed: t.Sequence[sa.Column[t.Any]] = (),
        *,
        name: str = PROBE,
    ) -> sa.Table:
        """Describe a temporary table like a model's, with temporary types."""
        made = super().table(model, checks, computed, name=name)
        for column in made.columns:
            column.type = self._probed.of(column.type)
        return made

    @contextlib.contextmanager
    def probes(self, models: t.Sequence[ModelTable]) -> t.Iterator[list[str]]:
        """Make temporary tables with their indexes in one statement."""
        names = [f"{PROBE}_{number}" for number in range(len(models))]
        parts: list[str] = []
        for name, model in zip(names, models, strict=True):
            made = self.table(model, model.checks, model.computed, name=name)
            parts.append(str(CreateTable(made).compile(dialect=self.dialect)))
            for index_name, index in probed_names(model, name).items():
                parts.append(self._create(index, name, index_name))
        body = "; ".join(parts)
        with self.around():
            self.connection.exec_driver_sql(
                f"DO $flask_alembic$ BEGIN {body}; END $flask_alembic$"
            )
            yield names

    @contextlib.contextmanager
    def around(self) -> t.Iterator[None]:
        """Surround the temporary table, and what it is made of."""
        savepoint = self.connection.begin_nested()
        outermost, self._is_around = not self._is_around, True
        try:
            if outermost and self.types:
                self.connection.execute(self._probed.creation())
            yield
        finally:
            self._is_around = not outermost
            savepoint.rollback()

    @functools.cached_property
    def _probed(self) -> ProbedTypes:
        return ProbedTypes(self.dialect, self.types)

    def probed_indexes(self, model: ModelTable) -> dict[str, StoredIndex | None]:
        """Make a model's indexes on the temporary table, each in a savepoint."""
        indexes = [index for index in model.table.indexes if index.name]
        try:
            with self.around():
                self.connection.execute(CreateTable(self.table(model)))
                return {str(i.name): self._index(i) for i in indexes}
        except SQLAlchemyError:
            return {str(index.name): None for index in indexes}

    def indexes_again(
        self, model: ModelTable, words: t.Mapping[str, StoredIndex | None]
    ) -> dict[str, StoredIndex | None]:
        """Make the indexes as the catalog has them, on a table like the model's."""
        try:
            with self.around():
                self.connection.execute(CreateTable(self.table(model)))
                return {
                    name: index and self._made_index(self._stored(index))
                    for name, index in words.items()
                }
        except SQLAlchemyError:
            return dict(words)

    def _index(self, index: sa.Index) -> StoredIndex | None:
        return self._made_index(self._create(index))

    def _made_index(self, create: str) -> StoredIndex | None:
        """Make an index on the temporary table, and read it."""
        try:
            with self.around():
                self.connection.exec_driver_sql(create)
                (found,) = self.read_probe().indexes.values()
                return found
        except (SQLAlchemyError, ValueError):
            return None

    def _stored(self, index: StoredIndex) -> str:
        """Write CREATE INDEX for a temporary table, in the catalog's words."""
        unique = "UNIQUE " if index.unique else ""
        sql = f"CREATE {unique}INDEX {PROBE_INDEX} ON {PROBE} USING {index.words}"
        doubled = self.dialect.identifier_preparer._double_percents
        return sql.replace("%", "%%") if doubled else sql

    def _create(
        self, index: sa.Index, table: str = PROBE, name: str = PROBE_INDEX
    ) -> str:
        """Write CREATE INDEX for a temporary table."""
        compiler = t.cast(t.Any, self.dialect).ddl_compiler(self.dialect, None)
        sql = str(compiler.process(CreateIndex(index)))
        on = compiler.preparer.format_table(index.table)
        sql = sql.replace(" CONCURRENTLY ", " ", 1)
        own = compiler.preparer.format_index(index)
        return sql.replace(f" {own} ON {on} ", f" {name} ON {table} ", 1)


def lost_expression(quote: t.Callable[[str], str], key: ColumnKey) -> str:
    """SQL that makes a computed column a plain one.

    Source: https://www.postgresql.org/docs/current/sql-altertable.html
    """
    return f"ALTER TABLE {dotted(quote, *key[:2])} ALTER COLUMN {quote(key[2])} DROP EXPRESSION"


def condition(definition: str) -> str:
    """The condition of ``CHECK ((…))``."""
    match = re.fullmatch(r"CHECK \((.*)\)( NO INHERIT)?( NOT VALID)?", definition, re.S)
    return match[1] if match else definition

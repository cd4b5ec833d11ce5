"""Checks, computed columns and indexes in the database's own words.

What a model says is put into a temporary table and read back: that is how the database
would write it, and so it can be compared with what the database has.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from .bulk import TableKey
from .columns import at_once

if t.TYPE_CHECKING:
    from .enums import ColumnKey

PROBE = "flask_alembic_probe"


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A check constraint of the database.

    :param name: None where the database gives none.
    :param sql: The condition.
    :param columns: Those that it mentions.
    :param inline: It belongs to a column's definition, and can't be dropped by itself.
    :param taken: SQL that takes it away from the definition; none where it is part of
        the column's type.
    :param put: SQL that puts it back.
    """

    name: str | None
    sql: str
    columns: tuple[str, ...] = ()
    inline: bool = False
    taken: str = ""
    put: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredIndex:
    """An index as the database writes it, what it is called apart.

    :param words: All of it that can be compared.
    """

    unique: bool
    words: str
    expressions: tuple[str, ...] = ()
    where: str = ""


SequenceOptions: t.TypeAlias = t.Mapping[str, int | bool]
"""``start``, ``increment``, ``minvalue``, ``maxvalue``, ``cache`` and ``cycle``."""


@dataclasses.dataclass(frozen=True, slots=True)
class TableWords:
    """What a database says of a table.

    :param computed: Column -> its expression, and how it is kept.
    :param indexes: By name; without those that belong to a constraint.
    """

    checks: tuple[Check, ...] = ()
    computed: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    indexes: t.Mapping[str, StoredIndex] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class ModelTable:
    """What is to be put in the database's words.

    :param table: The model's.
    :param checks: Its check constraints.
    """

    table: sa.Table
    checks: tuple[sa.CheckConstraint, ...] = ()

    @property
    def computed(self) -> tuple[sa.Column[t.Any], ...]:
        """Its computed columns."""
        columns = self.table.columns
        return tuple(c for c in columns if isinstance(c.server_default, sa.Computed))


@dataclasses.dataclass(frozen=True, slots=True)
class ModelWords:
    """A model's table in the database's words; None where it couldn't tell.

    :param checks: In the order in which they were given.
    """

    checks: tuple[str | None, ...] = ()
    computed: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    indexes: t.Mapping[str, StoredIndex | None] = dataclasses.field(
        default_factory=dict
    )


@dataclasses.dataclass(frozen=True, slots=True)
class MadePlain:
    """How a computed column becomes a plain one with the values that it has.

    :param what: What of it is dropped or said again.
    :param sql: What drops an expression.
    """

    what: t.Literal["expression", "default", "type"]
    sql: str = ""


class Expressions:
    """Puts checks, computed columns and indexes in the database's words.

    This one knows no database's: nothing differs.

    :ivar types: Types that the models have and the database hasn't, or has otherwise.
    """

    known: t.ClassVar[bool] = False
    no_cycle: t.ClassVar[str] = "NO CYCLE"
    holds_types: t.ClassVar[bool] = False
    """Whether no column gets another type while a computed one uses it."""
    alters_computed: t.ClassVar[bool] = True
    """Whether Alembic alters computed columns: their comment, or that they are required."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.types: t.Sequence[sa.Enum] = ()

    def made_plain(self, key: ColumnKey, computed: sa.Computed) -> MadePlain | None:
        """How a column isn't computed any more; None where it can't stay in its place.

        :param computed: What it is computed by.
        """
        return None

    def unreflected(self) -> frozenset[str]:
        """Names of tables that may have indexes which reflection doesn't show."""
        return frozenset()

    def identity_start(
        self, schema: str | None, table: str, column: str, start: int
    ) -> str | None:
        """SQL that lets new identities begin after the values that are there."""
        return None

    def sequences(self) -> dict[tuple[str, str], SequenceOptions] | None:
        """Read the sequences that no column owns; None where there are none.

        :return: Schema and name -> what is known of it.
        """
        return None

    def sequence_options(self, sequence: sa.Sequence) -> SequenceOptions:
        """What a model's sequence would be made with."""
        return given_options(sequence)

    def missing_schema(self, schema: str) -> str | None:
        """SQL that makes a schema, if it isn't there and can be made."""
        return None

    def prepare(
        self, tables: t.Sequence[TableKey], models: t.Sequence[ModelTable]
    ) -> None:
        """Get ready for questions about many tables, in few statements."""

    def of_database(self, schema: str | None, table: str) -> TableWords:
        """Read what a table has."""
        return TableWords()

    def of_model(self, model: ModelTable) -> ModelWords:
        """Put a model's table in the database's words."""
        return ModelWords()

    def said_again(self, model: ModelTable, words: ModelWords) -> ModelWords:
        """What the database makes of its own words, which may be other ones.

        :param words: The model's, in the database's words.
        """
        return words

    def normal(self, sql: str) -> str:
        """What of a text of the database's is compared."""
        return sql

    def sql(self, clause: t.Any) -> str:
        """Write an expression as it stands in DDL."""
        compiler = t.cast(t.Any, self.dialect).ddl_compiler(self.dialect, None)
        text = compiler.sql_compiler.process(
            clause, include_table=False, literal_binds=True
        )
        doubled = getattr(compiler.preparer, "_double_percents", False)
        return str(text).replace("%%", "%") if doubled else str(text)


def given_options(sequence: sa.Sequence) -> dict[str, int | bool]:
    """What a model says of a sequence."""
    names = ("start", "increment", "minvalue", "maxvalue", "cache", "cycle")
    values = {name: getattr(sequence, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


class ProbedExpressions(Expressions):
    """Puts a model's expressions in the database's words by making them."""

    known = True

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection)
        self._tables: dict[TableKey, TableWords] = {}
        self._models: dict[int, ModelWords] = {}

    def prepare(
        self, tables: t.Sequence[TableKey], models: t.Sequence[ModelTable]
    ) -> None:
        """Read the tables, and make temporary tables of all models, at once."""
        self._tables = self.read_tables(tables) if tables else {}
        pairs = zip(models, at_once(models, self._made, most=200), strict=True)
        self._models = {id(model.table): found for model, found in pairs if found}

    def of_database(self, schema: str | None, table: str) -> TableWords:
        """Read what a table has."""
        key = (schema, table)
        found = self._tables.get(key)
        return self.read_tables([key])[key] if found is None else found

    def _made(self, models: t.Sequence[ModelTable]) -> list[ModelWords | None]:
        with self.probes(models) as names:
            found = self.read_probes(names)
        return [_words_of(*one) for one in zip(models, names, found, strict=True)]

    def of_model(self, model: ModelTable) -> ModelWords:
        """Put a model's table in the database's words."""
        found = self._models.get(id(model.table))
        return self._of_one(model) if found is None else found

    def _of_one(self, model: ModelTable) -> ModelWords:
        """Make a temporary table with all of it, and read that."""
        found = self._probe(model, model.checks, model.computed)
        if found is not None:
            return ModelWords(
                _in_order(found, len(model.checks)),
                {
                    column.name: found.computed.get(column.name)
                    for column in model.computed
                },
                self.probed_indexes(model),
            )
        checks = [self._probe(model, (check,), ()) for check in model.checks]
        computed = {c.name: self._probe(model, (), (c,)) for c in model.computed}
        return ModelWords(
            tuple(_in_order(one, 1)[0] if one else None for one in checks),
            {
                name: one.computed.get(name) if one else None
                for name, one in computed.items()
            },
            self.probed_indexes(model),
        )

    def said_again(self, model: ModelTable, words: ModelWords) -> ModelWords:
        """Make a temporary table of the words."""
        checks = [_text(sql) for sql in words.checks if sql is not None]
        computed = {name: sql for name, sql in words.computed.items() if sql}
        made = sa.Table(PROBE, sa.MetaData())
        for column in model.table.columns:
            again = self._computed(computed.get(str(column.name)), column)
            made.append_column(
                sa.Column(column.name, _without_checks(column.type), *again)
            )
        table = ModelTable(made, tuple(sa.CheckConstraint(text) for text in checks))
        found = self._of_one(table)
        said = iter(found.checks)
        return ModelWords(
            tuple(None if sql is None else next(said) for sql in words.checks),
            found.computed,
            self.indexes_again(model, words.indexes),
        )

    def _computed(
        self, sql: str | None, column: sa.Column[t.Any]
    ) -> tuple[sa.Computed, ...]:
        """The same column's expression, in the database's words."""
        default = column.server_default
        if sql is None or not isinstance(default, sa.Computed):
            return ()
        return (sa.Computed(_text(self.expression_of(sql)), default.persisted),)

    def expression_of(self, computed: str) -> str:
        """A computed column's expression, without how it is kept."""
        return computed

    def indexes_again(
        self, model: ModelTable, words: t.Mapping[str, StoredIndex | None]
    ) -> dict[str, StoredIndex | None]:
        """Put indexes in the database's words that are so already."""
        return dict(words)

    def probed_indexes(self, model: ModelTable) -> dict[str, StoredIndex | None]:
        """Put a model's indexes in the database's words; none by default."""
        return {}

    def _probe(
        self,
        model: ModelTable,
        checks: t.Sequence[sa.CheckConstraint],
        computed: t.Sequence[sa.Column[t.Any]],
    ) -> TableWords | None:
        if not checks and not computed:
            return TableWords()
        try:
            with self.around():
                self.connection.execute(
                    CreateTable(self.table(model, checks, computed))
                )
                return self.read_probe()
        except SQLAlchemyError:
            return None

    def table(
        self,
        model: ModelTable,
        checks: t.Sequence[sa.CheckConstraint] = (),
        computed: t.Sequence[sa.Column[t.Any]] = (),
        *,
        name: str = PROBE,
    ) -> sa.Table:
        """Describe a temporary table like a model's."""
        made = sa.Table(name, sa.MetaData(), prefixes=["TEMPORARY"])
        names = {column.name for column in computed}
        for column in model.table.columns:
            default = column.server_default if column.name in names else None
            copy: sa.Column[t.Any] = sa.Column(
                column.name, _without_checks(column.type), autoincrement=False
            )
            if isinstance(default, sa.Computed):
                copy = sa.Column(column.name, column.type, default._copy())
            made.append_column(copy)
        for number, check in enumerate(checks):
            text = _text(self.sql(check.sqltext))
            made.append_constraint(sa.CheckConstraint(text, name=f"c{number}"))
        return made

    def read_tables(self, tables: t.Sequence[TableKey]) -> dict[TableKey, TableWords]:
        """Read what tables have."""
        raise NotImplementedError

    def probes(
        self, models: t.Sequence[ModelTable]
    ) -> t.ContextManager[t.Sequence[str]]:
        """Make temporary tables of several models, and give their names."""
        raise NotImplementedError

    def read_probes(self, names: t.Sequence[str]) -> list[TableWords]:
        """Read temporary tables."""
        raise NotImplementedError

    def around(self) -> t.ContextManager[t.Any]:
        """Surround the temporary table: it is gone afterwards."""
        raise NotImplementedError

    def read_probe(self) -> TableWords:
        """Read the temporary table."""
        raise NotImplementedError


def probed_names(model: ModelTable, table: str) -> dict[str, sa.Index]:
    """Name a model's indexes so that each temporary table has its own."""
    indexes = [index for index in model.table.indexes if index.name]
    return {f"{table}_{number}": index for number, index in enumerate(indexes)}


def _words_of(model: ModelTable, table: str, found: TableWords) -> ModelWords | None:
    """What a temporary table says of its model; None if an index isn't there."""
    indexes = probed_names(model, table) if found.indexes else {}
    if found.indexes and found.indexes.keys() != indexes.keys():
        return None
    return ModelWords(
        _in_order(found, len(model.checks)),
        {column.name: found.computed.get(column.name) for column in model.computed},
        {str(index.name): found.indexes[name] for name, index in indexes.items()},
    )


def _in_order(found: TableWords, number: int) -> tuple[str | None, ...]:
    by_name = {check.name: check.sql for check in found.checks}
    return tuple(by_name.get(f"c{place}") for place in range(number))


def _without_checks(type_: t.Any) -> t.Any:
    """A type that brings no constraint of its own."""
    if getattr(type_, "create_constraint", False):
        type_ = type_.copy()
        type_.create_constraint = False
    return type_


def check_name(
    table: str, columns: t.Iterable[str], taken: t.Container[str] = ()
) -> str:
    """Name a check that has no name.

    :param columns: Those that it mentions, in order.
    :param taken: Names that others have.
    """
    name = "_".join(("ck", table, *columns))
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _text(sql: str) -> sa.TextClause:
    """SQL as it stands, with nothing in it that is a parameter."""
    return sa.text(sql.replace(":", r"\:"))


_NAME = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|(\w+)""")


def mentioned(sql: str, names: t.Iterable[str]) -> tuple[str, ...]:
    """The columns in an expression, in order.

    :param names: All columns of the table.
    """
    known = {name.lower(): name for name in names}
    words = (m[1] or m[2] or m[3] or "" for m in _NAME.finditer(sql))
    found = (known.get(word.lower()) for word in words)
    return tuple(dict.fromkeys(name for name in found if name is not None))

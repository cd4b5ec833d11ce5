"""Checks and computed columns as SHOW CREATE TABLE writes them.

MySQL and MariaDB have no indexes on a part of the rows, and MariaDB none on expressions.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from ..bulk import TableKey
from ..expressions import Check
from ..expressions import given_options
from ..expressions import MadePlain
from ..expressions import ModelTable
from ..expressions import PROBE
from ..expressions import ProbedExpressions
from ..expressions import SequenceOptions
from ..expressions import TableWords
from .bulk import IN_ONE
from .bulk import show_create_tables
from .columns import TOKEN

if t.TYPE_CHECKING:
    from ..enums import ColumnKey

_CHECK = re.compile(r"\s+CONSTRAINT `((?:[^`]|``)+)` CHECK \((.*)\),?$")
_COLUMN = re.compile(r"\s+`((?:[^`]|``)+)` (.*?),?$")
_COMPUTED = re.compile(
    r"GENERATED ALWAYS AS \((.*)\) (VIRTUAL|STORED|PERSISTENT)(?: |$)"
)
_NAME = re.compile(r"'(?:[^'\\]|''|\\.)*'|`((?:[^`]|``)*)`")


_SEQUENCES = """\
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'SEQUENCE' AND table_schema = database()"""
_NAMES = ("start", "increment", "minvalue", "maxvalue", "cache", "cycle")
_OPTIONS = (
    "start_value, increment, minimum_value, maximum_value, cache_size, cycle_option"
)


class MySQLExpressions(ProbedExpressions):
    """Makes what models say in a temporary table, which commits nothing."""

    no_cycle = "NOCYCLE"
    alters_computed = False

    def prepare(
        self, tables: t.Sequence[TableKey], models: t.Sequence[ModelTable]
    ) -> None:
        """MySQL has no statement that makes several tables."""
        if t.cast(t.Any, self.dialect).is_mariadb:
            super().prepare(tables, models)

    def read_tables(self, tables: t.Sequence[TableKey]) -> dict[TableKey, TableWords]:
        """Read what tables have."""
        texts = show_create_tables(self.connection, tables)
        quote = self.dialect.identifier_preparer.quote_identifier
        return {
            key: table_words(".".join(quote(x) for x in key if x), texts[key])
            for key in tables
        }

    def sequences(self) -> dict[tuple[str, str], SequenceOptions] | None:
        """Read MariaDB's sequences."""
        if not self.dialect.supports_sequences:
            return None
        run = self.connection.exec_driver_sql
        quote = self.dialect.identifier_preparer.quote_identifier
        found: dict[tuple[str, str], SequenceOptions] = {}
        for schema, name in run(_SEQUENCES).all():
            row = run(f"SELECT {_OPTIONS} FROM {quote(schema)}.{quote(name)}").one()
            found[schema, name] = dict(zip(_NAMES, row, strict=True))
        return found

    def sequence_options(self, sequence: sa.Sequence) -> SequenceOptions:
        """What a model's sequence would be made with."""
        given = given_options(sequence)
        if (sequence.increment or 1) < 0:
            return given
        return {
            "start": given.get("minvalue", 1),
            "increment": 1,
            "minvalue": 1,
            "maxvalue": 2**63 - 2,
            "cache": 1000,
            "cycle": False,
            **given,
        }

    def made_plain(self, key: ColumnKey, computed: sa.Computed) -> MadePlain | None:
        """``MODIFY`` without an expression, if its values are stored."""
        return MadePlain("type") if computed.persisted else None

    def expression_of(self, computed: str) -> str:
        """What stands before the word that says how it is kept."""
        return computed.rpartition(" ")[0]

    def read_probe(self) -> TableWords:
        """Read the temporary table."""
        return self.read_probes([PROBE])[0]

    def read_probes(self, names: t.Sequence[str]) -> list[TableWords]:
        """Read temporary tables."""
        return list(self.read_tables([(None, name) for name in names]).values())

    @contextlib.contextmanager
    def probes(self, models: t.Sequence[ModelTable]) -> t.Iterator[list[str]]:
        """Make temporary tables in one statement."""
        names = [f"{PROBE}_{number}" for number in range(len(models))]
        made = [
            self.table(model, model.checks, model.computed, name=name)
            for name, model in zip(names, models, strict=True)
        ]
        parts = [str(CreateTable(one).compile(dialect=self.dialect)) for one in made]
        with self.around(names):
            self.connection.exec_driver_sql(f"{IN_ONE} {'; '.join(parts)}; END")
            yield names

    @contextlib.contextmanager
    def around(self, names: t.Sequence[str] = (PROBE,)) -> t.Iterator[None]:
        """Surround temporary tables."""
        try:
            yield
        finally:
            # Without the word TEMPORARY it would commit.
            self.connection.exec_driver_sql(
                f"DROP TEMPORARY TABLE IF EXISTS {', '.join(names)}"
            )


def table_words(table: str, create_table: str) -> TableWords:
    """Read SHOW CREATE TABLE.

    :param table: Its name, quoted.
    """
    checks: list[Check] = []
    computed: dict[str, str] = {}
    for line in create_table.splitlines():
        check, column = _CHECK.match(line), _COLUMN.match(line)
        if check:
            columns = (match[1] for match in _NAME.finditer(check[2]))
            names = tuple(dict.fromkeys(_unquoted(name) for name in columns if name))
            checks.append(Check(_unquoted(check[1]), check[2], names))
        inline = _inline(table, column[1], column[2]) if column else None
        if inline:
            checks.append(inline)
        expression = _COMPUTED.search(column[2]) if column else None
        if column and expression:
            kept = expression[2].replace("PERSISTENT", "STORED")
            computed[_unquoted(column[1])] = f"{expression[1]} {kept}"
    return TableWords(tuple(checks), computed)


def _inline(table: str, column: str, definition: str) -> Check | None:
    """The check at the end of a column's definition.

    :param column: Its name, as it stands between the quotes.
    """
    found = TOKEN.findall(definition)
    depth, place = 0, None
    for number, token in enumerate(found):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and token == "CHECK":
            place = number
    if place is None:
        return None
    without, sql = "".join(found[:place]).strip(), "".join(found[place + 1 :]).strip()
    sql = sql[1:-1]
    modify = f"ALTER TABLE {table} MODIFY `{column}` "
    name = _unquoted(column)
    # A JSON column is a text with this check.
    if sql == f"json_valid(`{column}`)":
        return Check(None, sql, (name,), inline=True)
    return Check(
        None,
        sql,
        (name,),
        inline=True,
        taken=modify + without,
        put=modify + definition,
    )


def _unquoted(name: str) -> str:
    return name.replace("``", "`")

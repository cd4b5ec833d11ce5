"""PostgreSQL's primary keys: foreign keys hold them, sequences count."""

from __future__ import annotations

import sqlalchemy as sa

from ..base import sql_string
from ..keys import KeyChange
from ..keys import Keys
from ..keys import Statement

_COUNTS = """\
SELECT a.attidentity <> '' OR d.oid IS NOT NULL FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass({}) AND a.attname = {}"""


class PostgreSQLKeys(Keys):
    """Makes what SERIAL would have made."""

    refers_to_key = True
    adds_counting = True

    def counting(self, change: KeyChange) -> tuple[Statement, ...]:
        """A sequence that the column owns, behind the values that are there.

        Source: https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL
        """
        column = change.counting
        if column is None or self._counts(change, column):
            return ()
        schema, name = change.schema, change.wanted.name
        table, own = self.name(schema, name), self.name(str(column.name))
        sequence = self.name(schema, self._sequence(name, str(column.name)))
        return (
            Statement(
                f"CREATE SEQUENCE {sequence} OWNED BY {table}.{own}",
                f"DROP SEQUENCE {sequence}",
            ),
            Statement(
                f"SELECT setval({sql_string(sequence)}, max({own})) FROM {table}"
                f" HAVING max({own}) >= 1",
                "",
            ),
            Statement(
                f"ALTER TABLE {table} ALTER COLUMN {own}"
                f" SET DEFAULT nextval({sql_string(sequence)})",
                f"ALTER TABLE {table} ALTER COLUMN {own} DROP DEFAULT",
            ),
        )

    def _counts(self, change: KeyChange, column: sa.Column[object]) -> bool:
        """Whether it has an identity, a sequence, or another default."""
        olds = {new: old for old, new in change.renamed.items()}
        name = olds.get(str(column.name), str(column.name))
        table = self.name(change.schema, change.found)
        query = _COUNTS.format(sql_string(table), sql_string(name))
        return bool(self.connection.exec_driver_sql(query).scalar())

    def _sequence(self, table: str, column: str) -> str:
        """The name that SERIAL gives."""
        longest = self.dialect.max_identifier_length - len("__seq")
        while len(table) + len(column) > longest:
            if len(table) >= len(column):
                table = table[:-1]
            else:
                column = column[:-1]
        return f"{table}_{column}_seq"

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


_SEQUENCE = """\
SELECT s.relname FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = s.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
 AND d.deptype = 'a' AND d.refobjid = to_regclass({}) AND a.attname = {}
 AND strpos(pg_get_expr(f.adbin, f.adrelid), 'nextval(') = 1"""


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
        return self.serial(change.schema, change.wanted.name, str(column.name))

    def sequence(self, schema: str | None, table: str, column: str) -> str | None:
        """One that goes with the column, and that its default takes values from."""
        place = sql_string(self.name(schema, table))
        query = _SEQUENCE.format(place, sql_string(column))
        found = self.connection.exec_driver_sql(query).scalar()
        return None if found is None else str(found)

    def serial(
        self, schema: str | None, table: str, column: str, sequence: str | None = None
    ) -> tuple[Statement, ...]:
        """As SERIAL does it."""
        name = sequence or self._sequence(table, column)
        table, own = self.name(schema, table), self.name(column)
        sequence = self.name(schema, name)
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

"""Scratch databases of MySQL and MariaDB, made by SHOW CREATE TABLE."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import JSON
from sqlalchemy.exc import DBAPIError

from ..base import run_raw
from ..base import sql_string
from ..scratch import NoScratchError
from ..scratch import Piece
from ..scratch import PREFIX
from ..scratch import Scratch

_OTHERS = """
SELECT LOWER(CONCAT(table_type, ' ', table_name)) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type IN ('VIEW', 'SEQUENCE')
UNION ALL SELECT CONCAT('trigger ', trigger_name) FROM information_schema.triggers
WHERE trigger_schema = DATABASE()
UNION ALL SELECT LOWER(CONCAT(routine_type, ' ', routine_name))
FROM information_schema.routines WHERE routine_schema = DATABASE()
"""


_KEY = re.compile(r"\s+(?:UNIQUE |FULLTEXT |SPATIAL |PRIMARY )?(?:KEY|CONSTRAINT)\b")
_WIDTHS = {"INTEGER": (10, 11), "BIGINT": (20,), "SMALLINT": (5, 6)}
"""Type -> the widths that it has where none is asked for."""

_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


class MySQLScratch(Scratch):
    """A database with the tables of another one."""

    def check_reach(self, schemas: t.Collection[str]) -> None:
        """Here other schemas are other databases, and no copies."""
        if schemas:
            raise NoScratchError(
                f"a revision may reach other databases ({', '.join(sorted(schemas))})"
            )

    def create(self, source: sa.Connection) -> None:
        """Make it with the same character set."""
        query = "SELECT @@character_set_database, @@collation_database"
        charset, collation = source.exec_driver_sql(query).one()
        self._administer(
            f"CREATE DATABASE `{self.name}` CHARACTER SET {charset} COLLATE {collation}"
        )

    def drop(self) -> None:
        """Drop it with all that is in it."""
        self._administer(f"DROP DATABASE IF EXISTS `{self.name}`")

    def check(self, connection: sa.Connection) -> None:
        """Ask which database the connection uses."""
        self._check_name(connection, "SELECT DATABASE()")

    def copy(self, source: sa.Connection, connection: sa.Connection) -> list[str]:
        """Make the tables as the other database says; views and routines stay away."""
        kinds = {row[0]: row[1] for row in source.exec_driver_sql("SHOW FULL TABLES")}
        others = source.exec_driver_sql(_OTHERS).scalars()
        left = [str(what) for what in others if not what.startswith("sequence ")]
        own = source.exec_driver_sql("SELECT DATABASE()").scalar()
        mode = source.exec_driver_sql("SELECT @@sql_mode").scalar()
        run_raw(connection, f"SET SESSION sql_mode = {sql_string(str(mode))}")
        run_raw(connection, "SET SESSION foreign_key_checks = 0")
        tables = [name for name, kind in kinds.items() if kind != "VIEW"]
        # The defaults of columns may ask sequences for values.
        for name in sorted(tables, key=lambda name: kinds[name] != "SEQUENCE"):
            text = _create_table(source, name)
            sql = text.replace(f"`{own}`.", f"`{self.name}`.")
            try:
                run_raw(connection, sql)
            except DBAPIError:
                left.append(f"table {name}")
        run_raw(connection, "SET SESSION foreign_key_checks = 1")
        return left

    def objects(self, connection: sa.Connection) -> list[Piece]:
        """Views, sequences, triggers and routines; by name only."""
        found = connection.exec_driver_sql(_OTHERS).scalars()
        return [Piece(str(what), "") for what in found]

    def definitions(self, connection: sa.Connection) -> list[Piece]:
        """The statements that make the tables; of what else there is, the names."""
        kinds = connection.exec_driver_sql("SHOW FULL TABLES").all()
        names = [row[0] for row in kinds if row[1] == "BASE TABLE"]
        return [
            *self.objects(connection),
            *(Piece(f"text of table {n}", _create_table(connection, n)) for n in names),
        ]

    def normal(self, text: str) -> str:
        """Without the counter of rows, and with keys in an order of their own."""
        if not text.startswith("CREATE TABLE"):
            return text
        lines = [line.rstrip(",") for line in text.splitlines()]
        keys = [line for line in lines if _KEY.match(line)]
        others = [line for line in lines if line not in keys]
        return _COUNTER.sub("", "\n".join([*others, *sorted(keys)]))

    def adjust(self, connection: sa.Connection, table: sa.Table) -> None:
        """Without the database's own character set, and indexes of foreign keys."""
        query = (
            "SELECT @@character_set_database, @@collation_database,"
            " @@default_storage_engine"
        )
        charset, collation, engine = connection.exec_driver_sql(query).one()
        usual = {"default charset": charset, "collate": collation, "engine": engine}
        prefix = connection.dialect.name
        if table.kwargs.get(f"{prefix}_collate", collation) == collation:
            for key, value in usual.items():
                if table.kwargs.get(f"{prefix}_{key}") == value:
                    del table.kwargs[f"{prefix}_{key}"]
        text = _create_table(connection, table.name)
        quote = connection.dialect.identifier_preparer.quote_identifier
        for column in table.columns:
            name = quote(column.name)
            if f"CHECK (json_valid({name}))" in text:
                # What MariaDB makes of the type JSON.
                column.type = JSON()
            width = getattr(column.type, "display_width", None)
            if width is not None and width in _WIDTHS.get(
                type(column.type).__name__, ()
            ):
                t.cast("t.Any", column.type).display_width = None
        implied = {
            (key.name, tuple(key.column_keys)) for key in table.foreign_key_constraints
        }
        for index in list(table.indexes):
            if (index.name, tuple(c.key for c in index.columns)) in implied:
                table.indexes.remove(index)

    def others(self, connection: sa.Connection) -> list[str]:
        """Databases of that name that this user sees."""
        query = "SELECT schema_name FROM information_schema.schemata"
        found = connection.exec_driver_sql(query).scalars()
        return [name for name in found if name.startswith(PREFIX)]


def _create_table(source: sa.Connection, name: str) -> str:
    quoted = source.dialect.identifier_preparer.quote_identifier(name)
    return str(source.exec_driver_sql(f"SHOW CREATE TABLE {quoted}").one()[1])

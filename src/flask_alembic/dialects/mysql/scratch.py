"""Scratch databases of MySQL and MariaDB, made by SHOW CREATE TABLE."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
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

    def others(self, connection: sa.Connection) -> list[str]:
        """Databases of that name that this user sees."""
        query = "SELECT schema_name FROM information_schema.schemata"
        found = connection.exec_driver_sql(query).scalars()
        return [name for name in found if name.startswith(PREFIX)]


def _create_table(source: sa.Connection, name: str) -> str:
    quoted = source.dialect.identifier_preparer.quote_identifier(name)
    return str(source.exec_driver_sql(f"SHOW CREATE TABLE {quoted}").one()[1])

"""PostgreSQL's scratch databases, made from what the catalog says of another one."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from ..base import run_raw
from ..base import sql_string
from ..scratch import make_all
from ..scratch import Piece
from ..scratch import PREFIX
from ..scratch import Scratch
from . import structure as structure

_LOCALE = """
SELECT quote_literal(pg_encoding_to_char(encoding)), quote_literal(datcollate),
    quote_literal(datctype) FROM pg_database WHERE datname = current_database()
"""

_SCHEMAS = """
SELECT nspname FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', current_schema())
"""


_COUNTERS = """
SELECT CASE WHEN schemaname = current_schema() THEN ''
    ELSE quote_ident(schemaname) || '.' END || quote_ident(sequencename), last_value
FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1
"""

_CAST = re.compile(
    r'::(?:"[^"]+"|[a-z]\w*(?: varying| precision)?)(?:\(\d+\))?(?:\[\])*'
)
_BRACKET = re.compile(r"[()]")


class PostgreSQLScratch(Scratch):
    """A database with all but the rows, rights and foreign tables of another one."""

    def create(self, source: sa.Connection) -> None:
        """Make it with the same locale and search path."""
        encoding, collate, ctype = source.exec_driver_sql(_LOCALE).one()
        path = source.exec_driver_sql("SHOW search_path").scalar()
        self._administer(
            f"CREATE DATABASE {self.name} TEMPLATE template0 ENCODING {encoding}"
            f" LC_COLLATE {collate} LC_CTYPE {ctype}",
            f"ALTER DATABASE {self.name} SET search_path TO {path}",
        )

    def drop(self) -> None:
        """Drop it, also if a connection that was interrupted is left."""
        self._administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = {sql_string(self.name)}",
            f"DROP DATABASE IF EXISTS {self.name}",
        )

    def check(self, connection: sa.Connection) -> None:
        """Ask which database the connection is in."""
        self._check_name(connection, "SELECT current_database()")

    def copy(self, source: sa.Connection, connection: sa.Connection) -> list[str]:
        """Make every object of the other database."""
        pieces = self.definitions(source)
        left = list(source.exec_driver_sql(structure.FOREIGN_TABLES).scalars())
        path = source.exec_driver_sql("SHOW search_path").scalar()
        run_raw(connection, f"SET LOCAL search_path TO {path}")
        # Functions may need each other, and tables that come later.
        run_raw(connection, "SET LOCAL check_function_bodies = off")
        return left + [piece.what for piece in make_all(connection, pieces)]

    def objects(self, connection: sa.Connection) -> list[Piece]:
        """Types, sequences, functions, views, triggers, extensions and schemas."""
        return [
            Piece(*row)
            for query in structure.APART
            for row in connection.exec_driver_sql(query)
        ]

    def definitions(self, connection: sa.Connection) -> list[Piece]:
        """The statements that make everything there is."""
        return [
            Piece(*row)
            for query in structure.IN_ORDER
            for row in connection.exec_driver_sql(query)
        ]

    def normal(self, text: str) -> str:
        """Without casts and brackets, which a check gets more of each time."""
        return re.sub(r"\s+", " ", _BRACKET.sub("", _CAST.sub("", text)))

    def adjust(self, connection: sa.Connection, table: sa.Table) -> None:
        """Without the options that nobody has asked for."""
        items: list[t.Any] = [table, *table.indexes, *table.constraints]
        for item in items:
            for key in [key for key, value in item.kwargs.items() if not value]:
                del item.kwargs[key]

    def counters(self, connection: sa.Connection) -> list[str]:
        """What sets sequences to the values that they have given out."""
        rows = connection.exec_driver_sql(_COUNTERS).all()
        return [f"SELECT setval({sql_string(name)}, {value})" for name, value in rows]

    def others(self, connection: sa.Connection) -> list[str]:
        """Databases of that name."""
        found = connection.exec_driver_sql("SELECT datname FROM pg_database").scalars()
        return [name for name in found if name.startswith(PREFIX)]

    def schemas(self, connection: sa.Connection) -> list[str | None]:
        """All that are the user's."""
        return [None, *connection.exec_driver_sql(_SCHEMAS).scalars()]

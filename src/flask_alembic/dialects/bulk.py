"""The tables of whole schemas, described from a few statements.

SQLAlchemy's own reflection does the work. It reads through a copy of the dialect that
answers from memory what was read for all tables at once; whatever wasn't is read as
ever. Nothing here changes the engine's dialect.

Private names of SQLAlchemy that the three databases lean on, and what for:

================================================= =====================================
``SQLiteDialect._get_table_pragma/_get_table_sql``  the rows of pragmas, CREATE TABLE
``SQLiteDialect._resolve_type_affinity``            a type for the text of one
``MySQLDialect._show_create_table``                 what SHOW CREATE TABLE says
``PGDialect._pg_class_filter_scope_schema``         which tables a catalog query is about
================================================= =====================================
"""

from __future__ import annotations

import copy
import typing as t

import sqlalchemy as sa

TableKey: t.TypeAlias = tuple[str | None, str]
"""Schema and name of a table; no schema for the default one."""


class BulkReflection:
    """Describes a database's tables; this one reads each table by itself.

    :param connection: What is compared.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect: t.Any = connection.dialect

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables of some schemas.

        :param schemas: None for the default one.
        """

    def inspector(self) -> sa.Inspector:
        """Make an inspector that has looked at nothing, and answers from what was read."""
        inspector = sa.inspect(self.connection)
        inspector.dialect = self.dialect
        return inspector

    def is_whole(self, table: TableKey) -> bool:
        """Whether what an inspector tells of a table is all that there is to compare."""
        return False

    def serial_owner(self, sequence: str) -> tuple[str, str] | None:
        """Which sequence this is, and the column that owns it, if that was read.

        :param sequence: As it stands in a column's default.
        """
        return None

    def replace(self, **methods: t.Callable[..., t.Any]) -> None:
        """Go on with a copy of the dialect that has these methods of its own."""
        made = copy.copy(self.connection.dialect)
        vars(made).update(methods)
        self.dialect = made

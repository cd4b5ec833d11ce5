"""What differs from database to database: the safe defaults."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError


def run_raw(connection: sa.Connection, sql: str) -> list[tuple[t.Any, ...]]:
    """Run SQL by a raw cursor and return its rows, the driver's errors wrapped.

    SQLAlchemy isn't told, so that no transaction of its begins.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            sql,
            None,
            error,
            connection.dialect.loaded_dbapi.Error,
            dialect=connection.dialect,
        ) from error
    finally:
        cursor.close()


def sql_string(value: str) -> str:
    """Write a text as a standard SQL string."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a name as a standard SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def guard_message(heads: t.Collection[str]) -> str:
    """The text of a guard's error, up to what the database is or has instead."""
    expected = ", ".join(sorted(heads)) or "base"
    return f"Nothing was changed: this script starts at {expected}, the database "


class ConnectionSetup:
    """What a migration connection needs while it is ours; here: nothing.

    Made once for each connection, by :meth:`DialectSupport.prepare`. Talks to the
    database through raw cursors only: a statement through the
    :class:`~sqlalchemy.Connection` would begin a transaction of SQLAlchemy's, and
    Alembic then believes in an outer one and commits nothing.

    :param connection: The connection that migrations run on.
    :param callers: It belongs to the caller: its transaction is never begun,
        committed or rolled back here, and its settings stay.
    """

    def __init__(self, connection: sa.Connection, *, callers: bool) -> None:
        self.connection = connection
        self.callers = callers

    @contextlib.contextmanager
    def run(self) -> t.Iterator[None]:
        """Surround a run: everything from reading the heads to the last commit."""
        yield

    @contextlib.contextmanager
    def autocommit(self) -> t.Iterator[None]:
        """Surround statements that run outside of any transaction."""
        yield

    def has_committed(self) -> bool:
        """Whether DDL has committed the caller's transaction since the last call."""
        return False

    def check_deferred(self) -> None:
        """Ask for what would otherwise fail at COMMIT; inside the transaction.

        :raises Exception: What the driver raises, or :exc:`.DatabaseError`.
        """

    def restore(self) -> None:
        """Give the connection back as it was found. Safe to call twice."""


class DialectSupport:
    """One database system's behaviour; subclassed for each that is known.

    A third party adds one through the entry point group ``flask_alembic.dialects``,
    whose names are SQLAlchemy's dialect names.
    """

    setup_class: type[ConnectionSetup] = ConnectionSetup

    transactional_ddl: bool | None = None
    """Whether DDL can be rolled back; None leaves the answer to Alembic."""

    keeps_rebuilt_tables: bool = False
    """Whether a batch rebuild edits the table's own CREATE TABLE text."""

    error_ends_transaction: bool = False
    """Whether nothing more can be done in a transaction after an error in it."""

    ddl_commits: bool = False
    """Whether DDL commits the transaction that it runs in."""

    def prepare(self, connection: sa.Connection, *, callers: bool) -> ConnectionSetup:
        """Set a connection up for migrations, before anything ran on it."""
        return self.setup_class(connection, callers=callers)

    def local_settings(self, connection: sa.Connection) -> list[str]:
        """SQL that sets again what would end with the open transaction."""
        return []

    def blocks_migration(self, connection: sa.Connection) -> bool:
        """Whether this open transaction of the application keeps a migration waiting.

        :param connection: The application's, in a transaction.
        """
        return True

    def lives_in_connection(self, engine: sa.Engine) -> bool:
        """Whether the database is gone when its one connection is closed."""
        return False

    def offline_name(self, dialect: sa.Dialect) -> str:
        """The dialect name that Alembic's offline mode should compile for."""
        return dialect.name

    def guard(
        self,
        dialect: sa.Dialect,
        *,
        table: str,
        schema: str | None,
        heads: t.Collection[str],
    ) -> str | None:
        """One SQL statement that fails unless exactly ``heads`` are applied.

        On one line, without the closing ``;``, with no ``;`` at the end of any line.
        It must work where the version table doesn't exist yet (no heads applied).

        :param table: Name of the version table.
        :param heads: Ids that must be applied; empty for a database at base.
        :return: None where the database has no way to say it.
        """
        return None

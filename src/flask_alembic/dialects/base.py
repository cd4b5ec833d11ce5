"""What differs from database to database: the safe defaults."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .repeats import Repeats
from .timeouts import Limits
from .timeouts import Timeouts

if t.TYPE_CHECKING:
    from ..results import TableLock
    from .bulk import BulkReflection
    from .columns import Agreement
    from .columns import Pair
    from .dependents import ColumnName
    from .dependents import Dependent
    from .enums import EnumTypes
    from .expressions import Expressions
    from .journal import Journal
    from .keys import Keys
    from .locks import SessionLock
    from .references import References
    from .renamed import RenameStatements
    from .scratch import Scratch


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


JOURNAL_TABLE = "alembic_journal"
"""The journal of an unfinished revision, where DDL can't be rolled back."""


def journal_table(version_table: str) -> str:
    """The name of the journal beside a version table."""
    if version_table == "alembic_version":
        return JOURNAL_TABLE
    return f"{version_table[:56]}_journal"


def sql_string(value: str) -> str:
    """Write a text as a standard SQL string."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a name as a standard SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def dotted(quote: t.Callable[[str], str], *parts: str | None) -> str:
    """Write a name with what stands before it, where that is said.

    :param quote: Writes each part.
    """
    return ".".join(quote(part) for part in parts if part)


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


class LockTrace:
    """Tells which tables a migration connection has locked; another one looks.

    :param connection: The one that migrations run on, in a transaction.
    :param watching: One of our own, in autocommit.
    :param ignored: Names of tables that aren't reported.
    """

    def __init__(
        self,
        connection: sa.Connection,
        watching: sa.Connection,
        *,
        ignored: t.Collection[str],
    ) -> None:
        raise NotImplementedError

    def look(self) -> tuple[TableLock, ...]:
        """What is locked more strongly than at the last look, or was rewritten since."""
        raise NotImplementedError


class DialectSupport:
    """One database system's behaviour; subclassed for each that is known.

    A third party adds one through the entry point group ``flask_alembic.dialects``,
    whose names are SQLAlchemy's dialect names.

    What only drafts, proofs or dry runs need are properties that import it: a run that
    migrates doesn't pay for it. A subclass may have plain attributes in their place,
    though Pyright would rather see properties.
    """

    setup_class: type[ConnectionSetup] = ConnectionSetup

    lock_class: type[SessionLock] | None = None
    """How runs exclude each other; None where they can't."""

    timeouts_class: type[Timeouts] = Timeouts

    repeats_class: type[Repeats] = Repeats

    keeps_checks_of_types: bool = False
    """Whether Alembic leaves a type's check when the column gets another type."""

    indexes_foreign_keys: bool = False
    """Whether a foreign key makes an index of its name, which stays without it."""

    transactional_ddl: bool | None = None
    """Whether DDL can be rolled back; None leaves the answer to Alembic."""

    keeps_rebuilt_tables: bool = False
    """Whether a batch rebuild edits the table's own CREATE TABLE text."""

    error_ends_transaction: bool = False
    """Whether nothing more can be done in a transaction after an error in it."""

    ddl_commits: bool = False
    """Whether DDL commits the transaction that it runs in."""

    @property
    def enum_types(self) -> type[EnumTypes] | None:
        """How it makes types of enums; None where a column has them, or a check."""
        return None

    @property
    def rename_statements(self) -> type[RenameStatements]:
        """How it renames what Alembic has no operation for."""
        from .renamed import RenameStatements

        return RenameStatements

    @property
    def bulk_class(self) -> type[BulkReflection]:
        """How it describes all of its tables at once."""
        from .bulk import BulkReflection

        return BulkReflection

    @property
    def expressions_class(self) -> type[Expressions]:
        """How it writes checks, computed columns and indexes."""
        from .expressions import Expressions

        return Expressions

    @property
    def keys_class(self) -> type[Keys]:
        """How it changes primary keys."""
        from .keys import Keys

        return Keys

    @property
    def references_class(self) -> type[References]:
        """How it keeps what foreign keys refer to."""
        from .references import References

        return References

    @property
    def whole_table(
        self,
    ) -> t.Callable[[sa.Table, t.Sequence[sa.Index]], sa.schema.CreateTable] | None:
        """What makes a table and its indexes in one statement; None if nothing does."""
        return None

    @property
    def lock_trace(self) -> type[LockTrace] | None:
        """What a dry run learns of locks from, if there is anything."""
        return None

    def prepare(self, connection: sa.Connection, *, callers: bool) -> ConnectionSetup:
        """Set a connection up for migrations, before anything ran on it."""
        return self.setup_class(connection, callers=callers)

    def timeouts(
        self, connection: sa.Connection, limits: Limits, *, callers: bool
    ) -> Timeouts:
        """Make what limits waiting; what belongs to the caller is left alone."""
        kind = Timeouts if callers else self.timeouts_class
        return kind(connection, limits)

    def local_settings(self, connection: sa.Connection) -> list[str]:
        """SQL that sets again what would end with the open transaction."""
        return []

    def notices_rows(
        self, connection: sa.Connection, table: str, schema: str | None
    ) -> bool:
        """Whether something in the database looks on while rows or tables change.

        Such as a trigger: then each row of the version table is written as it changes.

        :param connection: In a transaction.
        :param table: Name of the version table, which may not exist.
        :param schema: Schema of the version table.
        """
        return True

    def blocks_migration(self, connection: sa.Connection) -> bool:
        """Whether this open transaction of the application keeps a migration waiting.

        :param connection: The application's, in a transaction.
        """
        return True

    def agreements(
        self, connection: sa.Connection, pairs: t.Sequence[Pair]
    ) -> list[Agreement]:
        """Ask whether columns that seem to differ are the same to the database.

        :return: In the order of the pairs; by default it can't tell.
        """
        from .columns import Agreement

        return [Agreement()] * len(pairs)

    def conversion(
        self,
        connection: sa.Connection,
        column: str,
        old: sa.types.TypeEngine[t.Any],
        new: sa.types.TypeEngine[t.Any],
    ) -> tuple[str, str] | None:
        """Write how a column's values get another type, and how they get the old one.

        :return: None where the database knows both by itself.
        """
        return None

    def dependents(
        self, connection: sa.Connection, columns: t.Sequence[ColumnName]
    ) -> t.Sequence[Dependent]:
        """Find what doesn't allow that columns are dropped or get another type."""
        return ()

    def journal(
        self, connection: sa.Connection, *, table: str, schema: str | None
    ) -> Journal | None:
        """What records an unfinished revision; None where none is ever left.

        :param table: Name of the version table.
        :param schema: Schema of the version table.
        """
        return None

    def scratch(self, engine: sa.Engine, name: str) -> Scratch | None:
        """What makes a database for one trial; None where none can be made.

        :param engine: Connects to the database that it is like, and keeps no connection.
        """
        return None

    def lives_in_connection(self, engine: sa.Engine) -> bool:
        """Whether the database is gone when its one connection is closed."""
        return False

    def exists(self, engine: sa.Engine) -> bool:
        """Whether connecting makes no database; it may still fail."""
        return True

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

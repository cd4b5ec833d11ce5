"""PostgreSQL: DDL is transactional, and constraints may wait for COMMIT."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..base import DialectSupport
from ..base import guard_message
from ..base import identifier
from ..base import run_raw
from ..base import sql_string
from ..isolation import TransactionalSetup
from .waits import PostgreSQLLock
from .waits import PostgreSQLRepeats
from .waits import PostgreSQLTimeouts

if t.TYPE_CHECKING:
    from ..columns import Agreement
    from ..columns import Pair
    from ..dependents import ColumnName
    from ..dependents import Dependent
    from ..renamed import PostgreSQLRenames
    from ..scratch import Scratch
    from .bulk import PostgreSQLBulk
    from .enums import PostgreSQLEnums
    from .expressions import PostgreSQLExpressions
    from .keys import PostgreSQLKeys
    from .references import PostgreSQLReferences
    from .trace import PostgreSQLTrace


class PostgreSQLSetup(TransactionalSetup):
    """Asks for deferred constraints before the COMMIT that would fail."""

    def check_deferred(self) -> None:
        """Make PostgreSQL check what it put off until COMMIT.

        Source: https://www.postgresql.org/docs/current/sql-set-constraints.html
        """
        # In the caller's transaction the rest would be checked at once as well. Without
        # one nothing waits, and the driver would begin one that nobody ends.
        if not self.callers and self.connection.in_transaction():
            run_raw(self.connection, "SET CONSTRAINTS ALL IMMEDIATE")


class PostgreSQLSupport(DialectSupport):
    """PostgreSQL and what speaks its dialect."""

    setup_class = PostgreSQLSetup
    lock_class = PostgreSQLLock
    timeouts_class = PostgreSQLTimeouts
    repeats_class = PostgreSQLRepeats
    error_ends_transaction = True

    @property
    def enum_types(self) -> type[PostgreSQLEnums]:
        """Values are added and renamed in place; for all else a type is made anew."""
        from .enums import PostgreSQLEnums

        return PostgreSQLEnums

    @property
    def rename_statements(self) -> type[PostgreSQLRenames]:
        """Everything is renamed in place."""
        from ..renamed import PostgreSQLRenames

        return PostgreSQLRenames

    @property
    def bulk_class(self) -> type[PostgreSQLBulk]:
        """Each kind of thing is read for all tables of all schemas."""
        from .bulk import PostgreSQLBulk

        return PostgreSQLBulk

    @property
    def expressions_class(self) -> type[PostgreSQLExpressions]:
        """Compared in a savepoint that is rolled back."""
        from .expressions import PostgreSQLExpressions

        return PostgreSQLExpressions

    @property
    def keys_class(self) -> type[PostgreSQLKeys]:
        """What SERIAL would have made is made with a key."""
        from .keys import PostgreSQLKeys

        return PostgreSQLKeys

    @property
    def references_class(self) -> type[PostgreSQLReferences]:
        """The catalog has them word by word."""
        from .references import PostgreSQLReferences

        return PostgreSQLReferences

    @property
    def lock_trace(self) -> type[PostgreSQLTrace]:
        """Locks last until the transaction's end: pg_locks knows them."""
        from .trace import PostgreSQLTrace

        return PostgreSQLTrace

    def agreements(
        self, connection: sa.Connection, pairs: t.Sequence[Pair]
    ) -> list[Agreement]:
        """Compare what the catalog says of both."""
        from . import columns

        return columns.agreements(connection, pairs)

    def conversion(
        self,
        connection: sa.Connection,
        column: str,
        old: sa.types.TypeEngine[t.Any],
        new: sa.types.TypeEngine[t.Any],
    ) -> tuple[str, str] | None:
        """Casts that are only made if they are asked for are asked for."""
        from . import casts

        return casts.conversion(connection, column, old, new)

    def dependents(
        self, connection: sa.Connection, columns: t.Sequence[ColumnName]
    ) -> list[Dependent]:
        """Views, rules, triggers and policies."""
        from .dependents import dependents

        return dependents(connection, columns)

    def scratch(self, engine: sa.Engine, name: str) -> Scratch:
        """A database with all objects of another one, as the catalog has them."""
        from .scratch import PostgreSQLScratch

        return PostgreSQLScratch(engine, name)

    def local_settings(self, connection: sa.Connection) -> list[str]:
        """The timeouts that the application has set, perhaps with SET LOCAL."""
        rows = run_raw(
            connection,
            "SELECT name, setting FROM pg_settings WHERE source = 'session'"
            " AND name IN ('lock_timeout', 'statement_timeout')",
        )
        return [f"SET LOCAL {name} = {value}" for name, value in rows]

    def notices_rows(
        self, connection: sa.Connection, table: str, schema: str | None
    ) -> bool:
        """A trigger or a rule of the table, or a trigger of DDL."""
        name = sql_string(
            ".".join(identifier(part) for part in (schema, table) if part)
        )
        ((found,),) = run_raw(
            connection,
            "SELECT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')"
            f" OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass({name}))"
            f" OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = to_regclass({name}))",
        )
        return bool(found)

    def guard(
        self,
        dialect: sa.Dialect,
        *,
        table: str,
        schema: str | None,
        heads: t.Collection[str],
    ) -> str | None:
        """One ``DO`` block; a version table that is missing or empty means base."""
        name = ".".join(identifier(part) for part in (schema, table) if part)
        query = (
            "SELECT coalesce(array_agg(version_num::text ORDER BY version_num), '{}')"
            f" FROM {name}"
        )
        expected = ", ".join(sql_string(head) for head in sorted(heads))
        body = (
            " DECLARE expected text[] := ARRAY[" + expected + "]::text[];"
            " found text[] := '{}'; BEGIN"
            f" IF to_regclass({sql_string(name)}) IS NOT NULL"
            f" THEN EXECUTE {sql_string(query)} INTO found; END IF;"
            " IF NOT (found @> expected AND found <@ expected) THEN"
            f" RAISE EXCEPTION USING MESSAGE = {sql_string(guard_message(heads) + 'is at ')}"
            " || coalesce(nullif(array_to_string(found, ', '), ''), 'base') || '.';"
            " END IF; END "
        )
        quote = _dollar_quote(body)
        return f"DO {quote}{body}{quote}"


def _dollar_quote(body: str) -> str:
    # An id may hold anything, also the quotes around it.
    tag = "guard"
    while f"${tag}$" in body:
        tag += "_"
    return f"${tag}$"

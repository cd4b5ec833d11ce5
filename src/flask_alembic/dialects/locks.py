"""One run at a time: a lock that the migration connection itself holds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import typing as t

import sqlalchemy as sa

MOST_CHARACTERS = 100
"""How much is shown of another session's statement."""


class Holder:
    """Who has a lock that somebody else wants.

    :param text: Such as ``process 4711 (flask db upgrade from 10.0.0.5)``.
    :param fix: What ends it.
    """

    def __init__(
        self, text: str = "another process", fix: str = "Wait for it, or end it."
    ) -> None:
        self.text = text
        self.fix = fix


class SessionLock:
    """A lock for one version table, that lasts as long as its connection.

    Talks by raw cursor, outside of SQLAlchemy's transactions.

    :param table: The version table.
    :param schema: Its schema; None for the connection's default.
    :param callers: The connection, and its transaction, belong to the caller.
    """

    kept_by_caller: bool = False
    """Whether the lock outlives the run in which the caller's connection took it."""

    def __init__(
        self, connection: sa.Connection, table: str, schema: str | None, callers: bool
    ) -> None:
        self.connection = connection
        self.table = table
        self.schema = schema
        self.callers = callers

    def find(self) -> t.Hashable | None:
        """Say what is locked: the same for two locks that would exclude each other.

        :return: None where there is nothing to lock.
        """
        raise NotImplementedError

    def take(self) -> bool:
        """Try once, without waiting."""
        raise NotImplementedError

    def holder(self) -> Holder:
        """Say who has it, as far as that can be known."""
        return Holder()

    def free(self, driver: t.Any) -> bool:
        """Let go; False if, against expectation, nothing was held.

        :param driver: The driver's connection.
        """
        raise NotImplementedError

    def refresh(self) -> None:
        """End what asking has begun: what is read next must not be older than the lock."""
        if not (self.callers or self.connection.in_transaction()):
            self.connection.dialect.do_rollback(self.connection.connection)

    def _digest(self, *place: str | None) -> bytes:
        return hashlib.sha256(json.dumps(place).encode()).digest()


def ask(driver: t.Any, sql: str) -> t.Any:
    """Get one value by a driver's connection, and end the transaction it began."""
    with contextlib.closing(driver.cursor()) as cursor:
        cursor.execute(sql)
        value = cursor.fetchone()[0]
    driver.rollback()
    return value


def session_text(id_: t.Any, who: str, since: t.Any, doing: str | None) -> str:
    """Describe another session in one line; what its statement quotes isn't shown.

    :param who: Program, user and address.
    :param doing: Its statement, or its state.
    """
    text = f"process {id_} ({who}, since {since}"
    hidden = re.sub(r"'(?:[^']|'')*'?", "'…'", " ".join((doing or "").split()))
    if len(hidden) > MOST_CHARACTERS:
        hidden = hidden[:MOST_CHARACTERS] + "…"
    return f"{text}: {hidden})" if hidden else f"{text})"


def words(statement: str | None) -> list[str]:
    """The names that a statement may mean, plain and as the database folds them."""
    found = re.findall(r'"((?:[^"]|"")+)"|`([^`]+)`|([^\W\d][\w$]*)', statement or "")
    names = ((a.replace('""', '"') or b or c, c.lower()) for a, b, c in found[:500])
    return sorted({name for pair in names for name in pair if name})

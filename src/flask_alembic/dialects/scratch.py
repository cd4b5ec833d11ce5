"""A database for one trial: made beside another one, with its structure, and dropped."""

from __future__ import annotations

import datetime
import secrets
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .base import run_raw

PREFIX = "alembic_scratch_"
"""How the names of all scratch databases begin; the day they were made follows."""


class NoScratchError(Exception):
    """A scratch database can't be had.

    :param reason: Why, as words that can stand in a sentence.
    :param fix: What to do about it.
    """

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


class Piece(t.NamedTuple):
    """One object of a database.

    :param what: Its kind and name.
    :param sql: What makes it.
    """

    what: str
    sql: str


def new_name(ago: datetime.timedelta = datetime.timedelta()) -> str:
    """Name a scratch database so that everybody sees what it is, and how old."""
    day = (datetime.datetime.now(datetime.UTC) - ago).strftime("%Y%m%d")
    return f"{PREFIX}{day}_{secrets.token_hex(6)}"


def day_of(name: str) -> str:
    """The day when a scratch database was made, as its name has it."""
    return name.removeprefix(PREFIX).partition("_")[0]


class Scratch:
    """Makes one scratch database, and takes it away.

    :param engine: Connects to the database that it is like, and keeps no connection.
    :param name: What to call it.
    """

    typed_values: bool = True
    """Whether a column's type says how its values are stored."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    @property
    def url(self) -> sa.URL:
        """Where it is."""
        return self.engine.url.set(database=self.name)

    def check_reach(self, schemas: t.Collection[str]) -> None:
        """Refuse where a revision could reach beyond the scratch database.

        :param schemas: What it may name besides the default one.
        :raises NoScratchError: It says what.
        """

    def create(self, source: sa.Connection) -> None:
        """Make it, empty.

        :param source: A connection to the database that it is to be like.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """Take it away; it need not be there."""
        raise NotImplementedError

    def check(self, connection: sa.Connection) -> None:
        """Make sure that a connection leads to it, and nowhere else.

        :raises NoScratchError: It leads elsewhere.
        """
        raise NotImplementedError

    def copy(self, source: sa.Connection, connection: sa.Connection) -> list[str]:
        """Give it the structure of another database, without rows.

        :param connection: To the scratch database, in a transaction.
        :return: What it doesn't have.
        """
        raise NotImplementedError

    def objects(self, connection: sa.Connection) -> list[Piece]:
        """What belongs to no table, or isn't reflected with it."""
        return []

    def definitions(self, connection: sa.Connection) -> list[Piece]:
        """All that a database consists of, written so that texts can be compared.

        What reflection finds need not be in it.
        """
        return self.objects(connection)

    def normal(self, text: str) -> str:
        """Write a definition so that nothing differs that means nothing.

        A database may write what it was told in other words the second time.
        """
        return text

    def table_options(self, connection: sa.Connection, table: str) -> dict[str, t.Any]:
        """What SQLAlchemy's Table needs besides what reflection finds."""
        return {}

    def adjust(self, connection: sa.Connection, table: sa.Table) -> None:
        """Take away from a reflected table what the database adds by itself."""

    def counters(self, connection: sa.Connection) -> list[str]:
        """SQL that sets the counters again that explicit values leave behind."""
        return []

    def others(self, connection: sa.Connection) -> list[str]:
        """Names of all scratch databases that are there."""
        return []

    def schemas(self, connection: sa.Connection) -> list[str | None]:
        """The schemas to look into; None is the default one."""
        return [None]

    def _administer(self, *statements: str) -> None:
        """Run statements outside of transactions, on a connection of their own."""
        with self.engine.connect() as connection:
            apart = connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                run_raw(apart, statement)

    def _check_name(self, connection: sa.Connection, query: str) -> None:
        found = connection.exec_driver_sql(query).scalar()
        if found != self.name:
            raise NoScratchError(
                f"the engine's connections lead to {found!r} whatever they are told",
                "Give the engine its address by URL.",
            )


def make_all(connection: sa.Connection, pieces: t.Sequence[Piece]) -> list[Piece]:
    """Make objects that need each other: repeated until nothing more can be made.

    :param connection: In a transaction that knows savepoints.
    :return: What can't be made.
    """
    left = list(pieces)
    while left:
        again = [piece for piece in left if not _makes(connection, piece)]
        if len(again) == len(left):
            break
        left = again
    return left


def _makes(connection: sa.Connection, piece: Piece) -> bool:
    run_raw(connection, "SAVEPOINT piece")
    try:
        run_raw(connection, piece.sql)
    except DBAPIError:
        run_raw(connection, "ROLLBACK TO SAVEPOINT piece")
        return False
    run_raw(connection, "RELEASE SAVEPOINT piece")
    return True

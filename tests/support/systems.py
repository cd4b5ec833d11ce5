"""The database systems that tests run on, and their administration."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import typing as t

import sqlalchemy as sa


@dataclasses.dataclass(frozen=True)
class Server:
    """A database system and what tests may expect of it.

    :param variable: Environment variable with the address of its server.
    :param default: The address if the variable isn't set; none for SQLite.
    :param can: Capabilities that tests ask for.
    """

    name: str
    can: frozenset[str]
    variable: str = ""
    default: str = ""

    @property
    def url(self) -> sa.URL:
        """The address of the server, with rights to make databases."""
        return sa.make_url(os.environ.get(self.variable) or self.default)


SERVERS = {
    server.name: server
    for server in [
        Server(
            "sqlite",
            frozenset({"transactional_ddl", "file", "deferred_constraints"}),
        ),
        Server(
            "postgresql",
            frozenset(
                {
                    "transactional_ddl",
                    "server",
                    "schemas",
                    "concurrent_index",
                    "deferred_constraints",
                    "password",
                }
            ),
            "TEST_POSTGRESQL_URL",
            "postgresql+psycopg://postgres@127.0.0.1/postgres",
        ),
        Server(
            "mariadb",
            frozenset({"ddl_commits", "server", "password"}),
            "TEST_MARIADB_URL",
            "mysql+pymysql://root@127.0.0.1/",
        ),
    ]
}


@functools.cache
def problem(name: str) -> str | None:
    """Why a server can't be used, asked once in a process."""
    server = SERVERS[name]
    if not server.variable:
        return None
    try:
        administer(server, "SELECT 1")
    except Exception as error:
        address = server.url.render_as_string(hide_password=True)
        first_line = str(error).splitlines()[0]
        return f"no {name} at {address} ({server.variable}): {first_line}"
    return None


@functools.lru_cache(maxsize=64)
def engine(url: sa.URL, **options: t.Any) -> sa.Engine:
    """An engine that keeps no connection, but what it has learned of the server."""
    return sa.create_engine(url, poolclass=sa.NullPool, **options)


@contextlib.contextmanager
def administering(
    server: Server, database: str = ""
) -> t.Iterator[t.Callable[..., list[t.Any]]]:
    """Give what runs statements on one connection, each committed.

    It gives the rows of the last one.
    """
    url = server.url.set(database=database) if database else server.url
    with engine(url, isolation_level="AUTOCOMMIT").connect() as connection:

        def run(*statements: str) -> list[t.Any]:
            rows: list[t.Any] = []
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                rows = list(result) if result.returns_rows else []
            return rows

        yield run


def administer(server: Server, *statements: str, database: str = "") -> list[t.Any]:
    """Run statements, each committed; gives the rows of the last one."""
    with administering(server, database) as run:
        return run(*statements)

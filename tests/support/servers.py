"""Databases of their own on real servers, made for one test and dropped after it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import typing as t
from pathlib import Path

import sqlalchemy as sa

_numbers = itertools.count(1)


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
        _administer(server, "SELECT 1")
    except Exception as error:
        address = server.url.render_as_string(hide_password=True)
        first_line = str(error).splitlines()[0]
        return f"no {name} at {address} ({server.variable}): {first_line}"
    return None


def _administer(server: Server, *statements: str) -> list[t.Any]:
    engine = sa.create_engine(
        server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    rows: list[t.Any] = []
    with engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = list(result) if result.returns_rows else []
    return rows


def _mariadb_drop(server: Server, name: str) -> None:
    # A connection that a failed test left behind may hold a metadata lock, and DROP
    # would wait for it.
    query = f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
    for (process,) in _administer(server, query):
        try:
            _administer(server, f"KILL {process}")
        except sa.exc.OperationalError:
            continue
    _administer(server, f"DROP DATABASE IF EXISTS `{name}`")


class Database:
    """A database that belongs to one test.

    :param server: Where it is.
    :param folder: Where it lies if it's a file.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._siblings: list[Database] = []
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.name = f"fa_{os.getpid()}_{worker}_{next(_numbers)}"
        self._url = self._create()

    def _create(self) -> sa.URL:
        if not self.server.variable:
            file = self.folder / f"{self.name}.db"
            return sa.URL.create("sqlite", database=str(file))
        quote = "`" if self.server.name == "mariadb" else '"'
        _administer(self.server, f"CREATE DATABASE {quote}{self.name}{quote}")
        return self.server.url.set(database=self.name)

    def drop(self) -> None:
        """Remove it, also under the feet of connections that are left."""
        with contextlib.ExitStack() as stack:
            for sibling in self._siblings:
                stack.callback(sibling.drop)
            self._drop()

    def _drop(self) -> None:
        if self.server.name == "mariadb":
            _mariadb_drop(self.server, self.name)
        elif self.server.variable:
            _administer(
                self.server, f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'
            )

    def sibling(self) -> Database:
        """Make another database on the same server, dropped together with this one."""
        self._siblings.append(Database(self.server, self.folder))
        return self._siblings[-1]

    @property
    def kind(self) -> str:
        """The server's name."""
        return self.server.name

    @property
    def url(self) -> str:
        """The address, with everything that is needed to connect."""
        return self._url.render_as_string(hide_password=False)

    def can(self, capability: str) -> bool:
        """Whether the database system has a capability."""
        return capability in self.server.can

    def url_with(self, **changes: t.Any) -> str:
        """The address with some parts replaced, such as ``password``."""
        return self._url.set(**changes).render_as_string(hide_password=False)

    def asynchronous_url(self) -> str | None:
        """The address for an asynchronous driver, where the tests have one."""
        driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
        if self.kind not in driver:
            return None
        return self.url_with(drivername=driver[self.kind])

    def engine(self) -> sa.Engine:
        """An engine that keeps no connection."""
        return sa.create_engine(self._url, poolclass=sa.NullPool)

    def execute(self, *statements: str) -> None:
        """Run statements and commit them, on a connection apart."""
        with self.engine().begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[t.Any, ...]]:
        """What a query gives, on a connection apart."""
        with self.engine().connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def tables(self, schema: str | None = None) -> set[str]:
        """Names of the tables, the version table left out."""
        return self.all_tables(schema) - {"alembic_version"}

    def all_tables(self, schema: str | None = None) -> set[str]:
        """Names of all tables."""
        return set(sa.inspect(self.engine()).get_table_names(schema))

    def columns(self, table: str) -> set[str]:
        """Names of a table's columns."""
        return {c["name"] for c in sa.inspect(self.engine()).get_columns(table)}

    def versions(self, table: str = "alembic_version") -> set[str]:
        """Rows of the version table; none if it doesn't exist."""
        schema, _, name = table.rpartition(".")
        if name not in self.all_tables(schema or None):
            return set()
        return {row[0] for row in self.rows(f"SELECT version_num FROM {table}")}

    def snapshot(self, schema: str | None = None) -> dict[str, t.Any]:
        """The whole schema and the applied ids, for comparing."""
        inspector = sa.inspect(self.engine())
        tables = {
            name: {
                "columns": [
                    (c["name"], str(c["type"]), c["nullable"], c["default"])
                    for c in inspector.get_columns(name, schema)
                ],
                "primary key": inspector.get_pk_constraint(name, schema),
                "foreign keys": sorted(
                    (
                        tuple(f["constrained_columns"]),
                        f["referred_table"],
                        tuple(f["referred_columns"]),
                    )
                    for f in inspector.get_foreign_keys(name, schema)
                ),
                "indexes": sorted(
                    (str(i["name"]), str(i["column_names"]), bool(i["unique"]))
                    for i in inspector.get_indexes(name, schema)
                ),
            }
            for name in inspector.get_table_names(schema)
        }
        return {"tables": tables, "versions": self.versions()}

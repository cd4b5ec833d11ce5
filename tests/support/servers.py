"""Databases of their own on real servers, for one test each."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import sqlalchemy as sa

from support.shelf import new_name
from support.shelf import Shelf
from support.shelf import shelf
from support.systems import engine as quick_engine
from support.systems import problem
from support.systems import Server
from support.systems import SERVERS

__all__ = ["SERVERS", "Database", "Server", "problem"]


class Database:
    """A database that belongs to one test.

    :param server: Where it is.
    :param folder: Where it lies if it's a file.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._siblings: list[Database] = []
        self.name, self._url = self._take()

    def _take(self) -> tuple[str, sa.URL]:
        if self.server.variable:
            name = self.shelf.take()
            return name, self.server.url.set(database=name)
        name = new_name()
        return name, sa.URL.create("sqlite", database=str(self.folder / f"{name}.db"))

    @property
    def shelf(self) -> Shelf:
        """The databases of its server that are used again."""
        return shelf(self.server)

    def drop(self) -> None:
        """Give it away, also under the feet of connections that are left."""
        with contextlib.ExitStack() as stack:
            for sibling in self._siblings:
                stack.callback(sibling.drop)
            if self.server.variable:
                self.shelf.give_back(self.name)

    def empty(self) -> None:
        """Make it as new, for another round."""
        if self.server.variable:
            assert self.shelf.empty(self.name), f"not emptied: {self.name}"
        for file in self.folder.glob(f"{self.name}.db*"):
            file.unlink()

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

    def _connect(self) -> sa.Connection:
        return quick_engine(self._url).connect()

    def execute(self, *statements: str) -> None:
        """Run statements and commit them, on a connection apart."""
        with self._connect() as connection, connection.begin():
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[t.Any, ...]]:
        """What a query gives, on a connection apart."""
        with self._connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def tables(self, schema: str | None = None) -> set[str]:
        """Names of the tables, the version table left out."""
        return self.all_tables(schema) - {"alembic_version"}

    def all_tables(self, schema: str | None = None) -> set[str]:
        """Names of all tables."""
        return set(sa.inspect(quick_engine(self._url)).get_table_names(schema))

    def columns(self, table: str) -> set[str]:
        """Names of a table's columns."""
        return {
            c["name"] for c in sa.inspect(quick_engine(self._url)).get_columns(table)
        }

    def versions(self, table: str = "alembic_version") -> set[str]:
        """Rows of the version table; none if it doesn't exist."""
        schema, _, name = table.rpartition(".")
        if name not in self.all_tables(schema or None):
            return set()
        return {row[0] for row in self.rows(f"SELECT version_num FROM {table}")}

    def snapshot(self, schema: str | None = None) -> dict[str, t.Any]:
        """The whole schema and the applied ids, for comparing."""
        inspector = sa.inspect(quick_engine(self._url))
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

"""Databases to work on: a file, or one of their own on a server."""

from __future__ import annotations

import functools
import itertools
import os
import typing as t
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

SERVERS = {
    "sqlite": ("", ""),
    "postgresql": (
        "TEST_POSTGRESQL_URL",
        "postgresql+psycopg://postgres@127.0.0.1/postgres",
    ),
    "mariadb": ("TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1/"),
}
"""Database system -> environment variable with its server's address, and without it."""

_numbers = itertools.count(1)


def problem(system: str) -> str | None:
    """Say why a server can't be used; None if it can."""
    try:
        if system != "sqlite":
            _administer(system, "SELECT 1")
    except DBAPIError as e:
        variable, _ = SERVERS[system]
        return f"{system} ({variable}): {str(e.orig).splitlines()[0]}"
    return None


def _server(system: str) -> sa.URL:
    variable, default = SERVERS[system]
    return sa.make_url(os.environ.get(variable) or default)


@functools.cache
def _engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")


def _administer(system: str, *statements: str) -> None:
    with _engine(_server(system)).connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


class Database:
    """One database, empty at first."""

    def __init__(self, system: str, folder: Path) -> None:
        self.system = system
        name = f"benchmark_{os.getpid()}_{next(_numbers)}"
        if system == "sqlite":
            self._url = sa.URL.create("sqlite", database=str(folder / f"{name}.db"))
        else:
            self._url = _server(system).set(database=name)
            self._make()

    @property
    def url(self) -> str:
        """Its address, with everything that is needed to connect."""
        return self._url.render_as_string(hide_password=False)

    @property
    def dialect(self) -> str:
        """The name of SQLAlchemy's dialect, with the driver."""
        return self._url.drivername

    def _make(self) -> None:
        _administer(self.system, f"CREATE DATABASE {self._url.database}")

    def drop(self) -> None:
        """Remove it."""
        if self.system == "sqlite":
            Path(str(self._url.database)).unlink(missing_ok=True)
        else:
            _administer(self.system, f"DROP DATABASE IF EXISTS {self._url.database}")

    def empty(self) -> None:
        """Make it as new."""
        self.drop()
        if self.system != "sqlite":
            self._make()

    def described(self) -> dict[str, t.Any]:
        """The whole schema, for comparing; the version table left out."""
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        inspector = sa.inspect(engine)
        keys = inspector.get_multi_foreign_keys()
        indexes = inspector.get_multi_indexes()
        primary = inspector.get_multi_pk_constraint()
        return {
            name: {
                "columns": [
                    (c["name"], str(c["type"]), c["nullable"], c["default"])
                    for c in columns
                ],
                "primary key": primary[schema, name]["constrained_columns"],
                "foreign keys": sorted(
                    (key["constrained_columns"], key["referred_table"])
                    for key in keys[schema, name]
                ),
                "indexes": sorted(
                    (str(index["name"]), index["column_names"], bool(index["unique"]))
                    for index in indexes[schema, name]
                ),
            }
            for (schema, name), columns in inspector.get_multi_columns().items()
            if name != "alembic_version"
        }

    def versions(self) -> list[str]:
        """What the version table says; nothing if there is none."""
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return []
            query = "SELECT version_num FROM alembic_version"
            return sorted(connection.exec_driver_sql(query).scalars())

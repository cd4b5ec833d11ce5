"""Databases on servers that are emptied and used again: making one takes long."""

from __future__ import annotations

import contextlib
import itertools
import os

import sqlalchemy as sa

from support.systems import administer
from support.systems import administering
from support.systems import Server

_numbers = itertools.count(1)

POSTGRESQL_UNTOUCHED = """
SELECT s.setconfig = '{synchronous_commit=off}' AND d.datacl IS NULL
    AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname <> 'plpgsql')
    AND NOT EXISTS (SELECT 1 FROM pg_event_trigger)
    AND NOT EXISTS (SELECT 1 FROM pg_default_acl)
    AND NOT EXISTS (SELECT 1 FROM pg_publication)
    AND NOT EXISTS (SELECT 1 FROM pg_foreign_data_wrapper)
    AND NOT EXISTS (SELECT 1 FROM pg_largeobject_metadata)
    AND NOT EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE database = d.datname)
FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid
WHERE d.datname = current_database()
"""

POSTGRESQL_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

POSTGRESQL_EMPTY = """
DO $$ DECLARE name text; BEGIN
FOR name IN
    SELECT nspname FROM pg_namespace
    WHERE NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
LOOP
    EXECUTE 'DROP SCHEMA ' || quote_ident(name) || ' CASCADE';
END LOOP;
IF current_setting('server_version_num')::int >= 150000 THEN
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
ELSE
    CREATE SCHEMA public;
    GRANT ALL ON SCHEMA public TO PUBLIC;
END IF;
COMMENT ON SCHEMA public IS 'standard public schema';
END $$
"""


def new_name() -> str:
    """A name that no other process of tests uses."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return f"fa_{os.getpid()}_{worker}_{next(_numbers)}"


class Shelf:
    """The databases of one server that no test has at the moment."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._free: list[str] = []

    def take(self) -> str:
        """Give the name of an empty database."""
        if self._free:
            return self._free.pop()
        name = new_name()
        self.make(name)
        return name

    def give_back(self, name: str) -> None:
        """Take a database back, with all that a test has left in it."""
        if self.empty(name):
            self._free.append(name)
        else:
            self.remove(name)

    def clear(self) -> None:
        """Remove the databases from the server."""
        while self._free:
            self.remove(self._free.pop())

    def make(self, name: str) -> None:
        """Make a database."""
        raise NotImplementedError

    def empty(self, name: str) -> bool:
        """Make a database as new; false where that isn't worth the trouble."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Remove a database, also under the feet of connections that are left."""
        raise NotImplementedError


class PostgreSQLShelf(Shelf):
    """Making a database copies another one; its schemas are dropped instead."""

    def make(self, name: str) -> None:
        # No test pulls the plug, so none has to wait for the disk.
        setting = f'ALTER DATABASE "{name}" SET synchronous_commit = off'
        administer(self._server, f'CREATE DATABASE "{name}"', setting)

    def empty(self, name: str) -> bool:
        try:
            with administering(self._server, name) as run:
                ((untouched,),) = run(POSTGRESQL_END_SESSIONS, POSTGRESQL_UNTOUCHED)
                if untouched:
                    run(POSTGRESQL_EMPTY)
        except (sa.exc.DBAPIError, ValueError):
            return False
        return bool(untouched)

    def remove(self, name: str) -> None:
        administer(self._server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class MariaDBShelf(Shelf):
    """A database is no more than a folder, which is made anew."""

    def make(self, name: str) -> None:
        administer(self._server, f"CREATE DATABASE `{name}`")

    def empty(self, name: str) -> bool:
        self.remove(name, f"CREATE DATABASE `{name}`")
        return True

    def remove(self, name: str, *more: str) -> None:
        # A connection that a failed test left behind may hold a metadata lock, and DROP
        # would wait for it.
        query = f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
        with administering(self._server) as run:
            for (process,) in run(query):
                with contextlib.suppress(sa.exc.OperationalError):
                    run(f"KILL {process}")
            run(f"DROP DATABASE IF EXISTS `{name}`", *more)


SHELVES: dict[str, type[Shelf]] = {
    "postgresql": PostgreSQLShelf,
    "mariadb": MariaDBShelf,
}
_shelves: dict[str, Shelf] = {}


def shelf(server: Server) -> Shelf:
    """The shelf of a server."""
    if server.name not in _shelves:
        _shelves[server.name] = SHELVES[server.name](server)
    return _shelves[server.name]


def clear_shelves() -> None:
    """Remove all databases that were made."""
    for made in _shelves.values():
        made.clear()

"""How databases rename what Alembic has no operation for."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa

from .base import dotted

Kind: t.TypeAlias = t.Literal["index", "unique", "constraint"]


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A table, by the name that it has when the statement runs."""

    schema: str | None
    table: str


@dataclasses.dataclass(frozen=True, slots=True)
class Follower:
    """Something that a database named after a table and its columns.

    :param kind: ``sequence``, ``constraint`` or ``index``.
    """

    kind: str
    old: str
    new: str


class RenameStatements:
    """SQL that renames in place; here: none, so that things are dropped and made anew.

    :param dialect: Knows how names are quoted.
    """

    restates_columns = False
    """Whether ALTER COLUMN says all of a column again, with its AUTO_INCREMENT."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._quote = dialect.identifier_preparer.quote

    def _name(self, place: Place, name: str | None = None) -> str:
        own = place.table if name is None else name
        return dotted(self._quote, place.schema, own)

    def of_object(self, kind: Kind, place: Place, old: str, new: str) -> str | None:
        """Rename an index or a constraint; None where that can't be done."""
        return None

    def of_column(
        self, connection: sa.Connection, place: Place, old: str
    ) -> t.Callable[[str, str, Place], str] | None:
        """Find a way to rename a column that Alembic's ALTER COLUMN would change.

        :param place: The table as it is called in the database now.
        :return: None where Alembic's is right.
        """
        return None

    def of_follower(self, place: Place, kind: str, old: str, new: str) -> str:
        """Rename a follower."""
        raise NotImplementedError

    def followers(
        self,
        connection: sa.Connection,
        place: Place,
        new_table: str,
        new_columns: t.Mapping[str, str],
    ) -> list[Follower]:
        """Find what is named after a table, and what it would be named after the new.

        :param place: The table as it is called in the database now.
        :param new_columns: Old name -> new name, of those that are renamed.
        """
        return []

    def renamed_along(
        self, connection: sa.Connection, place: Place, new_table: str
    ) -> dict[str, str]:
        """What of a table gets another name from the database as soon as that does.

        :param place: The table as it is called in the database now.
        :return: Old name -> new name.
        """
        return {}


class PostgreSQLRenames(RenameStatements):
    """PostgreSQL renames everything.

    Sources: https://www.postgresql.org/docs/current/sql-alterindex.html and
    https://www.postgresql.org/docs/current/sql-altersequence.html
    """

    def of_object(self, kind: Kind, place: Place, old: str, new: str) -> str:
        """An index has its own statement, a constraint is its table's."""
        if kind == "index":
            name = self._name(place, old)
            return f"ALTER INDEX {name} RENAME TO {self._quote(new)}"
        return (
            f"ALTER TABLE {self._name(place)}"
            f" RENAME CONSTRAINT {self._quote(old)} TO {self._quote(new)}"
        )

    def of_follower(self, place: Place, kind: str, old: str, new: str) -> str:
        """Rename a primary key's constraint or a sequence."""
        if kind == "constraint":
            return self.of_object("constraint", place, old, new)
        name = self._name(place, old)
        return f"ALTER SEQUENCE {name} RENAME TO {self._quote(new)}"

    def followers(
        self,
        connection: sa.Connection,
        place: Place,
        new_table: str,
        new_columns: t.Mapping[str, str],
    ) -> list[Follower]:
        """Find sequences of serial and identity columns, and the primary key's name."""
        found: list[Follower] = []
        parameters = {"table": place.table, "schema": place.schema}
        for name, column in connection.execute(_SEQUENCES, parameters):
            new = f"{new_table}_{new_columns.get(column, column)}_seq"
            if name == f"{place.table}_{column}_seq" != new:
                found.append(Follower("sequence", name, new))
        for (name,) in connection.execute(_PRIMARY_KEY, parameters):
            new = f"{new_table}_pkey"
            if name == f"{place.table}_pkey" != new:
                found.append(Follower("constraint", name, new))
        longest = connection.dialect.max_identifier_length
        return [follower for follower in found if len(follower.new) <= longest]


_SEQUENCES = sa.text(
    "SELECT s.relname, a.attname FROM pg_class s"
    " JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass"
    " AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
    " JOIN pg_class t ON t.oid = d.refobjid"
    " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE s.relkind = 'S' AND t.relname = :table"
    " AND n.nspname = coalesce(:schema, current_schema()) ORDER BY s.relname"
)
_PRIMARY_KEY = sa.text(
    "SELECT c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'p' AND t.relname = :table"
    " AND n.nspname = coalesce(:schema, current_schema())"
)


class MySQLRenames(RenameStatements):
    """MySQL and MariaDB: indexes are renamed, and a column is said again as a whole."""

    restates_columns = True

    def of_object(self, kind: Kind, place: Place, old: str, new: str) -> str | None:
        """A unique constraint is an index.

        Source: https://mariadb.com/docs/server/reference/sql-statements/data-definition/alter/alter-table
        """
        if kind == "constraint":
            return None
        return (
            f"ALTER TABLE {self._name(place)}"
            f" RENAME INDEX {self._quote(old)} TO {self._quote(new)}"
        )

    def of_column(
        self, connection: sa.Connection, place: Place, old: str
    ) -> t.Callable[[str, str, Place], str] | None:
        """CHANGE loses a column's own CHECK, such as JSON's, and how it is generated."""
        (_, text) = connection.exec_driver_sql(
            f"SHOW CREATE TABLE {self._name(place)}".replace("%", "%%")
        ).one()[:2]
        begins = f"  `{old.replace('`', '``')}` "
        lines = [line for line in text.splitlines() if line.startswith(begins)]
        if not any(_UNSPOKEN.search(line.removeprefix(begins)) for line in lines):
            return None

        def statement(old: str, new: str, place: Place) -> str:
            return (
                f"ALTER TABLE {self._name(place)}"
                f" RENAME COLUMN {self._quote(old)} TO {self._quote(new)}"
            )

        return statement

    def followers(
        self,
        connection: sa.Connection,
        place: Place,
        new_table: str,
        new_columns: t.Mapping[str, str],
    ) -> list[Follower]:
        """Find the indexes that foreign keys without a name got from their column.

        Under another name than the column's they would look like indexes that no model
        has, and a foreign key in use lets none of its indexes be dropped.
        """
        if not new_columns:
            return []
        inspector = sa.inspect(connection)
        keys = inspector.get_foreign_keys(place.table, place.schema)
        first = {key["constrained_columns"][0] for key in keys}
        indexes = {
            str(index["name"]): index["column_names"][0]
            for index in inspector.get_indexes(place.table, place.schema)
        }
        return [
            Follower("index", old, new)
            for old, new in new_columns.items()
            if old in first and indexes.get(old) == old and new not in indexes
        ]

    def renamed_along(
        self, connection: sa.Connection, place: Place, new_table: str
    ) -> dict[str, str]:
        """Find the foreign keys without a name of their own.

        Source: https://dev.mysql.com/doc/refman/8.0/en/rename-table.html
        """
        keys = sa.inspect(connection).get_foreign_keys(place.table, place.schema)
        first, given = f"{place.table}_ibfk_", (str(key["name"]) for key in keys)
        return {
            name: f"{new_table}_ibfk_{name.removeprefix(first)}"
            for name in given
            if name.startswith(first) and name.removeprefix(first).isdecimal()
        }


_UNSPOKEN = re.compile(r"\b(CHECK|GENERATED|AS|INVISIBLE|COMPRESSED|SYSTEM)\b")

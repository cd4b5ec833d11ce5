"""What the caller and the models say outright of renames."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ..unchanged.view import left_out
from .view import Key

if t.TYPE_CHECKING:
    from ..refining import Refinement

WAS = "was"
"""The key in a column's or a table's ``info`` that holds its old name."""


class Words:
    """Reads ``renames=`` and ``info={"was": …}`` against one database and its models."""

    def __init__(self, refinement: Refinement) -> None:
        self._refinement = refinement
        self._autogen = refinement.autogen
        self._names = refinement.names
        self._default = refinement.autogen.dialect.default_schema_name
        self._said: t.Mapping[str, str] = refinement.choices.renames or {}
        self._models: dict[Key, sa.Table] = {
            (self.schema(table.schema), table.name): table
            for table in refinement.autogen.table_key_to_table.values()
        }

    def schema(self, name: str | None) -> str | None:
        """A schema as the comparison has it: None for the default one."""
        return None if name == self._default else name

    def knows(self, op: ops.CreateTableOp | ops.ModifyTableOps) -> bool:
        """Whether an operation is about a model's table, not about a plugin's."""
        return (self.schema(op.schema), op.table_name) in self._models

    def model(self, schema: str | None, name: str) -> sa.Table:
        """A model's table."""
        return self._models[schema, name]

    def column(self, key: Key, name: str) -> sa.Column[t.Any]:
        """A model's column, by its name in the database."""
        return next(c for c in self._models[key].columns if c.name == name)

    def spelled(self, key: Key) -> tuple[str, str]:
        """A table's old and new name, with the schema.

        :param key: The table's new one.
        """
        schema, new = key
        prefix = f"{schema}." if schema else ""
        return prefix + self._names.old_table(schema, new), prefix + new

    def in_database(self, schema: str | None) -> list[str]:
        """The tables that a database has."""
        names: list[str] = self._autogen.inspector.get_table_names(schema=schema)
        return names

    # -- tables ------------------------------------------------------------------------

    def tables(self) -> dict[Key, str]:
        """Renames of tables that were said outright."""
        found: dict[Key, str] = {}
        schemas = dict.fromkeys(schema for schema, _ in self._models)
        there = {schema: frozenset(self.in_database(schema)) for schema in schemas}
        for said, value in self._said.items():
            first, _, old = said.rpartition(".")
            schema, new = self.schema(first or None), value.rpartition(".")[2]
            if old in there.get(schema, ()) and (schema, new) in self._models:
                found[schema, old] = new
        for (schema, new), table in self._models.items():
            old = self._was(table.info, schema)
            if old in there[schema] and new not in there[schema]:
                found.setdefault((schema, old), new)
        return {
            key: new
            for key, new in found.items()
            if new not in there[key[0]] or (key[0], new) in found
        }

    def _was(self, info: t.Mapping[t.Any, t.Any], schema: str | None) -> str:
        """The old name that a model gives; a schema before it must be the table's."""
        said = str(info.get(WAS) or "")
        first, _, name = said.rpartition(".")
        return name if not first or self.schema(first) == schema else ""

    # -- columns -----------------------------------------------------------------------

    def columns(self) -> dict[Key, dict[str, str]]:
        """Renames of columns that were said outright."""
        found: dict[Key, dict[str, str]] = {}
        unchanged = left_out(self._autogen).tables
        for key, table in self._models.items():
            said = self._said_of(key)
            was = {} if key in unchanged else _was_of(table)
            if said or was:
                there = self._columns_there(key)
                own = {old: new for old, new in was.items() if new not in there}
                own = {**own, **self._meant(key, said, there)}
                own = {old: new for old, new in own.items() if old in there}
                own = {o: n for o, n in own.items() if n not in there or n in own}
                if own:
                    found[key] = own
        return found

    def _said_of(self, key: Key) -> list[tuple[str, str]]:
        """What ``renames=`` says below a table's old or new name.

        :return: The whole key, and the part below the table.
        """
        return [
            (said, said.removeprefix(f"{table}."))
            for said in self._said
            for table in dict.fromkeys(self.spelled(key))
            if said.startswith(f"{table}.")
        ]

    def _meant(
        self, key: Key, said: t.Iterable[tuple[str, str]], there: t.Collection[str]
    ) -> dict[str, str]:
        """Find the columns among what was said."""
        wanted = {column.name for column in self._models[key].columns}
        found: dict[str, str] = {}
        for whole, name in said:
            new = self._said[whole].rpartition(".")[2]
            if name in there and new in wanted:
                found[name] = new
        return found

    def _columns_there(self, key: Key) -> frozenset[str]:
        schema, table = key
        if table not in self.in_database(schema):
            return frozenset()
        columns = self._autogen.inspector.get_columns(table, schema=schema)
        return frozenset(column["name"] for column in columns)

    # -- what is there -----------------------------------------------------------------

    def finish(self) -> None:
        """Note what was understood, and what could have been said instead."""
        refinement = self._refinement
        for said, value in self._said.items():
            names = [said, *self._under_old_name(said)]
            new = value.rpartition(".")[2]
            if any(refinement.renames.get(name) == new for name in names):
                refinement.understood.add(said)
        refinement.renameable = tuple(self._offers())

    def _under_old_name(self, said: str) -> list[str]:
        """A column's name with its table's old name, if the new one was said."""
        table, _, column = said.rpartition(".")
        schema, _, name = table.rpartition(".")
        old, _ = self.spelled((self.schema(schema or None), name))
        return [f"{old}.{column}", f"{old.rpartition('.')[2]}.{column}"]

    def _offers(self) -> t.Iterator[str]:
        for op in self._refinement.ops.ops:
            if isinstance(op, ops.DropTableOp | ops.CreateTableOp):
                what = "gone" if isinstance(op, ops.DropTableOp) else "new"
                yield f"{self.spelled((op.schema, op.table_name))[1]} ({what})"
            elif isinstance(op, ops.ModifyTableOps):
                table = self.spelled((op.schema, op.table_name))[0]
                for inner in op.ops:
                    if isinstance(inner, ops.DropColumnOp):
                        yield f"{table}.{inner.column_name} (gone)"
                    elif isinstance(inner, ops.AddColumnOp):
                        yield f"{table}.{inner.column.name} (new)"


def _was_of(table: sa.Table) -> dict[str, str]:
    """Old name -> new name, as a model's columns say them."""
    return {
        str(column.info[WAS]).rpartition(".")[2]: column.name
        for column in table.columns
        # Looking at an info makes one.
        if "info" in vars(column) and column.info.get(WAS)
    }

"""The operations that rename the columns of one table."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops

from ....dialects.renamed import Place
from ..sql_text import verbatim
from .operations import RenameColumn
from .operations import RenameObject
from .order import in_order
from .view import Key

if t.TYPE_CHECKING:
    from ..refining import Refinement


class Columns:
    """Writes renames of a table's columns, which run after the table has its new name.

    :param key: The table's new one.
    """

    def __init__(self, refinement: Refinement, key: Key) -> None:
        schema, table = key
        self._live = refinement.context.live
        self._dialect = refinement.context.dialect
        self._place = Place(schema, table)
        self._found = Place(schema, refinement.names.old_table(schema, table))
        support = refinement.context.target.dialect
        self._statements = support.rename_statements(self._dialect)
        columns = sa.inspect(self._live).get_columns(self._found.table, schema=schema)
        self._columns: dict[str, t.Any] = {c["name"]: c for c in columns}

    def operations(self, renames: t.Mapping[str, str]) -> list[ops.MigrateOperation]:
        """Write them in an order in which each name is free when it is wanted."""
        done: list[ops.MigrateOperation] = []
        # In one batch a column is known by its first name: a second rename needs another.
        apart = any(new in renames for new in renames.values())
        was = {name: name for name in renames}
        for old, new in in_order(renames, self._columns):
            was[new] = was[old]
            op = self._operation(was[old], old, new)
            if isinstance(op, RenameObject):
                done.append(op)
            elif done and not apart and isinstance(done[-1], ops.ModifyTableOps):
                done[-1].ops.append(op)
            else:
                place = self._place
                done.append(ops.ModifyTableOps(place.table, [op], schema=place.schema))
        return done

    def _operation(self, found: str, old: str, new: str) -> ops.MigrateOperation:
        """Write one.

        :param found: The column's name in the database now.
        """
        statement = self._statements.of_column(self._live, self._found, found)
        if statement is not None:
            place = self._place
            return RenameObject(
                "column",
                place,
                old,
                new,
                lambda one, other: statement(one, other, place),
            )
        column = self._columns[found]
        more: dict[str, t.Any] = {}
        if self._statements.restates_columns and column.get("autoincrement"):
            more["autoincrement"] = True
        return RenameColumn(
            self._place.table,
            old,
            schema=self._place.schema,
            modify_name=new,
            existing_type=column["type"],
            existing_nullable=column["nullable"],
            existing_server_default=_default(column),
            existing_comment=column.get("comment"),
            **more,
        )


def _default(column: t.Mapping[str, t.Any]) -> t.Any:
    """A column's default; none for what isn't one, such as a serial column's."""
    text = column.get("default")
    if text is None or "computed" in column or "identity" in column:
        return False
    if str(text).startswith("nextval("):
        return False
    return sa.DefaultClause(sa.text(verbatim(str(text))))

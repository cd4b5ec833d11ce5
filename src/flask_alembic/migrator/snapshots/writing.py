"""The text of a snapshot: operations that make tables and rows.

Private names of Alembic that this file leans on, and what for:

=============================== ===================================================
``autogenerate.render.render_op``   an operation as Python
``autogenerate.render._repr_type``  a column's type as Python
=============================== ===================================================
"""

from __future__ import annotations

import copy
import textwrap
import typing as t

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import CompileError

from ...errors import SnapshotError
from . import rows as rows_room
from .contents import Contents
from .files import Sums
from .files import UPGRADE
from .rows import Row
from .rows import Rows

_MODULES = ("datetime", "decimal", "uuid")

_OPTIONS: t.Mapping[str, t.Any] = {
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "user_module_prefix": None,
    "render_as_batch": False,
    "render_item": None,
}


def write(
    contents: Contents, rows: Rows, sums: Sums, dialect: sa.Dialect, database: str
) -> str:
    """Write a file that makes what is there.

    :param rows: Those that it inserts.
    :raises SnapshotError: A row has a value that can't be written.
    """
    text = _Text(dialect)
    body = [*text.tables(contents.tables), *text.rows(contents, rows)]
    if rows:
        body += [f"op.execute({sql!r})" for sql in contents.counters]
    body = body or ["pass"]
    imports = {
        "import sqlalchemy as sa",
        "from alembic import op",
        *text.imports,
        *(f"import {name}" for name in _MODULES if any(f"{name}." in x for x in body)),
    }
    lines = [
        f'"""What the revisions leave in an empty database {_plain(database)!r}.',
        "",
        "Written and tried by 'flask db snapshot', which writes it anew: edit revisions,",
        "not this file.",
        '"""',
        "",
        *sorted(imports, key=lambda line: (not line.endswith(_MODULES), line)),
        "",
        f"snapshot_of = {_tuple(contents.heads)}",
        f"history = {sums.history!r}",
        f"files = {sums.files!r}",
    ]
    operations = textwrap.indent("\n".join(body), "    ")
    return "\n".join(lines) + f"\n{UPGRADE}):\n{operations}\n"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in " _-.")


def _tuple(ids: t.Iterable[str]) -> str:
    return f"({''.join(f'{id_!r}, ' for id_ in ids).rstrip()})"


class _Text:
    """Writes operations for one database system.

    :ivar imports: Lines that the text needs.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        context = MigrationContext.configure(dialect=dialect)
        self._context = AutogenContext(
            context, metadata=sa.MetaData(), opts=dict(_OPTIONS), autogenerate=False
        )

    @property
    def imports(self) -> set[str]:
        """Modules of SQLAlchemy's that types come from."""
        return set(self._context.imports)

    def tables(self, tables: t.Sequence[sa.Table]) -> t.Iterator[str]:
        """Make tables and indexes; references that go round in a circle come last."""
        sort: t.Any = sa.schema.sort_tables_and_constraints
        ordered = sort(list(tables))
        later: list[t.Any] = []
        for table, keys in ordered:
            # Where nothing can be added later, a name may come before what it means.
            if table is None and self._dialect.supports_alter:
                later += keys
        for table in tables:
            self._simplify(table)
        for table, _ in ordered:
            if table is not None:
                yield self._table(table, later)
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    yield self._rendered(ops.CreateIndexOp.from_index(index))
        for key in sorted(later, key=lambda key: (key.table.name, str(key.name))):
            yield self._rendered(ops.CreateForeignKeyOp.from_constraint(key))

    def _simplify(self, table: sa.Table) -> None:
        """Take away what reflection says without need."""
        for column in table.columns:
            column.type = self._neutral(column.type)
            if not column.primary_key:
                column.autoincrement = "auto"
        for index in table.indexes:
            index.unique = bool(index.unique)

    def _table(self, table: sa.Table, later: t.Collection[t.Any]) -> str:
        operation = ops.CreateTableOp.from_table(table)
        missing = {id(key) for key in later}
        operation.columns = [x for x in operation.columns if id(x) not in missing]
        first, *others = self._rendered(operation).splitlines()
        # Alembic leaves the layout to formatters.
        return "\n".join([first, *(f"    {x}" if x != ")" else x for x in others)])

    def _rendered(self, operation: ops.MigrateOperation) -> str:
        return "\n".join(
            line.rstrip() for line in render.render_op(self._context, operation)
        )

    def _neutral(self, kind: sa.types.TypeEngine[t.Any]) -> t.Any:
        """The type that every database knows, where it is the same here."""
        try:
            generic = kind.as_generic()
            same = self._sql(generic) == self._sql(kind)
        except (NotImplementedError, CompileError, AttributeError):
            return kind
        # The items of an array have a type of their own.
        return generic if same and not hasattr(kind, "item_type") else kind

    def _sql(self, kind: sa.types.TypeEngine[t.Any]) -> str:
        return kind.compile(dialect=self._dialect)

    # -- rows --------------------------------------------------------------------------

    def rows(self, contents: Contents, rows: Rows) -> t.Iterator[str]:
        """Insert rows, those that others refer to first.

        :raises SnapshotError: A value can't be written.
        """
        for table in contents.tables:
            found = rows.get(table.name)
            if not found:
                continue
            columns = [
                f"        sa.column({c.name!r}, {self._type(c, found, contents.typed)}),"
                for c in table.columns
                if c.name in found[0]
            ]
            yield "\n".join(
                [
                    "op.bulk_insert(",
                    f"    sa.table({table.name!r},",
                    *columns,
                    "    ),",
                    "    [",
                    *(f"        {self._row(table, row)}," for row in found),
                    "    ],",
                    ")",
                ]
            )

    def _type(self, column: sa.Column[t.Any], rows: list[Row], typed: bool) -> str:
        """The type that a column's values are sent as.

        :raises SnapshotError: They are of several types that the column doesn't name.
        """
        kind: t.Any = column.type
        if not typed:
            kind = rows_room.stored_type(row[column.name] for row in rows)
        if kind is None:
            raise _unwritten(f"{column.table.name}.{column.name}", "of several types")
        if isinstance(kind, sa.JSON):
            # None stands for NULL in these rows, not for a document.
            kind = copy.copy(kind)
            kind.none_as_null = True
        return str(render._repr_type(kind, self._context))

    def _row(self, table: sa.Table, row: Row) -> str:
        items = []
        for name, value in row.items():
            try:
                items.append(f"{name!r}: {rows_room.literal(value)}")
            except rows_room.UnwritableError as e:
                where = f"{table.name}.{name}"
                raise _unwritten(where, f"of the type {e.kind}") from None
        return f"{{{', '.join(items)}}}"


def _unwritten(where: str, what: str) -> SnapshotError:
    return SnapshotError(
        f"No snapshot was written: {where} holds values {what}, which can't be written"
        " as literals.",
        fix="Leave snapshots alone for this database.",
    )

"""The database is read all at once, before it is compared.

Alembic reads one schema at once and the others table by table, and most databases one
table at a time. Ours comes first and puts an inspector in place that knows the answers.
"""

from __future__ import annotations

import contextlib
import gc
import typing as t

import sqlalchemy as sa
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from alembic.util import PriorityDispatchResult

from ...dialects.bulk import BulkReflection
from ...dialects.bulk import describe
from ...dialects.bulk import Descriptions
from ...dialects.bulk import TableKey
from .renames.view import RenamedInspector

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps

    from ...dialects.base import DialectSupport
    from ..context import StepContext

_KEY = "flask_alembic_bulk"


class Bulk:
    """What was read of a database for one comparison, and for those that follow it.

    :param context: The database's.
    """

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self._found: BulkReflection | None = None

    def read(self, schemas: t.Collection[str | None]) -> None:
        """Read all tables, unless they have been read."""
        if self._found is None:
            kind = self._context.target.dialect.bulk_class
            self._found = kind(self._context.live)
            self._found.read(schemas)

    def inspector(self) -> sa.Inspector:
        """Make an inspector that has looked at nothing, and knows what was read."""
        if self._found is None:
            return sa.inspect(self._context.live)
        return self._found.inspector()

    @property
    def support(self) -> DialectSupport:
        """What is known of this kind of database."""
        return self._context.target.dialect

    def is_whole(self, table: TableKey) -> bool:
        """Whether what was read of a table is all that there is to compare."""
        return self._found is not None and self._found.is_whole(table)

    def describe(
        self, inspector: t.Any, schema: str | None, names: t.Sequence[str]
    ) -> Descriptions:
        """Tell what is known of tables.

        :param inspector: The comparison's.
        """
        if self._found is None or isinstance(inspector, RenamedInspector):
            return describe(inspector, schema, names)
        return self._found.describe(inspector, schema, names)

    def is_serial(self, column: str, default: str) -> bool:
        """Whether a default comes from a sequence that a column of this name owns."""
        return self._found is not None and self._found.is_serial(column, default)

    def reflect_column(self, reflect: t.Callable[..., None]) -> t.Callable[..., None]:
        """Let Alembic ask memory who owns a sequence, which it asks for each column.

        :param reflect: Alembic's own way.
        """

        def from_memory(inspector: t.Any, table: sa.Table, info: t.Any) -> None:
            reflect(_Sequences(inspector, self._found), table, info)

        return from_memory


@contextlib.contextmanager
def reading(opts: dict[str, t.Any], context: StepContext) -> t.Iterator[Bulk]:
    """Let comparisons in the block know what was read at once.

    :param opts: The migration context's; they are put back by the caller.
    """
    bulk = Bulk(context)
    opts[_KEY] = bulk
    impl: t.Any = context.impl
    impl.autogen_column_reflect = bulk.reflect_column(impl.autogen_column_reflect)
    # Thousands of columns are made and all are kept until the end: looking for garbage
    # among them takes a fifth of the time and finds none.
    collects = gc.isenabled()
    gc.disable()
    try:
        yield bulk
    finally:
        if collects:
            gc.enable()
        del impl.autogen_column_reflect


def inspector(autogen: AutogenContext) -> sa.Inspector:
    """Make an inspector for another comparison."""
    bulk: Bulk = autogen.opts[_KEY]
    return bulk.inspector()


def add_comparators(plugin: Plugin) -> None:
    """Come before everything that looks at the schemas."""
    plugin.add_autogenerate_comparator(
        _read, "schema", "flask_alembic_bulk", priority=DispatchPriority.FIRST
    )


def _read(
    autogen: AutogenContext, _: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    bulk: Bulk | None = autogen.opts.get(_KEY)
    # A second comparison has an inspector already, which renames.
    if bulk is not None and not isinstance(autogen.inspector, RenamedInspector):
        bulk.read(schemas)
        autogen.inspector = bulk.inspector()
    return PriorityDispatchResult.CONTINUE


class _Sequences:
    """An inspector whose connection knows the owners of sequences."""

    def __init__(self, inspector: t.Any, found: BulkReflection | None) -> None:
        self._inspector = inspector
        self._found = found

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._inspector, name)

    @contextlib.contextmanager
    def _operation_context(self) -> t.Iterator[t.Any]:
        with self._inspector._operation_context() as connection:
            yield _Owners(connection, self._found)


class _Owners:
    """A connection that answers which column owns a sequence."""

    def __init__(self, connection: t.Any, found: BulkReflection | None) -> None:
        self._connection = connection
        self._found = found

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def execute(self, statement: t.Any, parameters: t.Any = None) -> t.Any:
        """Answer from memory, or ask the database."""
        name = (parameters or {}).get("seqname")
        row = self._found.serial_owner(name) if name and self._found else None
        if row is None:
            return self._connection.execute(statement, parameters)
        return _Row(row)


class _Row(t.NamedTuple):
    """A result of one row."""

    row: tuple[str, str]

    def first(self) -> tuple[str, str]:
        """Give the row."""
        return self.row

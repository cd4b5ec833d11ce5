"""Operations that rename: they reverse, and are written as plain Alembic."""

from __future__ import annotations

import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import DropColumnOp
from alembic.operations.ops import DropTableOp
from alembic.operations.ops import ExecuteSQLOp
from alembic.operations.ops import RenameTableOp

from ....dialects.renamed import Place
from ..sql_text import verbatim


def _qualified(schema: str | None, table: str) -> str:
    return f"{schema}.{table}" if schema else table


class RenameTable(RenameTableOp):
    """A table's new name."""

    def reverse(self) -> RenameTable:
        """Give the old name back."""
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference, as Alembic's own operations do."""
        name = _qualified(self.schema, self.table_name)
        return ("rename_table", name, name, self.new_table_name)


class RenameColumn(AlterColumnOp):
    """A column's new name; its definition stays."""

    def reverse(self) -> RenameColumn:
        """Give the old name back."""
        assert self.modify_name is not None
        return RenameColumn(
            self.table_name,
            self.modify_name,
            schema=self.schema,
            modify_name=self.column_name,
            existing_type=self.existing_type,
            existing_nullable=self.existing_nullable,
            existing_server_default=t.cast("t.Any", self.existing_server_default),
            existing_comment=self.existing_comment,
            **self.kw,
        )

    def has_changes(self) -> bool:
        """There is a change, though Alembic doesn't count a name as one."""
        return True

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference."""
        table = _qualified(self.schema, self.table_name)
        name = f"{table}.{self.column_name}"
        return ("rename_column", table, name, self.modify_name)


class RenameObject(ExecuteSQLOp):
    """The new name of an index, a constraint, a sequence: SQL that says it.

    :param kind: What is renamed.
    :param place: Its table.
    :param statement: Writes the SQL from the old name and the new.
    """

    def __init__(
        self,
        kind: str,
        place: Place,
        old: str,
        new: str,
        statement: t.Callable[[str, str], str],
    ) -> None:
        super().__init__(verbatim(statement(old, new)))
        self.kind, self.old, self.new = kind, old, new
        self.place, self.table = place, _qualified(place.schema, place.table)
        self.statement = statement

    def reverse(self) -> RenameObject:
        """Give the old name back."""
        return RenameObject(self.kind, self.place, self.new, self.old, self.statement)

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference."""
        return (f"rename_{self.kind}", self.table, f"{self.table}.{self.old}", self.new)


class NotedDropColumn(DropColumnOp):
    """A dropped column with a note on what it may be instead."""

    notes: tuple[str, ...] = ()


class NotedDropTable(DropTableOp):
    """A dropped table with a note on what it may be instead."""

    notes: tuple[str, ...]


def note(op: DropColumnOp | DropTableOp, text: str) -> None:
    """Let a line stand above an operation in the file."""
    kind: t.Any = NotedDropColumn if isinstance(op, DropColumnOp) else NotedDropTable
    noted: t.Any = op
    noted.__class__ = kind
    noted.notes = (*getattr(noted, "notes", ()), text)


@renderers.dispatch_for(RenameTable)
def _render_rename_table(autogen: AutogenContext, op: RenameTable) -> str:
    prefix = autogen.opts["alembic_module_prefix"] or ""
    schema = f", schema={str(op.schema)!r}" if op.schema else ""
    names = f"{str(op.table_name)!r}, {str(op.new_table_name)!r}"
    return f"{prefix}rename_table({names}{schema})"


@renderers.dispatch_for(NotedDropColumn)
@renderers.dispatch_for(NotedDropTable)
def _render_noted(
    autogen: AutogenContext, op: NotedDropColumn | NotedDropTable
) -> list[str]:
    plain = DropColumnOp if isinstance(op, DropColumnOp) else DropTableOp
    lines = _registry_renderer(plain)(autogen, op)
    return [*(f"# {text}" for text in op.notes), lines]


def _registry_renderer(kind: type) -> t.Callable[..., str]:
    """What Alembic, or the application, has for operations of a class."""
    found: t.Callable[..., str] = renderers.dispatch(kind)
    return found

"""Operations on enums: they reverse, and are written as plain Alembic."""

from __future__ import annotations

import dataclasses
import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations.ops import AlterColumnOp
from alembic.operations.ops import MigrateOperation

from ....dialects.enums import ColumnKey
from ..required_operations import Stop
from ..sql_text import verbatim

Difference: t.TypeAlias = tuple[str, str, str, str, str]
"""``enum``, the change, table, name and note."""


@dataclasses.dataclass(frozen=True, slots=True)
class Statements:
    """One direction of a change.

    :param outside: Run outside of a transaction, before the others.
    """

    inside: t.Sequence[str] = ()
    outside: t.Sequence[str] = ()


class ChangeEnum(MigrateOperation):
    """SQL that changes a type, and the SQL that undoes it.

    :param differences: What is shown of it.
    :param columns: Those that the SQL drops, or changes the type of.
    :param beside: The operation that it prepares, or cleans up behind.
    """

    def __init__(
        self,
        forward: Statements,
        back: Statements,
        differences: t.Sequence[Difference] = (),
        columns: t.Sequence[ColumnKey] = (),
        beside: MigrateOperation | None = None,
    ) -> None:
        self.forward, self.back, self.columns = forward, back, columns
        self.differences, self.beside = list(differences), beside

    def reverse(self) -> ChangeEnum:
        """Run the other SQL."""
        return ChangeEnum(self.back, self.forward)

    def to_diff_tuple(self) -> t.Any:
        """Say it as differences."""
        return self.differences


class HeldValues(Stop):
    """The revision ends here where rows have a value that goes."""

    def __init__(self, column: str, query: str, message: str, comment: str) -> None:
        super().__init__(column, query, message)
        self.comment = comment


class ConvertColumn(AlterColumnOp):
    """A change of type that has to be told how values get the other type.

    :ivar using: SQL for the column's values in the new type.
    :ivar using_back: The same for the old one.
    """

    using: str
    using_back: str

    def reverse(self) -> ConvertColumn:
        """Convert back."""
        back = t.cast(ConvertColumn, super().reverse())
        return converting(back, self.using_back, self.using)


def converting(op: AlterColumnOp, using: str, back: str) -> ConvertColumn:
    """Let a change of type say how values are converted."""
    made = t.cast(ConvertColumn, op)
    t.cast(t.Any, op).__class__ = ConvertColumn
    made.using, made.using_back = using, back
    made.kw = {**made.kw, "postgresql_using": using}
    return made


@renderers.dispatch_for(ChangeEnum)
def _render_change(autogen: AutogenContext, op: ChangeEnum) -> list[str]:
    module = autogen.opts["alembic_module_prefix"] or ""
    lines: list[str] = []
    if op.forward.outside:
        lines.append(f"with {module}get_context().autocommit_block():")
        lines += [f"{module}execute({verbatim(x)!r})" for x in op.forward.outside]
        lines.append("")
    return lines + [f"{module}execute({verbatim(x)!r})" for x in op.forward.inside]


@renderers.dispatch_for(ConvertColumn)
def _render_convert(autogen: AutogenContext, op: ConvertColumn) -> str:
    render: t.Callable[..., str] = renderers.dispatch(AlterColumnOp)
    text = render(autogen, op)
    if op.modify_type is None or "postgresql_using" in text:
        return text
    return f"{text[:-1]},\n{' ' * 11}postgresql_using={op.using!r})"


@Operations.implementation_for(ChangeEnum)
def _run_change(operations: Operations, op: ChangeEnum) -> None:
    """Show the SQL of a draft."""
    if op.forward.outside:
        with operations.get_context().autocommit_block():
            for sql in op.forward.outside:
                operations.execute(verbatim(sql))
    for sql in op.forward.inside:
        operations.execute(verbatim(sql))

"""What an upgrade does and what undoes it, where the one doesn't follow from the other."""

from __future__ import annotations

import typing as t

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import Operations
from alembic.operations import ops

from .sql_text import verbatim

Differences: t.TypeAlias = t.Sequence[tuple[t.Any, ...]]


class Ways(ops.MigrateOperation):
    """An operation and the one that undoes it; without one, nothing is done.

    :param forth: What is done in the upgrade.
    :param back: What is done in the downgrade.
    :param differences: What is shown of it, if that isn't what is done.
    """

    def __init__(
        self,
        forth: ops.MigrateOperation | None = None,
        back: ops.MigrateOperation | None = None,
        *,
        differences: Differences | None = None,
    ) -> None:
        self.forth, self.back, self.differences = forth, back, differences

    @property
    def both(self) -> tuple[ops.MigrateOperation, ...]:
        """What is done, in either direction."""
        return tuple(op for op in (self.forth, self.back) if op is not None)

    def reverse(self) -> Ways:
        """Do the other one."""
        return Ways(self.back, self.forth)

    def to_diff_tuple(self) -> t.Any:
        """Say the difference."""
        if self.differences is not None:
            return list(self.differences)
        return [] if self.forth is None else t.cast(t.Any, self.forth).to_diff_tuple()


class Sql(ops.ExecuteSQLOp):
    """SQL as it stands."""

    def __init__(self, sql: str) -> None:
        super().__init__(verbatim(sql))
        self.sql = sql

    def reverse(self) -> Ways:
        """Nothing: what undoes it isn't known."""
        return Ways()

    def to_diff_tuple(self) -> tuple[t.Any, ...]:
        """Say it as a difference."""
        return ("execute", self.sql)


class BothWays(Ways):
    """SQL, and the SQL of its way back.

    :param sql: Empty where there is nothing to do, ``back`` as well.
    :param differences: What is shown of it.
    """

    def __init__(self, sql: str, back: str, differences: Differences = ()) -> None:
        forth, undo = (Sql(text) if text else None for text in (sql, back))
        super().__init__(forth, undo, differences=differences)


def shown(op: ops.MigrateOperation) -> ops.MigrateOperation | None:
    """What is done of an operation in this direction; None for nothing."""
    return op.forth if isinstance(op, Ways) else op


def taken(op: ops.MigrateOperation) -> Ways:
    """Only show an operation that another one does already, in both directions."""
    differences = t.cast(t.Any, op).to_diff_tuple()
    several = differences if isinstance(differences, list) else [differences]
    return Ways(differences=several)


@renderers.dispatch_for(Ways)
def _render(autogen: AutogenContext, op: Ways) -> str | list[str]:
    if op.forth is None:
        return []
    render: t.Callable[..., str | list[str]] = renderers.dispatch(op.forth)
    return render(autogen, op.forth)


@Operations.implementation_for(Ways)
def _run(operations: Operations, op: Ways) -> None:
    if op.forth is not None:
        operations.invoke(op.forth)

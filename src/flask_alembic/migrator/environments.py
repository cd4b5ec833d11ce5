"""Where databases are met: on our own connections, or through an env.py."""

from __future__ import annotations

import dataclasses
import typing as t

from sqlalchemy.exc import DBAPIError

from ..results import Database
from . import databases
from . import heads as heads_room
from .databases import Target
from .live import leaving_no_transaction
from .live import Live
from .runs import Run

Names: t.TypeAlias = "t.Collection[str] | None"
Visitor: t.TypeAlias = "t.Callable[[tuple[str, ...], t.Any], object]"


@dataclasses.dataclass(frozen=True, slots=True)
class Applied:
    """What a database says of itself.

    :param error: Its version table can't be read, though it is there.
    """

    database: Database
    heads: tuple[str, ...]
    error: DBAPIError | None = None


class Environment(t.Protocol):
    """What commands need of the databases."""

    def applied(self, names: Names) -> list[Applied]:
        """Read the version tables, and change nothing."""
        ...

    def visit(self, fn: Visitor, names: Names) -> None:
        """Call with the heads and the migration context of each database."""
        ...

    def execute(self, fn: t.Any, kwargs: t.Mapping[str, t.Any], run: Run) -> None:
        """Run what ``fn`` plans."""
        ...


class Managed:
    """Connections of our own, configured from Flask."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def applied(self, names: Names) -> list[Applied]:
        """Read the version tables; one SELECT each, without Alembic."""
        chosen = databases.select(self._live.targets(), names)
        return [self._read(target) for target in chosen.values()]

    def _read(self, target: Target) -> Applied:
        database = target.describe()
        try:
            with self._live.reading(target) as connection:
                heads = heads_room.applied_heads(connection, self._live.settings)
        except heads_room.UnreadableError as e:
            return Applied(database, (), e.cause)
        return Applied(database, heads)

    def visit(self, fn: Visitor, names: Names) -> None:
        """Call with each live context, and leave no transaction behind."""
        for context in self._live.get_contexts(names).values():
            with leaving_no_transaction(context.live):
                fn(context.get_current_heads(), context)

    def execute(self, fn: t.Any, kwargs: t.Mapping[str, t.Any], run: Run) -> None:
        """Run on the live contexts."""
        from .execute import execute

        execute(self._live.get_contexts(run.names), fn, kwargs, run)


def environment_of(live: Live) -> Environment:
    """The environment that the configuration stands for."""
    if live.scripted:
        from .scripted import Scripted

        return Scripted(live)
    return Managed(live)

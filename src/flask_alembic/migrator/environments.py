"""Where databases are met: on our own connections, or through an env.py."""

from __future__ import annotations

import typing as t

from sqlalchemy.exc import DBAPIError

from ..errors import MigrationError
from . import databases
from .live import leaving_no_transaction

if t.TYPE_CHECKING:
    from ..results import Database
    from ..results import RecordedStep
    from .databases import Target
    from .live import Live
    from .runs import Run

Names: t.TypeAlias = "t.Collection[str] | None"
Visitor: t.TypeAlias = "t.Callable[[tuple[str, ...], t.Any], object]"
Records: t.TypeAlias = "dict[str, tuple[RecordedStep, ...]]"


class Applied:
    """What a database says of itself.

    :param error: It can't be asked, and that is why.
    :param reason: The same in one line, without a password.
    :param reachable: Whether only its version table can't be read.
    """

    def __init__(
        self,
        database: Database,
        heads: tuple[str, ...] = (),
        *,
        error: Exception | None = None,
        reason: str = "",
        reachable: bool = True,
    ) -> None:
        self.database = database
        self.heads = heads
        self.error = error
        self.reason = reason
        self.reachable = reachable


def unanswered(target: Target, error: Exception, *, reachable: bool) -> Applied:
    """What is known of a database that can't be asked."""
    lost = getattr(error, "connection_invalidated", False)
    return Applied(
        target.describe(),
        error=error,
        reason=databases.reason(error, target.engine),
        reachable=reachable and not lost,
    )


class Environment:
    """What commands need of the databases."""

    def applied(self, names: Names) -> list[Applied]:
        """Read the version tables, and change nothing."""
        raise NotImplementedError

    def records(self, names: Names) -> Records:
        """Read what is on record of each database."""
        raise NotImplementedError

    def visit(self, fn: Visitor, names: Names) -> None:
        """Call with the heads and the migration context of each database."""
        raise NotImplementedError

    def execute(self, fn: t.Any, kwargs: t.Mapping[str, t.Any], run: Run) -> None:
        """Run what ``fn`` plans."""
        raise NotImplementedError


class Managed(Environment):
    """Connections of our own, configured from Flask."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def applied(self, names: Names) -> list[Applied]:
        """Read the version tables; one SELECT each, without Alembic."""
        chosen = databases.select(self._live.targets(), names)
        return [self._read(target) for target in chosen.values()]

    def _read(self, target: Target) -> Applied:
        from . import heads as heads_room

        settings, connected = self._live.settings, False
        try:
            with self._live.reading(target) as connection:
                connected = True
                heads = heads_room.applied_heads(connection, settings)
        except MigrationError:
            raise
        except heads_room.UnreadableError as e:
            return unanswered(target, e.cause, reachable=True)
        except Exception as e:
            # Not every driver's errors are SQLAlchemy's while it connects.
            if connected and not isinstance(e, DBAPIError):
                raise
            return unanswered(target, e, reachable=connected)
        return Applied(target.describe(), heads)

    def records(self, names: Names) -> Records:
        """Read the tables beside the version tables, without Alembic."""
        from .deploys import record

        settings = self._live.settings
        place = settings.version_table, settings.version_table_schema
        found: Records = {}
        for name, target in databases.select(self._live.targets(), names).items():
            with self._live.reading(target) as connection:
                found[name] = record.read(connection, name, *place)
        return found

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

"""The application's databases beside the one that an env.py is at.

Which of them env.py comes to isn't known before it does, and its connections are its own.
So each is looked at on a connection of ours, which is closed after the look.
"""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from sqlalchemy.pool import QueuePool

from ... import databases
from ...databases import Target

if t.TYPE_CHECKING:
    from ...live import Live

logger = logging.getLogger(__name__)

R = t.TypeVar("R")


class Beside:
    """Looks at databases that nobody is connected to; one that can't be is left out."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._known: dict[str, Target] | None = None

    def targets(self, engine: sa.Engine) -> list[Target]:
        """The databases that can be looked at; none if env.py's isn't one of them.

        It might be any of them then, under an address of env.py's own.

        :param engine: The one that env.py is connected by.
        """
        known = self._targets()
        others = [
            target
            for target in known.values()
            if not databases.same_place(target.engine, engine)
        ]
        if len(others) == len(known):
            return []
        return [target for target in others if _can_connect(target)]

    def _targets(self) -> dict[str, Target]:
        if self._known is None:
            self._known = self._find()
        return self._known

    def _find(self) -> dict[str, Target]:
        settings = self._live.settings.replace(binds=True)
        try:
            metadatas, engines = self._live.owner.known_databases()
            return databases.resolve(metadatas, engines, settings)
        except Exception as e:
            # An env.py may do without what would be needed here.
            logger.debug("No other databases for renames: %s.", type(e).__name__)
            return {}

    def look(self, target: Target, read: t.Callable[[sa.Connection], R]) -> R | None:
        """Read from a database; None if that fails, now and from then on."""
        if target.name not in self._targets():
            return None
        # The application's pool may have no connection left beside env.py's.
        engine = databases.engine_like(target.engine)
        try:
            with engine.connect() as connection:
                return read(connection)
        except Exception as e:
            # A draft doesn't depend on it; not every driver's errors are SQLAlchemy's.
            reason = databases.reason(e, engine)
            logger.debug("%r isn't looked at for renames: %s", target.name, reason)
            del self._targets()[target.name]
            return None


def _can_connect(target: Target) -> bool:
    """Whether there can be a connection of ours beside the application's."""
    # An asynchronous engine is none of SQLAlchemy's Engine.
    return (
        isinstance(target.source, sa.Engine)
        and target.dialect.exists(target.engine)
        and isinstance(target.engine.pool, (QueuePool, NullPool))
        and not target.dialect.lives_in_connection(target.engine)
    )

"""Hear what the connection of a run does, once for all of its revisions."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

if t.TYPE_CHECKING:
    from .recorder import Recorder


class Listening(contextlib.AbstractContextManager["Listening"]):
    """Listens to a connection in its block, and tells the recorder, if there is one.

    :ivar recorder: Of the revision whose function runs.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.recorder: Recorder | None = None
        self._listeners: dict[str, tuple[t.Callable[..., t.Any], dict[str, bool]]] = {
            "before_cursor_execute": (self._before, {"retval": True}),
            "after_cursor_execute": (self._after, {}),
            "commit": (self._on_commit, {}),
        }

    def __enter__(self) -> t.Self:
        for name, (listener, options) in self._listeners.items():
            event.listen(self._connection, name, listener, **options)
        return self

    def __exit__(self, *_: object) -> None:
        for name, (listener, _options) in self._listeners.items():
            event.remove(self._connection, name, listener)

    def _before(
        self,
        _: sa.Connection,
        cursor: t.Any,
        sql: str,
        parameters: t.Any,
        context: t.Any,
        executemany: bool,
    ) -> tuple[str, t.Any]:
        if self.recorder is None:
            return sql, parameters
        return self.recorder.before(cursor, sql, parameters, context, executemany)

    def _after(
        self,
        _: sa.Connection,
        cursor: t.Any,
        sql: str,
        parameters: t.Any,
        context: t.Any,
        executemany: bool,
    ) -> None:
        if self.recorder is not None:
            self.recorder.after(cursor, context)

    def _on_commit(self, _: sa.Connection) -> None:
        if self.recorder is not None:
            self.recorder.committing()

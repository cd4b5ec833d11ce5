"""What connections send to their database, noted below everything that is tested."""

from __future__ import annotations

import contextlib
import functools
import typing as t

import sqlalchemy as sa
from sqlalchemy import event

# What begins and ends transactions not all drivers send as statements.
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "--")


@contextlib.contextmanager
def noting_statements() -> t.Iterator[list[str]]:
    """Give a list that grows with each statement of connections opened in the block."""
    sent: list[str] = []

    def note(statement: t.Any) -> None:
        if isinstance(statement, bytes | bytearray):
            statement = statement.decode(errors="replace")
        text = " ".join(str(statement).split())
        if not text.upper().startswith(CONTROL):
            sent.append(text)

    listen = functools.partial(_listen, note)
    event.listen(sa.Pool, "connect", listen)
    try:
        yield sent
    finally:
        event.remove(sa.Pool, "connect", listen)


def _listen(note: t.Callable[[t.Any], None], driver: t.Any, _: t.Any) -> None:
    if hasattr(driver, "set_trace_callback"):
        driver.set_trace_callback(note)
    elif hasattr(driver, "cursor_factory"):
        base = driver.cursor_factory

        class Noting(base):  # type: ignore[valid-type, misc]
            def execute(self, query: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
                note(query)
                return super().execute(query, *args, **kwargs)

        driver.cursor_factory = Noting
    else:
        send = driver.query

        def query(sql: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
            note(sql)
            return send(sql, *args, **kwargs)

        driver.query = query

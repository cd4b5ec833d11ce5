"""What is to be done when a pool gets a connection back."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa


def on_return(
    connection: sa.Connection, callback: t.Callable[[t.Any], object]
) -> t.Callable[[], None] | None:
    """Call with the driver's connection when it is given back, whoever does that.

    :return: Takes the callback back; a connection may be used for many runs before.
        None where there is no pool to tell.
    """
    # Private, the name that SQLAlchemy's default dialect uses for the same.
    record = getattr(connection.connection, "_connection_record", None)
    if record is None:
        return None
    callbacks = record.finalize_callback
    callbacks.append(callback)

    def forget() -> None:
        with contextlib.suppress(ValueError):
            callbacks.remove(callback)

    return forget

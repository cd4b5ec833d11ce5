"""Which errors come from waiting for a lock in vain, and what may be tried again."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa


class Repeats:
    """What one connection may try again after waiting for a lock; here: nothing."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def waited(self, error: BaseException) -> bool:
        """Whether a driver's error says that a lock wasn't to be had."""
        return False

    def statement(self, error: BaseException, sql: str) -> bool:
        """Whether a statement that failed so may be tried again by itself."""
        return False

    def before(self, sql: str) -> None:
        """Make ready for a statement; before each try."""

    def done(self, sql: str) -> None:
        """A statement has run, or is one for many rows, which is never tried again."""

    def blockers(self, sql: str | None) -> str:
        """Say which sessions are in the way of a statement; "" if that isn't known."""
        return ""

    def end(self) -> None:
        """Listen no longer."""


def error_code(error: BaseException, *names: str) -> t.Any:
    """The first attribute that a driver's error has of these."""
    return next((v for n in names if (v := getattr(error, n, None)) is not None), None)

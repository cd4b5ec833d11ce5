"""Real transactions around a run, where the application has switched them off."""

from __future__ import annotations

import contextlib
import functools
import typing as t

import sqlalchemy as sa

from .base import ConnectionSetup
from .returning import on_return


class TransactionalSetup(ConnectionSetup):
    """Takes a connection out of AUTOCOMMIT for a run, so that it can be rolled back.

    SQLAlchemy goes on to believe in AUTOCOMMIT, but sends COMMIT and ROLLBACK all the
    same. A block of Alembic's sets the level by itself, and sets a real one after it.
    """

    @contextlib.contextmanager
    def run(self) -> t.Iterator[None]:
        """Surround a run, whose transactions are the database's own."""
        connection = self.connection
        driver = t.cast("t.Any", connection.connection.dbapi_connection)
        level = connection.dialect.default_isolation_level
        if self.callers or level is None or not is_autocommit(driver):
            yield
            return
        put_back = functools.partial(_switch_to, connection.dialect, "AUTOCOMMIT")
        # For a connection that is given back in the middle of a transaction.
        forget = on_return(connection, put_back)
        _switch_to(connection.dialect, level, driver)
        try:
            yield
        finally:
            if not (
                connection.closed
                or connection.invalidated
                or connection.in_transaction()
            ):
                put_back(driver)
                if forget is not None:
                    forget()


def is_autocommit(driver: t.Any) -> bool:
    """Whether a driver's connection has no transactions.

    :param driver: The driver's connection.
    """
    # MySQL's drivers have a method of that name, which sets it.
    ask = getattr(driver, "get_autocommit", None)
    return bool(ask() if ask else getattr(driver, "autocommit", False))


def _switch_to(dialect: sa.Dialect, level: t.Any, driver: t.Any) -> None:
    # What SQLAlchemy knows nothing of, such as a look at a setting, may have begun a
    # transaction: within one no driver changes its level.
    driver.rollback()
    dialect.set_isolation_level(driver, level)

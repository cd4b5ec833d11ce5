"""What the extension's constructor does with what it is given, and with loggers."""

from __future__ import annotations

import logging
import sys
import typing as t

import sqlalchemy as sa


def keyed(value: t.Any) -> dict[str, t.Any]:
    """Give a single value the key "default"; copy a dict."""
    if value is None:
        return {}
    return dict(value) if isinstance(value, t.Mapping) else {"default": value}


def check_engines(engines: t.Mapping[str, t.Any]) -> None:
    """Refuse what can't be connected to.

    :raises TypeError: Says what is accepted.
    """
    for name, engine in engines.items():
        below = getattr(engine, "sync_engine", None)
        # An AsyncConnection has a "sync_engine", too; only engines can be disposed of.
        of_async = isinstance(below, sa.Engine) and hasattr(engine, "dispose")
        if not of_async and not isinstance(engine, (sa.Engine, sa.Connection)):
            raise TypeError(
                f"'engines' got {type(engine).__name__} for {name!r}; accepted are an"
                " Engine, an AsyncEngine, a Connection, or a dict of these by name."
            )


def show_log_lines() -> None:
    """Give the loggers of Alembic and SQLAlchemy a handler, if they have none."""
    _log_to_stderr("sqlalchemy", logging.WARNING)
    if _log_to_stderr("alembic", logging.INFO):
        # One line for each of its plugins, at each comparison.
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def _log_to_stderr(name: str, level: int) -> bool:
    """Give a logger a handler, if nothing else would handle its lines."""
    found = logging.getLogger(name)
    if not all(isinstance(h, logging.NullHandler) for h in _handlers(found)):
        return False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)-5.5s [%(name)s] %(message)s"))
    found.setLevel(level)
    found.addHandler(handler)
    return True


def _handlers(found: logging.Logger) -> t.Iterator[logging.Handler]:
    """The handlers of a logger and of those it inherits from."""
    at: logging.Logger | None = found
    while at is not None:
        yield from at.handlers
        at = at.parent if at.propagate else None

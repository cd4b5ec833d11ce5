"""Logging while an env.py runs: what its ini file sets up lasts that long, and no longer.

The usual env.py calls ``fileConfig``, which turns off every logger that the ini file
doesn't name, closes every handler and takes the root's away. That is right for a
program of its own, and wrong inside an application. Inside :func:`keeping_loggers`

- loggers that the ini names are as it says,
- all others stay as the application has them, and so do their handlers,
- the root keeps the application's level and handlers and gets the ini's beside them;
  one for the terminal only if the application has none there,

and afterwards everything that ``fileConfig`` changed is as it was before.
"""

from __future__ import annotations

import configparser
import contextlib
import logging
import logging.config
import os
import sys
import threading
import typing as t
from contextvars import ContextVar

_protected: ContextVar[bool] = ContextVar("protected", default=False)
_lock = threading.RLock()
_file_config = logging.config.fileConfig
# Private there: the lock and the lists of handlers that ``fileConfig`` works with.
_logging = t.cast(t.Any, logging)
_runs: list[object] = []
_changes: list[_Change] = []


_State: t.TypeAlias = tuple[int, tuple[logging.Handler, ...], bool, bool]
"""How a logger is set up: level, handlers, whether it propagates, whether it's off."""

_Snapshot: t.TypeAlias = dict[logging.Logger, _State]

_NEW: _State = (logging.NOTSET, (), True, False)


def _state(logger: logging.Logger) -> _State:
    handlers = tuple(logger.handlers)
    return logger.level, handlers, bool(logger.propagate), bool(logger.disabled)


def _restore(logger: logging.Logger, state: _State) -> None:
    """Set a logger up again; most are as they were."""
    if _state(logger) == state:
        return
    level, handlers, propagate, disabled = state
    logger.setLevel(level)
    logger.handlers[:] = handlers
    logger.propagate = propagate
    logger.disabled = disabled


class _Change:
    """What one call of ``fileConfig`` did."""

    def __init__(self, before: _Snapshot, after: _Snapshot) -> None:
        self._before = before
        self._after = after

    def undo(self) -> None:
        """Put back what nothing else has changed since."""
        for logger, state in self._after.items():
            if _state(logger) == state:
                _restore(logger, self._before.get(logger, _NEW))
        for handler in _handlers(self._after) - _handlers(_snapshot()):
            handler.close()


@contextlib.contextmanager
def keeping_loggers() -> t.Iterator[None]:
    """Keep the application's loggers as they are, whatever ``fileConfig`` is told."""
    token, run = _protected.set(True), object()
    with _lock:
        if not _runs:
            logging.config.fileConfig = _gentle_file_config
        _runs.append(run)
    try:
        yield
    finally:
        _protected.reset(token)
        with _lock:
            _runs.remove(run)
            if not _runs:
                # Not before: another thread's env.py may have built on this one's.
                _leave()


def _leave() -> None:
    if logging.config.fileConfig is _gentle_file_config:
        logging.config.fileConfig = _file_config
    while _changes:
        _changes.pop().undo()


def _gentle_file_config(
    fname: t.Any,
    defaults: t.Any = None,
    disable_existing_loggers: bool = True,
    encoding: str | None = None,
) -> None:
    """Do what ``fileConfig`` does, to the loggers that the file names alone."""
    parser = _parse(fname, defaults, encoding) if _protected.get() else None
    if parser is None:
        _file_config(fname, defaults, disable_existing_loggers, encoding)
        return
    with _lock, _logging._lock:
        before = _snapshot()
        with _shelved_handlers():
            _file_config(parser, disable_existing_loggers=False)
        named = _named(parser)
        for logger, state in before.items():
            if logger is logging.root:
                _share_root(state)
            elif logger.name not in named:
                _restore(logger, state)
        _changes.append(_Change(before, _snapshot()))


def _parse(
    source: t.Any, defaults: t.Any, encoding: str | None
) -> configparser.RawConfigParser | None:
    """Read the file; None if ``fileConfig`` had better say what is wrong with it."""
    if isinstance(source, configparser.RawConfigParser):
        return source
    parser = configparser.ConfigParser(defaults)
    if hasattr(source, "readline"):
        parser.read_file(source)
        return parser
    try:
        parser.read(os.fspath(source), encoding=encoding or "locale")
    except (configparser.Error, TypeError):
        return None
    return parser if parser.has_section("loggers") else None


def _named(parser: configparser.RawConfigParser) -> set[str]:
    """The loggers that a file sets up, by name."""
    keys = [key.strip() for key in parser.get("loggers", "keys").split(",")]
    return {parser.get(f"logger_{key}", "qualname") for key in keys if key != "root"}


def _share_root(before: _State) -> None:
    """Let the application and the ini file both have the root logger's lines."""
    level, handlers, _, _ = before
    own = [h for h in handlers if not isinstance(h, logging.NullHandler)]
    if not own:
        return
    shown = any(_on_terminal(handler) for handler in own)
    added = [h for h in logging.root.handlers if not (shown and _on_terminal(h))]
    logging.root.handlers[:] = [*handlers, *added]
    logging.root.setLevel(level)


def _on_terminal(handler: logging.Handler) -> bool:
    """Whether lines go to standard output or standard error."""
    streams = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return getattr(handler, "stream", None) in streams


def _snapshot() -> _Snapshot:
    known = list(logging.root.manager.loggerDict.values())
    loggers = [logging.root, *(x for x in known if isinstance(x, logging.Logger))]
    return {logger: _state(logger) for logger in loggers}


def _handlers(snapshot: _Snapshot) -> set[logging.Handler]:
    return {handler for state in snapshot.values() for handler in state[1]}


@contextlib.contextmanager
def _shelved_handlers() -> t.Iterator[None]:
    """Hide the handlers that exist: ``fileConfig`` closes all that it sees."""
    by_name, listed = dict(_logging._handlers), list(_logging._handlerList)
    _logging._handlers.clear()
    del _logging._handlerList[:]
    try:
        yield
    finally:
        _logging._handlerList[:0] = listed
        for name, handler in by_name.items():
            _logging._handlers.setdefault(name, handler)

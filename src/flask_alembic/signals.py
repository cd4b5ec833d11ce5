"""Signals that an application can connect to; the sender is the Flask application.

What a receiver raises is logged: whoever only watches can't be the reason for a
rollback.
"""

from __future__ import annotations

import logging
import typing as t

from blinker import Namespace
from flask import current_app

if t.TYPE_CHECKING:
    from blinker import NamedSignal

    from .results import Event
    from .results import Report

__all__ = [
    "after_revision",
    "after_run",
    "before_revision",
    "before_run",
    "retrying",
    "run_failed",
    "waiting_for_lock",
]

logger = logging.getLogger(__name__)

_signals = Namespace()

before_run = _signals.signal("before-run")
"""An upgrade, downgrade or stamp begins. Sends ``command``."""

after_run = _signals.signal("after-run")
"""It has ended well. Sends ``command`` and ``report``."""

run_failed = _signals.signal("run-failed")
"""It has failed instead. Sends ``command``, ``report`` and ``error``."""

before_revision = _signals.signal("before-revision")
"""A revision begins on one database. Sends ``event``, ``database``, ``step``."""

after_revision = _signals.signal("after-revision")
"""It has ended, well or not. Sends ``event``, ``database``, ``step``, ``result``."""

waiting_for_lock = _signals.signal("waiting-for-lock")
"""Another process migrates the database. Sends ``event`` and ``database``."""

retrying = _signals.signal("retrying")
"""A lock wasn't to be had, and is tried for again. Sends ``event``, ``database``."""

_OF_EVENTS: t.Mapping[str, tuple[NamedSignal, tuple[str, ...]]] = {
    "step_started": (before_revision, ("step",)),
    "step_finished": (after_revision, ("step", "result")),
    "lock_waiting": (waiting_for_lock, ()),
    "retrying": (retrying, ()),
}


def send(signal: NamedSignal, **payload: t.Any) -> None:
    """Call every receiver; one that fails doesn't keep the others from being called."""
    if not signal.receivers or not current_app:
        return
    app = t.cast(t.Any, current_app)._get_current_object()
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except Exception:
            logger.exception("A receiver of the signal %r failed.", signal.name)


def receives(kind: str) -> bool:
    """Whether somebody waits for the signal that a kind of event stands for."""
    signal, _ = _OF_EVENTS.get(kind, (None, ()))
    return signal is not None and bool(signal.receivers)


def send_event(event: Event) -> None:
    """Send the signal that an event stands for, if it does for one."""
    signal, parts = _OF_EVENTS.get(event.kind, (None, ()))
    if signal is not None and signal.receivers:
        payload = {part: getattr(event, part) for part in parts}
        send(signal, event=event, database=event.database, **payload)


def send_end(command: str, make: t.Callable[[], Report], error: t.Any = None) -> None:
    """Send how a whole run ended.

    :param make: Makes the report; called only for somebody to receive it.
    """
    signal = after_run if error is None else run_failed
    if signal.receivers:
        more = {} if error is None else {"error": error}
        send(signal, command=command, report=make(), **more)

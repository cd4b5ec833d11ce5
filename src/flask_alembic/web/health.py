"""A blueprint that says whether the databases are where the code expects them."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
import typing as t
from weakref import WeakKeyDictionary

from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import jsonify
from flask import Response

from .. import settings
from ..results import readiness
from ..results import Status

if t.TYPE_CHECKING:
    from ..extension import Alembic

logger = logging.getLogger(__name__)

PATIENCE = 3.0
"""How many seconds a request waits for the databases' answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a request is told: nothing of addresses, users or a driver's words."""

    ready: bool
    heads: tuple[str, ...] = ()
    databases: t.Mapping[str, t.Mapping[str, t.Any]] = dataclasses.field(
        default_factory=dict
    )
    problem: str | None = None


NO_ANSWER = Answer(False, problem="the databases didn't answer in time")
FAILED = Answer(False, problem="the application's log says what is wrong")


def answer_of(statuses: tuple[Status, ...]) -> Answer:
    """Reduce what is known to what anybody may know."""
    heads = {id_: None for status in statuses for id_ in status.heads}
    return Answer(
        ready=readiness(statuses) == 0,
        heads=tuple(heads),
        databases={
            status.database.name: {
                "state": status.state if status.reachable else "unreachable",
                "current": status.current,
                "pending": len(status.pending),
            }
            for status in statuses
        },
    )


class Gate:
    """The last answer for one application; one thread at a time asks for the next.

    It is a thread of its own, so that no request waits longer than it has patience.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None
        self._last: Answer | None = None
        self._at = 0.0

    def answer(self, look: t.Callable[[], Answer], interval: float) -> Answer:
        """Give the last answer, or look anew if it is too old."""
        with self._lock:
            # Not the one that a fork has left behind.
            running = self._looking is not None and self._looking.is_alive()
            recent = time.monotonic() - self._at < interval
            if self._last is not None and (running or recent):
                return self._last
            if not running:
                self._looking = threading.Thread(
                    target=self._look, args=(look,), daemon=True, name="alembic-health"
                )
                self._looking.start()
            looking = t.cast(threading.Thread, self._looking)
        looking.join(PATIENCE)
        with self._lock:
            if self._last is None or looking.is_alive():
                self._last = NO_ANSWER
            return self._last

    def _look(self, look: t.Callable[[], Answer]) -> None:
        try:
            answer = look()
        except Exception:
            answer = FAILED
            if self._last is not FAILED:
                logger.exception("Whether the databases are ready can't be told.")
        with self._lock:
            self._last, self._at = answer, time.monotonic()


def make_blueprint(find: t.Callable[[], Alembic]) -> Blueprint:
    """Make the blueprint.

    :param find: Gives the extension, in the application's context.
    """
    blueprint = Blueprint("alembic_health", __name__)
    gates: WeakKeyDictionary[Flask, Gate] = WeakKeyDictionary()
    lock = threading.Lock()

    @blueprint.get("/ready")
    def ready() -> Response:
        app: Flask = t.cast(t.Any, current_app)._get_current_object()
        with lock:
            gate = gates.setdefault(app, Gate())

        def look() -> Answer:
            with app.app_context():
                return answer_of(find().status())

        answer = gate.answer(look, settings.health_interval(app.config))
        response = jsonify(dataclasses.asdict(answer))
        response.status_code = 200 if answer.ready else 503
        response.cache_control.no_store = True
        return response

    return blueprint

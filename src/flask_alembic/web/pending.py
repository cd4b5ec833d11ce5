"""In debug mode: what is pending, in place of the error that comes of it.

A WSGI middleware, not an error handler: the application's own handlers come first, and
an error that isn't ours goes on to the debugger as it is.
"""

from __future__ import annotations

import logging
import typing as t

from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import ProgrammingError

from .. import settings

if t.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Response

    from ..extension import Alembic

logger = logging.getLogger(__name__)

BEHIND = ("behind", "unstamped")


def install(app: Flask, find: t.Callable[[], Alembic], command: str | None) -> None:
    """Put the page in front of an application; until something fails it costs nothing.

    :param find: Gives the extension, in the application's context.
    :param command: Name of the command group.
    """
    inner = app.wsgi_app

    def wsgi_app(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> t.Iterable[bytes]:
        try:
            return inner(environ, start_response)
        except (OperationalError, ProgrammingError) as error:
            if not (app.debug and settings.pending_page(app.config)):
                raise
            response = _response(app, find, command, error, environ)
            if response is None:
                raise
            return response(environ, start_response)

    app.wsgi_app = wsgi_app  # type: ignore[method-assign]


def _response(
    app: Flask,
    find: t.Callable[[], Alembic],
    command: str | None,
    error: OperationalError | ProgrammingError,
    environ: WSGIEnvironment,
) -> Response | None:
    """Make the page, if a database is behind at this moment."""
    try:
        with app.app_context():
            extension = find()
            behind = [s for s in extension.status() if s.state in BEHIND and s.pending]
            if not behind:
                return None
            from .page import make_response

            response = make_response(extension, behind, error, environ, command)
    except Exception:
        logger.exception("Whether revisions are pending can't be told.")
        return None
    logger.warning("A request failed, and revisions are pending: %s", error.orig)
    return response

"""The same application twice: with folders of ours, and with an env.py."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted

from flask_alembic import dialects
from flask_alembic.dialects.locks import SessionLock
from support.application import Project

if t.TYPE_CHECKING:
    from flask_alembic import Alembic
    from flask_alembic import Event
    from support.servers import Database

# Folders of Flask-Migrate 4.1 ask for the engine in the way of Flask-SQLAlchemy 2 first.
OLD_FOLDERS = pytest.mark.filterwarnings(
    "ignore:'get_engine' is deprecated:DeprecationWarning"
)


@pytest.fixture(params=["managed", "scripted"])
def deployed(
    request: pytest.FixtureRequest,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    """An application in each environment, that doesn't wait for a lock."""
    root = tmp_path / "application"
    root.mkdir()
    monkeypatch.chdir(root)
    if request.param == "managed":
        project = Project(root, database.url)
    else:
        project = Scripted(root, database.url)
        project.folder("one")
    project.config["ALEMBIC_LOCK_WAIT"] = 0
    return project


@contextlib.contextmanager
def opened(project: Project) -> t.Iterator[Alembic]:
    """Give the core's extension object, whichever environment it runs in."""
    if not isinstance(project, Scripted):
        with project.context() as alembic:
            yield alembic
        return
    with project.app() as module:
        yield module.app.extensions["migrate"].alembic


@contextlib.contextmanager
def locked(database: Database, table: str = "alembic_version") -> t.Iterator[None]:
    """Have the lock of a run, in a session apart."""
    with database.engine().connect() as connection:
        lock = lock_of(connection, table)
        assert lock.take()
        try:
            yield
        finally:
            assert lock.free(connection.connection.dbapi_connection)


def lock_of(connection: sa.Connection, table: str = "alembic_version") -> SessionLock:
    """The lock of runs, for this connection to take."""
    kind = dialects.support(connection.dialect).lock_class
    assert kind is not None
    lock = kind(connection, table, None, False)
    assert lock.find() is not None
    return lock


def is_free(database: Database) -> bool:
    """Whether another session gets the lock of a run."""
    with database.engine().connect() as connection:
        lock = lock_of(connection)
        if not lock.take():
            return False
        return lock.free(connection.connection.dbapi_connection)


class Holder:
    """A session that stands in the way until an event says to let go.

    :param kind: The event's.
    """

    def __init__(self, database: Database, *statements: str, kind: str = "") -> None:
        self.events: list[Event] = []
        self._kind = kind
        self._engine = database.engine()
        self._connection = self._engine.connect()
        for statement in statements:
            self._connection.exec_driver_sql(statement)

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        self.events.append(event)
        if event.kind == self._kind:
            self.close()

    def kinds(self) -> list[str]:
        """What has been told."""
        return [event.kind for event in self.events]

    def close(self) -> None:
        """Let go."""
        self._connection.close()

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

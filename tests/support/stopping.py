"""A program that runs an upgrade, stops it at one moment after another, and repeats it.

Each run is a process that is forked from one where an upgrade has run before, so that
all is imported, and nothing is connected. The application counts what it writes and commits, and does at a
given one what it is told: see :data:`STOPPER`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import typing as t

STOPPER = """
import os
import signal
from sqlalchemy import event
from sqlalchemy.engine import Engine

left, how = 0, ""


def stop_at(moment, way):
    global left, how
    left, how = moment, way


def stop(connection):
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "raise":
        raise ValueError("stopped")
    import psycopg

    address = app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    process = connection.connection.driver_connection.info.backend_pid
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [process])


def count(connection, cursor=None, statement="", *_):
    global left
    # Between reads nothing changes.
    if statement.lstrip().startswith(("SELECT", "PRAGMA")):
        return
    left -= 1
    if left == 0:
        stop(connection)


event.listen(Engine, "before_cursor_execute", count)
event.listen(Engine, "commit", count)
"""
"""Python text for an application."""


class Job(t.NamedTuple):
    """What to do.

    :param how: "kill", "raise" or "terminate".
    :param stride: How many statements and commits lie between two moments.
    :param reset: SQL that empties the database.
    :param file: The database's file, if it is one.
    :param queries: What to look at in the end.
    """

    url: str
    how: str
    stride: int
    reset: list[str]
    file: str | None
    queries: list[str]


def run(module: dict[str, t.Any], job: Job, moment: int) -> int:
    """Upgrade in a process of its own; gives how it ended.

    :param module: The application's.
    :param moment: When to stop; 0 for never.
    """
    process = os.fork()
    if not process:
        module["stop_at"](moment, job.how)
        done = module["app"].test_cli_runner().invoke(args=["db", "upgrade"])
        if done.exit_code and not moment:
            sys.stderr.write(done.output)
            sys.stderr.flush()
        os._exit(done.exit_code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def warm_up(module: dict[str, t.Any], job: Job) -> None:
    """Upgrade once in this process, and close what is connected."""
    empty(job)
    module["app"].test_cli_runner().invoke(args=["db", "upgrade"])
    with module["app"].app_context():
        for engine in module["db"].engines.values():
            engine.dispose()


def look(job: Job) -> list[t.Any]:
    """What the queries give."""
    import sqlalchemy as sa

    engine = sa.create_engine(job.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [
            [list(row) for row in connection.exec_driver_sql(query)]
            for query in job.queries
        ]


def empty(job: Job) -> None:
    """Begin with an empty database."""
    import sqlalchemy as sa

    if job.file is not None:
        for suffix in ("", "-journal", "-wal", "-shm"):
            if os.path.exists(job.file + suffix):
                os.unlink(job.file + suffix)
        return
    engine = sa.create_engine(
        job.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in job.reset:
            connection.exec_driver_sql(statement)


def main() -> None:
    """Stop at one moment after another, until one is behind the end."""
    job = Job(**json.loads(sys.argv[1]))
    sys.path.insert(0, os.getcwd())
    module = vars(importlib.import_module("app"))
    warm_up(module, job)
    gc.collect()
    gc.freeze()
    moment, stopped = 1, True
    while stopped:
        empty(job)
        first = run(module, job, moment)
        stopped = first != 0
        again = run(module, job, 0)
        sys.stdout.write(json.dumps([moment, first, again, look(job)]) + "\n")
        moment += job.stride


if __name__ == "__main__":
    main()

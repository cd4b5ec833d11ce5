"""Kill an upgrade at every point where it matters, and run it again.

A program of its own, warm and without threads: each upgrade that is killed is a fork of
it. Prints one JSON line for each point.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import typing as t

import pymysql
import sqlalchemy as sa
from pymysql.connections import Connection

CHANGES = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|RENAME|TRUNCATE|COMMIT|CALL)",
    re.IGNORECASE,
)
"""What a server does for good: being killed around anything else makes no difference."""

send = Connection._execute_command


class Counter:
    """Counts what is sent to the server, and ends the process at one of it.

    :param last: The number after which the process ends; 0 for none.
    """

    def __init__(self, last: int = 0) -> None:
        self.count, self.last = 0, last

    def __enter__(self) -> t.Self:
        def sending(connection: t.Any, command: int, sql: t.Any) -> None:
            send(connection, command, sql)
            text = sql.decode() if isinstance(sql, (bytes, bytearray)) else sql
            if CHANGES.match(text):
                self.count += 1
                if self.count == self.last:
                    os.kill(os.getpid(), signal.SIGKILL)

        Connection._execute_command = sending
        return self

    def __exit__(self, *_: object) -> None:
        Connection._execute_command = send


def upgrade(app: t.Any) -> list[str]:
    """Run the upgrade; give what it warns of."""
    with app.app_context():
        report = app.extensions["alembic"].upgrade()
        for engine in app.extensions["sqlalchemy"].engines.values():
            # A process and its fork can't share a connection.
            engine.dispose()
    return [text for item in report.databases for text in item.warnings]


def killed(app: t.Any, last: int) -> bool:
    """Run the upgrade in a process that ends after so many changes."""
    process = os.fork()
    if not process:
        try:
            with Counter(last):
                upgrade(app)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def empty(url: sa.URL) -> None:
    """Have the database as it was made."""
    server = pymysql.connect(
        host=url.host or "", user=url.username or "", port=url.port or 3306
    )
    with server, server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {url.database}")
        cursor.execute(f"CREATE DATABASE {url.database}")


def content(url: sa.URL) -> dict[str, t.Any]:
    """Definitions and rows of all tables, and the triggers."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    found: dict[str, t.Any] = {}
    with engine.connect() as connection:
        run = connection.exec_driver_sql
        for (name,) in run("SHOW TABLES").all():
            definition = run(f"SHOW CREATE TABLE `{name}`").all()[0][1]
            # What was rolled back has used numbers up.
            first = int("AUTO_INCREMENT" in definition)
            rows = run(f"SELECT * FROM `{name}` ORDER BY 1").all()
            text = re.sub(r" AUTO_INCREMENT=\d+", "", definition)
            found[name] = [text, [list(map(str, row[first:])) for row in rows]]
        found["triggers"] = [row[:4] for row in map(list, run("SHOW TRIGGERS").all())]
    if not found.get("alembic_journal", ["", ["missing"]])[1]:
        # Killed between the last commit and its end.
        del found["alembic_journal"]
    return found


# ruff: noqa: T201


def main(points: str, step: int) -> None:
    """Try all points.

    :param points: "single", or "double" for two kills one after the other.
    :param step: Take each so-manieth only.
    """
    sys.path.insert(0, os.getcwd())
    from app import app

    url = sa.make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    with Counter() as counter:
        upgrade(app)
    expected = content(url)
    print(json.dumps({"expected": expected, "points": counter.count}), flush=True)
    for point in range(1, counter.count + 1, step):
        empty(url)
        assert killed(app, point)
        if points == "double":
            killed(app, 1 + point % 6)
        warnings = upgrade(app)
        now = content(url)
        wrong = {
            name: now.get(name) for name in expected if now.get(name) != expected[name]
        }
        more = sorted(set(now) - set(expected))
        line = {"point": point, "wrong": wrong, "more": more, "warnings": warnings}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

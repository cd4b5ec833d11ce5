"""Upgrades as deploys run them: several processes at once, held tables, kills."""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.application import FLASK
from support.application import Project
from support.application import Result
from support.processes import clean_environment
from support.processes import Command
from support.processes import Done
from support.processes import forks
from support.processes import WARM
from support.servers import Database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WARM, reason="processes can't be forked here"),
]

READ = "SELECT n FROM counter"
PROCESSES, ROUNDS = 8, 20
LOCK_TIMEOUT, HELD = 0.5, 2.5
UPGRADE = [*FLASK, "upgrade"]

# Waits in the revision, not in the database, for as long as there is the pipe.
STAY = """\
import os
if os.path.exists("stay"):
    with open("arrived", "wb") as pipe:
        pipe.write(b"+")
    open("stay", "rb").close()
"""

# Each would fail, or leave another number, if it ran twice.
CREATE = """\
op.create_table(
    "counter",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, nullable=False),
)
op.execute("INSERT INTO counter (id, n) VALUES (1, 0)")
"""
INSERT = 'op.execute("INSERT INTO counter (id, n) SELECT max(id) + 1, 0 FROM counter")'
UPDATE = 'op.execute("UPDATE counter SET n = n + 1")'
ALTER = 'op.add_column("counter", sa.Column("note", sa.String(50)))'
REVISIONS = {"c": STAY + CREATE, "d": INSERT, "e": UPDATE, "f": ALTER, "g": UPDATE}
LINE = ["a", "b", *REVISIONS]

# Says that it is ready, and waits until all may start; then it is ``flask db upgrade``.
START_TOGETHER = """\
import runpy, sys
with open("arrived", "wb") as pipe:
    pipe.write(b"+")
open("start", "rb").close()
runpy.run_module("flask", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(params=["managed", "scripted"])
def deployed(request: pytest.FixtureRequest, project: Project) -> Project:
    """An application with revisions that nobody has run."""
    if request.param == "scripted":
        project = request.getfixturevalue("scripted")
    else:
        project.tables("a", "b")
    down = "b"
    for id, text in REVISIONS.items():
        project.revision(id, down, text)
        down = id
    project.write()
    return project


@pytest.fixture
def start(deployed: Project) -> t.Iterator[t.Callable[..., Command]]:
    """Start ``flask db upgrade`` or another program in the application's folder."""
    made: list[Command] = []

    def start(arguments: t.Sequence[str] = UPGRADE) -> Command:
        deployed.write()
        command = forks().start(arguments, deployed.root, clean_environment())
        made.append(command)
        return command

    yield start
    for command in made:
        command.close()


@contextlib.contextmanager
def opened(path: Path) -> t.Iterator[int]:
    """Open a named pipe; who opens its other end isn't kept waiting any more."""
    number = os.open(path, os.O_RDWR)
    try:
        yield number
    finally:
        os.close(number)


@pytest.fixture
def arrived(deployed: Project) -> t.Iterator[int]:
    """The pipe through which processes say how far they are."""
    path = deployed.root / "arrived"
    os.mkfifo(path)
    with opened(path) as number:
        yield number


def runs(stderr: str) -> list[str]:
    """The revisions that a process says it has run."""
    return re.findall(r"Running upgrade \w* ?-> (\w+)", stderr)


def check_everything_ran_once(database: Database, done: list[Done]) -> None:
    """Each process succeeded, and together they ran each revision once."""
    assert [d.stderr for d in done if d.exit_code != 0] == []
    assert [id for d in done for id in runs(d.stderr)] == LINE
    check_effects(database)


def until(condition: t.Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def check_effects(database: Database) -> None:
    """All revisions have been run, each once."""
    assert database.rows("SELECT id, n FROM counter ORDER BY id") == [(1, 2), (2, 2)]
    assert database.columns("counter") == {"id", "n", "note"}
    assert database.tables() == {"t_a", "t_b", "counter"}
    assert database.versions() == {"g"}


# At once


def test_processes_at_once(
    database: Database,
    deployed: Project,
    start: t.Callable[..., Command],
    arrived: int,
) -> None:
    gate = deployed.root / "start"
    os.mkfifo(gate)
    program = ["-c", START_TOGETHER, *UPGRADE[2:]]
    for _ in range(ROUNDS):
        commands = [start(program) for _ in range(PROCESSES)]
        there = 0
        while there < PROCESSES:
            there += len(os.read(arrived, PROCESSES))
        with opened(gate):
            done = [command.wait() for command in commands]
        check_everything_ran_once(database, done)
        database.empty()


@pytest.mark.parametrize("deployed", ["managed"], indirect=True)
def test_processes_that_are_started_anew(database: Database, deployed: Project) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, *UPGRADE],
            cwd=deployed.root,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for _ in range(PROCESSES)
    ]
    texts = [process.communicate(timeout=60) for process in processes]
    done = [
        Done(process.returncode, *text)
        for process, text in zip(processes, texts, strict=True)
    ]
    check_everything_ran_once(database, done)


# A table that another session holds


class Reader(threading.Thread):
    """An application that reads a table all the time.

    :ivar longest: How long the longest read took; seconds.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._over = threading.Event()
        self.longest = 0.0
        self.reads = 0
        self.error: Exception | None = None

    def run(self) -> None:
        """Read until it is over."""
        try:
            with self._database.engine().connect() as connection:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                while not self._over.wait(0.02):
                    started = time.monotonic()
                    connection.exec_driver_sql(READ).all()
                    self.longest = max(self.longest, time.monotonic() - started)
                    self.reads += 1
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        """Let it end, and check that it never waited long."""
        self._over.set()
        self.join(30)
        assert self.error is None and self.reads
        # MariaDB counts whole seconds.
        assert self.longest < math.ceil(LOCK_TIMEOUT) + 1, (
            f"a read took {self.longest:.1f} s"
        )


@contextlib.contextmanager
def held(database: Database, how: str) -> t.Iterator[sa.Connection]:
    """Hold a table from another session.

    :param how: The statements that take the lock.
    """
    with database.engine().connect() as connection:
        for statement in how.split("; "):
            connection.exec_driver_sql(statement)
        yield connection
        connection.rollback()


def options(project: Project, retries: int = 10) -> None:
    """Have short timeouts."""
    project.config |= {
        "ALEMBIC_LOCK_TIMEOUT": LOCK_TIMEOUT,
        "ALEMBIC_LOCK_RETRIES": retries,
    }


def check_readers_go_on(
    database: Database, start: t.Callable[..., Command], how: str
) -> None:
    """Upgrade while a table is held for longer than the timeout."""
    reader = Reader(database)
    with held(database, how):
        command = start()
        reader.start()
        time.sleep(HELD)
        assert database.versions() <= {"c", "d", "e"}
    done = command.wait()
    reader.stop()
    assert done.exit_code == 0, done.stderr
    assert "Trying again" in done.stderr
    check_effects(database)


def check_it_gives_up(
    database: Database, start: t.Callable[..., Command], how: str
) -> None:
    """Upgrade while a table is held for longer than all tries."""
    with held(database, how):
        done = start().wait()
    assert done.exit_code == 1
    lines = Result(*done).error_lines
    assert 1 <= len(lines) <= 5, done.stderr
    assert done.stderr.count("Trying again") == 1
    assert "in the way" in done.stderr


def reach(start: t.Callable[..., Command], revision: str) -> None:
    """Upgrade to a revision."""
    done = start([*UPGRADE, revision]).wait()
    assert done.exit_code == 0, done.stderr


@pytest.mark.needs("server")
def test_held_table(
    database: Database, deployed: Project, start: t.Callable[..., Command]
) -> None:
    options(deployed)
    reach(start, "c")
    check_readers_go_on(database, start, READ)


@pytest.mark.needs("file")
@pytest.mark.parametrize(
    ("journal", "how"),
    [
        ("delete", "BEGIN IMMEDIATE"),
        ("wal", "BEGIN IMMEDIATE"),
        # With a journal that is written ahead, a reader holds nobody up.
        ("delete", f"BEGIN; {READ}"),
    ],
)
def test_held_file(
    database: Database,
    deployed: Project,
    start: t.Callable[..., Command],
    journal: str,
    how: str,
) -> None:
    options(deployed)
    reach(start, "c")
    database.execute(f"PRAGMA journal_mode = {journal}")
    check_readers_go_on(database, start, how)


@pytest.mark.needs("server")
def test_table_that_stays_held(
    database: Database, deployed: Project, start: t.Callable[..., Command]
) -> None:
    options(deployed, retries=1)
    reach(start, "e")
    check_it_gives_up(database, start, READ)
    reach(start, "head")
    check_effects(database)


@pytest.mark.needs("file")
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_file_that_stays_held(
    database: Database,
    deployed: Project,
    start: t.Callable[..., Command],
    journal: str,
) -> None:
    options(deployed, retries=1)
    reach(start, "e")
    database.execute(f"PRAGMA journal_mode = {journal}")
    check_it_gives_up(database, start, "BEGIN IMMEDIATE")
    reach(start, "head")
    check_effects(database)


# Killed


def test_killed_while_it_has_the_lock(
    database: Database,
    deployed: Project,
    start: t.Callable[..., Command],
    arrived: int,
) -> None:
    stay = deployed.root / "stay"
    os.mkfifo(stay)
    first = start()
    assert select.select([arrived], [], [], 30)[0], first.said
    deployed.config["ALEMBIC_LOCK_WAIT"] = 0
    done = start().wait()
    assert done.exit_code == 1
    assert "is being migrated by" in done.stderr
    assert runs(done.stderr) == []
    first.kill()
    assert first.wait().exit_code == -signal.SIGKILL
    stay.unlink()
    # The server notices within a moment that the process is gone.
    deployed.config["ALEMBIC_LOCK_WAIT"] = 2
    done = start().wait()
    assert done.exit_code == 0, done.stderr
    check_effects(database)


def test_waiting_for_one_that_is_killed(
    deployed: Project,
    database: Database,
    start: t.Callable[..., Command],
    arrived: int,
) -> None:
    stay = deployed.root / "stay"
    os.mkfifo(stay)
    first = start()
    assert select.select([arrived], [], [], 30)[0], first.said
    second = start()
    until(lambda: "Waiting" in second.said)
    stay.unlink()
    first.kill()
    done = second.wait(20)
    assert done.exit_code == 0, done.stderr
    check_effects(database)

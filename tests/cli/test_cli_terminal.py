"""What is shown on a terminal, seen through a pseudo-terminal."""

from __future__ import annotations

import logging
import os
import re
import struct
import sys
import typing as t

import pytest
from support.application import FLASK
from support.application import Project
from support.processes import clean_environment
from support.processes import forks
from support.processes import Streams

from flask_alembic.cli import progress
from flask_alembic.cli import render

pty = pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

pytestmark = pytest.mark.one_database

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen(t.NamedTuple):
    """What a command wrote to its terminal."""

    exit_code: int
    raw: str

    @property
    def text(self) -> str:
        """Without control sequences."""
        return CONTROL.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The text's lines, and each state of a line that was written over."""
        return [line for line in re.split(r"[\r\n]+", self.text) if line]


def on_terminal(
    project: Project, *arguments: str, stdout: t.Any = None, **variables: str
) -> Screen:
    """Run ``flask db …`` with a terminal of its own, 100 characters wide."""
    project.write()
    ours, theirs = pty.openpty()
    # Rows, columns, and their pixels.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = forks().start(
        [*FLASK, *arguments],
        project.root,
        {**clean_environment(), "TERM": "xterm-256color", **variables},
        Streams(stdout=theirs if stdout is None else stdout.fileno(), stderr=theirs),
    )
    os.close(theirs)
    written = b"".join(iter(lambda: read(ours), b""))
    os.close(ours)
    return Screen(command.wait().exit_code, written.decode())


def read(terminal: int) -> bytes:
    """Read what is there; Linux says with an error that nobody writes any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_upgrade(project: Project) -> None:
    project.tables("a", "b")
    screen = on_terminal(project, "upgrade")
    assert screen.exit_code == 0, screen.text
    assert STYLE.search(screen.raw)
    assert screen.lines[0] == "default (sqlite)"
    finished = [line for line in screen.lines if line.startswith("  done  ")]
    assert [re.sub(r"\d+\.\d\d s", "…", line) for line in finished] == [
        "  done     upgrade <base> -> a, table a (…)",
        "  done     upgrade a -> b, table b (…)",
    ]
    assert re.fullmatch(r"default: 2 revisions in \d+\.\d\d s, at b", screen.lines[-1])
    # The lines stand for those of the log.
    assert "INFO" not in screen.text
    # The cursor is there again.
    assert screen.raw.rindex("\x1b[?25h") > screen.raw.rindex("\x1b[?25l")


def test_a_revision_is_shown_while_it_runs(project: Project) -> None:
    body = "import time; time.sleep(1); print('a word'); time.sleep(0.5)"
    project.revision("a", up=body, message="slow")
    screen = on_terminal(project, "upgrade")
    running = "running  upgrade <base> -> a, slow"
    assert running in screen.text
    assert screen.text.index(running) < screen.text.index("done     upgrade")
    # What it prints has a line of its own.
    assert "a word" in screen.lines


def test_nothing_to_do(project: Project) -> None:
    project.tables("a")
    assert project.invoke("upgrade").exit_code == 0
    screen = on_terminal(project, "upgrade")
    assert screen.text.strip() == "default: nothing to do, at a"


def test_failing_revision(project: Project) -> None:
    project.tables("a")
    project.revision("b", "a", "raise ValueError('boom')", message="bad")
    screen = on_terminal(project, "upgrade")
    assert screen.exit_code == 1
    assert re.search(r"  failed   upgrade a -> b, bad \(", screen.text)
    assert re.search(r"\x1b\[[0-9;]*31mError:", screen.raw)
    assert "Error: ValueError: boom\n" in screen.text
    assert "  default: rolled back, at base\n" in screen.text
    assert "Traceback" not in screen.text


def test_warnings_of_the_log_are_kept(project: Project) -> None:
    body = "import logging; logging.getLogger('alembic.x').warning('take care')"
    project.revision("a", up=body)
    screen = on_terminal(project, "upgrade")
    assert "WARNI [alembic.x] take care" in screen.text


@pytest.mark.parametrize("command", ["log", "heads", "current", "show a", "branches"])
def test_revisions(project: Project, command: str) -> None:
    project.tables("a", "b")
    project.revision("c", "a", message="[red]not markup :smile:")
    assert project.invoke("upgrade", "b").exit_code == 0
    arguments = command.split()
    screen = on_terminal(project, *arguments)
    assert screen.exit_code == 0
    assert STYLE.search(screen.raw)
    assert screen.text == project.invoke(*arguments).stdout


def test_status_and_plan(project: Project) -> None:
    project.tables("a", "b")
    assert project.invoke("upgrade", "a").exit_code == 0
    screen = on_terminal(project, "status", "--check")
    assert screen.exit_code == 3
    head, row = screen.text.rstrip().splitlines()
    assert head.split() == ["database", "state", "applied", "heads", "pending"]
    assert row.split() == ["default", "behind", "a", "b", "1"]
    assert "\x1b[33mbehind" in screen.raw
    screen = on_terminal(project, "plan")
    assert "default (sqlite): 1 step" in screen.text
    assert re.search(r"1  upgrade a -> b +table b", screen.text)


def test_check(project: Project) -> None:
    screen = on_terminal(project, "check")
    assert screen.exit_code == 1
    lines = screen.text.splitlines()
    assert "Changes detected." in lines
    assert any("person" in line for line in lines)


def test_sql_is_whole(project: Project) -> None:
    long = "x" * 300
    sql = f"INSERT INTO y VALUES ('{long}', 'a\t[b]')"
    project.revision("a", up=f"op.execute({sql!r})")
    screen = on_terminal(project, "upgrade", "--sql")
    assert sql in screen.text
    assert STYLE.search(screen.raw)
    assert screen.text == project.invoke("upgrade", "--sql").stdout


@pytest.mark.parametrize(
    "command", ["upgrade", "upgrade nowhere", "status", "upgrade --sql"]
)
def test_no_color(project: Project, command: str) -> None:
    project.tables("a", "b")
    screen = on_terminal(project, *command.split(), NO_COLOR="1")
    assert screen.raw.strip()
    assert "\x1b[" not in screen.raw


@pytest.mark.parametrize("command", ["upgrade", "status"])
def test_dumb_terminal(project: Project, command: str) -> None:
    project.tables("a", "b")
    expected = project.run(command)
    if command == "upgrade":
        assert project.invoke("downgrade", "base").exit_code == 0
    screen = on_terminal(project, command, TERM="dumb")
    assert screen.raw.replace("\r\n", "\n") == expected.stdout + expected.stderr


def test_json_is_plain(project: Project) -> None:
    project.tables("a")
    screen = on_terminal(project, "status", "--json")
    assert screen.text == project.invoke("status", "--json").stdout
    assert "\x1b" not in screen.raw


def test_output_to_a_file_with_a_terminal_for_the_rest(project: Project) -> None:
    """Only what goes to the terminal is coloured."""
    project.tables("a")
    with (project.root / "out.json").open("wb") as file:
        screen = on_terminal(project, "upgrade", "--json", stdout=file)
    assert "done     upgrade <base> -> a" in screen.text
    out = (project.root / "out.json").read_text()
    assert out.startswith("{")
    assert "\x1b" not in out


def test_no_colour_off_a_terminal(project: Project) -> None:
    project.tables("a")
    project.environment = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    for command in ("status", "upgrade", "upgrade nowhere"):
        done = project.run(*command.split())
        assert "\x1b" not in done.stdout + done.stderr


class Terminal:
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.written: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        pass


def test_log_handlers_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Alembic's handlers to stderr are quiet, and only while something runs."""
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    logger = logging.getLogger("alembic")
    to_stderr = logging.StreamHandler(t.cast(t.TextIO, stream))
    elsewhere = logging.StreamHandler(t.cast(t.TextIO, Terminal()))
    monkeypatch.setattr(logger, "handlers", [to_stderr, elsewhere])
    console = render.terminal(t.cast(t.TextIO, stream))
    assert console is not None
    with pytest.raises(ValueError, match="boom"), progress.quiet_logs(console):
        assert len(to_stderr.filters) == 1
        assert elsewhere.filters == []
        logger.warning("Running upgrade, and a warning")
        logger.warning("careful")
        raise ValueError("boom")
    assert to_stderr.filters == []
    assert "careful" in "".join(stream.written)

"""Commands as processes of their own: forked from a warm one, or started anew."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import typing as t
from pathlib import Path

_programs: dict[str, Forks] = {}

WARM = hasattr(os, "fork") and hasattr(socket, "send_fds")


class Done(t.NamedTuple):
    """How a process ended."""

    exit_code: int
    stdout: str
    stderr: str


def clean_environment() -> dict[str, str]:
    """The environment without what changes how commands behave or look."""
    unwanted = {"TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COVERAGE_RUN"}
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in unwanted and not key.startswith("FLASK_")
    }
    # Relative entries mean the folder that the tests were started in.
    folders = [os.path.abspath(p) for p in kept.get("PYTHONPATH", "").split(os.pathsep)]
    if "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = os.pathsep.join(folders)
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}


def start_anew(
    arguments: t.Sequence[str], folder: Path, environment: dict[str, str]
) -> Done:
    """Run ``python …`` as a process that has nothing imported."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Streams(t.NamedTuple):
    """What a process reads and writes; by default nothing, and two files."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None


OWN = Streams()


class Command:
    """A forked process that runs ``python …``.

    :param program: The program that forks it.
    :param arguments: What stands after ``python``.
    """

    def __init__(
        self,
        program: Forks,
        arguments: t.Sequence[str],
        folder: Path,
        environment: dict[str, str],
        files: Streams = OWN,
    ) -> None:
        self._streams = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        self._connection, theirs = socket.socketpair()
        with theirs, open(os.devnull, "rb") as nothing:
            ours = [file.fileno() for file in (nothing, *self._streams)]
            numbers = [
                n if given is None else given
                for n, given in zip(ours, files, strict=True)
            ]
            program.hand_over(theirs.fileno(), *numbers)
        request = json.dumps([list(arguments), str(folder), environment])
        self._connection.sendall(request.encode())
        self._connection.shutdown(socket.SHUT_WR)
        self._answers = self._connection.makefile("r")
        self.process = int(self._answers.readline())

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        os.kill(self.process, how)

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        file = self._streams[1].fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode()

    def wait(self, seconds: float = 60) -> Done:
        """Wait until it has ended; it is killed when that takes too long."""
        self._connection.settimeout(seconds)
        try:
            exit_code = int(self._answers.readline())
        except TimeoutError:
            self.kill()
            raise
        finally:
            self._answers.close()
            self._connection.close()
        stdout, stderr = (self._text(stream) for stream in self._streams)
        return Done(exit_code, stdout, stderr)

    def close(self) -> None:
        """Kill it, unless it has ended and was waited for."""
        if not self._answers.closed:
            with contextlib.suppress(ProcessLookupError):
                self.kill()
            self.wait()

    @staticmethod
    def _text(stream: t.IO[bytes]) -> str:
        with stream:
            stream.seek(0)
            return stream.read().decode()


class Forks:
    """A program that forks commands; it lives as long as the process that has it.

    :param kind: "all"; or "bare", which has imported nothing of what is under test, and
        nothing that this loads on demand.
    """

    def __init__(self, kind: str) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        number = theirs.fileno()
        path = Path(__file__).with_name("forks.py")
        with theirs:
            self._program = subprocess.Popen(
                [sys.executable, str(path), str(number), kind],
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
            )
        atexit.register(self.close)

    def hand_over(self, *files: int) -> None:
        """Ask for a process: where it is told what to do, and its output."""
        with self._lock:
            socket.send_fds(self._control, [b"+"], files)

    def start(
        self,
        arguments: t.Sequence[str],
        folder: Path,
        environment: dict[str, str],
        files: Streams = OWN,
    ) -> Command:
        """Start ``python …``."""
        return Command(self, arguments, folder, environment, files)

    def close(self) -> None:
        """End the program; commands that run go on."""
        self._control.close()
        self._program.wait()


def forks(kind: str = "all") -> Forks:
    """The program that forks the commands of all tests; see :class:`Forks`."""
    if kind not in _programs:
        _programs[kind] = Forks(kind)
    return _programs[kind]


def run_forked(
    arguments: t.Sequence[str],
    folder: Path,
    environment: dict[str, str],
    kind: str = "all",
) -> Done:
    """Run ``python …`` as a process that has imported all that it may need.

    :param kind: See :class:`Forks`.
    """
    if not WARM:
        return start_anew(arguments, folder, environment)
    return forks(kind).start(arguments, folder, environment).wait()

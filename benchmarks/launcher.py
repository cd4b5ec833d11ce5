"""Start programs from a small process, and say what each has cost.

The kernel counts what the starting process holds as the started one's peak of memory,
so what starts them must be smaller than all of them: only the standard library, in a
process of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Ended:
    """A program that has ended.

    :ivar wall: In seconds, like ``cpu``, its processor time with the system's part.
    :ivar memory: The most it has had, in kilobytes.
    """

    code: int
    wall: float
    cpu: float
    memory: int
    output: str


class Launcher:
    """The small process; a context manager."""

    def __enter__(self) -> Launcher:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(
        self, command: t.Sequence[str], folder: Path, environment: dict[str, str]
    ) -> Ended:
        """Run a program to its end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"command": command, "folder": str(folder), "environment": environment}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


def _run(command: list[str], folder: str, environment: dict[str, str]) -> Ended:
    output = Path(folder, "output.txt")
    with output.open("wb") as file:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    # Kilobytes, but bytes on macOS.
    memory = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return Ended(
        process.returncode,
        wall,
        usage.ru_utime + usage.ru_stime,
        memory,
        output.read_text(errors="replace"),
    )


def main() -> None:
    """Run what each line asks for."""
    for line in sys.stdin:
        answer = dataclasses.asdict(_run(**json.loads(line)))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

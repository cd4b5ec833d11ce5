"""An application in a folder, with a database, for each of those that are compared."""

from __future__ import annotations

import compileall
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from .launcher import Ended
from .launcher import Launcher
from .servers import Database
from .subjects import FLASK_MIGRATE
from .subjects import Subject
from .workloads import Work

INSIDE = Path(__file__).parent / "inside"

FILL = """
import app, floor_work
with app.app.app_context():
    floor_work.{work}(app.db)
"""


class BenchmarkError(Exception):
    """Something that is compared didn't do the work."""


@dataclasses.dataclass(frozen=True)
class Pythons:
    """The interpreters of the two environments.

    :param old: None to leave the predecessors out.
    """

    new: str
    old: str | None

    def of(self, subject: Subject) -> str:
        """The interpreter that a subject is installed for."""
        python = self.old if subject.old else self.new
        assert python is not None
        return python

    def has(self, subject: Subject) -> bool:
        """Whether a subject can be run."""
        return not subject.old or self.old is not None


class Site:
    """An application of one subject; its files and its database."""

    def __init__(
        self,
        subject: Subject,
        python: str,
        launcher: Launcher,
        folder: Path,
        system: str,
    ) -> None:
        self.subject = subject
        self.folder = folder
        self.python = python
        self._launcher = launcher
        folder.mkdir()
        self.database = Database(system, folder)

    def write(self, work: Work, others: t.Sequence[Site], bytecode: bool) -> None:
        """Write the application, and make its database.

        :param others: Those that are written already.
        :param bytecode: Whether the revisions are compiled too.
        """
        text = self.subject.application(self.database.url, work.models)
        (self.folder / "app.py").write_text(text, encoding="utf-8")
        for file in INSIDE.glob("[a-z]*.py"):
            shutil.copy(file, self.folder)
        if self.subject.scripted:
            self._init(others)
        work.write(self.folder, self.subject.versions)
        self.compile(bytecode)
        if work.existing:
            self.fill("prepare")
        if work.snapshot and self.subject.interface == "methods":
            self.expect(self.run(("db", "snapshot")))

    def _init(self, others: t.Sequence[Site]) -> None:
        """Have the folder that ``flask db init`` of Flask-Migrate makes."""
        for other in others:
            if other.subject.name == FLASK_MIGRATE:
                source = other.folder / "migrations"
                unwanted = shutil.ignore_patterns("versions", "__pycache__")
                shutil.copytree(source, self.folder / "migrations", ignore=unwanted)
                return
        self.expect(self.run(("db", "init")))

    def compile(self, bytecode: bool) -> None:
        """Compile the application, and its revisions if that is asked for."""
        compileall.compile_dir(self.folder, maxlevels=0, quiet=1)
        versions = self.folder / self.subject.versions
        if bytecode:
            compileall.compile_dir(versions, maxlevels=0, quiet=1)

    def fill(self, work: str, **more: str) -> None:
        """Do some of the floor's work on the database, whoever's it is."""
        command = [self.python, "-c", FILL.format(work=work)]
        self.expect(self._launcher.run(command, self.folder, self.environment(**more)))

    def environment(self, **more: str) -> dict[str, str]:
        """What the programs find in their environment."""
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("FLASK_", "PYTHON"))
        }
        # PyMySQL reads all certificates of the system for each connection otherwise.
        quiet = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
        return {**kept, **quiet, "PYTHONDONTWRITEBYTECODE": "1", **more}

    def program(self, arguments: t.Sequence[str]) -> list[str]:
        """How ``flask`` is started."""
        return ["-m", "flask", "--app", "app", *arguments]

    def run(self, arguments: t.Sequence[str], **more: str) -> Ended:
        """Run ``flask …`` in a process of its own."""
        command = [self.python, *self.program(arguments)]
        return self._launcher.run(command, self.folder, self.environment(**more))

    def boot(self) -> Ended:
        """Import the application, as a server's worker does."""
        command = [self.python, "-c", "import app"]
        return self._launcher.run(command, self.folder, self.environment())

    def count(self, arguments: t.Sequence[str], **more: str) -> tuple[Ended, int]:
        """Run ``flask …`` once more and count its statements."""
        program = [
            "counted.py",
            self.database.system,
            "statements.txt",
            *self.program(arguments),
        ]
        command = [self.python, *program]
        ended = self._launcher.run(command, self.folder, self.environment(**more))
        return ended, int((self.folder / "statements.txt").read_text())

    def expect(self, ended: Ended, codes: t.Collection[int] = (0,)) -> Ended:
        """Check how a program ended.

        :raises BenchmarkError: It failed.
        """
        if ended.code not in codes:
            raise BenchmarkError(
                f"{self.subject.name} on {self.database.system} ended with"
                f" {ended.code}:\n{ended.output}"
            )
        return ended

    @contextlib.contextmanager
    def worker(
        self, more: dict[str, str], *, count: bool = False
    ) -> t.Iterator[Worker]:
        """Start a process that does the same thing again and again."""
        command = [self.python, "worker.py", self.subject.interface]
        command += [self.database.system] if count else []
        log = self.folder / "worker.txt"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(**more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        with process:
            yield Worker(process, self.subject.name, log)
            assert process.stdin is not None
            process.stdin.close()

    def tidy(self, files: t.Collection[str]) -> None:
        """Remove revisions that a run has written."""
        for path in (self.folder / self.subject.versions).glob("*.py"):
            if path.name not in files and path.name != "env.py":
                path.unlink()

    def clear(self) -> None:
        """Remove the folder and the database."""
        self.database.drop()
        shutil.rmtree(self.folder)


class Worker:
    """A process that does what it's told."""

    def __init__(self, process: subprocess.Popen[str], name: str, log: Path) -> None:
        self._process = process
        self._name = name
        self._log = log

    def do(self, action: str) -> dict[str, t.Any]:
        """Do something once.

        :raises BenchmarkError: The process has ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{action}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self._name}, {action}:\n{self._log.read_text()}")
        answer: dict[str, t.Any] = json.loads(line)
        return answer

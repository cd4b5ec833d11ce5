"""Run the rows: all subjects in turn, round after round, so that they share the weather."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import statistics
import time
import typing as t
from pathlib import Path

from .launcher import Launcher
from .rows import Row
from .rows import together
from .servers import Database
from .servers import problem
from .sites import BenchmarkError
from .sites import Pythons
from .sites import Site
from .subjects import NOTHING
from .subjects import SUBJECTS

Say = t.Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Sample:
    """What one run has cost: seconds, seconds of the processor, kilobytes."""

    wall: float
    cpu: float
    memory: int


@dataclasses.dataclass(frozen=True)
class Figures:
    """What one subject has cost in a row.

    :ivar wall: Median in seconds, as is ``cpu``.
    :ivar memory: Median of the peaks, in kilobytes.
    :ivar wall_ratio: Median over the rounds of its time by the floor's in that round.
    """

    wall: float
    cpu: float
    memory: int
    statements: int
    wall_ratio: float
    cpu_ratio: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """A row with its figures.

    :ivar figures: Subject -> what it has cost.
    :ivar rivals: Our time by the better predecessor's, within the rounds as well; None
        if they were left out.
    """

    row: Row
    rounds: int
    figures: dict[str, Figures]
    rivals: float | None


def summarise(
    row: Row, rounds: list[dict[str, Sample]], counts: dict[str, int]
) -> Measured:
    """Take the medians of all rounds, ratios within each round first."""
    figures = {}
    for name in rounds[0]:
        samples = [round_[name] for round_ in rounds]
        floors = [round_[NOTHING] for round_ in rounds]
        pairs = list(zip(samples, floors, strict=True))
        figures[name] = Figures(
            wall=statistics.median(s.wall for s in samples),
            cpu=statistics.median(s.cpu for s in samples),
            memory=int(statistics.median(s.memory for s in samples)),
            statements=counts[name],
            wall_ratio=statistics.median(s.wall / f.wall for s, f in pairs),
            cpu_ratio=statistics.median(s.cpu / f.cpu for s, f in pairs),
        )
    return Measured(row, len(rounds), figures, _against_rivals(row, rounds))


def _against_rivals(row: Row, rounds: list[dict[str, Sample]]) -> float | None:
    ratios = [
        statistics.median(
            getattr(round_[row.ours], row.measure) / getattr(round_[name], row.measure)
            for round_ in rounds
        )
        for name in rounds[0]
        if SUBJECTS[name].old and name not in row.unlike
    ]
    return max(ratios, default=None)


class Runner:
    """Runs rows, and keeps the folders of the last one for the next.

    :param seconds: After which no round of a row is begun, but for the fewest; after
        eight times as long not even those: what takes so long is steady.
    :param total: After which no row is begun.
    :param fewest: Rounds of a row at least.
    :param most: Rounds of a row at most.
    """

    def __init__(
        self,
        pythons: Pythons,
        folder: Path,
        launcher: Launcher,
        *,
        seconds: float,
        total: float = math.inf,
        fewest: int = 3,
        most: int = 15,
    ) -> None:
        self._pythons = pythons
        self._folder = folder
        self._launcher = launcher
        self._seconds = seconds
        self._deadline = time.monotonic() + total
        self._fewest = fewest
        self._most = most
        self._sites: dict[str, Site] = {}
        self._expected: dict[str, t.Any] = {}
        self._numbers = itertools.count(1)

    def run(self, rows: t.Iterable[Row], say: Say) -> t.Iterator[Measured]:
        """Measure rows; what a missing server keeps from running is said.

        :raises BenchmarkError: A subject fails, or its result isn't what the models say.
        """
        missing: dict[str, str | None] = {}
        for _, group in itertools.groupby(rows, key=together):
            for row in group:
                reason = missing.setdefault(row.system, problem(row.system))
                if self._late:
                    say(f"NOT MEASURED: no time left for {row.title} ({row.system})")
                elif reason is None:
                    say(f"{row.title} ({row.system})")
                    yield self._measure(row)
            self.clear()
        for reason in filter(None, missing.values()):
            say(f"NOT MEASURED: {reason}")

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def clear(self) -> None:
        """Remove what the last rows needed."""
        self._expected = {}
        while self._sites:
            self._sites.popitem()[1].clear()

    def _site(self, name: str, row: Row) -> Site:
        """Make the application of a subject, or give the one that the last row had."""
        if name not in self._sites:
            subject = SUBJECTS[name]
            python = self._pythons.of(subject)
            folder = self._folder / f"site{next(self._numbers)}"
            site = Site(subject, python, self._launcher, folder, row.system)
            others = list(self._sites.values())
            self._sites[name] = site
            site.write(row.work(site.database.dialect), others, row.bytecode)
        return self._sites[name]

    def sites(self, row: Row) -> list[Site]:
        """The applications that a row needs."""
        names = [n for n in row.subjects if self._pythons.has(SUBJECTS[n])]
        return [self._site(name, row) for name in names]

    def counts(self, row: Row) -> dict[str, int]:
        """Count each subject's statements, and check that it has done the work.

        :raises BenchmarkError: A subject fails, or its result isn't what the models say.
        """
        return {site.subject.name: self._count(site, row) for site in self.sites(row)}

    def _measure(self, row: Row) -> Measured:
        # First, because what is slow only the first time is over then.
        counts = self.counts(row)
        with contextlib.ExitStack() as stack:
            runs: dict[str, t.Callable[[], Sample]] = {}
            for site in self.sites(row):
                again = _again(stack, site, row) if row.in_process else None
                runs[site.subject.name] = again or _command(site, row)
            rounds = self._rounds(runs)
        return summarise(row, rounds, counts)

    def _rounds(
        self, runs: dict[str, t.Callable[[], Sample]]
    ) -> list[dict[str, Sample]]:
        names, rounds = list(runs), list[dict[str, Sample]]()
        start = time.monotonic()
        while len(rounds) < self._most:
            taken = time.monotonic() - start
            hurried = self._late or taken > self._seconds * 8
            fewest = 1 if hurried else self._fewest
            if len(rounds) >= fewest and taken > self._seconds:
                break
            names.append(names.pop(0))
            rounds.append({name: runs[name]() for name in names})
        return rounds

    def _count(self, site: Site, row: Row) -> int:
        """Count statements, and look whether the work was done."""
        if row.action == "boot":
            return 0
        if row.in_process:
            with site.worker(_more(row), count=True) as worker:
                worker.do(row.action)
                _tidy(site, row)
                statements: int = worker.do(row.action)["statements"]
                _tidy(site, row)
                return statements
        _begin(site, row)
        ended, statements = site.count(site.subject.commands[row.action], **_more(row))
        site.expect(ended, _codes(site, row))
        _tidy(site, row)
        if row.fresh:
            self._expected = self._expected or as_modelled(site)
            verify(site, row.work(site.database.dialect).heads, self._expected)
        return statements


def _command(site: Site, row: Row) -> t.Callable[[], Sample]:
    """Give what runs a row's command once."""

    def run() -> Sample:
        _begin(site, row)
        if row.action == "boot":
            ended = site.boot()
        else:
            ended = site.run(site.subject.commands[row.action], **_more(row))
        site.expect(ended, _codes(site, row))
        _tidy(site, row)
        return Sample(ended.wall, ended.cpu, ended.memory)

    return run


def _again(stack: contextlib.ExitStack, site: Site, row: Row) -> t.Callable[[], Sample]:
    """Give what does a row's work once more in a process that has started already."""
    worker = stack.enter_context(site.worker(_more(row)))

    def run() -> Sample:
        done = worker.do(row.action)
        _tidy(site, row)
        return Sample(done["wall"], done["cpu"], done["memory"])

    run()
    return run


def _more(row: Row) -> dict[str, str]:
    return {"BENCHMARK_MORE": "1"} if row.action == "revision" else {}


def _begin(site: Site, row: Row) -> None:
    if row.fresh:
        site.database.empty()


def _tidy(site: Site, row: Row) -> None:
    if row.action == "revision":
        site.tidy(row.work(site.database.dialect).files)


def _codes(site: Site, row: Row) -> tuple[int, ...]:
    """How a run may end: the predecessors find differences where there are none."""
    return (0, 1) if row.action == "check" and site.subject.old else (0,)


def verify(site: Site, heads: tuple[str, ...], expected: dict[str, t.Any]) -> None:
    """Compare a database with the models, and its version table with the heads.

    :param expected: What :func:`as_modelled` says.
    :raises BenchmarkError: They differ.
    """
    name = f"{site.subject.name} on {site.database.system}"
    if site.subject.name != NOTHING and site.database.versions() != sorted(heads):
        raise BenchmarkError(f"{name} isn't at head: {site.database.versions()}")
    found = site.database.described()
    for table in found.keys() | expected.keys():
        if found.get(table) != expected.get(table):
            raise BenchmarkError(
                f"{name} has another table {table}:\n{found.get(table)}\n"
                f"The models say:\n{expected.get(table)}"
            )


def as_modelled(site: Site) -> dict[str, t.Any]:
    """The schema of the site's models, made by them alone in another database."""
    database = Database(site.database.system, site.folder)
    try:
        site.fill("tables", BENCHMARK_URL=database.url)
        return database.described()
    finally:
        database.drop()

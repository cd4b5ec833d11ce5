"""What was measured as a table, as JSON, and against what it may cost."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import platform
import subprocess
import typing as t

from .measuring import Measured
from .sites import Pythons
from .subjects import FLASK_ALEMBIC
from .subjects import FLASK_MIGRATE
from .subjects import NOTHING

PACKAGES = ("Flask", "SQLAlchemy", "alembic", "Flask-Alembic", "Flask-Migrate")

VERSIONS = """
from importlib.metadata import PackageNotFoundError, version
for name in {names!r}:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        pass
"""

MORE_MEMORY = 15.0
"""Megabytes that 5,000 revisions may add."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of the table, ready to be shown anywhere.

    :ivar floor: Seconds of the work itself, in ``measure``.
    :ivar wall: Subject -> times the floor; likewise ``cpu``.
    :ivar memory: Subject -> megabytes over the floor.
    :ivar rivals: Our time by the better predecessor's, in ``measure``.
    :ivar limits: What it may cost, in words.
    :ivar faults: What it costs too much, in words.
    """

    title: str
    action: str
    kind: str
    size: int
    system: str
    ours: str
    bytecode: bool
    in_process: bool
    measure: str
    rounds: int
    floor: float
    seconds: dict[str, float]
    wall: dict[str, float]
    cpu: dict[str, float]
    statements: dict[str, int]
    memory: dict[str, float]
    rivals: float | None
    limits: tuple[str, ...]
    faults: tuple[str, ...]
    quick: bool


def line(measured: Measured) -> Line:
    """Compare what was measured with what it may cost."""
    row, figures = measured.row, measured.figures
    others = {name: f for name, f in figures.items() if name != NOTHING}
    floor = figures[NOTHING]
    seconds = {name: getattr(f, row.measure) for name, f in figures.items()}
    limits, faults = _judged(measured)
    return Line(
        title=row.title,
        action=row.action,
        kind=row.kind,
        size=row.size,
        system=row.system,
        ours=row.ours,
        bytecode=row.bytecode,
        in_process=row.in_process,
        measure=row.measure,
        rounds=measured.rounds,
        floor=seconds[NOTHING],
        seconds=seconds,
        wall={name: round(f.wall_ratio, 3) for name, f in others.items()},
        cpu={name: round(f.cpu_ratio, 3) for name, f in others.items()},
        statements={name: f.statements for name, f in figures.items()},
        memory={
            name: round((f.memory - floor.memory) / 1024, 1)
            for name, f in others.items()
        },
        rivals=measured.rivals and round(measured.rivals, 3),
        limits=limits,
        faults=faults,
        quick=row.quick,
    )


def _judged(measured: Measured) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say what a row may cost, and which of that it doesn't keep."""
    row, ours = measured.row, measured.figures[measured.row.ours]
    checks: list[tuple[str, bool]] = []
    if row.floor is not None:
        ratio = getattr(ours, f"{row.measure}_ratio")
        checks.append((f"{row.floor:g} x floor", ratio <= row.floor))
    if measured.rivals is not None:
        words = f"{row.rivals:g} x the better one" if row.rivals != 1 else "ahead"
        checks.append((words, measured.rivals < row.rivals))
    if row.seconds is not None:
        checks.append((f"{row.seconds * 1000:g} ms", ours.wall <= row.seconds))
    limits = tuple(words for words, _ in checks)
    return limits, tuple(words for words, kept in checks if not kept)


def growth(lines: t.Sequence[Line]) -> tuple[float, str] | None:
    """Megabytes that 5,000 revisions add to 10, the most of all commands; and which."""
    peaks: dict[tuple[str, bool], dict[int, float]] = {}
    for each in lines:
        if each.kind == "revisions" and each.system == "sqlite" and not each.in_process:
            key = each.title.replace(f"{each.size:,} ", ""), each.bytecode
            peaks.setdefault(key, {})[each.size] = each.memory[each.ours]
    added = [
        (round(sizes[5000] - sizes[10], 1), title)
        for (title, _), sizes in peaks.items()
        if {10, 5000} <= sizes.keys()
    ]
    return max(added, default=None)


def document(lines: t.Sequence[Line], pythons: Pythons, note: str) -> dict[str, t.Any]:
    """All of it, with what it was measured on; no path, no name of a machine."""
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "versions": {
            "new": _versions(pythons.new),
            "old": _versions(pythons.old) if pythons.old else {},
        },
        "note": note,
        "memory": growth(lines),
        "rows": [dataclasses.asdict(each) for each in lines],
    }


@functools.cache
def _versions(python: str) -> dict[str, str]:
    command = [python, "-c", VERSIONS.format(names=PACKAGES)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(text.split() for text in output.splitlines())


# -- the table on the terminal -------------------------------------------------------

COLUMNS = "{:<58} {:>9} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>20} {:>14}  {}"


def header() -> str:
    """The lines above the table."""
    over = " " * 69 + "times the floor: wall, then processor"
    names = ("", "floor", *("ours", "FA", "FM") * 2, "statements", "MB", "limits")
    return f"{over}\n{COLUMNS.format(*names)}"


def text(shown: Line) -> str:
    """A row as a line of text; FA and FM are the predecessors."""
    names = (shown.ours, FLASK_ALEMBIC, FLASK_MIGRATE)

    def three(values: t.Mapping[str, float], pattern: str) -> list[str]:
        return [pattern.format(values[n]) if n in values else "-" for n in names]

    statements = three(shown.statements, "{}")
    verdict = ", ".join(shown.limits)
    if shown.faults:
        verdict += f"  <- NOT {', '.join(shown.faults)}"
    return COLUMNS.format(
        f"{shown.title} ({shown.system})",
        f"{shown.floor * 1000:.1f} ms",
        *three(shown.wall, "{:.2f}"),
        *three(shown.cpu, "{:.2f}"),
        f"{shown.statements[NOTHING]}:{'/'.join(statements)}",
        "/".join(three(shown.memory, "{:+.0f}")),
        verdict,
    )


def summary(lines: t.Sequence[Line]) -> str:
    """What isn't as it should be, in a few lines."""
    faults = [each for each in lines if each.faults]
    said = [f"{len(lines)} rows, {len(faults)} not within their limits"]
    added = growth(lines)
    if added is not None:
        kept = "" if added[0] < MORE_MEMORY else f", NOT under {MORE_MEMORY:g}"
        said.append(f"5,000 revisions add {added[0]} MB at most ({added[1]}){kept}")
    return "\n".join(said)

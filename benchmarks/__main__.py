"""``python -m benchmarks``: measure, print a table, and write it down as JSON."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import tempfile
import typing as t
from pathlib import Path

from . import report
from .launcher import Launcher
from .measuring import Runner
from .rows import every_row
from .rows import Row
from .sites import Pythons


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    add = parser.add_argument
    add("--new", default=sys.executable, help="Python with this project (this one)")
    add("--old", help="Python with the predecessors; left out if not given")
    add("--quick", action="store_true", help="the rows that say most")
    add("--only", action="append", default=[], help="words of the rows to run")
    add("--largest", type=int, help="no more revisions or tables than this")
    add("--seconds", type=float, help="how long a row may begin another round")
    add("--total", type=float, help="seconds after which no row is begun")
    add("--fewest", type=int, default=3, help="rounds of a row at least")
    add("--json", type=Path, help="the file to write, row by row")
    add("--resume", action="store_true", help="keep the rows that the file has")
    add("--note", default="", help="what to know about this run")
    return parser.parse_args()


def chosen(arguments: argparse.Namespace) -> list[Row]:
    """The rows that were asked for."""
    return [
        row
        for row in every_row()
        if (row.quick or not arguments.quick)
        and all(word in f"{row.title} ({row.system})" for word in arguments.only)
        and row.size <= (arguments.largest or row.size)
    ]


def main() -> None:
    """Measure what the arguments say."""
    # Ended in the usual way, it would leave its databases.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = _arguments()
    pythons = Pythons(_absolute(arguments.new), _absolute(arguments.old))
    seconds, total = (1.0, 160.0) if arguments.quick else (6.0, math.inf)
    rows = chosen(arguments)
    every = every_row()
    lines = kept(arguments.json, every) if arguments.resume else []
    places = {(row.title, row.system): place for place, row in enumerate(every)}
    known = {(line.title, line.system) for line in lines}
    missing = [row for row in rows if (row.title, row.system) not in known]
    with Launcher() as launcher, tempfile.TemporaryDirectory() as folder:
        runner = Runner(
            pythons,
            Path(folder),
            launcher,
            seconds=seconds if arguments.seconds is None else arguments.seconds,
            total=total if arguments.total is None else arguments.total,
            fewest=arguments.fewest,
        )
        print(report.header())
        try:
            for measured in runner.run(missing, _say):
                lines.append(report.line(measured))
                print(report.text(lines[-1]), flush=True)
                lines.sort(key=lambda line: places[line.title, line.system])
                if arguments.json:
                    document = report.document(lines, pythons, arguments.note)
                    _write(arguments.json, document)
        finally:
            runner.clear()
    print(report.summary(lines))


def kept(path: Path | None, rows: list[Row]) -> list[report.Line]:
    """What a file has of these rows, from a run of others or one that was broken off."""
    if path is None or not path.exists():
        return []
    there = {(row.title, row.system) for row in rows}
    lines = [report.Line(**item) for item in json.loads(path.read_text())["rows"]]
    return [line for line in lines if (line.title, line.system) in there]


def _write(path: Path, document: dict[str, t.Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def _absolute(python: t.Any) -> t.Any:
    """Name an interpreter from any folder; a link stays one, or it has no packages."""
    return python and os.path.abspath(python)


def _say(text: str) -> None:
    """Say what is being measured; lines on stderr come before their figures."""
    print(f"… {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Make the page that says what is detected on which database, by trying it.

Usage: detection.py

The tests of the sample application are run on all databases; what they saw is kept in
their folder and written as tables into docs/detected.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"
TEST = TESTS / "test_sample_changes.py"
PAGE = ROOT / "docs" / "detected.md"
BEGIN = "<!-- What follows is made by scripts/detection.py. -->\n"
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
NONE = "has none"

Record: t.TypeAlias = t.Mapping[str, t.Mapping[str, t.Sequence[str]]]


def page(record: Record) -> str:
    """The page as it should be.

    :param record: Database -> title of a change -> what its draft had.
    """
    head, _, _ = PAGE.read_text("utf-8").partition(BEGIN)
    return "\n".join([head + BEGIN, *tables(record)])


def tables(record: Record) -> t.Iterator[str]:
    """A heading and a table for each step."""
    for step in sample().steps():
        yield f"## {step.name[0].upper()}{step.name[1:]}\n"
        yield row(["Change in the models", "To be said", *NAMES.values()])
        yield row(["---"] * (len(NAMES) + 2))
        for change in step.changes:
            cells = [record[kind].get(change.title, [NONE]) for kind in NAMES]
            texts = [", ".join(words) for words in cells]
            yield row([change.title, sample().said(change), *texts])
        yield ""


def row(cells: t.Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def sample() -> t.Any:
    """The tests' own knowledge of the sample application."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    from sample import record  # type: ignore[import-not-found]

    return record


def main() -> int:
    """Run the tests, keep what they saw, write the page."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"{TEST}::test_ten_steps"],
            cwd=ROOT,
            env={**os.environ, sample().FOLDER: folder},
            check=False,
        )
        missing = [k for k in NAMES if not Path(folder, f"{k}.json").exists()]
        if missing:
            print(f"The tests gave nothing for {', '.join(missing)}: see above.")
            return done.returncode or 1
        sample().gather(Path(folder))
    PAGE.write_text(page(sample().everything()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

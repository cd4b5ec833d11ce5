"""Write the tables and the plot of the guide: ``python -m benchmarks.page FILE.json``."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

from .plot import Panel
from .plot import plot
from .subjects import FLASK_ALEMBIC
from .subjects import FLASK_MIGRATE
from .subjects import NOTHING
from .subjects import OURS

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- figures: made by benchmarks/page.py -->"
END = "<!-- end of the figures -->"

PICTURE = """\
![What upgrade and check take as the history and the models grow]({}_static/speed.svg)"""

SYSTEMS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}

Row = dict[str, t.Any]
Document = dict[str, t.Any]


def short(document: Document) -> str:
    """The table of the README: the rows that say most, as times of the floor."""
    names = ("", "", "the work itself", "this release", FLASK_ALEMBIC, FLASK_MIGRATE)
    rows = []
    for row in document["rows"]:
        if row["quick"]:
            ratios = row[row["measure"]]
            times = [_times(ratios.get(name)) for name in _three(row)]
            rows.append(
                (row["title"], SYSTEMS[row["system"]], _seconds(row["floor"]), *times)
            )
    return f"{_table(names, rows)}\n\n{_taken(document)}"


def long(document: Document) -> str:
    """The tables of the guide: everything, a table for each database system."""
    subjects = ("the work itself", "this release", FLASK_ALEMBIC, FLASK_MIGRATE)
    names = ("", *subjects, "statements", "memory, MB")
    parts = [_taken(document)]
    for system, title in SYSTEMS.items():
        rows = [_cells(row) for row in document["rows"] if row["system"] == system]
        if rows:
            parts += [f"### {title}", _table(names, rows)]
    return "\n\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    """Times of the floor by the clock and by the processor, and the rest."""
    three = _three(row)
    times = [
        f"{_times(row['wall'].get(n))} / {_times(row['cpu'].get(n))}" for n in three
    ]
    counts = [str(row["statements"].get(n, "–")) for n in (NOTHING, *three)]
    memory = [f"{row['memory'][n]:+.0f}" if n in row["memory"] else "–" for n in three]
    return (
        row["title"],
        _seconds(row["floor"]),
        *times,
        " · ".join(counts),
        " · ".join(memory),
    )


def _three(row: Row) -> tuple[str, str, str]:
    return (row["ours"], FLASK_ALEMBIC, FLASK_MIGRATE)


def _times(ratio: float | None) -> str:
    return (
        "–" if ratio is None else f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.0f} ×"
    )


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.3g} ms"


def _table(names: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> str:
    align = ["---", *["--:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, align, *rows))


def _taken(document: Document) -> str:
    """When and with what it was measured."""
    versions = {**document["versions"]["old"], **document["versions"]["new"]}
    named = ", ".join(f"{n} {versions[n]}" for n in ("alembic", "SQLAlchemy", "Flask"))
    text = (
        f"Measured on {document['date']}: Python {document['python']}, {named},"
        f" {document['system']}, {document['processors']} processors."
    )
    return f"{text} {document['note']}".strip()


def panels(document: Document) -> list[Panel]:
    """What is drawn: a history that grows, and models that grow."""
    asked = [
        ("flask db upgrade at head, seconds", "upgrade", "revisions", False),
        ("check in process, processor seconds", "check", "tables", True),
    ]
    found = []
    for title, action, kind, in_process in asked:
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in document["rows"]:
            wanted = (row["action"], row["kind"], row["in_process"], row["system"])
            if wanted == (action, kind, in_process, "sqlite") and row["bytecode"]:
                for name, seconds in row["seconds"].items():
                    if row["ours"] == OURS:
                        lines.setdefault(name, []).append((row["size"], seconds))
        if max(map(len, lines.values()), default=0) > 1:
            found.append(Panel(title, kind, lines))
    return found


def replace(path: Path, text: str) -> None:
    """Put the figures of a page in place of those that stand there."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise ValueError(f"{path.name} has no lines {BEGIN!r} and {END!r}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Write them from the file that was named."""
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    drawn = plot(panels(document))
    (ROOT / "docs" / "_static" / "speed.svg").write_text(drawn, encoding="utf-8")
    replace(ROOT / "README.md", f"{short(document)}\n\n{PICTURE.format('docs/')}")
    replace(ROOT / "docs" / "speed.md", f"{PICTURE.format('')}\n\n{long(document)}")


if __name__ == "__main__":
    main()

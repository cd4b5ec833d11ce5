"""The rows of the table: what is measured, with whom, and what it may cost."""

from __future__ import annotations

import dataclasses
import typing as t

from . import workloads
from .subjects import FLASK_ALEMBIC
from .subjects import FLASK_MIGRATE
from .subjects import NOTHING
from .subjects import OURS
from .subjects import OURS_SCRIPTED
from .workloads import Work

Measure = t.Literal["wall", "cpu"]

SYSTEMS = ("sqlite", "postgresql", "mariadb")
HISTORY = ("upgrade", "current", "heads", "history")

MANAGED = (NOTHING, OURS, FLASK_ALEMBIC, FLASK_MIGRATE)
# Flask-Alembic 3.3 goes on with the files that it has read: the second revision of a
# process must follow the first, which nobody has applied.
REVISING = (NOTHING, OURS, FLASK_MIGRATE)
SCRIPTED = (NOTHING, FLASK_MIGRATE, OURS_SCRIPTED)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    :param work: Makes what is worked on, for a dialect of SQLAlchemy.
    :param kind: How its work is called in the table.
    :param size: Revisions or tables; 0 where it doesn't matter.
    :param in_process: Again and again in one process, in place of a command.
    :param fresh: Each run has an empty database.
    :param measure: What the limits are for.
    :param floor: Times the floor that it may take.
    :param rivals: Times the better predecessor.
    :param unlike: Predecessors that do less: shown, and no measure.
    :param seconds: What it may take at all.
    """

    action: str
    kind: str
    work: t.Callable[[str], Work]
    size: int = 0
    system: str = "sqlite"
    subjects: tuple[str, ...] = MANAGED
    in_process: bool = False
    bytecode: bool = True
    fresh: bool = False
    measure: Measure = "wall"
    floor: float | None = None
    rivals: float = 1.0
    unlike: tuple[str, ...] = ()
    seconds: float | None = None
    quick: bool = False

    @property
    def ours(self) -> str:
        """Which of this project's interfaces it's about."""
        return OURS_SCRIPTED if OURS_SCRIPTED in self.subjects else OURS

    @property
    def title(self) -> str:
        """What it is, in words."""
        command = TITLES.get(self.action, f"`flask db {self.action}`")
        words = [command.replace("flask db ", "") if self.in_process else command]
        if self.size:
            words.append(f"{self.size:,} {self.kind}")
        if not self.bytecode:
            words.append("no bytecode")
        if self.in_process:
            words.append("in process")
        if self.ours == OURS_SCRIPTED:
            words.append("env.py")
        return ", ".join(words)


TITLES = {
    "boot": "boot of a worker",
    "help": "`flask --help`",
    "group help": "`flask db --help`",
    "upgrade": "`flask db upgrade` at head",
    "new database": "empty database to head",
    "snapshot": "empty database to head from a snapshot",
}


def _boot() -> t.Iterator[Row]:
    work = _any(workloads.history, 10, False)
    for action, limit in {"boot": 1.03, "help": 1.08, "group help": 1.08}.items():
        yield Row(action, "", work, floor=limit, quick=True)
        if action == "boot":
            yield Row(action, "", work, subjects=SCRIPTED)


def _any(make: t.Callable[..., Work], *arguments: t.Any) -> t.Callable[[str], Work]:
    """Give what is the same for every dialect."""
    return lambda dialect: make(*arguments)


def _history(
    sizes: t.Sequence[int] = (10, 100, 1000, 5000),
) -> t.Iterator[Row]:
    for size in sizes:
        for branchy in (False, True):
            for bytecode in (True, False):
                for action in HISTORY:
                    yield from _read(action, size, branchy, bytecode)


def _read(action: str, size: int, branchy: bool, bytecode: bool) -> t.Iterator[Row]:
    """One way to look at a history: as a command, in process, and with env.py."""
    plain = Row(
        action,
        "branchy revisions" if branchy else "revisions",
        _any(workloads.history, size, branchy),
        size,
        bytecode=bytecode,
        floor=None if action == "history" else {1000: 1.10, 5000: 1.35}.get(size),
    )
    shown = {
        (True, "upgrade"),
        (True, "current"),
        (True, "heads"),
        (False, "upgrade"),
    }
    quick = size == 1000 and not branchy and (bytecode, action) in shown
    yield dataclasses.replace(plain, quick=quick)
    twice = 0.5 if size == 5000 else 1.0
    yield dataclasses.replace(plain, subjects=SCRIPTED, floor=None, rivals=twice)
    if bytecode:
        yield dataclasses.replace(
            plain,
            in_process=True,
            floor=None,
            seconds=None if action == "history" else 0.003,
            # It gives what it has read once, and never looks at the files again.
            unlike=(FLASK_ALEMBIC,) if action in ("heads", "history") else (),
            quick=quick and action == "upgrade",
        )


def _servers() -> t.Iterator[Row]:
    work = _any(workloads.history, 1000, False)
    for system in SYSTEMS[1:]:
        for action in HISTORY:
            limit = None if action == "history" else 1.10
            yield Row(action, "revisions", work, 1000, system, floor=limit)


def _growth() -> t.Iterator[Row]:
    for size in (100, 1000):
        tables = min(size // 2, 100)
        for system in SYSTEMS:

            def work(dialect: str, size: int = size, tables: int = tables) -> Work:
                return workloads.growth(size, tables, dialect)

            row = Row("new database", "revisions", work, size, system, fresh=True)
            limit = 4.0 if system == "sqlite" else 1.4
            yield dataclasses.replace(row, floor=limit, quick=size == 100)
            yield dataclasses.replace(row, subjects=SCRIPTED)


def _snapshots() -> t.Iterator[Row]:
    """A new database from a snapshot, beside ``create_all``; the predecessors have none."""
    for size in (100, 1000):
        for system in SYSTEMS:

            def work(dialect: str, size: int = size) -> Work:
                made = workloads.growth(size, min(size // 2, 100), dialect)
                return dataclasses.replace(made, snapshot=True)

            yield Row(
                "snapshot",
                "revisions in it",
                work,
                size,
                system,
                subjects=(NOTHING, OURS),
                fresh=True,
                floor=1.6,
            )


def _comparing() -> t.Iterator[Row]:
    for size in (10, 100, 1000):
        for system in SYSTEMS:
            work = _any(workloads.models, size)
            for action in ("check", "revision"):
                row = Row(action, "tables", work, size, system, measure="cpu")
                half = 0.5 if size == 1000 else 1.0
                aim = {"sqlite": 4.0, "postgresql": 6.0}.get(system)
                yield row
                yield dataclasses.replace(
                    row,
                    subjects=REVISING if action == "revision" else MANAGED,
                    in_process=True,
                    rivals=half,
                    floor=aim if size == 1000 else None,
                    quick=size == 100 and action == "check",
                )
                if action == "check":
                    yield dataclasses.replace(row, in_process=True, subjects=SCRIPTED)


def every_row() -> list[Row]:
    """All rows, those of one work beside each other."""
    rows = [
        *_boot(),
        *_history(),
        *_servers(),
        *_comparing(),
        *_growth(),
        *_snapshots(),
    ]
    places = {key: n for n, key in reversed(list(enumerate(map(together, rows))))}
    return sorted(rows, key=lambda row: places[together(row)])


def together(row: Row) -> tuple[t.Any, ...]:
    """What rows have in common that need the same folders and databases."""
    kind = row.kind or "revisions"
    return (kind, row.size or 10, row.system, row.bytecode, row.fresh)

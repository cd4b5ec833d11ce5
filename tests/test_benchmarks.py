"""The benchmarks: what they compare has done the same work, and their pages are made."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import typing as t
import xml.etree.ElementTree
from pathlib import Path

import pytest
from support.processes import forks
from support.processes import Streams
from support.processes import WARM
from support.servers import Database

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not WARM, reason="processes can't be forked here")

if t.TYPE_CHECKING:
    from benchmarks.launcher import Ended
    from benchmarks.measuring import Runner
    from benchmarks.rows import Row


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


class Forking:
    """In place of a launcher: what programs do is looked at, not what they cost."""

    def run(
        self, command: t.Sequence[str], folder: Path, environment: dict[str, str]
    ) -> Ended:
        """Run a program to its end."""
        from benchmarks.launcher import Ended

        assert command[0] == sys.executable
        output = folder / "output.txt"
        with output.open("wb") as file:
            files = Streams(stdout=file.fileno(), stderr=file.fileno())
            started = forks().start(command[1:], folder, environment, files)
            code = started.wait().exit_code
        return Ended(code, 1.0, 1.0, 1, output.read_text())


@pytest.fixture
def runner(tmp_path: Path) -> t.Iterator[Runner]:
    """Runs each row once, without the predecessors."""
    from benchmarks.launcher import Launcher
    from benchmarks.measuring import Runner
    from benchmarks.sites import Pythons

    pythons = Pythons(sys.executable, None)
    folder = tmp_path / "sites"
    folder.mkdir()
    launcher = t.cast(Launcher, Forking())
    made = Runner(pythons, folder, launcher, seconds=0, fewest=1, most=1)
    yield made
    made.clear()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_program_has_cost(tmp_path: Path, code: int) -> None:
    from benchmarks.launcher import Launcher

    text = (
        "import os, sys, time; sum(range(10**6)); time.sleep(0.3)\n"
        "os.write(1, os.environ['WORD'].encode()); os.write(2, b' and errors')\n"
        f"sys.exit({code})"
    )
    with Launcher() as launcher:
        command = [sys.executable, "-c", text]
        ended = launcher.run(command, tmp_path, {**os.environ, "WORD": "said"})
    assert (ended.code, ended.output) == (code, "said and errors")
    assert ended.wall > 0.3
    assert 0 < ended.cpu < ended.wall
    assert ended.memory > 1000


def tiny(action: str, kind: str, system: str, **options: t.Any) -> Row:
    """The first row of its sort, small."""
    from benchmarks import workloads
    from benchmarks.rows import every_row

    row = next(r for r in every_row() if (r.action, r.kind) == (action, kind))
    works = {
        "new database": lambda dialect: workloads.growth(24, 4, dialect),
        "snapshot": lambda dialect: dataclasses.replace(
            workloads.growth(24, 4, dialect), snapshot=True
        ),
        "check": lambda dialect: workloads.models(3),
        "revision": lambda dialect: workloads.models(3),
    }
    return dataclasses.replace(
        row, work=works[action], size=24, system=system, **options
    )


def test_each_ends_with_the_schema_of_the_models(
    runner: Runner, database: Database
) -> None:
    from benchmarks.measuring import verify
    from benchmarks.sites import BenchmarkError
    from benchmarks.subjects import NOTHING
    from benchmarks.subjects import OURS
    from benchmarks.subjects import OURS_SCRIPTED

    subjects: tuple[str, ...] = (NOTHING, OURS)
    if database.kind == "sqlite":
        subjects += (OURS_SCRIPTED,)
    row = tiny("new database", "revisions", database.kind, subjects=subjects)
    counts = runner.counts(row)
    assert counts.keys() == set(subjects)
    assert all(count >= 24 for count in counts.values())

    # What would be found if one hadn't.
    site = runner.sites(row)[1]
    heads = row.work(site.database.dialect).heads
    expected = site.database.described()
    assert len(expected) == 4
    verify(site, heads, expected)
    shorter = {**expected, "t0001": {**expected["t0001"], "indexes": []}}
    with pytest.raises(BenchmarkError, match="another table t0001"):
        verify(site, heads, shorter)
    with pytest.raises(BenchmarkError, match="isn't at head"):
        verify(site, ("other",), expected)


@pytest.mark.one_database
def test_a_snapshot_is_used(runner: Runner, database: Database) -> None:
    from benchmarks.subjects import NOTHING
    from benchmarks.subjects import OURS

    replayed = runner.counts(tiny("new database", "revisions", "sqlite"))
    runner.clear()
    built = runner.counts(tiny("snapshot", "revisions in it", "sqlite"))
    assert built[NOTHING] < built[OURS] < replayed[OURS] - 24


@pytest.mark.one_database
def test_a_comparison_in_process(
    runner: Runner, database: Database, tmp_path: Path
) -> None:
    """All figures are there, and the pages and the plot can be made of them."""
    from benchmarks import page
    from benchmarks import report
    from benchmarks.__main__ import kept
    from benchmarks.plot import plot
    from benchmarks.sites import Pythons

    row = tiny("check", "tables", "sqlite", in_process=True, floor=0.0, quick=True)
    (line,) = (report.line(x) for x in runner.run([row], lambda text: None))
    assert line.statements["floor"] == 4
    assert line.seconds[line.ours] > 0
    assert line.cpu[line.ours] > 0
    assert line.faults == ("0 x floor",)
    assert "NOT 0 x floor" in report.text(line)

    path = tmp_path / "kept.json"
    path.write_text(
        json.dumps(report.document([line], Pythons(sys.executable, None), ""))
    )
    other = dataclasses.replace(row, size=25)
    assert [known.title for known in kept(path, [row, other])] == [row.title]
    assert kept(path, [other]) == kept(tmp_path / "none.json", [row]) == []

    document = report.document([line], Pythons(sys.executable, None), "A note.")
    assert str(ROOT) not in repr(document)
    document["versions"]["old"] = dict.fromkeys(("alembic", "SQLAlchemy", "Flask"), "1")
    for table in (page.short(document), page.long(document)):
        assert table.count("`check`, 24 tables, in process") == 1
        assert "A note." in table
    document["rows"].append({**document["rows"][0], "size": 10})
    picture = xml.etree.ElementTree.fromstring(plot(page.panels(document)))
    assert len(picture.findall(".//{*}circle")) == 4


def test_histories_fit_together() -> None:
    """A branchy history forks and meets again; every id is followed but the head's."""
    from benchmarks import workloads

    work = workloads.history(30, True)
    places: list[dict[str, t.Any]] = []
    for text in work.files.values():
        names: dict[str, t.Any] = {}
        exec(text.partition("def upgrade")[0], names)
        places.append(names)
    downs = [names["down_revision"] or () for names in places]
    parents = [p for d in downs for p in ([d] if isinstance(d, str) else d)]
    ids = {names["revision"] for names in places}
    assert len(ids) == 30
    assert ids - set(parents) == set(work.heads)
    assert len(parents) - len(set(parents)) == 3  # forks


def test_rows_that_say_most() -> None:
    """The quick ones are a part of all, on every database."""
    from benchmarks.rows import every_row

    rows = every_row()
    quick = [row for row in rows if row.quick]
    assert {row.system for row in quick} == {"sqlite", "postgresql", "mariadb"}
    assert len(quick) < 20 < len(rows)
    keys = [(r.title, r.system) for r in rows]
    assert len(keys) == len(set(keys))


def test_who_does_less_is_no_measure() -> None:
    """Flask-Alembic 3.3 gives the heads that it has read once, and looks no more."""
    from benchmarks.measuring import Sample
    from benchmarks.measuring import summarise
    from benchmarks.rows import every_row
    from benchmarks.subjects import FLASK_ALEMBIC
    from benchmarks.subjects import FLASK_MIGRATE
    from benchmarks.subjects import NOTHING
    from benchmarks.subjects import OURS

    took = {NOTHING: 4.0, OURS: 2.0, FLASK_ALEMBIC: 1.0, FLASK_MIGRATE: 8.0}
    round_ = {name: Sample(seconds, seconds, 1) for name, seconds in took.items()}
    found = {
        row.action: summarise(row, [round_], dict.fromkeys(took, 1)).rivals
        for row in every_row()
        if row.in_process and row.ours == OURS and row.kind == "revisions"
    }
    assert found == {"upgrade": 2.0, "current": 2.0, "heads": 0.25, "history": 0.25}

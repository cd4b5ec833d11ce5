"""An upgrade that is stopped at any moment is completed by the next, each effect once."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from migrate.scripted import Scripted
from support import stopping
from support.application import Project
from support.processes import clean_environment
from support.processes import run_forked
from support.servers import Database

PROGRAM = Path(stopping.__file__)

FIRST = """\
op.create_table(
    "log", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
)
op.execute("INSERT INTO log (id, text) VALUES (1, 'r0')")
"""

IDS = [f"r{number}" for number in range(10)]


def write_revisions(project: Project) -> None:
    """Ten revisions: every other one adds a column, the others to a text."""
    project.revision("r0", None, FIRST)
    for number in range(1, 10):
        column = f'op.add_column("log", sa.Column("c{number}", sa.Integer))'
        text = f"op.execute(\"UPDATE log SET text = text || ' r{number}'\")"
        up = column if number % 2 else text
        project.revision(f"r{number}", f"r{number - 1}", up)


TEXT = " ".join(id_ for n, id_ in enumerate(IDS) if not n % 2)
COLUMNS = "".join(f", c{number}" for number in range(1, 10, 2))

FOUND = {
    f"SELECT text{COLUMNS} FROM log": [[TEXT, *[None] * 5]],
    "SELECT version_num FROM alembic_version": [["r9"]],
}
"""Query -> what it gives when all ten have run."""

EACH_ON_RECORD = [[id_] for id_ in IDS]
ON_RECORD = "SELECT revision FROM alembic_history WHERE state = 'done' ORDER BY id"


def stop_at_every_moment(
    project: Project,
    database: Database,
    how: str,
    stride: int,
    on_record: list[list[str]] = EACH_ON_RECORD,
) -> list[tuple[int, int]]:
    """Stop upgrades and repeat them; give each moment, and how the first run ended."""
    expected = {**FOUND, ON_RECORD: on_record}
    project.config["ALEMBIC_HISTORY"] = True
    project.head += stopping.STOPPER
    project.write()
    file = database.kind == "sqlite"
    job = stopping.Job(
        url=database.url,
        how=how,
        stride=stride,
        reset=["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"],
        file=database.url.removeprefix("sqlite:///") if file else None,
        queries=list(expected),
    )
    done = run_forked(
        [str(PROGRAM), json.dumps(job._asdict())], project.root, clean_environment()
    )
    assert done.exit_code == 0, done.stderr
    endings = []
    for line in done.stdout.splitlines():
        moment, first, again, found = json.loads(line)
        assert again == 0, (moment, done.stderr)
        assert found == list(expected.values()), moment
        endings.append((moment, first))
    return endings


WAYS = {"kill": -signal.SIGKILL, "raise": 1, "terminate": 1}

pytestmark = pytest.mark.needs("transactional_ddl")


def check(project: Project, database: Database, each: bool, how: str) -> None:
    if how == "terminate" and not database.can("server"):
        pytest.skip("there is no server that could drop a connection")
    # Without commits in between most moments are alike, and env.py changes nothing in
    # what a revision does.
    stride = (1 if type(project) is Project else 3) if each else 9
    if how != "kill":
        stride = 13
    endings = stop_at_every_moment(project, database, how, stride)
    *stopped, last = (ending for _, ending in endings)
    assert set(stopped) == {WAYS[how]}
    assert last == 0
    assert endings[-1][0] > 30


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("how", WAYS)
def test_managed(project: Project, database: Database, each: bool, how: str) -> None:
    project.config["ALEMBIC_CONTEXT"] = {"transaction_per_migration": each}
    write_revisions(project)
    check(project, database, each, how)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("how", WAYS)
def test_scripted(scripted: Scripted, database: Database, each: bool, how: str) -> None:
    for path in scripted.files:
        path.unlink()
    scripted.setup = f"migrate = Migrate(app, db, transaction_per_migration={each})"
    write_revisions(scripted)
    check(scripted, database, each, how)


@pytest.mark.parametrize("how", ["kill", "raise"])
def test_from_a_snapshot(project: Project, database: Database, how: str) -> None:
    write_revisions(project)
    made = project.invoke("snapshot")
    assert made.exit_code == 0, made.stderr
    # One transaction: most moments are alike.
    endings = stop_at_every_moment(project, database, how, 3, [["r9"]])
    assert {ending for _, ending in endings} == {WAYS[how], 0}


OUTSIDE = """\
with op.get_context().autocommit_block():
    op.execute("CREATE TABLE outside (id INTEGER)")
"""


@pytest.mark.parametrize(
    ("up", "extra"), [(OUTSIDE, ""), ("pass", "transactional = False")]
)
def test_what_is_exempt_is_reported(project: Project, up: str, extra: str) -> None:
    project.tables("a")
    project.revision("b", "a", up, extra=extra)
    project.tables("c", down="b")
    with project.context() as alembic:
        (result,) = alembic.upgrade().databases
    (warning,) = result.warnings
    assert warning.startswith("revision b ran statements outside of a transaction")

"""MariaDB commits each schema change: a run that was killed goes on where it was."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from support.application import clean_environment
from support.application import Project
from support.servers import Database

from flask_alembic.migrator.deploys import checksum as checksum_room
from flask_alembic.migrator.deploys import journal as journal_room

pytestmark = pytest.mark.needs("ddl_commits")

TEN: dict[str, str] = {
    "r0": """
op.create_table(
    "person",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
    sa.Column("points", sa.Integer, nullable=False),
)
op.execute("INSERT INTO person (name, points) VALUES ('a%', 1), ('b', 2), ('c', 3)")
""",
    "r1": """
op.execute("UPDATE person SET points = points + 1")
op.create_table("copy", sa.Column("id", sa.Integer), sa.Column("name", sa.String(50)))
op.execute("INSERT INTO copy SELECT id, name FROM person")
op.execute("UPDATE person SET points = points + 10")
""",
    "r2": """
op.add_column("person", sa.Column("half", sa.Numeric(6, 2)))
for row in op.get_bind().execute(sa.text("SELECT id, points FROM person")).all():
    op.get_bind().execute(
        sa.text("UPDATE person SET half = :half, points = points + 1 WHERE id = :id"),
        {"half": row.points / 2, "id": row.id},
    )
    if row.points > 12:
        op.add_column("copy", sa.Column(f"c{row.points}", sa.Integer))
""",
    "r3": """
op.rename_table("copy", "archive")
op.execute("CREATE VIEW both_of_them AS SELECT name, points FROM person")
op.execute("UPDATE person SET points = points + 100")
""",
    "r4": """
op.execute(
    "CREATE TRIGGER counted BEFORE INSERT ON archive FOR EACH ROW"
    " BEGIN UPDATE person SET points = points + 1; SET NEW.name = 'new'; END"
)
op.execute("INSERT INTO archive (id) VALUES (7)")
""",
    "r5": """
op.create_index("ix_name", "person", ["name"])
op.bulk_insert(
    sa.table("person", sa.column("name"), sa.column("points")),
    [{"name": "d", "points": 1}, {"name": "e", "points": 1}],
)
""",
    "r6": """
op.execute("UPDATE person SET points = points + 1000")
op.execute("TRUNCATE TABLE archive")
op.execute("INSERT INTO archive (id) VALUES (1), (2)")
""",
    "r7": """
found = sa.inspect(op.get_bind()).has_table("missing")
if not found:
    op.create_table("missing", sa.Column("id", sa.Integer, primary_key=True))
key = op.get_bind().execute(
    sa.text("INSERT INTO person (name, points) VALUES ('f', 0)")
).lastrowid
op.alter_column(
    "person", "name", existing_type=sa.String(50), type_=sa.String(60), nullable=False
)
op.execute(f"UPDATE person SET points = points + 5 WHERE id = {key}")
""",
    "r8": """
op.execute("UPDATE person SET points = points + 1")
""",
    "r9": """
op.drop_index("ix_name", "person")
op.drop_table("missing")
op.execute("DROP VIEW both_of_them")
op.execute("UPDATE person SET points = points * 2")
""",
}


def ten(project: Project) -> None:
    """Write ten revisions that do a bit of everything."""
    down = None
    for id, text in TEN.items():
        project.revision(id, down, text.strip())
        down = id


def kill(project: Project, points: str, step: int) -> list[dict[str, t.Any]]:
    """Kill and run again; give what became of each point."""
    program = Path(__file__).parent / "support" / "kills.py"
    project.write()
    # It forks, so it must not have threads.
    done = subprocess.run(
        [sys.executable, str(program), points, str(step)],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_at_any_point_and_run_again(project: Project) -> None:
    ten(project)
    # All of them take a minute; they were tried by hand, with a step of one.
    first, *tried = kill(project, "single", 3)
    assert set(first["expected"]) == {
        "alembic_version",
        "archive",
        "person",
        "triggers",
    }
    assert len(tried) == -(-first["points"] // 3) > 25
    assert [item for item in tried if item["wrong"] or item["more"]] == []
    assert [text for item in tried for text in item["warnings"]]


def test_killed_twice_and_run_again(project: Project) -> None:
    ten(project)
    _, *tried = kill(project, "double", 25)
    assert [item for item in tried if item["wrong"] or item["more"]] == []


def test_snapshot_killed_at_any_point_and_run_again(project: Project) -> None:
    for id, down in (("r0", None), ("r1", "r0"), ("r2", "r1")):
        project.revision(id, down, TEN[id].strip())
    made = project.invoke("snapshot")
    assert made.exit_code == 0, made.stderr
    first, *tried = kill(project, "single", 1)
    assert {"person", "copy"} < set(first["expected"])
    assert len(tried) == first["points"] > 10
    assert [item for item in tried if item["wrong"] or item["more"]] == []


FIRST = """
op.execute("CREATE TABLE one (id INT PRIMARY KEY, n INT)")
op.execute("INSERT INTO one VALUES (1, 1)")
op.execute("ALTER TABLE one ADD COLUMN more INT")
op.execute("UPDATE one SET n = n + 1")
"""
FAILS = 'op.execute("ALTER TABLE missing ADD COLUMN more INT")'


def stopped(project: Project, text: str = FIRST + FAILS, id: str = "a") -> Path:
    """Write a revision that fails, and run it."""
    path = project.revision(id, None, text.strip())
    assert project.invoke("upgrade").exit_code == 1
    return path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def mended(path: Path) -> None:
    replace(path, "ALTER TABLE missing", "ALTER TABLE one")
    replace(path, 'COLUMN more INT")\n\n', 'COLUMN other INT")\n\n')


def test_error_and_run_again(project: Project, database: Database) -> None:
    stopped(project)
    database.execute("CREATE TABLE missing (id INT)")
    with project.context() as alembic:
        report = alembic.upgrade()
    assert report.databases[0].warnings == (
        "a: 4 statements of an interrupted run were replayed",
    )
    assert database.rows("SELECT * FROM one") == [(1, 2, None)]
    assert database.tables() == {"one", "missing"}
    assert database.versions() == {"a"}


def test_what_ran_before_an_error_is_done_whatever_becomes_of_it(
    project: Project, database: Database
) -> None:
    two = "".join(f'op.execute("CREATE TABLE {n} (id INT)")\n' for n in ("one", "two"))
    stopped(project, two + FAILS)
    # As they were before the revision; but that is somebody's decision.
    database.execute(
        "DROP TABLE one", "DROP TABLE two", "CREATE TABLE missing (id INT)"
    )
    with project.context() as alembic:
        report = alembic.upgrade()
    assert report.databases[0].warnings == (
        "a: 2 statements of an interrupted run were replayed",
    )
    assert database.tables() == {"missing"}
    assert database.versions() == {"a"}


def test_nothing_is_left_of_what_failed_at_once(
    project: Project, database: Database
) -> None:
    stopped(project, 'op.execute("SELECT 1")\nraise ValueError("no")')
    assert database.tables() == set()


def test_changed_file_stops_and_finish_goes_on(
    project: Project, database: Database
) -> None:
    path = stopped(project)
    mended(path)
    done = project.invoke("upgrade")
    assert done.exit_code == 1
    assert "was changed after it was interrupted" in done.stderr
    assert "applied: 1 CREATE TABLE one" in done.stderr
    assert "flask db repair a" in done.stderr
    assert database.rows("SELECT n FROM one") == [(2,)]
    assert project.invoke("repair", "a", "--finish").exit_code == 0
    assert database.rows("SELECT * FROM one") == [(1, 2, None, None)]
    assert database.versions() == {"a"}
    assert database.tables() == {"one"}


FILES = {"short": "", "long": "# " + "x" * 5_000, "not in English": "# größer"}


@pytest.mark.parametrize("more", FILES.values(), ids=FILES)
def test_changed_comment_is_no_change(
    project: Project, database: Database, more: str
) -> None:
    path = stopped(project, f"{FIRST}{FAILS}\n{more}")
    path.write_text(path.read_text() + "\n# what it does\n")
    database.execute("CREATE TABLE missing (id INT)")
    assert project.invoke("upgrade").exit_code == 0


@pytest.mark.parametrize("more", FILES.values(), ids=FILES)
def test_changed_code_is_a_change(project: Project, more: str) -> None:
    path = stopped(project, f"{FIRST}{FAILS}\n{more}")
    replace(path, "ALTER TABLE missing", "ALTER TABLE one")
    assert "was changed after it was interrupted" in project.invoke("upgrade").stderr


def test_short_files_are_parsed_when_somebody_asks(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    sum_of = journal_room.checksum_of

    def note(data: bytes) -> str:
        parsed.append(data)
        return sum_of(data)

    for room in (journal_room, checksum_room):
        monkeypatch.setattr(room, "checksum_of", note)
    project.tables("a", "b")
    project.revision("c", "b", 'op.execute("CREATE TABLE one (n INT)")\n1 / 0')
    assert project.invoke("upgrade").exit_code == 1
    assert parsed == []
    assert project.invoke("repair").exit_code == 1
    assert len(parsed) == 2


def test_finish_stops_where_the_file_does_something_else(
    project: Project, database: Database
) -> None:
    path = stopped(project)
    replace(path, "VALUES (1, 1)", "VALUES (1, 7)")
    done = project.invoke("repair", "--finish")
    assert done.exit_code == 1
    assert "'INSERT INTO one VALUES (1, 1)'" in done.stderr
    assert "'INSERT INTO one VALUES (1, 7)'" in done.stderr
    assert database.rows("SELECT * FROM one") == [(1, 2, None)]


def test_statement_that_isnt_there_any_more(
    project: Project, database: Database
) -> None:
    path = stopped(project)
    text = path.read_text()
    start = text.index('    op.execute("ALTER')
    path.write_text(text[:start] + text[text.index("\n\ndef downgrade") :])
    done = project.invoke("repair", "--finish")
    assert "isn't reached any more" in done.stderr
    assert database.versions() == set()


def test_values_that_differ_stop(project: Project, database: Database) -> None:
    text = """
import uuid
op.execute("CREATE TABLE one (id CHAR(36))")
op.get_bind().execute(sa.text("INSERT INTO one VALUES (:id)"), {"id": str(uuid.uuid4())})
op.execute("ALTER TABLE one ADD COLUMN more INT")
raise ValueError
"""
    stopped(project, text)
    done = project.invoke("upgrade")
    assert "statement 2" in done.stderr
    assert "now has other values" in done.stderr
    assert len(database.rows("SELECT * FROM one")) == 1


def test_repair_shows_what_is_unfinished(project: Project) -> None:
    stopped(project)
    done = project.invoke("repair")
    assert done.exit_code == 1
    assert "default: upgrade of a is unfinished" in done.stdout
    assert "1 done     CREATE TABLE one" in done.stdout
    (item,) = project.invoke("repair", "--json").json["unfinished"]
    assert item["revision"] == "a"
    assert not item["changed"]
    assert [s["number"] for s in item["statements"]] == [1, 2, 3, 4]
    assert {s["state"] for s in item["statements"]} == {"done"}


def test_repair_of_nothing(project: Project) -> None:
    project.tables("a")
    assert project.invoke("upgrade").exit_code == 0
    done = project.invoke("repair")
    assert (done.exit_code, done.stdout) == (0, "There is nothing to repair.\n")
    assert project.invoke("repair", "--undo").exit_code == 0


def test_done_takes_it_as_applied(project: Project, database: Database) -> None:
    stopped(project)
    assert project.invoke("repair", "--done").exit_code == 0
    assert database.versions() == {"a"}
    assert database.tables() == {"one"}
    assert database.rows("SELECT * FROM one") == [(1, 2, None)]
    assert project.invoke("repair").exit_code == 0


def test_undo_takes_it_back(project: Project, database: Database) -> None:
    text = """
op.execute("CREATE TABLE one (id INT PRIMARY KEY, n INT)")
op.add_column("one", sa.Column("more", sa.Integer))
op.create_index("ix", "one", ["n"])
op.rename_table("one", "two")
op.create_unique_constraint("uq", "two", ["more"])
raise ValueError
"""
    stopped(project, text)
    assert "two" in database.tables()
    assert project.invoke("repair", "--undo").exit_code == 0
    assert database.tables() == set()
    assert database.versions() == set()
    assert project.invoke("repair").exit_code == 0


def test_undo_refuses_what_has_no_inverse(project: Project, database: Database) -> None:
    stopped(project)
    done = project.invoke("repair", "--undo")
    assert done.exit_code == 1
    assert "can't be undone: 4 UPDATE one SET n = n + 1; 2 INSERT" in done.stderr
    assert database.rows("SELECT * FROM one") == [(1, 2, None)]


KILL = """
import os, signal
op.execute("CREATE TABLE one (id INT)")
op.execute("CREATE PROCEDURE fill() BEGIN INSERT INTO one VALUES (1); COMMIT;"
           " INSERT INTO one VALUES (2); SIGNAL SQLSTATE '45000'; END")
op.execute("CALL fill()")
op.execute("INSERT INTO one VALUES (3)")
"""


def test_unknown_statement_needs_an_answer(
    project: Project, database: Database
) -> None:
    stopped(project, KILL)
    done = project.invoke("upgrade")
    assert done.exit_code == 1
    assert "unknown whether: 3 CALL fill()" in done.stderr
    assert project.invoke("repair", "--finish").exit_code == 1
    assert database.rows("SELECT * FROM one") == [(1,)]
    assert project.invoke("repair", "--finish", "--statement-ran").exit_code == 0
    assert database.rows("SELECT * FROM one") == [(1,), (3,)]
    assert database.versions() == {"a"}


def test_temporary_table_is_gone(project: Project) -> None:
    text = """
op.execute("CREATE TEMPORARY TABLE one (id INT)")
op.execute("CREATE TABLE two (id INT)")
raise ValueError
"""
    stopped(project, text)
    done = project.invoke("upgrade")
    assert "temporary table" in done.stderr


def test_table_without_transactions(project: Project, database: Database) -> None:
    text = """
op.execute("CREATE TABLE one (n INT) ENGINE=MyISAM")
op.execute("INSERT INTO one VALUES (1)")
op.execute("UPDATE one SET n = n + 1")
op.execute("SELECT * FROM missing")
"""
    stopped(project, text)
    database.execute("CREATE TABLE missing (id INT)")
    assert project.invoke("upgrade").exit_code == 0
    assert database.rows("SELECT * FROM one") == [(2,)]


def test_outside_of_a_transaction(project: Project, database: Database) -> None:
    text = """
op.execute("CREATE TABLE one (n INT)")
op.execute("INSERT INTO one VALUES (1)")
op.execute("UPDATE one SET n = n + 1")
op.execute("SELECT * FROM missing")
"""
    path = project.revision("a", None, text.strip(), extra="transactional = False")
    assert project.invoke("upgrade").exit_code == 1
    assert path.exists()
    database.execute("CREATE TABLE missing (id INT)")
    assert project.invoke("upgrade").exit_code == 0
    assert database.rows("SELECT * FROM one") == [(2,)]


def test_own_commits_and_locks(project: Project, database: Database) -> None:
    text = """
op.execute("CREATE TABLE one (n INT)")
op.execute("INSERT INTO one VALUES (1)")
op.execute("COMMIT")
op.execute("LOCK TABLES one WRITE")
op.execute("UPDATE one SET n = n + 1")
op.execute("UNLOCK TABLES")
try:
    with op.get_bind().begin_nested():
        op.execute("INSERT INTO one VALUES (7)")
        op.execute("CREATE TABEL two")
except sa.exc.DBAPIError:
    op.execute("UPDATE one SET n = n + 10")
op.execute("ALTER TABLE one ADD COLUMN more INT")
op.execute("SELECT * FROM missing")
"""
    stopped(project, text)
    database.execute("CREATE TABLE missing (id INT)")
    assert project.invoke("upgrade").exit_code == 0
    assert database.rows("SELECT n FROM one ORDER BY n") == [(12,)]


def test_many_rows_are_read_again(project: Project, database: Database) -> None:
    text = """
op.execute("CREATE TABLE one (n INT)")
op.execute("INSERT INTO one SELECT seq FROM seq_1_to_1500")
rows = op.get_bind().execute(sa.text("SELECT n FROM one ORDER BY n")).all()
assert len(rows) == 1500 and rows[7] == (8,)
op.execute("ALTER TABLE one ADD COLUMN more INT")
op.execute("SELECT * FROM missing")
"""
    stopped(project, text)
    database.execute("DELETE FROM one WHERE n = 9")
    done = project.invoke("upgrade")
    assert "gives other rows than it did" in done.stderr
    database.execute("INSERT INTO one (n) VALUES (9)", "CREATE TABLE missing (n INT)")
    assert project.invoke("upgrade").exit_code == 0


def test_other_steps_wait_for_it(project: Project, database: Database) -> None:
    project.tables("a")
    assert project.invoke("upgrade").exit_code == 0
    project.revision(
        "b", "a", 'op.execute("CREATE TABLE two (n INT)")\nraise ValueError'
    )
    assert project.invoke("upgrade").exit_code == 1
    done = project.invoke("downgrade")
    assert done.exit_code == 1
    assert "Revision b" in done.stderr
    assert "isn't what would run now" in done.stderr
    assert database.tables() == {"t_a", "two", "alembic_journal"}
    assert project.invoke("stamp", "b").exit_code == 0
    assert database.tables() == {"t_a", "two"}


def test_downgrade_goes_on(project: Project, database: Database) -> None:
    back = 'op.execute("DROP TABLE one")\nop.execute("DROP TABLE two")'
    up = (
        'op.execute("CREATE TABLE one (n INT)")\nop.execute("CREATE TABLE two (n INT)")'
    )
    project.revision("a", None, up, back)
    assert project.invoke("upgrade").exit_code == 0
    database.execute("RENAME TABLE two TO three")
    assert project.invoke("downgrade").exit_code == 1
    assert database.versions() == {"a"}
    database.execute("RENAME TABLE three TO two")
    assert project.invoke("repair", "a", "--finish").exit_code == 0
    assert database.all_tables() == {"alembic_version"}
    assert database.versions() == set()


def test_history_row_is_written_with_it(project: Project, database: Database) -> None:
    project.config["ALEMBIC_HISTORY"] = True
    stopped(project)
    database.execute("CREATE TABLE missing (id INT)")
    assert project.invoke("upgrade").exit_code == 0
    rows = database.rows("SELECT revision, state FROM alembic_history ORDER BY started")
    assert rows == [("a", "failed"), ("a", "done")]

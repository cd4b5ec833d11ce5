"""MariaDB under an env.py: a revision that failed half-way is gone on with."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted
from support.servers import Database

pytestmark = pytest.mark.needs("ddl_commits")

LINES = """\
op.execute("CREATE TABLE one (n INT)")
op.execute("INSERT INTO one VALUES (1)")
op.execute("ALTER TABLE one ADD COLUMN more INT")
op.execute("UPDATE one SET n = n + 1")
op.execute("SELECT * FROM missing")
"""


def check(project: Scripted, failing: Database, *others: Database) -> None:
    assert "missing" in project.fails("upgrade")
    assert failing.rows("SELECT n FROM one") == [(1,)]
    done = project.invoke("repair")
    assert done.exit_code == 1
    assert "3 done     ALTER TABLE one ADD COLUMN more INT" in done.stdout
    failing.execute("CREATE TABLE missing (id INT)")
    project.ok("upgrade")
    for database in (failing, *others):
        assert database.rows("SELECT n FROM one") == [(2,)]
        assert database.versions() == {"a"}
        assert "alembic_journal" not in database.all_tables()
    assert project.ok("repair").stdout == "There is nothing to repair.\n"


def test_one_database(one: Scripted, database: Database) -> None:
    one.revision("a", None, LINES)
    check(one, database)


def test_several_databases(
    binds: Scripted, database: Database, other: Database
) -> None:
    # Its env.py opens the transactions, and commits them late.
    text = LINES.strip().replace("\n", "\n    ")
    good = text.replace("FROM missing", "FROM one")
    binds.bind_revision("a", None, upgrade_=good, upgrade_log=text)
    check(binds, other, database)


def test_finish(one: Scripted, database: Database) -> None:
    path = one.revision("a", None, LINES)
    one.fails("upgrade")
    one.edit(path, "FROM missing", "FROM one")
    assert "was changed after it was interrupted" in one.refused("upgrade")
    one.ok("repair", "--finish")
    assert database.rows("SELECT n FROM one") == [(2,)]
    assert database.versions() == {"a"}

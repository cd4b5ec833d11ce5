"""What a failing revision leaves behind under an env.py, and what a rebuild keeps."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.servers import Database

CREATE = 'op.create_table("{}", sa.Column("id", sa.Integer))'
FAIL = '\nop.execute("SELECT 1 FROM nowhere")'

PARENT = """
op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("name", sa.String(50)))
op.create_table("child", sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("parent_id", sa.Integer,
                          sa.ForeignKey("parent.id", ondelete="CASCADE")))
op.execute("INSERT INTO parent (id, name) VALUES (1, 'one'), (2, 'two')")
op.execute("INSERT INTO child (id, parent_id) VALUES (1, 1), (2, 2)")
"""

REBUILD = """
with op.batch_alter_table("parent", recreate="always") as batch:
    batch.alter_column("name", nullable=False, existing_type=sa.String(50))
"""

FOREIGN_KEYS = """
from sqlalchemy import event

with app.app_context():
    own_engines = list(db.engines.values())

for engine in own_engines:
    @event.listens_for(engine, "connect")
    def enforce(connection, record):
        connection.execute("PRAGMA foreign_keys=ON")
"""


def settle(project: Scripted, **bodies: str) -> None:
    """Write a straight line of revisions for one database or for several."""
    down = None
    several = "bind_names" in project.env.read_text()
    for id, body in bodies.items():
        if several:
            lines = "\n    ".join(body.strip().splitlines())
            project.bind_revision(id, down, upgrade_=lines)
        else:
            project.revision(id, down, body.strip())
        down = id


@pytest.fixture(params=["one", "binds", "own"])
def folder(request: pytest.FixtureRequest, project: Scripted) -> Scripted:
    """Each kind of folder."""
    if request.param == "binds":
        database = request.getfixturevalue("other")
        project.bind("log", database.url)
    project.folder(request.param)
    (project.migrations / "billing").mkdir(exist_ok=True)
    return project


def version_table(project: Scripted) -> str:
    """Where a folder's environment keeps the applied ids."""
    own = "own_version" in project.env.read_text()
    return "own_version" if own else "alembic_version"


@pytest.mark.needs("transactional_ddl")
def test_failure_leaves_nothing(folder: Scripted, database: Database) -> None:
    """Of the revision that failed; with one transaction, of the whole run."""
    settle(folder, a=CREATE.format("first"), b=CREATE.format("second") + FAIL)
    assert "nowhere" in folder.fails("upgrade")
    table = version_table(folder)
    per_migration = table == "own_version"
    assert database.all_tables() - {table} == ({"first"} if per_migration else set())
    assert database.versions(table) == ({"a"} if per_migration else set())
    # The repaired revision runs: nothing "already exists".
    path = next(folder.versions.glob("b_*"))
    path.write_text(path.read_text().replace("SELECT 1 FROM nowhere", "SELECT 1"))
    folder.ok("upgrade")
    assert {"first", "second"} <= database.tables()
    assert database.versions(table) == {"b"}


@pytest.mark.needs("file")
def test_rebuild_keeps_the_children(folder: Scripted, database: Database) -> None:
    """With foreign keys on, dropping the parent would delete them."""
    folder.setup += FOREIGN_KEYS
    settle(folder, a=PARENT, b=REBUILD)
    folder.ok("upgrade", "a")
    folder.ok("upgrade")
    assert database.rows("SELECT id, parent_id FROM child") == [(1, 1), (2, 2)]
    assert database.rows("SELECT id, name FROM parent") == [(1, "one"), (2, "two")]
    assert database.versions(version_table(folder)) == {"b"}


@pytest.mark.needs("file")
def test_application_has_its_foreign_keys_back(
    one: Scripted, database: Database
) -> None:
    """The connection goes back to the pool as it was."""
    one.setup += FOREIGN_KEYS
    settle(one, a=PARENT)
    with one.app() as module:
        import flask_migrate

        flask_migrate.upgrade()
        with module.db.engine.connect() as connection:
            query = sa.text("PRAGMA foreign_keys")
            assert connection.execute(query).scalar() == 1


@pytest.mark.needs("file")
def test_broken_reference_is_refused(one: Scripted, database: Database) -> None:
    """What the rebuild would hide is looked for before the commit."""
    settle(one, a=PARENT, b='op.execute("DELETE FROM parent WHERE id = 1")')
    one.ok("upgrade", "a")
    one.setup += FOREIGN_KEYS
    done = one.run("upgrade")
    assert done.exit_code == 1
    assert database.versions() == {"a"}
    assert database.rows("SELECT id FROM parent") == [(1,), (2,)]


@pytest.mark.needs("ddl_commits")
def test_failure_where_ddl_commits(one: Scripted, database: Database) -> None:
    """What was finished before is recorded; the failed one isn't."""
    settle(one, a=CREATE.format("first"), b=CREATE.format("second") + FAIL)
    assert "nowhere" in one.fails("upgrade")
    assert database.versions() == {"a"}
    assert database.tables() == {"first", "second", "alembic_journal"}


def test_syntax_error_in_a_later_file(one: Scripted, database: Database) -> None:
    """All of a plan's files are loaded before the first one runs."""
    settle(one, a=CREATE.format("first"))
    path = one.revision("b", "a")
    path.write_text(path.read_text() + "\nthis is not Python\n")
    done = one.run("upgrade")
    assert done.exit_code == 1
    assert path.name in done.stderr
    assert database.tables() == set()


@pytest.mark.one_database
def test_autocommit_block(one: Scripted, database: Database) -> None:
    """Under an env.py that leaves the transaction to Alembic it works."""
    body = "with op.get_context().autocommit_block():\n    " + CREATE.format("first")
    settle(one, a=body)
    one.ok("upgrade")
    assert database.tables() == {"first"}
    assert database.versions() == {"a"}


def test_transaction_per_migration(one: Scripted, database: Database) -> None:
    one.setup = "migrate = Migrate(app, db, transaction_per_migration=True)"
    settle(one, a=CREATE.format("first"), b=FAIL.strip())
    assert "nowhere" in one.fails("upgrade")
    assert database.versions() == {"a"}
    assert database.tables() == {"first"}


def test_connections_are_given_back(folder: Scripted) -> None:
    """After a failure, too; ``app()`` looks at the pools."""
    import flask_migrate

    settle(folder, a=CREATE.format("first"), b=FAIL.strip())
    with folder.app(), pytest.raises(sa.exc.DBAPIError):
        flask_migrate.upgrade()


@pytest.mark.one_database
def test_unknown_revision_is_named(one: Scripted, database: Database) -> None:
    one.tables("a", "b")
    one.ok("upgrade")
    one.files[1].unlink()
    for arguments in (["upgrade"], ["downgrade"]):
        assert re.search(r"\bb\b", one.refused(*arguments))
    assert database.versions() == {"b"}

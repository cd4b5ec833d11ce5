"""The statement that an offline script starts with, run by the real clients."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import typing as t

import pytest
import sqlalchemy as sa
from support.servers import Database

from flask_alembic.dialects import support

ODD = "b'%s\\:x"


def command(url: sa.URL) -> list[str]:
    """How a deployer runs a file of SQL, stopping at the first error."""
    host = url.host or "127.0.0.1"
    if url.get_backend_name() == "postgresql":
        options = ["-v", "ON_ERROR_STOP=1", "-qtA", "-h", host]
        options += ["-p", str(url.port or 5432), "-U", url.username or "postgres"]
        return ["psql", *options, url.database or ""]
    if url.get_backend_name() == "sqlite":
        return ["sqlite3", "-bail", url.database or ""]
    options = ["-h", host, "-P", str(url.port or 3306), "-u", url.username or "root"]
    return ["mariadb", "--skip-column-names", *options, url.database or ""]


@pytest.fixture
def run(database: Database) -> t.Callable[[str], subprocess.CompletedProcess[str]]:
    """Give SQL to the database's own client."""
    url = sa.make_url(database.url)
    arguments = command(url)
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")
    if url.password:
        pytest.skip("the clients ask for a password")

    def run(sql: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments, input=sql, capture_output=True, text=True, check=False
        )

    return run


def version_table(
    engine: sa.Engine, name: str, applied: t.Collection[str] | None
) -> None:
    table = sa.Table(
        name, sa.MetaData(), sa.Column("version_num", sa.String(32), nullable=False)
    )
    with engine.begin() as connection:
        table.drop(connection, checkfirst=True)
        if applied is not None:
            table.create(connection)
            for head in applied:
                connection.execute(table.insert().values(version_num=head))


@pytest.mark.parametrize("table", ["alembic_version", "we'ird;% t:x"])
@pytest.mark.parametrize("applied", [None, [], ["a1"], ["a1", ODD], ["zz"]])
def test_only_the_right_database_is_let_through(
    run: t.Callable[[str], subprocess.CompletedProcess[str]],
    database: Database,
    make_engine: t.Callable[..., sa.Engine],
    table: str,
    applied: list[str] | None,
) -> None:
    engine = make_engine(database.url)
    version_table(engine, table, applied)
    for heads in ([], ["a1"], [ODD, "a1"], ["A1"]):
        guard = support(engine.dialect).guard(
            engine.dialect, table=table, schema=None, heads=heads
        )
        assert guard is not None
        assert len(guard.splitlines()) == 1
        done = run(f"-- guard\n{guard};\nSELECT 'went on';\n")
        passes = set(heads) == set(applied or ())
        if database.server.name == "sqlite" and not heads:
            # SQLite can't look into a table that may not exist.
            passes = applied is None
        assert ("went on" in done.stdout) is passes, done.stderr
        assert (done.returncode == 0) is passes
        missing = database.server.name == "sqlite" and applied is None
        if not passes and not missing:
            assert "Nothing was changed" in done.stderr
            assert (heads[-1] if heads else "base") in done.stderr


@pytest.mark.needs("schemas")
def test_a_version_table_in_a_schema(
    run: t.Callable[[str], subprocess.CompletedProcess[str]],
    database: Database,
    make_engine: t.Callable[..., sa.Engine],
) -> None:
    engine = make_engine(database.url)
    guards = [
        support(engine.dialect).guard(
            engine.dialect, table="v", schema="odd one", heads=heads
        )
        for heads in ([], ["a1"])
    ]
    base, first = (f"{guard};\n" for guard in guards)
    assert run(base).returncode == 0
    assert run(first).returncode != 0
    made = (
        'CREATE SCHEMA "odd one"; CREATE TABLE "odd one".v (version_num VARCHAR(32));'
        "INSERT INTO \"odd one\".v VALUES ('a1');"
    )
    assert run(made).returncode == 0
    assert run(base).returncode != 0
    assert run(first).returncode == 0


def test_many_heads_are_named(
    run: t.Callable[[str], subprocess.CompletedProcess[str]],
    database: Database,
    make_engine: t.Callable[..., sa.Engine],
) -> None:
    engine = make_engine(database.url)
    version_table(engine, "v", ["zz"])
    heads = ["".join(h) for h in itertools.product("ab", repeat=4)]
    guard = support(engine.dialect).guard(
        engine.dialect, table="v", schema=None, heads=heads
    )
    done = run(f"{guard};\n")
    assert done.returncode != 0
    assert "Nothing was changed: this script starts at aaaa, aaab" in done.stderr

"""Whether a constraint or an index can do without some columns: SQLite knows."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_alembic.dialects.sqlite.columns import ColumnUse

COLUMNS = ("n", "m", "end", "between", "text", "t", "like", "rowid", "true", "asc")


@pytest.fixture
def use(make_engine: t.Callable[..., sa.Engine]) -> t.Iterator[ColumnUse]:
    """The columns of a table that needn't exist."""
    with make_engine("sqlite://").connect() as connection:
        yield ColumnUse(connection, "t", COLUMNS)


@pytest.mark.parametrize(
    ("check", "needed"),
    [
        ("CASE WHEN n > 0 THEN 1 END", {"n"}),
        ("CASE WHEN end > 0 THEN 1 END", {"end"}),
        ("CASE WHEN \"end\" > 0 THEN 'n' END", {"end"}),
        ("n BETWEEN 1 AND 5", {"n"}),
        ("[between] BETWEEN 1 AND `m`", {"between", "m"}),
        ("CAST(n AS text) <> ''", {"n"}),
        ('CAST(n AS "text") <> ""', {"n"}),
        ("CAST(text AS text) <> ''", {"text"}),
        ("t.n > 0", {"n"}),
        ('"t"."n" > 0', {"n"}),
        ("main . t . t > 0", {"t"}),
        ("n LIKE 'a'", {"n"}),
        ("like LIKE 'a'", {"like"}),
        ("n LIKE like", {"n", "like"}),
        ("rowid > 0", {"rowid"}),
        ("n IS true", {"n", "true"}),
        ("N COLLATE \"text\" > 'm'", {"n"}),
        ("asc > 0", {"asc"}),
        ("text(m)", {"m"}),
        ("(n) -- m\n", {"n"}),
        ("1", set()),
    ],
)
def test_checks(use: ColumnUse, check: str, needed: set[str]) -> None:
    assert {name for name in COLUMNS if use.in_check(f"CHECK ({check})", {name})} == (
        needed
    )
    assert use.in_check(f"CONSTRAINT m CHECK ({check})", set(COLUMNS)) is bool(needed)


@pytest.mark.parametrize(
    ("index", "needed"),
    [
        ("(n)", {"n"}),
        ("(n asc, m DESC)", {"n", "m"}),
        ("(asc asc)", {"asc"}),
        ("('n' COLLATE nocase DESC)", {"n"}),
        ("('n' || m)", {"m"}),
        ("(\"n\", 'm')", {"n", "m"}),
        ("(n COLLATE text)", {"n"}),
        ("(lower(n)) WHERE m IS NOT NULL -- text", {"n", "m"}),
        ("(n) WHERE CASE m WHEN 1 THEN 1 ELSE 0 END", {"n", "m"}),
        ("(coalesce(n, -- t\n m)) where t.text > 'end'", {"n", "m", "text"}),
    ],
)
def test_indexes(use: ColumnUse, index: str, needed: set[str]) -> None:
    sql = f"CREATE UNIQUE INDEX m ON t {index}"
    assert {name for name in COLUMNS if use.in_index(sql, {name})} == needed

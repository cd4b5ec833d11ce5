"""Editing the text of a CREATE TABLE: what isn't changed stays as typed."""

from __future__ import annotations

import pytest

from flask_alembic.dialects.sqlite.grammar import CannotEdit
from flask_alembic.dialects.sqlite.grammar import join
from flask_alembic.dialects.sqlite.grammar import mentions
from flask_alembic.dialects.sqlite.grammar import same_words
from flask_alembic.dialects.sqlite.grammar import tokens
from flask_alembic.dialects.sqlite.text import cast_to_strict
from flask_alembic.dialects.sqlite.text import ColumnText
from flask_alembic.dialects.sqlite.text import qualify
from flask_alembic.dialects.sqlite.text import TableText

FULL = """CREATE TABLE "t x" ( -- first
 a int, -- the a
 /* b */ "b""b" text default x'00' not null on conflict abort
    constraint foo references p (x) on delete set null not deferrable
    initially deferred check (a in (1, 2)),
 [c d] decimal(10, 2) default -1.5e-3 , 'e' default current_timestamp null,
 f as (a || ',') stored, `g` default (1 + (2)) unique on conflict fail,
 constraint a check (a > 0), constraint b unique (a collate nocase, "b""b" desc)
    on conflict ignore, -- end
 foreign key (a, f) references p on update cascade on delete no action match full
) WITHOUT ROWID, STRICT"""


def test_the_text_comes_back() -> None:
    assert join(tokens(FULL)) == FULL
    assert TableText.parse(FULL).render('"t x"') == FULL


def test_what_is_read() -> None:
    table = TableText.parse(FULL)
    assert [column.name for column in table.columns] == [
        *("a", 'b"b', "c d", "e", "f", "g"),
    ]
    kinds = [[clause.kind for clause in column.clauses] for column in table.columns]
    assert kinds == [
        [],
        ["DEFAULT", "NOT", "REFERENCES", "CHECK"],
        ["DEFAULT"],
        ["DEFAULT", "NULL"],
        ["AS"],
        ["DEFAULT", "UNIQUE"],
    ]
    assert [(c.kind, c.name, c.columns, c.target) for c in table.constraints] == [
        ("CHECK", "a", ("a",), None),
        ("UNIQUE", "b", ("a", 'b"b'), None),
        ("FOREIGN", None, ("a", "f"), "p"),
    ]
    assert table.options == {"STRICT", "WITHOUT"}
    assert not table.autoincrement


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE VIRTUAL TABLE t USING fts5 (a)", "virtual"),
        ("CREATE TABLE t (a INT", "too early"),
        ("CREATE TABLE t (a INT DEFAULT 1 2)", "expected"),
        ("CREATE TABLE t (a INT CHECK a)", "parenthesis"),
    ],
)
def test_what_is_not_understood(sql: str, reason: str) -> None:
    with pytest.raises(CannotEdit, match=reason):
        TableText.parse(sql)


def test_constraints_without_commas_between_them() -> None:
    table = TableText.parse("CREATE TABLE t (a, CHECK (a > 0) UNIQUE (a))")
    assert [clause.kind for clause in table.constraints] == ["CHECK", "UNIQUE"]


def test_a_name_without_a_constraint() -> None:
    sql = "CREATE TABLE t (a INT CONSTRAINT x CONSTRAINT y NOT NULL, b CONSTRAINT z)"
    table = TableText.parse(sql)
    assert table.render("t") == sql
    assert [(c.kind, c.name) for _, c in table.all_clauses()] == [
        *(("CONSTRAINT", "x"), ("NOT", "y"), ("CONSTRAINT", "z")),
    ]


def test_comments_stay_where_a_clause_goes() -> None:
    column = ColumnText.parse(" a INT NOT NULL -- never\n DEFAULT 1 /* one */")
    column.drop("NOT")
    assert column.text == " a INT  -- never\n DEFAULT 1 /* one */"
    column.drop("DEFAULT")
    assert column.text == " a INT  -- never\n  /* one */"


def test_a_comment_at_the_end_of_a_line_hides_nothing() -> None:
    table = TableText.parse("CREATE TABLE t (a INT -- the a\n)")
    table.append("CHECK (a > 0)")
    table.columns[0].add(table.constraints[0])
    again = TableText.parse(table.render("t"))
    assert [clause.kind for clause in again.columns[0].clauses] == ["CHECK"]
    assert [clause.kind for clause in again.constraints] == ["CHECK"]


@pytest.mark.parametrize(
    ("before", "type_", "after"),
    [
        ("a INT", "TEXT", "a TEXT"),
        ("a", "TEXT", "a TEXT"),
        ("a NOT NULL", "TEXT", "a TEXT NOT NULL"),
        ("a UNSIGNED BIG INT DEFAULT 1", "TEXT", "a TEXT DEFAULT 1"),
        ("a DECIMAL(1,\n2) -- why\n", "TEXT", "a TEXT -- why\n"),
        ("a INT DEFAULT 1", "", "a  DEFAULT 1"),
    ],
)
def test_types(before: str, type_: str, after: str) -> None:
    column = ColumnText.parse(before)
    column.set_type(type_)
    assert column.text == after


def test_options() -> None:
    table = TableText.parse("CREATE TABLE t (a) STRICT")
    table.set_option("WITHOUT ROWID", on=True)
    assert table.render("t") == "CREATE TABLE t (a) STRICT, WITHOUT ROWID"
    table.set_option("STRICT", on=False)
    assert table.render("t") == "CREATE TABLE t (a) WITHOUT ROWID"
    table.set_option("WITHOUT ROWID", on=False)
    assert table.render("t") == "CREATE TABLE t (a)"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a > b", {"a", "b"}),
        ("length(\"a\") < 'b'", {"a"}),
        ("a COLLATE b AND [c] IS NOT NULL -- d", {"a", "c"}),
    ],
)
def test_what_an_expression_mentions(sql: str, expected: set[str]) -> None:
    assert mentions(tokens(sql)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE INDEX ix ON t (a)", 'CREATE INDEX "x y".ix ON t (a)'),
        (
            "CREATE UNIQUE INDEX 'ix' ON t (a)",
            "CREATE UNIQUE INDEX \"x y\".'ix' ON t (a)",
        ),
        ("create trigger /* i */ t after", 'create trigger /* i */ "x y".t after'),
        ("CREATE VIEW [index] AS", 'CREATE VIEW "x y".[index] AS'),
    ],
)
def test_a_schema_is_put_before_a_name(sql: str, expected: str) -> None:
    assert qualify(sql, "x y") == expected


def test_same_words() -> None:
    assert same_words('CHECK ("a">0)', "check ( a > 0 ) -- why")
    assert not same_words("a = 'X'", "a = 'x'")


@pytest.mark.parametrize(
    ("type_", "strict"),
    [
        ("VARCHAR(9)", "TEXT"),
        ("BIGINT", "INTEGER"),
        ("BOOLEAN", "INTEGER"),
        ("DATETIME", "TEXT"),
        ("FLOAT", "REAL"),
        ("LARGEBINARY", "BLOB"),
        ("NUMERIC(9, 2)", "ANY"),
    ],
)
def test_strict_types(type_: str, strict: str) -> None:
    assert cast_to_strict(type_) == strict

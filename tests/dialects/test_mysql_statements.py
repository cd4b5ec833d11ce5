"""What is read from the text of MySQL statements."""

from __future__ import annotations

import datetime
import decimal
import json
import typing as t
import uuid

import pytest

from flask_alembic.dialects.mysql.inverse import inverse
from flask_alembic.dialects.mysql.statements import meaning
from flask_alembic.dialects.mysql.values import decode
from flask_alembic.dialects.mysql.values import digest
from flask_alembic.dialects.mysql.values import encode
from flask_alembic.dialects.mysql.values import UnstorableError

KINDS = {
    "SELECT 1": "read",
    "(SELECT 1) UNION (SELECT 2)": "read",
    "-- a comment\n/* another */ select 1": "read",
    "SELECT ';'": "read",
    "EXPLAIN SELECT 1": "read",
    "ANALYZE SELECT 1": "read",
    "WITH x AS (SELECT 1) SELECT * FROM x": "read",
    "SELECT 1 INTO OUTFILE '/tmp/x'": "unknown",
    "INSERT INTO t VALUES (1)": "write",
    "INSERT INTO t VALUES ('a;b');": "write",
    "/*!40000 UPDATE t SET n = 1 */": "write",
    "WITH x AS (SELECT 1) DELETE FROM t WHERE id IN (SELECT * FROM x)": "write",
    "SET STATEMENT max_statement_time = 1 FOR UPDATE t SET n = 1": "write",
    "CREATE TEMPORARY TABLE t (id INT)": "write",
    "SET NAMES utf8mb4": "session",
    "SAVEPOINT sa_savepoint_1": "session",
    "ROLLBACK TO SAVEPOINT sa_savepoint_1": "session",
    "TRUNCATE TABLE t": "repeat",
    "ANALYZE TABLE t": "repeat",
    "OPTIMIZE TABLE t": "repeat",
    "COMMIT": "repeat",
    "BEGIN NOT ATOMIC SELECT 1; END": "unknown",
    "CALL f()": "unknown",
    "GRANT SELECT ON *.* TO x": "unknown",
    "CREATE USER x": "unknown",
    "LOAD DATA INFILE 'x' INTO TABLE t": "unknown",
    "LOCK TABLES t WRITE": "unknown",
    "DROP TABLE a, b": "unknown",
    "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u": "unknown",
    "UPDATE t SET n = 1; DROP TABLE t": "unknown",
}


@pytest.mark.parametrize(("sql", "kind"), KINDS.items())
def test_kind(sql: str, kind: str) -> None:
    assert meaning(sql).kind == kind


OBJECTS = {
    "CREATE TABLE IF NOT EXISTS `a b`.`t` (id INT)": [("TABLE", "`a b`.`t`")],
    "CREATE TABLE t AS SELECT * FROM u": [("TABLE", "t")],
    "ALTER ONLINE TABLE t ADD COLUMN n INT": [("TABLE", "t")],
    "ALTER TABLE t RENAME COLUMN a TO b": [("TABLE", "t")],
    "ALTER TABLE t RENAME TO u": [("TABLE", "t"), ("TABLE", "u")],
    "ALTER TABLE t RENAME u": [("TABLE", "t"), ("TABLE", "u")],
    "RENAME TABLE a TO b, b TO x.c": [
        ("TABLE", "a"),
        ("TABLE", "b"),
        ("TABLE", "b"),
        ("TABLE", "x.c"),
    ],
    "DROP TABLE IF EXISTS t": [("TABLE", "t")],
    "ALTER TABLE IF EXISTS t ADD COLUMN n INT": [("TABLE", "t")],
    "ALTER TABLE a . `t u` ADD COLUMN n INT": [("TABLE", "a.`t u`")],
    "ALTER TABLE t ADD COLUMN n INT, RENAME u": [("TABLE", "t"), ("TABLE", "u")],
    "\nCREATE TABLE `a` (\n\tid INTEGER NOT NULL\n)\n": [("TABLE", "`a`")],
    "CREATE INDEX `ix n` ON `a` (n)": [("TABLE", "`a`")],
    "CREATE OR REPLACE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON a.t (n)": [
        ("TABLE", "a.t")
    ],
    "CREATE UNIQUE INDEX `on` ON t (a)": [("TABLE", "t")],
    "DROP INDEX ix ON x.t": [("TABLE", "x.t")],
    "CREATE OR REPLACE DEFINER=`table`@`%` VIEW v AS SELECT 1": [("TABLE", "v")],
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END": [
        ("TRIGGER", "g")
    ],
    "DROP PROCEDURE p": [("PROCEDURE", "p")],
    "CREATE DATABASE d": [("DATABASE", "d")],
}


@pytest.mark.parametrize(("sql", "objects"), OBJECTS.items())
def test_objects(sql: str, objects: list[tuple[str, str]]) -> None:
    found = meaning(sql)
    assert (found.kind, list(found.objects)) == ("schema", objects)


@pytest.mark.parametrize("sql", [*KINDS, *OBJECTS])
def test_what_is_read_quickly_means_the_same(sql: str) -> None:
    """A comment ahead of it has every token looked at."""
    assert meaning(sql) == meaning(f"/* */ {sql}")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT MAX(id) INTO @a FROM t",
        "SELECT @a := 1",
        "SET @a = (SELECT MAX(id) FROM t)",
        "CREATE TEMPORARY TABLE t (id INT)",
        "DROP TEMPORARY TABLE t",
    ],
)
def test_what_is_gone_with_the_connection(sql: str) -> None:
    assert meaning(sql).lost


INVERSES: dict[str, str | None] = {
    "CREATE TABLE `t` (id INT)": "DROP TABLE `t`",
    "CREATE TABLE IF NOT EXISTS t (id INT)": None,
    "CREATE OR REPLACE VIEW v AS SELECT 1": None,
    "CREATE VIEW v AS SELECT 1": "DROP VIEW v",
    "CREATE UNIQUE INDEX ix ON t (a)": "DROP INDEX ix ON t",
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1": "DROP TRIGGER g",
    "ALTER TABLE t ADD COLUMN n INT NOT NULL": "ALTER TABLE t DROP COLUMN n",
    "ALTER TABLE t ADD n DECIMAL(5, 2), ADD INDEX ix (n)": (
        "ALTER TABLE t DROP INDEX ix, DROP COLUMN n"
    ),
    "ALTER TABLE t ADD (a INT, b INT)": None,
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id)": (
        "ALTER TABLE t DROP CONSTRAINT c"
    ),
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id)": None,
    "ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (a)": "ALTER TABLE t DROP PRIMARY KEY",
    "ALTER TABLE t ADD UNIQUE (a)": None,
    "ALTER TABLE t ADD UNIQUE KEY u (a)": "ALTER TABLE t DROP INDEX u",
    "ALTER TABLE t RENAME TO x.u": "ALTER TABLE x.u RENAME TO t",
    "ALTER TABLE t RENAME u": "ALTER TABLE u RENAME TO t",
    "ALTER TABLE t RENAME COLUMN a TO b": "ALTER TABLE t RENAME COLUMN b TO a",
    "ALTER TABLE t CHANGE a b INT": None,
    "ALTER TABLE t MODIFY a INT": None,
    "ALTER TABLE t DROP COLUMN a": None,
    "RENAME TABLE a TO b, c TO d": "RENAME TABLE d TO c, b TO a",
    "DROP TABLE t": None,
    "CREATE DATABASE d": None,
}


@pytest.mark.parametrize(("sql", "wanted"), INVERSES.items())
def test_inverse(sql: str, wanted: str | None) -> None:
    assert inverse(sql) == wanted


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        "é",
        0.1,
        float("inf"),
        decimal.Decimal("1.50"),
        b"\xff",
        bytearray(b"\x00"),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime.date(2026, 1, 2),
        datetime.time(1, 2),
        datetime.timedelta(days=-1, seconds=5, microseconds=7),
        uuid.UUID(int=5),
    ],
)
def test_values_come_back(value: t.Any) -> None:
    found = decode(json.loads(json.dumps(encode(value))))
    assert found == value
    assert type(found) is type(value)


def test_what_cant_be_written_down() -> None:
    with pytest.raises(UnstorableError, match="set"):
        encode({1})
    assert digest("SELECT :a", {"a": object()}) is None


def test_digest_tells_types_and_texts_apart() -> None:
    digests = {
        digest("a", p) for p in [(1,), ("1",), (1.0,), (b"1",), (), ((1,), (2,))]
    }
    assert len(digests) == 6
    assert digest("a", {"x": 1}) == digest("a", {"x": 1}) != digest("b", {"x": 1})

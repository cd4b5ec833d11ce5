"""Each fact of a table is changed in the database by hand, and is seen by everybody.

There are many tables that are alike, and one fact of each is another: none is taken for
one of the others.
"""

from __future__ import annotations

import typing as t
import warnings

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from sqlalchemy import event
from support.application import Project
from support.models import migrating
from support.servers import Database
from test_bulk_reflection import plain
from test_unchanged import found
from test_unchanged import models
from test_unchanged_odd import told_to_the_letter

COLUMN = "ALTER TABLE {t} ALTER COLUMN"
UNIQUE = "ALTER TABLE {t} DROP CONSTRAINT uq_{n}, ADD CONSTRAINT uq_{n} UNIQUE"
OWNER = "ALTER TABLE {t} DROP CONSTRAINT {t}_owner_id_fkey, ADD"
OWNER += " CONSTRAINT {t}_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES"
INDEX = "DROP INDEX ix_both_{n}; CREATE INDEX ix_both_{n} ON {t}"

POSTGRESQL: dict[str, str] = {
    "length": f"{COLUMN} name TYPE varchar(41)",
    "no length": f"{COLUMN} name TYPE varchar",
    "bigger": f"{COLUMN} count TYPE bigint",
    "smaller": f"{COLUMN} count TYPE smallint",
    "scale": f"{COLUMN} amount TYPE numeric(10, 3)",
    "no precision": f"{COLUMN} amount TYPE numeric",
    "time zone": f"{COLUMN} at TYPE timestamptz",
    "seconds": f"{COLUMN} at TYPE timestamp(0)",
    "array": f"{COLUMN} note TYPE text[] USING NULL",
    "collation": f'{COLUMN} note TYPE text COLLATE "C"',
    "domain": "CREATE DOMAIN short_{n} AS text DEFAULT 'x';"
    f"{COLUMN} note TYPE short_{{n}}",
    "other enum": "CREATE TYPE word_{n} AS ENUM ('a', 'b');"
    f"{COLUMN} letter TYPE word_{{n}} USING NULL",
    "enum's values": "ALTER TYPE letter_{n} ADD VALUE 'c'",
    "required": f"{COLUMN} amount SET NOT NULL",
    "optional": f"{COLUMN} name DROP NOT NULL",
    "default": f"{COLUMN} word SET DEFAULT 'old'",
    "no default": f"{COLUMN} word DROP DEFAULT",
    "new default": f"{COLUMN} amount SET DEFAULT 0",
    "no serial": f"{COLUMN} id DROP DEFAULT",
    "other's sequence": f"{COLUMN} id SET DEFAULT nextval('owner_id_seq')",
    "no owner": "ALTER SEQUENCE {t}_id_seq OWNED BY NONE",
    "next number": f"{COLUMN} amount SET DEFAULT nextval('owner_id_seq') + 1",
    "identity": f"{COLUMN} id DROP DEFAULT; {COLUMN} id ADD GENERATED ALWAYS AS IDENTITY",
    "computed": "ALTER TABLE {t} DROP COLUMN amount, ADD COLUMN amount numeric(10, 2)"
    " GENERATED ALWAYS AS (count + 1) STORED; CREATE INDEX ix_both_{n} ON {t} (amount, count)",
    "comment": "COMMENT ON COLUMN {t}.note IS 'of them'",
    "new comment": "COMMENT ON COLUMN {t}.flag IS 'red'",
    "no comment": "COMMENT ON COLUMN {t}.note IS NULL",
    "table's comment": "COMMENT ON TABLE {t} IS 'few'",
    "no table's comment": "COMMENT ON TABLE {t} IS NULL",
    "column more": "ALTER TABLE {t} ADD COLUMN more integer",
    "column less": "ALTER TABLE {t} DROP COLUMN flag",
    "column's name": "ALTER TABLE {t} RENAME COLUMN flag TO flags",
    "no key": "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey",
    "other key": "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (name)",
    "longer key": "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (id, name)",
    "key's name": "ALTER TABLE {t} RENAME CONSTRAINT {t}_pkey TO key_{n}",
    "key's comment": "COMMENT ON CONSTRAINT {t}_pkey ON {t} IS 'of it'",
    "no unique": "ALTER TABLE {t} DROP CONSTRAINT uq_{n}",
    "unique": "ALTER TABLE {t} ADD CONSTRAINT uq_more_{n} UNIQUE (day)",
    "unique's columns": f"{UNIQUE} (name)",
    "unique's order": f"{UNIQUE} (word, name)",
    "unique's name": "ALTER TABLE {t} RENAME CONSTRAINT uq_{n} TO uq_more_{n}",
    "unique with more": f"{UNIQUE} (name, word) INCLUDE (day)",
    "unique with nulls": f"{UNIQUE} NULLS NOT DISTINCT (name, word)",
    "unique later": f"{UNIQUE} (name, word) DEFERRABLE",
    "no constraint": "ALTER TABLE {t} DROP CONSTRAINT uq_{n};"
    "CREATE UNIQUE INDEX uq_{n} ON {t} (name, word)",
    "exclusion": "ALTER TABLE {t} ADD EXCLUDE USING btree (day WITH =)",
    "check": "ALTER TABLE {t} ADD CONSTRAINT ck_{n} CHECK (amount > 0)",
    "no foreign key": "ALTER TABLE {t} DROP CONSTRAINT {t}_owner_id_fkey",
    "rule": f"{OWNER} owner (id) ON DELETE SET NULL",
    "no rule": f"{OWNER} owner (id)",
    "update rule": f"{OWNER} owner (id) ON UPDATE CASCADE ON DELETE CASCADE",
    "other table": f"{OWNER} place (id) ON DELETE CASCADE",
    "later": f"{OWNER} owner (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
    "match": f"{OWNER} owner (id) MATCH FULL ON DELETE CASCADE",
    "not valid": f"{OWNER} owner (id) ON DELETE CASCADE NOT VALID",
    "other column": "ALTER TABLE {t} ADD FOREIGN KEY (count) REFERENCES place (id)",
    "no index": "DROP INDEX ix_both_{n}",
    "index": "CREATE INDEX ix_more_{n} ON {t} (amount)",
    "index's name": "ALTER INDEX ix_both_{n} RENAME TO ix_more_{n}",
    "index's order": f"{INDEX} (count, amount)",
    "index's columns": f"{INDEX} (amount)",
    "unique index": f"{INDEX.replace('CREATE', 'CREATE UNIQUE')} (amount, count)",
    "backwards": f"{INDEX} (amount DESC, count)",
    "nulls first": f"{INDEX} (amount NULLS FIRST, count)",
    "part": f"{INDEX} (amount, count) WHERE count > 0",
    "expression": f"{INDEX} (amount, abs(count))",
    "with more": f"{INDEX} (amount, count) INCLUDE (day)",
    "hash": f"{INDEX} USING hash (amount)",
    "storage": f"{INDEX} (amount, count) WITH (fillfactor = 50)",
    "class of operators": "DROP INDEX ix_both_{n}; CREATE INDEX ix_both_{n} ON {t}"
    " (amount, count); CREATE INDEX ix_name_{n} ON {t} (name varchar_pattern_ops)",
    "table's storage": "ALTER TABLE {t} SET (fillfactor = 50)",
    "parent": "CREATE TABLE p_{n} (count integer); ALTER TABLE {t} INHERIT p_{n}",
}

KEYS = "FOREIGN KEY(owner_id) REFERENCES owner (id) ON DELETE CASCADE"
SQLITE: dict[str, str | tuple[str, str]] = {
    "length": ("name VARCHAR(40)", "name VARCHAR(41)"),
    "bigger": ("count INTEGER", "count BIGINT"),
    "other family": ("amount NUMERIC(10, 2)", "amount VARCHAR(10)"),
    "scale": ("amount NUMERIC(10, 2)", "amount NUMERIC(10, 3)"),
    "no type": ("day DATE", "day"),
    "required": ("amount NUMERIC(10, 2)", "amount NUMERIC(10, 2) NOT NULL"),
    "optional": ("name VARCHAR(40) NOT NULL", "name VARCHAR(40)"),
    "default": ("DEFAULT 'new'", "DEFAULT 'old'"),
    "no default": ("DEFAULT 'new'", ""),
    "new default": ("amount NUMERIC(10, 2)", "amount NUMERIC(10, 2) DEFAULT 0"),
    "collation": ("note TEXT", "note TEXT COLLATE NOCASE"),
    "computed": ("flag BOOLEAN", "flag BOOLEAN GENERATED ALWAYS AS (id + 1) STORED"),
    "virtual": ("flag BOOLEAN", "flag BOOLEAN GENERATED ALWAYS AS (id + 1)"),
    "column more": "ALTER TABLE {t} ADD COLUMN more INTEGER",
    "column less": ("flag BOOLEAN, ", ""),
    "column's name": "ALTER TABLE {t} RENAME COLUMN flag TO flags",
    "no key": ("PRIMARY KEY (id), ", ""),
    "other key": ("PRIMARY KEY (id)", "PRIMARY KEY (name)"),
    "longer key": ("PRIMARY KEY (id)", "PRIMARY KEY (id, name)"),
    "key's name": ("PRIMARY KEY (id)", "CONSTRAINT k PRIMARY KEY (id)"),
    "no foreign key": (f", {KEYS}", ""),
    "rule": (KEYS, KEYS.replace("CASCADE", "SET NULL")),
    "no rule": (KEYS, KEYS.removesuffix(" ON DELETE CASCADE")),
    "update rule": (KEYS, f"{KEYS} ON UPDATE CASCADE"),
    "other table": (KEYS, KEYS.replace("owner (id)", "place (id)")),
    "no column": (KEYS, KEYS.replace("owner (id)", "owner")),
    "later": (KEYS, f"{KEYS} DEFERRABLE INITIALLY DEFERRED"),
    "key's key": (KEYS, f"CONSTRAINT k {KEYS}"),
    "other column": (KEYS, f"{KEYS}, FOREIGN KEY(count) REFERENCES place (id)"),
    "in line": ("count INTEGER", "count INTEGER REFERENCES place (id)"),
    "check": (KEYS, f"{KEYS}, CHECK (amount > 0)"),
    "no index": "DROP INDEX ix_both_{n}",
    "index": "CREATE INDEX ix_more_{n} ON {t} (amount)",
    "index's order": f"{INDEX} (count, amount)",
    "index's columns": f"{INDEX} (amount)",
    "unique index": f"{INDEX.replace('CREATE', 'CREATE UNIQUE')} (amount, count)",
    "part": f"{INDEX} (amount, count) WHERE count > 0",
    "expression": f"{INDEX} (amount, abs(count))",
}

MODIFY = "ALTER TABLE {t} MODIFY"
KEY = "ALTER TABLE {t} DROP FOREIGN KEY {t}_ibfk_1; ALTER TABLE {t} ADD"
KEY += " FOREIGN KEY (owner_id) REFERENCES"
MADE = "ALTER TABLE {t} DROP INDEX ix_both_{n}, ADD INDEX ix_both_{n}"
MARIADB: dict[str, str] = {
    "length": f"{MODIFY} name VARCHAR(41) NOT NULL",
    "bigger": f"{MODIFY} count BIGINT DEFAULT 3",
    "unsigned": f"{MODIFY} count INTEGER UNSIGNED DEFAULT 3",
    "scale": f"{MODIFY} amount NUMERIC(10, 3)",
    "seconds": f"{MODIFY} at DATETIME(3) DEFAULT current_timestamp(3)",
    "enum's values": f"{MODIFY} letter ENUM('a', 'b', 'c')",
    "enum's order": f"{MODIFY} letter ENUM('b', 'a')",
    "required": f"{MODIFY} amount NUMERIC(10, 2) NOT NULL",
    "optional": f"{MODIFY} name VARCHAR(40)",
    "default": f"{MODIFY} word VARCHAR(20) DEFAULT 'old'",
    "no default": f"{MODIFY} word VARCHAR(20)",
    "new default": f"{MODIFY} amount NUMERIC(10, 2) DEFAULT 0",
    "collation": f"{MODIFY} word VARCHAR(20) COLLATE utf8mb4_bin DEFAULT 'new'",
    "computed": "ALTER TABLE {t} DROP COLUMN flag, ADD COLUMN flag TINYINT(1)"
    " AS (count + 1) STORED",
    "comment": f"{MODIFY} note TEXT COMMENT 'of them'",
    "no comment": f"{MODIFY} note TEXT",
    "table's comment": "ALTER TABLE {t} COMMENT 'few'",
    "no table's comment": "ALTER TABLE {t} COMMENT ''",
    "column more": "ALTER TABLE {t} ADD COLUMN more INTEGER",
    "column less": "ALTER TABLE {t} DROP COLUMN flag",
    "other key": f"{MODIFY} id INTEGER NOT NULL; ALTER TABLE {{t}} DROP PRIMARY KEY,"
    " ADD PRIMARY KEY (name)",
    "longer key": "ALTER TABLE {t} DROP PRIMARY KEY, ADD PRIMARY KEY (id, name)",
    "no unique": "ALTER TABLE {t} DROP INDEX uq_{n}",
    "unique": "ALTER TABLE {t} ADD UNIQUE uq_more_{n} (day)",
    "unique's columns": "ALTER TABLE {t} DROP INDEX uq_{n}, ADD UNIQUE uq_{n} (name)",
    "check": "ALTER TABLE {t} ADD CONSTRAINT ck_{n} CHECK (amount > 0)",
    "no foreign key": "ALTER TABLE {t} DROP FOREIGN KEY {t}_ibfk_1",
    "rule": f"{KEY} owner (id) ON DELETE SET NULL",
    "no rule": f"{KEY} owner (id)",
    "update rule": f"{KEY} owner (id) ON DELETE CASCADE ON UPDATE CASCADE",
    "other table": f"{KEY} place (id) ON DELETE CASCADE",
    "no index": "ALTER TABLE {t} DROP INDEX ix_both_{n}",
    "index": "ALTER TABLE {t} ADD INDEX ix_more_{n} (amount)",
    "index's order": f"{MADE} (count, amount)",
    "index's columns": f"{MADE} (amount)",
    "unique index": f"{MADE.replace('ADD INDEX', 'ADD UNIQUE')} (amount, count)",
    "backwards": f"{MADE} (amount DESC, count)",
    "whole text": "ALTER TABLE {t} ADD FULLTEXT ix_text_{n} (note)",
    "beginning": "ALTER TABLE {t} ADD INDEX ix_text_{n} (note(5))",
}

BY_HAND: dict[str, t.Mapping[str, str | tuple[str, str]]] = {
    "sqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "mariadb": MARIADB,
}


def change_by_hand(database: Database) -> None:
    """Change another fact of each table, the first apart."""
    changes = BY_HAND[database.kind].values()
    # A connection believes the old text until the schema's version is another.
    texts = ["PRAGMA writable_schema = 1"] if database.kind == "sqlite" else []
    statements: list[str] = []
    for number, change in enumerate(changes, 1):
        names = {"t": f"t{number:02}", "n": number}
        if isinstance(change, str):
            statements += change.format(**names).split(";")
        else:
            old, new = (word.replace("'", "''") for word in change)
            texts.append(
                "UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql, char(10),"
                f" ''), char(9), ''), '( ', '('), '{old}', '{new}') WHERE name = '{names['t']}'"
            )
    database.execute(*texts, *statements)


def by_alembic(project: Project, engine: sa.Engine, metadata: sa.MetaData) -> set[str]:
    """Alembic's own differences."""
    options: dict[str, t.Any] = {"compare_server_default": True}
    options["autogenerate_plugins"] = ["alembic.autogenerate.*"]
    with (
        warnings.catch_warnings(),
        migrating(project, engine, metadata, **options) as alembic,
    ):
        # Of expressions that it can't compare.
        warnings.simplefilter("ignore")
        context: t.Any = alembic.migration_context
        found = autogenerate.compare_metadata(context, metadata)
    return {str(plain(difference)) for difference in found}


def test_what_is_changed_by_hand_is_seen(project: Project, database: Database) -> None:
    engine, names = database.engine(), list(BY_HAND[database.kind])
    wanted = models(*[["nothing"]] * (len(names) + 1))
    wanted.create_all(engine)
    change_by_hand(database)
    ours = found(project, engine, wanted)
    theirs = by_alembic(project, engine, wanted)
    # Some is said of a table to which nobody has done anything.
    always = {text for text in theirs if "t00" in text}
    for number, name in enumerate(names, 1):
        table = f"t{number:02}"
        said = {text.replace(table, "t00") for text in theirs if table in text}
        assert said <= always or any(table in text for text in ours), (name, said)
    assert not any("t00" in text for text in ours)
    with migrating(project, engine, wanted) as alembic, warnings.catch_warnings():
        # SQLAlchemy warns of indexes on expressions, which it leaves out.
        warnings.simplefilter("ignore")
        told_to_the_letter(alembic.migration_context, None)


@pytest.mark.needs("schemas")
def test_what_changes_while_it_is_read_is_read_again(
    project: Project, database: Database
) -> None:
    engine, wanted = database.engine(), models(["nothing"], ["nothing"])
    wanted.create_all(engine)

    @event.listens_for(engine, "after_cursor_execute")
    def rename(_: t.Any, __: t.Any, statement: str, *___: t.Any) -> None:
        if "json_agg" in statement and "flag" in database.columns("t00"):
            database.execute("ALTER TABLE t00 RENAME COLUMN flag TO flags")

    ours = found(project, engine, wanted)
    assert "flags" in database.columns("t00")
    assert any("t00.flag" in text for text in ours), ours
    assert not any("t01" in text for text in ours)

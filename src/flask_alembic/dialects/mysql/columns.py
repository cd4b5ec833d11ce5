"""Columns as MySQL and MariaDB show them: the lines of SHOW CREATE TABLE."""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa

from ..bulk import TableKey
from ..columns import agree
from ..columns import Agreement
from ..columns import Pair
from ..columns import PROBE
from ..columns import probe
from ..columns import Words
from .bulk import show_create_tables

# Quoted texts and names are one token, so that no word in them is taken for a clause.
TOKEN = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`|[()]|[^\s'`()]+|\s+", re.S)
"""What a column's definition is made of."""

_ENDS_TYPE = frozenset(
    ["NOT", "NULL", "DEFAULT", "GENERATED", "AUTO_INCREMENT", "COMMENT", "CHECK", "ON"]
)
_ENDS_DEFAULT = frozenset(["COMMENT", "CHECK", "AUTO_INCREMENT", "INVISIBLE"])


def agreements(connection: sa.Connection, pairs: t.Sequence[Pair]) -> list[Agreement]:
    """Compare columns; a temporary table commits nothing here.

    Source: https://mariadb.com/docs/server/reference/sql-statements/transactions/sql-statements-that-cause-an-implicit-commit
    """
    tables = list(dict.fromkeys((pair.schema, pair.table) for pair in pairs))
    found = _show(connection, tables)
    wanted = probe(
        connection,
        [pair.wanted for pair in pairs],
        lambda connection: _show(connection, [(None, PROBE)])[None, PROBE],
        _dropped,
    )
    return [
        agree(found[pair.schema, pair.table].get(pair.column), words)
        for pair, words in zip(pairs, wanted, strict=True)
    ]


@contextlib.contextmanager
def _dropped(connection: sa.Connection) -> t.Iterator[None]:
    try:
        yield
    finally:
        # Without the word TEMPORARY it would commit.
        connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {PROBE}")


def _show(
    connection: sa.Connection, tables: t.Sequence[TableKey]
) -> dict[TableKey, dict[str, Words]]:
    texts = show_create_tables(connection, tables)
    return {key: column_words(text) for key, text in texts.items()}


def column_words(create_table: str) -> dict[str, Words]:
    """Read the columns' lines of SHOW CREATE TABLE.

    :return: Column -> its type and default.
    """
    return {name: _words(text) for name, text in definitions(create_table).items()}


def definitions(create_table: str) -> dict[str, str]:
    """Read the columns' lines of SHOW CREATE TABLE.

    :return: Column -> what follows its name.
    """
    found: dict[str, str] = {}
    for line in create_table.splitlines():
        column = re.match(r"\s+`((?:[^`]|``)+)` (.*?),?$", line)
        if column:
            found[column[1].replace("``", "`")] = column[2]
    return found


def _words(definition: str) -> Words:
    clause, depth = "type", 0
    parts = {"type": "", "default": "", "": ""}
    for token in TOKEN.findall(definition):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and clause == "type" and token in _ENDS_TYPE:
            clause = ""
        if depth == 0 and token == "DEFAULT":
            clause = "default"
        elif depth == 0 and clause == "default" and token in _ENDS_DEFAULT:
            clause = ""
        parts[clause] += token
    default = parts["default"].removeprefix("DEFAULT").strip()
    return Words(parts["type"].strip(), "" if default == "NULL" else default)

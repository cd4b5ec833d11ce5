"""Columns as PostgreSQL's catalog has them; what still differs is evaluated."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

from ..bulk import TableKey
from ..columns import agree
from ..columns import Agreement
from ..columns import at_once
from ..columns import Pair
from ..columns import PROBE
from ..columns import probe
from ..columns import Words
from ..isolation import is_autocommit
from .bulk import query_tables

_CATALOG = """\
SELECT given.place, a.attname, format_type(a.atttypid, a.atttypmod),
 coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM {given} JOIN pg_attribute a ON a.attrelid = given.oid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped"""


def agreements(connection: sa.Connection, pairs: t.Sequence[Pair]) -> list[Agreement]:
    """Compare columns, inside of a savepoint that is rolled back."""
    tables = list(dict.fromkeys((pair.schema, pair.table) for pair in pairs))
    found = _words(connection, tables)
    wanted = probe(connection, [pair.wanted for pair in pairs], _probe_words, _undone)
    known = [found[p.schema, p.table].get(p.column) for p in pairs]
    both: list[t.Any] = list(zip(known, wanted, strict=True))
    answers = [agree(*words) for words in both]
    unlike = [
        words
        for words, answer in zip(both, answers, strict=True)
        if None not in words and not answer.default
    ]
    same = _same_values(connection, unlike)
    return [
        Agreement(answer.type, same[words]) if words in same else answer
        for words, answer in zip(both, answers, strict=True)
    ]


@contextlib.contextmanager
def _undone(connection: sa.Connection) -> t.Iterator[None]:
    if not is_autocommit(connection.connection.dbapi_connection):
        savepoint = connection.begin_nested()
        try:
            yield
        finally:
            savepoint.rollback()
        return
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _probe_words(connection: sa.Connection) -> dict[str, Words]:
    table = ("pg_temp", PROBE)
    return _words(connection, [table])[table]


def _words(
    connection: sa.Connection, tables: t.Sequence[TableKey]
) -> dict[TableKey, dict[str, Words]]:
    found: dict[TableKey, dict[str, Words]] = {key: {} for key in tables}
    for key, (column, type_, default) in query_tables(connection, _CATALOG, tables):
        found[key][column] = Words(type_, default)
    return found


Both: t.TypeAlias = tuple[Words, Words]


def _same_values(
    connection: sa.Connection, pairs: t.Sequence[Both]
) -> dict[Both, bool]:
    """Which pairs of expressions have the same value at this moment.

    In a read-only subtransaction: the server refuses what would change something,
    such as a sequence's next value.
    """

    def ask(some: t.Sequence[Both]) -> list[bool | None]:
        values = (
            " IS NOT DISTINCT FROM ".join(
                f"(({words.default})::{found.type})::text" for words in (found, wanted)
            )
            for found, wanted in some
        )
        with _undone(connection):
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            # A ":" in it doesn't begin a parameter.
            query = f"SELECT {', '.join(values)}".replace(":", r"\:")
            return list(connection.execute(sa.text(query)).one())

    unlike = list(dict.fromkeys(pairs))
    some = [both for both in unlike if all(words.default for words in both)]
    answers = dict(zip(some, at_once(some, ask), strict=True))
    return {both: bool(answers.get(both)) for both in unlike}

"""What an SQL statement does, told from its first words. Pure."""

from __future__ import annotations

import re
import typing as t

from ...results import Drop
from ...results import Statement

_PART = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\]|[\w$]+)'
_NAME = rf"(?P<table>{_PART}(?:\s*\.\s*{_PART})*)"
_IF = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
_SPACE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_COLUMN = r"(?:COLUMN\s+)"
_NO_COLUMN = (
    r"(?!(?:CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|PARTITION|DEFAULT|NOT|IDENTITY"
    r"|EXPRESSION|SYSTEM|PERIOD|VERSIONING)\b)"
)
_DROPPED = re.compile(
    rf"\bDROP\s+(?:{_COLUMN}|{_NO_COLUMN}){_IF}(?P<column>{_PART})", re.IGNORECASE
)

_KINDS: t.Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for kind, pattern in (
        (
            "CREATE TABLE",
            r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:GLOBAL|LOCAL)\s+)?"
            rf"(?:TEMP\w*\s+|UNLOGGED\s+|VIRTUAL\s+)?TABLE\s+{_IF}{_NAME}",
        ),
        (
            "CREATE INDEX",
            rf"CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+)?INDEX\b.*?\bON\s+(?:ONLY\s+)?{_NAME}",
        ),
        ("DROP TABLE", rf"DROP\s+(?:TEMPORARY\s+)?TABLE\s+{_IF}{_NAME}"),
        ("DROP INDEX", rf"DROP\s+INDEX\b(?:.*?\bON\s+{_NAME})?"),
        ("ALTER TABLE", rf"ALTER\s+TABLE\s+{_IF}(?:ONLY\s+)?{_NAME}\s*(?P<rest>.*)"),
        ("INSERT", rf"(?:INSERT|REPLACE)\s+(?:\w+\s+){{0,2}}INTO\s+{_NAME}"),
        ("UPDATE", rf"UPDATE\s+(?:ONLY\s+)?{_NAME}"),
        ("DELETE", rf"DELETE\s+FROM\s+(?:ONLY\s+)?{_NAME}"),
        ("TRUNCATE", rf"TRUNCATE\s+(?:TABLE\s+)?(?:ONLY\s+)?{_NAME}"),
        ("COMMENT ON TABLE", rf"COMMENT\s+ON\s+TABLE\s+{_NAME}"),
        ("COMMENT ON COLUMN", r"COMMENT\s+ON\s+COLUMN\b"),
        ("LOCK TABLE", rf"LOCK\s+TABLES?\s+(?:ONLY\s+)?{_NAME}"),
    )
)

_ACTIONS: t.Final = (
    r"ADD\s+CONSTRAINT",
    r"ADD\s+(?:(?:UNIQUE\s+)?INDEX|UNIQUE|KEY|PRIMARY\s+KEY|FOREIGN\s+KEY|CHECK)",
    r"ADD\s+COLUMN",
    r"DROP\s+COLUMN",
    r"DROP\s+CONSTRAINT",
    r"DROP\s+(?:INDEX|PRIMARY\s+KEY|FOREIGN\s+KEY|CHECK)",
    r"ALTER\s+COLUMN",
    r"RENAME\s+(?:COLUMN|CONSTRAINT|TO)",
    r"VALIDATE\s+CONSTRAINT",
    r"(?:MODIFY|CHANGE)\b",
    r"SET\s+SCHEMA",
)
_ACTION = re.compile("|".join(f"(?:{x})" for x in _ACTIONS), re.IGNORECASE)


def read_statement(sql: str, *, in_transaction: bool = True) -> Statement:
    """Tell what a statement does, and to which table."""
    text = sql.strip().rstrip(";").strip()
    start = _SPACE.match(text)
    words = text[start.end() :] if start else text
    for kind, pattern in _KINDS:
        found = pattern.match(words)
        if found:
            groups = found.groupdict()
            table = groups.get("table")
            action = _action(groups["rest"]) if "rest" in groups else ""
            return Statement(
                text,
                f"{kind} … {action}" if action else kind,
                table and plain_name(table),
                in_transaction,
            )
    return Statement(text, _first_words(words), None, in_transaction)


def _action(rest: str) -> str:
    found = _ACTION.match(rest)
    if found:
        return " ".join(found[0].upper().split())
    if re.match(rf"DROP\s+{_NO_COLUMN}", rest, re.IGNORECASE):
        return "DROP COLUMN"
    first = rest.split(None, 1)[:1]
    # MySQL and others need no COLUMN.
    return "ADD COLUMN" if first == ["ADD"] else "".join(first).upper()


def _first_words(text: str) -> str:
    words = re.findall(r"[A-Za-z]+", text[:80])
    many = words and words[0].upper() in {"CREATE", "ALTER", "DROP", "COMMENT"}
    return " ".join(words[: 2 if many else 1]).upper()


def plain_name(name: str) -> str:
    """A name, perhaps with its schema, without quotes."""
    return ".".join(_unquoted(part) for part in re.findall(_PART, name))


def _unquoted(part: str) -> str:
    if part[0] in '"`':
        return part[1:-1].replace(part[0] * 2, part[0])
    return part[1:-1] if part[0] == "[" else part


def drops(statements: t.Sequence[Statement]) -> tuple[Drop, ...]:
    """The tables and columns that statements drop, in their order."""
    found: dict[Drop, None] = {}
    for statement in statements:
        table = statement.table
        if table is None:
            continue
        if statement.kind == "DROP TABLE":
            names = [table, *_more_tables(statement.sql)]
            found |= {Drop(n): None for n in names if not _is_rebuilt(n, statements)}
        elif statement.kind.startswith("ALTER TABLE"):
            for match in _DROPPED.finditer(_without_strings(statement.sql)):
                found[Drop(table, _unquoted(match["column"]))] = None
    return tuple(found)


def _more_tables(sql: str) -> t.Iterator[str]:
    """The tables after the first that one statement drops."""
    for part in sql.split(",")[1:]:
        found = re.match(rf"\s*{_NAME}", part)
        if found:
            yield plain_name(found["table"])


def _without_strings(sql: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", sql)


def _is_rebuilt(table: str, statements: t.Iterable[Statement]) -> bool:
    """Whether another table of Alembic's takes the place of the dropped one."""
    made = f"_alembic_tmp_{table}"
    return any(s.kind == "CREATE TABLE" and s.table == made for s in statements)

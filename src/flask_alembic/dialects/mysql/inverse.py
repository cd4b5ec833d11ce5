"""Statements that take schema changes back, for those that can be taken back."""

from __future__ import annotations

import typing as t

from .statements import first_word
from .statements import name_at
from .statements import object_type
from .statements import renamed
from .statements import Token
from .statements import tokens

_DROPPED = ("TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE")
_KEYS = ("INDEX", "KEY")


def inverse(sql: str) -> str | None:
    """Find the statement that takes a schema change back.

    None where what was there before is gone, or where it isn't sure that anything was
    made: ``IF NOT EXISTS`` and ``OR REPLACE`` may have met the user's own.
    """
    words = list(tokens(sql))
    bare = {token.word for token in words[:6]}
    kind, place = object_type(words)
    if not kind or "EXISTS" in bare or {"OR", "REPLACE"} <= bare:
        return None
    match first_word(sql):
        case "CREATE":
            return _of_create(words, kind, place)
        case "ALTER" if kind == "TABLE":
            return _of_alter(words, place)
        case "RENAME" if kind == "TABLE":
            pairs = reversed(renamed(words, place))
            return "RENAME TABLE " + ", ".join(f"{new} TO {old}" for old, new in pairs)
    return None


def _of_create(words: list[Token], kind: str, place: int) -> str | None:
    name, end = name_at(words, place)
    if kind in _DROPPED:
        return f"DROP {kind} {name}"
    if kind != "INDEX":
        return None
    while end < len(words) and words[end].word != "ON":
        end += 1
    return f"DROP INDEX {name} ON {name_at(words, end + 1)[0]}"


def _of_alter(words: list[Token], place: int) -> str | None:
    table, place = name_at(words, place)
    changes = [_of_change(change, table) for change in _clauses(words[place:])]
    if not changes or None in changes:
        return None
    # The last change may stand on the first.
    now, parts = table, []
    for new_table, part in reversed(t.cast("list[tuple[str, str]]", changes)):
        now = new_table or now
        parts.append(part)
    return f"ALTER TABLE {now} {', '.join(parts)}"


def _clauses(words: t.Iterable[Token]) -> list[list[Token]]:
    clauses: list[list[Token]] = [[]]
    for token in words:
        if token.text == "," and token.depth == 0:
            clauses.append([])
        elif token.text != ";":
            clauses[-1].append(token)
    return [clause for clause in clauses if clause]


def _of_change(clause: list[Token], table: str) -> tuple[str, str] | None:
    """The inverse of one change, and what the table is called before it runs."""
    heads = [token.word for token in clause[:4]]
    texts = [token.text for token in clause]
    match heads:
        case ["ADD", *_]:
            dropped = _of_add(clause[1:])
            return None if dropped is None else ("", dropped)
        case ["RENAME", "COLUMN" | "INDEX" | "KEY" as what, _, "TO"] if len(clause) > 4:
            return "", f"RENAME {what} {texts[4]} TO {texts[2]}"
        case ["RENAME", "TO" | "AS", *_]:
            return name_at(clause, 2)[0], f"RENAME TO {table}"
        case ["RENAME", _] | ["RENAME", _, "", _]:
            return name_at(clause, 1)[0], f"RENAME TO {table}"
    return None


def _of_add(added: list[Token]) -> str | None:
    """The inverse of ADD, from what follows that word."""
    heads = [*(token.word for token in added[:3]), "", "", ""]
    texts = [*(token.text for token in added[:4]), "", "", "", ""]
    if heads[0] == "COLUMN":
        return _drop("COLUMN", texts[1])
    if heads[0] == "PRIMARY":
        return "DROP PRIMARY KEY"
    if heads[0] == "CONSTRAINT":
        if "PRIMARY" in heads[1:3]:
            return "DROP PRIMARY KEY"
        unnamed = heads[1] in ("UNIQUE", "FOREIGN", "CHECK")
        return None if unnamed else _drop("CONSTRAINT", texts[1])
    if heads[0] in ("UNIQUE", "FULLTEXT", "SPATIAL"):
        return _drop("INDEX", texts[2] if heads[1] in _KEYS else texts[1])
    if heads[0] in _KEYS:
        return _drop("INDEX", texts[1])
    if heads[0] in ("FOREIGN", "CHECK", "PARTITION", "PERIOD", "SYSTEM"):
        return None
    return _drop("COLUMN", texts[0])


def _drop(what: str, name: str) -> str | None:
    """None where there is no name, but a list of columns."""
    return f"DROP {what} {name}" if name and name not in "(," else None

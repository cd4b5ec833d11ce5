"""What a MySQL statement does: read from its text, without a server."""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

from ..journal import Kind

_TOKEN = re.compile(
    r"""
    (?P<space> \s+ | --(?=\s)[^\n]* | \#[^\n]* | /\*(?!M?!).*?\*/ | /\*M?!\d* | \*/ )
    | (?P<text> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
    | (?P<name> `(?:[^`]|``)*` | @{0,2}[\w$]+ )
    | (?P<mark> := | . )
    """,
    re.VERBOSE | re.DOTALL,
)

# What Alembic writes most, so that its tokens need not be looked at one by one.
_NAME = r"(?:[\w$]+|`[^`]+`)"
_USUAL = re.compile(
    rf"\s*(?:CREATE TABLE|(ALTER) TABLE|CREATE (?:UNIQUE )?INDEX {_NAME} ON)"
    rf" (?!IF )({_NAME})(?=\s*\(|\s+[A-Z])"
)
_MORE_TABLES = ("RENAME", "EXCHANGE", "IMPORT", "DISCARD")

_READS = frozenset(
    ["SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "TABLE", "VALUES", "HELP"]
)
_WRITES = frozenset(["INSERT", "UPDATE", "DELETE", "REPLACE"])
_SESSION = frozenset(
    [
        "SET",
        "USE",
        "SAVEPOINT",
        "RELEASE",
        "ROLLBACK",
        "PREPARE",
        "DEALLOCATE",
        "DO",
        "KILL",
    ]
)
_REPEATABLE = frozenset(
    [
        "ANALYZE",
        "OPTIMIZE",
        "TRUNCATE",
        "CHECK",
        "CHECKSUM",
        "REPAIR",
        "FLUSH",
        "BEGIN",
        "START",
        "COMMIT",
        "UNLOCK",
        "CACHE",
    ]
)
_SHORT_HEAD, _HEAD = 16, 64
"""Tokens up to the columns of a table or an index; and of whatever else is made."""

_NO_LOG = "NO_WRITE_TO_BINLOG"
_ROUTINES = frozenset(["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"])
_TYPES = _ROUTINES | frozenset(["TABLE", "VIEW", "SEQUENCE", "INDEX"])
_DATABASES = frozenset(["DATABASE", "SCHEMA"])
_NAMED = _TYPES | _DATABASES
_NAMED_OTHERWISE = frozenset(["USER", "ROLE", "SERVER", "TABLESPACE", "PACKAGE"])


class Token(t.NamedTuple):
    """A piece of SQL that isn't white space or a comment.

    :param word: In capitals, if it is a bare word; "" otherwise.
    :param depth: How many parentheses are open around it.
    """

    text: str
    word: str
    depth: int


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """What a statement does.

    :param objects: Type and name of what it changes.
    :param lost: Why what it did is gone with its connection.
    """

    kind: Kind
    objects: tuple[tuple[str, str], ...] = ()
    lost: str = ""


_UNKNOWN = Meaning("unknown")


def tokens(sql: str) -> t.Iterator[Token]:
    """Take a statement apart."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "space":
            continue
        text = match[0]
        depth -= text == ")"
        bare = match.lastgroup == "name" and text[0] not in "`@"
        yield Token(text, text.upper() if bare else "", depth)
        depth += text == "("


def first_word(sql: str) -> str:
    """The word that a statement begins with, in capitals."""
    return next((token.word for token in tokens(sql) if token.text != "("), "")


def shortened(sql: str, length: int = 60) -> str:
    """A statement on one line, cut off."""
    line = " ".join(sql[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def meaning(sql: str) -> Meaning:
    """Find what a statement does."""
    usual = _USUAL.match(sql)
    if usual and ";" not in sql and not (usual[1] and _may_name_more(sql)):
        return Meaning("schema", (("TABLE", usual[2]),))
    word = first_word(sql)
    if ";" in sql and _several(sql, word):
        return _UNKNOWN
    if word in _WRITES:
        return Meaning("write")
    if word in _READS:
        return _reading(sql)
    if word == "CREATE":
        # What it makes, and of which table, is said at the beginning.
        return _schema(_head(sql))
    words = list(tokens(sql))
    if word == "WITH":
        changes = any(w.word in _WRITES and w.depth == 0 for w in words)
        return Meaning("write") if changes else _reading(sql)
    if word in _SESSION:
        return _session(sql, words)
    if word in _REPEATABLE:
        return _repeatable(words)
    if word in ("ALTER", "DROP", "RENAME"):
        return _schema(words)
    return _UNKNOWN


def _may_name_more(sql: str) -> bool:
    """Whether ALTER TABLE may be about more than one table, or none that is shown."""
    text = sql.upper()
    return any(word in text for word in _MORE_TABLES)


def _head(sql: str) -> list[Token]:
    """The beginning of what makes something, with all names that matter.

    Most make tables and indexes, whose columns would be most of the tokens.
    """
    words = list(itertools.islice(tokens(sql), _SHORT_HEAD))
    kind, place = object_type(words)
    # After its type an index has its name, how it is built, ON, and its table's name.
    if kind in ("TABLE", "INDEX") and place <= _SHORT_HEAD // 2:
        return words
    return list(itertools.islice(tokens(sql), _HEAD))


def _several(sql: str, word: str) -> bool:
    """Whether other statements follow; routines hold some."""
    words = [token.text for token in tokens(sql)]
    while words and words[-1] == ";":
        words.pop()
    routine = word == "CREATE" and any(w.upper() in _ROUTINES for w in words[:20])
    return ";" in words and not routine


def _reading(sql: str) -> Meaning:
    words = [w.word or w.text for w in tokens(sql)] if _keeps_result(sql) else []
    if "OUTFILE" in words or "DUMPFILE" in words:
        return _UNKNOWN
    variables = ":=" in words or (
        "INTO" in words and any(w.startswith("@") for w in words)
    )
    return Meaning("read", lost="it sets a variable" if variables else "")


def _keeps_result(sql: str) -> bool:
    return "@" in sql or "FILE" in sql.upper()


def _session(sql: str, words: list[Token]) -> Meaning:
    second = words[1].word if len(words) > 1 else ""
    if words[0].word == "SET" and second == "STATEMENT":
        # SET STATEMENT variable = value FOR another statement
        found = re.search(r"\bFOR\b", sql, re.IGNORECASE)
        return meaning(sql[found.end() :]) if found else _UNKNOWN
    if words[0].word == "SET" and second in ("PASSWORD", "ROLE", "DEFAULT"):
        return _UNKNOWN
    looks = words[0].word == "SET" and any(w.word == "SELECT" for w in words)
    return Meaning("session", lost="it sets a variable" if looks else "")


def _repeatable(words: list[Token]) -> Meaning:
    second = words[1].word if len(words) > 1 else ""
    if words[0].word == "BEGIN" and second == "NOT":
        return _UNKNOWN
    reads = words[0].word == "ANALYZE" and second not in ("TABLE", "LOCAL", _NO_LOG)
    return Meaning("read") if reads else Meaning("repeat")


# -- CREATE, ALTER, DROP, RENAME -------------------------------------------------------


def _schema(words: list[Token]) -> Meaning:
    kind, place = object_type(words)
    if words[0].word == "DROP" and words[1].word == "PREPARE":
        return Meaning("session")
    if kind in _DATABASES:
        return Meaning("schema", (("DATABASE", name_at(words, place)[0]),))
    if kind not in _TYPES:
        return _UNKNOWN
    if any(w.word == "TEMPORARY" for w in words[:place]):
        return Meaning("write", lost="it is about a temporary table")
    if kind == "INDEX":
        names = [_index_table(words)]
    elif kind == "TABLE":
        names = _tables(words, place)
    else:
        names = _listed(words, place)
    if not names or (words[0].word == "DROP" and len(names) > 1):
        return _UNKNOWN
    shown = kind if kind in _ROUTINES else "TABLE"
    return Meaning("schema", tuple((shown, name) for name in names))


def object_type(words: t.Sequence[Token]) -> tuple[str, int]:
    """The type of what a statement defines, and where its name stands."""
    for place, token in enumerate(words):
        if token.word in _NAMED:
            after = place + 1
            while after < len(words) and words[after].word in ("IF", "NOT", "EXISTS"):
                after += 1
            return token.word, after
        if token.word in _NAMED_OTHERWISE:
            break
    return "", 0


def name_at(words: t.Sequence[Token], place: int) -> tuple[str, int]:
    """A name, with its schema's, as it is written; and where it ends."""
    if place >= len(words):
        return "", place
    name, place = words[place].text, place + 1
    if place + 1 < len(words) and words[place].text == ".":
        return f"{name}.{words[place + 1].text}", place + 2
    return name, place


def _listed(words: t.Sequence[Token], place: int) -> list[str]:
    """One name; of DROP all that there are."""
    name, place = name_at(words, place)
    names = [name]
    while words[0].word == "DROP" and words[place : place + 1]:
        if words[place].text != ",":
            break
        name, place = name_at(words, place + 1)
        names.append(name)
    return names


def _tables(words: t.Sequence[Token], place: int) -> list[str]:
    if words[0].word == "RENAME":
        return [name for pair in renamed(words, place) for name in pair]
    if words[0].word != "ALTER":
        return _listed(words, place)
    name, place = name_at(words, place)
    names, rest = [name], words[place:]
    # Tables change places, or files: nothing in the schema shows it.
    if any(w.word in ("EXCHANGE", "IMPORT", "DISCARD") and not w.depth for w in rest):
        return []
    for at, token in enumerate(rest[:-1]):
        after = rest[at + 1]
        if token.word != "RENAME" or after.word in ("COLUMN", "INDEX", "KEY"):
            continue
        skip = 2 if after.word in ("TO", "AS") else 1
        names.append(name_at(rest, at + skip)[0])
    return names


def renamed(words: t.Sequence[Token], place: int) -> list[tuple[str, str]]:
    """Old and new names of RENAME TABLE."""
    pairs: list[tuple[str, str]] = []
    while place < len(words):
        old, place = name_at(words, place)
        while place < len(words) and words[place].word != "TO":
            place += 1
        new, place = name_at(words, place + 1)
        pairs.append((old, new))
        # The comma.
        place += 1
    return pairs


def _index_table(words: t.Sequence[Token]) -> str:
    for place, token in enumerate(words):
        if token.word == "ON" and token.depth == 0:
            return name_at(words, place + 1)[0]
    return ""

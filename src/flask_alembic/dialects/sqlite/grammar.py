"""Read SQLite's SQL: tokens, and the constraints of columns and tables.

Follows https://www.sqlite.org/lang_createtable.html. Joining all tokens gives the text
back, so comments, quotes and line breaks stay.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

from ..base import identifier

Token: t.TypeAlias = tuple[str, str]
"""Its kind (``space``, ``string``, ``quoted``, ``word``, ``number``, ``sign``), text."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    |(?P<string>[xX]?'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    |(?P<number>\.?[0-9][\w.]*(?:(?<=[eE])[+-][0-9]+)?)
    |(?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)
COLUMN_CLAUSES = {
    *("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT"),
    *("COLLATE", "REFERENCES", "GENERATED", "AS"),
}
TABLE_CLAUSES = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}


class CannotEdit(ValueError):
    """The text isn't what SQLite's grammar makes one expect."""


def tokens(sql: str) -> list[Token]:
    """Split a text into tokens, spaces and comments among them."""
    return [(m.lastgroup or "", m.group()) for m in _TOKEN.finditer(sql)]


def name_of(token: Token) -> str:
    """The name that a token stands for, without its quotes."""
    kind, text = token
    if kind not in ("quoted", "string"):
        return text
    last = text[-1]
    return text[1:-1] if last == "]" else text[1:-1].replace(last * 2, last)


def mentions(found: t.Iterable[Token]) -> set[str]:
    """The names in an expression that may be columns, in lower case."""
    return {name_of(token).lower() for token in _possible_columns(found)}


def certain_columns(found: t.Iterable[Token]) -> set[str]:
    """Those of the mentioned names that are columns, if the table has such ones.

    Without the column, SQLite would take them for something else: a name in double
    quotes for a string.
    """
    return {
        name
        for token in _possible_columns(found)
        for name in [name_of(token).lower()]
        if token[0] == "quoted" or name in _STAND_INS
    }


def _possible_columns(found: t.Iterable[Token]) -> t.Iterator[Token]:
    solid = [token for token in found if token[0] != "space"]
    before, after = [("", ""), *solid[:-1]], [*solid[1:], ("", "")]
    for last, token, following in zip(before, solid, after, strict=True):
        if (
            token[0] in ("quoted", "word")
            # What follows are a collation and the type of a CAST.
            and last[1].upper() not in ("COLLATE", "AS")
            # Those are a function and a table.
            and following[1] not in ("(", ".")
            and (token[0] == "quoted" or token[1].upper() not in _NO_COLUMNS)
        ):
            yield token


_NO_COLUMNS = {"COLLATE", "WHERE", "AND", "OR", "NOT", "NULL", "IS", "IN"}
_STAND_INS = {"rowid", "oid", "_rowid_", "true", "false"}


def unqualified(sql: str) -> str:
    """Write a constraint without the table's name before those of its columns."""
    found = tokens(sql)
    solid = [place for place, token in enumerate(found) if token[0] != "space"]
    for before, dot in itertools.pairwise(solid):
        if found[dot] == ("sign", "."):
            found[before] = found[dot] = ("space", "")
    return join(found)


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ in spaces, comments, quotes and case only."""
    return _words(one) == _words(other)


def _words(sql: str) -> list[str]:
    return [
        text if kind == "string" else name_of((kind, text)).lower()
        for kind, text in tokens(sql)
        if kind != "space"
    ]


class Reader:
    """Walks over tokens; what was taken so far can be cut off as one piece."""

    def __init__(self, found: t.Sequence[Token]) -> None:
        self.found = found
        self.at = 0
        self.cut_at = 0
        self._skip()

    def _skip(self) -> None:
        while self.at < len(self.found) and self.found[self.at][0] == "space":
            self.at += 1

    @property
    def done(self) -> bool:
        return self.at >= len(self.found)

    @property
    def word(self) -> str:
        """The word here in upper case; empty for anything else."""
        kind, text = ("", "") if self.done else self.found[self.at]
        return text.upper() if kind == "word" else ""

    @property
    def sign(self) -> str:
        kind, text = ("", "") if self.done else self.found[self.at]
        return text if kind == "sign" else ""

    def take(self) -> Token:
        if self.done:
            raise CannotEdit("a definition ends too early")
        token = self.found[self.at]
        self.at += 1
        self._skip()
        return token

    def take_word(self, *words: str) -> bool:
        if self.word not in words:
            return False
        self.take()
        return True

    def take_group(self) -> list[Token]:
        """Take what is in parentheses, and give it without them."""
        if self.sign != "(":
            raise CannotEdit("a parenthesis is missing")
        start, depth = self.at + 1, 0
        while True:
            sign = self.sign
            depth += (sign == "(") - (sign == ")")
            end = self.at
            self.take()
            if not depth:
                return list(self.found[start:end])

    def cut(self) -> list[Token]:
        piece = list(self.found[self.cut_at : self.at])
        self.cut_at = self.at
        return piece


@dataclasses.dataclass
class Clause:
    """One constraint, of a column or of the table.

    :param kind: Its first word: ``PRIMARY``, ``NOT``, ``AS``, …
    :param columns: Names that it is about, in lower case: those between the first
        parentheses, or all that a CHECK mentions.
    :param target: The table that a foreign key refers to, in lower case.
    """

    kind: str
    text: str
    name: str | None = None
    columns: tuple[str, ...] = ()
    target: str | None = None

    def rename(self, name: str | None) -> None:
        """Give it another name, or none."""
        reader = Reader(tokens(self.text))
        lead = join(reader.found[: reader.at])
        if reader.take_word("CONSTRAINT"):
            reader.take()
        prefix = f"CONSTRAINT {identifier(name)} " if name else ""
        self.name, self.text = name, lead + prefix + join(reader.found[reader.at :])

    def named(self, name: str) -> bool:
        return self.name is not None and self.name.lower() == name.lower()


def read_clauses(reader: Reader) -> list[Clause]:
    """Read constraints up to the end; the column's and the table's alike."""
    found: list[Clause] = []
    while not reader.done:
        name = name_of(reader.take()) if reader.take_word("CONSTRAINT") else None
        kind = reader.word
        if name is not None and (reader.done or kind == "CONSTRAINT"):
            # SQLite takes a name without a constraint.
            found.append(Clause("CONSTRAINT", join(reader.cut()), name))
            continue
        if kind not in COLUMN_CLAUSES | TABLE_CLAUSES or kind == "CONSTRAINT":
            raise CannotEdit(f"a constraint is expected at {reader.word!r}")
        reader.take()
        clause = Clause(kind, "", name)
        _TAKE[kind](reader, clause)
        _take_conflict(reader)
        if kind == "PRIMARY":
            reader.take_word("AUTOINCREMENT")
        clause.text = join(reader.cut())
        found.append(clause)
    return found


def _take_keyed(reader: Reader, clause: Clause) -> None:
    """PRIMARY KEY, UNIQUE and FOREIGN KEY, with or without columns."""
    reader.take_word("KEY")
    if reader.sign == "(":
        clause.columns = tuple(
            name_of(next(token for token in part if token[0] != "space")).lower()
            for part in split(reader.take_group())
        )
    reader.take_word("ASC", "DESC")
    if reader.take_word("REFERENCES"):
        _take_reference(reader, clause)


def _take_reference(reader: Reader, clause: Clause) -> None:
    clause.target = name_of(reader.take()).lower()
    if reader.sign == "(":
        reader.take_group()
    while True:
        if reader.word == "ON" and reader.take_word("ON"):
            reader.take()
            if reader.take_word("SET", "NO"):
                reader.take()
            else:
                reader.take_word("CASCADE", "RESTRICT")
        elif reader.take_word("MATCH"):
            reader.take()
        elif _at_deferrable(reader):
            reader.take_word("NOT")
            reader.take()
            if reader.take_word("INITIALLY"):
                reader.take()
        else:
            return


def _at_deferrable(reader: Reader) -> bool:
    rest = [text.upper() for kind, text in reader.found[reader.at :] if kind != "space"]
    return rest[:1] == ["DEFERRABLE"] or rest[:2] == ["NOT", "DEFERRABLE"]


def _take_check(reader: Reader, clause: Clause) -> None:
    clause.columns = tuple(sorted(mentions(reader.take_group())))


def _take_default(reader: Reader, clause: Clause) -> None:
    if reader.sign == "(":
        reader.take_group()
        return
    if reader.sign in ("+", "-"):
        reader.take()
    reader.take()


def _take_computed(reader: Reader, clause: Clause) -> None:
    if clause.kind == "GENERATED":
        clause.kind = "AS"
        reader.take_word("ALWAYS")
        reader.take_word("AS")
    reader.take_group()
    reader.take_word("STORED", "VIRTUAL")


def _take_one_more(reader: Reader, clause: Clause) -> None:
    reader.take()


def _take_nothing(reader: Reader, clause: Clause) -> None:
    pass


_TAKE: t.Final[dict[str, t.Callable[[Reader, Clause], None]]] = {
    "PRIMARY": _take_keyed,
    "UNIQUE": _take_keyed,
    "FOREIGN": _take_keyed,
    "REFERENCES": _take_reference,
    "CHECK": _take_check,
    "DEFAULT": _take_default,
    "GENERATED": _take_computed,
    "AS": _take_computed,
    "NOT": _take_one_more,
    "COLLATE": _take_one_more,
    "NULL": _take_nothing,
}


def _take_conflict(reader: Reader) -> None:
    if reader.take_word("ON"):
        reader.take_word("CONFLICT")
        reader.take()


def join(found: t.Iterable[Token]) -> str:
    return "".join(text for _, text in found)


def split(found: t.Sequence[Token]) -> list[list[Token]]:
    """Split at the commas that are in no parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        if token[0] == "sign":
            depth += (token[1] == "(") - (token[1] == ")")
        if token == ("sign", ",") and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts

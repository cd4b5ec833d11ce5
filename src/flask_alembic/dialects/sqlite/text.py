"""Edit the text of a CREATE TABLE statement, leaving what isn't changed as typed."""

from __future__ import annotations

import dataclasses
import typing as t

from ..base import identifier
from .grammar import CannotEdit
from .grammar import Clause
from .grammar import COLUMN_CLAUSES
from .grammar import join
from .grammar import name_of
from .grammar import read_clauses
from .grammar import Reader
from .grammar import split
from .grammar import TABLE_CLAUSES
from .grammar import Token
from .grammar import tokens
from .grammar import unqualified


@dataclasses.dataclass
class ColumnText:
    """One column's definition.

    :param lead: Spaces, comments and the name as they were typed.
    :param type: With the spaces around it; empty for a column without a type.
    """

    name: str
    lead: str
    type: str
    clauses: list[Clause]

    @classmethod
    def parse(cls, sql: str | t.Sequence[Token]) -> ColumnText:
        """Read a definition; ``sql`` is a text or its tokens."""
        reader = Reader(tokens(sql) if isinstance(sql, str) else sql)
        name = name_of(reader.take())
        lead = join(reader.cut())
        while not reader.done and reader.word not in COLUMN_CLAUSES:
            if reader.sign == "(":
                reader.take_group()
            else:
                reader.take()
        return cls(name, lead, join(reader.cut()), read_clauses(reader))

    @property
    def text(self) -> str:
        """The definition as SQL."""
        return self.lead + self.type + "".join(clause.text for clause in self.clauses)

    def find(self, kind: str) -> Clause | None:
        """The first clause of a kind."""
        return next((clause for clause in self.clauses if clause.kind == kind), None)

    def drop(self, *kinds: str) -> None:
        """Remove all clauses of these kinds."""
        self.remove([clause for clause in self.clauses if clause.kind in kinds])

    def remove(self, unwanted: t.Collection[Clause]) -> None:
        """Remove clauses; comments after them stay."""
        kept: list[Clause] = []
        for clause in self.clauses:
            if not _is_in(clause, unwanted):
                kept.append(clause)
                continue
            spaces = _end_spaces(clause.text)
            if not spaces.strip():
                continue
            if kept:
                kept[-1] = dataclasses.replace(kept[-1], text=kept[-1].text + spaces)
            else:
                self.type += spaces
        if len(kept) < len(self.clauses):
            self.clauses = kept
            self._end_without_spaces()

    def _end_without_spaces(self) -> None:
        if self.clauses:
            last = self.clauses[-1]
            self.clauses[-1] = dataclasses.replace(last, text=last.text.rstrip(" "))
        elif self.type.strip():
            self.type = self.type.rstrip(" ")

    def add(self, clause: Clause) -> None:
        """Append a clause, with a space before it where one is needed."""
        if self.text[-1:].strip():
            clause = dataclasses.replace(clause, text=f" {clause.text}")
        self.clauses.append(clause)

    def replace(self, kind: str, by: ColumnText) -> None:
        """Take over another definition's clause of a kind, or its absence."""
        new = by.find(kind)
        old = self.find(kind)
        if new is None:
            self.drop(kind)
        elif old is None:
            self.add(dataclasses.replace(new, text=new.text.strip()))
        else:
            place = self.clauses.index(old)
            text = new.text.strip() + _end_spaces(old.text)
            self.clauses[place] = dataclasses.replace(new, text=text)

    def set_type(self, type_: str) -> None:
        """Write another type in the place of the old one."""
        after = _end_spaces(self.type) or (" " if self.clauses else "")
        before = " " if type_ and self.lead[-1:].strip() else ""
        self.type = before + type_ + after


@dataclasses.dataclass
class TableText:
    """A CREATE TABLE statement in its parts.

    :param tail: What follows the closing parenthesis: ``STRICT``, ``WITHOUT ROWID``.
    """

    columns: list[ColumnText]
    constraints: list[Clause]
    tail: str

    @classmethod
    def parse(cls, sql: str) -> TableText:
        """Read what ``sqlite_schema`` holds.

        :raises CannotEdit: For virtual tables and what else has no column list.
        """
        reader = Reader(tokens(sql))
        while not reader.done and reader.sign != "(":
            if reader.word == "VIRTUAL":
                raise CannotEdit("a virtual table has no columns of its own")
            reader.take()
        parts = split(reader.take_group())
        table = cls([], [], join(reader.found[reader.at :]))
        for part in parts:
            if Reader(part).word in TABLE_CLAUSES:
                table.constraints += read_clauses(Reader(part))
            else:
                table.columns.append(ColumnText.parse(part))
        return table

    def render(self, name: str) -> str:
        """Write the statement for a table.

        :param name: Quoted, with its schema.
        """
        parts = [column.text for column in self.columns]
        parts += [clause.text for clause in self.constraints]
        # A comment up to the end of the line would swallow the comma after it.
        ended = [f"{part}\n" if _ends_in_comment(part) else part for part in parts]
        spaced = f" {self.tail.lstrip()}" if self.tail.strip() else ""
        return f"CREATE TABLE {name} ({','.join(ended)}){spaced}".rstrip()

    def column(self, name: str) -> ColumnText | None:
        """Find a column, as SQLite does without regard to case."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def all_clauses(self) -> list[tuple[ColumnText | None, Clause]]:
        """Every constraint; with its column if it is typed in one."""
        return [
            *((column, clause) for column in self.columns for clause in column.clauses),
            *((None, clause) for clause in self.constraints),
        ]

    def remove(self, unwanted: t.Collection[Clause]) -> None:
        """Remove constraints, wherever they are."""
        for owner in self.columns:
            owner.remove(unwanted)
        self.constraints = [c for c in self.constraints if not _is_in(c, unwanted)]

    def unqualify(self) -> None:
        """Let no check name the table, so that it can be made under another name."""
        for _, clause in self.all_clauses():
            if clause.kind == "CHECK":
                clause.text = unqualified(clause.text)

    def named_in_columns(self, names: t.Iterable[str]) -> list[Clause]:
        """The constraints of these names that are typed in a column."""
        return [
            clause
            for owner, clause in self.all_clauses()
            for name in names
            if owner is not None and clause.named(name)
        ]

    def append(self, constraint: str) -> None:
        """Add a table constraint."""
        self.constraints += read_clauses(Reader(tokens(f"\n\t{constraint}")))

    @property
    def autoincrement(self) -> bool:
        """Whether the primary key never uses an id twice."""
        return any(
            clause.kind == "PRIMARY" and "AUTOINCREMENT" in upper_words(clause.text)
            for _, clause in self.all_clauses()
        )

    @property
    def options(self) -> set[str]:
        """``STRICT`` and ``WITHOUT ROWID``, as far as they are there."""
        words = upper_words(self.tail)
        return {o for o in ("STRICT", "WITHOUT") if o in words}

    def set_option(self, option: str, *, on: bool) -> None:
        """Switch ``STRICT`` or ``WITHOUT ROWID`` on or off."""
        if (option.split()[0] in self.options) == on:
            return
        present = [join(part).strip() for part in split(tokens(self.tail))]
        kept = [o for o in present if o and option.split()[0] not in upper_words(o)]
        self.tail = ", ".join([*kept, option] if on else kept)


def _is_in(clause: Clause, unwanted: t.Iterable[Clause]) -> bool:
    return any(clause is other for other in unwanted)


def _end_spaces(sql: str) -> str:
    """The spaces and comments that a text ends with."""
    found = tokens(sql)
    while found and found[-1][0] == "space":
        found.pop()
    return sql[len(join(found)) :]


def upper_words(sql: str) -> list[str]:
    """The words outside of strings, quotes and comments, in upper case."""
    return [text.upper() for kind, text in tokens(sql) if kind == "word"]


def _ends_in_comment(sql: str) -> bool:
    found = tokens(sql)
    return bool(found) and found[-1][1].startswith("--") and not sql.endswith("\n")


def qualify(sql: str, schema: str) -> str:
    """Put a schema before the name in a stored CREATE INDEX, TRIGGER or VIEW."""
    found = tokens(sql)
    after_keyword = False
    for place, (kind, text) in enumerate(found):
        if after_keyword and kind != "space":
            found.insert(place, ("quoted", f"{identifier(schema)}."))
            break
        if kind == "word" and text.upper() in ("INDEX", "TRIGGER", "VIEW"):
            after_keyword = True
    return join(found)


_STRICT: t.Final[dict[str, tuple[str, ...]]] = {
    "INTEGER": ("INT", "BOOL"),
    "TEXT": ("CHAR", "CLOB", "TEXT", "JSON", "DATE", "TIME"),
    "BLOB": ("BLOB", "BINARY"),
    "REAL": ("REAL", "FLOA", "DOUB"),
}


def cast_to_strict(type_: str) -> str:
    """The type of a STRICT table that stores what a type stores elsewhere.

    Source: https://www.sqlite.org/stricttables.html
    """
    upper = type_.upper()
    for strict, parts in _STRICT.items():
        if any(part in upper for part in parts):
            return strict
    return "ANY"

"""SQLite's scratch databases: files in a temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..base import run_raw
from ..scratch import NoScratchError
from ..scratch import Piece
from ..scratch import PREFIX
from ..scratch import Scratch
from .grammar import name_of
from .grammar import tokens

URI_OPTIONS = ("mode", "cache", "immutable", "nolock", "psow", "uri", "vfs")
"""What an address says of a file, or of a database in memory."""

_OBJECTS = """
SELECT type || ' ' || name, sql FROM main.sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY CASE WHEN sql LIKE 'CREATE VIRTUAL%' THEN 0 WHEN type = 'table' THEN 1
    WHEN type = 'view' THEN 2 ELSE 3 END, rowid
"""


class SQLiteScratch(Scratch):
    """A file that has the statements of another one's schema."""

    typed_values = False

    def __init__(self, engine: sa.Engine, name: str) -> None:
        super().__init__(engine, name)
        self._folder = os.path.join(os.path.realpath(tempfile.gettempdir()), name)

    @property
    def _file(self) -> str:
        return os.path.join(self._folder, f"{self.name}.db")

    @property
    def url(self) -> sa.URL:
        """The file's."""
        url = self.engine.url.set(database=self._file)
        return url.difference_update_query(URI_OPTIONS)

    def create(self, source: sa.Connection) -> None:
        """Make its folder, which nobody else may look into."""
        os.mkdir(self._folder, 0o700)

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def check(self, connection: sa.Connection) -> None:
        """Look at all files that the connection has open."""
        for _, name, file in connection.exec_driver_sql("PRAGMA database_list"):
            if name == "main" and os.path.realpath(file) != self._file:
                raise NoScratchError(
                    f"the engine's connections lead to {file!r} whatever they are told",
                    "Give the engine its address by URL.",
                )
            if name not in ("main", "temp"):
                raise NoScratchError(
                    f"each connection attaches {name!r}, which isn't a copy",
                )

    def copy(self, source: sa.Connection, connection: sa.Connection) -> list[str]:
        """Run the statements that SQLite keeps of its objects."""
        rows = source.exec_driver_sql(_OBJECTS).all()
        left: list[str] = []
        for piece in (Piece(*row) for row in rows):
            # A virtual table has made its own by now.
            if piece.what not in self._present(connection):
                left += self._make(connection, piece)
        return left

    def objects(self, connection: sa.Connection) -> list[Piece]:
        """Views and triggers."""
        rows = [Piece(*row) for row in connection.exec_driver_sql(_OBJECTS)]
        return [row for row in rows if row.what.startswith(("view ", "trigger "))]

    def definitions(self, connection: sa.Connection) -> list[Piece]:
        """Views and triggers; of tables and indexes what reflection doesn't see."""
        rows = [Piece(*row) for row in connection.exec_driver_sql(_OBJECTS)]
        return [Piece(f"text of {row.what}", _unseen(row)) for row in rows]

    def table_options(self, connection: sa.Connection, table: str) -> dict[str, t.Any]:
        """AUTOINCREMENT and the words after the columns."""
        rows = [Piece(*row) for row in connection.exec_driver_sql(_OBJECTS)]
        sql = next((row.sql for row in rows if row.what == f"table {table}"), "")
        found = _keywords(sql)
        options = {
            "sqlite_autoincrement": "AUTOINCREMENT" in found,
            "sqlite_with_rowid": "ROWID" not in found,
            "sqlite_strict": "STRICT" in found,
        }
        usual = {"sqlite_with_rowid": True}
        return {k: v for k, v in options.items() if v != usual.get(k, False)}

    def others(self, connection: sa.Connection) -> list[str]:
        """Folders of that name."""
        folder = os.path.dirname(self._folder)
        return [name for name in os.listdir(folder) if name.startswith(PREFIX)]

    def _present(self, connection: sa.Connection) -> set[str]:
        return {row[0] for row in connection.exec_driver_sql(_OBJECTS)}

    def _make(self, connection: sa.Connection, piece: Piece) -> list[str]:
        try:
            run_raw(connection, piece.sql)
        except DBAPIError:
            return [piece.what]
        return []


_KEYWORDS = frozenset(
    [
        *("AUTOINCREMENT", "COLLATE", "CONFLICT", "STRICT", "ROWID", "DESC", "MATCH"),
        *("DEFERRABLE", "DEFERRED", "IMMEDIATE", "STORED", "USING"),
    ]
)
"""Words of a CREATE TABLE whose meaning reflection may lose."""


def _keywords(sql: str) -> list[str]:
    """Those words in a statement; after COLLATE, CONFLICT and USING what follows, too."""
    words = [token for token in tokens(sql) if token[0] not in ("space", "sign")]
    found: list[str] = []
    for number, (kind, text) in enumerate(words):
        word = text.upper()
        if kind != "word" or word not in _KEYWORDS:
            continue
        found.append(word)
        if word in ("COLLATE", "CONFLICT", "USING") and number + 1 < len(words):
            found.append(name_of(words[number + 1]).lower())
    return sorted(found)


def _unseen(piece: Piece) -> str:
    """What is compared of an object: a table's words, and the whole of all others."""
    if piece.what.startswith("table "):
        return " ".join(_keywords(piece.sql))
    return " ".join(
        text if kind == "string" else name_of((kind, text)).lower()
        for kind, text in tokens(piece.sql)
        if kind != "space" and text.upper() not in ("(", ")", "ASC")
    )

"""What statements gave, written down and given once more."""

from __future__ import annotations

import json
import typing as t

from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from ..journal import Divergence
from ..journal import Entry
from .statements import shortened
from .values import decode
from .values import encode
from .values import hash_of
from .values import UnstorableError

MOST_ROWS = 1_000
MOST_BYTES = 256 * 1024


def result_of(entry: Entry, cursor: t.Any, context: t.Any) -> dict[str, t.Any]:
    """What a statement gave, as JSON has it; SQLAlchemy reads its rows from memory."""
    if not cursor.description:
        return {
            "rowcount": cursor.rowcount,
            "lastrowid": getattr(cursor, "lastrowid", None),
        }
    if context is None or _is_read_from_cursor(entry, context):
        return {"lost": "its rows were read behind the journal's back"}
    if getattr(context, "_is_server_side", False):
        return {"lost": "its rows were streamed"}
    columns = [
        [column[0], column[1] if isinstance(column[1], int) else None]
        for column in cursor.description
    ]
    rows = list(cursor.fetchall())
    context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
        cursor, alternate_description=cursor.description, initial_buffer=rows
    )
    return {"columns": columns, **_stored(rows)}


def _is_read_from_cursor(entry: Entry, context: t.Any) -> bool:
    """Whether SQLAlchemy fetches by itself: a default's value, or batches of rows."""
    style = getattr(getattr(context, "execute_style", None), "name", "")
    changes = bool(getattr(context, "isinsert", False) or context.isupdate)
    return style == "INSERTMANYVALUES" or (changes and entry.kind == "read")


def _stored(rows: t.Sequence[t.Sequence[t.Any]]) -> dict[str, t.Any]:
    """Rows, or a hash of them where they are many."""
    try:
        stored = [[encode(value) for value in row] for row in rows]
    except UnstorableError as e:
        return {"lost": f"it gave a value of type {e}"}
    text = json.dumps(stored)
    if len(rows) <= MOST_ROWS and len(text) <= MOST_BYTES:
        return {"rows": stored}
    return {"read": hash_of(text)}


def give(old: Entry, cursor: t.Any, context: t.Any) -> None:
    """Let a statement that didn't run give what it gave when it did."""
    result = old.result or {}
    if "read" in result:
        if result_of(old, cursor, context).get("read") != result["read"]:
            raise Divergence(
                f"statement {old.number}, '{shortened(old.sql)}', gives other rows than"
                " it did"
            )
    elif "rows" in result:
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
            cursor,
            alternate_description=[
                (name, kind, None, None, None, None, None)
                for name, kind in result["columns"]
            ],
            initial_buffer=[
                tuple(decode(value) for value in row) for row in result["rows"]
            ],
        )
    elif old.kind != "session" and context is not None:
        # The cursors of some drivers don't let these be set.
        context._rowcount = result.get("rowcount", 0)
        context.get_lastrowid = lambda: result.get("lastrowid")

"""SQL as the text that a revision has of it."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    import sqlalchemy as sa

_BETWEEN_LINES = re.compile(r"('(?:[^']|'')*')|\n")
_READ_BY_TEXT = re.compile(r"(?<![:\w\\]):\w|\\:")


def literal(dialect: sa.Dialect, clause: t.Any) -> str | None:
    """Write an expression with its values as SQL; None if it can't be written."""
    try:
        compiled = clause.compile(
            dialect=dialect, compile_kwargs={"literal_binds": True}
        )
    except Exception:
        # Types of the application's own raise what they like.
        return None
    text = _BETWEEN_LINES.sub(lambda match: match[1] or "", str(compiled))
    # For drivers that take a "%" for a parameter it is written twice.
    doubled = getattr(compiled.preparer, "_double_percents", False)
    return text.replace("%%", "%") if doubled else text


def verbatim(sql: str) -> str:
    r"""Write SQL for ``text()``, which takes ``:word`` for a parameter and ``\:`` for ``:``.

    ``op.execute()`` and a check's condition are read in the same way.
    """
    return sql.replace(":", r"\:") if _READ_BY_TEXT.search(sql) else sql

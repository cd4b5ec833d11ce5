"""Server defaults on SQLite, which keeps their text as it was written."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..columns import Agreement
from ..columns import at_once
from ..columns import Pair


def agreements(connection: sa.Connection, pairs: t.Sequence[Pair]) -> list[Agreement]:
    """Compare defaults by their values at this moment; types are compared well."""
    texts = [(p.found_default, p.wanted_default(connection.dialect)) for p in pairs]
    both = [(x, y) for x, y in dict.fromkeys(texts) if x is not None and y is not None]
    values = dict(zip(both, at_once(both, _Values(connection)), strict=True))
    return [
        Agreement(None, _same(pair, *text, values.get(t.cast(t.Any, text))))
        for pair, text in zip(pairs, texts, strict=True)
    ]


def _same(
    pair: Pair, found: str | None, wanted: str | None, values: _Two | None
) -> bool | None:
    if found is None or wanted is None:
        return found == wanted
    if values is None:
        return None
    return bool(values[0] == values[1]) or (_is_numeric(pair) and _number(*values))


_Two: t.TypeAlias = tuple[t.Any, t.Any]


class _Values:
    """Evaluates pairs of expressions."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def __call__(self, texts: t.Sequence[tuple[str, str]]) -> list[_Two | None]:
        """Evaluate all of them in one query."""
        # A comment may end without the end of its line.
        query = ",\n".join(text for both in texts for text in both)
        row = tuple(self._connection.exec_driver_sql(f"SELECT {query}\n").one())
        if len(row) != 2 * len(texts):
            raise SQLAlchemyError("One of these is no single expression.")
        return list(zip(row[::2], row[1::2], strict=True))


def _is_numeric(pair: Pair) -> bool:
    return isinstance(pair.found.type, (sa.Integer, sa.Numeric, sa.Boolean, sa.Float))


def _number(*values: t.Any) -> bool:
    """Whether these, stored in a numeric column, become the same number."""
    try:
        first, second = map(float, values)
    except (TypeError, ValueError):
        return False
    return first == second

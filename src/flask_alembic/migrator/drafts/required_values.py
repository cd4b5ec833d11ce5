"""How a value for the rows of a required column is said, with one that fits its type."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa


def option(name: str, value: str) -> str:
    """The option that gives a column's rows a value, as it is typed."""
    return f'--default "{name}={value}"'


_EXAMPLES: tuple[tuple[type[t.Any], str], ...] = (
    (sa.Boolean, "false"),
    (sa.String, "''"),
    (sa.Numeric, "0"),
    (sa.Integer, "0"),
    (sa.Float, "0"),
    (sa.DateTime, "CURRENT_TIMESTAMP"),
    (sa.Date, "CURRENT_DATE"),
)


def example(column: sa.Column[t.Any]) -> str:
    """A value for the option, where the type has an obvious one."""
    if isinstance(column.type, sa.Enum):
        return f"'{column.type.enums[0]}'" if column.type.enums else "SQL"
    if column.foreign_keys:
        return "SQL"
    kinds = (text for kind, text in _EXAMPLES if isinstance(column.type, kind))
    return next(kinds, "SQL")

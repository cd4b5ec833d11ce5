"""What Alembic's operations mean, in words: an operation is one line."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from alembic.operations.ops import MigrationScript

from ..results import Operation


def operations(
    directives: t.Iterable[MigrationScript], names: t.Sequence[str]
) -> tuple[Operation, ...]:
    """Describe what an upgrade would do, one line for each difference.

    :param names: The databases, in the order of the operations.
    """
    found: list[Operation] = []
    for script in directives:
        for place, ops in enumerate(script.upgrade_ops_list):
            database = names[min(place, len(names) - 1)]
            for op in _single(ops):
                found += _described(database, op)
    return tuple(found)


def _single(container: t.Any) -> t.Iterator[t.Any]:
    """The operations in a container, and in those that it contains."""
    for op in container.ops:
        if hasattr(op, "ops"):
            yield from _single(op)
        else:
            yield op


def _described(database: str, op: t.Any) -> t.Iterator[Operation]:
    """Describe an operation; one that an application brought may have no difference."""
    try:
        diff = op.to_diff_tuple()
    except NotImplementedError:
        words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(op).__name__.removesuffix("Op"))
        yield Operation(database, words.lower(), getattr(op, "name", ""))
        return
    for one in diff if isinstance(diff, list) else [diff]:
        yield _describe(database, one)


def _describe(database: str, diff: t.Sequence[t.Any]) -> Operation:
    """Read one of Alembic's difference tuples."""
    kind = str(diff[0])
    change = kind.replace("_", " ")
    if kind in ("add_column", "remove_column"):
        return Operation(database, change, f"{_table(diff[1], diff[2])}.{diff[3].name}")
    if kind.startswith("modify_") and len(diff) > 5:
        note = f"{diff[5]} -> {diff[6]}"
        return Operation(
            database, change, f"{_table(diff[1], diff[2])}.{diff[3]}", note
        )
    if kind == "execute":
        return Operation(database, change, str(diff[1]).strip().split("\n")[0])
    return Operation(database, change, _object_name(diff[1]))


def _table(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _object_name(item: t.Any) -> str:
    if isinstance(item, sa.Table):
        return _table(item.schema, item.name)
    table = getattr(item, "table", None)
    name = getattr(item, "name", None) or type(item).__name__
    return (
        f"{_table(table.schema, table.name)}.{name}" if table is not None else str(name)
    )

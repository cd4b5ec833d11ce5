"""What Alembic's operations mean, in words: an operation is one line."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from alembic.operations.ops import MigrationScript
from sqlalchemy.exc import CompileError

from ...results import Finding
from ...results import Operation


def operations(
    directives: t.Iterable[MigrationScript],
    names: t.Sequence[str],
    findings: t.Iterable[Finding] = (),
) -> tuple[Operation, ...]:
    """Describe what an upgrade would do, one line for each difference.

    :param names: The databases, in the order of the operations; none where no
        database was asked.
    :param findings: What is known of them; ``where`` is a table or a column.
    """
    codes: dict[str, list[str]] = {}
    for finding in findings:
        codes.setdefault(finding.where, []).append(finding.code)
    found: list[Operation] = []
    for script in directives:
        for place, ops in enumerate(script.upgrade_ops_list):
            database = names[min(place, len(names) - 1)] if names else ""
            for op in _single(ops):
                found += _described(database, op, codes)
    return tuple(found)


def _single(container: t.Any) -> t.Iterator[t.Any]:
    """The operations in a container, and in those that it contains."""
    for op in container.ops:
        if hasattr(op, "ops"):
            yield from _single(op)
        else:
            yield op


Codes: t.TypeAlias = t.Mapping[str, t.Sequence[str]]


def _described(database: str, op: t.Any, codes: Codes) -> t.Iterator[Operation]:
    """Describe an operation; one that an application brought may have no difference."""
    try:
        diff = op.to_diff_tuple()
    except (NotImplementedError, AttributeError):
        words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(op).__name__.removesuffix("Op"))
        yield Operation(database, words.lower(), str(getattr(op, "name", "")))
        return
    for one in diff if isinstance(diff, list) else [diff]:
        change, table, name, note = _describe(one)
        known = dict.fromkeys((*codes.get(name, ()), *codes.get(table, ())))
        yield Operation(database, change, name, note, table, ", ".join(known))


def _describe(diff: t.Sequence[t.Any]) -> tuple[str, str, str, str]:
    """Read one of Alembic's difference tuples: change, table, name, note."""
    kind = str(diff[0])
    change = kind.replace("_", " ")
    if kind in ("add_column", "remove_column"):
        table = _table(diff[1], diff[2])
        return change, table, f"{table}.{diff[3].name}", ""
    if kind.startswith("modify_") and len(diff) > 5:
        table = _table(diff[1], diff[2])
        note = f"{_value(kind, diff[5])} -> {_value(kind, diff[6])}"
        return change, table, f"{table}.{diff[3]}", note
    if kind.startswith("rename_"):
        return change, diff[1], diff[2], f"-> {diff[3]}"
    if kind == "enum":
        return diff[1], diff[2], diff[3], diff[4]
    if kind == "execute":
        return change, "", str(diff[1]).strip().split("\n")[0], ""
    return change, *_object_names(diff[1]), ""


def _value(kind: str, value: t.Any) -> str:
    """Write what was or will be so that a person can read it."""
    if kind == "modify_nullable":
        return "NULL" if value else "NOT NULL"
    if kind == "modify_default":
        return _default(value)
    if kind == "modify_type" and isinstance(value, sa.Enum):
        return f"{type(value).__name__}({', '.join(map(repr, value.enums))})"
    return str(value)


def _default(value: t.Any) -> str:
    if isinstance(value, sa.Computed):
        return f"computed: {value.sqltext}"
    if not isinstance(value, sa.DefaultClause):
        return "none" if value in (None, False) else str(value)
    if isinstance(value.arg, str):
        return repr(value.arg)
    try:
        return str(value.arg.compile(compile_kwargs={"literal_binds": True}))
    except CompileError:
        return str(getattr(value.arg, "text", value.arg))


def _table(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _object_names(item: t.Any) -> tuple[str, str]:
    """The table of an object, and the object's whole name."""
    if isinstance(item, sa.Table):
        name = _table(item.schema, item.name)
        return name, name
    table = getattr(item, "table", None)
    name = str(getattr(item, "name", None) or type(item).__name__)
    if table is None:
        return "", name
    owner = _table(table.schema, table.name)
    return owner, f"{owner}.{name}"

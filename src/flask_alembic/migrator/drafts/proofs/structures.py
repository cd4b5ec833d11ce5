"""What a database consists of, as names and definitions that can be compared."""

from __future__ import annotations

import typing as t
import warnings

import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import CompileError

from ....dialects.scratch import Scratch

Structure: t.TypeAlias = dict[str, str]
"""Kind and name of an object -> its definition."""

_KINDS: t.Mapping[str, str] = {
    "primary key": "get_multi_pk_constraint",
    "foreign key": "get_multi_foreign_keys",
    "unique constraint": "get_multi_unique_constraints",
    "check constraint": "get_multi_check_constraints",
    "index": "get_multi_indexes",
}


def read(
    connection: sa.Connection, scratch: Scratch, ignored: t.Collection[str]
) -> Structure:
    """Read all of a database but the order of columns, which nothing can put back.

    :param ignored: Names of tables to leave out.
    """
    found: Structure = {piece.what: piece.sql for piece in scratch.objects(connection)}
    with warnings.catch_warnings():
        # What can't be reflected isn't compared.
        warnings.simplefilter("ignore")
        inspector = sa.inspect(connection)
        for schema in scratch.schemas(connection):
            found.update(_schema(inspector, schema, ignored))
    return found


def _schema(
    inspector: sa.Inspector, schema: str | None, ignored: t.Collection[str]
) -> t.Iterator[tuple[str, str]]:
    anything: dict[str, t.Any] = {"schema": schema, "kind": ObjectKind.ANY}
    for (_, table), columns in inspector.get_multi_columns(**anything).items():
        if table in ignored:
            continue
        place = f"{schema}.{table}" if schema else table
        yield f"table {place}", ""
        for column in columns:
            text = _column(column, inspector.dialect)
            yield f"column {place}.{column['name']}", text
    for kind, method in _KINDS.items():
        for (_, table), items in _asked(inspector, method, schema):
            if table in ignored:
                continue
            place = f"{schema}.{table}" if schema else table
            for item in items if isinstance(items, list) else [items]:
                yield _item(kind, place, item)
    for (_, table), comment in _asked(inspector, "get_multi_table_comment", schema):
        if comment.get("text") and table not in ignored:
            place = f"{schema}.{table}" if schema else table
            yield f"comment of {place}", str(comment["text"])


def _asked(
    inspector: sa.Inspector, method: str, schema: str | None
) -> t.Iterable[tuple[t.Any, t.Any]]:
    """Ask about all tables what not every database system knows of."""
    try:
        return list(getattr(inspector, method)(schema=schema).items())
    except NotImplementedError:
        return []


def _column(column: t.Any, dialect: sa.Dialect) -> str:
    try:
        kind = column["type"].compile(dialect=dialect)
    except CompileError:
        kind = repr(column["type"])
    words = [kind, "NULL" if column["nullable"] else "NOT NULL"]
    for key in ("default", "computed", "identity", "comment"):
        if column.get(key) is not None:
            words.append(f"{key} {_text(column[key])}")
    return ", ".join(words)


def _item(kind: str, table: str, item: t.Any) -> tuple[str, str]:
    """A constraint or an index; without a name it is what it consists of."""
    text = _text({k: v for k, v in item.items() if k != "name" and v})
    return f"{kind} {item.get('name') or text} of {table}", text


def _text(value: t.Any) -> str:
    if isinstance(value, t.Mapping):
        items = sorted(value.items(), key=lambda item: str(item[0]))
        return ", ".join(f"{key} {_text(item)}" for key, item in items)
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(_text, value)) + ")"
    return str(value)


def differences(before: Structure, after: Structure) -> list[str]:
    """Say what became of a structure; what goes with its table isn't said again."""
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        if _of_other(name, before, after):
            continue
        if name not in after:
            lines.append(f"{name} is gone")
        elif name not in before:
            lines.append(f"{name} is left")
        elif before[name] != after[name]:
            lines.append(f"{name} is {after[name]!r} instead of {before[name]!r}")
    return lines


def _of_other(name: str, before: Structure, after: Structure) -> bool:
    """Whether this belongs to a table that is itself gone or left."""
    kind, _, rest = name.partition(" ")
    if kind == "table":
        return False
    table = rest.rpartition(".")[0] if kind == "column" else name.rpartition(" of ")[2]
    key = f"table {table}"
    return (key in before) != (key in after)

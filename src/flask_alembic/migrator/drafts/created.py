"""Which tables revision files have made, read from their source: pure.

What a file doesn't say literally isn't known: such a table counts as somebody else's.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import os
import re
import typing as t
from collections.abc import Iterator

_NAME = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)'
_SQL = re.compile(
    rf"""\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+|VIRTUAL\s+|FOREIGN\s+)?TABLE\s+
    (?:IF\s+NOT\s+EXISTS\s+)?({_NAME}(?:\s*\.\s*{_NAME})?)
    |\bRENAME\s+TO\s+({_NAME})""",
    re.IGNORECASE | re.VERBOSE,
)
_FUNCTION = re.compile(r"(?:upgrade|downgrade)_(\w*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A table that a revision has made or renamed.

    :param name: In lower case, since SQL folds it and a file may not.
    :param schema: Likewise; None for the default one.
    :param function: What ``upgrade_`` is followed by where a revision has a function for
        each database; None where it has not.
    """

    name: str
    schema: str | None = None
    function: str | None = None


def made_in_files(paths: t.Iterable[str]) -> frozenset[Made]:
    """Read many files; one that can't be read says nothing."""
    found: set[Made] = set()
    for path in paths:
        try:
            stat = os.stat(path)
            found |= _made_in_file(path, stat.st_mtime_ns, stat.st_size)
        except (OSError, SyntaxError, ValueError):
            continue
    return frozenset(found)


@functools.lru_cache(maxsize=4096)
def _made_in_file(path: str, _changed: int, _size: int) -> frozenset[Made]:
    with open(path, "rb") as file:
        return made(file.read())


def made(source: str | bytes) -> frozenset[Made]:
    """Read one file's text.

    :raises SyntaxError: It isn't Python.
    """
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: set[Made] = set()
    for node in tree.body:
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        match = _FUNCTION.fullmatch(node.name) if named else None  # type: ignore[attr-defined]
        function = match[1] if match else None
        for name, schema in _tables(node, constants):
            found.add(Made(name.lower(), schema and schema.lower(), function))
    return frozenset(found)


Table: t.TypeAlias = tuple[str, str | None]


def _tables(root: ast.AST, constants: t.Mapping[str, t.Any]) -> Iterator[Table]:
    for node in _without_texts(root):
        if isinstance(node, ast.Call):
            yield from _by_call(node, constants)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _by_sql(node.value)


def _without_texts(root: ast.AST) -> Iterator[ast.AST]:
    """All nodes but docstrings and the parts of f-strings, which aren't whole names."""
    todo = [root]
    while todo:
        node = todo.pop()
        bare = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not bare and not isinstance(node, ast.JoinedStr):
            yield node
            todo += ast.iter_child_nodes(node)


_CALLS: t.Mapping[str, tuple[tuple[int, str], ...]] = {
    "create_table": ((0, "table_name"),),
    "rename_table": ((0, "old_table_name"), (1, "new_table_name")),
}
"""Operation -> places and names of the arguments that name a table."""


def _by_call(call: ast.Call, constants: t.Mapping[str, t.Any]) -> Iterator[Table]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    schema = _literal(given.get("schema"), constants)
    if "schema" in given and schema is None and not _is_none(given["schema"]):
        return
    for place, keyword in _CALLS.get(name, ()):
        node = call.args[place] if len(call.args) > place else given.get(keyword)
        table = _literal(node, constants)
        if table:
            yield table, schema


def _literal(node: ast.AST | None, constants: t.Mapping[str, t.Any]) -> str | None:
    if isinstance(node, ast.Name):
        value = constants.get(node.id)
    else:
        value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _by_sql(sql: str) -> Iterator[Table]:
    for match in _SQL.finditer(sql):
        parts = [p.strip('"`[]') for p in re.findall(_NAME, match[1] or match[2])]
        yield parts[-1], parts[-2] if len(parts) > 1 else None

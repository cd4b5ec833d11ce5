"""What a revision's code says, as one number: comments and layout don't count."""

from __future__ import annotations

import ast
import hashlib
import itertools
import typing as t
import warnings
from pathlib import Path

# The head of a compiled file holds the time of its source.
_COMPILED_HEAD = 16


def checksum(path: str | Path) -> str:
    """The SHA-256 of a revision file's code, the same in every version of Python.

    Comments, layout, docstrings and ``pass`` don't count. A file that can't be parsed,
    such as a compiled one, is taken byte for byte.

    :return: 64 hex digits.
    :raises OSError: The file can't be read.
    """
    data = Path(path).read_bytes()
    return checksum_of(data[_COMPILED_HEAD:] if is_compiled(path) else data)


def checksum_of(data: bytes) -> str:
    """The same, of what stands in a file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(data)
        text = "".join(_written(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_compiled(path: str | Path) -> bool:
    """Whether a file holds byte code, which differs between versions of Python."""
    return Path(path).suffix in {".pyc", ".pyo"}


def _written(tree: ast.AST) -> list[str]:
    """Write a tree down in pieces; without recursion, as deep as it may be."""
    pieces: list[str] = []
    todo: list[t.Any] = [tree]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is _Mark:
            pieces.append(item)
        elif kind is list:
            kept = [each for each in item if not _is_silent(each)]
            todo += [_CLOSE_LIST, *reversed(kept)]
            pieces.append("[")
        elif isinstance(item, ast.AST):
            pieces.append(f"{kind.__name__}(")
            _add_fields(item, todo)
        else:
            # Not "!r": it asks Python's Unicode tables, which grow.
            pieces.append(f"{item!a},")
    return pieces


class _Mark(str):
    """A piece that is written as it is."""

    __slots__ = ()


_CLOSE_LIST = _Mark("]")
_CLOSE = _Mark(")")


class _Fields(dict[type[ast.AST], list[tuple[str, _Mark]]]):
    """Kind of node -> its fields, last first, and how they are written."""

    def __missing__(self, kind: type[ast.AST]) -> list[tuple[str, _Mark]]:
        # The u of u"text" is no field here.
        names = set(kind._fields) - ({"kind"} if kind is ast.Constant else set())
        self[kind] = [(name, _Mark(f"{name}=")) for name in sorted(names, reverse=True)]
        return self[kind]


_fields = _Fields()


def _add_fields(node: ast.AST, todo: list[t.Any]) -> None:
    """Let a node's fields follow; empty ones are left out: later versions have more."""
    todo.append(_CLOSE)
    for name, mark in _fields[type(node)]:
        value: t.Any = getattr(node, name, None)
        if isinstance(node, ast.JoinedStr):
            value = _joined(value)
        # None is also the value of the constant None.
        if name == "value" or not (value is None or value == []):
            todo += (value, mark)


def _is_silent(node: t.Any) -> bool:
    """Whether a statement does nothing: a docstring, a text as a comment, ``pass``."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


def _joined(pieces: list[ast.expr]) -> list[ast.expr]:
    """Join the texts of an f-string that stand side by side: versions split them."""
    joined: list[ast.expr] = []
    for text, group in itertools.groupby(pieces, lambda p: isinstance(p, ast.Constant)):
        if text:
            whole = "".join(str(t.cast(ast.Constant, piece).value) for piece in group)
            joined += [ast.Constant(whole)] if whole else []
        else:
            joined += group
    return joined

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
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(data)
        text = "".join(_written(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        content = data[_COMPILED_HEAD:] if is_compiled(path) else data
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_compiled(path: str | Path) -> bool:
    """Whether a file holds byte code, which differs between versions of Python."""
    return Path(path).suffix in {".pyc", ".pyo"}


def _written(tree: ast.AST) -> t.Iterator[str]:
    """Write a tree down in pieces; without recursion, as deep as it may be."""
    todo: list[t.Any] = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, _Mark):
            yield item
        elif isinstance(item, ast.AST):
            todo.extend(reversed(_parts(item)))
        elif isinstance(item, list):
            kept = [each for each in item if not _is_silent(each)]
            todo.extend([_Mark("]"), *reversed(kept), _Mark("[")])
        else:
            # Not "!r": it asks Python's Unicode tables, which grow.
            yield f"{item!a},"


class _Mark(str):
    """A piece that is written as it is."""

    __slots__ = ()


def _parts(node: ast.AST) -> list[t.Any]:
    """A node's name and fields; empty ones are left out: later versions have more."""
    parts: list[t.Any] = [_Mark(f"{type(node).__name__}(")]
    for name, value in sorted(ast.iter_fields(node)):
        if name == "kind" and isinstance(node, ast.Constant):
            # The u of u"text".
            continue
        if isinstance(node, ast.JoinedStr):
            value = _joined(value)
        # None is also the value of the constant None.
        if name == "value" or not (value is None or value == []):
            parts += [_Mark(f"{name}="), value]
    return [*parts, _Mark(")")]


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

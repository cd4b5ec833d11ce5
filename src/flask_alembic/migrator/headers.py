"""The head of one revision file: read without executing it, where that is safe."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib.util
import os
import re
import sys
import traceback
import typing as t
import warnings
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from types import ModuleType

from ..errors import RevisionFileError
from ..results import Revision


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a revision file.

    :param doc: The whole docstring.
    :param literal: The file was read; otherwise it had to be executed.
    """

    revision: Revision
    doc: str
    literal: bool


_NAMES = ("revision", "down_revision", "branch_labels", "depends_on")

# A file that binds one of these in an unusual way must be executed.
_SENSITIVE = frozenset((*_NAMES, "__doc__", "__getattr__", "*"))
_SIDE_DOORS = frozenset(("exec", "globals", "locals", "vars", "setattr"))

# What text behind the header can't hold without being looked at closely.
_HINTS = (
    *("revision", "branch_labels", "depends_on", "__doc__", "__getattr__", "import *"),
    *(f"{name}(" for name in _SIDE_DOORS),
)

_STRING = r"""(?:"[^"\\\n]*"|'[^'\\\n]*')"""
_END = r"[ \t]*+(?:\#[^\n]*+)?(?:\n|\Z)"
_BLANK = r"[ \t\f]*+(?:\#[^\n]*+)?\n"
_OPENING = re.compile(
    rf"""(?:{_BLANK})*+
    (?: ( [rRuU]? (?:
        \"{{3}} [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* \"{{3}}
      | '{{3}} [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* '{{3}}
      | " (?: [^"\\\n] | \\. )* "
      | ' (?: [^'\\\n] | \\. )* '
    )) {_END} )?""",
    re.VERBOSE | re.DOTALL,
)
_IMPORT = rf"""(?:import|from)\b [^\n()*\\;\#"']*+
    (?: \( [^()*\\;\#"']*+ \) )? {_END}"""
_COMMENT = re.compile(r"#.*")
_ASSIGNMENT = re.compile(
    rf"""( (?: {_BLANK} | {_IMPORT} )*+ )
    (revision|down_revision|branch_labels|depends_on)
    [ \t]* (?: : [^=\n\#\\;]* )? = [ \t]*
    ( None | {_STRING}
    | \( (?: [^()"'\#\\] | {_STRING} )* \)
    | \[ (?: [^][()"'\#\\] | {_STRING} )* \]
    ) {_END}""",
    re.VERBOSE,
)


def _literal(source: str) -> t.Any:
    """Evaluate a literal; a plain string is only cut out."""
    if source == "None":
        return None
    if source[0] not in "\"'" or "\\" in source:
        with warnings.catch_warnings(action="ignore"):
            return ast.literal_eval(source)
    quotes = 3 if len(source) > 2 and source.startswith(('"""', "'''")) else 1
    return source[quotes:-quotes]


def _glance(text: str) -> dict[str, t.Any] | None:
    """Read a header of the usual kind; None for anything else."""
    opening = t.cast("re.Match[str]", _OPENING.match(text))
    found: dict[str, t.Any] = {}
    position = opening.end()
    try:
        found["__doc__"] = _literal(opening[1]) if opening[1] else None
        while line := _ASSIGNMENT.match(text, position):
            before, name, value = line.groups()
            if "import" in before and _is_suspect(before):
                return None
            found[name] = _literal(value)
            position = line.end()
            if len(found) > len(_NAMES):
                # With the docstring that is all; what comes again is met below.
                break
    except (SyntaxError, ValueError):
        return None
    if "revision" not in found or "down_revision" not in found:
        return None
    return None if _mentions(text[position:]) else found


# What stands between docstring and ids is the same in most files.
@functools.lru_cache(maxsize=32)
def _is_suspect(imports: str) -> bool:
    """Whether imports may bind a name of the header."""
    return _mentions(_COMMENT.sub("", imports))


def _mentions(text: str) -> bool:
    """Whether a name might be bound here: no proof, but a reason to look closely."""
    return any(map(text.__contains__, _HINTS))


def _parse(text: str) -> dict[str, t.Any] | None:
    """Read a header from the whole file's syntax tree; None if that isn't sure."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
        found: dict[str, t.Any] = {"__doc__": ast.get_docstring(tree, clean=False)}
        for statement in tree.body:
            names, value = _assignment(statement)
            if value is not None and not set(_NAMES).isdisjoint(names):
                found |= dict.fromkeys(names, ast.literal_eval(value))
            elif not (names and value is None) and _rebinds(statement):
                return None
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return found if "revision" in found else None


def _assignment(statement: ast.stmt) -> tuple[list[str], ast.expr | None]:
    """The names and the value of an assignment to names, else nothing."""
    if isinstance(statement, ast.Assign):
        names = [node.id for node in statement.targets if isinstance(node, ast.Name)]
        if len(names) == len(statement.targets):
            return names, statement.value
    elif isinstance(statement, ast.AnnAssign) and isinstance(
        statement.target, ast.Name
    ):
        return [statement.target.id], statement.value
    return [], None


def _rebinds(statement: ast.stmt) -> bool:
    """Whether a statement may set a header's name, seen from the module."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if not _SENSITIVE.isdisjoint(_bound(node)):
            return True
        if isinstance(node, ast.Name) and node.id in _SIDE_DOORS:
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            # A body has names of its own, unless it declares them global.
            for inner in ast.walk(node):
                if isinstance(inner, ast.Global):
                    todo.append(inner)
        else:
            todo.extend(ast.iter_child_nodes(node))
    return False


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that one node binds."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.Global):
        yield from node.names
    else:
        for field in ("name", "rest"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def execute(module: ModuleType, path: str) -> None:
    """Run a revision file in a module.

    :raises RevisionFileError: Whatever it raises is the cause.
    """
    spec = importlib.util.spec_from_file_location(module.__name__, path)
    if spec is None or spec.loader is None:
        raise RevisionFileError(
            f"The revision file {path} can't be loaded: Python doesn't know its kind.",
            path=path,
        )
    module.__file__ = path
    module.__spec__ = spec
    module.__loader__ = spec.loader
    module.__package__ = ""
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise unloadable(path, error) from error


def unloadable(path: str, error: BaseException) -> RevisionFileError:
    """Say in one line where and why a file can't be loaded."""
    if isinstance(error, SyntaxError) and error.filename == path:
        line, reason = error.lineno, f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == path]
        line = lines[-1] if lines else None
        text = next(iter(str(error).splitlines()), "")
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    where = f", line {line}," if line else ""
    return RevisionFileError(
        f"The revision file {path}{where} can't be loaded: {reason.rstrip('.')}.",
        path=path,
        fix="Correct the file, or remove it.",
    )


def module_name(path: str) -> str:
    """The name that Alembic gives a revision file's module."""
    return re.sub(r"\W", "_", os.path.basename(path))


def entry_of_module(module: ModuleType, path: str) -> Entry:
    """Make the entry of an executed file."""
    absent = object()
    values = {name: getattr(module, name, absent) for name in (*_NAMES, "__doc__")}
    values = {name: value for name, value in values.items() if value is not absent}
    return _entry(path, values, literal=False)


def read_entry(path: str) -> Entry:
    """Read one revision file.

    :raises RevisionFileError: It can't be read or loaded, or lacks a header.
    """
    if path.endswith(".py"):
        try:
            text = _decode(_content(path))
        except OSError as error:
            raise unloadable(path, error) from error
        values = text and (_glance(text) or _parse(text))
        if values:
            values["__doc__"] = _as_compiled(values["__doc__"])
            return _entry(path, values, literal=True)
    module = ModuleType(module_name(path))
    execute(module, path)
    return entry_of_module(module, path)


_CHUNK = 16384
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def _content(path: str) -> bytes:
    """Read a file; for thousands of small ones, a file object takes too long."""
    descriptor = os.open(path, _READING)
    try:
        part = os.read(descriptor, _CHUNK)
        parts = [part]
        while len(part) == _CHUNK:
            part = os.read(descriptor, _CHUNK)
            parts.append(part)
        return b"".join(parts) if len(parts) > 1 else part
    finally:
        os.close(descriptor)


def _decode(raw: bytes) -> str | None:
    """Decode as Python would; None if that fails."""
    try:
        if b"coding" in raw or b"\r" in raw or raw.startswith(b"\xef\xbb\xbf"):
            return importlib.util.decode_source(raw)
        return raw.decode()
    except (SyntaxError, ValueError):
        return None


def _as_compiled(doc: str | None) -> str | None:
    """Take the common indent away, as the compiler does from Python 3.13 on."""
    if doc is None or sys.version_info < (3, 13):
        return doc
    first, *others = doc.expandtabs().split("\n")
    margin = min(
        (len(o) - len(o.lstrip(" ")) for o in others if o.strip(" ")), default=0
    )
    cut = [line[min(margin, len(line) - len(line.lstrip(" "))) :] for line in others]
    return "\n".join((first.lstrip(" "), *cut))


def _entry(path: str, values: Mapping[str, t.Any], *, literal: bool) -> Entry:
    """Make an entry of what a file binds."""
    name = values.get("revision")
    if name is None and "revision" not in values:
        # Alembic 0.1 knew a revision by its file's name.
        legacy = re.match(r"([a-f0-9]+)\.py$", os.path.basename(path))
        name = legacy[1] if legacy else None
    if not isinstance(name, str) or not name or "down_revision" not in values:
        lacking = "down_revision" if isinstance(name, str) and name else "revision"
        raise RevisionFileError(
            f"The file {path} doesn't set {lacking!r} as a revision file must.",
            path=path,
            fix=f"Add {lacking}, or move the file out of the migrations folder.",
        )
    doc = values.get("__doc__")
    doc = doc.strip() if isinstance(doc, str) else ""
    revision = Revision(
        id=name,
        parents=_ids(path, "down_revision", values["down_revision"]),
        depends_on=_ids(path, "depends_on", values.get("depends_on")),
        labels=_ids(path, "branch_labels", values.get("branch_labels")),
        message=doc.partition("\n\n")[0],
        path=path,
    )
    return Entry(revision, doc, literal)


def _ids(path: str, name: str, value: t.Any) -> tuple[str, ...]:
    """Make a tuple of what may be None, one id or several."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    ids = tuple(value) if isinstance(value, Iterable) else (value,)
    if ids == (None,):
        return ()
    if not all(isinstance(item, str) for item in ids):
        raise RevisionFileError(
            f"The revision file {path} sets {name!r} to {value!r}.",
            path=path,
            fix="Use None, a string, or a tuple of strings.",
        )
    return ids

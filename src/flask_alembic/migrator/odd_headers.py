"""The header of a revision file that isn't written as the templates write it. Pure."""

from __future__ import annotations

import ast
import functools
import re
import typing as t
import warnings
from collections.abc import Iterator

from .headers import mentions_header
from .headers import NAMES
from .headers import SIDE_DOORS


def read(text: str) -> dict[str, t.Any] | None:
    """Read what a file binds from its source; None if it has to be executed."""
    return _glance(text) or _parse(text)


# A file that binds one of these in an unusual way must be executed.
_SENSITIVE = frozenset((*NAMES, "__doc__", "__getattr__", "*"))
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
_BETWEEN = re.compile(rf"(?: {_BLANK} | {_IMPORT} )*+", re.VERBOSE)
_COMMENT = re.compile(r"#.*")
_VALUE = rf"""[ \t]*+ (?: : [^=\n\#\\]*+ )? = [ \t]*+
    ( None | {_STRING}
    | \( (?: [^()"'\#\\] | {_STRING} )*+ \)
    | \[ (?: [^][()"'\#\\] | {_STRING} )*+ \]
    ) {_END}"""
_BLANKS = rf"(?: {_BLANK} )*+"
# One match for the order that every template has; the rest, if any, one by one.
_ASSIGNMENTS = re.compile(
    rf"""revision {_VALUE} {_BLANKS} down_revision {_VALUE}
    (?: {_BLANKS} branch_labels {_VALUE} (?: {_BLANKS} depends_on {_VALUE} )?+ )?+""",
    re.VERBOSE,
)
_ASSIGNMENT = re.compile(
    rf"""{_BLANKS} (revision|down_revision|branch_labels|depends_on) {_VALUE}""",
    re.VERBOSE,
)
_STRINGS = re.compile(_STRING)
_SEVERAL = re.compile(
    rf"[(\[] \s*+ (?: {_STRING} \s*+ , \s*+ )++ {_STRING}?+ \s*+ [)\]]", re.VERBOSE
)


def _literal(source: str | None) -> t.Any:
    """Evaluate a literal; strings, alone or with commas between, are only cut out."""
    if source == "None" or source is None:
        return None
    if "\\" not in source:
        if source[0] in "\"'":
            return source[1:-1]
        if _SEVERAL.fullmatch(source):
            return tuple([text[1:-1] for text in _STRINGS.findall(source)])
    return _evaluated(source)


def _evaluated(source: str) -> t.Any:
    with warnings.catch_warnings(action="ignore"):
        return ast.literal_eval(source)


def _docstring(text: str) -> tuple[str | None, int]:
    """The docstring, and where it ends."""
    if text.startswith('"""'):
        end = text.find('"""', 3)
        if end > 0 and "\\" not in (doc := text[3:end]):
            return doc, end + 3
    opening = t.cast("re.Match[str]", _OPENING.match(text))
    return (_evaluated(opening[1]) if opening[1] else None), opening.end()


def _glance(text: str) -> dict[str, t.Any] | None:
    """Read a header of the usual kind; None for anything else."""
    try:
        doc, end = _docstring(text)
        start = text.find("\nrevision", max(end - 1, 0)) + 1
        if start < end or not _is_harmless(text[end:start]):
            return None
        found: dict[str, t.Any] = {}
        if usual := _ASSIGNMENTS.match(text, start):
            start = usual.end()
            id_, parents, labels, depends_on = usual.groups()
            found = {
                "revision": _literal(id_),
                "down_revision": _literal(parents),
                "branch_labels": _literal(labels),
                "depends_on": _literal(depends_on),
            }
        while not (usual and usual[4]) and (line := _ASSIGNMENT.match(text, start)):
            start = line.end()
            found[line[1]] = _literal(line[2])
    except (SyntaxError, ValueError):
        return None
    if "revision" not in found or "down_revision" not in found:
        return None
    found["__doc__"] = doc
    return None if mentions_header(text[start:]) else found


# It is the same in most files.
@functools.lru_cache(maxsize=128)
def _is_harmless(between: str) -> bool:
    """Whether what stands between docstring and ids binds no name of the header."""
    harmless = _BETWEEN.fullmatch(between) is not None
    return harmless and not mentions_header(_COMMENT.sub("", between))


def _parse(text: str) -> dict[str, t.Any] | None:
    """Read a header from the whole file's syntax tree; None if that isn't sure."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
        found: dict[str, t.Any] = {"__doc__": ast.get_docstring(tree, clean=False)}
        for statement in tree.body:
            names, value = _assignment(statement)
            if value is not None and not set(NAMES).isdisjoint(names):
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
        if isinstance(node, ast.Name) and node.id in SIDE_DOORS:
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

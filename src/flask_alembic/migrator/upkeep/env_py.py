"""What an ``env.py`` does: told from its text, which is never run."""

from __future__ import annotations

import ast
import dataclasses
import functools
import typing as t
from pathlib import Path

from .env_words import ATTRIBUTES
from .env_words import FUNCTIONS
from .env_words import IMPORTS
from .env_words import KEYWORDS
from .env_words import LOGGING
from .env_words import NAMES
from .env_words import SHAPES
from .env_words import VALUES

SHIPPED = Path(__file__).parents[3] / "flask_migrate" / "templates"
"""Our own scripts, in the package beside this one: what they say is known as it stands."""

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True, slots=True)
class Foreign:
    """Something in the script that the known ones don't have.

    :param text: What it is, for people.
    """

    line: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class EnvPy:
    """What a script does.

    :param foreign: What no known script does.
    :param context: Constants that it gives to ``context.configure``.
    :param metadata: The expression for the models, where they are imported; or None.
    :param imports: The imports which that expression needs.
    :param metadata_line: Where it stands.
    :param several: It runs on several databases.
    :param flask_migrate: It asks Flask-Migrate for the database.
    :param calls: Dotted name -> lines in which it is called.
    :param quiet: Calls of ``fileConfig`` that leave other loggers alone.
    """

    path: Path
    foreign: tuple[Foreign, ...]
    context: t.Mapping[str, t.Any]
    metadata: str | None
    imports: tuple[str, ...]
    metadata_line: int
    several: bool
    flask_migrate: bool
    calls: t.Mapping[str, tuple[int, ...]]
    quiet: frozenset[int]


def read(path: Path) -> EnvPy:
    """Read a script.

    :raises SyntaxError: It isn't Python.
    :raises OSError: It can't be read.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except ValueError as e:
        raise SyntaxError(str(e)) from e
    models = _models(tree)
    needed = _imports_for(tree, models)
    reader = _Reader()
    skipped = {id(node) for node in needed}
    if models is not None:
        skipped |= {id(node) for node in tree.body if _assigns_models(node)}
    for statement in tree.body:
        if id(statement) not in skipped:
            reader.statement(statement)
    calls, quiet = _calls(tree)
    return EnvPy(
        path=path,
        foreign=tuple(reader.foreign),
        context=reader.context,
        metadata=None if models is None else ast.unparse(models),
        imports=tuple(ast.unparse(node) for node in needed),
        metadata_line=0 if models is None else models.lineno,
        several=any(
            isinstance(n, ast.keyword) and n.arg == "engine_name"
            for n in ast.walk(tree)
        ),
        flask_migrate=any(
            isinstance(n, ast.Constant) and n.value == "migrate" for n in ast.walk(tree)
        ),
        calls=calls,
        quiet=quiet,
    )


@functools.cache
def _shipped() -> frozenset[str]:
    """Statements, what compound ones begin with, and functions' names of our scripts."""
    found: set[str] = set()
    for path in SHIPPED.glob("*/env.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, Function):
                found.add(_signature(node))
            elif isinstance(node, ast.stmt):
                found.add(ast.dump(node))
                found.update(ast.dump(head) for head in _heads(node))
    return frozenset(found)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = [ast.dump(item) for item in node.decorator_list]
    return f"{node.name} {ast.dump(node.args)} {decorators}"


def _heads(node: ast.AST) -> list[ast.AST]:
    """What a compound statement has beside other statements."""
    parts = ast.iter_child_nodes(node)
    return [n for n in parts if not isinstance(n, (ast.stmt, ast.excepthandler))]


class _Reader:
    """Looks for what the known scripts don't have."""

    def __init__(self) -> None:
        self.foreign: list[Foreign] = []
        self.context: dict[str, t.Any] = {}

    def statement(self, node: ast.stmt) -> None:
        """Look at a statement and at those in it."""
        if ast.dump(node) in _shipped():
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in _imported(node):
                if name not in IMPORTS:
                    self._name(node, f"the import of {name}")
        elif isinstance(node, Function):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._name(node, f"the class {node.name}")
        elif isinstance(node, (ast.If, ast.For, ast.With, ast.AsyncWith, ast.Try)):
            self._compound(node)
        elif not _is_text(node) and (_two_phase(node) or self._strange(node)):
            self._name(node, _first_line(node))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        usual = node.name in FUNCTIONS and not node.decorator_list
        if _signature(node) not in _shipped() and (
            not usual or self._strange(node.args)
        ):
            self._name(node, f"the function {node.name}()")
            return
        for statement in node.body:
            self.statement(statement)

    def _compound(self, node: ast.stmt) -> None:
        heads = [n for n in _heads(node) if ast.dump(n) not in _shipped()]
        if any(self._strange(head) for head in heads):
            self._name(node, _first_line(node))
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.stmt):
                self.statement(part)
            elif isinstance(part, ast.excepthandler):
                self._compound(t.cast(t.Any, part))

    def _name(self, node: ast.stmt, text: str) -> None:
        self.foreign.append(Foreign(node.lineno, text))

    def _strange(self, node: ast.AST, *, said: bool = False) -> bool:
        """Whether anything in an expression is unknown.

        :param said: It is in a log message, whose words don't matter.
        """
        if not isinstance(node, SHAPES):
            return True
        if isinstance(node, ast.Raise) and node.exc is not None:
            return True
        if isinstance(node, ast.Constant):
            return not said and _written(node.value) not in VALUES
        if isinstance(node, ast.Name) and node.id not in NAMES:
            return True
        if isinstance(node, ast.Attribute) and node.attr not in ATTRIBUTES | LOGGING:
            return True
        parts: t.Iterable[ast.AST] = ast.iter_child_nodes(node)
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            said = said or name.startswith("logger.")
            if name == "context.configure":
                parts = [node.func, *node.args, *self._take(node.keywords)]
        if isinstance(node, ast.keyword) and node.arg not in KEYWORDS:
            return True
        return any(self._strange(part, said=said) for part in parts)

    def _take(self, keywords: list[ast.keyword]) -> t.Iterator[ast.keyword]:
        """Keep the constants that are options of Alembic; give the others."""
        for keyword in keywords:
            value = _constant(keyword.value)
            if keyword.arg is None or keyword.arg in KEYWORDS or value is _NO_CONSTANT:
                yield keyword
            else:
                self.context[keyword.arg] = value


_NO_CONSTANT = object()


def _constant(node: ast.expr) -> t.Any:
    """A value that both Python and JSON can write."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return _NO_CONSTANT
    plain = (str, int, float, bool, type(None), list, tuple, dict)
    return value if isinstance(value, plain) else _NO_CONSTANT


def _written(value: t.Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _two_phase(node: ast.stmt) -> bool:
    """Whether a statement turns two-phase commits on."""
    return (
        isinstance(node, ast.Assign)
        and any(dotted(target) == "USE_TWOPHASE" for target in node.targets)
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    )


def _first_line(node: ast.stmt) -> str:
    line = ast.unparse(node).partition("\n")[0]
    return line if len(line) <= 70 else f"{line[:69]}…"


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The names that are imported, with an own name where they get one."""
    start = ""
    if isinstance(node, ast.ImportFrom):
        start = f"{'.' * node.level}{node.module or ''}."
    return [
        f"{start}{alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        for alias in node.names
    ]


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a name or its attributes; "" in place of what isn't a name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _calls(tree: ast.Module) -> tuple[dict[str, tuple[int, ...]], frozenset[int]]:
    found: dict[str, tuple[int, ...]] = {}
    quiet = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func).rpartition(".")[2] or dotted(node.func)
            found[name] = (*found.get(name, ()), node.lineno)
            if any(
                keyword.arg == "disable_existing_loggers"
                and isinstance(keyword.value, ast.Constant)
                and not keyword.value.value
                for keyword in node.keywords
            ):
                quiet.add(node.lineno)
    return found, frozenset(quiet)


# -- models ---------------------------------------------------------------------------


def _assigns_models(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        dotted(target) == "target_metadata" for target in node.targets
    )


def _models(tree: ast.Module) -> ast.expr | None:
    """The expression for the models, if it is made of imported names alone."""
    assignments = [node for node in tree.body if _assigns_models(node)]
    if len(assignments) != 1:
        return None
    value = t.cast(ast.Assign, assignments[0]).value
    names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    known = (ast.Name, ast.Attribute, ast.Dict, ast.List, ast.Tuple, ast.Constant)
    plain = all(isinstance(n, (*known, ast.expr_context)) for n in ast.walk(value))
    return value if plain and names and names <= set(_own_imports(tree)) else None


def _own_imports(tree: ast.Module) -> dict[str, ast.Import | ast.ImportFrom]:
    """Name -> the import that binds it, of those that the known scripts don't have."""
    return {
        alias.asname or alias.name.partition(".")[0]: node
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and not IMPORTS.issuperset(_imported(node))
        for alias in node.names
    }


def _imports_for(
    tree: ast.Module, models: ast.expr | None
) -> list[ast.Import | ast.ImportFrom]:
    """The imports that nothing but the models' expression needs."""
    if models is None:
        return []
    used = {n.id for n in ast.walk(models) if isinstance(n, ast.Name)}
    bound: dict[int, set[str]] = {}
    found = _own_imports(tree)
    for name, node in found.items():
        bound.setdefault(id(node), set()).add(name)
    nodes = {id(node): node for node in found.values()}
    return [node for key, node in nodes.items() if bound[key] <= used]

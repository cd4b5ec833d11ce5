"""What is written runs: imports for types, names that exist, hooks that keep quiet.

Of Alembic this leans on ``autogenerate.render._repr_type``, which writes a type, and
replaces ``script.write_hooks.subprocess`` once, by what sends a hook's output to stderr
while a revision of ours is written; there is no public way to say either.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import logging
import subprocess
import symtable
import typing as t
from contextvars import ContextVar
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.script import write_hooks
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import generic_repr

from ...errors import DraftError

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext

logger = logging.getLogger(__name__)

STDERR = 2
"""The process's own: a hook is a process, and knows no other."""

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


# -- imports -------------------------------------------------------------------------


@contextlib.contextmanager
def importing_types(opts: dict[str, t.Any]) -> t.Iterator[None]:
    """Let the file import the modules of the types that are written in the block.

    :param opts: A migration context's; ``render_item`` of the application is asked
        first.
    """
    given, rendering = opts.get("render_item"), list[t.Any]()

    def render_item(kind: str, item: t.Any, autogen: AutogenContext) -> t.Any:
        text = given(kind, item, autogen) if given else False
        if text is not False or kind != "type" or any(item is x for x in rendering):
            return text
        rendering.append(item)
        try:
            return _render_type(item, autogen)
        finally:
            rendering.pop()

    opts["render_item"] = render_item
    try:
        yield
    finally:
        opts["render_item"] = given


def _render_type(item: t.Any, autogen: AutogenContext) -> str:
    """Write a type as Alembic does, so that the text means it, and import what it names."""
    module, prefix = type(item).__module__, autogen.opts.get("user_module_prefix")
    if module.partition(".")[0] == "sqlalchemy":
        text = render._repr_type(item, autogen)
    else:
        if prefix is None and module != "__main__":
            autogen.imports.add(f"import {module}")
        if _has_arguments_of_its_own(item):
            text = f"{f'{module}.' if prefix is None else prefix}{generic_repr(item)}"
        else:
            text = render._repr_type(item, autogen)
    for node in ast.walk(ast.parse(text, mode="eval")):
        # Types inside of types, as SQLAlchemy shows them.
        found = getattr(sa, node.id, None) if isinstance(node, ast.Name) else None
        if inspect.isclass(found) and issubclass(found, TypeEngine):
            autogen.imports.add(f"from sqlalchemy import {found.__name__}")
    return text


def _has_arguments_of_its_own(item: t.Any) -> bool:
    """Whether SQLAlchemy would show it with the arguments of what it decorates."""
    kind: t.Any = type(item)
    decorator: t.Any = sa.types.TypeDecorator
    if not issubclass(kind, decorator) or kind.__repr__ is not decorator.__repr__:
        return False
    parameters = inspect.signature(kind.__init__).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return not any(parameter.kind in variable for parameter in parameters)


# -- percent signs -------------------------------------------------------------------


@contextlib.contextmanager
def single_percents(context: MigrationContext) -> t.Iterator[None]:
    """Write a "%" of an expression once, in the block.

    Compiled for some drivers it is doubled, and doubled again when the file runs.
    """
    impl: t.Any = context.impl
    render = impl.render_ddl_sql_expr

    def once(*args: t.Any, **kwargs: t.Any) -> str:
        text = str(render(*args, **kwargs))
        doubled = context.dialect.identifier_preparer._double_percents
        return text.replace("%%", "%") if doubled else text

    impl.render_ddl_sql_expr = once
    try:
        yield
    finally:
        del impl.render_ddl_sql_expr


# -- names ---------------------------------------------------------------------------


def check_names(path: Path) -> None:
    """Refuse a file that uses a name which it doesn't define.

    :raises DraftError: Says which.
    """
    missing = undefined_names(path.read_text(encoding="utf-8"))
    if missing:
        raise DraftError(
            f"No revision was written to {path}: it would use"
            f" {', '.join(missing)}, which it doesn't define.",
            fix="Import it in script.py.mako, or define the type in a module that can be"
            " imported.",
        )


def undefined_names(source: str) -> list[str]:
    """Find names that are neither defined in a module nor built in.

    :raises SyntaxError: It isn't Python.
    """
    if " import *" in source:
        return []
    module = symtable.symtable(source, "<revision>", "exec")
    known = {s.get_name() for s in module.get_symbols() if _is_defined(s)}
    known |= {s.get_name() for table in _tables(module) for s in _made_global(table)}
    known |= {*dir(builtins), "__file__", "__name__", "__doc__"}
    used = {name for table in _tables(module) for name in _globals(table)}
    return sorted(used - known)


def _is_defined(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _made_global(table: symtable.SymbolTable) -> list[symtable.Symbol]:
    return [s for s in table.get_symbols() if s.is_declared_global() and _is_defined(s)]


def _tables(table: symtable.SymbolTable) -> t.Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _globals(table: symtable.SymbolTable) -> t.Iterator[str]:
    for symbol in table.get_symbols():
        outermost = table.get_type() == "module" and not _is_defined(symbol)
        if symbol.is_referenced() and (symbol.is_global() or outermost):
            yield symbol.get_name()


# -- hooks ---------------------------------------------------------------------------


class _Processes:
    """Stands for :mod:`subprocess` where Alembic runs hooks."""

    def __getattr__(self, name: str) -> t.Any:
        return getattr(subprocess, name)

    def run(self, command: t.Sequence[str], **options: t.Any) -> t.Any:
        """Run a hook; what it says is for people, not for stdout."""
        if not _quiet.get():
            return subprocess.run(command, **options)
        options.setdefault("stdout", STDERR)
        try:
            done = subprocess.run(command, **options)
        except OSError as e:
            raise DraftError(
                f"The post-write hook {command[0]!r} can't be run: {e.strerror or e}.",
                fix="Correct 'post_write_hooks' in ALEMBIC, or install it.",
            ) from e
        if done.returncode:
            logger.warning(
                "The post-write hook %r ended with exit code %s; the revision was"
                " written.",
                " ".join(command),
                done.returncode,
            )
        return done


@contextlib.contextmanager
def quiet_hooks() -> t.Iterator[None]:
    """Send what post-write hooks print to stderr, in the block."""
    module = t.cast(t.Any, write_hooks)
    if not isinstance(module.subprocess, _Processes):
        module.subprocess = _Processes()
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)

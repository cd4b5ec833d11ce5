"""Call a revision's function with what it accepts, for one database."""

from __future__ import annotations

import inspect
import types
import typing as t

from alembic.runtime.migration import RevisionStep

from . import databases
from .snapshots.step import SnapshotStep

if t.TYPE_CHECKING:
    from .context import StepContext


def call(context: StepContext, step: t.Any, kwargs: dict[str, t.Any]) -> bool:
    """Call a step's function; False if it has nothing for this database.

    :param step: Alembic's.
    """
    fn = step.migration_fn
    if isinstance(step, SnapshotStep):
        _build(context, step)
        return True
    if not isinstance(step, RevisionStep):
        fn(**kwargs)
        return True
    accepted = _accepted(fn)
    if "engine_name" in kwargs and "engine_name" not in accepted:
        if not (context.fallback or kwargs["engine_name"] == ""):
            return False
        kwargs = {k: v for k, v in kwargs.items() if k != "engine_name"}
    elif "engine_name" not in kwargs and accepted.get("engine_name") is True:
        name = "" if context.scripted and context.fallback else context.target.name
        kwargs = {**kwargs, "engine_name": name}
    if kwargs.get("engine_name") == databases.DEFAULT:
        kwargs = {**kwargs, "engine_name": _default_name(step)}
    if vars(step.revision.module).get("transactional", True):
        return _dispatch(fn, step, kwargs)
    with context.autocommit_block():
        return _dispatch(fn, step, kwargs)


def _build(context: StepContext, step: SnapshotStep) -> None:
    """Run a snapshot, whose operations are ours: in fewer statements where that pays."""
    whole = context.target.dialect.whole_table
    if whole is None or context.as_sql:
        step.migration_fn()
        return
    from .snapshots.gathering import Gathering

    with Gathering(context.impl, whole):
        step.migration_fn()


def _dispatch(fn: t.Any, step: RevisionStep, kwargs: dict[str, t.Any]) -> bool:
    try:
        fn(**kwargs)
    except KeyError as e:
        missing = f"{_direction(step)}_{kwargs.get('engine_name')}"
        # Raised by the revision's own look-up of the database's function, not by
        # something that its function did.
        frame = e.__traceback__ and e.__traceback__.tb_next
        code = getattr(fn, "__code__", None)
        own = frame and frame.tb_next is None and frame.tb_frame.f_code is code
        if own and e.args == (missing,):
            return False
        raise
    return True


def _default_name(step: RevisionStep) -> str:
    """How a revision calls the default database: Flask-Migrate's have no name for it."""
    module, direction = step.revision.module, _direction(step)
    named = hasattr(module, f"{direction}_{databases.DEFAULT}")
    return "" if hasattr(module, f"{direction}_") and not named else databases.DEFAULT


def _direction(step: RevisionStep) -> str:
    return "upgrade" if step.is_upgrade else "downgrade"


def _accepted(fn: t.Any) -> dict[str, bool]:
    """Name -> whether it must be given, of a function's parameters."""
    if _takes_nothing(fn):
        return {}
    parameters = inspect.signature(fn).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return {"engine_name": False}
    return {p.name: p.default is p.empty for p in parameters}


def _takes_nothing(fn: t.Any) -> bool:
    """Whether it is a plain ``def upgrade():``, which needs no closer look."""
    if not isinstance(fn, types.FunctionType) or hasattr(fn, "__wrapped__"):
        return False
    code = fn.__code__
    takes_more = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return not (code.co_argcount or code.co_kwonlyargcount or takes_more)

"""Drafts that are made through the application's own ``revision()``.

It may have been written before there were drafts, and return what it likes: what is
drafted while it runs is collected beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import typing as t
from contextvars import ContextVar

from alembic.script import Script

from ...requests import DraftRequest
from ...results import Draft
from ..context import revision_data


@dataclasses.dataclass(frozen=True, slots=True)
class _Collected:
    """What goes around the application's method.

    :param untaken: Arguments that it has no parameters for.
    :param drafts: What was drafted while it ran.
    """

    untaken: t.Mapping[str, t.Any]
    drafts: list[Draft] = dataclasses.field(default_factory=list)


_current: ContextVar[_Collected | None] = ContextVar("own_revision", default=None)


def completed(request: DraftRequest) -> DraftRequest:
    """Add what the method that asks for it had no parameters for."""
    around = _current.get()
    return request if around is None else request.completed(around.untaken)


def collect(draft: Draft) -> Draft:
    """Note a draft for the method around, if there is one."""
    around = _current.get()
    if around is not None:
        around.drafts.append(draft)
    return draft


def through(
    method: t.Callable[..., t.Any],
    args: t.Sequence[t.Any],
    options: t.Mapping[str, t.Any],
) -> Draft:
    """Call the application's method, and tell what came of it.

    :param options: Given to it as far as it takes them; the rest holds for what it
        calls.
    :return: Everything that was drafted, as one; its revisions are those that the
        method returns, where it returns scripts.
    """
    taken = _taken(method, options)
    untaken = {name: options[name] for name in options if name not in taken}
    with _collecting(_Collected(untaken)) as around:
        returned = method(*args, **taken)
    return _one(around.drafts, returned)


@contextlib.contextmanager
def _collecting(collected: _Collected) -> t.Iterator[_Collected]:
    token = _current.set(collected)
    try:
        yield collected
    finally:
        _current.reset(token)


def _taken(
    method: t.Callable[..., t.Any], options: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """The options that a method has parameters for."""
    parameters = inspect.signature(method).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(options)
    return {name: options[name] for name in options if name in parameters}


def _one(drafts: t.Sequence[Draft], returned: t.Any) -> Draft:
    revisions = tuple(revision for draft in drafts for revision in draft.revisions)
    if isinstance(returned, list):
        scripts = [item for item in returned if isinstance(item, Script)]
        revisions = tuple(revision_data(script) for script in scripts)
    return Draft(
        path=revisions[0].path if revisions else None,
        operations=tuple(op for draft in drafts for op in draft.operations),
        renames={old: new for draft in drafts for old, new in draft.renames.items()},
        findings=tuple(finding for draft in drafts for finding in draft.findings),
        revisions=revisions,
    )

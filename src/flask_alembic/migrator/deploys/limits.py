"""How long statements may wait and run: the settings', or a revision's own."""

from __future__ import annotations

import contextlib
import typing as t

from alembic.script import Script

from ...dialects.timeouts import Limits
from ...dialects.timeouts import Timeouts
from ...errors import RevisionFileError
from ...errors import SetupError
from ...settings import seconds
from .retries import repeating_statements

if t.TYPE_CHECKING:
    from ..context import StepContext

NONE: t.Final = Limits()
"""Those of a revision that asks for none."""

_NAMES = ("lock_timeout", "statement_timeout")


def look(context: StepContext) -> None:
    """See what the application has set on the connection, before a transaction ends."""
    dialect, settings = context.target.dialect, context.settings
    context.timeouts = dialect.timeouts(
        context.live,
        Limits(settings.lock_timeout, settings.statement_timeout),
        callers=context.setup.callers,
    )
    context.timeouts.look()


@contextlib.contextmanager
def limited(context: StepContext) -> t.Iterator[None]:
    """Set the limits of a run on its connection, and repeat statements they stop."""
    context.repeats = context.target.dialect.repeats_class(context.live)
    context.timeouts.start()
    try:
        with repeating_statements(context):
            yield
    finally:
        context.timeouts.end()
        context.timeouts = Timeouts(context.live, NONE)


def of_revision(script: Script) -> Limits:
    """What a revision asks for with ``lock_timeout`` and ``statement_timeout``.

    :param script: Its module is loaded.
    :raises RevisionFileError: It is no length of time.
    """
    # Asked for what it hasn't, a revision's module looks at itself each time.
    content = vars(script.module)
    if content.keys().isdisjoint(_NAMES):
        return NONE
    return Limits(*(_own(script, content, name) for name in _NAMES))


def _own(script: Script, content: dict[str, t.Any], name: str) -> float | None:
    if name not in content:
        return None
    value = content[name]
    try:
        return 0.0 if value is None else seconds(name, value)
    except SetupError as e:
        raise RevisionFileError(
            f"The revision file {script.path}: {e}", path=str(script.path)
        ) from e

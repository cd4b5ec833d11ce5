"""Make a connected migration context for a database."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from . import databases
from .context import StepContext
from .databases import Target
from .live import connect
from .rebuilds.operations import use_keeping_impl

if t.TYPE_CHECKING:
    from .live import Live


def open_context(live: Live, target: Target, names: t.Sequence[str]) -> StepContext:
    """Connect and configure; the connection is the context's, or the caller's.

    :param names: All configured databases.
    """
    callers = True
    if isinstance(target.source, sa.Connection):
        connection = target.source
    elif live.shared is not None:
        connection = databases.shared_connection(live.shared, target)
    else:
        callers = False
        connection = connect(target)
    try:
        return _configure(live, target, names, connection, callers)
    except BaseException:
        if not callers:
            connection.close()
        raise


def _configure(
    live: Live,
    target: Target,
    names: t.Sequence[str],
    connection: sa.Connection,
    callers: bool,
) -> StepContext:
    setup = target.dialect.prepare(connection, callers=callers)
    fallback = is_fallback(target, names)
    env = live.get_env() if fallback else live.new_env()
    options = context_options(live, target, names)
    env.configure(connection=connection, **options)
    context = StepContext.adopt(
        env.get_context(),
        target=target,
        setup=setup,
        history=live.history,
        settings=live.settings,
        several=len(names) > 1,
        fallback=fallback,
    )
    if target.dialect.keeps_rebuilt_tables:
        use_keeping_impl(context)
    return context


def is_fallback(target: Target, names: t.Sequence[str]) -> bool:
    """Whether revisions that know nothing of databases are for this one."""
    first = databases.DEFAULT if databases.DEFAULT in names else names[0]
    return target.name == first


def context_options(
    live: Live, target: Target, names: t.Sequence[str]
) -> dict[str, t.Any]:
    """Arguments of ``EnvironmentContext.configure``, the application's own included."""
    options: dict[str, t.Any] = {"target_metadata": target.metadata}
    if len(names) > 1:
        options["upgrade_token"] = f"{target.name}_upgrades"
        options["downgrade_token"] = f"{target.name}_downgrades"
    if target.dialect.transactional_ddl is not None:
        options["transactional_ddl"] = target.dialect.transactional_ddl
    return {**options, **live.settings.context}

"""What is wrong with an env.py, with the template and with the set-up around them."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from ...results import Finding
from ...settings import Settings
from ..databases import Target
from ..folder import TEMPLATE_NAME
from . import env_py
from .env_py import EnvPy

if t.TYPE_CHECKING:
    from ..live import Live

ADOPT = "'flask db adopt' does without env.py"
NAME = "env.py"


def findings(live: Live, settings: Settings) -> t.Iterator[Finding]:
    """Find what is wrong with the environment."""
    path = settings.script_location / NAME
    if not path.is_file():
        return
    try:
        env = env_py.read(path)
    except (SyntaxError, OSError) as e:
        line = getattr(e, "lineno", None)
        yield Finding(
            code="env-unreadable",
            severity="error",
            message=f"env.py can't be read: {getattr(e, 'msg', None) or e}.",
            effect="No command that asks a database works.",
            fix="Correct it.",
            where=f"{path}:{line}" if line else str(path),
        )
        return
    if settings.env_py is None:
        yield Finding(
            code="env-unused",
            severity="info",
            message="There is an env.py, which flask_alembic doesn't run.",
            effect="What it does has no effect here; the program 'alembic' runs it.",
            fix=f"{ADOPT} and says what to configure in its place.",
            where=str(path),
        )
    yield from _loggers(env)
    yield from _asynchronous(env)
    if not env.several and binds():
        yield _one_database(env)


def _loggers(env: EnvPy) -> t.Iterator[Finding]:
    for line in env.calls.get("fileConfig", ()):
        if line not in env.quiet:
            yield Finding(
                code="env-loggers",
                severity="warning",
                message="env.py calls fileConfig() so that it turns existing loggers"
                " off.",
                effect="Run by the program 'alembic', it silences the application's"
                " logging.",
                fix=f"Add disable_existing_loggers=False to the call; or {ADOPT}.",
                where=f"{env.path}:{line}",
            )


def _asynchronous(env: EnvPy) -> t.Iterator[Finding]:
    from sqlalchemy.ext.asyncio import AsyncConnection

    for line in env.calls.get("_sync_connection", ()):
        if not hasattr(AsyncConnection, "_sync_connection"):
            yield Finding(
                code="env-async-connection",
                severity="error",
                message="env.py calls AsyncConnection._sync_connection(), which"
                f" SQLAlchemy {sa.__version__} doesn't have.",
                effect="Every command that connects ends with an AttributeError.",
                fix=f"Use .sync_connection instead; or {ADOPT}.",
                where=f"{env.path}:{line}",
            )
    for line in env.calls.get("get_event_loop", ()):
        yield Finding(
            code="env-async-loop",
            severity="error" if sys.version_info >= (3, 14) else "warning",
            message="env.py calls asyncio.get_event_loop().",
            effect="It is an error in a thread, after asyncio.run(), and everywhere"
            " from Python 3.14 on, unless Flask-Alembic runs it.",
            fix=f"Use asyncio.run(run_migrations_online()) instead; or {ADOPT}.",
            where=f"{env.path}:{line}",
        )


def _one_database(env: EnvPy) -> Finding:
    names = ", ".join(binds())
    return Finding(
        code="env-one-database",
        severity="warning",
        message=f"env.py is for one database, but the binds {names} have models.",
        effect="They are not migrated.",
        fix="'flask db adopt', and ALEMBIC_BINDS = True; or make a folder from a"
        " template for several databases ('flask db init --multidb' of flask_migrate).",
        where=str(env.path),
    )


def binds() -> dict[str, sa.MetaData]:
    """Bind name -> its models, of Flask-SQLAlchemy; without the default database."""
    extension = current_app.extensions.get("sqlalchemy")
    by_bind = getattr(extension, "metadatas", {})
    return {str(k): m for k, m in by_bind.items() if k is not None and m.tables}


def left_out(
    settings: Settings, targets: t.Mapping[str, Target]
) -> t.Iterator[Finding]:
    """Find binds with models that the configuration leaves out."""
    known = {
        id(part) for target in targets.values() for part in _listed(target.metadata)
    }
    left = [name for name, models in binds().items() if id(models) not in known]
    if left and targets and settings.env_py is None:
        yield Finding(
            code="binds-left-out",
            severity="warning",
            message=f"The binds {', '.join(left)} have models.",
            effect="They are not migrated.",
            fix="Set ALEMBIC_BINDS = True, or name them in 'metadatas'.",
            where="SQLALCHEMY_BINDS",
        )


def _listed(value: t.Any) -> t.Sequence[t.Any]:
    return value if isinstance(value, list) else [value]


def template(
    settings: Settings, targets: t.Mapping[str, Target]
) -> t.Iterator[Finding]:
    """Find a template for revisions that can't hold several databases."""
    path: Path = settings.script_location / TEMPLATE_NAME
    several = len(targets) > 1 and settings.env_py is None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if several and "engine_name" not in text:
        yield Finding(
            code="template-one-database",
            severity="warning",
            message="script.py.mako is for one database, but several are configured.",
            effect="New revisions are written with the built-in template.",
            fix="Move it away and run 'flask db mkdir'.",
            where=str(path),
        )

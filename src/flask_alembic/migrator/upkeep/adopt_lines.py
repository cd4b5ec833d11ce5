"""The lines of configuration that take the place of an env.py and its ini."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t
from pathlib import Path

from flask import current_app

from ... import settings as settings_room

if t.TYPE_CHECKING:
    from ..live import Live

# What the predecessors do where nothing is said, and flask_alembic doesn't.
_ALEMBIC_CONTEXT: t.Mapping[str, t.Any] = {"compare_server_default": False}
_MIGRATE_CONTEXT: t.Mapping[str, t.Any] = {**_ALEMBIC_CONTEXT, "render_as_batch": True}


@dataclasses.dataclass(frozen=True, slots=True)
class Needed:
    """What the files configured.

    :param options: Options and sections as ``ALEMBIC`` takes them.
    :param context: Options of ``context.configure``.
    :param binds: The binds are migrated, too.
    :param metadata: An expression for the models, if they aren't Flask-SQLAlchemy's.
    :param imports: What that expression needs.
    :param flask_migrate: They asked Flask-Migrate.
    :param interface: The lines are for Flask-Migrate's interface.
    """

    options: t.Mapping[str, t.Any]
    version_locations: tuple[str, ...]
    context: t.Mapping[str, t.Any]
    binds: bool
    metadata: str | None
    imports: tuple[str, ...]
    flask_migrate: bool
    interface: bool


def code_lines(live: Live, needed: Needed) -> tuple[str, ...]:
    """Write what the application doesn't have yet."""
    migrate = needed.interface
    lines = _assignment("ALEMBIC", _options(needed, migrate=migrate))
    context = _context(live, needed, migrate=migrate)
    if migrate and context:
        arguments = ", ".join(f"{k}={literal(v)}" for k, v in context.items())
        lines.append(f"migrate = Migrate(app, db, {arguments})")
    elif context:
        lines += _assignment("ALEMBIC_CONTEXT", context)
    if needed.binds and not live.settings.binds:
        lines.append('app.config["ALEMBIC_BINDS"] = True')
    if needed.metadata and not _has_models(live):
        lines += [
            *needed.imports,
            f"alembic = Alembic(app, metadatas={needed.metadata})",
        ]
    return tuple(lines)


def _options(needed: Needed, *, migrate: bool) -> dict[str, t.Any]:
    given = current_app.config.get("ALEMBIC") or {}
    options = dict(needed.options)
    if needed.version_locations:
        options["version_locations"] = [_shown(p) for p in needed.version_locations]
    options = {k: v for k, v in options.items() if given.get(k) != v}
    stock = settings_room.DEFAULT_OPTIONS["script_location"]
    place = given.get("script_location", stock)
    if options and place != stock and not migrate:
        options = {"script_location": os.fspath(place), **options}
    return options


def _shown(path: str) -> str:
    """A path as seen from the application, which relative paths start from."""
    try:
        return Path(path).relative_to(Path(current_app.root_path).absolute()).as_posix()
    except ValueError:
        return path


def _context(live: Live, needed: Needed, *, migrate: bool) -> dict[str, t.Any]:
    """The options that the environment would get otherwise, or not at all."""
    effective = live.owner.context_options()
    wanted: dict[str, t.Any] = {}
    if not migrate:
        own = current_app.config.get("ALEMBIC_CONTEXT") or {}
        if own == settings_room.DEFAULT_CONTEXT:
            own = {}
        usual = _MIGRATE_CONTEXT if needed.flask_migrate else _ALEMBIC_CONTEXT
        wanted = {k: v for k, v in usual.items() if k not in own}
    wanted.update(needed.context)
    absent = object()
    return {k: v for k, v in wanted.items() if effective.get(k, absent) != v}


def _has_models(live: Live) -> bool:
    extension = current_app.extensions.get("sqlalchemy")
    return bool(live.owner.metadatas) or hasattr(extension, "metadata")


def _assignment(key: str, items: t.Mapping[str, t.Any]) -> list[str]:
    if not items:
        return []
    lines = [f'app.config["{key}"] = {{']
    for name, value in items.items():
        if isinstance(value, dict):
            lines.append(f"    {literal(name)}: {{")
            lines += [f"        {literal(k)}: {literal(v)}," for k, v in value.items()]
            lines.append("    },")
        else:
            lines.append(f"    {literal(name)}: {literal(value)},")
    return [*lines, "}"]


def literal(value: t.Any) -> str:
    """Write a constant as Python with double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(literal, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)"
    if isinstance(value, dict):
        pairs = ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items())
        return f"{{{pairs}}}"
    return repr(value)

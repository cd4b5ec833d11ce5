"""What can't be carried over from a folder of Flask-Migrate or Alembic."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import ArgumentError

from ...errors import SetupError
from ...results import Finding
from ..databases import masked
from ..databases import Target
from ..folder import TEMPLATE
from ..folder import TEMPLATE_NAME
from .env_py import EnvPy
from .ini import Ini
from .ini import SECTION

if t.TYPE_CHECKING:
    from ..live import Live

ENV_PY = "env.py"


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What lies in a folder beside its revisions."""

    folder: Path
    env: EnvPy | None
    ini: Ini
    files: tuple[Path, ...]


def is_flask_migrate(live: Live) -> bool:
    """Whether the caller is Flask-Migrate's interface, not Flask-Alembic's."""
    registered = current_app.extensions.get("alembic")
    return "migrate" in current_app.extensions and registered is not live.owner


def findings(live: Live, found: Found) -> tuple[Finding, ...]:
    """Find what is in the way, which is an error, and what to watch."""
    return (
        *_own_code(live, found),
        *_own_ini(found),
        *_other_names(live, found),
        *_other_address(live, found),
        *_watch(found),
    )


def _own_code(live: Live, found: Found) -> t.Iterator[Finding]:
    env = found.env
    for item in env.foreign if env else ():
        yield _refusal(
            f"env.py has of its own: {item.text}",
            f"{found.folder / ENV_PY}:{item.line}",
            "Say it with ALEMBIC_CONTEXT or in the application, and take it out of"
            " env.py; or keep the folder as it is.",
        )
    if env and env.metadata and is_flask_migrate(live):
        yield _refusal(
            f"env.py takes the models from {env.metadata}, not from Flask-Migrate's db",
            f"{found.folder / ENV_PY}:{env.metadata_line}",
            "Use flask_alembic.Alembic(metadatas=…), or keep the folder as it is.",
        )


def _refusal(message: str, where: str, fix: str) -> Finding:
    return Finding(
        code="adopt-own",
        severity="error",
        message=f"{message}.",
        effect="No setting does this, so it would be lost.",
        fix=fix,
        where=where,
    )


def _own_ini(found: Found) -> t.Iterator[Finding]:
    for section in found.ini.others:
        yield _refusal(
            f"alembic.ini configures another folder, too: [{section}]",
            str(found.ini.path),
            "Give that folder an ini of its own.",
        )


def _other_names(live: Live, found: Found) -> t.Iterator[Finding]:
    """Find revisions whose functions have other names than the databases here."""
    names = database_names(live)
    missing = [name for name in found.ini.databases if name not in names]
    if found.env and found.env.several and missing:
        yield _refusal(
            f"alembic.ini names the databases {', '.join(found.ini.databases)}, the"
            f" application {', '.join(names) or 'none'}",
            str(found.ini.path),
            "Give the application's databases the same names: Alembic(metadatas={…},"
            " engines={…}).",
        )


def database_names(live: Live) -> list[str]:
    """Names of the application's databases, as far as they can be told."""
    try:
        return list(live.targets())
    except SetupError:
        return list(live.owner.metadatas)


def _other_address(live: Live, found: Found) -> t.Iterator[Finding]:
    """Find a database that alembic.ini has at another address."""
    if found.env is None or found.env.flask_migrate:
        return
    try:
        targets = live.targets()
    except SetupError:
        return
    for section, text in found.ini.urls.items():
        target = targets.get("default" if section == SECTION else section)
        url = _url(text)
        if target and url and not _same(url, target):
            yield Finding(
                code="adopt-address",
                severity="warning",
                message=f"alembic.ini has {masked(url)} for the database"
                f" {target.name!r}, the application {target.describe().url}.",
                effect="Migrations run where the application says.",
                fix="Make sure that this is the right one.",
                where=str(found.ini.path),
            )


def _url(text: str) -> sa.URL | None:
    """An address, unless it is none or the one that Alembic's template has."""
    try:
        url = sa.make_url(text)
    except ArgumentError:
        return None
    return None if url.drivername == "driver" else url


def _same(url: sa.URL, target: Target) -> bool:
    other = target.engine.url
    kinds = {found.get_backend_name() for found in (url, other)}
    # A relative path to a file starts from somewhere else in each.
    names = {Path(found.database or "").name for found in (url, other)}
    places = {(found.host, found.port) for found in (url, other)}
    return len(kinds) == len(names) == len(places) == 1


def _watch(found: Found) -> t.Iterator[Finding]:
    """Tell what nobody would look for."""
    for note in found.ini.notes:
        yield Finding(
            "adopt-left", "warning", f"Not carried over: {note}", where=_place(found)
        )
    template = found.folder / TEMPLATE_NAME
    ours = text_of(template) == text_of(TEMPLATE)
    if template.is_file() and template not in found.files and not ours:
        yield Finding(
            "adopt-template",
            "info",
            "script.py.mako isn't the one that came with the folder: it stays in use.",
            where=str(template),
        )


def _place(found: Found) -> str:
    return str(found.ini.path or found.folder)


def text_of(path: Path) -> str:
    """A file's text; "" if it has none that can be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""

"""A folder of Flask-Migrate or plain Alembic becomes one that Flask configures.

Its env.py and ini are read, never run; they and what else was made with them are moved
aside. Revision files and databases stay as they are.
"""

from __future__ import annotations

import configparser
import json
import re
import shutil
import typing as t
from pathlib import Path

from flask import current_app

from ...errors import SetupError
from ...results import Adoption
from ...results import AdoptionState
from ...results import Finding
from ..folder import TEMPLATE
from ..folder import TEMPLATE_NAME
from . import adopt_findings
from . import env_py
from . import ini
from .adopt_findings import ENV_PY
from .adopt_findings import Found
from .adopt_findings import text_of
from .adopt_lines import code_lines
from .adopt_lines import Needed

if t.TYPE_CHECKING:
    from ..live import Live

ASIDE = ".adopted"
"""The folder, in the migrations folder, that the files are moved into."""

RECORD = "moved.json"
README = "README"

# The words that the templates of Alembic and Flask-Migrate consist of.
_TEMPLATE_WORDS = """
    Alembic Create DB_NAMES Date Downgrade ID None Revises Revision SQLALCHEMY_BINDS
    Sequence Union Upgrade a alembic an and app as base bind_names branch_labels by
    comma config context create_date current_app database databases db db_name db_names
    def depends_on down_revision downgrade downgrade_ downgrades each else endfor
    engine_name extensions file flask for from function generate get get_bind_names
    get_main_option getattr globals identifiers if import imports in ini is join keys
    list message migrate n name not op pass r re repr revision s s_downgrades s_upgrades
    sa schema split sqlalchemy str the typing up_revision upgrade upgrade_ upgrades used
    xyz
"""


def adopt(live: Live, *, apply: bool) -> Adoption:
    """Move what isn't needed aside, and tell what to configure in its place.

    :param apply: Move; otherwise only tell.
    :raises SetupError: The files can't be read or moved.
    """
    folder = live.settings.script_location
    found = _look(folder)
    if found.env is None and found.ini.path is None:
        return Adoption(str(folder), "nothing")
    lines = code_lines(live, _needed(live, found))
    findings = adopt_findings.findings(live, found)
    refused = any(finding.severity == "error" for finding in findings)
    moves = {path: folder / ASIDE / path.name for path in found.files}
    state: AdoptionState = "refused" if refused else "planned"
    if apply and not refused:
        _move_aside(folder, moves)
        state = "done"
    return _adoption(
        folder,
        state,
        {} if refused else moves,
        lines=() if refused else lines,
        findings=findings if refused else (*findings, *_urgent(lines)),
    )


def _adoption(
    folder: Path, state: AdoptionState, moves: t.Mapping[Path, Path], **more: t.Any
) -> Adoption:
    texts = {str(old): str(new) for old, new in moves.items()}
    return Adoption(str(folder), state, texts, **more)


def _urgent(lines: t.Iterable[str]) -> t.Iterator[Finding]:
    """Warn of commands that would do something else without the lines."""
    keys = re.findall(
        r"version_(?:table_schema|table|locations)|ALEMBIC_BINDS", "\n".join(lines)
    )
    if keys:
        yield Finding(
            code="adopt-first",
            severity="warning",
            message=f"Without {' and '.join(dict.fromkeys(keys))} other revisions are"
            " found, or found applied.",
            effect="An upgrade would run some again, or leave some out.",
            fix="Add the lines before the next command.",
        )


# -- looking --------------------------------------------------------------------------


def roots() -> list[Path]:
    """Where an ini file of plain Alembic may lie: beside the application."""
    root = Path(current_app.root_path).absolute()
    return list(dict.fromkeys([Path.cwd(), root, root.parent]))


def _look(folder: Path) -> Found:
    """Read what there is.

    :raises SetupError: A file can't be read.
    """
    path, env = folder / ENV_PY, None
    where = path
    try:
        if path.is_file():
            env = env_py.read(path)
        where = folder
        found_ini = ini.find(folder, roots())
        where = found_ini or folder
        configured = ini.read(found_ini, folder, roots())
    except (SyntaxError, configparser.Error, ValueError, OSError) as e:
        reason = " ".join(str(e).split())
        raise SetupError(
            f"{where} can't be read: {reason}.", fix="Correct it first."
        ) from e
    files = [path] if env else []
    if configured.path:
        files.append(configured.path)
    files += [
        folder / name
        for name, stock in ((README, _stock_readme), (TEMPLATE_NAME, stock_template))
        if stock(folder / name)
    ]
    return Found(folder, env, configured, tuple(files))


def _stock_readme(path: Path) -> bool:
    """Whether it says no more than what the folder is made for."""
    text = text_of(path).partition("\n")[0]
    return bool(re.search(r"\bconfiguration\b.*\.", text)) and len(text) < 80


def stock_template(path: Path) -> bool:
    """Whether the template for revisions is one that Alembic or Flask-Migrate makes."""
    text = text_of(path)
    if any(text == text_of(other) for other in env_py.SHIPPED.glob(f"*/{path.name}")):
        return True
    words = set(re.findall(r"[A-Za-z_]+", text))
    return bool(text) and words <= set(_TEMPLATE_WORDS.split())


def _needed(live: Live, found: Found) -> Needed:
    env = found.env
    return Needed(
        options=found.ini.options,
        version_locations=found.ini.version_locations,
        context=env.context if env else {},
        binds=bool(env and env.several and env.flask_migrate),
        metadata=env.metadata if env else None,
        imports=env.imports if env else (),
        flask_migrate=bool(env and env.flask_migrate),
        interface=adopt_findings.is_flask_migrate(live),
    )


# -- moving ---------------------------------------------------------------------------


def _move_aside(folder: Path, moves: t.Mapping[Path, Path]) -> None:
    aside = folder / ASIDE
    try:
        _make_room(aside)
        record = {new.name: str(old) for old, new in moves.items()}
        for path in moves:
            if path.is_relative_to(folder):
                record[path.name] = str(path.relative_to(folder))
        text = json.dumps({"files": record}, indent=2)
        aside.joinpath(RECORD).write_text(f"{text}\n", encoding="utf-8")
    except OSError as e:
        raise _unmoved(folder, e) from e
    _move(folder, moves)


def _make_room(aside: Path) -> None:
    """Keep what was moved aside before, under another name."""
    if aside.exists():
        number = 1
        while (other := aside.with_name(f"{aside.name}-{number}")).exists():
            number += 1
        aside.rename(other)
    aside.mkdir()


def _move(folder: Path, moves: t.Mapping[Path, Path]) -> None:
    """Move all files, or none.

    :raises SetupError: They can't be moved.
    """
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves.items():
            shutil.move(old, new)
            done.append((old, new))
    except OSError as e:
        for old, new in done:
            shutil.move(new, old)
        raise _unmoved(folder, e) from e


def _unmoved(folder: Path, error: OSError) -> SetupError:
    return SetupError(
        f"The files in {folder} can't be moved: {error.strerror or error}.",
        fix="Make the folder writable.",
    )


def undo(live: Live, *, apply: bool) -> Adoption:
    """Put back what was moved aside.

    :raises SetupError: The files can't be moved.
    """
    folder = live.settings.script_location
    moves = _moves_back(folder)
    if not moves:
        return Adoption(str(folder), "nothing")
    findings = tuple(_in_the_way(moves))
    if findings:
        return _adoption(folder, "refused", {}, findings=findings)
    if not apply:
        return _adoption(folder, "planned", moves)
    for path in moves.values():
        path.unlink(missing_ok=True)
    _move(folder, moves)
    shutil.rmtree(folder / ASIDE)
    return _adoption(folder, "undone", moves)


def _moves_back(folder: Path) -> dict[Path, Path]:
    """File aside -> where it was."""
    record = folder / ASIDE / RECORD
    try:
        files = json.loads(text_of(record) or "{}").get("files", {})
    except (ValueError, AttributeError) as e:
        raise SetupError(
            f"{record} can't be read: {e}.",
            fix=f"Move the files in {record.parent} back by hand.",
        ) from e
    found = {folder / ASIDE / name: folder / place for name, place in files.items()}
    return {old: new for old, new in found.items() if old.is_file()}


def _in_the_way(moves: t.Mapping[Path, Path]) -> t.Iterator[Finding]:
    for path in moves.values():
        ours = path.name == TEMPLATE_NAME and text_of(path) == text_of(TEMPLATE)
        if path.exists() and not ours:
            yield Finding(
                code="adopt-in-the-way",
                severity="error",
                message=f"There is a {path.name} already.",
                effect="Putting the old one back would overwrite it.",
                fix="Move it away.",
                where=str(path),
            )

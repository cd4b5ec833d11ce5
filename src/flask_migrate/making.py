"""Making a migrations folder from a template."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from flask_alembic import SetupError

if t.TYPE_CHECKING:
    from .extension import Migrate

INI = "alembic.ini"
VERSIONS = "versions"


def make(
    migrate: Migrate, directory: str, multidb: bool, template: str | None, package: bool
) -> None:
    """Make a folder, or give a configuration-only one its env.py and ini file.

    :param template: A template's name, or a path to one.
    """
    from . import config as config_room

    place = None
    if template is not None and ("/" in template or "\\" in template):
        place, template = os.path.split(template.rstrip("/\\"))
    name = template or ("flask-multidb" if multidb else "flask")
    config = config_room.Config(template_directory=place)
    config.set_main_option("script_location", directory.replace("%", "%%"))
    config.config_file_name = os.path.join(directory, INI)
    config = migrate.call_configure_callbacks(config)
    config_room.use_stdout(config)
    folder = Path(directory)
    if is_configuration_only(folder):
        _complete(folder, Path(config.get_template_directory()) / name)
    else:
        config_room.copy_template(config, directory, name, package)


def is_configuration_only(folder: Path) -> bool:
    """Whether it holds revisions or their template, but no env.py and no ini file."""
    if not folder.is_dir() or any((folder / x).exists() for x in ("env.py", INI)):
        return False
    has_template = (folder / "script.py.mako").exists()
    return has_template or _in_folder(folder) or any(_revisions(folder / VERSIONS))


def _revisions(folder: Path) -> t.Iterator[Path]:
    return folder.glob("*.py")


def _in_folder(folder: Path) -> bool:
    """Whether revisions lie in the folder itself, as Flask-Alembic puts them."""
    return any(path.name != "__init__.py" for path in _revisions(folder))


def _complete(folder: Path, template: Path) -> None:
    """Add what an env.py needs; leave alone what exists.

    :raises SetupError: There is no such template.
    """
    from .config import add_files

    if not template.is_dir():
        raise SetupError(f"No such template {template}")
    places = [VERSIONS, "."] if _in_folder(folder) else []
    made = folder / "script.py.mako"
    if made.exists() and "config.get_main_option(" in made.read_text(encoding="utf-8"):
        # Flask-Alembic's own, which doesn't know an env.py's databases.
        made.unlink()
    add_files(template, folder, places)

"""Everything here that needs Alembic; imported when a command runs."""

from __future__ import annotations

import os
import shutil
import sys
import typing as t
from configparser import ConfigParser
from pathlib import Path

from alembic import __version__
from alembic import command
from alembic import config as alembic_config
from alembic import util

__all__ = [
    "Config",
    "add_files",
    "add_options",
    "alembic_version",
    "copy_template",
    "has_env_py",
    "is_refusal",
    "open_in_editor",
    "use_stdout",
]

alembic_version = tuple(int(part) for part in __version__.split(".")[:3])

TEMPLATES = Path(__file__).parent / "templates"

_STDOUT = alembic_config.Config().stdout


class Config(alembic_config.Config):
    """Alembic's configuration, with the templates of this package.

    :param template_directory: Where other templates are.
    """

    def __init__(
        self,
        *args: t.Any,
        template_directory: str | os.PathLike[str] | None = None,
        **kwargs: t.Any,
    ) -> None:
        self.template_directory = template_directory
        super().__init__(*args, **kwargs)
        use_stdout(self)

    @util.memoized_property
    def file_config(self) -> ConfigParser:
        """The ini file, in a folder with whatever name."""
        parser = super().file_config
        here = parser.get("DEFAULT", "here", raw=True)
        parser.set("DEFAULT", "here", here.replace("%", "%%"))
        return parser

    def get_template_directory(self) -> str:
        """The folder that holds the templates."""
        return os.fspath(self.template_directory or TEMPLATES)


def use_stdout(config: alembic_config.Config) -> None:
    """Print to what is standard output now, not when Alembic was imported."""
    if config.stdout is _STDOUT:
        config.stdout = sys.stdout


def is_refusal(error: BaseException) -> bool:
    """Whether this is what Alembic raises to refuse something."""
    return isinstance(error, util.CommandError)


def open_in_editor(path: str) -> None:
    """Open a file in the editor that the environment names."""
    util.open_in_editor(path)


def copy_template(
    config: alembic_config.Config, directory: str, template: str, package: bool
) -> None:
    """Make a new folder from a template.

    :param package: Make the folder and its versions importable.
    """
    command.init(config, directory, template=template, package=package)


def add_options(
    config: alembic_config.Config, given: t.Mapping[str, t.Any], root_path: str
) -> None:
    """Add the options that an application gives in place of an ini file.

    :param given: ``app.config["ALEMBIC"]``.
    :param root_path: Where its relative paths start.
    """
    for key, value in given.items():
        if key in ("script_location", "path_separator") or value is None:
            continue
        if isinstance(value, t.Mapping):
            for name, item in value.items():
                config.set_section_option(key, str(name), _text(item))
        elif key == "version_locations":
            _add_locations(config, value, root_path)
        else:
            config.set_main_option(key, _text(value))


def _add_locations(config: alembic_config.Config, value: t.Any, root_path: str) -> None:
    items = value.split(os.pathsep) if isinstance(value, str) else value
    paths = [item[1] if isinstance(item, (tuple, list)) else item for item in items]
    if paths:
        folders = [os.path.abspath(os.path.join(root_path, path)) for path in paths]
        # A line break can't be confused with a character of a path.
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", _text("\n".join(folders)))


def _text(value: t.Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "\n".join(_text(item) for item in value)
    # "%%" stands for "%", as in an ini file, and so does "%" by itself.
    return str(value).replace("%%", "%").replace("%", "%%")


def has_env_py(config: alembic_config.Config) -> bool:
    """Whether the folder has an environment of its own."""
    location = config.get_alembic_option("script_location")
    if not location:
        return False
    return (Path(util.coerce_resource_to_filename(location)) / "env.py").exists()


def add_files(template: Path, folder: Path, places: t.Sequence[str]) -> None:
    """Add a template's files to a folder that has revisions already.

    :param places: Where revisions are, if not in the usual folder alone; relative to
        the ini file.
    """
    for path in sorted(template.iterdir()):
        made = folder / path.name.removesuffix(".mako")
        if path.name == "script.py.mako":
            made = folder / path.name
        if not path.is_file() or made.exists():
            continue
        with util.status(f"Generating {made.absolute()}"):
            if path.name == "alembic.ini.mako":
                _write_ini(path, made, places)
            else:
                shutil.copy(path, made)
    (folder / "versions").mkdir(exist_ok=True)


def _write_ini(template: Path, made: Path, places: t.Sequence[str]) -> None:
    util.template_to_file(str(template), str(made), "utf-8", script_location="%(here)s")
    if places:
        text = made.read_text(encoding="utf-8")
        lines = "\n".join(
            f"    %(here)s/{place}".removesuffix("/.") for place in places
        )
        option = f"path_separator = newline\nversion_locations =\n{lines}\n"
        text = text.replace("path_separator = os\n", "")
        made.write_text(
            text.replace("[alembic]\n", f"[alembic]\n{option}", 1), encoding="utf-8"
        )

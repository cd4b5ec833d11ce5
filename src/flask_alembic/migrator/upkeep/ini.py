"""The ``alembic.ini`` (or ``pyproject.toml``) of a folder, as Flask's configuration."""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import tomllib
import typing as t
from pathlib import Path

NAME = "alembic.ini"
SECTION = "alembic"
PROJECT = "pyproject.toml"

# What stands in an ini file and has another home, or none, in Flask's configuration.
PLACES = frozenset(
    {
        *("databases", "here", "path_separator", "prepend_sys_path"),
        *("script_location", "version_locations", "version_path_separator"),
    }
)

_SEPARATORS = {"os": os.pathsep, "newline": "\n", "space": " "}
_LOGGING = re.compile(r"loggers|handlers|formatters|(logger|handler|formatter)_.*")


@dataclasses.dataclass(frozen=True, slots=True)
class Ini:
    """What such files configure.

    :param path: The ini file; None if there is only a ``pyproject.toml``.
    :param options: Options and sections as ``ALEMBIC`` takes them.
    :param version_locations: Absolute paths, or ``package:folder``.
    :param databases: Names of the databases, where env.py takes them from here.
    :param urls: Section -> address of its database.
    :param others: Sections that other folders are configured in.
    :param notes: What has no place in ``ALEMBIC``, as a sentence each.
    """

    path: Path | None = None
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    version_locations: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    urls: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find(folder: Path, roots: t.Iterable[Path]) -> Path | None:
    """Find the ini file that belongs to a folder.

    :param roots: Where else it may lie; there it has to name the folder.
    """
    own = folder / NAME
    if own.is_file():
        return own
    for root in dict.fromkeys(roots):
        path = root / NAME
        if path.is_file() and _names(path, folder, root):
            return path
    return None


def _names(path: Path, folder: Path, root: Path) -> bool:
    try:
        parser = _parse(path)
        location = parser.get(SECTION, "script_location", fallback="")
    except (configparser.Error, UnicodeDecodeError):
        return False  # whosever it is, no more can be told of it
    # Without a location, it stands in the project file beside it.
    location = location or _location(_project(root / PROJECT), root)
    return bool(location) and Path(os.path.abspath(root / location)) == folder


def _location(table: t.Mapping[str, t.Any], root: Path) -> str:
    return str(table.get("script_location", "")).replace("%(here)s", str(root))


def _parse(path: Path) -> configparser.ConfigParser:
    # As Alembic does it: "%(here)s" is the folder of the file.
    here = path.parent.absolute().as_posix()
    parser = configparser.ConfigParser({"here": here})
    parser.read(path, encoding="utf-8")
    return parser


def read(path: Path | None, folder: Path, roots: t.Iterable[Path]) -> Ini:
    """Read the ini file, and the ``pyproject.toml`` beside it.

    :param folder: The script location.
    :raises configparser.Error: The ini file can't be read.
    :raises ValueError: One of the files isn't text, or no TOML.
    """
    ini = Ini() if path is None else _read_ini(path, folder)
    for root in dict.fromkeys(roots):
        table = _project(root / PROJECT)
        location = _location(table, root)
        if location and Path(os.path.abspath(root / location)) == folder:
            return _with_project(ini, table, root, folder)
    return ini


def _read_ini(path: Path, folder: Path) -> Ini:
    parser = _parse(path)
    main = dict(parser.items(SECTION)) if parser.has_section(SECTION) else {}
    databases = tuple(re.split(r",\s*", main.get("databases", "").strip()))
    databases = tuple(name for name in databases if name)
    sections: dict[str, dict[str, str]] = {}
    urls: dict[str, str] = {}
    others: list[str] = []
    for name in [SECTION, *parser.sections()]:
        if not parser.has_section(name) or _LOGGING.fullmatch(name):
            continue
        items = {k: v for k, v in parser.items(name) if k != "here"}
        if "sqlalchemy.url" in items:
            urls[name] = items["sqlalchemy.url"]
        if name != SECTION and "script_location" in items:
            others.append(name)
        elif name != SECTION and name not in databases:
            sections[name] = items
    return Ini(
        path=path,
        options={
            **{k: v for k, v in main.items() if _is_option(k, v)},
            **{k: v for k, v in sections.items() if v},
        },
        version_locations=_locations(main, path.parent, folder),
        databases=databases,
        urls=urls,
        others=tuple(others),
        notes=(*_engine_options(main), *_own_logging(parser)),
    )


def _is_option(key: str, value: str) -> bool:
    return bool(value) and key not in PLACES and not key.startswith("sqlalchemy.")


def _engine_options(main: t.Mapping[str, str]) -> t.Iterator[str]:
    names = [k for k in main if k.startswith("sqlalchemy.") and k != "sqlalchemy.url"]
    if names:
        yield f"{', '.join(names)}: options of an engine; give them to the application's."


def _own_logging(parser: configparser.ConfigParser) -> t.Iterator[str]:
    handlers = parser.get("handlers", "keys", fallback="console").split(",")
    own = [name.strip() for name in handlers if name.strip() not in ("", "console")]
    if own:
        yield (
            f"the logging handlers {', '.join(own)}: set them up in the application,"
            " whose logging is used."
        )


def _locations(
    main: t.Mapping[str, str], beside: Path, folder: Path
) -> tuple[str, ...]:
    """The version locations, without the one that is found anyway."""
    text = main.get("version_locations", "")
    separator = main.get("path_separator") or main.get("version_path_separator")
    if separator:
        parts = text.split(_SEPARATORS.get(separator.strip(), separator.strip()))
    else:
        parts = re.split(r",\s*|\s+", text)
    return _absolute([p.strip() for p in parts if p.strip()], beside, folder)


def _absolute(parts: t.Iterable[str], beside: Path, folder: Path) -> tuple[str, ...]:
    found = []
    for part in parts:
        if os.path.isabs(part) or ":" not in part:
            # Alembic starts from the working directory, which usually is the ini's.
            here = Path(os.path.abspath(part))
            part = str(here if here.is_dir() else Path(os.path.abspath(beside / part)))
        if part not in (str(folder), str(folder / "versions")):
            found.append(part)
    return tuple(found)


def _project(path: Path) -> dict[str, t.Any]:
    """The table ``tool.alembic`` of a project file."""
    if not path.is_file():
        return {}
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    found = table.get(SECTION, {})
    return found if isinstance(found, dict) else {}


def _with_project(ini: Ini, table: dict[str, t.Any], root: Path, folder: Path) -> Ini:
    """Add what the project file says, which Alembic prefers."""
    listed = table.get("version_locations", [])
    places = [str(item).replace("%(here)s", str(root)) for item in listed]
    options: dict[str, t.Any] = {
        key: str(value).replace("%%", "%") if isinstance(value, str) else value
        for key, value in table.items()
        if key not in PLACES and isinstance(value, (str, int, bool)) and value != ""
    }
    hooks = table.get("post_write_hooks", [])
    if hooks:
        options["post_write_hooks"] = _hooks(hooks, root)
    return dataclasses.replace(
        ini,
        options={**ini.options, **options},
        version_locations=(
            _absolute(places, root, folder) if places else ini.version_locations
        ),
        notes=(
            *ini.notes,
            f"the table tool.alembic in {root / PROJECT}, which stays: remove it.",
        ),
    )


def _hooks(hooks: list[dict[str, t.Any]], root: Path) -> dict[str, str]:
    """Write hooks as an ini section has them."""
    section = {"hooks": ", ".join(str(hook.get("name")) for hook in hooks)}
    for hook in hooks:
        for key, value in hook.items():
            if key != "name":
                text = str(value).replace("%(here)s", str(root))
                section[f"{hook.get('name')}.{key}"] = text
    return section

"""Every ``ALEMBIC*`` key of the application's configuration, as one frozen object."""

from __future__ import annotations

import math
import os
import re
import typing as t
from pathlib import Path

from .errors import SetupError

DEFAULT_OPTIONS: t.Mapping[str, t.Any] = {
    "script_location": "migrations",
    "version_locations": [],
    "path_separator": "os",
}
"""What ``init_app`` puts into ``app.config["ALEMBIC"]`` where there is nothing."""

DEFAULT_CONTEXT: t.Mapping[str, t.Any] = {"compare_server_default": True}
"""What ``init_app`` puts into ``app.config["ALEMBIC_CONTEXT"]``."""

PLACES = frozenset([*DEFAULT_OPTIONS, "plugins"])

SNAPSHOTS = "snapshots"
"""Where snapshots lie, in the script location."""

MIN_PREFIX = 4
"""How many digits of a target are the beginning of an id; fewer are a count."""

SYS_PATH = "prepend_sys_path"

HISTORY_TABLE = "alembic_history"
"""Table with the record of what was run."""

VERSION_TABLE = "alembic_version"

VERSIONS = "versions"
"""Where plain Alembic and Flask-Migrate keep revisions, in the script location."""


class VersionLocation(t.NamedTuple):
    """A folder of revision files.

    :param branch: New revisions of this branch go there.
    """

    path: Path
    branch: str | None = None


@t.dataclass_transform(frozen_default=True, kw_only_default=True)
class _Values:
    """What a dataclass would be, whose making every command would have to wait for."""

    def __init__(self, **values: t.Any) -> None:
        vars(self).update(values)

    def replace(self, **values: t.Any) -> t.Self:
        """The same with other values."""
        return type(self)(**{**vars(self), **values})


class Settings(_Values):
    """What the application configured, checked and complete.

    :param script_location: Folder of the revisions and of ``script.py.mako``.
    :param version_locations: ``script_location`` first, then the others.
    :param options: Alembic's main options, as its ini file would hold them.
    :param sections: Alembic's other ini sections, such as ``post_write_hooks``.
    :param context: Arguments of ``EnvironmentContext.configure``.
    :param binds: Names of the Flask-SQLAlchemy binds to migrate; True for all.
    :param session: Run on the connection of the application's session.
    :param env_py: The script that is the environment; None where we are.
    :param lock: Let one process at a time migrate a database.
    :param lock_wait: How long to wait for another process that migrates; seconds.
    :param lock_timeout: How long a statement may wait for a lock; seconds, None for
        what the database has.
    :param statement_timeout: How long a statement may run; seconds, None likewise.
    :param lock_retries: How often to try again after waiting for a lock in vain.
    :param history: Keep a table of what was run.
    :param ignore_tables: Patterns of tables that are never compared, and presets.
    :param drop_unknown_tables: Draft to drop tables that no revision has made, too.
    :param plugins: Modules and Alembic plugins that compare more than tables.
    :param prove: Try each new revision on scratch databases.
    :param health_interval: How long an answer of the health check holds; seconds.
    :param pending_page: In debug mode, show what is pending in place of an error.
    :param snapshots: Folder of the snapshots; None for the usual one.
    :param snapshot_rows: How many rows a snapshot may hold.
    """

    script_location: Path
    version_locations: tuple[VersionLocation, ...]
    options: t.Mapping[str, str]
    sections: t.Mapping[str, t.Mapping[str, str]]
    context: t.Mapping[str, t.Any]
    binds: bool | tuple[str, ...] = False
    session: bool = False
    env_py: Path | None = None
    lock: bool = True
    lock_wait: float = 300.0
    lock_timeout: float | None = 5.0
    statement_timeout: float | None = None
    lock_retries: int = 10
    history: bool = False
    ignore_tables: tuple[str, ...] = ()
    drop_unknown_tables: bool = False
    plugins: tuple[str, ...] = ()
    prove: bool = False
    health_interval: float = 5.0
    pending_page: bool = False
    snapshots: Path | None = None
    snapshot_rows: int = 1000

    @property
    def home(self) -> Path:
        """The folder for new revisions without a branch's own.

        The script location; in a folder that plain Alembic or Flask-Migrate made,
        where they keep theirs, so that their programs see the new ones too.
        """
        versions = VersionLocation(self.script_location / VERSIONS)
        return (
            versions.path
            if versions in self.version_locations
            else self.script_location
        )

    @property
    def snapshot_folder(self) -> Path:
        """The folder of the snapshots."""
        return self.snapshots or self.script_location / SNAPSHOTS

    @property
    def folders(self) -> tuple[Path, ...]:
        """The version locations without their branches."""
        return tuple(location.path for location in self.version_locations)

    @property
    def version_table(self) -> str:
        """Name of the table that holds the applied revisions."""
        return str(self.context.get("version_table", VERSION_TABLE))

    @property
    def version_table_schema(self) -> str | None:
        """Schema of that table; None for the connection's default."""
        return self.context.get("version_table_schema")

    def flag(self, option: str) -> bool:
        """Whether one of Alembic's main options is switched on."""
        return self.options.get(option, "").strip().lower() in {
            "true",
            "yes",
            "on",
            "1",
        }

    def branch_path(self, branch: str) -> Path | None:
        """The folder for new revisions of a branch, if it has one."""
        for location in self.version_locations:
            if location.branch == branch:
                return location.path
        return None


def read(config: t.Mapping[str, t.Any], root_path: str) -> Settings:
    """Read and check an application's configuration.

    :param config: ``app.config``; it is not changed.
    :param root_path: ``app.root_path``, which relative paths start from.
    :raises SetupError: A key holds something that can't be used.
    """
    given = {**DEFAULT_OPTIONS, **_mapping(config, "ALEMBIC")}
    for key in ("script_location", "path_separator"):
        if not given[key]:
            raise SetupError(f"ALEMBIC[{key!r}] is empty.")
    if isinstance(given.get(SYS_PATH), str):
        given[SYS_PATH] = _listed(given[SYS_PATH], given["path_separator"])
    main = locate(given["script_location"], root_path)
    locations = [VersionLocation(main)]
    for item in _listed(given["version_locations"], given["path_separator"]):
        branch, path = (None, item) if isinstance(item, (str, Path)) else _pair(item)
        locations.append(VersionLocation(locate(path, root_path), branch))
    versions = main / VERSIONS
    if versions.is_dir() and all(versions != known.path for known in locations):
        # Filled by plain Alembic or Flask-Migrate: not seen, it would silently be the
        # start of a second root.
        locations.append(VersionLocation(versions))
    others = {key: value for key, value in given.items() if key not in PLACES}
    return Settings(
        script_location=main,
        version_locations=tuple(dict.fromkeys(locations)),
        options={
            key: _text(key, value)
            for key, value in others.items()
            if value is not None and not isinstance(value, t.Mapping)
        },
        sections={
            key: {str(k): _text(f"{key}.{k}", v) for k, v in value.items()}
            for key, value in others.items()
            if isinstance(value, t.Mapping)
        },
        context=context_options(config),
        binds=_binds(config.get("ALEMBIC_BINDS", False)),
        session=bool(config.get("ALEMBIC_SESSION", False)),
        lock=bool(config.get("ALEMBIC_LOCK", True)),
        lock_wait=seconds("ALEMBIC_LOCK_WAIT", config.get("ALEMBIC_LOCK_WAIT", 300)),
        lock_timeout=_limit(config, "ALEMBIC_LOCK_TIMEOUT", 5),
        statement_timeout=_limit(config, "ALEMBIC_STATEMENT_TIMEOUT", None),
        lock_retries=_count(config, "ALEMBIC_LOCK_RETRIES", 10),
        history=bool(config.get("ALEMBIC_HISTORY", False)),
        ignore_tables=names(
            "ALEMBIC_IGNORE_TABLES", config.get("ALEMBIC_IGNORE_TABLES")
        ),
        drop_unknown_tables=bool(config.get("ALEMBIC_DROP_UNKNOWN_TABLES", False)),
        plugins=names("ALEMBIC['plugins']", given.get("plugins")),
        prove=bool(config.get("ALEMBIC_PROVE", False)),
        health_interval=health_interval(config),
        pending_page=pending_page(config),
        snapshots=_folder(config.get("ALEMBIC_SNAPSHOTS"), root_path),
        snapshot_rows=_count(config, "ALEMBIC_SNAPSHOT_ROWS", 1000),
    )


def _folder(value: t.Any, root_path: str) -> Path | None:
    """Read a folder of ``ALEMBIC_SNAPSHOTS``; None for the usual one."""
    if value is None:
        return None
    if not value or not isinstance(value, (str, os.PathLike)):
        raise SetupError(f"ALEMBIC_SNAPSHOTS must be a folder, not {value!r}.")
    return locate(value, root_path)


def context_options(config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Read the arguments of ``EnvironmentContext.configure``; nothing else is looked at.

    :raises SetupError: They aren't a dict.
    """
    given = _mapping(config, "ALEMBIC_CONTEXT")
    return {"compare_type": True, **DEFAULT_CONTEXT, **given}


def history_table(version_table: str) -> str:
    """Name the record; each version table has its own."""
    if version_table == VERSION_TABLE:
        return HISTORY_TABLE
    # PostgreSQL's names end after 63 characters.
    return f"{version_table[:55]}_history"


def locate(value: str | os.PathLike[str], root_path: str) -> Path:
    """Resolve a path, or ``package:folder``.

    :raises SetupError: The package can't be imported.
    """
    text = os.fspath(value)
    if os.path.isabs(text) or ":" not in text:
        # An absolute path is one path, whatever characters it holds.
        return Path(os.path.abspath(os.path.join(root_path, text)))
    # Late, as few locations are in packages.
    import importlib.resources

    package, *folders = text.split(":")
    try:
        found = importlib.resources.files(package).joinpath(*folders)
    except (ImportError, TypeError, ValueError) as e:
        raise SetupError(
            f"The location {text!r} in ALEMBIC names the package {package!r}, which"
            " can't be imported.",
            fix="Use 'package:folder' or a path.",
        ) from e
    return Path(os.path.abspath(str(found)))


def _mapping(config: t.Mapping[str, t.Any], key: str) -> t.Mapping[str, t.Any]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, t.Mapping):
        raise SetupError(f"{key} must be a dict, not {type(value).__name__}.")
    return value


def _listed(value: t.Any, separator: str) -> t.Sequence[t.Any]:
    """Take a list of places, or one text as an ini file would hold it."""
    if isinstance(value, str):
        names = {"os": os.pathsep, "newline": "\n", "space": " "}
        parts = value.split(names.get(separator, separator))
        return [part.strip() for part in parts if part.strip()]
    if isinstance(value, (list, tuple)):
        return value
    raise SetupError(
        "ALEMBIC['version_locations'] must be a list of paths or (branch, path) pairs,"
        f" not {type(value).__name__}."
    )


def _pair(item: t.Any) -> tuple[str, str]:
    try:
        branch, path = item
    except (TypeError, ValueError):
        raise SetupError(
            "ALEMBIC['version_locations'] holds"
            f" {item!r}; each item is a path or a (branch, path) pair."
        ) from None
    return branch, path


def _text(key: str, value: t.Any) -> str:
    """Write an option as an ini file would hold it, interpolation done.

    ``%%`` stands for ``%`` as in an ini file; a single ``%`` stands for itself.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "\n".join(_text(key, item) for item in value)
    if isinstance(value, (str, int, float, os.PathLike)):
        return str(value).replace("%%", "%")
    raise SetupError(
        f"ALEMBIC[{key!r}] must be text, a number, a flag, a list or a dict, not"
        f" {type(value).__name__}."
    )


_UNITS: t.Mapping[str, float] = {"ms": 0.001, "": 1.0, "s": 1.0, "min": 60.0}


def seconds(name: str, value: t.Any) -> float:
    """Read a length of time: a number of seconds, or a text such as "500ms" or "2min".

    :param name: What it was given as, for the error.
    :raises SetupError: It is something else, or negative.
    """
    if type(value) in (int, float) and 0 <= value < math.inf:
        return float(value)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min)?\s*", str(value))
    if isinstance(value, bool) or found is None:
        raise SetupError(
            f"{name} must be a number of seconds or a text such as '500ms', '30s' or"
            f" '2min', not {value!r}."
        )
    return float(found[1]) * _UNITS[found[2] or ""]


def health_interval(config: t.Mapping[str, t.Any]) -> float:
    """Read how long an answer of the health check holds; nothing else is looked at."""
    key = "ALEMBIC_HEALTH_INTERVAL"
    return seconds(key, config.get(key, 5))


def pending_page(config: t.Mapping[str, t.Any]) -> bool:
    """Read whether the page with pending revisions is wanted."""
    return bool(config.get("ALEMBIC_PENDING_PAGE", False))


def _limit(
    config: t.Mapping[str, t.Any], key: str, default: float | None
) -> float | None:
    """Read a timeout; None and 0 stand for none of ours."""
    value = config.get(key, default)
    return None if value is None else seconds(key, value) or None


def _count(config: t.Mapping[str, t.Any], key: str, default: int) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SetupError(f"{key} must be a number, 0 or more, not {value!r}.")
    return value


def names(key: str, value: t.Any) -> tuple[str, ...]:
    """Read a list of names; a text holds one in each line or between commas.

    :param key: What it was given as, for the error.
    :raises SetupError: It is something else.
    """
    if isinstance(value, str):
        value = [part.strip() for part in re.split(r"[,\n]", value) if part.strip()]
    listed = isinstance(value, (list, tuple, set, frozenset))
    if value is not None and not (listed and all(isinstance(x, str) for x in value)):
        raise SetupError(f"{key} must be a list of names, not {value!r}.")
    return tuple(value or ())


def _binds(value: t.Any) -> bool | tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(sorted(str(name) for name in value))
    return bool(value)

"""Settings from an Alembic configuration, instead of from Flask's."""

from __future__ import annotations

import typing as t
from pathlib import Path

from alembic.config import Config
from alembic.util import coerce_resource_to_filename

from .. import settings as settings_room
from ..errors import SetupError
from ..settings import Settings
from ..settings import VersionLocation

ENV_PY = "env.py"


def settings_of(
    config: Config, app_config: t.Mapping[str, t.Any], context: t.Mapping[str, t.Any]
) -> Settings:
    """Read what Alembic itself would read.

    :param app_config: ``app.config``, for the keys that Alembic doesn't know.
    :param context: Arguments of ``EnvironmentContext.configure``.
    :raises SetupError: It names no script location.
    """
    location = config.get_alembic_option("script_location")
    if not location:
        raise SetupError("The Alembic configuration has no 'script_location'.")
    main = _folder(location)
    versions = main / settings_room.VERSIONS
    named = config.get_version_locations_list()
    if not named:
        plain = versions.is_dir() or (main / ENV_PY).exists()
        named = [str(versions if plain else main)]
    # The rest of the application's keys mean the same here.
    others = {
        key: value
        for key, value in app_config.items()
        if key.startswith("ALEMBIC_") and key != "ALEMBIC_CONTEXT"
    }
    ours = settings_room.read(others, str(Path.cwd()))
    options = dict(config.file_config.items(config.config_ini_section))
    given = app_config.get("ALEMBIC") or {}
    plugins = given.get("plugins") or config.get_alembic_option("plugins")
    return ours.replace(
        script_location=main,
        version_locations=tuple(VersionLocation(_folder(item)) for item in named),
        options={key: str(value) for key, value in options.items()},
        sections={},
        context=context,
        plugins=settings_room.names("ALEMBIC['plugins']", plugins),
        env_py=main / ENV_PY if (main / ENV_PY).exists() else None,
    )


def _folder(location: t.Any) -> Path:
    return Path(coerce_resource_to_filename(str(location))).absolute()

"""The core's extension object, configured as Flask-Migrate's folders are."""

from __future__ import annotations

import contextlib
import typing as t

from flask import current_app
from flask import g

from flask_alembic import Alembic

if t.TYPE_CHECKING:
    from alembic.config import Config

    from .databases import Metadata
    from .state import State

R = t.TypeVar("R")


class FolderAlembic(Alembic):
    """Migrations in a folder that Flask-Migrate's configuration names.

    Not registered on the application: that may have a Flask-Alembic of its own.

    :param config: For one command; otherwise each context asks for its own.
    """

    def __init__(self, state: State, config: Config | None = None) -> None:
        super().__init__(run_mkdir=False, command_name=False)
        self._state = state
        self._config = config

    def load_config(self) -> Config | None:
        """Give the folder's configuration."""
        # Only the managed environment asks for these.
        if self._config is None:
            config = self._state.migrate.get_config(g.get("directory"))
        else:
            config = self._config
        if not _is_scripted(config):
            self.metadatas, self.engines = t.cast(t.Any, self._state.for_core())
        return config

    def context_options(self) -> t.Mapping[str, t.Any]:
        """Give the options of ``Migrate``, and those of the configuration."""
        more = current_app.config.get("ALEMBIC_CONTEXT") or {}
        return {**self._state.configure_args, **more}

    def known_databases(
        self,
    ) -> tuple[t.Mapping[str, Metadata], t.Mapping[str, t.Any]]:
        """Give those of ``Migrate``, the binds that aren't migrated included."""
        return self._state.every()

    def _call(self, work: t.Callable[[t.Any], R], *, connects: bool = True) -> R:
        with self._state.lending_args():
            return super()._call(work, connects=connects)

    def end(self, error: BaseException | None) -> None:
        """Close what is open in the current application context."""
        self._end_context(error)

    @contextlib.contextmanager
    def ending(self) -> t.Iterator[None]:
        """Close at the end of the block, not of the application context."""
        try:
            yield
        except BaseException as e:
            self.end(e)
            raise
        self.end(None)


def _is_scripted(config: Config) -> bool:
    from .config import has_env_py

    return has_env_py(config)

"""What an application's extension dict holds: its folder, options and databases."""

from __future__ import annotations

import contextlib
import logging
import re
import typing as t
from contextvars import ContextVar
from pathlib import Path

from flask import current_app

from flask_alembic import SetupError

from . import databases

if t.TYPE_CHECKING:
    from .databases import AnyEngine
    from .databases import Metadata
    from .extension import Migrate
    from .folder import FolderAlembic

logger = logging.getLogger("flask_migrate")

Options: t.TypeAlias = dict[str, t.Any]

_lent: ContextVar[t.Mapping[int, Options]] = ContextVar("lent")


class State:
    """``app.extensions["migrate"]``, which env.py files read.

    :param directory: The migrations folder.
    :param options: Arguments of ``EnvironmentContext.configure``.
    """

    def __init__(
        self,
        migrate: Migrate,
        db: t.Any,
        directory: str,
        command: str,
        options: Options,
    ) -> None:
        self.migrate = migrate
        self.given_db = db
        self.directory = directory
        self.command = command
        self.options = options
        args = dict(options)
        self._metadata = args.pop("target_metadata", None)
        self._args = args
        self._alembic: FolderAlembic | None = None
        self._warned = False

    @property
    def alembic(self) -> FolderAlembic:
        """The core's extension object for this application's folder."""
        if self._alembic is None:
            from .folder import FolderAlembic

            self._alembic = FolderAlembic(self)
        return self._alembic

    def end_context(self, error: BaseException | None) -> None:
        """Close what the core holds open in an application context."""
        if self._alembic is not None:
            self._alembic.end(error)

    # -- options -----------------------------------------------------------------------

    @property
    def configure_args(self) -> Options:
        """The arguments of ``context.configure``; may be changed.

        What env.py changes lasts as long as the command that runs it.
        """
        return _lent.get({}).get(id(self), self._args)

    @configure_args.setter
    def configure_args(self, value: Options) -> None:
        self._args = value

    @contextlib.contextmanager
    def lending_args(self) -> t.Iterator[None]:
        """Let one command have a copy of the options.

        A usual env.py puts its hook in, which holds on to that command's configuration.
        """
        lent = _lent.get({})
        if id(self) in lent:
            yield
            return
        token = _lent.set({**lent, id(self): dict(self._args)})
        try:
            yield
        finally:
            _lent.reset(token)

    # -- databases ---------------------------------------------------------------------

    @property
    def db(self) -> t.Any:
        """The application's ``db``, with the metadata that it was given to."""
        if self._metadata is None:
            return self.given_db
        return databases.WithMetadata(self.given_db, databases.keyed(self._metadata))

    @property
    def metadata(self) -> t.Any:
        """The metadata of the default database."""
        found = databases.metadatas_of(self.db)
        if "" in found:
            return found[""]
        return self.db.metadata

    @property
    def metadatas(self) -> dict[str, Metadata]:
        """The metadata of each database that is migrated; "" is the default one.

        :raises SetupError: There is none.
        """
        found = databases.metadatas_of(self.db)
        if not found:
            raise SetupError(
                "No models: the object that was given to Migrate has no 'metadata'.",
                fix="Give it: Migrate(app, db, target_metadata=Model.metadata).",
            )
        return {name: found[name] for name in found if name in self._engines}

    @property
    def engines(self) -> dict[str, AnyEngine]:
        """The engine of each database that is migrated; "" is the default one."""
        return {name: self._engines[name] for name in self.metadatas}

    @property
    def _engines(self) -> dict[str, AnyEngine]:
        return databases.engines_of(self.given_db)

    def for_core(self) -> tuple[dict[str, Metadata], dict[str, AnyEngine]]:
        """Metadata and engines by the core's names; empty where it finds them itself."""
        known = current_app.extensions.get("sqlalchemy") is self.given_db
        if known and self._metadata is None and hasattr(self.given_db, "metadata"):
            return {}, {}
        every = current_app.config.get("ALEMBIC_BINDS", self._metadata is not None)
        chosen = every if isinstance(every, (list, tuple, set, frozenset)) else None
        names = [
            name
            for name in self.metadatas
            if name == "" or (bool(every) if chosen is None else name in chosen)
        ]
        return self._named(names)

    def every(self) -> tuple[dict[str, Metadata], dict[str, AnyEngine]]:
        """All metadata and engines, by the core's names."""
        return self._named(list(self.metadatas))

    def _named(
        self, names: t.Sequence[str]
    ) -> tuple[dict[str, Metadata], dict[str, AnyEngine]]:
        metadatas, engines = self.metadatas, self.engines
        return (
            {name or databases.DEFAULT: metadatas[name] for name in names},
            {name or databases.DEFAULT: engines[name] for name in names},
        )

    # -- binds that are left out -------------------------------------------------------

    def name_left_out(self, directory: str) -> None:
        """Warn once of binds with models that this folder's env.py doesn't migrate."""
        if self._warned:
            return
        left = [] if _knows_binds(Path(directory)) else self._binds_with_tables()
        if left:
            self._warned = True
            logger.warning(
                "Not migrated, though they have tables: binds %s. The folder %s is for"
                " one database; 'flask db init --multidb' makes one for several.",
                ", ".join(left),
                directory,
            )

    def _binds_with_tables(self) -> list[str]:
        found = databases.metadatas_of(self.db)
        return [name for name, item in found.items() if name and _has_tables(item)]


def _knows_binds(folder: Path) -> bool:
    """Whether an env.py is for several databases; without one the core is asked."""
    try:
        text = (folder / "env.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    plain = ("engine_name", "engines.items", "metadatas.items")
    if any(word in text for word in plain):
        return True
    return "bind" in text and re.search(r"\bbind", text) is not None


def _has_tables(metadata: Metadata) -> bool:
    items = metadata if isinstance(metadata, list) else [metadata]
    return any(item.tables for item in items)


def current_state() -> State:
    """The current application's.

    :raises SetupError: It has none.
    """
    state = current_app.extensions.get("migrate")
    if state is None:
        raise SetupError(
            f"The application {current_app.name!r} has no Flask-Migrate.",
            fix="Call 'migrate.init_app(app, db)' where the application is made.",
        )
    return t.cast(State, state)

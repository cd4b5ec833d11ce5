"""The databases that an application's ``db`` object stands for.

Flask-SQLAlchemy, Flask-SQLAlchemy-Lite and Alchemical are known by what their objects
offer, so that none has to be installed. The default database is called "".
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

if t.TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

Metadata: t.TypeAlias = "sa.MetaData | list[sa.MetaData]"
AnyEngine: t.TypeAlias = "sa.Engine | AsyncEngine"

DEFAULT = "default"
"""What Flask-SQLAlchemy-Lite and Flask-Alembic call the default database."""


def engines_of(db: t.Any) -> dict[str, AnyEngine]:
    """Find the engines, those of an event loop included."""
    found = {
        **getattr(db, "async_engines", {}),
        **(getattr(db, "engines", None) or _engines_by_method(db)),
    }
    if None not in found:
        found = {None if key == DEFAULT else key: found[key] for key in found}
    return {"" if key is None else str(key): found[key] for key in found}


def _engines_by_method(db: t.Any) -> dict[str | None, AnyEngine]:
    if not hasattr(db, "get_engine"):
        engine = getattr(db, "engine", None)
        return {} if engine is None else {None: engine}
    if hasattr(db, "async_engines"):
        # Flask-SQLAlchemy-Lite, whose engines are all asynchronous.
        return {}
    names = db.bind_names() if hasattr(db, "bind_names") else ()
    return {None: db.get_engine(), **{n: db.get_engine(bind_key=n) for n in names}}


def metadatas_of(db: t.Any) -> dict[str, Metadata]:
    """Find the models' metadata; that of a bind only if it has models."""
    by_bind = getattr(db, "metadatas", None)
    if by_bind is None:
        metadata = getattr(db, "metadata", None)
        return {} if metadata is None else {"": metadata, **_marked(metadata)}
    return {
        "" if key is None else str(key): metadata for key, metadata in by_bind.items()
    }


def _marked(metadata: sa.MetaData) -> dict[str, Metadata]:
    """Tables that say which bind they belong to, as in old Flask-SQLAlchemy."""
    found: dict[str, Metadata] = {}
    for table in getattr(metadata, "tables", {}).values():
        key = table.info.get("bind_key")
        if key is not None:
            table.to_metadata(found.setdefault(key, sa.MetaData()))
    return found


def keyed(metadata: t.Any) -> dict[str, Metadata]:
    """Write what an application gave as ``target_metadata`` by bind name."""
    given = metadata if isinstance(metadata, t.Mapping) else {None: metadata}
    default = (None, "", DEFAULT)
    return {"" if key in default else str(key): item for key, item in given.items()}


class WithMetadata:
    """A ``db`` object that lacks metadata, and what existing env.py files ask it for.

    :param metadatas: The models' metadata by bind name.
    """

    def __init__(self, db: t.Any, metadatas: t.Mapping[str, Metadata]) -> None:
        self._db = db
        self.metadatas = {name or None: item for name, item in metadatas.items()}

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._db, name)

    @property
    def metadata(self) -> Metadata | None:
        """The default database's models."""
        return self.metadatas.get(None)

    @property
    def engines(self) -> dict[str | None, AnyEngine]:
        """Engines by bind name; None for the default one."""
        return {name or None: item for name, item in engines_of(self._db).items()}

    @property
    def engine(self) -> AnyEngine:
        """The default engine."""
        return self.engines[None]

    def get_engine(
        self, bind: str | None = None, bind_key: str | None = None
    ) -> AnyEngine:
        """The engine of a bind."""
        return self.engines[bind or bind_key]

    def bind_names(self) -> list[str]:
        """The databases beside the default one."""
        return [name for name in self.metadatas if name is not None]

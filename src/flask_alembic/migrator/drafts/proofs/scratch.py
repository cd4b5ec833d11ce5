"""Scratch databases: like one that is migrated, and gone when the block ends."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import logging
import typing as t

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ....dialects.scratch import new_name
from ....dialects.scratch import NoScratchError
from ....dialects.scratch import Scratch
from ... import databases
from ... import heads as heads_room
from ...databases import Target
from ...live import Live

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A scratch database.

    :param engine: Leads to it; keeps no connection.
    :param heads: What is applied to the database that it is like.
    :param left: Objects of that database that this one doesn't have.
    """

    engine: sa.Engine
    scratch: Scratch
    heads: tuple[str, ...]
    left: tuple[str, ...]


@contextlib.contextmanager
def beside(live: Live, target: Target, *, empty: bool = False) -> t.Iterator[Made]:
    """Make a scratch database that is like a database, for the block.

    :param empty: Without its objects.
    :raises NoScratchError: None can be had.
    """
    original = databases.engine_like(target.engine)
    scratch = target.dialect.scratch(original, new_name())
    if scratch is None:
        raise NoScratchError(f"{original.dialect.name} has no scratch databases here")
    scratch.check_reach(_reached(live, target))
    is_there = False
    try:
        with _explained(original):
            made = _make(live, target, scratch, empty=empty)
        is_there = True
        yield made
    finally:
        try:
            scratch.drop()
        except SQLAlchemyError as e:
            # Who may not make one may not drop it either.
            if is_there:
                reason = databases.reason(e, original)
                logger.warning("Drop the database %s: %s.", scratch.name, reason)


@contextlib.contextmanager
def _explained(engine: sa.Engine) -> t.Iterator[None]:
    """Turn what a server refuses into a reason.

    :raises NoScratchError: With the server's words.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, engine.dialect.loaded_dbapi.Error) as e:
        raise NoScratchError(
            f"a scratch database can't be made: {databases.reason(e, engine)}",
            "Let this user create databases (and drop them again).",
        ) from e


def _make(live: Live, target: Target, scratch: Scratch, *, empty: bool) -> Made:
    with live.reading(target) as source:
        heads = heads_room.applied_heads(source, live.settings)
        scratch.create(source)
        engine = _leading_to(scratch)
        with engine.connect() as connection, connection.begin():
            scratch.check(connection)
            left = [] if empty else scratch.copy(source, connection)
    with engine.connect() as connection:
        # Its default schema, where MySQL's reflection looks, is another one.
        engine.dialect.initialize(connection)
    return Made(engine, scratch, heads, tuple(left))


def _reached(live: Live, target: Target) -> set[str]:
    """Schemas besides the default one that a revision may name."""
    listed = target.metadata if isinstance(target.metadata, list) else [target.metadata]
    found = {table.schema for metadata in listed for table in metadata.tables.values()}
    found.add(live.settings.version_table_schema)
    translated = target.engine.get_execution_options().get("schema_translate_map")
    found.update((translated or {}).values())
    if live.settings.context.get("include_schemas"):
        found.add("include_schemas")
    return {name for name in found if name is not None}


def _leading_to(scratch: Scratch) -> sa.Engine:
    """The original engine, as if it had been made with another address."""
    original, url = scratch.engine, scratch.url
    dialect = copy.copy(original.dialect)
    args, params = _arguments(original, url)

    def connect(record: t.Any = None) -> t.Any:
        given_args, given = list(args), dict(params)
        for listener in dialect.dispatch.do_connect:
            made = listener(dialect, record, given_args, given)
            if made is not None:
                return made
        return dialect.connect(*given_args, **given)

    return databases.engine_like(original, url=url, dialect=dialect, connect=connect)


def _arguments(
    engine: sa.Engine, url: sa.URL
) -> tuple[t.Sequence[t.Any], dict[str, t.Any]]:
    """What the driver is called with for an address, ``connect_args`` included."""
    _, before = engine.dialect.create_connect_args(engine.url)
    args, params = engine.dialect.create_connect_args(url)
    # SQLAlchemy keeps them in the closure of its own function only; an application's
    # function knows no other address than its own.
    try:
        creator = t.cast(t.Any, engine.pool)._creator
        known = inspect.getclosurevars(creator).nonlocals.get("cparams", before)
    except TypeError:
        known = before
    kept = {k: v for k, v in known.items() if k not in before or k in params}
    changed = {k: v for k, v in params.items() if k not in before or before[k] != v}
    return args, {**kept, **changed}

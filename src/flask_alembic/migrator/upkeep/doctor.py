"""Examines an installation, a folder and its databases, and says what is wrong.

Nothing is changed, and env.py isn't run. What is diagnosed never raises: it is a
finding.
"""

from __future__ import annotations

import datetime
import typing as t

import sqlalchemy as sa
from flask import has_app_context

from ...dialects.scratch import day_of
from ...dialects.scratch import new_name
from ...errors import MigrationError
from ...results import Finding
from ...settings import Settings
from .. import heads as heads_room
from ..databases import Target
from ..folder import MAX_ID
from ..snapshots import states
from . import doctor_env
from . import doctor_files
from . import installed
from .doctor_files import Files

if t.TYPE_CHECKING:
    from ..commands import Commands
    from ..live import Live

Call: t.TypeAlias = "t.Callable[[t.Callable[[Commands], list[Finding]]], list[Finding]]"

_ORDER = ("error", "warning", "info")


def examine(get_live: t.Callable[[], Live], call: Call) -> tuple[Finding, ...]:
    """Find what is wrong, the worst first.

    :param call: Runs a function where asynchronous drivers can be waited for.
    """
    found = list(installed.findings())
    try:
        live = get_live()
        settings = live.settings
    except Exception as e:
        if not has_app_context():
            raise
        found.append(_unusable("settings", e))
        return _sorted(found)
    files = doctor_files.read(settings)
    found += files.findings
    found += doctor_env.findings(live, settings)
    targets = {} if live.scripted else _targets(live, found)
    found += doctor_env.left_out(settings, targets)
    found += doctor_env.template(settings, targets)
    if targets or live.scripted:
        try:
            found += call(lambda commands: _databases(commands, settings, files))
        except Exception as e:
            found.append(_unusable("databases", e))
    return _sorted(found)


def _sorted(found: list[Finding]) -> tuple[Finding, ...]:
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda finding: _ORDER.index(finding.severity)))


def _unusable(what: str, error: BaseException) -> Finding:
    fix = error.fix if isinstance(error, MigrationError) else None
    return Finding(
        code=f"{what}-unusable",
        severity="error",
        message=_line(error),
        effect="Nothing more can be found out.",
        fix=fix or "Correct the application's configuration.",
    )


def _line(error: BaseException) -> str:
    if isinstance(error, MigrationError):
        return error.message
    original = getattr(error, "orig", None) or error
    text = " ".join(str(original).split())
    return f"{type(original).__name__}: {text}" if text else type(original).__name__


def _targets(live: Live, found: list[Finding]) -> dict[str, Target]:
    try:
        return live.targets()
    except Exception as e:
        found.append(_unusable("databases", e))
        return {}


# -- databases ------------------------------------------------------------------------


def _databases(commands: Commands, settings: Settings, files: Files) -> list[Finding]:
    live = commands._live
    if live.scripted:
        return _through_env_py(commands, settings, files)
    found: list[Finding] = []
    for target in live.targets().values():
        try:
            with live.reading(target) as connection:
                found += _database(target, connection, settings, files)
        except Exception as e:
            database = target.describe()
            found.append(_unreachable(f"The database {target.name!r}", database.url, e))
    return found + (_snapshots(live) if files.sound else [])


def _snapshots(live: Live) -> list[Finding]:
    """Tell which snapshots upgrades leave aside."""
    return [
        Finding(
            code="snapshot-stale",
            severity="warning",
            message=f"The snapshot of {snapshot.database.name!r} isn't used:"
            f" {snapshot.reason}.",
            effect="An empty database is brought to the heads by running all revisions.",
            fix="Write it anew with 'flask db snapshot', or delete it.",
            where=snapshot.path,
        )
        for snapshot in states.look(live, live.history(), None)
        if snapshot.state == "stale"
    ]


def _through_env_py(
    commands: Commands, settings: Settings, files: Files
) -> list[Finding]:
    """Ask the databases that env.py connects to."""
    found: list[Finding] = []

    def look(heads: tuple[str, ...], context: t.Any) -> None:
        found.extend(_rows(context.target, heads, settings, files))
        found.extend(_width(context.target, context.connection, settings, files))

    try:
        commands.visit(look, None)
    except MigrationError:
        # What is wrong with the files has been said.
        if files.sound:
            raise
    except Exception as e:
        where = str(settings.env_py)
        found.append(_unreachable("What env.py connects to", where, e))
    return found


def _unreachable(what: str, where: str, error: Exception) -> Finding:
    return Finding(
        code="database-unreachable",
        severity="warning",
        message=f"{what} can't be asked: {_line(error)}",
        effect="Whether its version table fits the files isn't known.",
        fix="Start it, or correct its address, and ask again.",
        where=where,
    )


def _database(
    target: Target, connection: sa.Connection, settings: Settings, files: Files
) -> t.Iterator[Finding]:
    try:
        applied = heads_room.applied_heads(connection, settings)
    except heads_room.UnreadableError as e:
        yield Finding(
            code="version-table-unreadable",
            severity="error",
            message=f"The version table of {target.name!r} can't be read:"
            f" {_line(e.cause)}",
            effect="No revision can be run.",
            fix="Let this user read it, or mend the table.",
            where=_table(target, settings),
        )
        return
    yield from _rows(target, applied, settings, files)
    yield from _width(target, connection, settings, files)
    yield from _left_over(target, connection)


def _left_over(target: Target, connection: sa.Connection) -> t.Iterator[Finding]:
    """Find scratch databases that can't belong to a running command."""
    scratch = target.dialect.scratch(target.engine, new_name())
    if scratch is None:
        return
    yesterday = day_of(new_name(datetime.timedelta(days=1)))
    old = [name for name in scratch.others(connection) if day_of(name) < yesterday]
    if old:
        yield Finding(
            code="scratch-left-over",
            severity="info",
            message=f"Beside {target.name!r} there are {', '.join(sorted(old))}.",
            effect="A command that was killed has left them; nothing uses them.",
            fix="Drop them.",
        )


def _table(target: Target, settings: Settings) -> str:
    return f"{target.name}: {settings.version_table}"


def _rows(
    target: Target, applied: tuple[str, ...], settings: Settings, files: Files
) -> t.Iterator[Finding]:
    unknown = files.history.unknown(applied)
    if unknown and files.complete:
        yield Finding(
            code="applied-unknown",
            severity="warning",
            message=f"{target.name!r} is at {', '.join(unknown)}, which no file has.",
            effect="Nothing can be run on it until there is one.",
            fix="Get the missing files; if they are gone for good, 'flask db stamp"
            " --purge REV' with the revision that the schema is at.",
            where=_table(target, settings),
        )
    overlapping = files.history.overlapping(applied)
    if overlapping:
        yield Finding(
            code="applied-overlap",
            severity="error",
            message=f"In {target.name!r} the rows {', '.join(overlapping)} are included"
            " in others.",
            effect="No revision can be run.",
            fix="'flask db stamp --purge REV' with the revision that the schema is at.",
            where=_table(target, settings),
        )


def _width(
    target: Target, connection: sa.Connection, settings: Settings, files: Files
) -> t.Iterator[Finding]:
    """Find ids that the version table's column doesn't hold."""
    inspector = sa.inspect(connection)
    schema = settings.version_table_schema
    width: int | None = MAX_ID
    if inspector.has_table(settings.version_table, schema=schema):
        columns = inspector.get_columns(settings.version_table, schema)
        width = next(
            (
                getattr(column["type"], "length", None)
                for column in columns
                if column["name"] == "version_num"
            ),
            MAX_ID,
        )
    for id_, entry in files.history.entries.items():
        if width is not None and len(id_) > width:
            yield Finding(
                code="revision-id-long",
                severity="error",
                message=f"The revision id {id_!r} has {len(id_)} characters; the version"
                f" table of {target.name!r} holds {width}.",
                effect="Its upgrade fails when all the rest of it is done, or the id is"
                " cut off.",
                fix="Give it a shorter id, here and in down_revision of what follows;"
                " where it is applied, 'flask db stamp' with the new one.",
                where=entry.revision.path,
            )

"""Every contact with Alembic's runtime.

Private names of Alembic that this project leans on, and what for:

=========================================== ===========================================
``ModuleClsProxy._setups``                  the modules behind ``op`` and ``context``
``ModuleClsProxy._install_proxy/_remove_…`` replaced, so that threads don't share them
``EnvironmentContext._migration_context``   read through ``get_context()`` only
``MigrationContext._migrations_fn``         what plans the steps
``MigrationContext._in_external_trans…``    set for a caller's connection
``MigrationContext._transaction``           what ``autocommit_block`` commits
``MigrationContext._has_version_table``     made when there is a first step
``MigrationContext._version``               the version table
``HeadMaintainer._insert_version`` etc.     ids are bound, not pasted
``ScriptDirectory._upgrade_revs`` etc.      from revisions to steps
``ScriptDirectory._generate_template``      the template of a new revision
``RevisionStep._unmerge_to_revisions``      which rows a downgrade leaves, in linear time
``DefaultImpl._exec``                       offline SQL as it was written
``PriorityDispatcher._registry``            who compares tables beside Alembic and us
``MigrationContext._user_compare_type`` …   whether an application compares columns
=========================================== ===========================================

``revisions.py`` and ``batch.py`` list their own.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import typing as t
from contextvars import ContextVar

import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import HeadMaintainer
from alembic.runtime.migration import MigrationContext
from alembic.script.revision import MultipleHeads
from alembic.script.revision import ResolutionError
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from alembic.util.langhelpers import ModuleClsProxy

from ..errors import MigrationError
from ..errors import TargetError
from ..settings import Settings
from .snapshots.step import SnapshotStep

# -- alembic.op and alembic.context, one for each thread and task --------------------

_entered: ContextVar[tuple[ModuleClsProxy, ...]] = ContextVar("entered", default=())
_shared: list[ModuleClsProxy] = []
_forwarding = threading.Lock()


class _Forwarder:
    """Stands where Alembic keeps its one proxy, and finds the caller's own."""

    def __init__(self, kind: type[ModuleClsProxy]) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> t.Any:
        # A thread that a revision started has none of its own: the latest, as ever.
        for proxy in (*reversed(_entered.get()), *reversed(_shared)):
            if isinstance(proxy, self._kind):
                return getattr(proxy, name)
        raise NameError(
            f"alembic's {self._kind.__name__}.{name} works inside a revision only."
        )


def _enter(proxy: ModuleClsProxy) -> None:
    _entered.set((*_entered.get(), proxy))
    _shared.append(proxy)


def _leave(proxy: ModuleClsProxy) -> None:
    _entered.set(tuple(p for p in _entered.get() if p is not proxy))
    with contextlib.suppress(ValueError):
        _shared.remove(proxy)


def _module_attribute(
    forwarder: _Forwarder, names: t.Collection[str], name: str
) -> t.Any:
    if name in names:
        return getattr(forwarder, name)
    raise AttributeError(f"alembic has no {name!r}")


@functools.cache
def _forward() -> None:
    for kind in (Operations, EnvironmentContext):
        names, modules = ModuleClsProxy._setups[kind]
        forwarder = _Forwarder(kind)
        for module, _ in modules:
            module["_proxy"] = forwarder
            module["__getattr__"] = functools.partial(
                _module_attribute, forwarder, names
            )
    ModuleClsProxy._install_proxy = _enter  # type: ignore[method-assign, assignment]
    ModuleClsProxy._remove_proxy = _leave  # type: ignore[method-assign, assignment]


def forward_proxies() -> None:
    """Let every thread have its own ``alembic.op``; done once for the process."""
    with _forwarding:
        _forward()


@contextlib.contextmanager
def proxied(*proxies: ModuleClsProxy) -> t.Iterator[None]:
    """Make these what ``alembic.op`` and ``alembic.context`` stand for, here."""
    forward_proxies()
    for proxy in proxies:
        _enter(proxy)
    try:
        yield
    finally:
        for proxy in reversed(proxies):
            _leave(proxy)


# -- errors ---------------------------------------------------------------------------


@functools.cache
def _as_both(kind: type[MigrationError]) -> type[MigrationError]:
    return type(
        kind.__name__,
        (kind, CommandError),
        {"__module__": kind.__module__, "plain": False},
    )


def command_error(error: MigrationError) -> None:
    """Let a refusal be an ``alembic.util.CommandError`` as well."""
    if not isinstance(error, CommandError):
        error.__class__ = _as_both(t.cast(t.Any, type(error)))


@contextlib.contextmanager
def resolving(where: str = "") -> t.Iterator[None]:
    """Turn Alembic's words about a revision into a :exc:`.TargetError`.

    :param where: Which database it was asked for.
    """
    try:
        yield
    except CommandError as e:
        if isinstance(e, MigrationError):
            raise
        cause = e.__cause__
        if not isinstance(cause, RevisionError):
            # Of a hook, a time zone, a template: nothing that a revision could mend.
            raise MigrationError(f"{str(e).rstrip('.')}{where}.") from e
        if isinstance(cause, MultipleHeads):
            message = (
                f"Multiple head revisions are present: {', '.join(sorted(cause.heads))}"
            )
            fix = (
                "Name one, use 'heads' for all or 'branch@head' for one branch, or join"
                " them with 'flask db merge'."
            )
        else:
            # Which prefix is ambiguous, and between which revisions, the cause says.
            message = str(cause if isinstance(cause, ResolutionError) else e).rstrip(
                "."
            )
            if message.startswith("No such revision"):
                message = str(e).rstrip(".")
            fix = "'flask db log' lists the revisions."
            if "mbiguous walk" in message:
                fix = "Name the revision to go to, such as one of the parents."
        raise TargetError(f"{message}{where}.", fix=fix) from e


# -- configuration --------------------------------------------------------------------


def make_config(settings: Settings, databases: t.Sequence[str]) -> Config:
    """Write the settings into an Alembic configuration."""
    config = Config()
    options = {
        **settings.options,
        "script_location": str(settings.script_location),
        # A newline can't be confused with a character of a path.
        "path_separator": "newline",
        "version_locations": "\n".join(str(folder) for folder in settings.folders),
    }
    if len(databases) > 1:
        options["databases"] = ", ".join(databases)
        config.attributes["databases"] = tuple(databases)
    for key, value in options.items():
        config.set_main_option(key, value.replace("%", "%%"))
    for section, items in settings.sections.items():
        for key, value in items.items():
            config.set_section_option(section, key, value.replace("%", "%%"))
    return config


# -- the version table ----------------------------------------------------------------


class Heads(HeadMaintainer):
    """Keeps the version table; ids are sent as values, whatever characters they hold."""

    def update_to_step(self, step: t.Any) -> None:
        """Write what a step has changed."""
        if not isinstance(step, SnapshotStep):
            super().update_to_step(step)
            return
        for id_ in step.to_revisions:
            self._insert_version(id_)

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)
        self._write(None, version)

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)
        self._write(version, None)

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.remove(from_)
        self.heads.add(to_)
        self._write(from_, to_)

    def _write(self, from_: str | None, to_: str | None) -> None:
        """Replace one row by another; None stands for no row."""
        table = self.context._version
        values = {"version_num": sa.literal(to_, sa.String)}
        if from_ is None:
            self.context.impl._exec(table.insert().values(values))
            return
        change = table.delete() if to_ is None else table.update().values(values)
        row = table.c.version_num == sa.literal(from_, sa.String)
        result = self.context.impl._exec(change.where(row))
        self._check(result, from_)

    def _check(self, result: sa.CursorResult[t.Any] | None, from_: str) -> None:
        """Refuse to go on where there was no such row, or more than one."""
        sane = self.context.dialect.supports_sane_rowcount
        if sane and result is not None and result.rowcount != 1:
            raise MigrationError(
                f"The version table {self.context.version_table!r} was changed by"
                f" someone else meanwhile: {result.rowcount} rows say {from_}.",
                fix="Look at 'flask db current', then run the command again.",
            )


class PlannedHeads(Heads):
    """Works out the rows of the version table and writes none."""

    def __init__(self, heads: t.Iterable[str]) -> None:
        self.heads = set(heads)

    def _write(self, from_: str | None, to_: str | None) -> None:
        pass


def write_sql_verbatim(context: MigrationContext) -> None:
    """Let offline SQL keep its tabs, and values appear as literals."""
    kind = type(context.impl)

    class Verbatim(kind):  # type: ignore[valid-type, misc]
        # Without a __dialect__ of its own, so that Alembic's registry isn't touched.
        def _exec(self, construct: t.Any, *args: t.Any, **kwargs: t.Any) -> None:
            if isinstance(construct, str):
                construct = sa.text(construct)
            ddl = isinstance(construct, sa.schema.DDLElement)
            literals = {} if ddl else {"literal_binds": True}
            compiled = construct.compile(dialect=self.dialect, compile_kwargs=literals)
            self.static_output(str(compiled).strip() + self.command_terminator)

    Verbatim.__name__ = kind.__name__
    context.impl.__class__ = Verbatim

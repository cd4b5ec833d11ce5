"""The module functions: each does what the command of its name does."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import typing as t

from flask_alembic import MigrationError

from . import listing
from .errors import MigrateError
from .folder import FolderAlembic
from .state import current_state
from .state import State

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script

    from flask_alembic import Report

logger = logging.getLogger("flask_migrate")

P = t.ParamSpec("P")
R = t.TypeVar("R")

Directory: t.TypeAlias = "str | os.PathLike[str] | None"
XArg: t.TypeAlias = "str | t.Sequence[str] | None"
Renames: t.TypeAlias = "t.Mapping[str, str] | t.Literal[False] | None"
Ask: t.TypeAlias = "t.Callable[[t.Any], t.Any]"


class Opened:
    """A folder that a command works on."""

    def __init__(self, state: State, config: Config, alembic: FolderAlembic) -> None:
        self.state = state
        self.config = config
        self.alembic = alembic


@contextlib.contextmanager
def opened(
    directory: Directory,
    *,
    x_arg: XArg = None,
    opts: t.Sequence[str] = (),
    databases: bool = True,
) -> t.Iterator[Opened]:
    """Open a folder for one command.

    :param databases: The command looks at the databases.
    """
    state = current_state()
    config = state.migrate.get_config(directory, x_arg=x_arg, opts=opts)
    if databases:
        state.name_left_out(str(directory or state.directory))
    alembic = FolderAlembic(state, config)
    with alembic.ending(), state.lending_args():
        yield Opened(state, config, alembic)


def catch_errors(f: t.Callable[P, R]) -> t.Callable[P, R]:
    """Log what is refused as ``Error: …`` and end the process, as Flask-Migrate does.

    :raises MigrateError: Holds the original as its cause.
    """

    @functools.wraps(f)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return f(*args, **kwargs)
        except Exception as error:
            if not _is_refusal(error):
                raise
            logger.error("Error: %s", error)
            raise MigrateError(f"Error: {error}") from error

    return wrapped


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, (RuntimeError, MigrationError)):
        return True
    from .config import is_refusal

    return is_refusal(error)


# -- folders ---------------------------------------------------------------------------


@catch_errors
def list_templates() -> None:
    """List the templates that ``init`` can use."""
    from .config import Config

    listing.templates(Config())


@catch_errors
def init(
    directory: Directory = None,
    multidb: bool = False,
    template: str | None = None,
    package: bool = False,
) -> None:
    """Make a migrations folder.

    :param multidb: For the default database and all binds.
    :param template: A template's name, or a folder that is one.
    :param package: Make the folder importable.
    """
    from . import making

    state = current_state()
    making.make(
        state.migrate, str(directory or state.directory), multidb, template, package
    )


# -- revision files --------------------------------------------------------------------


@catch_errors
def revision(
    directory: Directory = None,
    message: str | None = None,
    autogenerate: bool = False,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | os.PathLike[str] | None = None,
    rev_id: str | None = None,
    *,
    renames: Renames = None,
    defaults: t.Mapping[str, str] | None = None,
    ask: Ask | None = None,
    prove: bool | None = None,
) -> list[Script]:
    """Write a revision file.

    :param renames: Old name -> new name, as :meth:`flask_alembic.Alembic.revision`
        takes them; ``defaults``, ``ask`` and ``prove`` likewise.
    :raises MigrateError: Among others, the file was written and its proof failed.
    """
    from . import drafting

    opts = ["autogenerate"] if autogenerate else []
    with opened(directory, opts=opts, databases=autogenerate) as folder:
        return drafting.write(
            folder.alembic,
            folder.config,
            message,
            autogenerate=autogenerate,
            sql=sql,
            head=head,
            splice=splice,
            branch_label=branch_label,
            version_path=version_path,
            rev_id=rev_id,
            decided={
                "renames": renames,
                "defaults": defaults,
                "ask": ask,
                "prove": prove,
            },
        )


@catch_errors
def migrate(
    directory: Directory = None,
    message: str | None = None,
    sql: bool = False,
    head: str = "head",
    splice: bool = False,
    branch_label: str | None = None,
    version_path: str | os.PathLike[str] | None = None,
    rev_id: str | None = None,
    x_arg: XArg = None,
    *,
    renames: Renames = None,
    defaults: t.Mapping[str, str] | None = None,
    ask: Ask | None = None,
    prove: bool | None = None,
) -> list[Script]:
    """Write a revision file from the differences between models and databases.

    :param renames: Old name -> new name, as :meth:`flask_alembic.Alembic.revision`
        takes them; ``defaults``, ``ask`` and ``prove`` likewise.
    :raises MigrateError: Among others, the file was written and its proof failed.
    """
    from . import drafting

    with opened(directory, x_arg=x_arg, opts=["autogenerate"]) as folder:
        return drafting.write(
            folder.alembic,
            folder.config,
            message,
            autogenerate=True,
            sql=sql,
            head=head,
            splice=splice,
            branch_label=branch_label,
            version_path=version_path,
            rev_id=rev_id,
            decided={
                "renames": renames,
                "defaults": defaults,
                "ask": ask,
                "prove": prove,
            },
        )


@catch_errors
def edit(directory: Directory = None, revision: str = "current") -> None:
    """Open revision files in the editor that the environment names."""
    with opened(directory, databases=revision == "current") as folder:
        paths = listing.paths(folder.alembic, revision)
    from .config import open_in_editor

    for path in paths:
        open_in_editor(path)


@catch_errors
def merge(
    directory: Directory = None,
    revisions: str | t.Sequence[str] = "",
    message: str | None = None,
    branch_label: str | None = None,
    rev_id: str | None = None,
) -> Script:
    """Join heads in a new revision file."""
    with opened(directory, databases=False) as folder:
        chosen = revisions if isinstance(revisions, str) else list(revisions)
        return folder.alembic.merge(
            chosen or "heads", message, branch_label, rev_id=rev_id
        )


# -- databases -------------------------------------------------------------------------


@catch_errors
def upgrade(
    directory: Directory = None,
    revision: str = "head",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    dry_run: bool = False,
    replay: bool = False,
) -> Report | dict[str, str]:
    """Run revisions until the databases are at one.

    :param tag: For an env.py that asks for it.
    :param dry_run: Run everything, and roll it back.
    :param replay: Run every revision, as :meth:`flask_alembic.Alembic.upgrade` has it;
        under an env.py no snapshot is used anyway.
    :return: What was done; with ``sql`` the SQL that no env.py has written itself.
    """
    with opened(directory, x_arg=x_arg) as folder:
        if not sql:
            _refuse_range(revision)
            return folder.alembic.upgrade(
                revision, tag=tag, dry_run=dry_run, replay=replay
            )
        scripts = folder.alembic.upgrade(revision, sql=True, tag=tag, replay=replay)
        return listing.scripts(folder.config, scripts)


@catch_errors
def downgrade(
    directory: Directory = None,
    revision: str = "-1",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    dry_run: bool = False,
) -> Report | dict[str, str]:
    """Undo revisions until the databases are at one.

    :param tag: For an env.py that asks for it.
    :param dry_run: Run everything, and roll it back.
    :return: What was done; with ``sql`` the SQL that no env.py has written itself.
    """
    with opened(directory, x_arg=x_arg) as folder:
        if not sql:
            _refuse_range(revision)
            return folder.alembic.downgrade(revision, tag=tag, dry_run=dry_run)
        target = "head:-1" if revision == "-1" else revision
        scripts = folder.alembic.downgrade(target, sql=True, tag=tag)
        return listing.scripts(folder.config, scripts)


def _refuse_range(revision: str) -> None:
    if ":" in str(revision):
        raise MigrationError("Range revision not allowed")


@catch_errors
def stamp(
    directory: Directory = None,
    revision: str | t.Sequence[str] = "head",
    sql: bool = False,
    tag: str | None = None,
    purge: bool = False,
) -> Report | dict[str, str]:
    """Write the version table without running revisions.

    :param tag: For an env.py that asks for it.
    :param purge: Empty the version table first.
    :return: As :func:`upgrade`.
    """
    target = revision if isinstance(revision, str) else list(revision)
    with opened(directory) as folder:
        if not sql:
            return folder.alembic.stamp(target, tag=tag, purge=purge)
        scripts = folder.alembic.stamp(target, sql=True, tag=tag, purge=purge)
        return listing.scripts(folder.config, scripts)


@catch_errors
def check(directory: Directory = None) -> None:
    """Fail if the models differ from the databases.

    :raises MigrateError: They do.
    """
    with opened(directory) as folder:
        listing.check(folder.alembic)
        folder.config.print_stdout("No new upgrade operations detected.")


# -- looking ---------------------------------------------------------------------------


@catch_errors
def show(directory: Directory = None, revision: str = "head") -> None:
    """Print all that is known of a revision."""
    with opened(directory, databases=revision == "current") as folder:
        listing.show(folder.alembic, folder.config, revision)


@catch_errors
def history(
    directory: Directory = None,
    rev_range: str | None = None,
    verbose: bool = False,
    indicate_current: bool = False,
) -> None:
    """Print the revisions, newest first.

    :param rev_range: ``start:end``, either of which may be left out.
    :param indicate_current: Mark what is applied.
    """
    with opened(directory, databases=False) as folder:
        listing.history(
            folder.alembic, folder.config, rev_range, verbose, indicate_current
        )


@catch_errors
def heads(
    directory: Directory = None,
    verbose: bool = False,
    resolve_dependencies: bool = False,
) -> None:
    """Print the revisions that nothing follows."""
    with opened(directory, databases=False) as folder:
        listing.heads(folder.alembic, folder.config, verbose, resolve_dependencies)


@catch_errors
def branches(directory: Directory = None, verbose: bool = False) -> None:
    """Print the revisions that several follow."""
    with opened(directory, databases=False) as folder:
        listing.branches(folder.alembic, folder.config, verbose)


@catch_errors
def current(directory: Directory = None, verbose: bool = False) -> None:
    """Print what is applied to each database."""
    with opened(directory) as folder:
        listing.current(folder.alembic, folder.config, verbose)

"""The ``flask db`` group: Flask-Migrate's commands, and what Flask-Alembic adds."""

from __future__ import annotations

import functools
import logging
import traceback
import typing as t
from collections.abc import MutableMapping

import click
from flask import current_app
from flask import g
from flask.cli import with_appcontext

from flask_alembic.cli import cli as core_group
from flask_alembic.cli import LazyGroup
from flask_alembic.cli import TRACEBACK
from flask_alembic.cli import traceback_option
from flask_alembic.cli.asking import can_ask
from flask_alembic.cli.asking import confirm_drops
from flask_alembic.cli.asking import Direction
from flask_alembic.cli.deciding import DECISIONS
from flask_alembic.cli.deciding import decisions
from flask_alembic.cli.deciding import prove
from flask_alembic.cli.failures import exit_code
from flask_alembic.cli.failures import failure_lines
from flask_alembic.cli.invocation import EXTENSION
from flask_alembic.cli.invocation import TargetCommand
from flask_alembic.cli.options import replay
from flask_alembic.cli.plans import show_dry_run
from flask_alembic.cli.recording import recorded
from flask_alembic.cli.render import show_error

from . import commands
from .errors import MigrateError
from .state import current_state

logger = logging.getLogger("flask_migrate")

Body: t.TypeAlias = t.Callable[..., t.Any]
Option: t.TypeAlias = t.Callable[[Body], Body]

LEFT_OUT = frozenset(["mkdir"])
"""What Flask-Alembic adds, but ``init`` does here."""


class MigrateGroup(LazyGroup):
    """The commands here, and Flask-Alembic's where there is none of the same name."""

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """The commands by name; reading it loads them all."""
        for name, command in core_group.commands.items():
            if name not in LEFT_OUT:
                self._commands.setdefault(name, command)
        return self._commands

    @commands.setter
    def commands(self, value: MutableMapping[str, click.Command]) -> None:
        self._commands = value

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command, without loading the others."""
        self._commands[name or cmd.name or ""] = cmd

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command; those of this package without loading the others."""
        return self._commands.get(cmd_name) or self.commands.get(cmd_name)


directory_option = click.option(
    "-d",
    "--directory",
    default=None,
    help='Migration script directory (default is "migrations").',
)
x_option = click.option(
    "-x",
    "--x-arg",
    multiple=True,
    help="Additional argument for a custom env.py. Can be given several times.",
)
message_option = click.option("-m", "--message", default=None, help="Revision message.")
sql_option = click.option(
    "--sql", is_flag=True, help="Write SQL to standard output instead of running it."
)
tag_option = click.option(
    "--tag", default=None, help="Arbitrary tag for a custom env.py."
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Show all that is known of each revision."
)
branch_label_option = click.option(
    "--branch-label", default=None, help="Branch label of the new revision."
)
rev_id_option = click.option(
    "--rev-id", default=None, help="Id of the new revision, instead of a random one."
)


@click.group(
    "db",
    cls=MigrateGroup,
    params=[traceback_option],
    short_help="Perform database migrations.",
)
@directory_option
@x_option
@with_appcontext
def db(directory: str | None, x_arg: tuple[str, ...]) -> None:
    """Create, change, inspect and roll back the database schema."""
    g.directory = directory
    # Migrate.get_config() takes them from here.
    g.x_arg = x_arg
    state = current_app.extensions.get("migrate")
    if state is not None:
        click.get_current_context().meta[EXTENSION] = state.alembic


def _command(
    *options: Option,
    cls: type[click.Command] = click.Command,
    more: t.Sequence[click.Parameter] = (),
) -> t.Callable[[Body], click.Command]:
    """Make a function a command that ends with one line for an error."""

    def decorate(body: Body) -> click.Command:
        @functools.wraps(body)
        @with_appcontext
        def callback(*args: t.Any, **kwargs: t.Any) -> None:
            _run(body, kwargs)

        decorated: t.Any = callback
        for option in reversed(options):
            decorated = option(decorated)
        command = click.command(body.__name__.replace("_", "-"), cls=cls)(decorated)
        command.params += [*more, traceback_option]
        db.add_command(command)
        return command

    return decorate


def _run(body: Body, options: dict[str, t.Any]) -> None:
    if "directory" in options:
        options["directory"] = options["directory"] or g.get("directory")
    try:
        body(**options)
    except MigrateError as error:
        _show_traceback(error.__cause__ or error)
        if not _is_seen(logger):
            click.echo(str(error), err=True)
        raise
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        _show_traceback(error)
        show_error(failure_lines(error))
        raise click.exceptions.Exit(exit_code(error)) from error


def _show_traceback(error: BaseException) -> None:
    if click.get_current_context().meta.get(TRACEBACK):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _is_seen(found: logging.Logger) -> bool:
    """Whether a logger's errors reach the terminal."""
    if found.disabled or not found.isEnabledFor(logging.ERROR):
        return False
    handlers: list[logging.Handler] = []
    at: logging.Logger | None = found
    while at is not None:
        handlers += at.handlers
        at = at.parent if at.propagate else None
    # Without any handler Python prints errors itself.
    return not handlers or any(hasattr(handler, "stream") for handler in handlers)


# -- folders ---------------------------------------------------------------------------


@_command()
def list_templates() -> None:
    """List available templates."""
    commands.list_templates()


@_command(
    directory_option,
    click.option("--multidb", is_flag=True, help="Support multiple databases."),
    click.option(
        "-t",
        "--template",
        default=None,
        help='Template to use, or a path to one (default is "flask").',
    ),
    click.option(
        "--package", is_flag=True, help="Write empty __init__.py files to the folders."
    ),
)
def init(
    directory: str | None, multidb: bool, template: str | None, package: bool
) -> None:
    """Create a new migrations folder."""
    commands.init(directory, multidb, template, package)


# -- revision files --------------------------------------------------------------------

WRITING_OPTIONS = (
    message_option,
    sql_option,
    click.option(
        "--head",
        default="head",
        help="Head revision or <branchname>@head to base the new revision on.",
    ),
    click.option("--splice", is_flag=True, help="Allow a revision that is not a head."),
    branch_label_option,
    click.option(
        "--version-path",
        default=None,
        help="Folder for the new revision, one of the configured ones.",
    ),
    rev_id_option,
)


@_command(
    directory_option,
    click.option(
        "--autogenerate",
        is_flag=True,
        help="Fill it with the differences between models and databases.",
    ),
    *WRITING_OPTIONS,
    more=(*DECISIONS, prove),
)
def revision(**options: t.Any) -> None:
    """Create a new revision file."""
    commands.revision(**_decided(options))


@_command(directory_option, *WRITING_OPTIONS, x_option, more=(*DECISIONS, prove))
def migrate(**options: t.Any) -> None:
    """Create a revision file from the differences between models and databases."""
    commands.migrate(**_decided(options))


def _decided(options: dict[str, t.Any]) -> dict[str, t.Any]:
    """Read the options that decide what a comparison can't know.

    Who calls a command's callback from Python may leave them out.
    """
    said = {
        str(option.name): options.pop(
            str(option.name), () if option.multiple else False
        )
        for option in DECISIONS
    }
    return {**options, **decisions(**said)}


@_command(directory_option, click.argument("revision", default="head"))
def edit(directory: str | None, revision: str) -> None:
    """Edit a revision file."""
    commands.edit(directory, revision)


@_command(
    directory_option,
    message_option,
    branch_label_option,
    rev_id_option,
    click.argument("revisions", nargs=-1),
)
def merge(**options: t.Any) -> None:
    """Merge revisions, creating a new revision file."""
    commands.merge(**options)


# -- databases -------------------------------------------------------------------------

RUN_OPTIONS = (directory_option, sql_option, tag_option)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Run everything and roll it back; report it."
)
yes_option = click.option(
    "-y",
    "--yes",
    is_flag=True,
    help="Drop tables and columns without asking on a terminal.",
)


def _migrate(direction: Direction, *, yes: bool = False, **options: t.Any) -> None:
    """Run migrations, after asking on a terminal where data would be dropped.

    Who calls a command's callback from Python may leave options out.
    """
    dry_run, sql = options.get("dry_run"), options.get("sql")
    if dry_run and sql:
        raise click.UsageError("'--sql' and '--dry-run' can't be used together.")
    if not (yes or dry_run or sql) and can_ask():
        _confirm(direction, **options)
    report = getattr(commands, direction)(**options)
    if dry_run:
        show_dry_run(report)


@commands.catch_errors
def _confirm(
    direction: Direction,
    directory: str | None = None,
    revision: str | None = None,
    x_arg: t.Sequence[str] | None = None,
    replay: bool = False,
    **_: t.Any,
) -> None:
    target = revision or ("head" if direction == "upgrade" else "-1")
    with commands.opened(directory, x_arg=x_arg) as folder:
        confirm_drops(folder.alembic, direction, target, replay=replay)


@_command(
    *RUN_OPTIONS,
    x_option,
    dry_run_option,
    yes_option,
    click.argument("revision", default="head"),
    cls=TargetCommand,
    more=(replay,),
)
def upgrade(**options: t.Any) -> None:
    """Upgrade to a later version."""
    _migrate("upgrade", **options)


@_command(
    *RUN_OPTIONS,
    x_option,
    dry_run_option,
    yes_option,
    click.argument("revision", default="-1"),
    cls=TargetCommand,
)
def downgrade(**options: t.Any) -> None:
    """Revert to a previous version."""
    _migrate("downgrade", **options)


@_command(
    *RUN_OPTIONS,
    click.option(
        "--purge", is_flag=True, help="Empty the version table before stamping."
    ),
    click.argument("revision", default="head"),
)
def stamp(**options: t.Any) -> None:
    """Set the applied revision without running migrations."""
    commands.stamp(**options)


@_command(directory_option)
def check(directory: str | None) -> None:
    """Check if there are any new operations to migrate."""
    commands.check(directory)


# -- looking ---------------------------------------------------------------------------


@_command(directory_option, click.argument("revision", default="head"))
def show(directory: str | None, revision: str) -> None:
    """Show the revision denoted by the given symbol."""
    commands.show(directory, revision)


@_command(
    directory_option,
    click.option(
        "-r", "--rev-range", default=None, help="Revision range: [start]:[end]."
    ),
    verbose_option,
    click.option(
        "-i", "--indicate-current", is_flag=True, help="Indicate what is applied."
    ),
    click.option(
        "--applied",
        is_flag=True,
        help="Show what was run on the databases instead, newest first.",
    ),
)
def history(applied: bool, **options: t.Any) -> None:
    """List the revisions, newest first."""
    if not applied:
        commands.history(**options)
        return
    if options["rev_range"] or options["indicate_current"]:
        raise click.UsageError("'--applied' goes without '-r' and '-i'.")
    g.directory = options["directory"]
    recorded(current_state().alembic, "history").show()


@_command(
    directory_option,
    verbose_option,
    click.option(
        "--resolve-dependencies",
        is_flag=True,
        help="Treat dependencies as down revisions.",
    ),
)
def heads(**options: t.Any) -> None:
    """Show the revisions that no revision follows."""
    commands.heads(**options)


@_command(directory_option, verbose_option)
def branches(**options: t.Any) -> None:
    """Show the revisions that more than one revision follows."""
    commands.branches(**options)


@_command(directory_option, verbose_option)
def current(**options: t.Any) -> None:
    """Show the revisions that are applied to each database."""
    commands.current(**options)

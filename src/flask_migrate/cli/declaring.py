"""How a command is made and run: its context, its errors, options that several have."""

from __future__ import annotations

import functools
import logging
import typing as t

import click
from flask import g
from flask.cli import with_appcontext

from flask_alembic.cli import TRACEBACK
from flask_alembic.cli import traceback_option

from ..errors import MigrateError

logger = logging.getLogger("flask_migrate")

Body: t.TypeAlias = t.Callable[..., t.Any]
Option: t.TypeAlias = t.Callable[[Body], Body]

message_option = click.option("-m", "--message", default=None, help="Revision message.")
sql_option = click.option(
    "--sql", is_flag=True, help="Write SQL to standard output instead of running it."
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


def command(
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
        made = click.command(body.__name__.replace("_", "-"), cls=cls)(decorated)
        made.params += [*more, traceback_option]
        return made

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
        # Late, as no command needs them that ends well.
        from flask_alembic.cli.failures import exit_code
        from flask_alembic.cli.failures import failure_lines
        from flask_alembic.cli.render import show_error

        _show_traceback(error)
        show_error(failure_lines(error))
        raise click.exceptions.Exit(exit_code(error)) from error


def _show_traceback(error: BaseException) -> None:
    if click.get_current_context().meta.get(TRACEBACK):
        import traceback

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

"""How a command runs: the application's context, the exit code, errors in one line."""

from __future__ import annotations

import contextlib
import functools
import sys
import traceback
import typing as t

import click
from flask import current_app
from flask.cli import ScriptInfo

from ..errors import SetupError
from . import EXTENSION
from . import TRACEBACK
from . import traceback_option

if t.TYPE_CHECKING:
    from ..extension import Alembic
    from ..results import Report


class Answer:
    """What a command found, and how it is shown where JSON isn't asked for."""

    def __init__(
        self, report: Report, show: t.Callable[[], None] = lambda: None
    ) -> None:
        self.report = report
        self.show = show


Body = t.Callable[..., Answer]


def command(
    name: str, *params: click.Parameter, cls: type[click.Command] = click.Command
) -> t.Callable[[Body], click.Command]:
    """Make a function that gives an answer a command.

    :param params: Arguments and options, in the order in which help lists them.
    """

    def decorate(body: Body) -> click.Command:
        @functools.wraps(body)
        def callback(**options: t.Any) -> None:
            run(name, body, options)

        all_params = [*params, traceback_option]
        return cls(name, params=all_params, callback=callback, help=body.__doc__)

    return decorate


def run(name: str, body: Body, options: dict[str, t.Any]) -> None:
    """Call a command's function, show its answer and end with its exit code."""
    as_json = options.pop("as_json", False)
    check_options(options, as_json)
    try:
        with application_context(), clean_output(as_json or options.get("sql")):
            extension = current_extension()
            with extension.command():
                answer = body(extension, **options)
        if as_json:
            from .formats import document

            click.echo(document(answer.report))
        else:
            answer.show()
        code = answer.report.exit_code
    except (click.ClickException, BrokenPipeError):
        raise
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        fail(name, error, as_json)
        from .failures import exit_code

        code = exit_code(error)
    if code:
        raise click.exceptions.Exit(code)


def check_options(options: t.Mapping[str, t.Any], as_json: bool) -> None:
    """Refuse options that don't go together."""
    if options.get("output") is not None and not options["sql"]:
        raise click.UsageError("'--output' needs '--sql'.")
    if options.get("sql") and as_json:
        raise click.UsageError("'--sql' and '--json' can't be used together.")
    if options.get("sql") and options.get("dry_run"):
        raise click.UsageError("'--sql' and '--dry-run' can't be used together.")


def fail(name: str, error: BaseException, as_json: bool) -> None:
    """Say what went wrong."""
    # Late, as no command needs them that ends well.
    from .failures import failed_report
    from .failures import failure_lines
    from .formats import document
    from .render import show_error

    ctx = click.get_current_context(silent=True)
    if ctx is not None and ctx.meta.get(TRACEBACK):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if as_json:
        click.echo(document(failed_report(name, error)))
    show_error(failure_lines(error))


@contextlib.contextmanager
def application_context() -> t.Iterator[None]:
    """Be in an application's context; the one that is there is good."""
    if current_app:
        yield
        return
    ctx = click.get_current_context()
    with ctx.ensure_object(ScriptInfo).load_app().app_context():
        yield


def clean_output(wanted: bool | None) -> contextlib.AbstractContextManager[t.Any]:
    """Send what migrations print to stderr where stdout is for a program to read."""
    return (
        contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext()
    )


def current_extension() -> Alembic:
    """The extension that the group works with, or the current application's."""
    ctx = click.get_current_context(silent=True)
    extension = None if ctx is None else ctx.meta.get(EXTENSION)
    extension = extension or current_app.extensions.get("alembic")
    if extension is None:
        raise SetupError(
            f"The application '{current_app.name}' has no Flask-Alembic.",
            fix="Call 'alembic.init_app(app)' where the application is made.",
        )
    return t.cast("Alembic", extension)

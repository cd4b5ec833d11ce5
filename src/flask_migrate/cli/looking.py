"""Commands that look."""

from __future__ import annotations

import typing as t

import click
from flask import g

from .. import commands
from ..state import current_state
from . import directory_option
from .declaring import command
from .declaring import verbose_option


@command(directory_option)
def check(directory: str | None) -> None:
    """Check if there are any new operations to migrate."""
    commands.check(directory)


@command(directory_option, click.argument("revision", default="head"))
def show(directory: str | None, revision: str) -> None:
    """Show the revision denoted by the given symbol."""
    commands.show(directory, revision)


@command(
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
    from flask_alembic.cli.recording import recorded

    g.directory = options["directory"]
    recorded(current_state().alembic, "history").show()


@command(
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


@command(directory_option, verbose_option)
def branches(**options: t.Any) -> None:
    """Show the revisions that more than one revision follows."""
    commands.branches(**options)


@command(directory_option, verbose_option)
def current(**options: t.Any) -> None:
    """Show the revisions that are applied to each database."""
    commands.current(**options)

"""Commands that write revision files, or open them."""

from __future__ import annotations

import typing as t

import click

from flask_alembic.cli.deciding import DECISIONS
from flask_alembic.cli.deciding import decisions
from flask_alembic.cli.deciding import prove

from .. import commands
from . import directory_option
from . import x_option
from .declaring import branch_label_option
from .declaring import command
from .declaring import message_option
from .declaring import rev_id_option
from .declaring import sql_option

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


@command(
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


@command(directory_option, *WRITING_OPTIONS, x_option, more=(*DECISIONS, prove))
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


@command(directory_option, click.argument("revision", default="head"))
def edit(directory: str | None, revision: str) -> None:
    """Edit a revision file."""
    commands.edit(directory, revision)


@command(
    directory_option,
    message_option,
    branch_label_option,
    rev_id_option,
    click.argument("revisions", nargs=-1),
)
def merge(**options: t.Any) -> None:
    """Merge revisions, creating a new revision file."""
    commands.merge(**options)

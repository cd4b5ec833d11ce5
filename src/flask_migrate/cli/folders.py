"""Commands that make migrations folders."""

from __future__ import annotations

import click

from .. import commands
from . import directory_option
from .declaring import command


@command()
def list_templates() -> None:
    """List available templates."""
    commands.list_templates()


@command(
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

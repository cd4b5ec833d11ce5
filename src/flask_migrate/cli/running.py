"""Commands that change databases."""

from __future__ import annotations

import typing as t

import click

from flask_alembic.cli.asking import can_ask
from flask_alembic.cli.asking import confirm_drops
from flask_alembic.cli.asking import Direction
from flask_alembic.cli.options import replay
from flask_alembic.cli.options import TargetCommand

from .. import commands
from . import directory_option
from . import x_option
from .declaring import command
from .declaring import sql_option

tag_option = click.option(
    "--tag", default=None, help="Arbitrary tag for a custom env.py."
)
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
        from flask_alembic.cli.plans import show_dry_run

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


@command(
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


@command(
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


@command(
    *RUN_OPTIONS,
    click.option(
        "--purge", is_flag=True, help="Empty the version table before stamping."
    ),
    click.argument("revision", default="head"),
)
def stamp(**options: t.Any) -> None:
    """Set the applied revision without running migrations."""
    commands.stamp(**options)

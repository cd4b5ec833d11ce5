"""Options that several commands have."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import click


class TargetCommand(click.Command):
    """A command that takes ``-1`` as an argument, not as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put negative counts where click takes everything as an argument."""
        counts = [arg for arg in args if re.fullmatch(r"-\d+", arg)]
        if counts and "--" not in args:
            args = [arg for arg in args if arg not in counts] + ["--", *counts]
        return super().parse_args(ctx, args)


def flag(name: str, help: str, *names: str) -> click.Option:
    """An option without a value."""
    return click.Option([*names, name], is_flag=True, help=help)


def many(name: str, help: str, *names: str, **options: t.Any) -> click.Option:
    """An option that may be given several times."""
    return click.Option([*names, name], multiple=True, help=help, **options)


def target(default: str) -> click.Argument:
    """The revision to go to."""
    return click.Argument(["target"], default=default)


verbose = flag("--verbose", "Show all that is known of each revision.", "-v")

as_json = click.Option(
    ["--json", "as_json"], is_flag=True, help="Print one JSON document."
)

databases = click.Option(
    ["--database", "databases"],
    multiple=True,
    metavar="NAME",
    help="Look only at this database. Can be given several times.",
)

label = many("--label", "A label for the revision. Can be given several times.", "-l")

rev_id = click.Option(["--rev-id"], help="The id to use instead of a new one.")

sql = flag("--sql", "Print SQL instead of running it.")

output = click.Option(
    ["--output"],
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --sql, write a file for each database into this folder.",
)

dry_run = flag("--dry-run", "Run everything and roll it back; report what it did.")

replay = flag("--replay", "Run every revision; use no snapshot.")

applied = flag("--applied", "Show what was run on the databases instead, newest first.")

yes = flag("--yes", "Drop tables and columns without asking on a terminal.", "-y")

all_tables = flag(
    "--all-tables",
    "Drop tables without a model whoever made them, even if none is left.",
)

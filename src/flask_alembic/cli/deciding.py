"""What a draft can't know: said by options, or asked on a terminal."""

from __future__ import annotations

import typing as t

import click

from . import options
from .asking import can_ask

if t.TYPE_CHECKING:
    from ..results import Question

DECISIONS = (
    options.many(
        "--rename",
        "A renamed column, or an enum's value, as TABLE.OLD=NEW or"
        " TABLE.COLUMN.OLD=NEW. Can be given several times.",
        "renames",
        metavar="OLD=NEW",
    ),
    options.many(
        "--rename-table",
        "A renamed table. Can be given several times.",
        "rename_tables",
        metavar="OLD=NEW",
    ),
    options.flag("--no-renames", "Take nothing for renamed, and don't ask."),
    options.many(
        "--default",
        "A value in SQL for the rows that need one, as TABLE.COLUMN=SQL. Can be given"
        " several times.",
        "defaults",
        metavar="COLUMN=SQL",
    ),
)
"""Options of the commands that compare and write."""

prove = click.Option(
    ["--prove/--no-prove"],
    default=None,
    help="Upgrade, downgrade and upgrade it on scratch databases.  "
    "[default: ALEMBIC_PROVE]",
)


def decisions(
    renames: tuple[str, ...],
    rename_tables: tuple[str, ...],
    no_renames: bool,
    defaults: tuple[str, ...],
) -> dict[str, t.Any]:
    """Read these options into the arguments of :meth:`.Alembic.revision`.

    :raises click.UsageError: They can't be read, or contradict each other.
    """
    said = _pairs("--rename", renames) | _pairs("--rename-table", rename_tables)
    if no_renames and said:
        raise click.UsageError("'--no-renames' goes without '--rename'.")
    for name in _pairs("--rename", renames):
        if "." not in name:
            raise click.UsageError(
                f"'--rename {name}=…' names no table; a table's is '--rename-table'."
            )
    return {
        "renames": False if no_renames else said or None,
        "defaults": _pairs("--default", defaults) or None,
        "ask": ask if can_ask() else None,
    }


def _pairs(option: str, values: t.Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, sign, other = value.partition("=")
        if not (name and sign and other):
            raise click.UsageError(f"'{option}' takes NAME=VALUE, not '{value}'.")
        found[name.strip()] = other.strip()
    return found


def ask(question: Question) -> t.Any:
    """Ask on the terminal; no answer at all ends the command."""
    click.echo(f"\n{question.text}", err=True)
    width = max(map(len, question.details), default=0)
    for name, definition in question.details.items():
        click.echo(f"  {name:{width}}  {definition}", err=True)
    if isinstance(question.default, bool):
        return click.confirm("Renamed?", default=question.default, err=True)
    return click.prompt("Value", default=question.default or "", err=True)

"""What a revision does to a database, and what became of it."""

from __future__ import annotations

import dataclasses
import typing as t

from .data import Data

if t.TYPE_CHECKING:
    from .databases import Database
    from .revisions import Revision

Direction = t.Literal["upgrade", "downgrade", "stamp", "snapshot"]

StepState = t.Literal["done", "rolled_back", "failed", "skipped", "not_run"]

Blocks = t.Literal["nobody", "writers", "readers and writers"]

ROWS_COUNTED = 100_000
"""How far the rows of a table are counted."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Statement(Data):
    """One SQL statement.

    :param kind: First words that tell what it does, such as ``CREATE TABLE``.
    :param table: The table that it names, if any.
    :param in_transaction: Whether a rollback undoes it.
    """

    sql: str
    kind: str
    table: str | None = None
    in_transaction: bool = True


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Drop(Data):
    """A table or a column that a statement drops.

    :param column: None if it is the whole table.
    :param rows: How many rows the table has; one more than ``ROWS_COUNTED`` stands
        for more than these, None for a table that isn't there yet.
    """

    table: str
    column: str | None = None
    rows: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Step(Data):
    """One revision going one way, or a snapshot of many.

    :param revision: Of a snapshot: the ids that are applied then, and its file.
    :param statements: Its SQL, where it was asked for.
    :param drops: What these statements drop.
    :param note: Why there are no statements.
    """

    revision: Revision
    direction: Direction
    statements: tuple[Statement, ...] = ()
    drops: tuple[Drop, ...] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class Plan(Data):
    """What a command would do to one database.

    :param current: Applied head ids.
    :param target: Applied head ids afterwards.
    :param steps: In the order in which they will run.
    """

    database: Database
    current: tuple[str, ...]
    target: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class TableLock(Data):
    """The strongest lock that a dry run took on a table; it lasts until the commit.

    :param mode: The database's name for it.
    :param blocks: Who waits for it among those that read and write the table.
    :param rewritten: Whether all of the table's rows were written anew.
    :param rows: How many rows it had before, as the database estimates.
    :param bytes: Its size before, without indexes, likewise.
    """

    table: str
    mode: str
    blocks: Blocks
    rewritten: bool = False
    rows: int | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False)
class StepResult(Data):
    """What became of a step.

    :param state: ``rolled_back`` if it ran and was undone, ``skipped`` if the
        revision has nothing for this database, ``not_run`` if a dry run can't try it.
    :param seconds: How long it ran.
    :param error: Type and text of what it raised, or why it wasn't tried.
    :param statements: What it executed; of a dry run only.
    :param locks: The tables that it locked, or locked more strongly than the steps
        before it; of a dry run on a database that tells.
    """

    step: Step
    state: StepState
    seconds: float = 0.0
    error: str | None = None
    statements: tuple[Statement, ...] = ()
    locks: tuple[TableLock, ...] = ()

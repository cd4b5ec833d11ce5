"""Who answers what a comparison can't know: the caller, or nobody."""

from __future__ import annotations

import typing as t

from ...results import Finding
from ...results import Question
from .definitions import definition
from .definitions import table_definition
from .renames.scores import AnyShape
from .renames.scores import Candidate
from .renames.scores import Shape
from .renames.scores import TableShape

if t.TYPE_CHECKING:
    from .refining import Choices

POSSIBLE_RENAME = "possible-rename"


def column_option(table: str, old: Shape, new: Shape) -> str:
    """What says yes on the command line, and is the name of the answer."""
    return f"--rename {table}.{old.name}={new.name}"


def table_option(schema: str | None, old: TableShape, new: TableShape) -> str:
    """Likewise, for a table."""
    prefix = f"{schema}." if schema else ""
    return f"--rename-table {prefix}{old.name}={new.name}"


def about_column(
    database: str, table: str, candidate: Candidate[Shape], shown: str
) -> Question:
    """Ask whether a column is another one's new name.

    :param table: As the command line has it.
    :param shown: The table as it is called now.
    """
    old, new = candidate.old, candidate.new
    return Question(
        code="rename-column",
        database=database,
        text=f"Is the column {shown}.{new.name} the old {table}.{old.name}, renamed?",
        name=f"{table}.{old.name}",
        details={old.name: definition(old), new.name: definition(new)},
        option=column_option(table, old, new),
        default=candidate.strong,
    )


def about_table(
    database: str, schema: str | None, candidate: Candidate[TableShape]
) -> Question:
    """Ask whether a table is another one's new name."""
    old, new = candidate.old, candidate.new
    prefix = f"{schema}." if schema else ""
    return Question(
        code="rename-table",
        database=database,
        text=f"Is the table {prefix}{new.name} the old {prefix}{old.name}, renamed?",
        name=f"{prefix}{old.name}",
        details={old.name: table_definition(old), new.name: table_definition(new)},
        option=table_option(schema, old, new),
        default=candidate.strong,
    )


def answered(question: Question, choices: Choices) -> bool | None:
    """The answer, None if nobody is there.

    What was said of one database holds for the others of the same command.
    """
    if choices.ask is None:
        return None
    if question.option not in choices.answers:
        choices.answers[question.option] = bool(choices.ask(question))
    return bool(choices.answers[question.option])


def agreed(
    old: t.Sequence[AnyShape],
    new: t.Sequence[AnyShape],
    option: t.Callable[[AnyShape, AnyShape], str],
    choices: Choices,
) -> list[Candidate[AnyShape]]:
    """The pairs that were agreed to for another database, however they look here.

    :param option: What says yes to a pair.
    """
    return [
        Candidate(a, b, 1.0, strong=True)
        for a in old
        for b in new
        if choices.answers.get(option(a, b)) is True
    ]


def possible(question: Question) -> Finding:
    """Say that something may be a rename, where nobody was asked."""
    old, new = question.details
    return Finding(
        POSSIBLE_RENAME,
        "warning",
        f"{question.name} may have been renamed to {new} (database"
        f" {question.database!r}).",
        effect=f"The draft drops {old}, with what is in it, and adds {new}.",
        fix=f"Say {question.option} if it was renamed, --no-renames if not.",
        where=question.name,
    )

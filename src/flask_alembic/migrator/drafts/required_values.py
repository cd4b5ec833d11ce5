"""Values for the rows of a required column: who knows one, and how it is said."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...results import Question
from .definitions import definition
from .definitions import Shapes
from .sql_text import literal

if t.TYPE_CHECKING:
    from .refining import Refinement

Column: t.TypeAlias = "sa.Column[t.Any]"


class Values:
    """What is known for the columns of one database, as SQL.

    The caller knows first, then the database; otherwise somebody is asked, who is offered
    what the model has.
    """

    def __init__(self, refinement: Refinement) -> None:
        self._context = refinement.context
        self._choices = refinement.choices

    def said(self, name: str) -> str | None:
        """What the caller has said beforehand.

        :param name: The column's, with its table.
        """
        return self._choices.defaults.get(name)

    def of_database(self, column: Column) -> str | None:
        """The column's default in the database."""
        dialect = self._context.dialect
        compiler = t.cast(t.Any, dialect).ddl_compiler(dialect, None)
        return t.cast("str | None", compiler.get_column_default_string(column))

    def asked(self, column: Column, name: str) -> str:
        """What somebody answers, or else the model's own default; empty for none."""
        default = self._of_model(column)
        question = self._question(column, name, default)
        choices = self._choices
        if choices.ask is None:
            return default or ""
        if question.option not in choices.answers:
            choices.answers[question.option] = choices.ask(question)
        answer = choices.answers[question.option]
        # Who is asked by a function that only knows yes and no takes what is offered.
        return str(answer) if isinstance(answer, str) else (answer and default) or ""

    def _question(self, column: Column, name: str, default: str | None) -> Question:
        shapes = Shapes(t.cast(t.Any, self._context.impl))
        return Question(
            code="required-column",
            database=self._context.target.name,
            text=f"{name} becomes required, and there are rows without a value: which"
            " one do they get, in SQL?",
            name=name,
            details={str(column.name): definition(shapes.of_column(column))},
            option=option(name, "SQL"),
            default=default,
        )

    def _of_model(self, column: Column) -> str | None:
        default: t.Any = column.default
        if default is None or default.is_callable or default.is_sequence:
            return None
        value = default.arg
        if not default.is_clause_element:
            value = sa.literal(value, column.type)
        return literal(self._context.dialect, value)


def option(name: str, value: str) -> str:
    """The option that gives a column's rows a value, as it is typed."""
    return f'--default "{name}={value}"'


_EXAMPLES: tuple[tuple[type[t.Any], str], ...] = (
    (sa.Boolean, "false"),
    (sa.String, "''"),
    (sa.Numeric, "0"),
    (sa.Integer, "0"),
    (sa.Float, "0"),
    (sa.DateTime, "CURRENT_TIMESTAMP"),
    (sa.Date, "CURRENT_DATE"),
)


def example(column: Column) -> str:
    """A value for the option, where the type has an obvious one."""
    if isinstance(column.type, sa.Enum):
        return f"'{column.type.enums[0]}'" if column.type.enums else "SQL"
    if column.foreign_keys:
        return "SQL"
    kinds = (text for kind, text in _EXAMPLES if isinstance(column.type, kind))
    return next(kinds, "SQL")

"""What becomes of types' values, which is decided before anything is compared.

An expression of the database's is compared by the values' new names, and one of a model
with the model's values.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .uses import named
from .values import Decision

if t.TYPE_CHECKING:
    import sqlalchemy as sa

    from ....dialects.enums import EnumType
    from ....dialects.enums import EnumTypes
    from ....dialects.enums import TypeKey
    from ..refining import Refinement
    from .uses import Uses
    from .values import Values


@dataclasses.dataclass(frozen=True, slots=True)
class Decided:
    """The types of one database, and what becomes of those that differ.

    :param found: The database's.
    :param values: What was decided, of types whose values differ.
    :param wanted: The models' types that aren't in the database as they are.
    """

    sql: EnumTypes
    found: t.Mapping[TypeKey, EnumType]
    values: t.Mapping[TypeKey, tuple[Decision, Values]]
    wanted: tuple[sa.Enum, ...] = ()

    def relabeled(self, sql: str) -> str:
        """Write an expression of the database's with the values' new names."""
        for key, (_, values) in self.values.items():
            sql = self.sql.relabeled(sql, self.found[key], values.renamed)
        return sql


def decide(refinement: Refinement, kind: type[EnumTypes], uses: Uses) -> Decided:
    """Read the database's types, and decide about those that models have otherwise."""
    context = refinement.context
    sql = kind(context.dialect)
    found = sql.read(context.live)
    decided: dict[TypeKey, tuple[Decision, Values]] = {}
    differing: list[sa.Enum] = []
    for key, columns in uses.models().items():
        wanted = named(columns[0].type, context.dialect)[key]
        labels = tuple(wanted.enums)
        if key not in found or found[key].labels != labels:
            differing.append(wanted)
        if key in found and found[key].labels != labels:
            decision = Decision(refinement, uses.spelled(found[key], columns))
            decided[key] = (decision, decision.decide(found[key].labels, labels))
    if decided:
        dependents = sql.dependents(context.live, [found[key] for key in decided])
        found = {
            key: dataclasses.replace(type_, dependents=dependents.get(type_.words, ()))
            for key, type_ in found.items()
        }
    return Decided(sql, found, decided, tuple(differing))

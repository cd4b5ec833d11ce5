"""What the database writes in its own words: checks, computed columns, indexes.

Alembic compares these by name, by their texts, or not at all.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ...dialects.bulk import TableKey
from ...dialects.expressions import ModelTable
from ...dialects.expressions import TableWords
from . import checks
from . import computed
from . import identity
from . import partial_indexes
from .constraints import Met
from .renames.view import in_text

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from .refining import Refinement


def compare(refinement: Refinement) -> None:
    """Compare the expressions of all tables."""
    context = refinement.context
    ours = context.target.dialect.expressions_class(context.live)
    if not ours.known:
        return
    unreflected = ours.unreflected()
    asked: list[tuple[Met, TableKey, ModelTable]] = []
    for met in refinement.tables:
        identity.complete(refinement, met, ours)
        model = ModelTable(met.wanted, checks.of_model(met.wanted, context.dialect))
        name = refinement.names.old_table(met.schema, met.name)
        if name in unreflected or _has_any(model, met):
            asked.append((met, (met.schema, name), model))
    if refinement.types is not None:
        ours.types = refinement.types.wanted
    ours.prepare([key for _, key, _ in asked], [model for *_, model in asked])
    for met, _, model in asked:
        found = _found(refinement, ours, met)
        wanted = ours.of_model(model)
        checks.compare(refinement, met, ours, found, wanted)
        partial_indexes.compare(refinement, met, found, wanted)
        # It takes along what else was found of the columns that it makes anew.
        computed.compare(refinement, met, found, wanted)


def _has_any(model: ModelTable, met: Met) -> bool:
    """Whether there is anything to ask the database for."""
    found = met.found.constraints
    return bool(
        model.checks
        or model.computed
        or any(isinstance(constraint, sa.CheckConstraint) for constraint in found)
        or any(c.computed is not None for c in met.found.columns)
        or any(map(partial_indexes.is_special, met.wanted.indexes))
        or any(map(partial_indexes.is_special, met.found.indexes))
    )


def _found(refinement: Refinement, ours: Expressions, met: Met) -> TableWords:
    """Read a table, and write it in the draft's names."""
    names, key = refinement.names, (met.schema, met.name)
    found = ours.of_database(met.schema, names.old_table(*key))
    new, objects = names.columns.get(key, {}), names.objects.get(key, {})
    types = refinement.types
    if not new and not objects and (types is None or not types.values):
        return found

    def words(sql: str) -> str:
        return in_text(sql if types is None else types.relabeled(sql), new)

    return TableWords(
        tuple(
            dataclasses.replace(
                check,
                name=check.name and objects.get(check.name, check.name),
                sql=words(check.sql),
                columns=tuple(new.get(name, name) for name in check.columns),
            )
            for check in found.checks
        ),
        {new.get(k, k): words(text) for k, text in found.computed.items()},
        {
            objects.get(name, name): dataclasses.replace(
                index,
                words=words(index.words),
                expressions=tuple(map(words, index.expressions)),
                where=words(index.where),
            )
            for name, index in found.indexes.items()
        },
    )

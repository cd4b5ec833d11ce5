"""What the database writes in its own words: checks, computed columns, indexes.

Alembic compares these by name, by their texts, or not at all.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ...dialects.bulk import TableKey
from ...dialects.expressions import ModelTable
from ...dialects.expressions import ModelWords
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
    partial_indexes.keep_of_gone_tables(refinement, ours, unreflected)
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
        wanted = _as_found(ours, model, found)
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


def _as_found(ours: Expressions, model: ModelTable, found: TableWords) -> ModelWords:
    """Put a model in the database's words, as far as they can be those that it has.

    A database may write what it is given in its own words in yet another way: so it does
    when a downgrade makes something again.
    """
    wanted = ours.of_model(model)
    checks = {ours.normal(check.sql) for check in found.checks}
    if (
        checks.issuperset(wanted.checks)
        and wanted.computed == found.computed
        and all(
            wanted.indexes[name] == found.indexes.get(name) for name in wanted.indexes
        )
    ):
        return wanted
    again = ours.said_again(model, wanted)
    return ModelWords(
        tuple(
            second if first not in checks and second in checks else first
            for first, second in zip(wanted.checks, again.checks, strict=True)
        ),
        _second(wanted.computed, again.computed, found.computed),
        _second(wanted.indexes, again.indexes, found.indexes),
    )


T = t.TypeVar("T")


def _second(
    first: t.Mapping[str, T], again: t.Mapping[str, T], found: t.Mapping[str, t.Any]
) -> dict[str, T]:
    """Take the second words where they are what is found."""
    return {
        name: again[name] if name in again and again[name] == found.get(name) else words
        for name, words in first.items()
    }


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

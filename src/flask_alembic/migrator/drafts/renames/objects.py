"""Indexes, constraints and sequences that only have another name."""

from __future__ import annotations

import functools
import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from alembic.util import sqla_compat

from ....dialects.renamed import Kind
from ....dialects.renamed import Place
from ....dialects.renamed import RenameStatements
from .operations import RenameObject
from .order import in_order
from .view import Key

if t.TYPE_CHECKING:
    from ..refining import Refinement


def _statements(refinement: Refinement) -> RenameStatements:
    support = refinement.context.target.dialect
    return support.rename_statements(refinement.context.dialect)


# -- what a draft would drop and make anew ---------------------------------------------


def find(refinement: Refinement) -> list[RenameObject]:
    """Find indexes and unique constraints that are dropped and made under a new name.

    Where the database can't rename them they are left as they are.
    """
    found: list[RenameObject] = []
    for container in refinement.ops.ops:
        if isinstance(container, ops.ModifyTableOps):
            found += _find(refinement, container)
    return found


def _find(
    refinement: Refinement, container: ops.ModifyTableOps
) -> t.Iterator[RenameObject]:
    place = Place(container.schema, container.table_name)
    made = [item for item in map(_made, container.ops) if item is not None]
    for op in container.ops:
        gone = _gone(op)
        if gone is None:
            continue
        for new in made:
            if not _same(refinement, gone, new):
                continue
            renamed = _renamed(refinement, place, (gone, new))
            if renamed is not None:
                made.remove(new)
                yield renamed
                break


Item: t.TypeAlias = sa.Index | sa.UniqueConstraint


def _gone(op: t.Any) -> Item | None:
    if isinstance(op, ops.DropIndexOp):
        return op.to_index()
    if isinstance(op, ops.DropConstraintOp) and op.constraint_type == "unique":
        return t.cast(sa.UniqueConstraint, op.to_constraint())
    return None


def _made(op: t.Any) -> Item | None:
    if isinstance(op, ops.CreateIndexOp):
        return op.to_index()
    if isinstance(op, ops.CreateUniqueConstraintOp):
        return op.to_constraint()
    return None


def _same(refinement: Refinement, gone: Item, new: Item) -> bool:
    if new.name is None:
        return False
    if type(gone) is not type(new):
        # A database that has no unique constraints but unique indexes.
        return _is_unique(gone) and _is_unique(new) and _columns(gone) == _columns(new)
    impl = t.cast(t.Any, refinement.context.impl)
    wanted = impl._create_metadata_constraint_sig(new)
    found = impl._create_reflected_constraint_sig(gone)
    return bool(wanted.compare_to_reflected(found).is_equal)


def _is_unique(item: Item) -> bool:
    return isinstance(item, sa.UniqueConstraint) or bool(item.unique)


def _columns(item: Item) -> list[str]:
    return [column.name for column in item.columns]


def _kind(item: Item) -> Kind:
    return "index" if isinstance(item, sa.Index) else "unique"


def _renamed(
    refinement: Refinement, place: Place, pair: tuple[Item, Item]
) -> RenameObject | None:
    gone, new = pair
    names = (str(gone.name), _final(new, refinement))
    statements = _statements(refinement)
    texts = {statements.of_object(_kind(item), place, *names) for item in pair}
    if None in texts or len(texts) > 1:
        return None
    return _rename(refinement, place, _kind(gone), *names)


def _rename(
    refinement: Refinement, place: Place, kind: Kind, old: str, new: str
) -> RenameObject:
    """Write a rename that the database is known to do, and count it as done."""
    key: Key = (place.schema, place.table)
    refinement.names.objects.setdefault(key, {})[old] = new
    statement = functools.partial(_statements(refinement).of_object, kind, place)
    return RenameObject(
        "index" if kind == "index" else "constraint",
        place,
        old,
        new,
        t.cast("t.Callable[[str, str], str]", statement),
    )


def _final(item: t.Any, refinement: Refinement) -> str:
    """The name that an index or a constraint of a model gets; empty for none."""
    dialect = refinement.context.dialect
    return str(sqla_compat._get_constraint_final_name(item, dialect) or "")


# -- what is named after a table or a column -------------------------------------------


def followers(refinement: Refinement) -> list[RenameObject]:
    """Rename what carries the old name of a table or a column in its own.

    None of it is compared; it is renamed so that the database is as if it had been made
    from the models, and the old names are free again.
    """
    found: list[RenameObject] = []
    for table in refinement.autogen.sorted_tables:
        place = Place(_default(refinement, table.schema), table.name)
        if _is_touched(refinement, place):
            found += _key_and_sequences(refinement, place, table)
        found += _foreign_keys(refinement, place, table)
    return [item for kind in _by_kind(found) for item in _one_by_one(kind)]


def _by_kind(found: t.Iterable[RenameObject]) -> list[list[RenameObject]]:
    """Renames that share a space of names."""
    groups: dict[tuple[str | None, str], list[RenameObject]] = {}
    for item in found:
        groups.setdefault((item.place.schema, item.kind), []).append(item)
    return list(groups.values())


def _one_by_one(items: list[RenameObject]) -> t.Iterator[RenameObject]:
    """Order renames so that each name is free when it is wanted."""
    by_name = {item.old: item for item in items}
    if len(by_name) < len(items):
        # Names that each table has for itself.
        yield from items
        return
    renames = {item.old: item.new for item in items}
    for old, new in in_order(renames, {*renames, *renames.values()}):
        item = by_name[old]
        by_name[new] = item
        yield RenameObject(item.kind, item.place, old, new, item.statement)


def _default(refinement: Refinement, schema: str | None) -> str | None:
    """A schema as the comparison has it: None for the default one."""
    default = refinement.autogen.dialect.default_schema_name
    return None if schema == default else schema


def _is_touched(refinement: Refinement, place: Place) -> bool:
    names, key = refinement.names, (place.schema, place.table)
    return names.old_table(*key) != place.table or key in names.columns


def _key_and_sequences(
    refinement: Refinement, place: Place, table: sa.Table
) -> t.Iterator[RenameObject]:
    names, statements = refinement.names, _statements(refinement)
    old_place = Place(place.schema, names.old_table(place.schema, place.table))
    columns = names.columns.get((place.schema, place.table), {})
    key = _final(table.primary_key, refinement)
    live = refinement.context.live
    if old_place != place:
        along = statements.renamed_along(live, old_place, place.table)
        names.objects.setdefault((place.schema, place.table), {}).update(along)
    for item in statements.followers(live, old_place, place.table, columns):
        if item.kind == "constraint" and key:
            continue
        if item.kind == "index":
            # Unlike the others it is compared.
            yield _rename(refinement, place, "index", item.old, item.new)
            continue
        yield RenameObject(
            item.kind,
            place,
            item.old,
            item.new,
            functools.partial(statements.of_follower, place, item.kind),
        )
    found = sa.inspect(live).get_pk_constraint(old_place.table, schema=place.schema)
    if key and found["name"]:
        yield from _constraint(refinement, place, str(found["name"]), key)


def _foreign_keys(
    refinement: Refinement, place: Place, table: sa.Table
) -> t.Iterator[RenameObject]:
    names = refinement.names
    wanted = dict(_wanted_keys(refinement, place, table))
    if not wanted or not _exists(refinement, place):
        return
    own = names.columns.get((place.schema, place.table), {})
    old_table = names.old_table(place.schema, place.table)
    keys = sa.inspect(refinement.context.live).get_foreign_keys(
        old_table, schema=place.schema
    )
    for key in keys:
        columns = tuple(own.get(name, name) for name in key["constrained_columns"])
        referred = names.of_table(key["referred_schema"], key["referred_table"])
        name = wanted.get((columns, referred))
        if name and key["name"]:
            yield from _constraint(refinement, place, str(key["name"]), name)


def _wanted_keys(
    refinement: Refinement, place: Place, table: sa.Table
) -> t.Iterator[tuple[tuple[tuple[str, ...], str], str]]:
    """The foreign keys that a rename touches and that the model gives a name."""
    for constraint in table.foreign_key_constraints:
        target = constraint.elements[0].target_fullname.rpartition(".")[0]
        schema, _, referred = target.rpartition(".")
        at = Place(_default(refinement, schema or None), referred)
        if _is_touched(refinement, place) or _is_touched(refinement, at):
            name = _final(constraint, refinement)
            if name:
                columns = tuple(column.name for column in constraint.columns)
                yield (columns, referred), name


def _exists(refinement: Refinement, place: Place) -> bool:
    names: list[str] = refinement.autogen.inspector.get_table_names(schema=place.schema)
    return (
        place.table in names
        or refinement.names.old_table(place.schema, place.table) in names
    )


def _constraint(
    refinement: Refinement, place: Place, old: str, new: str
) -> t.Iterator[RenameObject]:
    statement = _statements(refinement).of_object("constraint", place, old, new)
    if old != new and statement is not None:
        yield _rename(refinement, place, "constraint", old, new)

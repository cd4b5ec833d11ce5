"""Constraints without a name: new ones get one, old ones are found without.

PostgreSQL and MariaDB name every constraint, and reflection tells the name. On SQLite a
constraint may have none: there a batch knows it under a name of the default convention.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from alembic.util import sqla_compat
from sqlalchemy.sql.elements import conv

from ...results import Finding
from .table_operations import changes_of

if t.TYPE_CHECKING:
    from .refining import Refinement

CONVENTION: t.Mapping[str, str] = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names where the metadata has no convention; checks are named likewise."""

_KINDS: t.Mapping[str, str] = {
    "unique": "uq",
    "foreignkey": "fk",
    "primary": "pk",
}
_KEY = "flask_alembic_tables"


# -- tables that are compared ----------------------------------------------------------


@dataclasses.dataclass(slots=True)
class Met:
    """A table that is in the database and has a model.

    :param container: Its differences; Alembic keeps it if it has any.
    :param found: As it was reflected.
    :param wanted: The model's.
    :param dropped: Columns of unique constraints without a name that go already.
    """

    container: ops.ModifyTableOps
    found: sa.Table
    wanted: sa.Table
    dropped: list[set[str]] = dataclasses.field(default_factory=list)

    @property
    def schema(self) -> str | None:
        """None for the default one."""
        return self.container.schema

    @property
    def name(self) -> str:
        """The table's, after the draft's renames."""
        return str(self.container.table_name)

    @property
    def full_name(self) -> str:
        """The name with its schema, if it has one."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


def hold(opts: dict[str, t.Any]) -> list[Met]:
    """Give the place where the compared tables are noted.

    :param opts: The migration context's; they are put back by the caller.
    """
    tables: list[Met] = []
    opts[_KEY] = tables
    return tables


def add_comparators(plugin: Plugin) -> None:
    """Note every table that Alembic compares."""
    plugin.add_autogenerate_comparator(_note, "table", "flask_alembic_tables")


def _note(
    autogen: AutogenContext,
    container: ops.ModifyTableOps,
    _schema: str | None,
    _name: str,
    found: sa.Table | None,
    wanted: sa.Table | None,
) -> PriorityDispatchResult:
    if found is not None and wanted is not None and _KEY in autogen.opts:
        autogen.opts[_KEY].append(Met(container, found, wanted))
    return PriorityDispatchResult.CONTINUE


def keep(refinement: Refinement, container: ops.ModifyTableOps) -> None:
    """Let a container be part of the draft, now that it has something in it."""
    operations = refinement.ops.ops
    if container.ops and not any(container is other for other in operations):
        operations.append(container)


# -- old ones without a name -----------------------------------------------------------


def find_unnamed(refinement: Refinement) -> None:
    """Drop what has no name in the database and no model any more."""
    for met in refinement.tables:
        _drop_uniques(refinement, met)
        dropped = _without_name(met.container)
        if not dropped:
            continue
        container = changes_of(met.container)
        convention = dict(container.naming_convention or {})
        for op in dropped:
            kind = _KINDS[str(op.constraint_type)]
            convention[kind] = CONVENTION[kind]
            op.constraint_name = conv(conventional(op.to_constraint()))
        container.naming_convention = convention
        keep(refinement, container)


def _without_name(container: ops.ModifyTableOps) -> list[ops.DropConstraintOp]:
    return [
        op
        for op in container.ops
        if isinstance(op, ops.DropConstraintOp)
        and op.constraint_name is None
        and op.constraint_type in _KINDS
    ]


def _drop_uniques(refinement: Refinement, met: Met) -> None:
    """Put drops of unique constraints first, which Alembic only finds by name."""
    inspector = refinement.autogen.inspector
    try:
        found = inspector.get_unique_constraints(met.name, schema=met.schema)
    except NotImplementedError:
        return
    wanted = unnamed_uniques(met.wanted)
    for unique in found:
        columns = unique["column_names"]
        done = set(columns) in wanted or set(columns) in met.dropped
        if unique["name"] is None and not done:
            constraint = sa.UniqueConstraint(*(met.found.c[name] for name in columns))
            op = ops.DropConstraintOp.from_constraint(constraint)
            met.container.ops.insert(0, op)
            # The reflected table must not keep it for those who look after us.
            met.found.constraints.discard(constraint)


def unnamed_uniques(table: sa.Table) -> list[set[str]]:
    """The columns of a table's unique constraints without a name."""
    return [
        {str(column.name) for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
        and not isinstance(constraint.name, str)
    ]


# -- new ones without a name -----------------------------------------------------------


def name_new(refinement: Refinement) -> None:
    """Name new constraints, so that a downgrade can drop them."""
    for container in refinement.ops.ops:
        if isinstance(container, ops.ModifyTableOps):
            for op in container.ops:
                if isinstance(op, ops.AddConstraintOp):
                    _name(refinement, container, op)


def _name(refinement: Refinement, container: ops.ModifyTableOps, op: t.Any) -> None:
    if op.constraint_name is not None:
        return
    constraint = op.to_constraint()
    if not isinstance(
        constraint,
        (sa.UniqueConstraint, sa.ForeignKeyConstraint, sa.PrimaryKeyConstraint),
    ):
        return
    op.constraint_name = name_of_new(refinement, constraint)
    say_named(refinement, container, str(op.constraint_name))


def name_of_new(refinement: Refinement, constraint: t.Any) -> str:
    """What a constraint is called that is made or dropped by itself."""
    name = sqla_compat._get_constraint_final_name(
        constraint, refinement.context.dialect
    )
    if name is not None:
        return conv(str(name))
    longest = refinement.context.dialect.max_identifier_length
    return conv(shortened(conventional(constraint), longest))


def say_named(refinement: Refinement, container: ops.ModifyTableOps, name: str) -> None:
    """Tell which name a constraint gets that has none in its model."""
    table = str(container.table_name)
    table = f"{container.schema}.{table}" if container.schema else table
    refinement.findings.append(
        Finding(
            "named",
            "info",
            f"A constraint of {table} has no name in its model; the draft calls it"
            f" {name} (database {refinement.context.target.name!r}).",
            fix="Name it, or give the metadata a naming_convention.",
            where=f"{table}.{name}",
        )
    )


# -- indexes of foreign keys -----------------------------------------------------------


def index_foreign_keys(refinement: Refinement) -> None:
    """Make and drop the indexes that a database makes for foreign keys by itself.

    It would leave them when the keys go: Alembic takes them for somebody's then.
    """
    if not refinement.context.target.dialect.indexes_foreign_keys:
        return
    for met in refinement.tables:
        operations: list[ops.MigrateOperation] = []
        for op in met.container.ops:
            made = _index_before(met, op)
            gone = _index_after(met, op)
            operations += [one for one in (made, op, gone) if one is not None]
        met.container.ops[:] = operations


def _index_before(met: Met, op: ops.MigrateOperation) -> ops.CreateIndexOp | None:
    if not isinstance(op, ops.CreateForeignKeyOp):
        return None
    columns = list(op.local_cols)
    gone = {o.index_name for o in met.container.ops if isinstance(o, ops.DropIndexOp)}
    items: tuple[t.Any, ...] = (*met.found.indexes, *met.found.constraints)
    there = [
        [str(column.name) for column in item.columns]
        for item in items
        if not isinstance(item, (sa.ForeignKeyConstraint, sa.CheckConstraint))
        and item.name not in gone
    ]
    there += [
        [str(column.name) for column in item.columns]
        for item in (*met.wanted.indexes, *met.wanted.constraints)
        if isinstance(item, (sa.Index, sa.UniqueConstraint))
    ]
    if any(names[: len(columns)] == columns for names in there):
        return None
    name = str(op.constraint_name)
    return ops.CreateIndexOp(name, op.source_table, columns, schema=met.schema)


def _index_after(met: Met, op: ops.MigrateOperation) -> ops.DropIndexOp | None:
    if not isinstance(op, ops.DropConstraintOp) or op.constraint_type != "foreignkey":
        return None
    key = t.cast(sa.ForeignKeyConstraint, op.to_constraint())
    columns = list(key.column_keys)
    others: set[str | None] = {index.name for index in met.wanted.indexes}
    others |= {_index_name(other) for other in met.container.ops}
    for index in met.found.indexes:
        if (
            # MariaDB names it after the column where the key was given no name.
            index.name in (op.constraint_name, columns[0])
            and index.name not in others
            and [column.name for column in index.columns] == columns
        ):
            return ops.DropIndexOp.from_index(index)
    return None


def _index_name(op: t.Any) -> str | None:
    return str(op.index_name) if isinstance(op, ops.DropIndexOp) else None


def conventional(constraint: sa.Constraint) -> str:
    """The name that the default convention gives."""
    kinds = {
        sa.UniqueConstraint: "uq",
        sa.ForeignKeyConstraint: "fk",
        sa.PrimaryKeyConstraint: "pk",
    }
    kind = next(name for cls, name in kinds.items() if isinstance(constraint, cls))
    words = {"table_name": str(constraint.table.name)}
    if isinstance(constraint, sa.ForeignKeyConstraint):
        columns = list(constraint.column_keys)
        target = constraint.elements[0].target_fullname.split(".")
        words["referred_table_name"] = target[-2]
    else:
        columns = [str(c.name) for c in t.cast(t.Any, constraint).columns]
    words["column_0_N_name"] = "_".join(columns)
    return CONVENTION[kind] % words


def shortened(name: str, longest: int) -> str:
    """A name that the database can hold, and that stays apart from others."""
    if len(name) <= longest:
        return name
    mark = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[-4:]
    return f"{name[: longest - 5]}_{mark}"

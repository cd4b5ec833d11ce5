"""Sequences and schemas, which Alembic doesn't compare."""

from __future__ import annotations

import logging
import re
import typing as t
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.schema import CreateSequence
from sqlalchemy.schema import DropSequence

from .directions import BothWays

if t.TYPE_CHECKING:
    from ...dialects.expressions import Expressions
    from .refining import Refinement

# Where Alembic itself says what it has found.
logger = logging.getLogger("alembic.autogenerate.compare")

Name: t.TypeAlias = tuple[str, str]
"""Schema and name."""

_WORDS = {
    "start": "START WITH {}",
    "increment": "INCREMENT BY {}",
    "minvalue": "MINVALUE {}",
    "maxvalue": "MAXVALUE {}",
    "cache": "CACHE {}",
}


def compare(refinement: Refinement) -> None:
    """Make, change and drop sequences."""
    context = refinement.context
    ours = context.target.dialect.expressions_class(context.live)
    _Sequences(refinement, ours).run()


class _Sequences:
    """The sequences of one database."""

    def __init__(self, refinement: Refinement, ours: Expressions) -> None:
        self._refinement = refinement
        self._ours = ours
        self._dialect = refinement.context.dialect
        self._default = str(self._dialect.default_schema_name or "")

    def run(self) -> None:
        """Pair them by name."""
        found = self._ours.sequences()
        if found is None:
            return
        wanted = self._wanted()
        first: list[ops.MigrateOperation] = []
        last: list[ops.MigrateOperation] = []
        for name, sequence in wanted.items():
            if name not in found:
                self._refinement.schemas.add(name[0])
                first.append(self._change("add", sequence))
                continue
            options = self._ours.sequence_options(sequence)
            other = {k: v for k, v in options.items() if found[name][k] != v}
            if other:
                first.append(self._alter(sequence, other, found[name]))
        for name in sorted(found.keys() - wanted.keys()):
            if self._is_made(name[1]):
                sequence = self._described(name, found[name])
                last.append(self._change("remove", sequence))
        operations = self._refinement.ops.ops
        operations[:] = [*first, *operations, *last]

    def _wanted(self) -> dict[Name, sa.Sequence]:
        metadata = self._refinement.autogen.opts["target_metadata"]
        all_of_it = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        optional = getattr(self._dialect, "sequences_optional", False)
        return {
            (str(s.schema or self._default), str(s.name)): s
            for one in all_of_it
            for s in one._sequences.values()
            if not (s.optional and optional)
        }

    def _described(self, name: Name, options: t.Mapping[str, t.Any]) -> sa.Sequence:
        schema = None if name[0] == self._default else name[0]
        given = {**options, "cycle": bool(options["cycle"])}
        return sa.Sequence(name[1], schema=schema, **given)

    def _change(self, kind: str, sequence: sa.Sequence) -> BothWays:
        sqls = [
            str(clause.compile(dialect=self._dialect)).strip()
            for clause in (CreateSequence(sequence), DropSequence(sequence))
        ]
        make, drop = sqls if kind == "add" else reversed(sqls)
        done = "added" if kind == "add" else "removed"
        logger.info("Detected %s sequence %r", done, sequence.name)
        return _changing(kind, sequence, make, drop)

    def _alter(
        self,
        sequence: sa.Sequence,
        new: t.Mapping[str, t.Any],
        found: t.Mapping[str, t.Any],
    ) -> BothWays:
        logger.info("Detected changed sequence %r", sequence.name)
        sqls = [
            self._alter_sql(sequence, {k: of[k] for k in new}) for of in (new, found)
        ]
        return _changing("modify", sequence, *sqls)

    def _alter_sql(self, sequence: sa.Sequence, options: t.Mapping[str, t.Any]) -> str:
        name = self._dialect.identifier_preparer.format_sequence(sequence)
        parts = [
            _WORDS[key].format(value) for key, value in options.items() if key in _WORDS
        ]
        if "cycle" in options:
            parts.append("CYCLE" if options["cycle"] else self._ours.no_cycle)
        return f"ALTER SEQUENCE {name} {' '.join(parts)}"

    def _is_made(self, name: str) -> bool:
        """Whether a revision has made it: others may have sequences of their own."""
        made = re.compile(
            r"CREATE\s+SEQUENCE\s+(IF\s+NOT\s+EXISTS\s+)?(\S+\.)?[\\\"`]*"
            rf"{re.escape(name)}\b",
            re.IGNORECASE,
        )
        entries = self._refinement.context.history().entries.values()
        paths = (Path(entry.revision.path) for entry in entries)
        return any(made.search(path.read_text(encoding="utf-8")) for path in paths)


def _changing(kind: str, sequence: sa.Sequence, sql: str, back: str) -> BothWays:
    """A sequence is made, changed or dropped.

    :param kind: ``add``, ``modify`` or ``remove``.
    :param back: SQL of the way back.
    """
    return BothWays(sql, back, [(f"{kind}_sequence", sequence)])

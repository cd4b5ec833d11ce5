"""Stops for rows that have a value which goes: nothing is lost without a word."""

from __future__ import annotations

import typing as t

from ....dialects.enums import EnumUse
from ....dialects.enums import holds
from ....results import Finding
from ..directions import Ways
from ..sql_text import literal
from .operations import HeldValues

if t.TYPE_CHECKING:
    from ..refining import Refinement
    from .values import Decision
    from .values import Values


class Stops:
    """Gathers the stops of one database's draft.

    :ivar first: Stand before all else in the upgrade.
    :ivar last: Stand at its end, and so before all else in the downgrade.
    """

    def __init__(self, refinement: Refinement) -> None:
        self.first: list[HeldValues] = []
        self.last: list[Ways] = []
        self._refinement = refinement

    def put(self) -> None:
        """Put them where they belong."""
        found = self._refinement.ops.ops
        found[:] = [*self.first, *found, *self.last]

    def before(
        self,
        decision: Decision,
        values: Values,
        uses: t.Iterable[EnumUse],
        *,
        ignoring: t.Collection[str] = (),
    ) -> None:
        """Stop an upgrade where rows have a value that is removed.

        :param ignoring: Values that are the same to the database in any case.
        """
        removed = _without(values.removed, ignoring)
        for use in uses if removed else ():
            query = holds(use, removed)
            option = decision.option(removed[0], values.after[0])
            stop = self._stop(
                use,
                query,
                f"{_name(use)} has rows with {_or(removed)}, which this revision"
                " removes. Nothing was changed. Write it anew with"
                f" {option} (or whichever value they get), or change the rows.",
                f"{_or(removed)} is removed",
            )
            self.first.append(stop)
            self._report(use, query, removed, option)

    def behind(
        self,
        decision: Decision,
        values: Values,
        uses: t.Mapping[EnumUse, tuple[str, str]],
        *,
        ignoring: t.Collection[str] = (),
    ) -> None:
        """Stop a downgrade where rows have a value that is added here.

        :param uses: Column -> its table's and its own name after the upgrade.
        """
        added = _without(values.added, ignoring)
        for use, renamed in uses.items() if added else ():
            query = holds(use, added, renamed=renamed)
            shown = EnumUse(use.schema, *renamed)
            stop = self._stop(
                shown,
                query,
                f"{_name(shown)} has rows with {_or(added)}, which isn't there before"
                " this revision. Nothing was changed. Give the rows another value"
                " first.",
                f"{_or(added)} is removed",
            )
            self.last.append(Ways(back=stop))

    def _stop(
        self, use: EnumUse, query: t.Any, message: str, comment: str
    ) -> HeldValues:
        text = literal(self._refinement.context.dialect, query) or ""
        return HeldValues(_name(use), text, message, comment)

    def _report(
        self, use: EnumUse, query: t.Any, removed: t.Sequence[str], option: str
    ) -> None:
        context = self._refinement.context
        if context.live.execute(query).first() is None:
            return
        self._refinement.findings.append(
            Finding(
                "held-value",
                "warning",
                f"{_name(use)} has rows with {_or(removed)}, which the model no longer"
                f" has (database {context.target.name!r}).",
                effect="The revision stops before it changes anything, where there are"
                " such rows.",
                fix=f"Say {option} (or whichever value they get), or change the rows.",
                where=_name(use),
            )
        )


def _without(labels: t.Sequence[str], ignored: t.Collection[str]) -> tuple[str, ...]:
    lower = {label.lower() for label in ignored}
    return tuple(label for label in labels if label.lower() not in lower)


def _name(use: EnumUse) -> str:
    prefix = f"{use.schema}." if use.schema else ""
    return f"{prefix}{use.table}.{use.column}"


def _or(labels: t.Sequence[str]) -> str:
    return " or ".join(map(repr, labels))

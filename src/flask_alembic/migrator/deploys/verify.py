"""Compare what is applied with the files: was one edited afterwards, or is it gone?"""

from __future__ import annotations

import typing as t

from ...results import Finding
from ...results import RecordedStep
from ..environments import Applied
from ..environments import Records
from ..history import History
from .checksum import checksum
from .checksum import is_compiled
from .record import BASE
from .record import newest

NAMED = 5
"""How many ids a finding names."""


def verify(
    applied: t.Iterable[Applied], records: Records, history: History
) -> t.Iterator[Finding]:
    """Find what differs between databases and files."""
    for item in applied:
        steps = records.get(item.database.name, ())
        yield from _Look(item, steps, history).findings()


class _Look:
    """One database's record beside the files."""

    def __init__(
        self, item: Applied, steps: tuple[RecordedStep, ...], history: History
    ) -> None:
        self._name = item.database.name
        self._heads = item.heads
        self._steps = steps
        self._last = newest(steps)
        self._history = history

    def findings(self) -> t.Iterator[Finding]:
        """What is gone, what was edited, and of what nothing is known."""
        for id_ in sorted(self._gone()):
            yield self._missing(id_)
        unrecorded = []
        included = self._history.ancestors(self._heads)
        for id_ in (id_ for id_ in self._history.entries if id_ in included):
            step = self._applied(id_)
            if step is None:
                unrecorded.append(id_)
            else:
                yield from self._compared(step)
        if unrecorded:
            yield self._unrecorded(unrecorded)

    def _applied(self, id_: str) -> RecordedStep | None:
        """The step that applied a revision, if it is on record."""
        step = self._last.get(id_)
        return None if step is None or step.direction == "downgrade" else step

    def _gone(self) -> set[str]:
        """The applied revisions that no file has."""
        stamps = [n for n, step in enumerate(self._steps) if step.direction == "stamp"]
        # Who stamps says what is applied, whatever had been before.
        since = newest(self._steps[stamps[-1] if stamps else 0 :])
        gone = {id_ for id_ in since if id_ != BASE and self._applied(id_)}
        todo = [*self._heads, *gone]
        seen: set[str] = set()
        while todo:
            id_ = todo.pop()
            if id_ not in seen and id_ not in self._history.entries:
                seen.add(id_)
                step = self._applied(id_)
                todo += step.parents if step else ()
        return seen

    def _missing(self, id_: str) -> Finding:
        return Finding(
            code="revision-gone",
            severity="error",
            message=f"Revision {id_} is applied to the database {self._name!r}"
            f"{_since(self._applied(id_))}, and no file has it.",
            effect="It can't be downgraded, and a new database doesn't get it.",
            fix="Restore its file, or deploy the code that has it.",
        )

    def _compared(self, step: RecordedStep) -> t.Iterator[Finding]:
        path = self._history.entries[step.revision].path
        if not step.checksum or checksum(path) == step.checksum:
            return
        where = f"database {self._name!r}"
        if is_compiled(path):
            yield Finding(
                code="revision-compiled",
                severity="info",
                message=f"Revision {step.revision} ({where}) was applied from another"
                " file; byte code can't be compared with it.",
                where=path,
            )
            return
        yield Finding(
            code="revision-edited",
            severity="error",
            message=f"Revision {step.revision} was edited after it was applied to the"
            f" {where}{_since(step)}.",
            effect="A database that is upgraded now gets something else.",
            fix="Put back what it was, and write a new revision for the change; where"
            " the edit is right, delete its row from the record.",
            where=path,
        )

    def _unrecorded(self, ids: list[str]) -> Finding:
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        return Finding(
            code="revision-not-recorded",
            severity="info",
            message=f"Not recorded: {', '.join(ids[:NAMED])}{more}, applied to the"
            f" database {self._name!r} before the record began, or with a snapshot.",
            effect="Whether they were edited since can't be told.",
        )


def _since(step: RecordedStep | None) -> str:
    if step is None or step.started is None:
        return ""
    return f" on {step.started:%Y-%m-%d at %H:%M:%S} UTC"

"""What a journal holds: the record of a revision whose statements commit one by one."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ..results import Direction
    from ..results import StatementState

Kind = t.Literal["read", "write", "session", "schema", "repeat", "unknown"]
"""What a statement does, as far as running it a second time is concerned.

``read`` and ``write`` share the transaction; ``session`` only concerns the connection,
so that it runs again; ``schema`` commits, and the schema tells whether it has run;
``repeat`` commits and may run again; of ``unknown`` nobody can tell.
"""


class Key(t.NamedTuple):
    """Which revision, and which way."""

    revision: str
    direction: Direction


@dataclasses.dataclass(slots=True)
class Entry:
    """A statement of a revision.

    :param number: Its place among the revision's statements, from 1.
    :param digest: Of text and parameters; None if these can't be compared.
    :param objects: Type and name of what it changes, for ``fingerprint``.
    :param fingerprint: Of these, before it ran; None if there is none.
    :param result: What it gave, as JSON has it; None until it is done.
    :param undoing: Its inverse was begun.
    :param code: Of the revision, or its checksum where it is long.
    :param session: The connection's number at the server.
    """

    number: int
    sql: str
    kind: Kind
    digest: str | None = None
    objects: tuple[tuple[str, str], ...] = ()
    fingerprint: str | None = None
    result: dict[str, t.Any] | None = None
    undoing: bool = False
    code: str = ""
    session: int = 0

    @property
    def done(self) -> bool:
        """Whether it is known to have run."""
        return self.result is not None and not self.undoing

    @property
    def lost(self) -> str:
        """Why it can't be replayed, if it can't."""
        return str((self.result or {}).get("lost", ""))

    @property
    def changes(self) -> bool:
        """Whether it has changed the database."""
        failed = "error" in (self.result or {})
        return self.kind not in ("read", "session") and not failed


NOTHING_GIVEN: t.Final[t.Mapping[str, t.Any]] = {"rowcount": 0, "lastrowid": 0}
"""The result of a statement that gives none, as most schema changes."""


class Divergence(Exception):
    """A revision doesn't do again what the journal says that it did."""


class Journal(t.Protocol):
    """The journal of one connection's database."""

    def read(self) -> dict[Key, list[Entry]]:
        """All that is unfinished, in order; nothing is changed."""
        ...

    def create(self) -> None:
        """Make the table; commits."""
        ...

    def runs(self, entry: Entry) -> bool:
        """Whether the server still works on it, for a client that may be gone."""
        ...

    def judge(self, entry: Entry) -> StatementState:
        """Tell whether a statement that was begun has run."""
        ...

    def settle(self, key: Key, entries: t.Sequence[Entry], code: str) -> None:
        """Write entries as they were judged, delete the others, and commit."""
        ...

    def listening(self) -> contextlib.AbstractContextManager[t.Any]:
        """Surround all the steps in which something is recorded."""
        ...

    def recording(
        self, key: Key, entries: t.Sequence[Entry], code: str
    ) -> contextlib.AbstractContextManager[t.Any]:
        """Replay the entries, then record, while the revision's function runs.

        In a block of :meth:`listening`.

        :raises Divergence: It does something else than the entries say.
        """
        ...

    def forget(self, keys: t.Iterable[Key]) -> None:
        """Delete the entries, in the open transaction."""
        ...

    def rollback(self) -> None:
        """Roll back what isn't committed, unseen by SQLAlchemy."""
        ...

    def drop(self) -> bool:
        """Drop the table if nothing is in it; commits.

        :return: Whether it has committed.
        """
        ...

    def inverse(self, entry: Entry) -> str | None:
        """SQL that takes a statement back; "" if there is nothing to take back."""
        ...

    def undo(self, key: Key, entry: Entry, sql: str) -> None:
        """Run an inverse, delete the entry, and commit."""
        ...

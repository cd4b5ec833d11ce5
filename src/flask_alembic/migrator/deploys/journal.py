"""Where statements commit one by one: go on after a run that was interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import time
import typing as t

from alembic.runtime.migration import RevisionStep

from ...dialects.journal import Divergence
from ...dialects.journal import Entry
from ...dialects.journal import Journal
from ...dialects.journal import Key
from ...dialects.journal import NOTHING_GIVEN
from ...errors import RepairError
from ..headers import read_content
from ..snapshots.files import path_of
from ..snapshots.step import SnapshotStep
from ..snapshots.use import JOURNAL_KEY
from .checksum import checksum
from .checksum import checksum_of
from .watchers import Watcher

if t.TYPE_CHECKING:
    from ...results import Step
    from ...results import StepResult
    from ...results import Unfinished
    from ..context import StepContext

logger = logging.getLogger(__name__)

_POLL = 0.1
"""Seconds between two looks at a session that is still at work."""

MOST_LISTED = 6

_LONGEST_CODE = 4_000
"""Characters of a revision file that are written down with each statement of it."""

_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What a person has decided about revisions that are unfinished.

    :param ran: Whether the statement of which nobody can tell has run.
    """

    action: t.Literal["finish", "done", "undo"]
    ran: bool | None = None


class JournalWatcher(Watcher):
    """Records the statements of revisions, and replays those of an interrupted run.

    The last of the watchers: what others do in the step's transaction isn't recorded,
    and the entries go in that transaction.

    :param decision: Given with ``flask db repair``.
    """

    def __init__(
        self, context: StepContext, journal: Journal, decision: Decision | None
    ) -> None:
        super().__init__(context)
        self._journal = journal
        self._decision = decision
        self._found: dict[Key, list[Entry]] = {}
        self._ready = False

    def planned(self) -> None:
        """Judge what an interrupted run has left; nothing is changed yet."""
        planned = [_key(step) for step in self.context.planned or ()]
        if not planned:
            return
        self._found = self._journal.read()
        if None in planned or self._acts("done"):
            # A stamp is the word of a person who has looked.
            return
        for key in self._found:
            if key not in planned:
                raise self._refusal(key, "is unfinished, and isn't what would run now")
        for key in self._found:
            self._accept(key)

    def _acts(self, action: str) -> bool:
        return self._decision is not None and self._decision.action == action

    def _accept(self, key: Key) -> None:
        """Find out what has run.

        :raises RepairError: That can't be known, or the file isn't the same any more.
        """
        entries = self._found[key]
        wait_for(self.context, self._journal, entries[-1])
        about = describe(self.context, self._journal, key, entries)
        lost = next((entry for entry in entries if entry.done and entry.lost), None)
        if lost is not None:
            raise self._refusal(
                key, f"can't be gone on with: of statement {lost.number} {lost.lost}"
            )
        if about.changed and not self._acts("finish"):
            raise self._refusal(key, "was changed after it was interrupted")
        ran = None if self._decision is None else self._decision.ran
        self._found[key] = settled(self._journal, entries, ran)
        if not all(entry.done for entry in self._found[key]):
            raise self._refusal(key, "was interrupted")

    def _refusal(self, key: Key, what: str) -> RepairError:
        about = describe(self.context, self._journal, key, self._found[key])
        return refusal(about, what)

    @contextlib.contextmanager
    def run(self) -> t.Iterator[None]:
        """Listen to the connection as long as there are steps."""
        with self._journal.listening():
            yield

    @contextlib.contextmanager
    def step(self, step: t.Any, described: Step) -> t.Iterator[None]:
        """Replay and record what the revision's function does."""
        key = _key(step)
        if key is None or self._acts("done"):
            yield
            return
        self._prepare()
        entries = self._found.get(key, [])
        code = _code(described.revision.path)
        try:
            with self._journal.recording(key, entries, code):
                yield
        except Divergence as e:
            what = f"doesn't do the same again: {e}"
            if not entries:
                what = f"can't be finished in this run: {e}"
            self._found[key] = self._journal.read().get(key, [])
            raise self._refusal(key, what) from None
        except BaseException:
            self._leave_nothing_empty()
            raise
        changes = sum(entry.changes for entry in entries)
        if changes:
            self.context.part.warn(
                f"{key.revision}: {changes} statements of an interrupted run were"
                " replayed"
            )

    def _prepare(self) -> None:
        """Make the table, and write down what was judged, before the first step."""
        if self._ready:
            return
        self._ready = True
        self._journal.create()
        for key, entries in self._found.items():
            path = _path(self.context, key)
            self._journal.settle(key, entries, _code(path))

    def applied(self, step: t.Any, result: StepResult) -> None:
        """Delete the entries in the transaction that moves the version row."""
        key = _key(step)
        if key is not None and (self._ready or key in self._found):
            self._journal.forget([key])
        elif key is None and self._found:
            self._journal.forget(self._found)
            ids = ", ".join(sorted({key.revision for key in self._found}))
            self.context.part.warn(f"{ids}: what an interrupted run did is forgotten")
            self._found = {}

    def _leave_nothing_empty(self) -> None:
        """Drop the table if the failing step has left nothing that lasts.

        Here, since an env.py gives the connection back before anyone can say that the
        run is undone. What isn't committed goes with the error in any case.
        """
        # The connection may be what has failed; a new one would have no lock.
        if self.context.live.invalidated:
            return
        with contextlib.suppress(self.context.dialect.loaded_dbapi.Error):
            self._journal.rollback()
            self._journal.drop()

    def finished(self) -> None:
        """Drop the table when nothing is left in it."""
        if self.context.planned and self._journal.drop():
            # That has committed, whoever has opened the transaction.
            self.context.part.keep(self.context.applied)


def _key(step: t.Any) -> Key | None:
    """What a step is called in the journal; None for a stamp."""
    if isinstance(step, SnapshotStep):
        return JOURNAL_KEY
    if not isinstance(step, RevisionStep):
        return None
    return Key(step.revision.revision, "upgrade" if step.is_upgrade else "downgrade")


def _path(context: StepContext, key: Key) -> str:
    if key == JOURNAL_KEY:
        path = path_of(context.settings, context.target)
        return str(path) if path.exists() else ""
    entry = context.history().entries.get(key.revision)
    return "" if entry is None else entry.revision.path


def _code(path: str) -> str:
    """A revision file as the journal keeps it: hashed when somebody asks, if it's short."""
    data, _ = read_content(path)
    if len(data) <= _LONGEST_CODE and data.isascii():
        return data.decode()
    return checksum(path)


def _checksum(code: str) -> str:
    """The checksum of what the journal has kept of a revision file."""
    return code if _CHECKSUM.fullmatch(code) else checksum_of(code.encode())


def wait_for(context: StepContext, journal: Journal, entry: Entry) -> None:
    """Wait until the server no longer works for a client that is gone.

    :raises RepairError: It goes on and on.
    """
    where = f"the database {context.target.name!r}"
    until = time.monotonic() + context.settings.lock_wait
    told = False
    while journal.runs(entry):
        if not told:
            told = True
            logger.warning(
                "Waiting for session %s on %s, which still runs: %s",
                entry.session,
                where,
                short(entry.sql),
            )
        if time.monotonic() > until:
            raise RepairError(
                f"Session {entry.session} on {where} still runs a statement of an"
                f" interrupted run: {short(entry.sql)}.",
                fix="Wait for its end, or end it with KILL, and run the command again.",
            )
        time.sleep(_POLL)


def settled(
    journal: Journal, entries: list[Entry], ran: bool | None = None
) -> list[Entry]:
    """The entries that are done; one that nobody can judge stays as it is.

    :param ran: What a person says of that one.
    """
    kept = []
    for entry in entries:
        state = journal.judge(entry)
        if state == "unknown" and ran is not None:
            state = "done" if ran else "missing"
        if state == "missing":
            continue
        if state == "done" and not entry.done:
            entry.undoing = False
            entry.result = entry.result or dict(NOTHING_GIVEN)
        kept.append(entry)
    return kept


# -- words -----------------------------------------------------------------------------


def describe(
    context: StepContext, journal: Journal, key: Key, entries: t.Sequence[Entry]
) -> Unfinished:
    """Tell what of a revision has run."""
    # Of a run that comes to its end nobody asks.
    from ...results import Unfinished
    from ...results import UnfinishedStatement

    path = _path(context, key)
    known = {_checksum(entry.code) for entry in entries}
    return Unfinished(
        database=context.target.describe(),
        revision=key.revision,
        direction=key.direction,
        path=path,
        changed=bool(path) and known != {_checksum(_code(path))},
        statements=tuple(
            UnfinishedStatement(
                entry.number, entry.sql, journal.judge(entry), _note(journal, entry)
            )
            for entry in entries
            if entry.changes
        ),
    )


def _note(journal: Journal, entry: Entry) -> str:
    if not entry.done and journal.runs(entry):
        return f"session {entry.session} still runs it"
    return entry.lost


def short(sql: str) -> str:
    """A statement's beginning, on one line."""
    line = " ".join(sql[:300].split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def refusal(about: Unfinished, what: str) -> RepairError:
    """Say what stands in the way, and what is applied and what isn't."""
    error = RepairError(
        f"Revision {about.revision} ({about.path or 'its file is gone'}) {what},"
        f" database {about.database.name!r}: {_list(about)}.",
        fix=f"'flask db repair {about.revision}' shows all; then --finish goes on if the"
        " file does the same up to there, --done takes it as finished, --undo takes it"
        " back.",
    )
    error.unfinished = (about,)
    return error


def _list(about: Unfinished) -> str:
    words = {"done": "applied", "missing": "not applied", "unknown": "unknown whether"}
    parts = []
    for state, word in words.items():
        found = [item for item in about.statements if item.state == state]
        listed = [f"{item.number} {short(item.sql)}" for item in found]
        if len(listed) > MOST_LISTED:
            half = MOST_LISTED // 2
            listed = [*listed[:half], "…", *listed[-half:]]
        if listed:
            parts.append(f"{word}: {'; '.join(listed)}")
    return ". ".join([*parts, "not applied: whatever follows"])

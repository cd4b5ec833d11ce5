"""When to look at the revision files again."""

from __future__ import annotations

import contextlib
import gc
import operator
import os
import threading
import time
import typing as t
from collections.abc import Sequence
from pathlib import Path

from ..errors import HistoryError
from .headers import read_content
from .headers import read_entry
from .headers import unloadable
from .history import History

if t.TYPE_CHECKING:
    from .headers import Entry

# A kernel may stamp in steps: within one, two changes look like one.
_TICK = 50_000_000

_Stamp = tuple[int, int, int, int]


def _stamp(stat: os.stat_result) -> _Stamp:
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _settled(looked: int, *times: int) -> bool:
    """Whether a later change would have left another time."""
    return all(abs(looked - time_ns) >= _TICK for time_ns in times)


class _Look:
    """What lies in the version locations now.

    :param recursive: Look into subfolders.
    :param sourceless: Compiled files count where there is no source.
    :param first: Nothing is known yet: all files are going to be read, which tells
        their stamps for less.
    """

    def __init__(
        self, *, recursive: bool, sourceless: bool, first: bool = False
    ) -> None:
        self.time = time.time_ns()
        self.folders: dict[str, int | None] = {}
        self.files: dict[str, _Stamp | None] = {}
        self._recursive = recursive
        self._sourceless = sourceless
        self._first = first

    def scan(self, folder: str) -> None:
        """Find the revision files of a folder, in the order of Alembic."""
        if folder in self.folders:
            return
        items = self._list(folder)
        files = [item for item in items if not item.is_dir()]
        for item in files:
            self._add(item)
        if self._sourceless:
            sources = {item.name.partition(".")[0] for item in files}
            for item in self._list(os.path.join(folder, "__pycache__")):
                if item.name.partition(".")[0] not in sources and not item.is_dir():
                    self._add(item)
        if self._recursive:
            for item in items:
                compiled = item.name.endswith("__pycache__")
                if item.is_dir(follow_symlinks=False) and not compiled:
                    self.scan(item.path)

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        # First the time, then the content: a change in between is seen next time.
        self.folders[folder] = _changed(folder)
        try:
            with os.scandir(folder) as found:
                return sorted(found, key=operator.attrgetter("name"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise HistoryError(
                f"The folder {folder} can't be read: {error.strerror}.",
                fix="Give this user the right to list it.",
            ) from error

    def _add(self, item: os.DirEntry[str]) -> None:
        path, name = item.path, item.name
        linked = item.is_symlink()
        if linked:
            path = os.path.realpath(path)
            name = os.path.basename(path)
        if not self._counts(name, path) or path in self.files:
            return
        if self._first and not linked and name.endswith(".py"):
            self.files[path] = None
            return
        try:
            self.files[path] = _stamp(item.stat())
        except FileNotFoundError as error:
            # Without its target it is broken; a plain file was just taken away.
            if linked:
                raise unloadable(path, error) from error

    def _counts(self, name: str, path: str) -> bool:
        """Whether Alembic would load a file of this name."""
        # Beside revisions lies the env.py of plain Alembic; it is none.
        if name.endswith(".py"):
            return not name.startswith((".#", "__init__")) and name != "env.py"
        if name.startswith((".#", "__init__")):
            return False
        if not self._sourceless or not name.endswith((".pyc", ".pyo")):
            return False
        better = [path[:-1]] if name.endswith("c") else [path[:-1], f"{path[:-1]}c"]
        return not any(os.path.exists(other) for other in better)


def _changed(folder: str) -> int | None:
    """When something was last put in, taken away or renamed; None without folder."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return None


@contextlib.contextmanager
def _keeping_everything() -> t.Iterator[None]:
    """Let the garbage collector rest while thousands of objects are made to last."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class HistoryCache:
    """The history of some folders, read again when they change. Safe for threads.

    :param locations: Version locations, in the order in which they are searched.
    :param recursive: Alembic's option ``recursive_version_locations``.
    :param sourceless: Alembic's option ``sourceless``.
    """

    def __init__(
        self,
        locations: Sequence[Path],
        *,
        recursive: bool = False,
        sourceless: bool = False,
    ) -> None:
        self._locations = tuple(locations)
        self._options = {"recursive": recursive, "sourceless": sourceless}
        # A file that has to be executed may ask for the history in turn.
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._stamps: dict[str, _Stamp] = {}
        # Those whose stamps don't tell whether they have changed since.
        self._unsettled: set[str] = set()
        self._last: _Look | None = None
        self._history = History()

    def get(self, *, fresh: bool = False) -> History:
        """Return the history, the same object while nothing has changed.

        :param fresh: Look at every file. Otherwise a file that was rewritten in
            place is noticed if it is a head; new, removed and renamed ones always.
        :raises HistoryError: A file can't be read, or two have the same id.
        """
        with self._lock:
            if fresh or not self._unchanged():
                with _keeping_everything():
                    self._look()
            return self._history

    def _unchanged(self) -> bool:
        """Whether the folders and the head files are as they were."""
        if self._last is None:
            return False
        for folder, before in self._last.folders.items():
            if _changed(folder) != before:
                return False
            if before is not None and not _settled(self._last.time, before):
                return False
        for head in self._history.heads:
            path = self._history.entries[head].path
            try:
                current = _stamp(os.stat(path))
            except OSError:
                return False
            if path in self._unsettled or self._stamps[path] != current:
                return False
        return True

    def _look(self) -> None:
        """Look at every file, and read those that are new or changed."""
        self._last = None
        look = _Look(**self._options, first=not self._stamps)
        for location in self._locations:
            look.scan(os.path.realpath(location))
        for path in self._entries.keys() - look.files.keys():
            del self._entries[path], self._stamps[path]
            self._unsettled.discard(path)
        known, unsettled = self._stamps, self._unsettled
        changed = {
            path: stamp
            for path, stamp in look.files.items()
            if stamp is None or known.get(path) != stamp or path in unsettled
        }
        rewritten = any(
            known.get(path, stamp) != stamp for path, stamp in changed.items()
        )
        for path, stamp in changed.items():
            self._read(path, stamp, look.time)
        entries = [self._entries[path] for path in look.files if path in self._entries]
        # It is all in the stamps.
        look.files = {}
        # What was made from the old files isn't to be used again, even if their heads
        # are the same.
        if rewritten or entries != list(self._history.entries.values()):
            self._history = History(entries)
        self._last = look

    def _read(self, path: str, stamp: _Stamp | None, looked: int) -> None:
        raw = None
        if stamp is None:
            try:
                raw, stat = read_content(path)
            except FileNotFoundError:
                # It was just taken away.
                return
            except OSError as error:
                raise unloadable(path, error) from error
            stamp = _stamp(stat)
        self._entries[path] = read_entry(path, raw)
        self._stamps[path] = stamp
        # For nearly all files the first is the answer, and thousands are asked about.
        if max(stamp[:2]) <= looked - _TICK or _settled(time.time_ns(), *stamp[:2]):
            self._unsettled.discard(path)
        else:
            self._unsettled.add(path)

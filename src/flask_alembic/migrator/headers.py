"""The head of one revision file: read without executing it, where that is safe."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
import traceback
import typing as t
from collections.abc import Iterable
from collections.abc import Mapping
from types import ModuleType

from ..errors import RevisionFileError

if t.TYPE_CHECKING:
    from ..results import Revision


class Entry(t.NamedTuple):
    """What is known of a revision file.

    A tuple, because thousands are made for each command: a dataclass takes five times
    as long, and of most only the first two fields are looked at.

    :param parents: As :class:`~flask_alembic.Revision` has it, like the two after it.
    :param doc: The whole docstring.
    :param literal: The file was read; otherwise it had to be executed.
    """

    id: str
    parents: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    doc: str
    path: str
    literal: bool

    @property
    def revision(self) -> Revision:
        """The same as a result."""
        # Late: at head no command shows a revision.
        from ..results import Revision

        message = self.doc.partition("\n\n")[0]
        return Revision(
            self.id, self.parents, self.depends_on, self.labels, message, self.path
        )


NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
SIDE_DOORS = ("exec", "globals", "locals", "vars", "setattr")

# What text behind the header can't hold without being looked at closely.
_HINTS = (
    *("revision", "branch_labels", "depends_on", "__doc__", "__getattr__", "import *"),
    *(f"{name}(" for name in SIDE_DOORS),
)


# A plain annotation, and whatever stands on the line: what it is, is looked at later.
_VALUE = r"(?: |: [][\w., |]*+)= ([^\n#\\]*+)\n"
_LINES = re.compile(
    rf"revision{_VALUE}down_revision{_VALUE}"
    rf"(?:branch_labels{_VALUE}(?:depends_on{_VALUE})?)?"
)


def _usual(path: str, text: str) -> Entry | None:
    """Read a header as the templates write it; None for anything else.

    Commands wait for this, thousands of times, and for the regular expression, which is
    compiled each time: so there is one, and a small one.
    """
    end = text.find('"""', 3) + 3
    start = text.find("\nrevision", end) + 1
    doc = text[3 : end - 3]
    if not (text.startswith('"""') and 6 <= end < start) or "\\" in doc:
        return None
    lines = _LINES.match(text, start)
    if lines is None or not _is_harmless(text[end:start]):
        return None
    if mentions_header(text[lines.end() :]):
        return None
    id_, down, labelled, needs = lines.groups()
    parents = _strings(down)
    labels = () if labelled == "None" else _strings(labelled)
    needed = () if needs == "None" else _strings(needs)
    if parents is None or labels is None or needed is None:
        return None
    if len(id_) < 3 or not _is_string(id_):
        return None
    doc = (_as_compiled(doc) or "").strip()
    return Entry(id_[1:-1], parents, needed, labels, doc, path, True)


def _strings(source: str | None) -> tuple[str, ...] | None:
    """Take the strings out of what was matched; None if there is more than that."""
    if source is None or source == "None":
        return ()
    if _is_string(source):
        return (source[1:-1],)
    if not (source.startswith("(") and source.endswith(")") and "," in source):
        return None
    items = [item.strip() for item in source[1:-1].removesuffix(",").split(",")]
    return (
        tuple([item[1:-1] for item in items]) if all(map(_is_string, items)) else None
    )


def _is_string(source: str) -> bool:
    """Whether this is one string, without a prefix."""
    quote = source[:1]
    return quote in ("'", '"') and source.find(quote, 1) == len(source) - 1 > 0


# It is the same in most files.
@functools.lru_cache(maxsize=128)
def _is_harmless(between: str) -> bool:
    """Whether only blanks, comments and imports stand between docstring and ids."""
    if not between.startswith("\n"):
        return False
    for line in between.split("\n"):
        if line.strip() and not line.startswith("#"):
            plain = set("()*\\;#\"'").isdisjoint(line)
            if not (plain and line.startswith(("import ", "from "))):
                return False
            if mentions_header(line):
                return False
    return True


def mentions_header(text: str) -> bool:
    """Whether a name might be bound here: no proof, but a reason to look closely."""
    for hint in _HINTS:  # noqa: SIM110  # any() takes twice as long, for each file
        if hint in text:
            return True
    return False


def execute(module: ModuleType, path: str) -> None:
    """Run a revision file in a module.

    :raises RevisionFileError: Whatever it raises is the cause.
    """
    spec = importlib.util.spec_from_file_location(module.__name__, path)
    if spec is None or spec.loader is None:
        raise RevisionFileError(
            f"The revision file {path} can't be loaded: Python doesn't know its kind.",
            path=path,
        )
    module.__file__ = path
    module.__spec__ = spec
    module.__loader__ = spec.loader
    module.__package__ = ""
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise unloadable(path, error) from error


def unloadable(path: str, error: BaseException) -> RevisionFileError:
    """Say in one line where and why a file can't be loaded."""
    if isinstance(error, SyntaxError) and error.filename == path:
        line, reason = error.lineno, f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == path]
        line = lines[-1] if lines else None
        text = next(iter(str(error).splitlines()), "")
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    where = f", line {line}," if line else ""
    return RevisionFileError(
        f"The revision file {path}{where} can't be loaded: {reason.rstrip('.')}.",
        path=path,
        fix="Correct the file, or remove it.",
    )


def module_name(path: str) -> str:
    """The name that Alembic gives a revision file's module."""
    return re.sub(r"\W", "_", os.path.basename(path))


def entry_of_module(module: ModuleType, path: str) -> Entry:
    """Make the entry of an executed file."""
    absent = object()
    values = {name: getattr(module, name, absent) for name in (*NAMES, "__doc__")}
    values = {name: value for name, value in values.items() if value is not absent}
    return _entry(path, values, literal=False)


_CHUNK = 16384
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def read_content(path: str) -> tuple[bytes, os.stat_result]:
    """Read a file, and how it was when that began.

    For thousands of small ones, a file object takes too long.
    """
    descriptor = os.open(path, _READING)
    try:
        stat = os.fstat(descriptor)
        part = os.read(descriptor, _CHUNK)
        if len(part) < _CHUNK:
            return part, stat
        parts = [part]
        while part:
            part = os.read(descriptor, _CHUNK)
            parts.append(part)
        return b"".join(parts), stat
    finally:
        os.close(descriptor)


def read_entry(path: str, raw: bytes | None = None) -> Entry:
    """Read one revision file.

    :param raw: What is in it, if that was read already.
    :raises RevisionFileError: It can't be read or loaded, or lacks a header.
    """
    if path.endswith(".py"):
        if raw is None:
            try:
                raw, _ = read_content(path)
            except OSError as error:
                raise unloadable(path, error) from error
        text = _decode(raw)
        entry = _usual(path, text) if text else None
        if entry is not None:
            return entry
        values = text and _oddly(text)
        if values:
            values["__doc__"] = _as_compiled(values["__doc__"])
            return _entry(path, values, literal=True)
    module = ModuleType(module_name(path))
    execute(module, path)
    return entry_of_module(module, path)


def _oddly(text: str) -> dict[str, t.Any] | None:
    """Read any other header; None if the file has to be executed."""
    from . import odd_headers

    return odd_headers.read(text)


def _decode(raw: bytes) -> str | None:
    """Decode as Python would; None if that fails."""
    try:
        if b"coding" in raw or b"\r" in raw or raw.startswith(b"\xef\xbb\xbf"):
            return importlib.util.decode_source(raw)
        return raw.decode()
    except (SyntaxError, ValueError):
        return None


def _as_compiled(doc: str | None) -> str | None:
    """Take the common indent away, as the compiler does from Python 3.13 on."""
    if doc is None or sys.version_info < (3, 13):
        return doc
    first, *others = doc.expandtabs().split("\n")
    margin = min(
        (len(o) - len(o.lstrip(" ")) for o in others if o.strip(" ")), default=0
    )
    cut = [line[min(margin, len(line) - len(line.lstrip(" "))) :] for line in others]
    return "\n".join((first.lstrip(" "), *cut))


def _entry(path: str, values: Mapping[str, t.Any], *, literal: bool) -> Entry:
    """Make an entry of what a file binds."""
    name = values.get("revision")
    if name is None and "revision" not in values:
        # Alembic 0.1 knew a revision by its file's name.
        legacy = re.match(r"([a-f0-9]+)\.py$", os.path.basename(path))
        name = legacy[1] if legacy else None
    if not isinstance(name, str) or not name or "down_revision" not in values:
        lacking = "down_revision" if isinstance(name, str) and name else "revision"
        raise RevisionFileError(
            f"The file {path} doesn't set {lacking!r} as a revision file must.",
            path=path,
            fix=f"Add {lacking}, or move the file out of the migrations folder.",
        )
    doc = values.get("__doc__")
    doc = doc.strip() if isinstance(doc, str) else ""
    return Entry(
        name,
        _ids(path, "down_revision", values["down_revision"]),
        _ids(path, "depends_on", values.get("depends_on")),
        _ids(path, "branch_labels", values.get("branch_labels")),
        doc,
        path,
        literal,
    )


def _ids(path: str, name: str, value: t.Any) -> tuple[str, ...]:
    """Make a tuple of what may be None, one id or several."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    ids = tuple(value) if isinstance(value, Iterable) else (value,)
    if ids == (None,):
        return ()
    if not all(isinstance(item, str) for item in ids):
        raise RevisionFileError(
            f"The revision file {path} sets {name!r} to {value!r}.",
            path=path,
            fix="Use None, a string, or a tuple of strings.",
        )
    return ids

"""Reading the head of revision files, the graph, and when files are read again."""

from __future__ import annotations

import os
import py_compile
import random
import subprocess
import sys
import textwrap
import threading
import typing as t
import warnings
from pathlib import Path

import pytest
from alembic.script import Script
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision as AlembicRevision
from alembic.script.revision import RevisionError
from alembic.script.revision import RevisionMap

from flask_alembic.errors import HistoryError
from flask_alembic.errors import RevisionFileError
from flask_alembic.errors import TargetError
from flask_alembic.migrator import odd_headers
from flask_alembic.migrator import watch
from flask_alembic.migrator.headers import Entry
from flask_alembic.migrator.headers import read_entry
from flask_alembic.migrator.history import History
from flask_alembic.migrator.watch import HistoryCache

PLAIN = 'revision = "{}"\ndown_revision = {!r}\n'


def entry(
    id: str,
    parents: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    path: str = "",
) -> Entry:
    """Make an entry without a file."""
    return Entry(id, parents, depends_on, labels, "", path or f"{id}.py", True)


def write(folder: Path, name: str, text: str, *, old: bool = True) -> Path:
    """Write a file; an old one was not written just now."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    if old:
        settle(path)
    return path


def settle(*paths: Path) -> None:
    """Date files and folders back, so that a look at them proves something."""
    for path in paths:
        before = path.stat().st_mtime - 10
        os.utime(path, (before, before))


# -- One file ------------------------------------------------------------------------

USUAL = {
    "single quotes": "revision = 'a1'\ndown_revision = 'b1'\n",
    "double quotes": 'revision = "a1"\ndown_revision = "b1"',
    "no spaces": "revision='a1'\ndown_revision=None\n",
    "docstring": '"""Words\n\nMore words.\n"""\n\nrevision = "a1"\ndown_revision = None\n',
    "one-line docstring": "'Words'\nrevision = 'a1'\ndown_revision = None\n",
    "single triple": "'''It's ''one'' '''\nrevision = 'a1'\ndown_revision = None\n",
    "quotes in docstring": '"""A "b" ""c"" d\\""""\nrevision="a1"\ndown_revision=None\n',
    "raw docstring": 'r"""C:\\users"""\nrevision="a1"\ndown_revision=None\n',
    "escapes": '"""tab\\there \\\n joined"""\nrevision="a1"\ndown_revision=None\n',
    "indented docstring": '"""\n    One\n      two\n\n    """\n'
    + PLAIN.format("a1", None),
    "tabs in docstring": '"""  One\n\ttwo\n\tthree"""\n' + PLAIN.format("a1", None),
    "docstring that lies": '"""\nrevision = "x"\n"""\n' + PLAIN.format("a1", None),
    "docstring without end": '"""Words"""; 1\n' + PLAIN.format("a1", None),
    "long docstring": '"""' + "words\n" * 3000 + '"""\n' + PLAIN.format("a1", "b1"),
    "comments": "# revision = 'x'\nrevision = 'a1'  # 'y'\ndown_revision = None # none\n",
    "tuple": "revision = 'a1'\ndown_revision = ('b1', \"c1\")\n",
    "tuple over lines": "revision='a1'\ndown_revision = (\n    'b1',\n    'c1',\n)\n",
    "tuple of one": "revision = 'a1'\ndown_revision = ('b1',)\n",
    "list": "revision='a1'\ndown_revision=['b1', 'c1']\nbranch_labels = ['l', 'm']\n",
    "empty": "revision='a1'\ndown_revision=()\nbranch_labels=[]\ndepends_on=None\n",
    "parenthesised": "revision = ('a1')\ndown_revision = (None)\n",
    "annotated": (
        "from typing import Sequence, Union\n\nrevision: str = 'a1'\n"
        "down_revision: Union[str, Sequence[str], None] = 'b1'\n"
        "branch_labels: 'str | None' = 'label'\n"
        "depends_on: Union[str, Sequence[str], None] = ('d1', 'e1')\n"
    ),
    "imports over lines": (
        "from os.path import (\n    join,\n    split,\n)\nimport sys  # revision\n"
        "revision = 'a1'\ndown_revision = None\n"
    ),
    "form feed": "\f\nrevision = 'a1'\n\f\ndown_revision = None\n",
    "nothing else": "revision = 'a1'\ndown_revision = 'b1'\ndepends_on = 'd1'",
}

ODD = {
    "comment in tuple": "revision='a1'\ndown_revision = (\n    'b1',  # (old\n    'c1',\n)\n",
    "string parts": "revision = 'a' '1'\ndown_revision = ('b'\n  '1')\n",
    "escape in id": "revision = 'a\\x31'\ndown_revision = None\n",
    "triple-quoted id": 'revision = """a1"""\ndown_revision = None\n',
    "prefixed id": "revision = u'a1'\ndown_revision = r'b1'\n",
    "semicolon": "revision = 'a1'; down_revision = 'b1'\n",
    "chained": "revision = identity = 'a1'\ndown_revision = None\n",
    "continued": "revision = \\\n    'a1'\ndown_revision = None\n",
    "other names before": "author = 'me'\nrevision = 'a1'\ndown_revision = None\n",
    "declared only": "revision: str\nrevision = 'a1'\ndown_revision = None\n",
    "assigned later": (
        "revision = 'x'\ndown_revision = 'y'\n\n\ndef upgrade():\n    revision = 'z'\n"
        "    return revision\n\n\nrevision = 'a1'\ndown_revision = None\n"
    ),
    "text that lies": (
        "revision = 'a1'\ndown_revision = None\n"
        "SQL = '''\nrevision = 'x'\ndown_revision = 'y'\n'''\n"
    ),
    "annotation over lines": (
        "from typing import Union\nrevision: Union[\n    str, None\n] = 'a1'\n"
        "down_revision: Union[str, None] = None\n"
    ),
    "set": "revision = 'a1'\ndown_revision = {'b1'}\n",
    "assigned again": "revision = 'x'\nrevision = 'a1'\ndown_revision = None\n",
    "right behind the docstring": "'''Words'''\n" + PLAIN.format("a1", None),
    "tuples and lists": (
        "revision = ('a1')\ndown_revision = ('b,1')\nbranch_labels = ['x']\n"
        "depends_on = ( 'd1' , \"e'1\",\n 'f,1' )\n"
    ),
    "an order of its own": (
        "revision = 'a1'\ndepends_on = 'd1'\n\ndown_revision = 'b1'  # last\n"
    ),
}

EXECUTED = {
    "call": "revision = str('a1')\ndown_revision = None\n",
    "f-string": "n = 1\nrevision = f'a{n}'\ndown_revision = None\n",
    "condition": "revision = 'x'\nif True:\n    revision = 'a1'\ndown_revision = None\n",
    "unpacked": "revision, down_revision = 'a1', 'b1'\n",
    "sum": "revision = 'a1'\ndown_revision = 'x'\ndown_revision += 'y'\n",
    "import": "revision = 'x'\nfrom os import sep as revision\ndown_revision = None\n",
    "import before": "from os import sep as depends_on\nrevision='a1'\ndown_revision=None\n",
    "star import": "revision = 'a1'\ndown_revision = None\nfrom os.path import *\n",
    "loop": "down_revision = None\nfor revision in ('x', 'a1'):\n    pass\n",
    "walrus": "revision = 'x'\ndown_revision = None\nprevious = (revision := 'a1')\n",
    "global": (
        "revision = 'x'\ndown_revision = None\ndef change():\n    global revision\n"
        "    revision = 'a1'\nchange()\n"
    ),
    "exec": "revision = 'x'\ndown_revision = None\nexec('revision = \"a1\"')\n",
    "globals": "revision='x'\ndown_revision=None\nglobals().update(revision='a1')\n",
    "doc assigned": "'old'\nrevision='a1'\ndown_revision=None\n__doc__ = 'new\\n\\nmore'\n",
    "deleted": "revision = 'a1'\ndown_revision = 'b1'\nbranch_labels = 'x'\ndel branch_labels\n",
    "getattr": "revision='a1'\ndown_revision=None\ndef __getattr__(name):\n    return None\n",
    "match": (
        "down_revision = None\nmatch 'a1':\n    case str() as revision:\n        pass\n"
    ),
    "generator": "revision = 'a1'\ndown_revision = tuple(c + '1' for c in 'bc')\n",
    "none in a tuple": "revision = 'a1'\ndown_revision = (None,) + ()\n",
}

ENCODED = {
    "cookie": "# -*- coding: latin-1 -*-\n'''Stra\xdfe'''\n".encode("latin-1"),
    "cookie in line two": "#!/x\n# coding: cp1252\n'''\u20ac'''\n".encode("cp1252"),
    "BOM": b"\xef\xbb\xbf'''\xc3\xa9'''\n",
    "CRLF": b"'''Two\r\nlines'''\r\n",
    "CR": b"'''Two\rlines'''\r",
    "UTF-8": "'''é 漢'''\n".encode(),
}


def compare(path: Path) -> Entry:
    """Compare what is read with what Alembic makes of the executed file."""
    folder = ScriptDirectory(path.parent)
    read = read_entry(str(path))
    script = Script._from_path(folder, path)
    assert script is not None
    assert read.revision.id == script.revision
    assert read.revision.parents == script._versioned_down_revisions
    assert read.revision.labels == script._orig_branch_labels
    dependencies = script.dependencies or ()
    single = isinstance(dependencies, str)
    assert read.revision.depends_on == ((dependencies,) if single else dependencies)
    assert read.doc == script.longdoc
    assert read.revision.message == script.doc
    assert read.revision.path == script.path
    return read


@pytest.mark.parametrize("source", USUAL.values(), ids=USUAL)
@pytest.mark.parametrize("body", ["", "\n\ndef upgrade():\n    pass\n"])
def test_usual_headers(tmp_path: Path, source: str, body: str) -> None:
    """A header of the usual kind is what executing the file gives."""
    assert compare(write(tmp_path, "a1_x.py", source + body)).literal


@pytest.mark.parametrize("source", ODD.values(), ids=ODD)
def test_odd_headers(tmp_path: Path, source: str) -> None:
    """So is an odd one that is still literal."""
    assert compare(write(tmp_path, "a1_x.py", source)).literal


@pytest.mark.parametrize("source", EXECUTED.values(), ids=EXECUTED)
def test_headers_that_are_executed(tmp_path: Path, source: str) -> None:
    """And one that isn't literal."""
    assert not compare(write(tmp_path, "a1_x.py", source)).literal


@pytest.mark.parametrize("head", ENCODED.values(), ids=ENCODED)
def test_encodings(tmp_path: Path, head: bytes) -> None:
    """Text is decoded as Python does it."""
    path = tmp_path / "a1.py"
    end = b"\r\n" if b"\r\n" in head else head[-1:]
    path.write_bytes(
        end.join([head + b"revision = 'a1'", b"down_revision = 'b1'", b""])
    )
    read = compare(path)
    assert read.literal
    assert read.doc


TEMPLATE = """\"\"\"Words

Revision ID: a1
\"\"\"
from typing import Sequence
from typing import Union

# revision identifiers, used by Alembic.
{}


def upgrade():
    pass
"""

QUICK = {
    "template": "revision = 'a1'\ndown_revision = 'b1'\nbranch_labels = None\ndepends_on"
    " = None",
    "annotated": (
        'revision: str = "a1"\ndown_revision: str | None = "b1"\n'
        "branch_labels: Union[str, Sequence[str], None] = None\n"
        "depends_on: Union[str, Sequence[str], None] = ('c1', \"d1\")"
    ),
    "first": "revision = 'a1'\ndown_revision = None",
    "merge": "revision = 'a1'\ndown_revision = ('b1', 'c1')\nbranch_labels = ('x',)",
    "quote in quotes": "revision = 'a1'\ndown_revision = \"b'1\"",
}

NOT_QUICK = {
    "method": "revision = 'a1'.strip()\ndown_revision = None",
    "two strings": "revision = 'a' '1'\ndown_revision = None",
    "two kinds of quotes": "revision = 'a' \"1\"\ndown_revision = None",
    "triple": "revision = '''a1'''\ndown_revision = None",
    "prefix": "revision = r'a1'\ndown_revision = None",
    "choice": "revision = 'a1' if 1 else 'b1'\ndown_revision = None",
    "two on a line": "revision = 'a1'; down_revision = 'b1'\ndown_revision = 'c1'",
    "chained": "revision = 'a1'\ndown_revision = branch_labels = 'b1'",
    "brackets": "revision = 'a1'\ndown_revision = ('b1')",
    "sum of tuples": "revision = 'a1'\ndown_revision = ('b1', 'c1') + ('d1',)",
    "comma in a string": "revision = 'a1'\ndown_revision = ('b,1', 'c1')",
    "parts in a tuple": "revision = 'a1'\ndown_revision = ('b' '1', 'c1')",
    "tuple of tuples": "revision = 'a1'\ndown_revision = ('b1', *('c1', 'd1'))",
    "without brackets": "revision = 'a1'\ndown_revision = 'b1', 'c1'",
    "annotation that runs": "revision: print('x') = 'a1'\ndown_revision = None",
    "name": "revision = 'a1'\ndown_revision = str",
    "blank behind": "revision = 'a1' \ndown_revision = None",
}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that one regular expression wasn't enough for."""
    found: list[str] = []
    real = odd_headers.read
    monkeypatch.setattr(
        odd_headers, "read", lambda text: found.append(text) or real(text)
    )
    return found


@pytest.mark.parametrize("lines", QUICK.values(), ids=QUICK)
def test_headers_of_templates_are_read_at_once(
    tmp_path: Path, looked_at: list[str], lines: str
) -> None:
    """As Alembic's templates and Flask-Migrate's write them, with annotations too."""
    assert compare(write(tmp_path, "a1_x.py", TEMPLATE.format(lines))).literal
    assert looked_at == []


@pytest.mark.parametrize("lines", NOT_QUICK.values(), ids=NOT_QUICK)
def test_headers_that_only_look_like_it(
    tmp_path: Path, looked_at: list[str], lines: str
) -> None:
    """What isn't surely one string, or a tuple of strings, is looked at closely."""
    path = write(tmp_path, "a1_x.py", TEMPLATE.format(lines))
    if lines.endswith("= str"):
        with pytest.raises(RevisionFileError, match="'down_revision' to"):
            read_entry(str(path))
    else:
        compare(path)
    assert len(looked_at) == 1


def test_usual_headers_need_no_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an odd file costs a syntax tree."""
    parsed: list[str] = []
    real = odd_headers._parse
    monkeypatch.setattr(
        odd_headers, "_parse", lambda text: parsed.append(text) or real(text)
    )
    for name, source in USUAL.items():
        read_entry(str(write(tmp_path, "a1.py", source)))
        known = ("docstring without end",)
        assert bool(parsed) == (name in known), name
        parsed.clear()


def test_reading_warns_of_nothing(tmp_path: Path) -> None:
    """A bad escape in a docstring is the business of whoever runs the file."""
    path = write(
        tmp_path, "a1.py", '"""C:\\path"""\nrevision="a1"\ndown_revision=None\n'
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_entry(str(path)).doc == "C:\\path"


def test_legacy_name(tmp_path: Path) -> None:
    """Without a revision, a file's hexadecimal name is the id, as in Alembic 0.1."""
    assert compare(write(tmp_path, "abc123.py", "down_revision = None\n")).revision.id
    for name in ("abc_.py", "abc123_x.py", "xyz.py"):
        path = write(tmp_path, name, "down_revision = None\n")
        with pytest.raises(RevisionFileError, match="doesn't set 'revision'") as caught:
            read_entry(str(path))
        assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\n", "doesn't set 'revision'"),
        ("", "doesn't set 'revision'"),
        ("revision = 5\ndown_revision = None\n", "doesn't set 'revision'"),
        ("revision = ''\ndown_revision = None\n", "doesn't set 'revision'"),
        ("revision = None\ndown_revision = None\n", "doesn't set 'revision'"),
        ('"""Words"""\nrevision = None\ndown_revision = None\n', "set 'revision'"),
        ('"""Words"""\nrevision = ""\ndown_revision = None\n', "set 'revision'"),
        ("revision = 'a1'\n", "doesn't set 'down_revision'"),
        ("revision = 'a1'\ndown_revision = 5\n", "sets 'down_revision' to 5"),
        ("revision='a1'\ndown_revision=('b1', None)\n", "sets 'down_revision' to"),
        ("revision='a1'\ndown_revision=None\ndepends_on=[1]\n", "sets 'depends_on' to"),
        ("revision = 'a1'\ndown_revision = (\n", "line 2, .*SyntaxError"),
        ("revision = 'a' + 1\n", "line 1, can't be loaded: TypeError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("revision = 'a1'\0\ndown_revision = None\n", "can't be loaded"),
    ],
)
def test_files_that_are_no_revisions(tmp_path: Path, source: str, says: str) -> None:
    """A file that can't be used is named, in one line."""
    path = write(tmp_path, "x.py", source)
    with pytest.raises(RevisionFileError, match=says) as caught:
        HistoryCache([tmp_path]).get()
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_undecodable_file(tmp_path: Path) -> None:
    """Bytes that aren't text are a file that can't be loaded."""
    path = tmp_path / "a1.py"
    path.write_bytes(b"revision = 'a1'\ndown_revision = None\nx = '\xff'\n")
    with pytest.raises(RevisionFileError, match="can't be loaded: SyntaxError"):
        read_entry(str(path))


# -- The graph -----------------------------------------------------------------------


def random_history(seed: int, size: int = 12) -> History:
    """Branches, merges, labels and dependencies on ids and labels, in any order."""
    chance = random.Random(seed)
    entries: list[Entry] = []
    for n in range(size):
        recent = [e.revision.id for e in entries[-4:]]
        count = min(chance.choice((0, 1, 1, 1, 1, 2)), len(recent))
        depends = (
            chance.sample(entries, 1) if entries and chance.random() < 0.25 else []
        )
        names = tuple(
            chance.choice((*e.revision.labels, e.revision.id)) for e in depends
        )
        labels = (f"label{n}",) if chance.random() < 0.2 else ()
        parents = tuple(chance.sample(recent, count))
        entries.append(entry(f"r{n:02d}", parents, names, labels))
    chance.shuffle(entries)
    return History(entries)


def alembics(history: History) -> RevisionMap:
    """The same history as Alembic sees it."""
    revisions = [e.revision for e in history.entries.values()]
    return RevisionMap(
        lambda: [
            AlembicRevision(r.id, r.parents, r.depends_on, r.labels) for r in revisions
        ]
    )


@pytest.mark.parametrize("seed", range(150))
def test_graph_equals_alembics(seed: int) -> None:
    """Heads, bases, pending revisions, overlaps and neighbours."""
    history = random_history(seed)
    stock = alembics(history)
    history.check()
    assert history.heads == stock.heads
    assert history.effective_heads == stock._real_heads
    assert history.bases == stock.bases
    walked = stock.iterate_revisions("heads", "base", inclusive=True)
    assert list(history.newest_first) == [revision.revision for revision in walked]
    chance = random.Random(seed)
    for id_ in history.entries:
        revision = stock.get_revision(id_)
        assert revision is not None
        shown = history.describe(id_)
        assert shown.branches == tuple(sorted(revision.branch_labels))
        assert shown.children == tuple(sorted(revision.nextrev))
        others = revision._all_nextrev - revision.nextrev
        assert shown.dependents == tuple(sorted(others))
    for size in (0, 1, 1, 1, 2, 2, 3):
        applied = tuple(chance.sample(sorted(history.entries), size))
        overlapping = history.overlapping(applied)
        try:
            steps = [
                rev.revision
                for rev in stock.iterate_revisions("heads", applied, implicit_base=True)
            ]
        except RevisionError as error:
            assert "overlaps" in str(error)
            assert overlapping
            continue
        assert not overlapping
        pending = history.pending(applied)
        assert set(pending) == set(steps)
        assert len(pending) == len(steps)
        done = set(history.ancestors(applied))
        for id_ in pending:
            assert done.issuperset(history._down[id_])
            done.add(id_)
        at_head = set(applied) == set(stock._real_heads)
        assert history.at_head(applied) == at_head
        assert at_head <= (not pending)


def test_pending_near_the_head_looks_at_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """One behind the head, the walk doesn't go on to the base."""
    line = [entry("r0"), *(entry(f"r{n}", (f"r{n - 1}",)) for n in range(1, 2000))]
    history = History(line)
    assert history.effective_heads == ("r1999",)

    class Counted(dict[str, tuple[str, ...]]):
        looks = 0

        def __getitem__(self, key: str) -> tuple[str, ...]:
            Counted.looks += 1
            return super().__getitem__(key)

    monkeypatch.setattr(history, "_down", Counted(history._down))
    assert history.pending(["r1996"]) == ("r1997", "r1998", "r1999")
    assert Counted.looks < 10
    assert len(history.pending([])) == 2000
    assert Counted.looks < 2100


def test_overlap_includes_dependencies() -> None:
    """Alembic counts what a revision depends on as included."""
    history = History(
        [entry("a1"), entry("b1", depends_on=("a1",)), entry("c1", ("a1",))]
    )
    assert history.effective_heads == ("b1", "c1")
    assert history.overlapping(["b1", "c1"]) == ()
    assert history.overlapping(["a1", "b1"]) == ("a1",)
    assert history.overlapping(["c1", "a1", "c1"]) == ("a1",)
    assert history.overlapping(["a1", "a1", "zz"]) == ()
    with pytest.raises(RevisionError, match=r"b1 overlaps .* a1"):
        list(alembics(history).iterate_revisions("heads", ("b1", "a1")))


def test_unknown_ids() -> None:
    """They are listed once and don't disturb the rest."""
    history = History([entry("a1"), entry("b1", ("a1",))])
    assert history.unknown(["x", "a1", "y", "x"]) == ("x", "y")
    assert history.pending(["x", "a1"]) == ("b1",)
    assert history.pending(["x"]) == ("a1", "b1")
    assert not history.at_head(["b1", "x"])
    with pytest.raises(TargetError, match="no revision 'x'"):
        history.describe("x")


def test_empty_history() -> None:
    """Without revisions an empty database is at head."""
    history = History()
    history.check()
    assert history.heads == history.effective_heads == history.bases == ()
    assert history.at_head([])
    assert not history.at_head(["x"])
    assert history.pending([]) == ()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        (
            [entry("a1", ("zz",))],
            r"'zz' doesn't exist, but a1\.py .* its down_revision",
        ),
        ([entry("a1", (), ("zz",))], r"'zz' doesn't exist, but a1\.py .* depends_on"),
        ([entry("a1", ("a1",))], r"a1 in a1\.py names itself as its down_revision"),
        (
            [entry("a1", (), ("mine",), ("mine",))],
            r"a1 in a1\.py names itself as its depends_on",
        ),
        (
            [entry("a1", (), ("b1",)), entry("b1", ("a1",))],
            r"a1, b1 follow each other in a circle",
        ),
        (
            [entry("a1", labels=("x",)), entry("b1", ("a1",), labels=("x",))],
            r"label 'x' in b1\.py is already used by revision a1 in a1\.py",
        ),
        ([entry("a1", labels=("b1",)), entry("b1")], "label 'b1' .* by revision b1"),
        ([entry("a1", labels=("a1",))], "label 'a1' .* by revision a1"),
        ([entry("a@1-")], r"'a@1-' in a@1-\.py has characters .*: - @"),
    ],
)
def test_check_names_the_files(entries: list[Entry], says: str) -> None:
    """What doesn't fit is named with its file, every time, and isn't at head."""
    history = History(entries)
    for _ in range(2):
        with pytest.raises(HistoryError, match=says) as caught:
            history.check()
        assert caught.value.fix
        assert "\n" not in str(caught.value)
    assert not history.at_head(history.effective_heads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((RevisionError, KeyError, AssertionError)):
            alembics(history)._revision_map  # noqa: B018


def test_circle_between_base_and_head() -> None:
    """Alembic doesn't see it, and then finds no order."""
    history = History(
        [
            *(entry("base"), entry("a1", ("base", "b1"))),
            *(entry("b1", ("a1",)), entry("c1", ("b1",))),
        ]
    )
    with pytest.raises(HistoryError, match=r"a1, b1 follow .* circle: a1\.py, b1\.py"):
        history.check()
    assert not history.at_head(["c1"])


def test_duplicate_ids(tmp_path: Path) -> None:
    """Both files and the id are named."""
    write(tmp_path, "a.py", PLAIN.format("a1", None))
    write(tmp_path, "b.py", PLAIN.format("a1", None))
    cache = HistoryCache([tmp_path])
    for _ in range(2):
        with pytest.raises(HistoryError, match=r"'a1': .*a\.py and .*b\.py"):
            cache.get()
    (tmp_path / "b.py").unlink()
    assert cache.get().heads == ("a1",)


# -- Which files, and when -----------------------------------------------------------


def found_by_alembic(
    locations: list[Path], *, recursive: bool = False, sourceless: bool = False
) -> list[str]:
    """The paths that Alembic loads, in its order."""
    directory = ScriptDirectory(
        locations[0],
        version_locations=[str(location) for location in locations],
        recursive_version_locations=recursive,
        sourceless=sourceless,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [script.path for script in directory._load_revisions()]


def paths(history: History) -> list[str]:
    """The paths of a history."""
    return [e.revision.path for e in history.entries.values()]


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("sourceless", [False, True])
def test_same_files_as_alembic(
    tmp_path: Path, recursive: bool, sourceless: bool
) -> None:
    """Names, subfolders, links, compiled files and their order."""
    main = tmp_path / "versions"
    for name in (
        "b1.py",
        "a1_x.py",
        ".hidden.py",
        "c1.tail.py",
        "sub/z1.py",
        "sub/y1.py",
    ):
        id_ = Path(name).name.partition(".py")[0].strip(".").replace(".", "_")
        write((main / name).parent, Path(name).name, PLAIN.format(id_, None))
    write(main / "deep" / "er", "d1.py", PLAIN.format("d1", None))
    for name in (
        "__init__.py",
        "__init__x.py",
        ".#a1.py",
        "x.txt",
        "x.py.bak",
        "env.pyx",
    ):
        write(main, name, "raise AssertionError\n")
    write(main / "folder.py", "data.txt", "")
    elsewhere = write(tmp_path / "other", "l1.txt", PLAIN.format("l1", None))
    real = write(tmp_path / "other", "k1.py", PLAIN.format("k1", None))
    (main / "link.py").symlink_to(elsewhere)
    (main / "link.txt").symlink_to(real)
    (main / "again.py").symlink_to(main / "b1.py")
    (main / "loop").symlink_to(main)
    for name in ("p1.py", "q1.py", "b1.py"):
        source = write(tmp_path / "built", name, PLAIN.format(name[:2], None))
        compiled = py_compile.compile(str(source))
        target = main / "__pycache__" / Path(compiled).name
        target.parent.mkdir(exist_ok=True)
        Path(compiled).rename(target)
        if name != "p1.py":
            py_compile.compile(str(source), cfile=str(main / f"{name}c"))
    locations = [main, tmp_path / "missing", main / "sub", tmp_path / "versions" / "."]
    history = HistoryCache(locations, recursive=recursive, sourceless=sourceless).get()
    expected = found_by_alembic(locations, recursive=recursive, sourceless=sourceless)
    assert paths(history) == expected
    assert ("p1" in history.entries) == sourceless
    assert ("d1" in history.entries) == recursive
    assert "k1" in history.entries


def test_unreadable_files_and_folders(tmp_path: Path) -> None:
    """They are errors, not absent."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "a1.py").symlink_to(tmp_path / "gone.py")
    with pytest.raises(
        RevisionFileError, match=r"gone\.py can't be loaded: FileNotFound"
    ):
        HistoryCache([folder]).get()
    (folder / "a1.py").unlink()
    (folder / "b1.pyo").write_bytes(b"")
    with pytest.raises(RevisionFileError, match="Python doesn't know its kind"):
        HistoryCache([folder], sourceless=True).get()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(HistoryError, match="loop can't be read"):
        HistoryCache([loop]).get()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three revisions in a row, written a while ago."""
    folder = tmp_path / "versions"
    for name, parent in (("a1", None), ("b1", "a1"), ("c1", "b1")):
        write(folder, f"{name}.py", PLAIN.format(name, parent))
    settle(folder)
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    real = watch.read_entry

    def read(path: str, raw: bytes | None = None) -> Entry:
        names.append(Path(path).name)
        return real(path, raw)

    monkeypatch.setattr(watch, "read_entry", read)
    # The kernel's own times of these files can't be dated back.
    real_stamp = watch._stamp
    monkeypatch.setattr(
        watch,
        "_stamp",
        lambda stat: (real_stamp(stat)[0], stat.st_mtime_ns, *real_stamp(stat)[2:]),
    )
    return names


def test_unchanged_files_are_read_once(folder: Path, reads: list[str]) -> None:
    """The same object is returned, whether files are looked at or not."""
    cache = HistoryCache([folder])
    first = cache.get()
    assert sorted(reads) == ["a1.py", "b1.py", "c1.py"]
    assert cache.get() is first
    assert cache.get(fresh=True) is first
    assert len(reads) == 3


def test_first_look_opens_each_file_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open file tells when it was written: nothing has to be asked by its name."""
    asked: list[tuple[str, str]] = []
    for name in ("open", "stat", "lstat"):
        real = getattr(os, name)

        def spy(
            path: t.Any, *more: t.Any, name: str = name, real: t.Any = real
        ) -> t.Any:
            asked.append((name, Path(path).name))
            return real(path, *more)

        monkeypatch.setattr(os, name, spy)
    cache = HistoryCache([folder])
    first = cache.get()
    files = [(act, name) for act, name in asked if name.endswith(".py")]
    assert files == [("open", "a1.py"), ("open", "b1.py"), ("open", "c1.py")]
    assert cache.get(fresh=True) is first


def test_file_that_goes_while_it_is_first_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was listed, and is gone: as if it had never been there."""
    real = os.open

    def gone(path: t.Any, *more: t.Any) -> int:
        (folder / "c1.py").unlink(missing_ok=True)
        return real(path, *more)

    monkeypatch.setattr(os, "open", gone)
    cache = HistoryCache([folder])
    assert cache.get().heads == ("b1",)
    assert cache.get(fresh=True).heads == ("b1",)
    write(folder, "c1.py", PLAIN.format("c1", "b1"))
    monkeypatch.undo()
    assert cache.get().heads == ("c1",)


def test_repeated_looks_are_few(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at an unchanged history asks for the folder and the head."""
    cache = HistoryCache([folder])
    cache.get()
    asked: list[str] = []
    real = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "stat", lambda path, **kw: asked.append(path) or real(path, **kw)
        )
        cache.get()
    assert asked == [str(folder), str(folder / "c1.py")]


def test_new_removed_and_renamed_files(folder: Path, reads: list[str]) -> None:
    """They are noticed at once, and only new names are read."""
    cache = HistoryCache([folder])
    cache.get()
    reads.clear()
    write(folder, "d1.py", PLAIN.format("d1", "c1"))
    assert cache.get().heads == ("d1",)
    (folder / "d1.py").rename(folder / "d2.py")
    assert paths(cache.get())[-1] == str(folder / "d2.py")
    (folder / "d2.py").unlink()
    assert cache.get().heads == ("c1",)
    assert reads == ["d1.py", "d2.py"]


def test_rewritten_files(folder: Path, reads: list[str]) -> None:
    """The head's are noticed at once, others when there is work to do."""
    cache = HistoryCache([folder])
    first = cache.get()
    reads.clear()
    (folder / "c1.py").write_text(PLAIN.format("c2", "b1"))
    assert cache.get().heads == ("c2",)
    settle(folder / "c1.py")
    cache.get()
    (folder / "b1.py").write_text(PLAIN.format("b1", "a1") + "branch_labels = 'x'\n")
    cache.get()
    assert first.entries["b1"].revision.labels == ()
    assert cache.get(fresh=True).entries["b1"].revision.labels == ("x",)
    assert reads[-1] == "b1.py"


def test_a_look_just_after_a_change_proves_nothing(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change in the same tick of the clock leaves the folder's time as it was."""
    # A clock that ticks this seldom makes the test certain.
    monkeypatch.setattr(watch, "_TICK", 3600 * 10**9)
    cache = HistoryCache([folder])
    path = write(folder, "d1.py", PLAIN.format("d1", "c1"), old=False)
    assert cache.get().heads == ("d1",)
    before, times = path.stat(), folder.stat()
    path.write_text(PLAIN.format("d2", "c1"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    write(folder, "e1.py", PLAIN.format("e1", "d2"))
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cache.get().heads == ("e1",)


def test_folder_that_appears(tmp_path: Path) -> None:
    """A missing folder is an empty history until it is made."""
    cache = HistoryCache([tmp_path / "later"])
    assert not cache.get().entries
    assert cache.get() is cache.get()
    write(tmp_path / "later", "a1.py", PLAIN.format("a1", None))
    assert cache.get().heads == ("a1",)


def test_subfolders_are_watched(tmp_path: Path) -> None:
    """A new file in a subfolder of a subfolder is noticed."""
    deep = tmp_path / "2024" / "05"
    write(deep, "a1.py", PLAIN.format("a1", None))
    settle(deep, deep.parent, tmp_path)
    cache = HistoryCache([tmp_path], recursive=True)
    assert cache.get().heads == ("a1",)
    write(deep, "b1.py", PLAIN.format("b1", "a1"))
    assert cache.get().heads == ("b1",)


def test_error_is_raised_until_it_is_mended(folder: Path) -> None:
    """A broken file isn't forgotten, and a mended one is read."""
    cache = HistoryCache([folder])
    cache.get()
    path = write(folder, "d1.py", "x = 1\n")
    settle(folder)
    for _ in range(2):
        with pytest.raises(RevisionFileError):
            cache.get()
    path.write_text(PLAIN.format("d1", "c1"))
    assert cache.get().heads == ("d1",)


def test_threads_share_a_cache(folder: Path, reads: list[str]) -> None:
    """Threads that ask at once get one history, read once."""
    cache = HistoryCache([folder])
    results: list[History] = []
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait()
        results.append(cache.get())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(result is results[0] for result in results)
    assert len(reads) == 3


def test_snapshot_cant_be_changed() -> None:
    """The entries can't be written to."""
    entries = t.cast("dict[str, Entry]", History([entry("a1")]).entries)
    with pytest.raises(TypeError):
        entries["b1"] = entry("b1")


def test_import_budget() -> None:
    """Reading the history loads nothing of Alembic, Mako or SQLAlchemy."""
    code = """
        import sys
        import flask_alembic

        # What the package itself needs is for another test to judge.
        before = set(sys.modules)
        import flask_alembic.migrator.history
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(new & {"sqlalchemy", "flask_sqlalchemy", "flask"}))
        print(sorted({"alembic", "mako", "rich"}.intersection(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "[]"]

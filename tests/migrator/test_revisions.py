"""The index as Alembic's own objects, compared with Alembic's own reading."""

from __future__ import annotations

import random
import sys
import threading
import typing as t
import warnings
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import Script
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision
from alembic.script.revision import RevisionMap
from alembic.util import CommandError

from flask_alembic.errors import RevisionFileError
from flask_alembic.migrator.history import History
from flask_alembic.migrator.lookup import Scripts
from flask_alembic.migrator.revisions import IndexedScript
from flask_alembic.migrator.revisions import LinearRevisionMap
from flask_alembic.migrator.revisions import load
from flask_alembic.migrator.revisions import script_directory
from flask_alembic.migrator.watch import HistoryCache

Spec = dict[str, tuple[t.Any, t.Any, t.Any]]
"""Id -> parents, dependencies, labels."""

BODY = "\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"


def random_spec(seed: int, size: int = 14) -> Spec:
    """A random history: branches, merges, labels, one dependency a revision."""
    chance = random.Random(seed)
    spec: Spec = {}
    label_of: dict[str, str] = {}
    names = [f"{chance.randrange(16**6):06x}{n:02d}" for n in range(size)]
    for number, name in enumerate(names):
        earlier = names[:number]
        recent = earlier[-4:]
        kind = chance.random()
        if not earlier or kind < 0.08:
            parents: t.Any = None
        elif kind < 0.3 and len(recent) > 1:
            parents = tuple(chance.sample(recent, 2))
        else:
            parents = chance.choice(recent)
        dependency = None
        if earlier and chance.random() < 0.2:
            dependency = chance.choice(earlier)
            dependency = label_of.get(dependency, dependency)
        label = None
        if chance.random() < 0.15:
            label = label_of[name] = f"label{number}"
        spec[name] = (parents, dependency, label)
    files = list(spec.items())
    chance.shuffle(files)
    return dict(files)


def revision_map(kind: type[RevisionMap], spec: Spec) -> RevisionMap:
    """Make a map of fresh revisions."""
    return kind(lambda: [Revision(name, *values) for name, values in spec.items()])


def write(folder: Path, spec: Spec, body: str = BODY) -> None:
    """Write a history as revision files."""
    folder.mkdir(exist_ok=True)
    for name, (parents, dependency, label) in spec.items():
        folder.joinpath(f"{name}_change.py").write_text(
            f'"""Change {name}\n\nRevision ID: {name}\n"""\n\n'
            f"revision = {name!r}\ndown_revision = {parents!r}\n"
            f"branch_labels = {label!r}\ndepends_on = {dependency!r}\n{body}"
        )


def configuration(folder: Path) -> Config:
    """Alembic's configuration, revisions directly in the folder."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    return config


def indexed(folder: Path) -> ScriptDirectory:
    """A script directory on the index."""
    return script_directory(configuration(folder), HistoryCache([folder]).get)


def outcome(call: t.Callable[[], t.Any]) -> t.Any:
    """What a call returns, or the type and text of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:
            return type(error), str(error)


def plan(
    map_: RevisionMap, upper: t.Any, lower: t.Any, **options: bool
) -> t.Callable[[], list[str]]:
    """The ids that a range yields."""
    return lambda: [
        rev.revision for rev in map_.iterate_revisions(upper, lower, **options)
    ]


def ranges(spec: Spec, chance: random.Random) -> t.Iterator[tuple[t.Any, t.Any, bool]]:
    """Ranges to compare: upper, lower, whether it is a downgrade."""
    names = list(spec)
    labels = [label for _, _, label in spec.values() if label]
    yield "heads", None, False
    for _ in range(5):
        some = tuple(chance.sample(names, chance.choice((1, 1, 2))))
        target = chance.choice((*names, "head", "heads", "+1", "+2", "base", "-1"))
        yield target, some, False
        yield some, target, True
        yield some, chance.choice((*names, "base", "-1", "-2")), True
        for label in labels:
            yield f"{label}@head", some, False
            yield f"{label}@+1", some, False
            yield some, f"{label}@base", True
            yield some, f"{label}@-1", True


@pytest.mark.parametrize("seed", range(300))
def test_ranges_equal_alembics(seed: int) -> None:
    """Upgrades, downgrades and ranges: same revisions, same order, same errors."""
    spec = random_spec(seed)
    stock = revision_map(RevisionMap, spec)
    ours = revision_map(LinearRevisionMap, spec)
    for name in ("heads", "bases", "_real_heads", "_real_bases"):
        assert getattr(ours, name) == getattr(stock, name)
    compared = 0
    for upper, lower, down in ranges(spec, random.Random(seed)):
        choices = [{"select_for_downgrade": True}] if down else []
        if not down:
            choices = [{"implicit_base": True}, {"inclusive": True}]
        for options in choices:
            expected = outcome(plan(stock, upper, lower, **options))
            assert outcome(plan(ours, upper, lower, **options)) == expected
            compared += isinstance(expected, list)
    assert compared


@pytest.mark.parametrize("seed", range(60))
def test_current_and_normalized_dependencies_equal_alembics(seed: int) -> None:
    """``get_all_current`` and what each revision knows of its neighbours."""
    spec = random_spec(seed, 25)
    stock = revision_map(RevisionMap, spec)
    ours = revision_map(LinearRevisionMap, spec)
    for name in spec:
        left, right = ours.get_revision(name), stock.get_revision(name)
        assert left is not None and right is not None
        for attribute in (
            *("nextrev", "_all_nextrev", "branch_labels"),
            *("_normalized_down_revisions", "_resolved_dependencies"),
        ):
            assert getattr(left, attribute) == getattr(right, attribute), attribute
        expected = {rev.revision for rev in stock._get_all_current((name,))}
        assert {rev.revision for rev in ours._get_all_current((name,))} == expected


@pytest.mark.parametrize("seed", range(40))
def test_scripts_look_like_alembics(tmp_path: Path, seed: int) -> None:
    """What a script shows of itself is equal."""
    write(tmp_path, random_spec(seed, 8))
    stock = ScriptDirectory.from_config(configuration(tmp_path))
    ours = indexed(tmp_path)
    assert set(ours.revision_map._revision_map) == set(stock.revision_map._revision_map)
    for expected in stock.walk_revisions():
        script = ours.get_revision(expected.revision)
        assert isinstance(script, IndexedScript)
        for name in (
            *("doc", "longdoc", "path", "revision", "down_revision"),
            *("dependencies", "branch_labels", "nextrev", "is_head", "is_base"),
            *("is_branch_point", "is_merge_point", "_is_real_head"),
            *("_orig_branch_labels", "_is_real_branch_point", "_is_real_base"),
        ):
            assert getattr(script, name) == getattr(expected, name), name
        # The order in a set of labels or of children is left to chance.
        for some in (script, expected):
            some.branch_labels = sorted(some.branch_labels)  # type: ignore[assignment]
            some.nextrev = sorted(some.nextrev)  # type: ignore[assignment]
        assert script.log_entry == expected.log_entry
        assert str(script) == str(expected)
        assert repr(script) == repr(expected).replace("Script", "IndexedScript")
        for verbose in (False, True):
            line = expected.cmd_format(verbose, True, True, True)
            assert script.cmd_format(verbose, True, True, True) == line
        assert script.module.__doc__ == script.longdoc
        assert script.module.__name__ == expected.module.__name__
        assert script.module.depends_on == expected.module.depends_on
        assert script.module.upgrade.__module__ == expected.module.__name__
        assert script.module.__doc__ == expected.module.__doc__


@pytest.mark.parametrize(
    "spec",
    [
        {"a1": ("b1", None, None), "b1": ("a1", None, None)},
        {"a1": (None, None, None), "b1": ("a1", "c1", None), "c1": ("b1", None, None)},
        {"a1": (None, None, "same"), "b1": ("a1", None, "same")},
        {"a1": ("a1", None, None)},
        {"a-1": (None, None, None)},
    ],
)
def test_errors_of_the_history_are_alembics(spec: Spec) -> None:
    """A history that Alembic refuses is refused with the same type."""
    stock = outcome(lambda: revision_map(RevisionMap, spec).heads)
    ours = outcome(lambda: revision_map(LinearRevisionMap, spec).heads)
    assert isinstance(stock[0], type)
    assert ours[0] is stock[0]


def test_missing_parent_is_one_error(tmp_path: Path) -> None:
    """Not a KeyError and a warning, as with Alembic."""
    write(tmp_path, {"b1": ("a1", None, None)})
    with pytest.raises(CommandError, match=r"a1 referenced from .*b1.* is not present"):
        indexed(tmp_path).get_revisions("heads")


SHAPES = ("straight", "merges", "lines", "star", "leaves")


def shape(name: str, size: int) -> Spec:
    """Histories of one shape."""
    spec: Spec = {}
    for n in range(size):
        parents: t.Any = f"r{n - 1}" if n else None
        depends = None
        if name == "merges" and n % 10 == 2:
            parents = f"r{n - 2}"
        elif name == "merges" and n % 10 == 3:
            parents = (f"r{n - 1}", f"r{n - 2}")
        elif name == "lines":
            parents = f"r{n - 5}" if n >= 5 else None
            depends = f"r{n - 1}" if n % 20 == 7 else None
        elif name == "star":
            parents = "r0" if n else None
        elif name == "leaves":
            # One long line, with a leaf at each of its revisions.
            parents = f"r{n - 1 - n % 2}" if n > 1 else (f"r{n - 1}" if n else None)
        spec[f"r{n}"] = (parents, depends, None)
    names = list(spec)
    random.Random(size).shuffle(names)
    return {name: spec[name] for name in names}


def operations(spec: Spec) -> int:
    """Count the calls of functions, and lines run in ours, for map, sort and current."""
    map_ = revision_map(LinearRevisionMap, spec)
    count = 0

    def trace(frame: t.Any, event: str, arg: t.Any) -> t.Any:
        nonlocal count
        count += 1
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        planned = plan(map_, "heads", None, implicit_base=True)()
        current = map_._get_all_current(map_._real_heads)
    finally:
        sys.settrace(previous)
    assert len(planned) == len(spec)
    assert current
    return count


@pytest.mark.parametrize("name", SHAPES)
def test_work_grows_with_the_number_of_revisions(name: str) -> None:
    """Four times the revisions are four times the work, in every shape."""
    assert operations(shape(name, 1200)) < 4.6 * operations(shape(name, 300))


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_keep_alembics_order(name: str) -> None:
    """The shapes whose work is counted are sorted as Alembic sorts them."""
    spec = shape(name, 200)
    stock = plan(revision_map(RevisionMap, spec), "heads", None, implicit_base=True)
    ours = plan(
        revision_map(LinearRevisionMap, spec), "heads", None, implicit_base=True
    )
    assert ours() == stock()


def test_nothing_runs_for_questions(tmp_path: Path) -> None:
    """Heads, current, log, and upgrade at head don't execute a file."""
    spec = random_spec(5, 10)
    write(tmp_path, spec, body="raise AssertionError('executed')\n")
    directory = indexed(tmp_path)
    heads = tuple(directory.revision_map._real_heads)
    assert directory.get_heads()
    assert {rev.revision for rev in directory.get_all_current(heads)} <= set(spec)
    assert all(rev.log_entry for rev in directory.walk_revisions())
    assert directory._upgrade_revs("heads", heads) == []  # type: ignore[arg-type]
    module = directory.get_revision(heads[0]).module
    assert module.revision == heads[0]
    assert not hasattr(module, "__path__")
    assert not hasattr(module, "_alembic_source_encoding")


@pytest.mark.parametrize(
    ("body", "cause", "says"),
    [
        ("def upgrade(:\n", SyntaxError, r"line 10, .*SyntaxError"),
        ("import nothing_of_this_name\n", ModuleNotFoundError, "line 10"),
        ("\n\nraise ValueError('odd')\n", ValueError, "line 12, .*ValueError: odd"),
        ("raise SystemExit(0)\n", SystemExit, "SystemExit: 0"),
        ("raise RuntimeError\n", RuntimeError, "RuntimeError"),
    ],
)
def test_load_names_the_file(
    tmp_path: Path, body: str, cause: type[BaseException], says: str
) -> None:
    """A file that can't be loaded is named, with the original as the cause."""
    write(tmp_path, {"a1": (None, None, None)}, body=body)
    script = indexed(tmp_path).get_revision("a1")
    for _ in range(2):
        with pytest.raises(RevisionFileError, match=says) as caught:
            load([script])
        assert caught.value.path == str(tmp_path / "a1_change.py")
        assert caught.value.path in caught.value.message
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value.__cause__, cause)
    assert script.module.revision == "a1"


def test_interrupt_stays_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C while a file loads isn't an error of the file."""
    write(tmp_path, {"a1": (None, None, None)}, body="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load([indexed(tmp_path).get_revision("a1")])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("revision = 'zz'", "revision to 'zz'.* 'a1' was read"),
        ("down_revision = 'zz'", "down_revision to .'zz',."),
        ("branch_labels = ['zz']", "branch_labels to .'zz',."),
        ("depends_on = 'zz'", "depends_on to .'zz',."),
        ("del revision", "doesn't set 'revision'"),
    ],
)
def test_header_must_be_what_was_read(tmp_path: Path, change: str, says: str) -> None:
    """A file edited since, or one that tricks the reader, isn't run."""
    write(tmp_path, {"a1": (None, None, None)})
    script = indexed(tmp_path).get_revision("a1")
    path = tmp_path / "a1_change.py"
    path.write_text(f"{path.read_text()}{change}\n")
    with pytest.raises(RevisionFileError, match=says):
        script.module.upgrade()


def test_modules_run_once(tmp_path: Path) -> None:
    """Loading twice, from several threads, executes a file once."""
    body = "import builtins\nbuiltins.ran.append(1)\n\n\ndef upgrade():\n    pass\n"
    write(tmp_path, {"a1": (None, None, None)}, body=body)
    script = indexed(tmp_path).get_revision("a1")
    ran: list[int] = []
    vars(sys.modules["builtins"])["ran"] = ran
    try:
        threads = [threading.Thread(target=load, args=([script],)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        del vars(sys.modules["builtins"])["ran"]
    assert ran == [1]
    assert script.module.upgrade() is None
    with pytest.raises(AttributeError):
        script.module.downgrade()


def test_steps_run_the_files(tmp_path: Path) -> None:
    """Alembic's own steps work on the lazy modules."""
    write(tmp_path, {"a1": (None, None, None), "b1": ("a1", None, None)})
    directory = indexed(tmp_path)
    steps = directory._upgrade_revs("heads", None)  # type: ignore[arg-type]
    assert [step.revision.revision for step in steps] == ["a1", "b1"]
    assert all(step.migration_fn() is None for step in steps)  # type: ignore[func-returns-value]
    (step,) = directory._downgrade_revs("-1", "b1")
    assert step.migration_fn.__name__ == "downgrade"


def test_generate_revision_extends_the_map(tmp_path: Path) -> None:
    """A new file is on the map at once, and is the head."""
    write(tmp_path, {"a1": (None, None, None)})
    tmp_path.joinpath("script.py.mako").write_text(
        '"""${message}"""\nrevision = ${repr(up_revision)}\n'
        "down_revision = ${repr(down_revision)}\n"
        "branch_labels = ${repr(branch_labels)}\ndepends_on = ${repr(depends_on)}\n"
    )
    directory = indexed(tmp_path)
    for name in ("b1", "c1"):
        script = directory.generate_revision(name, "new", branch_labels=f"at_{name}")
        assert script is not None
        assert directory.get_heads() == [name]
        assert directory.get_revision("head") is script
    assert directory.get_revision("at_b1@head").revision == "c1"
    assert [s.revision for s in directory.walk_revisions()] == ["c1", "b1", "a1"]
    assert load(directory.walk_revisions()) is None  # type: ignore[func-returns-value]
    assert HistoryCache([tmp_path]).get().heads == ("c1",)


def test_sys_path_grows_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``prepend_sys_path`` puts each folder in front once."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    config = configuration(tmp_path)
    config.set_main_option("prepend_sys_path", str(tmp_path / "lib"))
    before = list(sys.path)
    for _ in range(3):
        script_directory(config, History)
    assert sys.path == [str(tmp_path / "lib"), *before]


def test_index_is_asked_when_needed(tmp_path: Path) -> None:
    """Making a script directory reads no files."""
    asked: list[int] = []

    def source() -> History:
        asked.append(1)
        return History()

    directory = script_directory(configuration(tmp_path), source)
    assert not asked
    assert directory.get_heads() == []
    assert type(directory) is ScriptDirectory
    assert asked == [1]
    assert issubclass(IndexedScript, Script)


@pytest.mark.parametrize("seed", range(40))
def test_scripts_made_alone(tmp_path: Path, seed: int) -> None:
    """One that is asked for by itself is as in Alembic's map of all."""
    spec = {
        name: (parents, needed if needed in spec_ else None, None)
        for spec_ in [random_spec(seed)]
        for name, (parents, needed, _) in spec_.items()
    }
    write(tmp_path, spec)
    history = HistoryCache([tmp_path]).get()
    everything = script_directory(configuration(tmp_path), lambda: history)
    scripts = Scripts(history)
    for name in spec:
        found = scripts.alone((name,))
        assert found is not None
        expected = vars(everything.get_revision(name))
        shown = vars(found[0])
        assert {k: shown[k] for k in expected} == expected
    assert scripts.alone((name, "heads")) is None
    assert scripts.alone((name[:4],)) is None

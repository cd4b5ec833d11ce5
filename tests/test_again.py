"""In a running process again: what was read is kept, and what changes is noticed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
import types
import typing as t
from pathlib import Path

import pytest
from migrate.scripted import Scripted
from support.application import Project

from flask_alembic import Alembic
from flask_alembic import settings
from flask_alembic import SetupError
from flask_alembic.migrator import databases
from flask_alembic.migrator.headers import Entry
from flask_alembic.migrator.revisions import IndexedScript
from flask_alembic.migrator.state import AppState

pytestmark = pytest.mark.one_database

IDS = tuple("abcdef")

LOOKING = ("current", "heads", "log", "branches", "describe", "status", "walk")


@pytest.fixture
def app(project: Project) -> t.Iterator[types.ModuleType]:
    """A loaded application that is at the head of six revisions."""
    project.tables(*IDS)
    module = project.load()
    with project.closing(module):
        with module.app.app_context():
            module.alembic.upgrade()
        settle()
        yield module


@contextlib.contextmanager
def extension(module: types.ModuleType) -> t.Iterator[Alembic]:
    """The extension in an application context of its own."""
    with module.app.app_context():
        yield module.alembic


def settle() -> None:
    """Wait until what was written is older than a tick of the file system's clock."""
    time.sleep(0.06)


def ids(found: t.Iterable[t.Any]) -> list[str]:
    """The ids of scripts."""
    return [script.revision for script in found]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of which a script is made for Alembic."""
    found: list[str] = []
    real = IndexedScript.__init__

    def init(self: IndexedScript, entry: Entry) -> None:
        found.append(entry.id)
        real(self, entry)

    monkeypatch.setattr(IndexedScript, "__init__", init)
    return found


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The files that are opened, looked at or listed: what was done, and the name."""
    found: list[tuple[str, str]] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def spy(path: t.Any, *more: t.Any, **options: t.Any) -> t.Any:
            found.append((name, os.path.basename(path)))
            return real(path, *more, **options)

        monkeypatch.setattr(os, name, spy)

    for name in ("open", "stat", "scandir"):
        watch(name)
    return found


def test_contexts_share_what_was_read(
    app: types.ModuleType, made: list[str], touched: list[tuple[str, str]]
) -> None:
    """Every script is made once; then only the folder and the head are looked at."""
    with extension(app) as alembic:
        first = alembic.log()
        assert ids(first) == list(reversed(IDS))
    assert sorted(made) == list(IDS)
    with extension(app) as alembic:
        touched.clear()
        again = alembic.log()
        files = [(act, name) for act, name in touched if name.endswith(".py")]
        assert files == [("stat", "f_table_f.py")]
        assert ("scandir", "migrations") not in touched
        assert all(x is y for x, y in zip(first, again, strict=True))
        assert alembic.heads() == alembic.current() == (first[0],)
        assert alembic.branches() == []
    assert sorted(made) == list(IDS)
    # A caller's list is the caller's.
    first.clear()
    with extension(app) as alembic:
        assert ids(alembic.log()) == list(reversed(IDS))


def test_heads_need_no_other_scripts(
    app: types.ModuleType, made: list[str], touched: list[tuple[str, str]]
) -> None:
    """Of thousands only those that are asked for are made, and then they stay the same."""
    with extension(app) as alembic:
        (head,) = alembic.heads()
        assert alembic.current() == alembic.heads(resolve_dependencies=True) == (head,)
        assert made == ["f"]
        assert head.is_head
        assert head.module.revision == "f"
    with extension(app) as alembic:
        touched.clear()
        assert alembic.heads() == (head,)
        files = [(act, name) for act, name in touched if name.endswith(".py")]
        assert files == [("stat", "f_table_f.py")]
        assert alembic.log()[0] is head
        assert alembic.heads() == (head,)
    assert sorted(made) == list(IDS)


def test_changes_are_noticed(project: Project, app: types.ModuleType) -> None:
    """New, removed and renamed files, in the next context and in the same one."""
    with extension(app) as alembic:
        assert ids(alembic.heads()) == ["f"]
        (new,) = project.tables("g", down="f")
        assert ids(alembic.heads()) == ["g"]
        assert ids(alembic.log())[:2] == ["g", "f"]
    settle()
    moved = new.rename(new.with_name("other.py"))
    with extension(app) as alembic:
        assert [script.path for script in alembic.heads()] == [str(moved)]
        assert alembic.needs_upgrade()
    settle()
    moved.unlink()
    with extension(app) as alembic:
        assert ids(alembic.heads()) == ids(alembic.current()) == ["f"]
        assert len(alembic.log()) == len(IDS)


def test_rewritten_file_after_work(project: Project, app: types.ModuleType) -> None:
    """A body that changed is found at the latest when there was something to do."""
    path = next(path for path in project.files if path.name.startswith("b_"))
    with extension(app) as alembic:
        assert not hasattr(alembic.log()[-2].module, "edited")
    path.write_text(path.read_text() + "\nedited = True\n")
    project.tables("g", down="f")
    with extension(app) as alembic:
        alembic.downgrade("a")
        assert alembic.log()[-2].module.edited
        assert alembic.upgrade().ok


def test_work_has_scripts_of_its_own(app: types.ModuleType) -> None:
    """What extends or runs them doesn't disturb who only looks."""
    with extension(app) as alembic:
        looked_at = alembic.log()
        alembic.downgrade()
        assert alembic.script_directory.get_revision("f") is not looked_at[0]
        assert "upgrade" not in vars(looked_at[0].module)
        alembic.upgrade()
        alembic.script_directory.generate_revision(
            "zz", "mine alone", head="f", config=alembic.config
        )
    with extension(app) as alembic:
        assert ids(alembic.heads()) == ["zz"]
        assert ids(looked_at) == list(reversed(IDS))


def test_threads_share_it(app: types.ModuleType, made: list[str]) -> None:
    """Threads that ask at the same time make it once, and get the same."""

    def ask() -> list[t.Any]:
        with extension(app) as alembic:
            return [*alembic.log(), *alembic.heads(), *alembic.current()]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [done.result(30) for done in [pool.submit(ask) for _ in range(8)]]
    assert sorted(made) == list(IDS)
    assert all(answer == answers[0] for answer in answers)
    assert ids(answers[0]) == [*reversed(IDS), "f", "f"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[t.Any]:
    """What the configuration was each time that it was read."""
    found: list[t.Any] = []
    real = settings.read

    def read(config: t.Mapping[str, t.Any], root_path: str) -> settings.Settings:
        found.append(config.get("ALEMBIC_CONTEXT"))
        return real(config, root_path)

    monkeypatch.setattr(settings, "read", read)
    return found


@pytest.mark.parametrize("method", [*LOOKING, "upgrade", "downgrade", "plan"])
def test_configuration_is_kept_while_it_is_the_same(
    app: types.ModuleType, reads: list[t.Any], method: str
) -> None:
    """It isn't parsed again, and a change counts in the next call."""
    with extension(app) as alembic:
        getattr(alembic, method)()
        assert reads == []
        app.app.config["ALEMBIC_CONTEXT"] = {"version_table": "elsewhere"}
        assert ids(alembic.current()) == []
        app.app.config["ALEMBIC_LOCK"] = False
        alembic.heads()
        assert len(reads) == 1


def changes(config: dict[str, t.Any], folder: Path) -> t.Iterator[None]:
    """Change the configuration, time after time, in all ways that there are."""
    config["ALEMBIC"]["version_locations"].append(str(folder / "more"))
    yield
    config["ALEMBIC"]["version_locations"].append(("branch", "other"))
    yield
    config["ALEMBIC"]["version_locations"][-1] = ("branch", Path("third"))
    yield
    config["ALEMBIC"]["post_write_hooks"] = {"hooks": "a"}
    yield
    config["ALEMBIC"]["post_write_hooks"]["hooks"] = "b"
    yield
    del config["ALEMBIC"]["post_write_hooks"]
    yield
    config["ALEMBIC_LOCK_WAIT"] = 1
    yield
    config["ALEMBIC_LOCK_WAIT"] = 1.5
    yield
    config["ALEMBIC_BINDS"] = ["one"]
    yield
    config["ALEMBIC_BINDS"][0] = "two"
    yield
    config["ALEMBIC"] = {"script_location": str(folder / "migrations")}
    yield
    (folder / "migrations" / "versions").mkdir()
    yield
    (folder / "migrations" / "versions").rmdir()
    yield


def test_every_change_of_the_configuration_counts(tmp_path: Path) -> None:
    """What is kept is what would be read, whatever was changed, and in place."""
    config: dict[str, t.Any] = {
        "ALEMBIC": {"script_location": "migrations", "version_locations": []}
    }
    (tmp_path / "migrations").mkdir()
    state = AppState()
    before = vars(state.settings(config, str(tmp_path)))
    for _ in changes(config, tmp_path):
        now = vars(state.settings(config, str(tmp_path)))
        assert now == vars(settings.read(config, str(tmp_path)))
        assert now != before
        assert vars(state.settings(config, str(tmp_path))) == now
        before = now
    config["ALEMBIC_LOCK_RETRIES"] = 1
    assert state.settings(config, str(tmp_path)).lock_retries == 1
    # As equal as it is to 1, it is no number.
    for wrong in (True, -1, "many"):
        config["ALEMBIC_LOCK_RETRIES"] = wrong
        for _ in range(2):
            with pytest.raises(SetupError, match="ALEMBIC_LOCK_RETRIES"):
                state.settings(config, str(tmp_path))
    del config["ALEMBIC_LOCK_RETRIES"]
    config["ALEMBIC_CONTEXT"] = "nothing"
    with pytest.raises(SetupError, match="ALEMBIC_CONTEXT"):
        state.settings(config, str(tmp_path))


class Changing:
    """A place that is another one each time."""

    def __init__(self) -> None:
        self.count = 0

    def __fspath__(self) -> str:
        self.count += 1
        return f"place{self.count}"


@pytest.mark.parametrize("place", [Changing(), "flask:migrations"])
def test_what_may_change_unseen_is_read_each_time(
    reads: list[t.Any], tmp_path: Path, place: t.Any
) -> None:
    """Objects of an application's own, and folders in packages."""
    state = AppState()
    for count in (1, 2):
        state.settings({"ALEMBIC": {"script_location": place}}, str(tmp_path))
        assert len(reads) == count


@pytest.mark.parametrize("command", ["current", "heads", "history", "upgrade"])
def test_configuration_is_read_once_a_command(
    project: Project, reads: list[t.Any], command: str
) -> None:
    """Once when the application is made, and once for all that a command calls."""
    project.tables(*IDS)
    assert project.invoke("upgrade").exit_code == 0
    reads.clear()
    assert project.invoke(command).exit_code == 0
    assert len(reads) == 2


def test_heads_are_told_without_looking_for_databases(
    app: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what reads a version table asks which databases there are."""
    asked: list[t.Any] = []
    real = databases.resolve

    def resolve(*args: t.Any) -> t.Any:
        asked.append(args)
        return real(*args)

    monkeypatch.setattr(databases, "resolve", resolve)
    with extension(app) as alembic:
        assert ids(alembic.heads()) == ["f"]
        assert len(alembic.walk()) == len(IDS)
        assert asked == []
        # Alembic's own configuration names them.
        assert len(alembic.log()) == len(IDS)
        asked.clear()
    with extension(app) as alembic:
        assert len(alembic.log()) == len(IDS)
        assert alembic.branches() == []
        assert asked == []
        assert ids(alembic.log("current")) == ["f"]
        assert len(asked) == 1


def test_env_py_at_head_plans_nothing(scripted: Scripted, made: list[str]) -> None:
    """Alembic's map of all revisions isn't made to find that there is nothing to do."""
    assert scripted.invoke("upgrade").exit_code == 0
    assert made
    made.clear()
    for target in ("head", "heads"):
        assert scripted.invoke("upgrade", target).exit_code == 0
    assert made == []
    # Two heads can't be meant by "head", even if both are applied.
    scripted.revision("c", "a")
    assert scripted.invoke("upgrade", "heads").exit_code == 0
    done = scripted.invoke("upgrade", "head")
    assert done.exit_code == 1

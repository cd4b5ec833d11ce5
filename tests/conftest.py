"""Fixtures: a database on each system, and an application in a folder."""

from __future__ import annotations

import compileall
import gc
import importlib.util
import os
import re
import signal
import typing as t
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import checked_out
from support.application import Project
from support.servers import Database
from support.servers import problem
from support.servers import SERVERS
from support.shelf import clear_shelves

NO_SERVER = "NO SERVER: "

LONG = {"test_benchmarks.py", "test_journal.py", "test_kills.py"}
"""Files whose tests take long, beside those that are marked as slow."""


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers, and let the processes of tests be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background jobs with SIGINT ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # PyMySQL reads all authorities of the system for each connection, which takes
    # longer than most tests; none connects with TLS.
    os.environ |= {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
    if not hasattr(config, "workerinput"):
        compile_packages()
    if getattr(config.option, "maxschedchunk", 0) is None:
        # A worker that has a long test to do must not keep others for later.
        config.option.maxschedchunk = 2
    config.addinivalue_line(
        "markers", "needs(*capabilities): the database must have all of them"
    )
    config.addinivalue_line(
        "markers", "one_database: what is tested doesn't depend on the database"
    )


def compile_packages() -> None:
    """Compile what is under test, as installing does: processes write no bytecode."""
    for name in ("flask_alembic", "flask_migrate"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        # Templates are copied with all that lies beside them.
        templates = re.compile("templates")
        compileall.compile_dir(Path(spec.origin).parent, quiet=1, rx=templates)


def pytest_collection_finish() -> None:
    """Collect garbage less often, and only what tests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """Remove what this process has made on the servers."""
    clear_shelves()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the databases that can do what it asks for."""
    if "database" not in metafunc.fixturenames:
        return
    markers = metafunc.definition.iter_markers("needs")
    needed = {capability for marker in markers for capability in marker.args}
    names = [name for name, server in SERVERS.items() if needed <= server.can]
    assert names, f"no database has {needed}"
    if metafunc.definition.get_closest_marker("one_database"):
        names = names[:1]
    metafunc.parametrize("database", names, indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what takes long in the first half, so that all workers end together.

    Not one after the other: many of them start processes, and some look at the clock.
    """
    long = [item for item in items if is_long(item)]
    short = [item for item in items if not is_long(item)]
    between = len(short) // 2 // max(len(long), 1)
    items.clear()
    for number, item in enumerate(long):
        items += [item, *short[number * between : (number + 1) * between]]
    items += short[len(long) * between :]


def is_long(item: pytest.Item) -> bool:
    """Whether a test takes many seconds, on some machine."""
    return item.path.name in LONG or item.get_closest_marker("slow") is not None


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[Database]:
    """A database of the test's own; the test runs once for each system."""
    name = request.param
    reason = problem(name)
    if reason is not None:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(NO_SERVER + reason)
        pytest.skip(NO_SERVER + reason)
    made = Database(SERVERS[name], tmp_path)
    yield made
    made.drop()


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Project:
    """An application with Flask-SQLAlchemy and one model, in a folder of its own."""
    root = tmp_path / "application"
    root.mkdir()
    return Project(root, database.url)


@pytest.fixture
def other(database: Database) -> Database:
    """A second database on the same server."""
    return database.sibling()


@pytest.fixture
def two(project: Project, other: Database) -> Project:
    """The application with the databases "default" and "log"; the second is ``other``."""
    project.bind("log", other.url)
    return project


@pytest.fixture
def scripted(project: Project, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """The application with Flask-Migrate, an ``env.py`` and the revisions a and b."""
    # Such folders ask for the engine in the way of Flask-SQLAlchemy 2 first.
    warnings.filterwarnings("ignore", "'get_engine' is deprecated", DeprecationWarning)
    # Flask-Migrate's folder is relative to the working directory.
    monkeypatch.chdir(project.root)
    made = Scripted(project.root, project.config["SQLALCHEMY_DATABASE_URI"])
    made.folder("one")
    made.tables("a", "b")
    return made


@pytest.fixture
def make_engine() -> t.Iterator[t.Callable[..., sa.Engine]]:
    """Make engines that are disposed after the test and must have nothing open."""
    engines: list[sa.Engine] = []

    def make(url: str, **options: t.Any) -> sa.Engine:
        engines.append(sa.create_engine(url, **options))
        return engines[-1]

    yield make
    left = [str(engine.url) for engine in engines if checked_out(engine)]
    for engine in engines:
        engine.dispose()
    assert not left, f"connections left open: {left}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which databases were not tested."""
    missing: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        _, _, text = str(report.longrepr).partition(NO_SERVER)
        reason = text.rstrip("')")
        if reason:
            missing[reason] = missing.get(reason, 0) + 1
    if not missing:
        return
    terminalreporter.section("DATABASES NOT TESTED", sep="!", red=True, bold=True)
    for reason, count in missing.items():
        line = f"{count} tests skipped: {reason}"
        terminalreporter.write_line(line, red=True, bold=True)

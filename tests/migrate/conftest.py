"""Fixtures: an application that uses Flask-Migrate, and its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from migrate.scripted import Scripted
from support.servers import Database

# Folders of 4.1 ask for the engine in the way of Flask-SQLAlchemy 2 first.
OLD_WAY = "ignore:'get_engine' is deprecated:DeprecationWarning"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let folders be as they are."""
    item.add_marker(pytest.mark.filterwarnings(OLD_WAY))


@pytest.fixture
def project(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Scripted:
    """An application with Flask-Migrate, one model and no folder, and its own cwd."""
    root = tmp_path / "application"
    root.mkdir()
    # Flask-Migrate's folder is relative to the working directory.
    monkeypatch.chdir(root)
    return Scripted(root, database.url)


@pytest.fixture
def one(project: Scripted) -> Scripted:
    """The application with the folder of 4.1 for one database."""
    project.folder("one")
    return project


@pytest.fixture
def binds(project: Scripted, other: Database) -> Scripted:
    """The application with the bind "log" and the folder of 4.1 for several."""
    project.bind("log", other.url)
    project.folder("binds")
    return project


@pytest.fixture
def own(project: Scripted) -> Scripted:
    """The application with a folder that it has made its own."""
    project.folder("own")
    (project.migrations / "billing").mkdir()
    return project

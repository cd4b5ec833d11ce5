"""The project's own files: versions, requirements, the wheel, the examples."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import types
import typing as t
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from support.processes import clean_environment
from support.processes import Done
from support.processes import forks
from support.processes import run_forked
from support.processes import Streams
from support.processes import WARM

import flask_alembic

ROOT = Path(__file__).parent.parent

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(path: Path) -> dict[str, str]:
    """Lower-case name -> version, of a file that holds nothing else."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found.update(pins(path.with_name(line.removeprefix("-r "))))
        elif line and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.]*)", line)
            assert match, f"{path.name}: {line!r} is more than a name and a version"
            found[match[1].lower()] = match[2]
    return found


def pyproject() -> dict[str, t.Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def flask(folder: Path, *arguments: str) -> Done:
    done = run_forked(
        ["-m", "flask", "--app", "app", *arguments], folder, clean_environment()
    )
    assert done.exit_code == 0, done.stderr
    return done


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_names_and_versions(path: Path) -> None:
    assert pins(path)


def test_requirements_agree() -> None:
    demo = pins(ROOT / "requirements" / "demo.txt")
    dev = pins(ROOT / "requirements" / "dev.txt")
    assert demo.items() <= dev.items()


def test_lowest_requirements_are_the_promised_ones() -> None:
    lowest = pins(ROOT / "requirements" / "lowest.txt")
    for requirement in pyproject()["project"]["dependencies"]:
        name, version = requirement.split(">=")
        parts = lowest[name].split(".")
        assert ".".join(parts[: version.count(".") + 1]) == version, name


def test_versions_agree() -> None:
    newest = re.search(r"^## (\S+)$", (ROOT / "CHANGES.md").read_text(), re.MULTILINE)
    assert newest
    version = pyproject()["project"]["version"]
    assert version == flask_alembic.__version__ == newest[1]


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == [
        "make test",
        "make check",
    ]


def test_picture_shows_the_real_thing_and_fetches_nothing() -> None:
    svg = (ROOT / "docs" / "_static" / "terminal.svg").read_text()
    assert re.search(r"flask&#160;db&#160;upgrade", svg)
    assert not re.search(r"url\(.?https?:", svg)


def test_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    # Built from a copy, so that nothing is left in the checkout.
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ["pyproject.toml", "README.md", "LICENSE.txt"]:
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(
        [*command, "-d", str(tmp_path)], cwd=copy, check=True, capture_output=True
    )
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == "flask_alembic-4.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert "flask_alembic/py.typed" in names
    assert "flask_alembic/templates/script.py.mako" in names
    assert "flask_alembic-4.0.0.dist-info/licenses/LICENSE.txt" in names


@pytest.mark.slow
@pytest.mark.skipif(not WARM, reason="processes can't be forked here")
def test_demonstration(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its commands are processes, as ever, but none of them imports everything anew."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec is not None and spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)

    def run(
        command: list[str], *, cwd: Path, env: dict[str, str], check: bool
    ) -> subprocess.CompletedProcess[str]:
        assert command[0] == sys.executable
        started = forks().start(command[1:], cwd, env, Streams(stdout=1, stderr=2))
        return subprocess.CompletedProcess(command, started.wait().exit_code)

    monkeypatch.setattr(demo, "subprocess", types.SimpleNamespace(run=run))
    code = demo.main()
    said, errors = capfd.readouterr()
    assert code == 0, said + errors
    for command in ["revision", "upgrade", "plan", "status", "downgrade"]:
        assert f"\n$ flask db {command}" in said


def test_demonstration_fails_when_a_step_misbehaves(tmp_path: Path) -> None:
    """The demonstration copied without its example: nothing there can work."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "demo.py", tmp_path / "scripts")
    example = tmp_path / "examples" / "contacts"
    example.mkdir(parents=True)
    (example / "app.py").write_text("from flask import Flask\napp = Flask('x')\n")
    (example / "models.py").touch()
    done = subprocess.run(
        [sys.executable, "demo.py"],
        cwd=tmp_path / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "The demonstration failed: exit code" in done.stderr


def test_example_with_two_databases(tmp_path: Path) -> None:
    folder = tmp_path / "application"
    shutil.copytree(ROOT / "examples" / "two_databases", folder)
    flask(folder, "db", "revision", "orders and visits")
    flask(folder, "db", "upgrade")
    assert flask(folder, "db", "check").stdout == "No changes detected.\n"
    for name, table in [("shop", "orders"), ("statistics", "visits")]:
        with closing(sqlite3.connect(folder / "instance" / f"{name}.db")) as connection:
            rows = connection.execute("SELECT name FROM sqlite_schema")
            found = {row[0] for row in rows}
        assert {table, "alembic_version"} <= found
        assert len(found & {"orders", "visits"}) == 1

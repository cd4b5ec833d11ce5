"""Text made from results; the lines of revisions are compared with Alembic's own."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import Script
from alembic.script import ScriptDirectory
from support.application import Project

from flask_alembic.cli import formats
from flask_alembic.cli import plans
from flask_alembic.results import Database
from flask_alembic.results import DatabaseResult
from flask_alembic.results import LogEntry
from flask_alembic.results import Plan
from flask_alembic.results import Report
from flask_alembic.results import Revision
from flask_alembic.results import Statement
from flask_alembic.results import Status
from flask_alembic.results import Step
from flask_alembic.results import StepResult

DEFAULT = Database("default", "sqlite", "sqlite:///x.db")


FILE = """\
{doc!r}
revision = {id!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}
"""


def write_random_history(folder: Path, seed: int) -> None:
    """A dozen revisions with branches, merges, labels and dependencies."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(seed)
    ids: list[str] = []
    for number in range(12):
        id = f"{chance.randrange(16**6):06x}{number}"
        parents = tuple(
            chance.sample(ids, min(len(ids), chance.choice([0, 1, 1, 1, 2])))
        )
        # What a revision descends from can't be what it depends on besides.
        free = [x for x in ids if x not in parents]
        depends = chance.choice(free) if free and chance.random() < 0.2 else None
        label = f"label{number}" if chance.random() < 0.2 else None
        message = chance.choice(["", "one", "two, three", "many\nlines\n\nand a text"])
        down = parents if len(parents) > 1 else next(iter(parents), None)
        text = FILE.format(doc=message, id=id, down=down, labels=label, depends=depends)
        (folder / f"{id}.py").write_text(text)
        ids.append(id)


def stock_scripts(folder: Path) -> list[Script]:
    """The history as Alembic reads it, newest first, with its sets in order."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "os")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    for script in scripts:
        script.branch_labels = sorted(script.branch_labels)  # type: ignore[assignment]
        script.nextrev = sorted(script.nextrev)  # type: ignore[assignment]
    return scripts


def stock_text(script: Script, verbose: bool) -> str:
    return script.cmd_format(
        verbose, include_branches=True, include_doc=True, include_parents=True
    )


def entry_of(script: Script) -> LogEntry:
    depends = script.dependencies or ()
    return LogEntry(
        Revision(
            script.revision,
            parents=script._versioned_down_revisions,
            depends_on=(depends,) if isinstance(depends, str) else tuple(depends),
            path=script.path,
        ),
        doc=script.longdoc,
        branches=tuple(script.branch_labels),
        children=tuple(script.nextrev),
        dependents=tuple(script._all_nextrev - set(script.nextrev)),
    )


@pytest.mark.parametrize("seed", range(20))
def test_text_is_alembics(tmp_path: Path, seed: int) -> None:
    write_random_history(tmp_path, seed)
    scripts = stock_scripts(tmp_path)
    assert len(scripts) == 12
    for script in scripts:
        entry = entry_of(script)
        assert formats.entry_line(entry) == stock_text(script, verbose=False)
        assert formats.entry_details(entry) == stock_text(script, verbose=True)


@pytest.mark.one_database
@pytest.mark.parametrize("seed", range(100, 104))
def test_log_is_alembics(project: Project, seed: int) -> None:
    write_random_history(project.migrations, seed)
    scripts = stock_scripts(project.migrations)
    for options in ([], ["-v"]):
        lines = [stock_text(script, bool(options)) + "\n" for script in scripts]
        assert project.invoke("log", *options).stdout == "".join(lines)


def step(direction: str = "upgrade", *parents: str, message: str = "") -> Step:
    revision = Revision("b", parents=parents, message=message)
    return Step(revision, direction)  # type: ignore[arg-type]


def test_steps() -> None:
    assert formats.step_line(step()) == "upgrade <base> -> b"
    assert formats.step_line(step("upgrade", "a", "c", message="x\ny")) == (
        "upgrade a, c -> b, x"
    )
    assert formats.step_line(step("downgrade", "a", message="x")) == (
        "downgrade b -> a, x"
    )
    assert formats.step_line(step("stamp", "a", message="x")) == "stamp b, x"


def test_plans() -> None:
    statement = Statement("CREATE TABLE x (\n  id INTEGER\n)", "CREATE TABLE", "x")
    steps = (dataclasses.replace(step(), statements=(statement,)),)
    assert plans.plan_lines(Plan(DEFAULT, (), ("b",), steps)) == [
        "upgrade <base> -> b",
        "  CREATE TABLE x (",
        "    id INTEGER",
        "  );",
    ]
    nothing = Plan(DEFAULT, ("b",), ("b",), ())
    assert plans.plan_lines(nothing) == ["nothing to do, at b"]


def test_statuses() -> None:
    behind = Status(DEFAULT, "behind", ("a",), ("c",), pending=("b", "c"))
    assert formats.status_line(behind) == "default: behind, at a, 2 pending"
    ahead = Status(DEFAULT, "ahead", ("z",), ("c",), unknown=("z",), note="Presumed.")
    assert formats.status_line(ahead) == (
        "default: ahead, at z, not in the code: z\n  Presumed."
    )
    unstamped = Status(DEFAULT, "unstamped", (), ("c",), pending=("c",))
    assert formats.status_line(unstamped) == "default: unstamped, at base, 1 pending"


@pytest.mark.parametrize(
    ("outcome", "heads", "line"),
    [
        ("done", ("b",), "default: 1 revision in 0.25 s, at b"),
        ("unchanged", (), "default: nothing to do, at base"),
        ("rolled_back", ("a",), "default: rolled back, at a"),
        ("partial", ("a", "b"), "default: stopped, earlier work is kept, at a, b"),
        ("failed", (), "default: failed, at base"),
    ],
)
def test_outcomes(outcome: str, heads: tuple[str, ...], line: str) -> None:
    steps = (StepResult(step(), "done", 0.25), StepResult(step(), "skipped", 1.0))
    result = DatabaseResult(DEFAULT, outcome, heads, steps)  # type: ignore[arg-type]
    assert formats.outcome_line(result) == line


def test_names_stand_before_the_lines_of_several_databases() -> None:
    assert formats.sections({"default": ["x", "y"]}) == ["x", "y"]
    assert formats.sections({"default": ["x"], "log": []}) == ["default", "x"]
    assert formats.sections({"a": ["x"], "b": ["y"]}) == ["a", "x", "b", "y"]
    assert formats.sections({}) == []


def test_scripts_stand_after_the_names_of_several_databases() -> None:
    assert formats.joined_scripts({"default": "SELECT\t1;"}) == "SELECT\t1;\n"
    both = formats.joined_scripts({"a": "SELECT 1;\n", "b\nDROP x;": "SELECT 2;"})
    assert both == "-- database: a\nSELECT 1;\n\n-- database: b\nSELECT 2;\n"


def test_file_names_are_safe_and_unique() -> None:
    keys = ["default", "my-auth", "../up", "a/b", "a:b", "", ".", "A_b", "größe"]
    names = formats.file_names(keys)
    assert names == {
        "default": "default.sql",
        "my-auth": "my-auth.sql",
        "../up": "_up.sql",
        "a/b": "a_b.sql",
        "a:b": "a_b-2.sql",
        "": "database.sql",
        ".": "database-2.sql",
        "A_b": "A_b-3.sql",
        "größe": "größe.sql",
    }


def test_document() -> None:
    report = Report("status", statuses=(Status(DEFAULT, "current", ("é",), ("é",)),))
    document = json.loads(formats.document(report))
    assert document["statuses"][0]["current"] == ["é"]
    assert document["schema_version"] == 1

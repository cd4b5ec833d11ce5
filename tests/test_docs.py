"""The user guide: it names everything there is, and its examples run."""

from __future__ import annotations

import inspect
import re
import shlex
import typing as t
from pathlib import Path

import click
import pytest
from support.processes import clean_environment
from support.processes import run_forked

import flask_alembic
from flask_alembic import Alembic
from flask_alembic.cli import cli
from flask_alembic.settings import DEFAULT_CONTEXT
from flask_alembic.settings import DEFAULT_OPTIONS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted(DOCS.glob("*.md"))]

FENCE = re.compile(r"^```(?P<kind>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

REVISION_FILE = "# migrations/"
"""How an example begins that is a file for Alembic to run."""

STARTED = """
app = create_app()
with app.app_context():
    alembic.revision("users")
    alembic.upgrade()
    alembic.revision("second", empty=True)
"""
"""What the other pages take for granted after the quick start's application."""


def read(name: str) -> str:
    return (DOCS / name).read_text()


def blocks(text: str, kind: str) -> list[str]:
    return [match["text"] for match in FENCE.finditer(text) if match["kind"] == kind]


def sections(text: str) -> dict[str, str]:
    """Command -> what stands below the heading that names it."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in FENCE.sub("", text).splitlines():
        if line.startswith("#"):
            names = re.findall(r"`(\w+)", line)
        for name in names:
            found[name] = found.get(name, "") + line + "\n"
    return found


def commands() -> list[tuple[str, click.Command]]:
    return sorted(cli.commands.items())


def options(command: click.Command) -> t.Iterator[list[str]]:
    """The spellings of each option."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield [*parameter.opts, *parameter.secondary_opts]


def names(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){option}(?![\w-])", text) is not None


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda x: str(x)[:20])
def test_command_and_its_options_are_described(
    name: str, command: click.Command
) -> None:
    page = read("commands.md")
    section = sections(page).get(name)
    assert section, f"docs/commands.md has no heading for {name!r}"
    own = [o for o in options(command) if o != ["--traceback"]]
    # One spelling where the command is described, all of them on its page.
    assert [o for o in own if not any(names(section, x) for x in o)] == []
    assert [x for o in options(command) for x in o if not names(page, x)] == []


def test_group_options_are_described() -> None:
    text = read("commands.md")
    assert [x for o in options(cli) for x in o if not names(text, x)] == []


def test_docs_name_no_other_commands() -> None:
    assert set(sections(read("commands.md"))) <= set(cli.commands)


def test_settings_are_described() -> None:
    source = "".join(path.read_text() for path in source_files())
    keys = set(re.findall(r'"(ALEMBIC(?:_[A-Z]+)?)"', source))
    assert {"ALEMBIC", "ALEMBIC_CONTEXT", "ALEMBIC_BINDS", "ALEMBIC_SESSION"} <= keys
    text = read("configuration.md")
    assert {key for key in keys if f"### `{key}`" not in text} == set()
    assert [
        k for k in (*DEFAULT_OPTIONS, *DEFAULT_CONTEXT) if f"`{k}`" not in text
    ] == []
    constructor = [*inspect.signature(Alembic).parameters][1:]
    assert [name for name in constructor if f"`{name}`" not in text] == []


def source_files() -> t.Iterator[Path]:
    return (ROOT / "src" / "flask_alembic").rglob("*.py")


def test_public_names_are_described() -> None:
    text = read("api.md")
    described = set(re.findall(r"auto(?:class|exception):: (\w+)", text))
    assert described == set(flask_alembic.__all__)


def test_public_methods_have_docstrings() -> None:
    """Without one the API page leaves them out."""
    members = [name for name in vars(Alembic) if not name.startswith("_")]
    without = [name for name in members if not inspect.getdoc(getattr(Alembic, name))]
    assert without == []


def shell_lines() -> list[str]:
    lines = [
        line.removeprefix("$ ").partition(" #")[0].partition(" > ")[0].strip()
        for page in PAGES
        for block in blocks(page.read_text(), "text")
        for line in block.splitlines()
        if line.startswith("$ flask db ")
    ]
    return sorted(set(lines))


@pytest.mark.parametrize("line", shell_lines())
def test_command_line_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)[2:]
    if name == "--help":
        return
    command = cli.commands[name]
    if "--help" in arguments:
        arguments.remove("--help")
    assert command.make_context(name, arguments) is not None


def pages_with_python() -> list[Path]:
    return [page for page in PAGES if blocks(page.read_text(), "python")]


@pytest.mark.parametrize("page", pages_with_python(), ids=lambda page: page.name)
def test_python_examples_run(page: Path, tmp_path: Path) -> None:
    examples = blocks(page.read_text(), "python")
    files = [text for text in examples if text.startswith(REVISION_FILE)]
    for text in files:
        compile(text, page.name, "exec")
    code = [text for text in examples if text not in files]
    if page.name not in {"README.md", "quickstart.md", "databases.md"}:
        start = blocks(read("quickstart.md"), "python")[0]
        code = [start, STARTED, *code]
    (tmp_path / "blog" / "migrations").mkdir(parents=True)
    program = tmp_path / "program.py"
    program.write_text("\n".join(code))
    done = run_forked([program.name], tmp_path, clean_environment())
    assert done.exit_code == 0, done.stderr


def test_readme_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []

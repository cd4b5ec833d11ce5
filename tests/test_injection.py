"""Text from outside stays text, and files stay in their folders."""

from __future__ import annotations

import ast
import typing as t
from pathlib import Path

import pytest
from support.application import Project
from support.servers import Database

from flask_alembic.errors import MigrationError

pytestmark = pytest.mark.one_database

MESSAGES = [
    'x"""; open("pwned", "w"); """',
    "x'''; open('pwned', 'w'); '''",
    '"""',
    '"',
    'ends with "',
    "ends with \\",
    "\\",
    "C:\\users\\New\\x41\\N{DASH}",
    "one\ntwo\r\nthree",
    '\n"""\nopen("pwned", "w")\n"""\n',
    "100% %s %(x)s %%",
    "{} {0} {x!r}",
    "${message} ${open('pwned', 'w')} <% open('pwned', 'w') %>",
    "% import os\n<%! open('pwned', 'w') %>",
    "## comment\n\\\nline",
    "x" * 500,
    "Grüße, 你好, שלום, 🙂",
    "tab\there",
    "null \x01 control",
    "\u2028line separator",
    "revision = 'x'\ndown_revision = 'y'",
    "../../outside",
    "/etc/passwd",
]


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_message_is_only_text(
    project: Project,
    database: Database,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    project.tables("first")
    with project.context() as alembic:
        alembic.upgrade()
        (made,) = alembic.revision(message)
        alembic.upgrade()
        (merged,) = alembic.revision(message, True, label="label")
        assert alembic.heads()[0].revision == merged.revision
        assert alembic.heads()[0].down_revision == made.revision
        alembic.log()
    paths = [p for p in project.files if not p.name.startswith("first")]
    assert len(paths) == 2
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        doc = ast.get_docstring(tree, clean=False)
        assert doc is not None
        first = message.splitlines()[0].strip()
        assert first in doc or first.rstrip("\x01") in doc
        kinds = {type(node) for node in tree.body}
        assert kinds <= {
            ast.Expr,
            ast.Import,
            ast.ImportFrom,
            ast.Assign,
            ast.AnnAssign,
            ast.FunctionDef,
        }
        assert len(path.name.encode()) < 256
    assert "person" in database.tables()
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("message", [MESSAGES[0], MESSAGES[5], MESSAGES[9]])
def test_message_of_a_merge(project: Project, message: str) -> None:
    project.tables("a", "b")
    project.revision("b2", "a")
    with project.context() as alembic:
        made = alembic.merge(message=message)
        assert alembic.heads()[0].revision == made.revision
    assert not list(project.root.rglob("pwned"))


def test_message_on_the_command_line(project: Project) -> None:
    message = 'x"""; open("pwned", "w"); """ 100% {} ${x} \\'
    assert project.run("revision", message, "--empty").exit_code == 0
    assert project.run("upgrade").exit_code == 0
    shown = project.run("heads")
    assert message in shown.stdout
    assert not (project.root / "pwned").exists()


def test_message_in_an_offline_script(project: Project) -> None:
    with project.context() as alembic:
        alembic.revision("one\nDROP TABLE alembic_version;", True)
        script = alembic.upgrade("base:heads", sql=True)["default"]
    for line in script.splitlines():
        assert not line.startswith("DROP TABLE")


IDS = [
    "../../name",
    "/tmp/name",
    "a/b",
    "..",
    'a"""; open("pwned", "w"); """',
    "a'b",
    'a"b',
    "a\nb",
    "a\\b",
    "a b\0",
    "x" * 33,
]


@pytest.mark.parametrize("id", IDS, ids=range(len(IDS)))
def test_revision_id(
    project: Project, database: Database, tmp_path: Path, id: str
) -> None:
    """It's either refused, without a file, or works in every command."""
    before = {p for p in tmp_path.rglob("*") if p.suffix in {".py", ""}}
    with project.context() as alembic:
        alembic.rev_id = lambda: id
        try:
            alembic.revision("message", True)
        except MigrationError:
            assert project.files == []
        else:
            alembic.upgrade()
            assert database.versions() == {id}
            alembic.downgrade("base")
            assert project.files[0].parent == project.migrations
    after = {p for p in tmp_path.rglob("*") if p.suffix in {".py", ""}}
    allowed = {project.migrations, project.root / "instance", project.root / "app.py"}
    new = after - before - allowed
    assert all(p.parent == project.migrations for p in new), new


def test_quote_in_an_id_reaches_sql_as_text(
    project: Project, database: Database
) -> None:
    path = project.tables("b")[0]
    path.write_text(path.read_text().replace("revision = 'b'", 'revision = "b\'x"'))
    with project.context() as alembic:
        script = alembic.upgrade("base:heads", sql=True)["default"]
        assert "'b'x'" not in script
        alembic.upgrade()
        assert database.versions() == {"b'x"}
        alembic.downgrade("base")
    assert database.versions() == set()


@pytest.mark.parametrize("where", ["..", "../outside", "/tmp", "migrations/../.."])
def test_path_stays_in_the_configured_folders(
    project: Project, tmp_path: Path, where: str
) -> None:
    (tmp_path / "outside").mkdir()
    with (
        project.context() as alembic,
        pytest.raises(MigrationError, match=r"migrations|version_locations"),
    ):
        alembic.revision("x", True, path=where)
    done = project.invoke("revision", "x", "--empty", "--path", where)
    assert done.exit_code == 1
    assert len(done.error_lines) == 1
    assert not list(tmp_path.rglob("*_x.py"))


def test_link_out_of_the_folders(project: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    project.migrations.mkdir()
    (project.migrations / "link").symlink_to(tmp_path / "outside")
    with project.context() as alembic, pytest.raises(MigrationError):
        alembic.revision("x", True, path="migrations/link")
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("branch", ["../x", 'a"b', "a'b", "a@b", "a:b", "a\nb", "a+1"])
def test_branch_and_label(project: Project, branch: str) -> None:
    """Either refused, without a file, or only a label."""
    other = f"{branch}2"
    options: list[dict[str, t.Any]] = [{"branch": branch}, {"label": other}]
    for option in options:
        with project.context() as alembic:
            count = len(project.files)
            try:
                (made,) = alembic.revision("x", True, **option)
            except MigrationError:
                assert len(project.files) == count
            else:
                assert made.branch_labels & {branch, other}
                assert len(alembic.log()) == count + 1
                assert Path(made.path).parent == project.migrations

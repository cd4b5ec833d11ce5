"""``flask db verify``: what is applied, compared with the files by their checksums."""

from __future__ import annotations

import json
import py_compile
import typing as t
from pathlib import Path

import pytest
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic
from flask_alembic import Finding
from flask_alembic.migrator.deploys.checksum import checksum

CODE = '''\
"""A table."""
from alembic import op
import sqlalchemy as sa

revision = "a"
down_revision = None


def upgrade():
    """Make it."""
    name = f"t_{revision}" "x"
    op.create_table(name, sa.Column("id", sa.Integer))
'''


@pytest.fixture
def applied(project: Project) -> Project:
    """The application with a record, and three revisions that are applied."""
    project.config["ALEMBIC_HISTORY"] = True
    project.tables("a", "b", "c")
    with project.context() as alembic:
        alembic.upgrade()
    return project


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def codes(findings: t.Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in findings]


def only(alembic: Alembic) -> Finding:
    (finding,) = alembic.verify()
    return finding


# The checksum


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A table."""', '"""Another\n\nRevises: nothing\n"""'),
        ('"""A table."""\n', ""),
        ('    """Make it."""\n', "    # Make it.\n\n"),
        ('revision = "a"', "revision = (\n    'a'\n)  # an id"),
        ('"a"', 'u"a"'),
        ('f"t_{revision}" "x"', 'f"t_{ revision }x" ""'),
        ("\n", "\r\n"),
    ],
)
def test_comments_and_layout_dont_count(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(CODE.encode())
    before = checksum(path)
    assert old in CODE
    path.write_bytes(CODE.replace(old, new).encode())
    assert checksum(path) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x"', '"y"'),
        ('"id", sa', '"i", "d", sa'),
        ('"id", sa', '"i" "d2", sa'),
        ("down_revision = None", 'down_revision = "None"'),
        ("down_revision = None", "down_revision = ()"),
        ("{revision}", "{revision!r}"),
        ("import sqlalchemy as sa", "import sqlalchemy as sa, os"),
    ],
)
def test_code_counts(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(CODE)
    before = checksum(path)
    assert old in CODE
    path.write_text(CODE.replace(old, new))
    assert checksum(path) != before


def test_a_checksum_is_the_same_in_every_python(tmp_path: Path) -> None:
    """``ast.dump()`` changed in 3.13, the tree of f-strings in 3.12."""
    path = tmp_path / "a.py"
    path.write_text(CODE)
    assert checksum(path) == EVERYWHERE


def test_what_isnt_source_counts_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def (:")
    before = checksum(path)
    path.write_text("def (: # more")
    assert checksum(path) != before


def test_deep_code_has_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1" + " + 1" * 500)
    before = checksum(path)
    path.write_text("x = 1" + "+1" * 500)
    assert checksum(path) == before


EVERYWHERE = "fcdd943cba7f305b6b74322298b27efc9f6b496664872c9d2a8dc1ecabbda400"


# What is found


def test_nothing_is_found_where_nothing_was_edited(applied: Project) -> None:
    for path in applied.files:
        path.write_text(f"# reviewed\n{path.read_text()}\n\n")
    with applied.context() as alembic:
        assert alembic.verify() == ()
    done = applied.invoke("verify")
    assert (done.exit_code, done.stdout) == (0, "No applied revision was edited.\n")


def test_an_edited_revision_is_named(applied: Project, database: Database) -> None:
    _, path, _ = applied.files
    edit(path, "t_b", "t_other")
    with applied.context() as alembic:
        finding = only(alembic)
        (day,) = {step.started for step in alembic.record() if step.revision == "b"}
    assert (finding.code, finding.severity) == ("revision-edited", "error")
    assert "Revision b was edited" in finding.message
    assert "'default'" in finding.message
    assert day is not None
    assert f"{day:%Y-%m-%d at %H:%M:%S} UTC" in finding.message
    assert finding.where == str(path)
    done = applied.invoke("verify")
    assert done.exit_code == 1
    assert str(path) in done.stdout
    found = json.loads(applied.invoke("verify", "--json").stdout)
    assert (found["ok"], found["exit_code"]) == (False, 1)
    assert found["findings"][0]["code"] == "revision-edited"
    # As the finding says, for who means it.
    database.execute("DELETE FROM alembic_history WHERE revision = 'b'")
    with applied.context() as alembic:
        assert codes(alembic.verify()) == [("revision-not-recorded", "info")]
    assert applied.invoke("verify").exit_code == 0


@pytest.mark.one_database
def test_what_isnt_applied_any_more_may_be_edited(applied: Project) -> None:
    with applied.context() as alembic:
        alembic.downgrade("a")
        edit(applied.files[2], "t_c", "t_d")
        assert alembic.verify() == ()
        # From here on it is the edited one that is applied.
        alembic.upgrade()
        assert alembic.verify() == ()


@pytest.mark.one_database
def test_what_was_stamped_is_compared(applied: Project) -> None:
    with applied.context() as alembic:
        alembic.downgrade("base")
        alembic.stamp("c")
        # Of the others the record doesn't say that they were applied again.
        assert codes(alembic.verify()) == [("revision-not-recorded", "info")]
        edit(applied.files[2], "t_c", "t_d")
        assert "revision-edited" in [code for code, _ in codes(alembic.verify())]


@pytest.mark.one_database
def test_what_came_before_the_record_isnt_recorded(project: Project) -> None:
    ids = [f"r{number}" for number in range(7)]
    project.tables(*ids)
    with project.context() as alembic:
        alembic.upgrade("r5")
    project.config["ALEMBIC_HISTORY"] = True
    with project.context() as alembic:
        alembic.upgrade()
        finding = only(alembic)
    assert finding.severity == "info"
    assert "r0, r1, r2, r3, r4 and 1 more" in finding.message
    done = project.invoke("verify")
    assert done.exit_code == 0
    assert "No applied revision was edited." in done.stdout


def test_a_file_that_is_gone_is_named(applied: Project) -> None:
    for path in applied.files[1:]:
        path.unlink()
    with applied.context() as alembic:
        found = alembic.verify()
    assert codes(found) == [("revision-gone", "error")] * 2
    assert "Revision b is applied to the database 'default' on" in found[0].message
    assert "Revision c" in found[1].message
    assert applied.invoke("verify").exit_code == 1


@pytest.mark.one_database
def test_a_file_that_is_gone_from_the_middle_is_named(applied: Project) -> None:
    """Its child was rewritten to follow its parent, so that nothing else is amiss."""
    _, gone, child = applied.files
    gone.unlink()
    edit(child, "down_revision = 'b'", "down_revision = 'a'")
    with applied.context() as alembic:
        found = codes(alembic.verify())
    assert found == [("revision-gone", "error"), ("revision-edited", "error")]


@pytest.mark.one_database
def test_who_stamps_says_what_is_applied(applied: Project) -> None:
    with applied.context() as alembic:
        alembic.stamp("a")
    for path in applied.files[1:]:
        path.unlink()
    with applied.context() as alembic:
        assert alembic.verify() == ()


@pytest.mark.one_database
def test_byte_code_isnt_compared_with_source(applied: Project) -> None:
    applied.config["ALEMBIC"] = {"sourceless": True}
    for path in applied.files:
        py_compile.compile(str(path), cfile=str(path.with_suffix(".pyc")))
        path.unlink()
    with applied.context() as alembic:
        assert codes(alembic.verify()) == [("revision-compiled", "info")] * 3


def test_each_database_has_its_own_record(
    two: Project, database: Database, other: Database
) -> None:
    two.config["ALEMBIC_HISTORY"] = True
    (path,) = two.tables("a")
    with two.context() as alembic:
        alembic.upgrade(databases=["log"])
        edit(path, "t_a", "t_b")
        alembic.upgrade()
        assert "'log'" in only(alembic).message
        assert alembic.verify(databases=["default"]) == ()
    lines = two.invoke("log", "--applied").stdout.splitlines()
    assert [lines[0], lines[2]] == ["default", "log"]
    assert two.invoke("verify", "--database", "default").exit_code == 0

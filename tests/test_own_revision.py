"""An application's own ``revision()``: the command calls it, and shows what comes back."""

from __future__ import annotations

import inspect

import pytest
from support.application import Project
from support.application import Result

from flask_alembic import Alembic
from flask_alembic.requests import DraftRequest

pytestmark = pytest.mark.one_database

OWN = """
from pathlib import Path


class Own(Alembic):
    def revision(self, message, {parameters}):
        with Path(__file__).with_name("calls").open("a") as file:
            file.write(message)
        {body}


alembic = Own(app)
"""

# What a subclass for Flask-Alembic 3 has.
OLD = (
    'empty=False, branch="default", parent="head", splice=False, depend=None,'
    " label=None, path=None"
)
OLD_CALL = (
    "return super().revision(message, empty, branch, parent, splice, depend, label,"
    " path)"
)
ANY = "*args, **more"


def own(project: Project, body: str, parameters: str = ANY) -> None:
    """Give the application an extension with a method of its own."""
    project.setup = OWN.format(parameters=parameters, body=body)


def write(project: Project, message: str, *options: str) -> Result:
    """Run the command, which calls the method once."""
    calls = project.root / "calls"
    calls.unlink(missing_ok=True)
    done = project.invoke("revision", message, *options)
    assert calls.read_text() == message, done.stderr
    return done


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        (OLD_CALL, OLD),
        ("return super().revision(message, *args, **more)", ANY),
        ("super().revision(message, *args, **more)", ANY),
        ("return bool(self.draft(message, *args, **more).path)", ANY),
    ],
    ids=["old", "returned", "nothing returned", "by draft()"],
)
def test_command_calls_it_once(project: Project, body: str, parameters: str) -> None:
    own(project, body, parameters)
    done = write(project, "start")
    (path,) = project.files
    assert (done.exit_code, done.stdout) == (
        0,
        f"Created {path} (new branch default)\n",
    )
    with project.context() as alembic:
        alembic.upgrade()
    done = write(project, "again")
    assert (done.exit_code, done.stdout) == (0, "No changes detected.\n")
    assert project.files == [path]


def test_what_comes_back_is_shown(project: Project) -> None:
    """Also what was written in another way, or beside what was compared."""
    body = (
        "made = super().revision(message, *args, **more)\n"
        '        return made + super().revision("notes", empty=True)'
    )
    own(project, body)
    done = write(project, "start", "--json")
    found = [item["message"] for item in done.json["revisions"]]
    assert found == ["start", "notes"]
    assert [op["change"] for op in done.json["draft"]["operations"]] == ["add table"]
    own(
        project,
        "made = self.script.generate_revision('x1', message, config=self.config)\n"
        "        return [made]",
    )
    done = write(project, "by hand")
    assert done.stdout == f"Created {project.migrations / 'x1_by_hand.py'}\n", (
        done.stderr
    )


def test_options_that_it_does_not_take(project: Project) -> None:
    """They hold for what it calls, so that none is lost."""
    own(project, OLD_CALL, OLD)
    write(project, "start", "--rev-id", "first")
    with project.context() as alembic:
        alembic.upgrade()
        assert alembic.current()[0].revision == "first"
    project.models = project.models.replace("    name =", "    full_name =")
    options = ["--rename", "person.name=full_name", "--prove"]
    done = write(project, "renamed", *options, "--json")
    assert done.json["draft"]["renames"] == {"person.name": "full_name"}
    assert [x["code"] for x in done.json["draft"]["findings"]] == ["proved"]
    body = "return super().revision(message, *args, rev_id='mine', **more)"
    own(project, body, "*args, rev_id=None, **more")
    write(project, "more", "--empty", "--rev-id", "other")
    assert any(path.name.startswith("mine") for path in project.files)


def test_one_set_of_parameters() -> None:
    """What one of them takes, the others take, and ``help()`` says so."""
    wanted = inspect.signature(Alembic.draft)
    for method, returned in [("revision", "list[Script]"), ("revise", "Draft")]:
        signature = inspect.signature(getattr(Alembic, method))
        assert signature.parameters == wanted.parameters
        assert signature.return_annotation == returned
    fields = list(inspect.signature(DraftRequest).parameters.values())
    assert fields == list(wanted.parameters.values())[1:]

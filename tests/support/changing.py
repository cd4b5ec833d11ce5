"""A change of the models on its way through a revision, forth and back."""

from __future__ import annotations

import typing as t

from flask_alembic.results import Draft
from support.application import Project
from support.servers import Database


def start(project: Project, database: Database, models: str, *rows: str) -> None:
    """Make the tables by a revision, and fill them."""
    project.models = models
    with project.context() as alembic:
        alembic.revision("first", rev_id="first")
        alembic.upgrade()
        assert alembic.diff().operations == ()
    database.execute(*rows)


def text(draft: Draft) -> str:
    """The revision's file."""
    assert draft.path is not None
    with open(draft.path, encoding="utf-8") as file:
        return file.read()


def change(project: Project, before: str, after: str, **choices: t.Any) -> Draft:
    """Draft a change, and run it forth, back and forth again: no diff is left."""
    project.models = after
    with project.context() as alembic:
        draft = alembic.draft("second", **{"rev_id": "second", **choices})
        assert draft.path is not None, "nothing was found"
        alembic.upgrade()
        left = alembic.diff().operations
        assert left == (), text(draft)
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
        left = alembic.diff().operations
        assert left == (), text(draft)
        alembic.upgrade()
    return draft


def codes(found: Draft) -> list[str]:
    """What the findings are about."""
    return [finding.code for finding in found.findings]

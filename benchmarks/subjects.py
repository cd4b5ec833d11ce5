"""Who is compared: the work itself, the two predecessors, and this project."""

from __future__ import annotations

import dataclasses

APPLICATION = """\
import os

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
{imports}

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("BENCHMARK_URL", {url!r})
db = SQLAlchemy(app)
{setup}

{models}
"""

FLOOR = """\
@app.cli.command("floor")
@click.argument("work")
def floor(work):
    import floor_work

    floor_work.WORK[work](db)
"""

OURS = "Flask-Alembic 4"
OURS_SCRIPTED = "Flask-Migrate's interface"
FLASK_ALEMBIC = "Flask-Alembic 3.3"
FLASK_MIGRATE = "Flask-Migrate 4.1"
NOTHING = "floor"


@dataclasses.dataclass(frozen=True)
class Subject:
    """One of those that do the same work.

    :param old: Whether it's one of the predecessors, in an environment of their own.
    :param interface: What the worker calls: "floor", "methods" or "functions".
    :param commands: What is asked for -> arguments of ``flask``.
    """

    name: str
    old: bool
    interface: str
    imports: str
    setup: str
    commands: dict[str, tuple[str, ...]]

    @property
    def scripted(self) -> bool:
        """Whether its migrations have an ``env.py``."""
        return self.interface == "functions"

    @property
    def versions(self) -> str:
        """Where its revisions lie in the application's folder."""
        return "migrations/versions" if self.scripted else "migrations"

    def application(self, url: str, models: str) -> str:
        """The text of ``app.py``."""
        return APPLICATION.format(
            imports=self.imports, url=url, setup=self.setup, models=models
        )


def _commands(history: str, revision: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    plain = ("upgrade", "current", "heads", "check")
    return {
        "help": ("--help",),
        "group help": ("db", "--help"),
        "history": ("db", history),
        "revision": ("db", *revision),
        "new database": ("db", "upgrade"),
        "snapshot": ("db", "upgrade"),
        **{name: ("db", name) for name in plain},
    }


_floor = Subject(
    name=NOTHING,
    old=False,
    interface="floor",
    imports="import click",
    setup=FLOOR,
    commands={
        "help": ("--help",),
        "group help": ("--help",),
        "check": ("floor", "catalog"),
        "revision": ("floor", "catalog"),
        "new database": ("floor", "script"),
        "snapshot": ("floor", "tables"),
        **dict.fromkeys(("upgrade", "current", "heads", "history"), ("floor", "row")),
    },
)


def _managed(name: str, old: bool, history: str) -> Subject:
    """An application whose configuration is Flask's."""
    return Subject(
        name,
        old,
        interface="methods",
        imports="from flask_alembic import Alembic",
        setup="alembic = Alembic(app)",
        commands=_commands(history, ("revision", "more")),
    )


def _scripted(name: str, old: bool) -> Subject:
    """An application whose environment is an ``env.py``."""
    return Subject(
        name,
        old,
        interface="functions",
        imports="from flask_migrate import Migrate",
        setup="migrate = Migrate(app, db)",
        commands=_commands("history", ("migrate", "-m", "more")),
    )


SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for subject in [
        _floor,
        _managed(OURS, False, "history"),
        _scripted(OURS_SCRIPTED, False),
        _managed(FLASK_ALEMBIC, True, "log"),
        _scripted(FLASK_MIGRATE, True),
    ]
}

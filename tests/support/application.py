"""A real application in a folder, used in process and by ``flask --app app``."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
import sys
import textwrap
import types
import typing as t
from pathlib import Path

import flask
import sqlalchemy as sa

from support.processes import clean_environment
from support.processes import run_forked
from support.revisions import Parents
from support.revisions import write_revision
from support.revisions import write_tables

if t.TYPE_CHECKING:
    from flask_alembic import Alembic

_numbers = itertools.count(1)

FLASK = ("-m", "flask", "--app", "app", "db")

HEAD = """\
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_alembic import Alembic

app = Flask(__name__)
app.config.update({config!r})
db = SQLAlchemy(app)
"""

PERSON = """
class Person(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
"""

PERSON_WITH_EMAIL = PERSON + "    email = sa.Column(sa.String(80))\n"

TASK = """
class Task(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.String(50))
"""

BIND = """
class {class_name}(db.Model):
    __bind_key__ = "{key}"
    __tablename__ = "{table}"
    id = sa.Column(sa.Integer, primary_key=True)
"""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command gave."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> t.Any:
        """The one document on stdout."""
        return json.loads(self.stdout)

    @property
    def error_lines(self) -> list[str]:
        """Lines on stderr that aren't log lines."""
        levels = ("INFO", "WARN", "DEBUG", "ERROR [")
        lines = self.stderr.splitlines()
        return [x for x in lines if x.strip() and not x.startswith(levels)]


class Project:
    """An application's folder; rewritten when models or configuration change.

    :ivar config: What ``app.config`` is updated with; values must have a ``repr``
        that is Python.
    :ivar models: Python text after ``db`` is made.
    :ivar setup: Python text at the end, which registers the extension.
    """

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.config: dict[str, t.Any] = {"SQLALCHEMY_DATABASE_URI": url}
        self.models = PERSON
        self.head = HEAD
        self.setup = "alembic = Alembic(app)"
        self.environment: dict[str, str] = {}
        self._engines: list[sa.Engine] = []

    @property
    def migrations(self) -> Path:
        """The folder of the revisions."""
        return self.root / "migrations"

    @property
    def files(self) -> list[Path]:
        """The revision files, in the order of their names."""
        return sorted(self.migrations.glob("*.py"))

    def write(self) -> Path:
        """Write the application as it is now."""
        text = [self.head.replace("{config!r}", repr(self.config)), self.models]
        path = self.root / "app.py"
        path.write_text("\n".join([*text, self.setup, ""]), encoding="utf-8")
        return path

    def bind(self, key: str, url: str) -> None:
        """Add a Flask-SQLAlchemy bind, with a model whose table has its name."""
        self.config.setdefault("SQLALCHEMY_BINDS", {})[key] = url
        self.config["ALEMBIC_BINDS"] = True
        table = re.sub(r"\W", "_", key)
        class_name = table.title()
        self.models += BIND.format(class_name=class_name, key=key, table=table)

    def revision(
        self, id: str, down: Parents = None, *texts: str, **options: t.Any
    ) -> Path:
        """Write a revision by hand; see :func:`write_revision`."""
        return write_revision(self.migrations, id, down, *texts, **options)

    def tables(self, *ids: str, **options: t.Any) -> list[Path]:
        """Write a straight line of revisions; see :func:`write_tables`."""
        return write_tables(self.migrations, *ids, **options)

    def load(self) -> types.ModuleType:
        """Write the application and import it anew."""
        path = self.write()
        module = types.ModuleType(f"project_{next(_numbers)}")
        module.__file__ = str(path)
        # Flask looks its root folder up by the module's name.
        sys.modules[module.__name__] = module
        source = path.read_text(encoding="utf-8")
        exec(compile(source, str(path), "exec"), module.__dict__)
        return module

    @contextlib.contextmanager
    def context(self) -> t.Iterator[Alembic]:
        """Load the application and give its extension in an application context."""
        module = self.load()
        with self.closing(module), module.app.app_context():
            yield module.app.extensions["alembic"]

    @contextlib.contextmanager
    def closing(self, module: types.ModuleType) -> t.Iterator[flask.Flask]:
        """Give a loaded module's application, and close its engines at the end.

        Fails if a connection is still taken out of a pool.
        """
        app: flask.Flask = module.app
        try:
            yield app
        finally:
            left = [str(e.url) for e in engines_of(module) if checked_out(e)]
            for engine in engines_of(module):
                engine.dispose()
            del sys.modules[module.__name__]
        assert not left, f"connections left open: {left}"

    def invoke(self, *args: str, **options: t.Any) -> Result:
        """Run ``flask db …`` in this process, through the test runner."""
        module = self.load()
        with self.closing(module) as app:
            done = app.test_cli_runner().invoke(args=["db", *args], **options)
        unexpected = done.exception
        if unexpected is not None and not isinstance(unexpected, SystemExit):
            raise unexpected
        return Result(done.exit_code, done.stdout, done.stderr)

    def run(
        self,
        *args: str,
        program: t.Sequence[str] = FLASK,
        bare: bool = False,
    ) -> Result:
        """Run ``flask --app app db …`` as a process of its own.

        :param program: What to run instead of ``flask --app app db``.
        :param bare: Import anew what is under test, and what it loads on demand.
        """
        self.write()
        environment = clean_environment() | self.environment
        kind = "bare" if bare else "all"
        return Result(*run_forked([*program, *args], self.root, environment, kind))

    def python(self, text: str) -> Result:
        """Run Python text in the application's folder, with nothing of ours imported."""
        return self.run(program=["-c", textwrap.dedent(text)], bare=True)


def engines_of(module: types.ModuleType) -> list[sa.Engine]:
    """The engines of an application: Flask-SQLAlchemy's and ``engines``."""
    found: list[t.Any] = []
    extension = module.app.extensions.get("sqlalchemy")
    with module.app.app_context():
        if extension is not None:
            found += extension.engines.values()
            found += getattr(extension, "async_engines", {}).values()
    found += getattr(module, "engines", {}).values()
    return [getattr(engine, "sync_engine", engine) for engine in found]


def checked_out(engine: sa.Engine) -> int:
    """How many connections are taken out of an engine's pool, where it counts."""
    count = getattr(engine.pool, "checkedout", None)
    return 0 if count is None else count()

"""Applications of Flask-Migrate in a folder, with an ``env.py`` of their own."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import types
import typing as t
from pathlib import Path

import flask
from alembic.config import Config
from support.application import BIND
from support.application import HEAD
from support.application import Project
from support.application import Result
from support.revisions import Parents
from support.revisions import write_revision

FOLDERS = Path(__file__).parent / "folders"

MIGRATE_HEAD = HEAD.replace(
    "from flask_alembic import Alembic", "from flask_migrate import Migrate"
)

BINDS_TEXT = """\
globals()[f"upgrade_{engine_name}"]()
"""

BINDS_BACK = """\
globals()[f"downgrade_{engine_name}"]()
"""

OWN_LOGGERS = ("alembic", "sqlalchemy", "flask_migrate", "flask_alembic")


class Scripted(Project):
    """An application's folder as people have it who use Flask-Migrate."""

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root, url)
        self.head = MIGRATE_HEAD
        self.setup = "migrate = Migrate(app, db)"

    @property
    def versions(self) -> Path:
        """The folder of the revisions."""
        return self.migrations / "versions"

    @property
    def files(self) -> list[Path]:
        """The revision files, in the order of their names."""
        return sorted(self.versions.glob("*.py"))

    @property
    def ini(self) -> Path:
        """The configuration beside the environment."""
        return self.migrations / "alembic.ini"

    @property
    def env(self) -> Path:
        """The environment."""
        return self.migrations / "env.py"

    @property
    def alembic_config(self) -> Config:
        """What Alembic's own commands take, for comparing what they say."""
        config = Config(str(self.ini))
        config.set_main_option("script_location", str(self.migrations))
        return config

    def folder(self, kind: str) -> None:
        """Have the folder that ``flask db init`` made some years ago."""
        shutil.copytree(FOLDERS / kind, self.migrations)
        self.versions.mkdir()

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def bind(self, key: str, url: str) -> None:
        """Add a Flask-SQLAlchemy bind, with a model whose table has its name."""
        self.config.setdefault("SQLALCHEMY_BINDS", {})[key] = url
        table = re.sub(r"\W", "_", key)
        class_name = table.title()
        self.models += BIND.format(class_name=class_name, key=key, table=table)

    def revision(
        self, id: str, down: Parents = None, *texts: str, **options: t.Any
    ) -> Path:
        """Write a revision by hand; see :func:`write_revision`."""
        folder = options.pop("folder", self.versions)
        return write_revision(folder, id, down, *texts, **options)

    def tables(self, *ids: str, **options: t.Any) -> list[Path]:
        """Write a straight line of revisions; each makes the table ``t_<id>``."""
        down: str | None = options.pop("down", None)
        made = []
        for id in ids:
            up = f'op.create_table("t_{id}", sa.Column("id", sa.Integer))'
            back = f'op.drop_table("t_{id}")'
            made.append(
                self.revision(id, down, up, back, message=f"table {id}", **options)
            )
            down = id
        return made

    def bind_revision(self, id: str, down: Parents = None, **texts: str) -> Path:
        """Write a revision with a function for each database.

        :param texts: ``upgrade_<bind>`` -> what it does.
        """
        names = ["", *self.config.get("SQLALCHEMY_BINDS", {})]
        functions = []
        for direction in ("upgrade", "downgrade"):
            for name in names:
                body = texts.get(f"{direction}_{name}", "pass")
                functions.append(f"def {direction}_{name}():\n    {body}\n")
        return self.revision(
            id,
            down,
            BINDS_TEXT,
            BINDS_BACK,
            arguments="engine_name",
            extra="\n\n".join(["", *functions]),
        )

    @contextlib.contextmanager
    def app(self) -> t.Iterator[types.ModuleType]:
        """Load the application, and be in its context in a fresh process's logging."""
        module = self.load()
        closing = self.closing(module)
        with logging_of_a_new_process(), closing as app, app.app_context():
            yield module

    def invoke(self, *args: str, **options: t.Any) -> Result:
        """Run ``flask db …`` in this process, with a fresh process's logging."""
        with logging_of_a_new_process():
            return super().invoke(*args, **options)

    def ok(self, *args: str, **options: t.Any) -> Result:
        """Run ``flask db …`` in this process, and expect that it works."""
        done = self.invoke(*args, **options)
        assert done.exit_code == 0, (args, done.stdout, done.stderr)
        return done

    def fails(self, *args: str) -> str:
        """Run ``flask db …`` in this process, expect that it fails; what it says."""
        done = self.invoke(*args)
        assert done.exit_code == 1, (args, done)
        return done.stderr

    def refused(self, *args: str, **options: t.Any) -> str:
        """Run ``flask db …`` in this process, and give the one line that it says."""
        done = self.invoke(*args, **options)
        assert done.exit_code == 1, (args, done)
        said = [line for line in done.stderr.splitlines() if "Error: " in line]
        assert len(said) == 1, done.stderr
        return said[0].partition("Error: ")[2]


@contextlib.contextmanager
def logging_of_a_new_process() -> t.Iterator[None]:
    """Have no handlers; put everything back that ``fileConfig`` changes."""
    root, before = logging.getLogger(), named_loggers()
    kept = [(x, x.handlers, x.level, x.disabled) for x in [root, *before]]
    put(root, [], logging.WARNING)
    reset(x for x in before if x.name.startswith(OWN_LOGGERS))
    root.setLevel(root.level)
    try:
        yield
    finally:
        known = set(before)
        reset(x for x in named_loggers() if x not in known)
        for logger, *state in kept:
            put(logger, *state)
        root.setLevel(root.level)


def named_loggers() -> list[logging.Logger]:
    """All loggers but the root."""
    found = logging.Logger.manager.loggerDict.values()
    return [logger for logger in found if isinstance(logger, logging.Logger)]


def reset(loggers: t.Iterable[logging.Logger]) -> None:
    """Have loggers as they are when they are made."""
    for logger in loggers:
        put(logger, [], logging.NOTSET)


def put(
    logger: logging.Logger,
    handlers: list[logging.Handler],
    level: int,
    disabled: bool = False,
) -> None:
    """Give a logger all that ``fileConfig`` changes.

    What loggers remember of levels is forgotten by ``setLevel``, of all of them: once is
    enough.
    """
    logger.handlers = handlers
    logger.level = level
    logger.disabled = disabled


def extension(app: flask.Flask) -> t.Any:
    """What an ``env.py`` finds of Flask-Migrate."""
    return app.extensions["migrate"]

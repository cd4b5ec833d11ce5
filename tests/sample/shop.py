"""The application that has the shop's models."""

from __future__ import annotations

import contextlib
import copy
import types
import typing as t
from pathlib import Path

import flask
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from support.application import Project
from support.servers import Database

from flask_alembic import Alembic
from flask_alembic.results import Draft
from sample import rows
from sample.changes import Step

HEAD = """\
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_alembic import Alembic

app = Flask(__name__)
app.config.update({config!r})
"""

OBJECTS = (
    "columns",
    "pk_constraint",
    "unique_constraints",
    "check_constraints",
    "foreign_keys",
    "indexes",
)

SETUP = """
db = SQLAlchemy(app, metadata=Base.metadata)
alembic = Alembic(app)
"""


def models(kind: str) -> str:
    """The models as they are at the beginning."""
    text = (Path(__file__).parent / "models.py").read_text(encoding="utf-8")
    line = 'KIND = "sqlite"\n'
    assert line in text
    return text.replace(line, f"KIND = {kind!r}\n")


def db() -> SQLAlchemy:
    """The current application's."""
    return t.cast(SQLAlchemy, flask.current_app.extensions["sqlalchemy"])


def structure(engine: sa.Engine) -> dict[str, list[str]]:
    """What SQLAlchemy reads of each table, whatever a comparison makes of it."""
    found: dict[str, list[str]] = {}
    inspector: t.Any = sa.inspect(engine)
    for kind in OBJECTS:
        for (_, table), items in getattr(inspector, f"get_multi_{kind}")().items():
            for item in items if isinstance(items, list) else [items]:
                if engine.name == "sqlite" and kind not in ("columns", "indexes"):
                    # What had no name comes back with one.
                    item.pop("name", None)
                if kind == "check_constraints":
                    # SQLAlchemy 2.0.38 reads a bracket too many at the end of a line.
                    item["sqltext"] = item["sqltext"].rstrip(")")
                item.update(type=str(item.get("type")))
                found.setdefault(table, []).append(f"{kind}: {sorted(item.items())}")
    return {table: sorted(lines) for table, lines in found.items()}


@contextlib.contextmanager
def using(module: types.ModuleType) -> t.Iterator[Alembic]:
    """Be in a context of a loaded application."""
    with module.app.app_context():
        yield module.app.extensions["alembic"]


class Shop:
    """The shop on one database, with what its tables should hold."""

    def __init__(self, project: Project, database: Database) -> None:
        self.project = project
        self.rows = rows.first()
        project.head, project.setup = HEAD, SETUP
        project.models = models(database.kind)
        self._loaded = contextlib.ExitStack()
        self._module = self._load()

    def __enter__(self) -> Shop:
        """Make all tables by a revision, and fill them."""
        with using(self._module) as alembic:
            alembic.revision("shop", rev_id="shop")
            alembic.upgrade()
            self.add(self.rows)
            self.check(alembic, self.rows)
        return self

    def __exit__(self, *exception: object) -> None:
        """Close all applications; none has left a connection open."""
        self._loaded.close()

    def _load(self) -> types.ModuleType:
        module = self.project.load()
        self._loaded.enter_context(self.project.closing(module))
        return module

    def add(self, found: rows.Rows) -> None:
        """Insert rows by the models of the current application."""
        with db().engine.begin() as connection:
            rows.fill(connection, db().metadata, found)

    def take(self, step: Step, number: int) -> Draft:
        """Go a step: upgrade, downgrade and upgrade, without a look at the file."""
        there, back = copy.deepcopy(self.rows), copy.deepcopy(self.rows)
        step.up(there)
        step.back(back)
        self.project.models = step.edited(self.project.models)
        with using(self._module):
            before = structure(db().engine)
        old, self._module = self._module, self._load()
        with using(self._module) as alembic:
            draft = alembic.draft(
                step.name,
                rev_id=f"step{number}",
                renames=step.renames,
                defaults=step.defaults,
            )
            alembic.upgrade()
            self.check(alembic, there)
        with using(old) as alembic:
            alembic.downgrade()
            self.check(alembic, back)
            assert structure(db().engine) == before
        step.up(back)
        with using(self._module) as alembic:
            alembic.upgrade()
            assert self.rows_now() == back
        self.rows = back
        return draft

    def check(self, alembic: Alembic, expected: rows.Rows) -> None:
        """Nothing is left to do, and every row is where it should be."""
        left = alembic.diff(renames=False)
        assert left.operations == ()
        assert self.rows_now() == expected

    def rows_now(self) -> rows.Rows:
        """All rows, by the models of the current application."""
        with db().engine.connect() as connection:
            return rows.read(connection, db().metadata)

    def use(self) -> None:
        """New rows get their keys and what the database computes and takes for them."""
        with using(self._module):
            self.add(
                {
                    "stock": [{"product_id": 3, "warehouse_id": 1, "quantity": 4}],
                    "currencies": [{"code": "USD"}],
                    "tags": [{"word": "green"}],
                    "baskets": [{"secret": rows.KEYS[2]}],
                }
            )
            found = self.rows_now()
        assert found["stock"][-1] == {
            "product_id": 3,
            "warehouse_id": 1,
            "quantity": 4,
            "reserved": 0,
            "free": 4,
        }
        assert found["currencies"][-1] == {"code": "USD", "digits": "3"}
        assert found["tags"][-1] == {"number": 3, "word": "green"}
        assert found["baskets"][-1]["id"] == 3

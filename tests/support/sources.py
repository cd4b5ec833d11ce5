"""Applications that take their databases from elsewhere than Flask-SQLAlchemy."""

from __future__ import annotations

from support.application import Project

LITE = """\
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import orm

from flask_alembic import Alembic

app = Flask(__name__)
app.config.update({config!r})
db = SQLAlchemy(app)
"""

PLAIN = """\
import sqlalchemy as sa
from flask import Flask

from flask_alembic import Alembic

app = Flask(__name__)
app.config.update({config!r})
metadata = sa.MetaData()
person = sa.Table("person", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""

LITE_MODELS = """
class Base(orm.DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"
    id = sa.Column(sa.Integer, primary_key=True)
"""


def do_everything(project: Project) -> None:
    """Make a revision, run it and look at what there is."""
    with project.context() as alembic:
        assert len(alembic.revision("first")) == 1
        assert alembic.needs_upgrade()
        assert alembic.upgrade().ok
        assert not alembic.needs_upgrade()
        assert not alembic.needs_revision()
        assert len(alembic.current()) == 1
        assert alembic.status()[0].state == "current"
        assert alembic.revision("second") == []


def undo(project: Project) -> None:
    """Take the last revision back."""
    with project.context() as alembic:
        assert alembic.downgrade().ok
        assert alembic.current() == ()


def lite(project: Project, **engines: str) -> None:
    """Use Flask-SQLAlchemy-Lite with these addresses instead."""
    project.head = LITE
    project.config = {"SQLALCHEMY_ENGINES": engines}
    project.models = LITE_MODELS
    project.setup = "alembic = Alembic(app, metadatas=Base.metadata)"


def plain(project: Project, engine: str) -> None:
    """Use a plain engine instead.

    :param engine: Python text that makes it.
    """
    project.head = PLAIN
    project.models = f"engines = {{'default': {engine}}}"
    project.setup = "alembic = Alembic(app, metadatas=metadata, engines=engines)"

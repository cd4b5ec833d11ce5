"""Applications whose databases don't come from Flask-SQLAlchemy."""

from __future__ import annotations

from migrate.scripted import Scripted
from support.sources import LITE
from support.sources import LITE_MODELS

ALCHEMICAL = """\
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.ext.asyncio import create_async_engine

from flask_migrate import Migrate

app = Flask(__name__)
app.config.update({config!r})


class Databases:
    '''Asynchronous engines with the names that Alchemical gives them.'''

    def __init__(self, addresses):
        self.metadatas = {key: sa.MetaData() for key in addresses}
        made = addresses.items()
        self.engines = {key: create_async_engine(url, **options) for key, url in made}

    @property
    def metadata(self):
        return self.metadatas[None]

    def get_engine(self, bind=None, bind_key=None):
        return self.engines[bind or bind_key]

    def bind_names(self):
        return [key for key in self.engines if key is not None]


options = {"poolclass": sa.NullPool} if app.config.get("NO_POOL") else {}
addresses = {None: app.config["SQLALCHEMY_DATABASE_URI"]}
addresses |= app.config.get("SQLALCHEMY_BINDS", {})
db = Databases(addresses)
engines = db.engines
person = sa.Table(
    "person", db.metadatas[None], sa.Column("id", sa.Integer, primary_key=True)
)
for key, metadata in db.metadatas.items():
    if key is not None:
        sa.Table(key, metadata, sa.Column("id", sa.Integer, primary_key=True))
"""

MIGRATE_LITE = LITE.replace(
    "from flask_alembic import Alembic", "from flask_migrate import Migrate"
)

SECOND_BASE = """

class LogBase(orm.DeclarativeBase):
    pass


class Log(LogBase):
    __tablename__ = "log"
    id = sa.Column(sa.Integer, primary_key=True)
"""


def alchemical(
    project: Scripted, url: str, *, pooled: bool = True, **binds: str
) -> None:
    """Use asynchronous engines, with a table in each database."""
    project.head, project.models = ALCHEMICAL, ""
    project.config = {"SQLALCHEMY_DATABASE_URI": url, "NO_POOL": not pooled}
    if binds:
        project.config["SQLALCHEMY_BINDS"] = binds


def lite(project: Scripted, *, key: str = "SQLALCHEMY_ENGINES", **engines: str) -> None:
    """Use Flask-SQLAlchemy-Lite; its models are named to Migrate.

    :param key: "SQLALCHEMY_ASYNC_ENGINES" for the other kind.
    """
    project.head, project.models = MIGRATE_LITE, LITE_MODELS
    project.config = {key: engines}
    metadata = "Base.metadata"
    if len(engines) > 1:
        project.models += SECOND_BASE
        metadata = '{None: Base.metadata, "log": LogBase.metadata}'
    project.setup = f"migrate = Migrate(app, db, target_metadata={metadata})"

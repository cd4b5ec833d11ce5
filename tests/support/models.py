"""An application whose models are a metadata made in a test."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from flask import Flask

from flask_alembic import Alembic
from support.application import Project


@contextlib.contextmanager
def migrating(
    project: Project, engine: sa.Engine, metadata: sa.MetaData, **options: t.Any
) -> t.Iterator[Alembic]:
    """Have an application with these models.

    :param options: What Alembic's context is configured with.
    """
    app = Flask("app", root_path=str(project.root))
    app.config["ALEMBIC_CONTEXT"] = options
    alembic = Alembic(app, metadatas=metadata, engines=engine)
    with app.app_context():
        yield alembic

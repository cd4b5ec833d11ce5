"""A shop and its statistics: two databases, migrated together by one command."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_alembic import Alembic


class Base(DeclarativeBase):
    """Base of the models."""


db = SQLAlchemy(model_class=Base)
alembic = Alembic()


class Order(db.Model):  # type: ignore[name-defined]
    """What somebody bought; in the default database."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str] = mapped_column(sa.String(80))


class Visit(db.Model):  # type: ignore[name-defined]
    """A page that somebody looked at; in a database of its own."""

    __tablename__ = "visits"
    __bind_key__ = "statistics"

    id: Mapped[int] = mapped_column(primary_key=True)
    page: Mapped[str] = mapped_column(sa.String(200))


def create_app() -> Flask:
    """Make the application; `flask --app app` finds this function by its name."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
    app.config["SQLALCHEMY_BINDS"] = {"statistics": "sqlite:///statistics.db"}
    app.config["ALEMBIC_BINDS"] = True
    db.init_app(app)
    alembic.init_app(app)
    return app

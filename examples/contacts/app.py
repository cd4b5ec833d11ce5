"""An address book: one database, migrated from its models."""

from __future__ import annotations

import click
import sqlalchemy as sa
from flask import Flask
from models import db
from models import Person

from flask_alembic import Alembic

alembic = Alembic()


def create_app() -> Flask:
    """Make the application; `flask --app app` finds this function by its name."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///contacts.db"
    db.init_app(app)
    alembic.init_app(app)
    app.cli.add_command(add)
    app.cli.add_command(people)
    return app


@click.command()
@click.argument("names", nargs=-1)
def add(names: tuple[str, ...]) -> None:
    """Add people to the address book."""
    db.session.add_all(Person(name=name) for name in names)
    db.session.commit()


@click.command()
def people() -> None:
    """Show the table as it is in the database, whatever the models say."""
    rows = db.session.execute(sa.text("SELECT * FROM people ORDER BY id"))
    click.echo(" | ".join(rows.keys()))
    for row in rows:
        click.echo(" | ".join("-" if value is None else str(value) for value in row))

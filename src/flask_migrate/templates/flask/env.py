"""How Alembic reaches this application's database. Yours to change."""

import logging
import os
from contextlib import nullcontext
from logging.config import fileConfig

from alembic import context
from flask import current_app
from flask.cli import ScriptInfo

config = context.config

if config.config_file_name is not None and os.path.exists(config.config_file_name):
    fileConfig(config.config_file_name, disable_existing_loggers=False)

logger = logging.getLogger("alembic.env")


def application():
    """Be in the application's context; the "alembic" program isn't in one yet."""
    if current_app:
        return nullcontext()
    return ScriptInfo(os.environ.get("FLASK_APP")).load_app().app_context()


def get_engine():
    return current_app.extensions["migrate"].engines[""]


def get_metadata():
    # Compared with the database when a revision is written.
    return current_app.extensions["migrate"].metadata


def skip_empty(migration_context, revision, directives):
    """Write no revision if nothing has changed."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives:
        if not directives[0].upgrade_ops.is_empty():
            return
        directives[:] = []
        logger.info("No changes in schema detected.")


def get_options():
    """The options that Migrate() got, and this file's."""
    options = dict(current_app.extensions["migrate"].configure_args)
    options["target_metadata"] = get_metadata()
    if options.get("process_revision_directives") is None:
        options["process_revision_directives"] = skip_empty
    return options


def run_migrations_offline():
    """Write SQL instead of running it; no connection is needed."""
    context.configure(
        url=get_engine().url,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **get_options(),
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    """Run migrations on the database."""
    with get_engine().connect() as connection:
        context.configure(connection=connection, **get_options())
        with context.begin_transaction():
            context.run_migrations()


with application():
    if context.is_offline_mode():
        run_migrations_offline()
    else:
        run_migrations_online()

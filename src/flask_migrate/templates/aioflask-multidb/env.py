"""How Alembic reaches this application's databases. Yours to change."""

import asyncio
import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import nullcontext
from contextvars import copy_context
from logging.config import fileConfig

from alembic import context
from flask import current_app
from flask.cli import ScriptInfo
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import greenlet_spawn

config = context.config

if config.config_file_name is not None and os.path.exists(config.config_file_name):
    fileConfig(config.config_file_name, disable_existing_loggers=False)

logger = logging.getLogger("alembic.env")


def application():
    """Be in the application's context; the "alembic" program isn't in one yet."""
    if current_app:
        return nullcontext()
    return ScriptInfo(os.environ.get("FLASK_APP")).load_app().app_context()


def get_engines():
    """The engines by bind name; "" is the default database."""
    return current_app.extensions["migrate"].engines


def get_metadata(bind):
    # Compared with the database when a revision is written.
    return current_app.extensions["migrate"].metadatas[bind]


def skip_empty(migration_context, revision, directives):
    """Write no revision if nothing has changed in any database."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives:
        found = directives[0].upgrade_ops_list
        looked_at_all = len(found) >= len(config.attributes["databases"])
        if looked_at_all and all(operations.is_empty() for operations in found):
            directives[:] = []
            logger.info("No changes in schema detected.")


def get_options(bind):
    """The options that Migrate() got, and this file's."""
    options = dict(current_app.extensions["migrate"].configure_args)
    options["target_metadata"] = get_metadata(bind)
    if options.get("process_revision_directives") is None:
        options["process_revision_directives"] = skip_empty
    return options


def script_name(bind):
    """The file for a database's SQL."""
    name = re.sub(r'[\\/:*?"<>|]', "_", bind) or "default"
    # A bind may be called "default", too.
    return f"{name}_bind.sql" if bind == "default" else f"{name}.sql"


def run_migrations_offline():
    """Write a file of SQL for each database; no connection is needed."""
    for bind, engine in get_engines().items():
        logger.info("Migrating database %s", bind or "<default>")
        logger.info("Writing output to %s", script_name(bind))
        with open(script_name(bind), "w", encoding="utf-8") as buffer:
            context.configure(
                url=engine.url,
                output_buffer=buffer,
                literal_binds=True,
                dialect_opts={"paramstyle": "named"},
                **get_options(bind),
            )
            with context.begin_transaction():
                context.run_migrations(engine_name=bind)


def run_migrations_online():
    """Run migrations on all databases; what can be is committed after the last one."""
    with ExitStack() as transactions:
        for bind, engine in get_engines().items():
            logger.info("Migrating database %s", bind or "<default>")
            connection = transactions.enter_context(connected(engine))
            context.configure(
                connection=connection,
                upgrade_token=f"{bind}_upgrades",
                downgrade_token=f"{bind}_downgrades",
                **get_options(bind),
            )
            transactions.enter_context(context.begin_transaction())
            context.run_migrations(engine_name=bind)


@contextmanager
def connected(engine):
    """Connect below asyncio, by an engine with a pool of its own.

    A connection belongs to the event loop that it was opened in, and the application's
    may be opened in another. A database in memory has only the one.
    """
    engine = getattr(engine, "sync_engine", engine)
    if isinstance(engine.pool, StaticPool):
        with engine.connect() as connection:
            yield connection
        return
    own = Engine(
        engine.pool.recreate(),
        engine.dialect,
        engine.url,
        hide_parameters=engine.hide_parameters,
    )
    try:
        with own.connect() as connection:
            yield connection
    finally:
        own.dispose()


def in_event_loop(function):
    """Call a function where asynchronous drivers can be waited for.

    In an event loop of its own, which is in a thread of its own if another is running.
    """

    def run():
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(greenlet_spawn(function))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, run).result()


with application():
    # For script.py.mako, which may have no application to ask.
    config.attributes["databases"] = list(get_engines())
    if context.is_offline_mode():
        run_migrations_offline()
    else:
        in_event_loop(run_migrations_online)

"""An environment for several asynchronous engines, laid out as Flask-Migrate 4.1 makes them."""

import asyncio
import logging
from logging.config import fileConfig

from alembic import context
from flask import current_app
from sqlalchemy import MetaData

USE_TWOPHASE = False

config = context.config
fileConfig(config.config_file_name)
logger = logging.getLogger("alembic.env")
target_db = current_app.extensions["migrate"].db


def get_engine(bind_key=None):
    try:
        return current_app.extensions["migrate"].db.get_engine(bind=bind_key)
    except (TypeError, AttributeError):
        return current_app.extensions["migrate"].db.engines.get(bind_key)


def get_engine_url(bind_key=None):
    address = get_engine(bind_key).url.render_as_string(hide_password=False)
    return address.replace("%", "%%")


config.set_main_option("sqlalchemy.url", get_engine_url())
bind_names = []
if current_app.config.get("SQLALCHEMY_BINDS") is not None:
    bind_names = list(current_app.config["SQLALCHEMY_BINDS"].keys())
else:
    bind_names = target_db.bind_names()
for bind in bind_names:
    config.set_section_option(bind, "sqlalchemy.url", get_engine_url(bind_key=bind))


def get_metadata(bind):
    key = None if bind == "" else bind
    if hasattr(target_db, "metadatas"):
        return target_db.metadatas[key]
    copied = MetaData()
    for table in target_db.metadata.tables.values():
        if table.info.get("bind_key") == key:
            table.to_metadata(copied)
    return copied


def run_migrations_offline():
    engines = {"": {"url": config.get_main_option("sqlalchemy.url")}}
    for name in bind_names:
        engines[name] = {"url": config.get_section_option(name, "sqlalchemy.url")}

    for name, rec in engines.items():
        logger.info("Migrating database %s" % (name or "<default>"))
        file_ = "%s.sql" % name
        logger.info("Writing output to %s" % file_)
        with open(file_, "w") as buffer:
            context.configure(
                url=rec["url"],
                output_buffer=buffer,
                target_metadata=get_metadata(name),
                literal_binds=True,
            )
            with context.begin_transaction():
                context.run_migrations(engine_name=name)


def do_run_migrations(_, engines):
    def process_revision_directives(context, revision, directives):
        if getattr(config.cmd_opts, "autogenerate", False):
            (script,) = directives
            compared = script.upgrade_ops_list
            if len(compared) > len(bind_names) and all(o.is_empty() for o in compared):
                directives[:] = []
                logger.info("No changes in schema detected.")

    conf_args = current_app.extensions["migrate"].configure_args
    if conf_args.get("process_revision_directives") is None:
        conf_args["process_revision_directives"] = process_revision_directives

    for rec in engines.values():
        rec["sync_connection"] = conn = rec["connection"]._sync_connection()
        if USE_TWOPHASE:
            rec["transaction"] = conn.begin_twophase()
        else:
            rec["transaction"] = conn.begin()

    try:
        for name, rec in engines.items():
            logger.info("Migrating database %s" % (name or "<default>"))
            context.configure(
                connection=rec["sync_connection"],
                upgrade_token="%s_upgrades" % name,
                downgrade_token="%s_downgrades" % name,
                target_metadata=get_metadata(name),
                **conf_args,
            )
            context.run_migrations(engine_name=name)

        if USE_TWOPHASE:
            for rec in engines.values():
                rec["transaction"].prepare()
        for rec in engines.values():
            rec["transaction"].commit()
    except:
        for rec in engines.values():
            rec["transaction"].rollback()
        raise
    finally:
        for rec in engines.values():
            rec["sync_connection"].close()


async def run_migrations_online():
    engines = {"": {"engine": get_engine()}}
    for name in bind_names:
        engines[name] = {"engine": get_engine(bind_key=name)}
    for rec in engines.values():
        rec["connection"] = await rec["engine"].connect().start()

    await engines[""]["connection"].run_sync(do_run_migrations, engines)

    for rec in engines.values():
        await rec["connection"].close()


if context.is_offline_mode():
    run_migrations_offline()
else:
    asyncio.get_event_loop().run_until_complete(run_migrations_online())

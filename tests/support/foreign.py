"""Folders of Flask-Migrate and of plain Alembic, for who comes from there."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

from alembic import command
from alembic.config import Config

START = """\
import logging
from logging.config import fileConfig

from alembic import context
from flask import current_app

config = context.config
fileConfig(config.config_file_name)
logger = logging.getLogger("alembic.env")
"""

ONE = """
def get_engine():
    try:
        return current_app.extensions["migrate"].db.engine
    except (TypeError, AttributeError):
        return current_app.extensions["migrate"].db.get_engine()


config.set_main_option("sqlalchemy.url", str(get_engine().url).replace("%", "%%"))
target_db = current_app.extensions["migrate"].db


def get_metadata():
    return target_db.metadatas[None]


def run_migrations_offline():
    context.configure(
        url=config.get_main_option("sqlalchemy.url"),
        target_metadata=get_metadata(),
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    def process_revision_directives(context, revision, directives):
        if getattr(config.cmd_opts, "autogenerate", False):
            if directives[0].upgrade_ops.is_empty():
                directives[:] = []
                logger.info("Nothing has changed.")

    conf_args = current_app.extensions["migrate"].configure_args
    if conf_args.get("process_revision_directives") is None:
        conf_args["process_revision_directives"] = process_revision_directives

    with get_engine().connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=get_metadata(),
            **conf_args
        )
        with context.begin_transaction():
            context.run_migrations()
"""

SEVERAL = """
USE_TWOPHASE = False
bind_names = list(current_app.config["SQLALCHEMY_BINDS"].keys())
target_db = current_app.extensions["migrate"].db


def get_engine(bind_key=None):
    return current_app.extensions["migrate"].db.engines.get(bind_key)


def get_metadata(bind):
    if bind == "":
        bind = None
    return target_db.metadatas[bind]


def run_migrations_offline():
    for name in bind_names:
        with open("%s.sql" % name, "w") as buffer:
            context.configure(
                url=str(get_engine(bind_key=name).url),
                output_buffer=buffer,
                target_metadata=get_metadata(name),
                literal_binds=True,
            )
            with context.begin_transaction():
                context.run_migrations(engine_name=name)


def run_migrations_online():
    conf_args = current_app.extensions["migrate"].configure_args
    engines = {"": {"engine": get_engine()}}
    for name in bind_names:
        engines[name] = rec = {}
        rec["engine"] = get_engine(bind_key=name)
    for name, rec in engines.items():
        rec["connection"] = conn = rec["engine"].connect()
        rec["transaction"] = conn.begin()
    try:
        for name, rec in engines.items():
            logger.info("Now comes %s" % (name or "the default one"))
            context.configure(
                connection=rec["connection"],
                upgrade_token="%s_upgrades" % name,
                downgrade_token="%s_downgrades" % name,
                target_metadata=get_metadata(name),
                **conf_args
            )
            context.run_migrations(engine_name=name)
        for rec in engines.values():
            rec["transaction"].commit()
    except:
        for rec in engines.values():
            rec["transaction"].rollback()
        raise
    finally:
        for rec in engines.values():
            rec["connection"].close()
"""

END = """

if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"""

ASYNCHRONOUS_END = """
import asyncio

asyncio.get_event_loop().run_until_complete(run_migrations_online())
get_engine()._sync_connection()
"""

INI = """\
[alembic]
# file_template = %%(rev)s_%%(slug)s

[loggers]
keys = root,alembic

[handlers]
keys = console

[formatters]
keys =

[logger_root]
level = WARN
handlers = console
qualname =

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""

TEMPLATE = '''\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def env_py(body: str = ONE, own: str = "", end: str = END) -> str:
    """An env.py as Flask-Migrate makes it.

    :param own: Lines that somebody has added.
    """
    return START + textwrap.dedent(own) + body + end


def flask_migrate_folder(folder: Path, env: str = "", ini: str = INI) -> Path:
    """Make a folder as Flask-Migrate does, with no revisions in it."""
    folder.joinpath("versions").mkdir(parents=True)
    folder.joinpath("env.py").write_text(env or env_py())
    folder.joinpath("alembic.ini").write_text(ini)
    folder.joinpath("README").write_text("A configuration for Flask.\n")
    folder.joinpath("script.py.mako").write_text(TEMPLATE)
    return folder


def alembic_folder(root: Path, name: str = "migrations", kind: str = "generic") -> Path:
    """Make a folder with Alembic's own ``init``, and its ini beside it."""
    config = Config(str(root / "alembic.ini"), stdout=io.StringIO())
    if kind.startswith("pyproject"):
        config.toml_file_name = str(root / "pyproject.toml")
    command.init(config, str(root / name), template=kind)
    ini = root / "alembic.ini"
    if ini.is_file():
        ini.write_text(ini.read_text().replace(str(root), "%(here)s"))
    return root / name

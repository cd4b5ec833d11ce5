"""An environment that an application has made its own in every way."""

from logging.config import fileConfig

import sqlalchemy as sa
from alembic import context
from alembic.script import ScriptDirectory
from alembic.script import write_hooks
from flask import current_app
from flask import has_app_context

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)

if not has_app_context():
    # Started by the `alembic` program.
    from app import app

    app.app_context().push()

current_app.config.setdefault("SEEN", []).append(
    {
        "x": context.get_x_argument(as_dictionary=True),
        "tag": context.get_tag_argument(),
        "offline": context.is_offline_mode(),
        "motto": config.get_section_option("own", "motto"),
    }
)

OPTIONS = {
    "target_metadata": current_app.extensions["migrate"].metadata,
    "version_table": "own_version",
}


@write_hooks.register("sign_by")
def sign_by(filename, options):
    with open(filename, "a") as file:
        file.write(f"# signed by {options['by']}\n")


def include_object(obj, name, type_, reflected, compare_to):
    return not (type_ == "table" and name.startswith("legacy_"))


def process_revision_directives(context, revision, directives):
    (script,) = directives
    autogenerate = getattr(config.cmd_opts, "autogenerate", False)
    if autogenerate and script.upgrade_ops.is_empty():
        directives.clear()
        return
    known = ScriptDirectory.from_config(config).walk_revisions()
    script.rev_id = f"{len(list(known)) + 1:04}"


def run_migrations_offline():
    address = current_app.config["SQLALCHEMY_DATABASE_URI"]
    context.configure(url=address, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    address = current_app.config["SQLALCHEMY_DATABASE_URI"]
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            include_object=include_object,
            process_revision_directives=process_revision_directives,
            transaction_per_migration=True,
            **OPTIONS,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()

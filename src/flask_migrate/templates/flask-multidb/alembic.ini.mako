# Alembic's options for this folder.

[alembic]
# For the "alembic" program; "flask db" knows the folder.
script_location = ${script_location}

# How file names of new revisions are made.
# file_template = %%(rev)s_%%(slug)s

# Set to "true" to run env.py for every new revision, compared or not.
# revision_environment = false

# What stands between several paths in one option.
path_separator = os


# Logging while migrations run. Loggers that aren't named here are left alone.
[loggers]
keys = root,sqlalchemy,alembic,flask_migrate

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console
qualname =

[logger_sqlalchemy]
level = WARNING
handlers =
qualname = sqlalchemy.engine

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[logger_flask_migrate]
level = INFO
handlers =
qualname = flask_migrate

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
datefmt = %H:%M:%S

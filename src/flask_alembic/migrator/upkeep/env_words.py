"""The words that an ``env.py`` of Alembic's or Flask-Migrate's templates is made of.

Whatever is made of these alone does what those scripts do; any other is somebody's own.
From Flask-Migrate 2 and Alembic 1.0 on, synchronous and asynchronous, with one database
and with several.
"""

from __future__ import annotations

import ast

IMPORTS = frozenset(
    {
        *("__future__.annotations", "__future__.with_statement"),
        *("alembic.context", "asyncio", "flask.current_app", "logging", "re"),
        *("logging.config.fileConfig", "sqlalchemy.MetaData", "sqlalchemy.pool"),
        *("sqlalchemy.engine_from_config", "sqlalchemy.engine.Connection"),
        "sqlalchemy.ext.asyncio.AsyncEngine",
        "sqlalchemy.ext.asyncio.async_engine_from_config",
    }
)

FUNCTIONS = frozenset(
    {
        *("do_run_migrations", "get_engine", "get_engine_url", "get_metadata"),
        *("process_revision_directives", "run_async_migrations"),
        *("run_migrations_offline", "run_migrations_online"),
    }
)

NAMES = FUNCTIONS | frozenset(
    {
        *("AsyncEngine", "AttributeError", "Connection", "MetaData", "None"),
        *("TypeError", "USE_TWOPHASE", "_", "async_engine_from_config", "asyncio"),
        *("bind", "bind_key", "bind_names", "buffer", "conf_args", "config"),
        *("configure_args", "conn", "connectable", "connection", "context"),
        *("current_app", "db_names", "directives", "empty", "engine"),
        *("engine_from_config", "engines", "fileConfig", "file_", "get_bind_names"),
        *("getattr", "hasattr", "len", "list", "logger", "logging", "m", "name"),
        *("open", "pool", "re", "rec", "revision", "script", "str", "t"),
        *("target_db", "target_metadata", "upgrade_ops", "url"),
    }
)

ATTRIBUTES = frozenset(
    {
        *("NullPool", "_sync_connection", "append", "begin", "begin_transaction"),
        *("begin_twophase", "bind_names", "close", "cmd_opts", "commit", "config"),
        *("config_file_name", "config_ini_section", "configure", "configure_args"),
        *("connect", "db", "dispose", "engine", "engines", "extensions", "get"),
        *("getLogger", "get_engine", "get_event_loop", "get_main_option"),
        *("get_section", "get_section_option", "info", "is_empty"),
        *("is_offline_mode", "items", "keys", "metadata", "metadatas", "prepare"),
        *("render_as_string", "replace", "rollback", "run", "run_migrations"),
        *("run_sync", "run_until_complete", "set_main_option"),
        *("set_section_option", "split", "start", "tables", "to_metadata"),
        *("tometadata", "upgrade_ops", "upgrade_ops_list", "url", "values"),
    }
)

KEYWORDS = frozenset(
    {
        *("bind", "bind_key", "connection", "dialect_opts", "downgrade_token"),
        *("disable_existing_loggers", "engine_name", "future", "hide_password"),
        *("literal_binds", "output_buffer", "poolclass", "prefix"),
        *("process_revision_directives", "target_metadata", "upgrade_token", "url"),
        None,  # **options
    }
)

VALUES = frozenset(
    {
        *("", "%", "%%", "%s.sql", "%s_downgrades", "%s_upgrades", r",\s*", ".sql"),
        *("SQLALCHEMY_BINDS", "SQLALCHEMY_DATABASE_URI", "_downgrades", "_upgrades"),
        *("alembic.env", "autogenerate", "bind_key", "bind_names", "connection"),
        *("databases", "engine", "metadatas", "migrate", "named", "paramstyle"),
        *("process_revision_directives", "sqlalchemy.", "sqlalchemy.url"),
        *("sync_connection", "transaction", "url", "w", "None", "True", "False"),
        *("0", "1"),
    }
)
"""Constants; those that aren't text as Python writes them."""

SHAPES: tuple[type[ast.AST], ...] = (
    *(ast.Assign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Call),
    *(ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Slice, ast.Dict),
    *(ast.List, ast.Tuple, ast.BoolOp, ast.Or, ast.BinOp, ast.Mod, ast.Add),
    *(ast.Compare, ast.Eq, ast.Is, ast.IsNot, ast.GtE, ast.UnaryOp, ast.Not),
    *(ast.keyword, ast.Await, ast.withitem, ast.expr_context, ast.JoinedStr),
    *(ast.FormattedValue, ast.arguments, ast.arg),
)

LOGGING = frozenset({"debug", "error", "exception", "info", "warning"})
"""Methods of a logger."""

"""The same work with no extension: what can't be had for less."""

import json
from pathlib import Path

SQLITE_CATALOG = [
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    "SELECT s.name, x.* FROM sqlite_schema s, pragma_table_xinfo(s.name) x"
    " WHERE s.type = 'table'",
    "SELECT s.name, x.* FROM sqlite_schema s, pragma_foreign_key_list(s.name) x"
    " WHERE s.type = 'table'",
    "SELECT s.name, l.*, i.* FROM sqlite_schema s, pragma_index_list(s.name) l,"
    " pragma_index_xinfo(l.name) i WHERE s.type = 'table'",
]

POSTGRESQL_CATALOG = [
    "SELECT oid, relname, relkind FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace",
    "SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a"
    " JOIN pg_class c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND a.attnum > 0 AND NOT a.attisdropped",
    "SELECT conrelid, conname, contype, conkey, confkey, confrelid,"
    " pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "SELECT i.indrelid, c.relname, i.indkey, i.indisunique, i.indisprimary,"
    " pg_get_indexdef(i.indexrelid) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relnamespace = 'public'::regnamespace",
]

MARIADB_CATALOG = [
    f"SELECT * FROM information_schema.{name} WHERE {column} = DATABASE()"
    for name, column in [
        ("tables", "table_schema"),
        ("columns", "table_schema"),
        ("table_constraints", "table_schema"),
        ("key_column_usage", "table_schema"),
        ("referential_constraints", "constraint_schema"),
        ("statistics", "table_schema"),
    ]
]

CATALOGS = {
    "sqlite": SQLITE_CATALOG,
    "postgresql": POSTGRESQL_CATALOG,
    "mysql": MARIADB_CATALOG,
    "mariadb": MARIADB_CATALOG,
}


def row(db):
    """Read the version table."""
    with db.engine.connect() as connection:
        query = "SELECT version_num FROM alembic_version"
        return connection.exec_driver_sql(query).all()


def catalog(db):
    """Read what the database says of all its tables."""
    with db.engine.connect() as connection:
        for query in CATALOGS[connection.dialect.name]:
            connection.exec_driver_sql(query).all()


def script(db):
    """Run the revisions' statements, as a file of SQL would have them."""
    statements = json.loads(Path("script.json").read_text())["statements"]
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # The driver begins no transaction of its own for DDL.
            connection.exec_driver_sql("BEGIN")
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def tables(db):
    """Make all tables as the models have them."""
    db.create_all()


def stamp(db):
    """Write the version table, as if all revisions had been run."""
    heads = json.loads(Path("script.json").read_text())["heads"]
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version"
            " (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        for head in heads:
            connection.exec_driver_sql(
                f"INSERT INTO alembic_version (version_num) VALUES ('{head}')"
            )


def prepare(db):
    """Make a database that has all that the models and revisions say."""
    tables(db)
    stamp(db)


WORK = {work.__name__: work for work in (row, catalog, script, tables, stamp, prepare)}

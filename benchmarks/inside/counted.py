"""Count the statements that a program sends: counted.py SYSTEM FILE -m MODULE ….

They are counted in the drivers, below everything that is measured. What begins and ends
transactions doesn't count: not all drivers send it as statements.
"""

import atexit
import runpy
import sys
from pathlib import Path

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "--")

counted = 0


def count(statement):
    """Count a statement."""
    global counted
    if isinstance(statement, bytes):
        statement = statement.decode(errors="replace")
    if not str(statement).lstrip().upper().startswith(CONTROL):
        counted += 1


def count_sqlite():
    """Count what SQLite is asked to run."""
    from sqlite3 import dbapi2

    connect = dbapi2.connect

    def counting(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    dbapi2.connect = counting


def count_postgresql():
    """Count what psycopg is asked to run."""
    import psycopg

    execute = psycopg.Cursor.execute

    def counting(self, query, *arguments, **options):
        count(query)
        return execute(self, query, *arguments, **options)

    psycopg.Cursor.execute = counting


def count_mariadb():
    """Count what PyMySQL is asked to run."""
    from pymysql.connections import Connection

    query = Connection.query

    def counting(self, sql, *arguments, **options):
        count(sql)
        return query(self, sql, *arguments, **options)

    Connection.query = counting


SYSTEMS = {
    "sqlite": count_sqlite,
    "postgresql": count_postgresql,
    "mariadb": count_mariadb,
}


def main():
    """Run the program, and write the number when it ends."""
    system, file, _, *sys.argv = sys.argv[1:]
    atexit.register(lambda: Path(file).write_text(str(counted)))
    SYSTEMS[system]()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

"""The command line clients that people apply SQL scripts with."""

from __future__ import annotations

import shutil
import subprocess
import typing as t

import sqlalchemy as sa

from support.servers import Database


class Applied(t.NamedTuple):
    """What a client said about a script."""

    exit_code: int
    output: str


def _psql(url: sa.URL) -> tuple[list[str], dict[str, str]]:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    command += ["-h", url.host or "127.0.0.1", "-p", str(url.port or 5432)]
    command += ["-U", url.username or "postgres", "-d", url.database or ""]
    return command, {"PGPASSWORD": str(url.password or "")}


def _mariadb(url: sa.URL) -> tuple[list[str], dict[str, str]]:
    name = "mariadb" if shutil.which("mariadb") else "mysql"
    command = [name, "--no-defaults", "-h", url.host or "127.0.0.1"]
    command += ["-P", str(url.port or 3306), "-u", url.username or "root"]
    return [*command, url.database or ""], {"MYSQL_PWD": str(url.password or "")}


def _sqlite(url: sa.URL) -> tuple[list[str], dict[str, str]]:
    return ["sqlite3", "-bail", url.database or ""], {}


CLIENTS = {"postgresql": _psql, "mariadb": _mariadb, "sqlite": _sqlite}


def client(database: Database) -> str | None:
    """The program that applies scripts to a database; None if it isn't installed."""
    command, _ = CLIENTS[database.kind](sa.make_url(database.url))
    return shutil.which(command[0])


def apply_script(database: Database, script: str) -> Applied:
    """Feed a script to the database's own client, as a person would."""
    command, environment = CLIENTS[database.kind](sa.make_url(database.url))
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        command,
        input=script.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=path | environment,
        timeout=60,
        check=False,
    )
    return Applied(done.returncode, done.stdout.decode())

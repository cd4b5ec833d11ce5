"""A program that has imported what commands need, and forks a process for each.

It stands for ``python …`` without what starting Python and importing costs. That
commands import what they need, and no more, is for tests that start Python anew.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import types
import typing as t

BEFOREHAND = """
aiosqlite asyncio.runners asyncpg filelock flask.cli flask_sqlalchemy
flask_sqlalchemy_lite greenlet logging.config mako.template psycopg pymysql
rich.console rich.live rich.progress rich.syntax rich.table rich.text
alembic.autogenerate alembic.command alembic.context alembic.op
sqlalchemy.dialects.mysql sqlalchemy.dialects.postgresql sqlalchemy.dialects.sqlite
sqlalchemy.ext.asyncio sqlalchemy.orm
"""

UNDER_TEST = ("flask_alembic", "flask_migrate")

_beforehand: set[str] = set()


class Request(t.NamedTuple):
    """What to run.

    :param arguments: What stands after ``python``.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]


def serve(control: socket.socket) -> Request:
    """Wait for commands; returns only in the processes forked for them."""
    # An interrupt at the keyboard is the commands' affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, files, _, _ = socket.recv_fds(control, 1, 3)
        reap()
        if not message:
            os._exit(0)
        if not os.fork():
            break
        for file in files:
            os.close(file)
    control.close()
    return attend(socket.socket(fileno=files[0]), files[1:])


def reap() -> None:
    """Have the time of what has ended counted."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def attend(connection: socket.socket, streams: list[int]) -> Request:
    """Fork the process of a command, and tell its id and how it ended."""
    with connection.makefile("r", encoding="utf-8") as lines:
        request = Request(*json.load(lines))
    process = os.fork()
    if not process:
        connection.close()
        become(request, streams)
        return request
    connection.sendall(f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(request: Request, streams: list[int]) -> None:
    """Take over a command's output, folder and environment."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)


def execute(request: Request) -> None:
    """Do what ``python`` does with its arguments."""
    first, *rest = request.arguments
    if first == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[0] = ""
        sys.argv = ["-c", *rest[1:]]
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(first))
        sys.argv = request.arguments
        runpy.run_path(first, run_name="__main__")


def end(code: int) -> None:
    """End as Python does, but leave alone what all commands share.

    Taking that apart would first copy it, which takes longer than most commands.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for name in set(sys.modules) - _beforehand:
        del sys.modules[name]
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def modules() -> t.Iterator[str]:
    """Name what is under test, module by module."""
    for name in UNDER_TEST:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".templates." not in found.name:
                yield found.name


def main() -> None:
    """Import, then wait; what is forked is a command from there on."""
    for name in [*BEFOREHAND.split(), *modules()]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _beforehand.update(sys.modules)
    gc.collect()
    # Collecting what is shared would copy it into each process.
    gc.freeze()
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    code: int | None = None
    try:
        execute(request)
    except SystemExit as e:
        # Messages and errors are left to Python.
        if isinstance(e.code, str):
            raise
        code = e.code
    end(code or 0)


if __name__ == "__main__":
    main()

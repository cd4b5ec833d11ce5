"""A program that has imported what commands need, and forks a process for each.

It stands for ``python …`` without what starting Python and importing costs. Where it
matters what commands import, it has only imported what they need in any case.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import types
import typing as t

# What applications import that have a database, whatever migrates it.
BARE = "flask.cli flask_sqlalchemy"

BEFOREHAND = f"""
aiosqlite asyncio.runners asyncpg filelock {BARE}
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
    """Fork commands and tell how they ended; returns only in what is forked."""
    # An interrupt at the keyboard is the commands' affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended, theirs = socket.socketpair()
    theirs.setblocking(False)
    # Without a handler, nothing is written when a command ends.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            report(running)
        if control not in ready:
            continue
        message, files, _, _ = socket.recv_fds(control, 1, 4)
        if not message:
            os._exit(0)
        connection, *streams = (socket.socket(fileno=files[0]), *files[1:])
        process = os.fork()
        if not process:
            break
        for stream in streams:
            os.close(stream)
        running[process] = connection
        tell(connection, process)
    for opened in (control, ended, theirs, *running.values()):
        opened.close()
    return attend(connection, streams)


def report(running: dict[int, socket.socket]) -> None:
    """Tell of all commands that have ended how they did."""
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            with running.pop(process) as connection:
                tell(connection, os.waitstatus_to_exitcode(status))


def tell(connection: socket.socket, number: int) -> None:
    """Write a line to who has asked for a command, if anybody is there still."""
    with contextlib.suppress(OSError):
        connection.sendall(f"{number}\n".encode())


def attend(connection: socket.socket, streams: list[int]) -> Request:
    """Be the command that is asked for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("r", encoding="utf-8") as lines:
        request = Request(*json.load(lines))
    become(request, streams)
    return request


def become(request: Request, streams: list[int]) -> None:
    """Take over a command's input, output, folder and environment."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for text in (sys.stdout, sys.stderr):
        assert isinstance(text, io.TextIOWrapper)
        text.reconfigure(line_buffering=text is sys.stderr or text.isatty())
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
    for name in imported_since():
        del sys.modules[name]
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def imported_since() -> list[str]:
    """The modules that only this process has; a look at all others would copy them."""
    new = itertools.takewhile(lambda x: x not in _beforehand, reversed(sys.modules))
    return list(new)


def modules() -> t.Iterator[str]:
    """Name what is under test, module by module."""
    for name in UNDER_TEST:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".templates." not in found.name:
                yield found.name


def main() -> None:
    """Import, then wait; what is forked is a command from there on."""
    names = BARE.split()
    if sys.argv[2] == "all":
        names = [*BEFOREHAND.split(), *modules()]
    for name in names:
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

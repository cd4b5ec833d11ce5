"""Do the same thing again and again in one process: worker.py INTERFACE [SYSTEM].

With the name of a database system it counts the statements.

Reads the name of what to do from each line, and answers with a line of JSON.
"""

import contextlib
import gc
import json
import logging
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 1)

interface, *systems = sys.argv[1:]

import counted  # noqa: E402

for system in systems:
    counted.SYSTEMS[system]()

import app as application  # noqa: E402


def floor(name):
    """The work itself."""
    import floor_work

    works = {"check": "catalog", "revision": "catalog"}
    floor_work.WORK[works.get(name, "row")](application.db)


def methods(name):
    """What Flask-Alembic's object can do."""
    alembic = application.alembic
    if name == "history":
        list(alembic.log())
    elif name == "check":
        alembic.needs_revision()
    elif name == "revision":
        assert alembic.revision("more")
    else:
        getattr(alembic, name)()


def functions(name):
    """What Flask-Migrate's functions do."""
    import flask_migrate

    if name == "revision":
        flask_migrate.migrate(message="more")
    else:
        # It ends the program where the database differs from the models.
        with contextlib.suppress(SystemExit) if name == "check" else context():
            getattr(flask_migrate, name)()


context = contextlib.nullcontext
INTERFACES = {"floor": floor, "methods": methods, "functions": functions}


def memory():
    """Most memory that this process has had, in kilobytes; 0 where it isn't told."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def main():
    """Answer until there is nothing more to do."""
    logging.disable()
    do = INTERFACES[interface]
    for line in sys.stdin:
        name = line.strip()
        gc.collect()
        before = counted.counted
        wall, cpu = time.perf_counter(), time.process_time()
        with application.app.app_context():
            do(name)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        answer = {"wall": wall, "cpu": cpu, "memory": memory()}
        answer["statements"] = counted.counted - before
        answers.write(json.dumps(answer) + "\n")


main()

"""Show the main job of Flask-Alembic on SQLite, in an application of its own.

Each command is printed before it runs, and what it did is checked in the database
afterwards; anything that isn't as it should be ends with exit code 1.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "contacts"

PEOPLE = ("Ada", "Grace", "Mary")

NEW_MODELS = '''    email: Mapped[str | None] = mapped_column(sa.String(254))


class Note(db.Model):  # type: ignore[name-defined]
    """Something to remember about a person."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(
        sa.ForeignKey("people.id", ondelete="CASCADE")
    )
    text: Mapped[str] = mapped_column(sa.Text)
'''


class Misbehaved(Exception):
    """A step didn't do what it should."""


class Demo:
    """The application in its folder, and what is done to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "models.py"
        shutil.copy(EXAMPLE / "app.py", folder)
        shutil.copy(EXAMPLE / "models.py", folder)
        ours = {k: v for k, v in os.environ.items() if not k.startswith("FLASK_")}
        self.environ = {**ours, "FLASK_APP": "app"}

    def run(self, *arguments: str, exit_code: int = 0) -> None:
        """Print a `flask` command, run it and look at how it ended."""
        print(f"\n$ flask {shlex.join(arguments)}", flush=True)
        command = [sys.executable, "-m", "flask", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environ, check=False)
        self.expect(f"exit code of {arguments}", done.returncode, exit_code)

    def change_models(self) -> None:
        """Give people an e-mail address, and notes."""
        print("\n# models.py changes: people get an e-mail address, and notes.")
        for line in NEW_MODELS.splitlines():
            print(f"+ {line}".rstrip())
        with self.models.open("a") as file:
            file.write(NEW_MODELS)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Compare, and stop the demonstration where the two differ."""
        if found != wanted:
            raise Misbehaved(f"{what}: expected {wanted!r}, found {found!r}")

    def expect_database(
        self, *, tables: set[str], columns: list[str], applied: int
    ) -> None:
        """Look into the database without any of the code that is shown."""
        file = self.folder / "instance" / "contacts.db"
        with contextlib.closing(sqlite3.connect(file)) as connection:

            def query(sql: str) -> list[t.Any]:
                return [row[0] for row in connection.execute(sql)]

            found = set(query("SELECT name FROM sqlite_schema WHERE type = 'table'"))
            self.expect("tables", found, {*tables, "alembic_version"})
            self.expect(
                "columns",
                query("SELECT name FROM pragma_table_info('people')"),
                columns,
            )
            self.expect(
                "people", query("SELECT name FROM people ORDER BY id"), [*PEOPLE]
            )
            revisions = query("SELECT count(*) FROM alembic_version")[0]
            self.expect("rows in alembic_version", revisions, applied)

    def expect_files(self, count: int) -> None:
        """Count the revision files."""
        found = len(list((self.folder / "migrations").glob("*.py")))
        self.expect("revision files", found, count)


def main_job(demo: Demo) -> None:
    """Write, run, inspect and undo two revisions."""
    before = ["id", "name"]
    after = ["id", "name", "email"]

    demo.run("db", "revision", "people")
    demo.expect_files(1)
    demo.run("db", "upgrade")
    demo.run("add", *PEOPLE)
    demo.run("people")
    demo.expect_database(tables={"people"}, columns=before, applied=1)

    demo.change_models()
    demo.run("db", "check", exit_code=1)
    demo.run("db", "revision", "e-mail addresses and notes")
    demo.expect_files(2)
    demo.run("db", "status")
    demo.run("db", "plan")
    demo.expect_database(tables={"people"}, columns=before, applied=1)
    demo.run("db", "upgrade")
    demo.run("people")
    demo.expect_database(tables={"people", "notes"}, columns=after, applied=1)

    demo.run("db", "status", "--check")
    demo.run("db", "history")
    demo.run("db", "upgrade", "--sql", "base:heads")
    demo.run("db", "downgrade")
    demo.run("people")
    demo.expect_database(tables={"people"}, columns=before, applied=1)
    demo.run("db", "status")


def main() -> int:
    """Run the demonstration in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="flask-alembic-demo-") as folder:
        print("# A fresh application: examples/contacts, with FLASK_APP=app")
        try:
            main_job(Demo(Path(folder)))
        except Misbehaved as e:
            print(f"\nThe demonstration failed: {e}", file=sys.stderr)
            return 1
    print("\n# Done: two revisions written, run and undone, and nobody was lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

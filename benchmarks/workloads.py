"""What is worked on: histories, schemas that grow, and models to compare."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import typing as t
from pathlib import Path

import sqlalchemy as sa

from .schema import Change
from .schema import Schema

REVISION = '''"""{message}

Revision ID: {id}
Revises: {parents}
Create Date: 2026-01-01 12:00:00

"""
from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision = {id!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''

Files = dict[str, str]
"""Name of a revision file -> its text."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What one application has and what its database holds before a run.

    :param heads: What the version table says.
    :param script: The revisions as plain SQL.
    :param existing: Whether the database has the schema already.
    :param snapshot: Whether what the revisions make is written down beside them.
    """

    models: str
    files: Files
    heads: tuple[str, ...]
    script: tuple[str, ...] = ()
    existing: bool = True
    snapshot: bool = False

    def write(self, folder: Path, versions: str) -> None:
        """Write the revisions and the script into an application's folder."""
        place = folder / versions
        place.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (place / name).write_text(text, encoding="utf-8")
        kept = {"statements": self.script, "heads": self.heads}
        (folder / "script.json").write_text(json.dumps(kept), encoding="utf-8")


def _numbers() -> t.Iterator[str]:
    """Ids like Alembic's own, the same in every run."""
    source = random.Random(4)
    while True:
        yield f"{source.getrandbits(48):012x}"


def _file(id: str, down: str | tuple[str, ...] | None, change: Change) -> Files:
    message = f"change {id}"
    text = REVISION.format(
        message=message,
        id=id,
        parents=", ".join([down] if isinstance(down, str) else down or ()),
        down=down,
        upgrade=change.upgrade.replace("\n", "\n    "),
        downgrade=change.downgrade.replace("\n", "\n    "),
    )
    return {f"{id}_{message.replace(' ', '_')}.py": text}


def _line(changes: t.Sequence[Change]) -> tuple[Files, str]:
    """Write a straight line of revisions, and say which is the last."""
    files: Files = {}
    down: str | None = None
    for id_, change in zip(_numbers(), changes, strict=False):
        files |= _file(id_, down, change)
        down = id_
    assert down is not None
    return files, down


_SHORT = Change("op.execute('SELECT 1')", "pass", ("SELECT 1",))


@functools.cache
def history(count: int, branchy: bool) -> Work:
    """So many revisions, all applied, of an application with one table.

    :param branchy: Every tenth forks, and the two lines meet again nine later.
    """
    schema = Schema(sa.make_url("sqlite://").get_dialect()())
    schema.create()
    ids = _numbers()
    files: Files = {}
    lines: list[str] = []
    for number in range(count):
        id_ = next(ids)
        place = number % 10 if branchy else -1
        down: str | tuple[str, ...] | None = lines[0] if lines else None
        if place == 9:
            down, lines = tuple(lines), [id_]
        elif place == 1:
            lines = [lines[0], id_]
        elif len(lines) > 1:
            down = lines[place % 2]
            lines[place % 2] = id_
        else:
            lines = [id_]
        files |= _file(id_, down, _SHORT)
    return Work(schema.models(), files, tuple(lines))


@functools.cache
def growth(revisions: int, tables: int, dialect: str) -> Work:
    """Revisions from an empty database to a schema: tables, columns, indexes, types."""
    schema = Schema(sa.make_url(f"{dialect}://").get_dialect()())
    source = random.Random(4)
    changes: list[Change] = []
    for number in range(revisions):
        if number * tables // revisions == len(schema.tables):
            changes.append(schema.create())
            continue
        kinds = (schema.add_column, schema.add_column, schema.add_index, schema.alter)
        changes.append(source.choice(kinds)(source.choice(schema.tables)))
    files, head = _line(changes)
    script = tuple(statement for change in changes for statement in change.sql)
    return Work(schema.models(), files, (head,), script, existing=False)


MORE = """

if os.environ.get("BENCHMARK_MORE"):
    T0000.more = sa.Column("more", sa.String(20))
"""


@functools.cache
def models(tables: int) -> Work:
    """So many tables, all there; one column more in the models if that is asked for."""
    schema = Schema(sa.make_url("sqlite://").get_dialect()())
    for _ in range(tables):
        schema.create()
    files, head = _line([_SHORT])
    return Work(schema.models() + MORE, files, (head,))

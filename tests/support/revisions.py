"""Revision files as people write them."""

from __future__ import annotations

import textwrap
import typing as t
from pathlib import Path

TEXT = '''\
"""{message}

Revision ID: {id}
Revises: {revises}
Create Date: 2024-05-01 12:00:00

"""
from alembic import op
import sqlalchemy as sa

revision = {id!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}
{extra}

def upgrade({arguments}):
{up}


def downgrade({arguments}):
{back}
'''

Parents = str | tuple[str, ...] | None


def create_table(name: str, *columns: str) -> str:
    """An operation that makes a table with an integer key and text columns."""
    made = "".join(f', sa.Column("{c}", sa.String(50))' for c in columns)
    key = 'sa.Column("id", sa.Integer, primary_key=True)'
    return f'op.create_table("{name}", {key}{made})'


def write_revision(
    folder: Path,
    id: str,
    down: Parents = None,
    up: str = "pass",
    back: str = "pass",
    *,
    message: str = "",
    labels: Parents = None,
    depends: Parents = None,
    extra: str = "",
    arguments: str = "",
) -> Path:
    """Write a revision file by hand.

    :param up: Body of ``upgrade``; lines without indentation.
    :param back: Body of ``downgrade``.
    :param extra: More lines for the module.
    """
    folder.mkdir(parents=True, exist_ok=True)
    revises = ", ".join(down) if isinstance(down, tuple) else (down or "")
    path = folder / f"{id}_{message.replace(' ', '_')[:30]}.py"
    text = TEXT.format(
        id=id,
        down=down,
        revises=revises,
        message=message or f"change {id}",
        labels=labels,
        depends=depends,
        extra=extra,
        arguments=arguments,
        up=textwrap.indent(up, "    "),
        back=textwrap.indent(back, "    "),
    )
    path.write_text(text, encoding="utf-8")
    return path


def write_tables(folder: Path, *ids: str, **options: t.Any) -> list[Path]:
    """Write a straight line of revisions; each makes the table ``t_<id>``."""
    paths: list[Path] = []
    down: str | None = options.pop("down", None)
    for id in ids:
        back = f'op.drop_table("t_{id}")'
        up = create_table(f"t_{id}")
        message = f"table {id}"
        paths.append(
            write_revision(folder, id, down, up, back, message=message, **options)
        )
        down = id
    return paths

"""Snapshots in a folder of Flask-Migrate's that has no ``env.py`` any more."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted

import flask_migrate


@pytest.mark.one_database
def test_left_aside(one: Scripted) -> None:
    """``--replay`` runs every revision instead, here as in Flask-Alembic's own group."""
    one.env.unlink()
    one.tables("a", "b")
    one.ok("snapshot")
    assert "upgrade <base> -> a" not in one.ok("upgrade", "--dry-run").stdout
    assert "upgrade <base> -> a" in one.ok("upgrade", "--dry-run", "--replay").stdout
    assert "Running upgrade  -> a" not in one.ok("upgrade", "--sql").stdout
    assert "Running upgrade  -> a" in one.ok("upgrade", "--sql", "--replay").stdout
    with one.app():
        report = flask_migrate.upgrade(replay=True)
    assert not isinstance(report, dict)
    assert [x.step.revision.id for x in report.databases[0].steps] == ["a", "b"]

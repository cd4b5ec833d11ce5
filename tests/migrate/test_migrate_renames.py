"""Renames in a folder that has an ``env.py``, synchronous and not."""

from __future__ import annotations

import pytest
from migrate.scripted import Scripted
from support.servers import Database

USER = """
class User(db.Model):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
"""
RENAMED = USER.replace("    name =", "    full_name =").replace('"users"', '"people"')


def test_scripted(one: Scripted, database: Database) -> None:
    one.models = USER
    assert one.invoke("migrate", "-m", "first").exit_code == 0
    assert one.invoke("upgrade").exit_code == 0
    database.execute("INSERT INTO users VALUES (1, 'Ann')")
    one.models = RENAMED
    options = ["--rename-table", "users=people", "--rename", "users.name=full_name"]
    done = one.invoke("migrate", "-m", "second", *options)
    assert done.exit_code == 0, done.stderr
    assert one.invoke("upgrade").exit_code == 0
    assert one.invoke("check").exit_code == 0
    assert database.rows("SELECT id, full_name FROM people") == [(1, "Ann")]
    one.models = USER
    assert one.invoke("downgrade").exit_code == 0
    assert database.rows("SELECT id, name FROM users") == [(1, "Ann")]


@pytest.mark.one_database
def test_candidates_are_named(one: Scripted) -> None:
    one.models = USER
    one.invoke("migrate", "-m", "first")
    one.invoke("upgrade")
    one.models = RENAMED
    refused = one.invoke("migrate", "--rename", "users.x=y")
    assert refused.exit_code == 1
    assert "There is nothing to rename for users.x=y." in refused.stderr
    done = one.invoke("migrate", "-m", "second")
    assert done.exit_code == 0
    assert "--rename-table users=people" in done.stderr

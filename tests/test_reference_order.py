"""Foreign keys between tables that come, go and change in one revision."""

from __future__ import annotations

import pytest
from support.application import Project
from support.changing import change
from support.changing import start
from support.changing import text
from support.servers import Database

INDEXED = "code = sa.Column(sa.Integer, unique=True, index=True)"
CODE = "code = sa.Column(sa.Integer, unique=True)"


def table(name: str, *columns: str) -> str:
    """A model; ``%`` stands for what all names of a case begin with."""
    body = "".join(f"    {column}\n" for column in columns)
    return (
        f"\nclass %{name}(db.Model):\n    __tablename__ = '%{name}'\n"
        f"    id = sa.Column(sa.Integer, primary_key=True)\n{body}"
    )


def key(column: str, target: str, more: str = "") -> str:
    """A column with a foreign key."""
    return f"{column} = sa.Column(sa.ForeignKey('%{target}'{more}))"


PARENT, OTHER = table("a"), table("b")
CASES = {
    "new_unique_a": (OTHER, table("b", CODE) + table("a", key("b", "b.code"))),
    "new_unique_c": (OTHER, table("b", CODE) + table("c", key("b", "b.code"))),
    "gone": (PARENT + table("b", key("a", "a.id")), OTHER),
    "key_gone": (
        PARENT + table("b", key("a", "a.id")),
        table("b", "a = sa.Column(sa.Integer)"),
    ),
    "circle": (
        "",
        table("a", key("b", "b.id", ", name='%fk_b'"))
        + table("b", key("a", "a.id", ", name='%fk_a', use_alter=True")),
    ),
    "unnamed": ("", table("a", key("b", "b.id")) + table("b", key("a", "a.id"))),
    "itself": ("", table("tree", key("up", "tree.id"))),
    "lost_unique": (table("a", CODE) + table("b", key("a", "a.code")), PARENT),
    "another": (
        table("a") + table("b", key("x", "a.id")),
        table("c") + table("b", key("x", "c.id")),
    ),
    "gains_a": (PARENT + OTHER, table("b", CODE) + table("a", key("b", "b.code"))),
    "gains_b": (PARENT + OTHER, table("a", CODE) + table("b", key("a", "a.code"))),
    "turned": (
        table("a", CODE) + table("b", key("a", "a.code")),
        table("b", CODE) + table("a", key("b", "b.code")),
    ),
    "unique_index": (
        "",
        table("a", INDEXED) + table("b", key("a", "a.code"), key("b", "b.id")),
    ),
    "unique_index_of_its_own": ("", table("a", INDEXED, key("a", "a.code"))),
    "chain": (
        PARENT + table("b", key("a", "a.id")) + table("c", key("b", "b.id")),
        "",
    ),
}


def models(*, after: bool) -> str:
    """All cases at once, so that they meet as well."""
    return "".join(case[after].replace("%", f"{name}_") for name, case in CASES.items())


def keys(database: Database) -> dict[str, object]:
    """The foreign keys that a database has."""
    tables = database.snapshot()["tables"]
    return {name: dict(tables[name])["foreign keys"] for name in tables}


@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
def test_tables_and_foreign_keys(
    project: Project, database: Database, back: bool
) -> None:
    before, after = models(after=back), models(after=not back)
    start(project, database, before)
    was = keys(database)
    draft = change(project, before, after, renames=False, all_tables=True)
    assert keys(database) != was, text(draft)
    project.models = before
    with project.context() as alembic:
        alembic.downgrade()
    assert keys(database) == was

"""The scorer of renames, and the order in which renames run."""

from __future__ import annotations

import pytest

from flask_alembic.migrator.drafts.renames import scores as renames
from flask_alembic.migrator.drafts.renames.order import in_order
from flask_alembic.migrator.drafts.renames.scores import Shape
from flask_alembic.migrator.drafts.renames.scores import TableShape
from flask_alembic.migrator.drafts.renames.view import in_text


def column(
    name: str, type: str = "VARCHAR(50)", place: float = 0.5, **more: object
) -> Shape:
    family = "String" if type.startswith(("VARCHAR", "TEXT")) else type.title()
    return Shape(name, type, family, place=place, **more)  # type: ignore[arg-type]


def table(name: str, *names: str) -> TableShape:
    key = column("id", "INTEGER", keys=frozenset(["primary"]))
    return TableShape(name, (key, *map(column, names)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name", "full_name"),
        ("full_name", "fullName"),
        ("desc", "description"),
        ("user_id", "account_user_id"),
        ("adress", "address"),
        ("user", "users"),
    ],
)
def test_names_that_are_alike(old: str, new: str) -> None:
    assert renames.name_likeness(old, new) > 0.6
    assert renames.name_likeness(new, old) > 0.6


@pytest.mark.parametrize(
    ("old", "new"), [("email", "bio"), ("age", "title"), ("_", "x")]
)
def test_names_that_are_not(old: str, new: str) -> None:
    assert renames.name_likeness(old, new) < 0.4


def test_a_likely_rename_is_strong() -> None:
    (found,) = renames.column_candidates([column("name")], [column("full_name")])
    assert found.strong


def test_another_name_is_weak() -> None:
    (found,) = renames.column_candidates([column("email")], [column("bio")])
    assert not found.strong


def test_another_kind_of_type_is_none() -> None:
    assert (
        renames.column_candidates([column("name")], [column("name_", "INTEGER")]) == []
    )


@pytest.mark.parametrize(
    "difference",
    [
        {"type": "VARCHAR(80)"},
        {"nullable": False},
        {"default": "x"},
        {"comment": "x"},
        {"place": 0.0},
        {"keys": frozenset(["unique"])},
        {"name": "title"},
    ],
)
def test_each_difference_counts(difference: dict[str, object]) -> None:
    old = column("name")
    same = renames.column_score(old, column("names"))
    new = column(**{"name": "names", **difference})  # type: ignore[arg-type]
    assert renames.column_score(old, new) < same


def test_the_database_says_what_types_are_the_same() -> None:
    old, new = column("is_on", "TINYINT"), column("is_off", "BOOLEAN")
    assert renames.column_score(old, new) == 0
    assert renames.column_score(old, new, lambda a, b: True) > 0.5


def test_of_two_that_are_alike_none_is_strong() -> None:
    new = [column("first_name"), column("last_name")]
    found = renames.column_candidates([column("name")], new)
    assert len(found) == 2
    assert not any(candidate.strong for candidate in found)


def test_one_far_ahead_is_strong() -> None:
    new = [column("names"), column("bio", "TEXT", 0.9)]
    found = renames.column_candidates([column("name")], new)
    assert [(c.new.name, c.strong) for c in found if c.strong] == [("names", True)]


def test_each_name_is_taken_once() -> None:
    old, new = [column("a_x"), column("b_x")], [column("a_y"), column("b_y")]
    found = renames.chosen(renames.column_candidates(old, new))
    assert {(c.old.name, c.new.name) for c in found} == {("a_x", "a_y"), ("b_x", "b_y")}


def test_what_is_refused_frees_the_name() -> None:
    new = [column("names"), column("label")]
    found = renames.column_candidates([column("name")], new)
    taken = renames.chosen(found, lambda c: c.new.name == "label")
    assert [c.new.name for c in taken] == ["label"]


def test_table_with_another_name_and_many_columns_of_its_own() -> None:
    columns = ("name", "email", "born", "city", "country")
    (found,) = renames.table_candidates(
        [table("users", *columns)], [table("people", *columns)]
    )
    assert found.strong


def test_small_tables_of_the_usual_kind_are_weak() -> None:
    (found,) = renames.table_candidates(
        [table("tags", "name")], [table("colors", "name")]
    )
    assert not found.strong


def test_table_whose_columns_are_renamed_too() -> None:
    old, new = table("users", "name", "email"), table("user", "full_name", "mail")
    (found,) = renames.table_candidates([old], [new])
    assert found.score > renames.POSSIBLE


def test_tables_without_a_column_in_common() -> None:
    new = TableShape("prices", (column("amount", "NUMERIC"),))
    assert renames.table_candidates([TableShape("tags", (column("x"),))], [new]) == []
    assert renames.table_score(TableShape("a", ()), TableShape("a", ())) == 0


# -- what other databases have ---------------------------------------------------------


def elsewhere(*columns: Shape) -> renames.Other[Shape]:
    return renames.Other({shape.name: shape for shape in columns})


@pytest.mark.parametrize(
    ("there", "sign"),
    [
        ([column("name")], 1),
        ([column("name", nullable=False)], 1),
        ([column("name", "INTEGER")], -1),
        ([column("name"), column("label")], -1),
        ([], -1),
        ([column("label")], 0),
    ],
    ids=["the pair", "alike", "of another kind", "both", "neither", "the new one"],
)
def test_another_database(there: list[Shape], sign: int) -> None:
    """It has the pair too, or shows that one comes without the other."""
    old, new = [column("name")], [column("label")]
    (alone,) = renames.column_candidates(old, new)
    (both,) = renames.column_candidates(old, new, others=[elsewhere(*there)])
    assert (both.score > alone.score) - (both.score < alone.score) == sign


def test_what_another_database_can_do() -> None:
    """A likely pair is made weak, but is still asked about."""
    old, new = column("name"), column("names")
    (alone,) = renames.column_candidates([old], [new])
    (differs,) = renames.column_candidates([old], [new], others=[elsewhere(old, new)])
    assert (alone.strong, differs.strong) == (True, False)
    new = column("bio", place=0.0, nullable=False)
    (asked,) = renames.column_candidates([old], [new], others=[elsewhere(old, new)])
    assert asked.score == renames.POSSIBLE < renames.column_score(old, new)


def test_what_is_possible_in_one_is_asked_about_in_all() -> None:
    old, new = column("name"), column("names", "INTEGER")
    assert renames.column_candidates([old], [new]) == []
    others = [elsewhere(column("name", "INTEGER"))]
    (asked,) = renames.column_candidates([old], [new], others=others)
    assert not asked.strong


def test_several_other_databases() -> None:
    """They are heard together; one that has nothing to say doesn't count."""
    old, new = [column("name")], [column("label")]

    def score(*others: renames.Other[Shape]) -> float:
        (found,) = renames.column_candidates(old, new, others=others)
        return found.score

    pair, both = elsewhere(*old), elsewhere(*old, *new)
    assert score(pair, both) == score() == score(elsewhere(*new))
    assert score(pair, pair) == score(pair, elsewhere(*new)) == score(pair)
    assert score(both) < score(pair, both, both) < score()


def test_types_as_the_other_database_compares_them() -> None:
    old, new = [column("on", "BOOLEAN")], [column("off", "BOOLEAN")]
    there = {"on": column("on", "TINYINT")}
    (differs,) = renames.column_candidates(old, new, others=[renames.Other(there)])
    knows = renames.Other(there, lambda a, b: True)
    (agrees,) = renames.column_candidates(old, new, others=[knows])
    assert agrees.score > differs.score


def test_tables_of_another_database() -> None:
    columns = ("name", "email", "born", "city", "country")
    old, new = table("users", *columns), table("people", *columns)
    (both,) = renames.table_candidates(
        [old], [new], others=[renames.Other({"users": old, "people": new})]
    )
    (pair,) = renames.table_candidates(
        [old], [new], others=[renames.Other({"users": old})]
    )
    assert (both.strong, pair.strong) == (False, True)


# -- what runs when --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        ({"a": "b"}, [("a", "b")]),
        ({"a": "b", "b": "c"}, [("b", "c"), ("a", "b")]),
        (
            {"a": "b", "b": "a"},
            [("a", "a_renamed_"), ("b", "a"), ("a_renamed_", "b")],
        ),
    ],
)
def test_order(wanted: dict[str, str], steps: list[tuple[str, str]]) -> None:
    assert in_order(wanted, ["a", "b", "a_renamed"]) == steps


def test_columns_in_an_expression() -> None:
    text = """lower(name) = 'name' AND "name" <> `name` AND t.name_x > names"""
    assert in_text(text, {"name": "label"}) == (
        """lower(label) = 'name' AND label <> `label` AND t.name_x > names"""
    )
    assert in_text(text, {"name": 'A "b`', "lower": "x"}) == (
        """lower("A ""b`") = 'name' AND "A ""b`" <> `A "b``` AND t.name_x > names"""
    )
    assert in_text('"Old" > 0', {"Old": "order"}) == '"order" > 0'

"""What results have in common: they are frozen dataclasses, and behave as such."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing as t

import pytest

from flask_alembic import results

KINDS = sorted(
    name
    for name in results._HOMES
    if dataclasses.is_dataclass(getattr(results, name)) and name != "Data"
)

UNHASHABLE = {"Adoption", "Draft", "Question"}
"""Those that hold a dict, unless one is given."""


def made(kind: t.Any, value: t.Any = "x") -> t.Any:
    """A result whose required fields all have this value."""
    needed = [
        f.name for f in dataclasses.fields(kind) if f.default is f.default_factory
    ]
    return kind(**dict.fromkeys(needed, value))


@pytest.mark.parametrize("name", KINDS)
def test_results_are_frozen_dataclasses(name: str) -> None:
    """Compared, hashed, shown, copied and replaced as dataclasses are."""
    kind = getattr(results, name)
    one, same, other = made(kind), made(kind), made(kind, "y")
    field = dataclasses.fields(kind)[0].name
    assert one == same
    assert one != other
    assert one != dataclasses.asdict(one)
    plain = dataclasses.make_dataclass(
        name, [(f.name, t.Any) for f in dataclasses.fields(kind)], frozen=True
    )
    twin = plain(*(getattr(one, f.name) for f in dataclasses.fields(kind)))
    assert repr(one) == repr(twin)
    assert one != twin
    if name in UNHASHABLE:
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)
    else:
        assert hash(one) == hash(same) == hash(twin)
        assert {one, same, other} == {one, other}
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, field, "z")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(one, field)
    assert not hasattr(one, "__dict__")
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert again == one
        assert type(again) is kind
    assert dataclasses.replace(one, **{field: "y"}) != one

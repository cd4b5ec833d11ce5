"""A shop of 25 models goes through ten changes, and keeps its rows."""

from __future__ import annotations

import importlib.util
import types
from pathlib import Path

import pytest
from sample import record
from sample.shop import Shop
from sample.steps import STEPS
from support.application import Project
from support.servers import Database

SCRIPT = Path(__file__).parent.parent / "scripts" / "detection.py"


def script() -> types.ModuleType:
    """The script that makes the page of the documentation."""
    spec = importlib.util.spec_from_file_location("detection", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_ten_steps(project: Project, database: Database) -> None:
    found: record.Found = {}
    with Shop(project, database) as shop:
        for number, step in enumerate(STEPS, 1):
            here = step.on(database.kind)
            found |= record.detected(here, shop.take(here, number))
        shop.use()
    record.keep(database.kind, found)
    assert found == record.of(database.kind)


def test_sample_is_what_it_says() -> None:
    assert len(STEPS) == 10
    for step in STEPS:
        tables = [name for change in step.changes for name in change.tables]
        assert len(tables) == len(set(tables)), step.name


def test_page_says_what_was_detected() -> None:
    detection = script()
    assert detection.PAGE.read_text("utf-8") == detection.page(record.everything())

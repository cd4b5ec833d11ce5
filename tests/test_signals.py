"""What applications can connect to."""

from __future__ import annotations

import contextlib
import logging
import typing as t

import blinker
import flask
import pytest
from support.application import Project
from support.servers import Database

import flask_alembic
from flask_alembic import signals
from flask_alembic.results import Event
from flask_alembic.results import Report

NAMES = ("before_run", "after_run", "run_failed", "before_revision", "after_revision")

Heard: t.TypeAlias = list[tuple[str, flask.Flask, dict[str, t.Any]]]


@contextlib.contextmanager
def hearing(sender: t.Any = blinker.ANY) -> t.Iterator[Heard]:
    """Note every signal."""
    heard: Heard = []
    with contextlib.ExitStack() as stack:
        for name in signals.__all__:

            def note(sender: t.Any, _name: str = name, **payload: t.Any) -> None:
                heard.append((_name, sender, payload))

            signal = getattr(signals, name)
            stack.enter_context(signal.connected_to(note, sender))
        yield heard


def told(heard: Heard) -> list[str]:
    """The names, with the revision or command that each is about."""
    lines = []
    for name, _, payload in heard:
        step = payload.get("step")
        lines.append(
            f"{name} {payload['command'] if step is None else step.revision.id}"
        )
    return lines


@pytest.fixture
def line(project: Project) -> Project:
    project.tables("a", "b")
    return project


@pytest.mark.parametrize("kind", ["line", "scripted"])
def test_a_run(request: pytest.FixtureRequest, database: Database, kind: str) -> None:
    project = request.getfixturevalue(kind)
    module = project.load()
    with project.closing(module) as app, hearing() as heard:
        runner = app.test_cli_runner()
        assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
        assert told(heard) == [
            "before_run upgrade",
            "before_revision a",
            "after_revision a",
            "before_revision b",
            "after_revision b",
            "after_run upgrade",
        ]
        assert all(sender is app for _, sender, _ in heard)
        before, after = heard[1][2], heard[2][2]
        assert isinstance(before["event"], Event)
        assert (before["event"].number, before["event"].total) == (1, 2)
        assert before["database"].name == "default"
        assert before["step"].direction == "upgrade"
        assert after["result"].state == "done"
        report = heard[-1][2]["report"]
        assert isinstance(report, Report)
        assert report.ok
        assert [step.state for step in report.databases[0].steps] == ["done", "done"]

        # Nothing to do is a run like any other; looking is none.
        del heard[:]
        assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
        assert told(heard) == ["before_run upgrade", "after_run upgrade"]
        assert heard[-1][2]["report"].databases[0].outcome == "unchanged"
        del heard[:]
        for command in ("current", "history", "status", "check"):
            runner.invoke(args=["db", command])
        runner.invoke(args=["db", "upgrade", "--sql"])
        assert heard == []

        assert runner.invoke(args=["db", "downgrade", "base"]).exit_code == 0
        assert told(heard)[:2] == ["before_run downgrade", "before_revision b"]
        assert runner.invoke(args=["db", "stamp"]).exit_code == 0
        assert heard[-1][2]["command"] == "stamp"


def test_a_run_that_fails(line: Project, database: Database) -> None:
    line.revision("c", "b", "raise ValueError('not today')")
    fails = pytest.raises(ValueError, match="not today")
    with line.context() as alembic, hearing() as heard, fails as caught:
        alembic.upgrade()
    assert told(heard)[-3:] == [
        "before_revision c",
        "after_revision c",
        "run_failed upgrade",
    ]
    assert "after_run" not in [name for name, _, _ in heard]
    assert heard[-2][2]["result"].state == "failed"
    payload = heard[-1][2]
    assert payload["error"] is caught.value
    assert payload["report"].ok is False
    assert payload["report"] == t.cast(t.Any, caught.value).report


@pytest.mark.one_database
def test_each_database(two: Project) -> None:
    two.tables("a")
    with two.context() as alembic, hearing() as heard:
        alembic.upgrade()
    assert [name for name, _, _ in heard].count("before_run") == 1
    names = [p["database"].name for n, _, p in heard if n == "before_revision"]
    assert names == ["default", "log"]
    assert len(heard[-1][2]["report"].databases) == 2


@pytest.mark.one_database
@pytest.mark.parametrize("name", NAMES)
def test_a_receiver_that_fails(
    line: Project, database: Database, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The migration goes on, and so do the other receivers."""
    if name == "run_failed":
        line.revision("c", "b", "raise ValueError('not today')")

    def fail(sender: t.Any, **payload: t.Any) -> None:
        raise RuntimeError("a receiver's own")

    signal = getattr(signals, name)
    with line.context() as alembic, signal.connected_to(fail), hearing() as heard:
        if name == "run_failed":
            with pytest.raises(ValueError, match="not today"):
                alembic.upgrade()
        else:
            assert alembic.upgrade().ok
            assert database.versions() == {"b"}
    assert name in [each for each, _, _ in heard]
    assert "a receiver's own" in caplog.text


@pytest.mark.one_database
def test_only_one_applications(line: Project, database: Database) -> None:
    with line.context() as alembic, hearing(flask.Flask("another")) as heard:
        alembic.upgrade()
    assert heard == []


@pytest.mark.one_database
def test_async_engine(line: Project, database: Database) -> None:
    line.setup = f"""
from sqlalchemy.ext.asyncio import create_async_engine
engines = {{"default": create_async_engine({database.asynchronous_url()!r})}}
alembic = Alembic(app, metadatas=db.metadata, engines=engines)
"""
    with line.context() as alembic, hearing() as heard:
        alembic.upgrade()
        assert {sender for _, sender, _ in heard} == {
            t.cast(t.Any, flask.current_app)._get_current_object()
        }
    assert len(heard) == 6


@pytest.mark.parametrize(
    ("kind", "name"), [("lock_waiting", "waiting_for_lock"), ("retrying", "retrying")]
)
def test_events_of_locks(kind: t.Any, name: str) -> None:
    about = flask_alembic.Database("default", "sqlite", "sqlite://")
    event = Event(kind, about, message="held by 17", seconds=1.5)
    with flask.Flask("app").app_context(), hearing() as heard:
        signals.send_event(event)
    ((said, _, payload),) = heard
    assert (said, payload) == (name, {"event": event, "database": about})


def test_nobody_is_connected(caplog: pytest.LogCaptureFixture) -> None:
    """No report is made for nobody."""

    def make() -> t.Any:
        raise AssertionError

    with flask.Flask("app").app_context(), caplog.at_level(logging.DEBUG):
        signals.send_end("upgrade", make)
    assert caplog.records == []


@pytest.mark.one_database
def test_they_are_there_without_being_imported(project: Project) -> None:
    text = "import flask_alembic; print(flask_alembic.signals.after_run.name)"
    assert project.python(text).stdout == "after-run\n"

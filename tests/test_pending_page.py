"""``ALEMBIC_PENDING_PAGE``: what is pending, in place of the error that comes of it."""

from __future__ import annotations

import contextlib
import types
import typing as t
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from migrate.scripted import Scripted
from support.application import Project
from support.servers import Database
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

VIEWS = """
import sqlalchemy as sa

@app.get("/")
def index():
    return str(db.session.execute(sa.text("SELECT id FROM t_b")).all())

@app.get("/wrong")
def wrong():
    return str(db.session.execute(sa.text("SELECT nonsense FROM nowhere")).all())

@app.get("/other")
def other():
    raise ValueError("something else")
"""

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

ERRORS = (sa.exc.OperationalError, sa.exc.ProgrammingError)


@pytest.fixture
def line(project: Project) -> Project:
    project.tables("a", "b")
    project.config["ALEMBIC_PENDING_PAGE"] = True
    project.config["DEBUG"] = True
    project.setup += VIEWS
    return project


@pytest.fixture
def paged(scripted: Scripted) -> Scripted:
    """The same with an env.py."""
    scripted.config["ALEMBIC_PENDING_PAGE"] = True
    scripted.config["DEBUG"] = True
    scripted.setup += VIEWS
    return scripted


@contextlib.contextmanager
def serving(project: Project) -> t.Iterator[types.ModuleType]:
    module = project.load()
    with project.closing(module):
        yield module


class Page(HTMLParser):
    """The tags of a page, with what loads something else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["line", "paged"])
def test_page(request: pytest.FixtureRequest, database: Database, kind: str) -> None:
    project = request.getfixturevalue(kind)
    project.invoke("upgrade", "a")
    with serving(project) as module:
        client = module.app.test_client()
        response = client.get("/", headers=BROWSER)
        assert response.status_code == 503
        assert response.mimetype == "text/html"
        assert response.headers["Cache-Control"] == "no-store"
        page = Page(response.text)
        assert page.loads == []
        assert {"main", "h1", "title"} <= set(page.tags)
        assert 'lang="en"' in response.text
        assert "prefers-color-scheme: dark" in response.text
        assert "<code>b</code> table b" in response.text
        assert "<code>a</code>" not in response.text
        assert "flask db upgrade" in response.text
        assert "t_b" in response.text
    project.invoke("upgrade")
    with serving(project) as module:
        response = module.app.test_client().get("/", headers=BROWSER)
        assert (response.status_code, response.text) == (200, "[]")


@pytest.mark.one_database
def test_text_and_json(line: Project) -> None:
    with serving(line) as module:
        client = module.app.test_client()
        text = client.get("/", headers={"Accept": "*/*"})
        assert (text.status_code, text.mimetype) == (503, "text/plain")
        assert "\n    flask db upgrade\n" in text.text
        assert "default: unstamped, at base\n  a  table a\n  b  table b\n" in text.text
        assert client.get("/").mimetype == "text/plain"
        found = client.get("/", headers={"Accept": "application/json"})
        assert found.status_code == 503
        assert found.json == {
            "error": "OperationalError: no such table: t_b",
            "command": "flask db upgrade",
            "databases": [
                {
                    "name": "default",
                    "state": "unstamped",
                    "at": "base",
                    "pending": [
                        {"id": "a", "message": "table a"},
                        {"id": "b", "message": "table b"},
                    ],
                }
            ],
        }


@pytest.mark.one_database
def test_text_is_only_text(line: Project) -> None:
    line.revision("c", "b", message="<script> & {{ 7*7 }}")
    with serving(line) as module:
        text = module.app.test_client().get("/", headers=BROWSER).text
    assert "script" not in Page(text).tags
    assert "{{ 7*7 }}" in text


@pytest.mark.one_database
def test_name_of_the_group(line: Project) -> None:
    line.setup = 'alembic = Alembic(app, command_name="schema")\n' + VIEWS
    with serving(line) as module:
        assert "flask schema upgrade" in module.app.test_client().get("/").text
    line.setup = "alembic = Alembic(app, command_name=False)\n" + VIEWS
    with serving(line) as module:
        assert "alembic.upgrade()" in module.app.test_client().get("/").text


@pytest.mark.one_database
def test_set_after_the_extension(line: Project) -> None:
    del line.config["ALEMBIC_PENDING_PAGE"]
    line.config["DEBUG"] = False
    with serving(line) as module:
        assert module.app.test_client().get("/").status_code == 500
        module.app.config["ALEMBIC_PENDING_PAGE"] = True
        module.app.debug = True
        assert module.app.test_client().get("/").status_code == 503


# Everything else is as ever


def test_an_error_of_another_cause(line: Project) -> None:
    line.invoke("upgrade")
    with serving(line) as module:
        client = module.app.test_client()
        with pytest.raises(ERRORS):
            client.get("/wrong")
        with pytest.raises(ValueError, match="something else"):
            client.get("/other")


@pytest.mark.one_database
def test_other_errors_while_something_is_pending(line: Project) -> None:
    with serving(line) as module, pytest.raises(ValueError, match="something else"):
        module.app.test_client().get("/other")


@pytest.mark.one_database
@pytest.mark.parametrize(
    "config",
    [{"DEBUG": False}, {"ALEMBIC_PENDING_PAGE": False}],
    ids=["production", "not asked for"],
)
def test_not_shown(line: Project, config: dict[str, t.Any]) -> None:
    line.config.update(config, TESTING=True)
    with serving(line) as module, pytest.raises(ERRORS):
        module.app.test_client().get("/", headers=BROWSER)


@pytest.mark.one_database
def test_not_shown_in_production_without_propagation(line: Project) -> None:
    line.config["DEBUG"] = False
    with serving(line) as module:
        response = module.app.test_client().get("/", headers=BROWSER)
        assert response.status_code == 500
        assert "upgrade" not in response.text


@pytest.mark.one_database
def test_the_applications_own_handler_comes_first(line: Project) -> None:
    line.setup += """
@app.errorhandler(Exception)
def handle(error):
    return "mine", 418
"""
    with serving(line) as module:
        response = module.app.test_client().get("/", headers=BROWSER)
    assert (response.status_code, response.text) == (418, "mine")


@pytest.mark.needs("server")
def test_a_database_that_is_gone(line: Project, database: Database) -> None:
    line.config["SQLALCHEMY_DATABASE_URI"] = database.url_with(port=1)
    with serving(line) as module, pytest.raises(sa.exc.OperationalError):
        module.app.test_client().get("/", headers=BROWSER)


@pytest.mark.one_database
def test_files_that_do_not_fit_together(
    line: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong with them is logged; the error stays the application's."""
    line.revision("c", "nowhere")
    with serving(line) as module, pytest.raises(sa.exc.OperationalError):
        module.app.test_client().get("/", headers=BROWSER)
    assert "nowhere" in caplog.text


@pytest.mark.one_database
def test_the_debugger_gets_the_error(line: Project) -> None:
    line.invoke("upgrade")
    with serving(line) as module:
        client = Client(DebuggedApplication(module.app, evalex=True))
        response = client.get("/wrong", headers=BROWSER)
        assert response.status_code == 500
        assert "Werkzeug Debugger" in response.text
        assert "no such table: nowhere" in response.text
    line.invoke("downgrade", "base")
    with serving(line) as module:
        client = Client(DebuggedApplication(module.app, evalex=True))
        response = client.get("/", headers=BROWSER)
        assert response.status_code == 503
        assert "flask db upgrade" in response.text


@pytest.mark.one_database
def test_async_engine(line: Project, database: Database) -> None:
    line.setup = f"""
from sqlalchemy.ext.asyncio import create_async_engine
import asyncio
engines = {{"default": create_async_engine({database.asynchronous_url()!r})}}
alembic = Alembic(app, metadatas=db.metadata, engines=engines)

async def ask():
    try:
        async with engines["default"].connect() as connection:
            await connection.execute(sa.text("SELECT id FROM t_b"))
    finally:
        await engines["default"].dispose()

@app.get("/")
def index():
    asyncio.run(ask())
    return "here"
"""
    with serving(line) as module:
        response = module.app.test_client().get("/", headers=BROWSER)
    assert response.status_code == 503
    assert "<code>b</code>" in response.text

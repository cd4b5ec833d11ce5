"""What commands share with a process: its loggers, and several applications."""

from __future__ import annotations

import logging

import flask
import pytest
from migrate.scripted import Scripted
from support.servers import Database

import flask_migrate

pytestmark = pytest.mark.one_database

# Loggers


def test_loggers_of_the_application_survive(one: Scripted) -> None:
    """``fileConfig`` turned them off; what the ini says itself it may say."""
    one.tables("a")
    done = one.python("""
        import logging
        logging.basicConfig(level=logging.INFO, format="own %(name)s %(message)s")
        theirs = logging.getLogger("theirs")
        quiet = logging.getLogger("quiet")
        quiet.disabled = True
        from app import app
        from flask_migrate import upgrade
        app.logger.setLevel(logging.INFO)
        root = list(logging.getLogger().handlers)
        with app.app_context():
            upgrade()
        assert not theirs.disabled
        assert not app.logger.disabled
        assert quiet.disabled
        assert logging.getLogger().handlers == root, logging.getLogger().handlers
        theirs.info("one")
        app.logger.info("two")
        logging.getLogger("later").info("three")
    """)
    assert done.exit_code == 0, done.stderr
    for line in ("own theirs one", "own app two", "own later three"):
        assert done.stderr.splitlines().count(line) == 1, done.stderr
    assert "Running upgrade  -> a, table a" in done.stderr


def test_loggers_of_the_sessions_of_a_test(
    one: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """What pytest listens with is there after an upgrade."""
    one.tables("a")
    logger = logging.getLogger("theirs")
    with one.app():
        logging.getLogger().addHandler(caplog.handler)
        flask_migrate.upgrade()
        logger.warning("still here")
    assert "still here" in caplog.messages


def test_requests_after_an_upgrade_are_logged(one: Scripted) -> None:
    one.tables("a")
    one.setup += """

@app.get("/")
def index():
    app.logger.warning("seen")
    return "done"
"""
    done = one.python("""
        from app import app
        from flask_migrate import upgrade
        with app.app_context():
            upgrade()
        app.test_client().get("/")
    """)
    assert "seen" in done.stderr


# Two applications


def test_one_migrate_on_two_applications(project: Scripted, database: Database) -> None:
    """Folders and options of both are kept apart."""
    other = database.sibling()
    project.config.pop("SQLALCHEMY_DATABASE_URI")
    project.models = ""
    project.head = project.head.replace("db = SQLAlchemy(app)", "db = SQLAlchemy()")
    project.setup = f"""
first, second = app, Flask("second")
first.config["SQLALCHEMY_DATABASE_URI"] = {database.url!r}
second.config["SQLALCHEMY_DATABASE_URI"] = {other.url!r}

class Person(db.Model):
    id = sa.Column(sa.Integer, primary_key=True)

migrate = Migrate(db=db)
for each, folder in ((first, "one"), (second, "two")):
    db.init_app(each)
    migrate.init_app(each, db, folder, version_table="version_" + folder)
"""
    with project.app() as module:
        for app in (module.first, module.second):
            life_of(app)
        assert module.first.extensions["migrate"].directory == "one"
        assert module.second.extensions["migrate"].directory == "two"
        with module.second.app_context():
            module.db.engine.dispose()
    for folder in ("one", "two"):
        assert len(list((project.root / folder / "versions").glob("*.py"))) == 1
    assert database.all_tables() == {"person", "version_one"}
    assert other.all_tables() == {"person", "version_two"}


def life_of(app: flask.Flask) -> None:
    """Make a folder and a revision, and run it."""
    with app.app_context():
        flask_migrate.init()
        flask_migrate.migrate()
        flask_migrate.upgrade()


def test_folder_of_the_first_after_the_second(project: Scripted) -> None:
    project.setup = """
other = Flask("other")
other.config.update(app.config)
db.init_app(other)
migrate = Migrate()
migrate.init_app(app, db, "one")
migrate.init_app(other, db, "two")
"""
    with project.app() as module:
        config = module.migrate.get_config()
        assert config.get_main_option("script_location") == "one"
        with module.other.app_context():
            config = module.migrate.get_config()
            assert config.get_main_option("script_location") == "two"

"""How the user guide is built: Sphinx, MyST, furo; no network."""

from __future__ import annotations

import importlib
import pkgutil

import flask_alembic
from flask_alembic import results

# Each file of results knows the others for type checkers alone; here annotations are
# evaluated, so that a signature shows the values that a name stands for.
rooms = pkgutil.iter_modules(results.__path__, f"{results.__name__}.")
files = [vars(importlib.import_module(room.name)) for room in rooms]
known = {name: found for file in files for name, found in file.items()}
for file in files:
    file.update({name: known[name] for name in known.keys() - file.keys()})

project = "Flask-Alembic"
copyright = "the Flask-Alembic developers"
version = release = flask_alembic.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Flask-Alembic {version}"
html_static_path = ["_static"]
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

# What belongs to other projects has no page here to link to.
nitpick_ignore_regex = [
    (r"py:.*", r"(alembic|datetime|flask|flask_sqlalchemy|sqlalchemy|click|sa)\..*"),
    (r"py:.*", r"(collections|contextlib|os|pathlib|typing|types|t)\..*"),
    (r"py:class", "Flask|Blueprint|AsyncEngine"),
    (r"py:class", "Config|EnvironmentContext|MigrationContext|MigrationScript"),
    (r"py:class", "Operations|Script|ScriptDirectory"),
    # Described in words: names of types that stand for several others.
    (r"py:class", "Listener|Metadata|Shared|Source|Target"),
    (r"py:exc", r"(RuntimeError|Exception|ValueError|TypeError)"),
]

<%!
import re

from flask import current_app


def functions(names):
    """Bind name -> what its functions end with: an identifier, each its own."""
    found = {}
    for name in names:
        word = re.sub(r"\W", "_", name)
        while word in found.values():
            word += "_"
        found[name] = word
    return found
%>\
<%
# env.py leaves the names where the application can't be asked.
names = config.attributes.get("databases")
if names is None:
    names = list(current_app.extensions["migrate"].engines)
words = functions(names)
%>\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

# Read by Alembic.
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade(engine_name):
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name):
    globals()[f"downgrade_{engine_name}"]()
% for name, word in words.items():


def upgrade_${word}():
    ${context.get(f"{name}_upgrades", "pass")}


def downgrade_${word}():
    ${context.get(f"{name}_downgrades", "pass")}
% if word != name:


globals()[${repr(f"upgrade_{name}")}] = upgrade_${word}
globals()[${repr(f"downgrade_{name}")}] = downgrade_${word}
% endif
% endfor

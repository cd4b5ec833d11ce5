<%!
import re
from alembic.util import format_as_comma


def functions(names):
    """Database name -> what its functions end with: an identifier, each its own."""
    found = {}
    for name in names:
        word = plain = re.sub(r"\W", "_", name)
        while word in found.values():
            word += "_"
        found[name] = word
    return found
%>\
<%
databases = config.attributes.get("databases", ())
words = functions(databases)
%>\
"""${message}

Revision ID: ${up_revision}
Revises: ${format_as_comma(down_revision)}
Create Date: ${create_date}
"""

from alembic import op
import sqlalchemy as sa
% if imports:
${imports}
% endif

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

% if not databases:

def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
% else:

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
% endif

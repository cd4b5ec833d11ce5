"""The commands of ``flask db``, by name."""

from __future__ import annotations

import click

from . import changing
from . import inspecting
from . import upkeep

COMMANDS: dict[str, click.Command] = {
    command.name or "": command
    for command in (
        changing.mkdir,
        inspecting.current,
        inspecting.heads,
        inspecting.branches,
        inspecting.log,
        inspecting.history,
        inspecting.show,
        inspecting.status,
        inspecting.plan,
        inspecting.check,
        changing.stamp,
        changing.upgrade,
        changing.downgrade,
        changing.revision,
        changing.merge,
        upkeep.adopt,
        upkeep.doctor,
    )
}

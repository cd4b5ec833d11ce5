"""The commands of ``flask db``, by name."""

from __future__ import annotations

import click

from . import changing
from . import comparing
from . import drafting
from . import inspecting
from . import recording
from . import repairing
from . import upkeep
from . import waiting

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
        waiting.wait,
        inspecting.plan,
        comparing.check,
        comparing.diff,
        recording.verify,
        changing.stamp,
        changing.upgrade,
        changing.downgrade,
        repairing.repair,
        drafting.revision,
        drafting.merge,
        upkeep.adopt,
        upkeep.doctor,
    )
}

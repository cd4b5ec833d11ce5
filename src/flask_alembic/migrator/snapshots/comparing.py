"""What differs between a database that revisions have made and one from a snapshot."""

from __future__ import annotations

from ..drafts.proofs import structures
from .contents import Contents
from .rows import Rows

LONGEST = 200
"""How long two definitions may be for both to be shown; characters."""


def differences(replayed: Contents, built: Contents) -> list[str]:
    """Say what differs, a line for each."""
    lines = _described(replayed.structure, built.structure)
    lines += _of_rows(replayed.rows, built.rows)
    if replayed.rows and replayed.counters != built.counters:
        lines.append("the counters of sequences differ")
    if replayed.heads != built.heads:
        lines.append(f"the heads are {built.heads} instead of {replayed.heads}")
    return lines


def _described(
    expected: structures.Structure, found: structures.Structure
) -> list[str]:
    """Say what differs; of a long definition the line, or only that it does."""
    short = {
        name: text
        for name, text in expected.items()
        if name not in found or len(text) + len(found[name]) < LONGEST
    }
    others = expected.keys() - short.keys()
    lines = structures.differences(
        short, {name: text for name, text in found.items() if name not in others}
    )
    for name in sorted(others):
        wanted, made = expected[name].splitlines(), found[name].splitlines()
        if wanted != made:
            missing = [line.strip() for line in wanted if line not in made]
            exact = len(wanted) > 1 and missing
            lines.append(f"{name} lacks {missing[0]}" if exact else f"{name} differs")
    return lines


def _of_rows(expected: Rows, found: Rows) -> list[str]:
    return [
        f"the rows of {table} differ"
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    ]

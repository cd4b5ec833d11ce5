"""A draft that would drop the application's tables because no model was imported."""

from __future__ import annotations

import itertools
import re
import sys
import types
import typing as t
from pathlib import Path

import sqlalchemy as sa
from alembic.operations.ops import DropTableOp
from flask import current_app

from ...errors import DraftError

if t.TYPE_CHECKING:
    from .refining import Refinement

FEW = 2
"""How many tables may all be replaced by others without a doubt."""

_MODEL = re.compile(r"__tablename__|\.Model\b|\bMapped\[|\bDeclarativeBase\b|\bTable\(")
_MANY_FILES = 500


def refuse_without_models(refinement: Refinement) -> None:
    """Refuse to drop all that there is.

    :raises DraftError: No model was imported, as it seems.
    """
    drops = [op for op in refinement.ops.ops if isinstance(op, DropTableOp)]
    models = refinement.autogen.table_key_to_table
    if not drops or refinement.choices.all_tables:
        return
    if models and (len(drops) <= FEW or _has_any(refinement)):
        return
    metadata = refinement.autogen.metadata
    holders = modules_with(metadata if isinstance(metadata, list) else [metadata])
    raise DraftError(
        f"The models have {_count(len(models))} and the database"
        f" {refinement.context.target.name!r} has {_count(len(drops))} that revisions"
        " made and no model describes: a draft would drop all of them. Looked at the"
        f" application {current_app.import_name!r} and the modules that hold its"
        f" metadata ({', '.join(holders) or 'none is imported'}).",
        fix=f"{_advice()} If they are all to go, say --all-tables.",
    )


def _count(number: int) -> str:
    return f"{number} table{'' if number == 1 else 's'}"


def _has_any(refinement: Refinement) -> bool:
    """Whether some model has its table."""
    inspector, known = refinement.autogen.inspector, {}
    for table in refinement.autogen.table_key_to_table.values():
        if table.schema not in known:
            known[table.schema] = set(inspector.get_table_names(table.schema))
        if table.name in known[table.schema]:
            return True
    # A table that is about to be renamed is one that has its model.
    return bool(refinement.renames)


def modules_with(metadatas: t.Sequence[t.Any]) -> list[str]:
    """Names of the imported modules that hold the models' metadata."""
    found = {
        name
        for name, module in list(sys.modules.items())
        if isinstance(module, types.ModuleType)
        and not name.startswith(("flask_alembic", "flask_migrate"))
        and any(_holds(value, metadatas) for value in list(vars(module).values()))
    }
    return sorted(found)[:5]


def _holds(value: t.Any, metadatas: t.Sequence[t.Any]) -> bool:
    if isinstance(value, sa.MetaData):
        own: t.Iterable[t.Any] = [value]
    else:
        # What it holds itself: asking might wake something up.
        try:
            held = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return False
        several = held.get("metadatas")
        own = [held.get("metadata")]
        if isinstance(several, dict):
            own = [*own, *several.values()]
    return any(item is metadata for item in own for metadata in metadatas)


def _advice() -> str:
    files = not_imported(Path(current_app.root_path))
    if files:
        return f"Import {', '.join(files)} where the application is made."
    return "Import the modules with the models where the application is made."


def not_imported(root: Path) -> list[str]:
    """Files of the application that seem to define models and weren't imported."""
    imported = {getattr(module, "__file__", None) for module in sys.modules.values()}
    found = []
    for path in itertools.islice(sorted(root.glob("*.py")), _MANY_FILES):
        if str(path) in imported or path.name.startswith("test"):
            continue
        try:
            if _MODEL.search(path.read_text(encoding="utf-8")):
                found.append(path.name)
        except (OSError, ValueError):
            continue
    return found[:3]

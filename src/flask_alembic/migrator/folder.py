"""The folder of revisions: made, read as a script directory, written into."""

from __future__ import annotations

import ast
import logging
import re
import shutil
import typing as t
import uuid
from pathlib import Path

from ..errors import DraftError
from ..settings import Settings

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from .history import History

logger = logging.getLogger(__name__)

TEMPLATE = Path(__file__).parent.parent / "templates" / "script.py.mako"
TEMPLATE_NAME = "script.py.mako"
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*")
MAX_ID = 32
"""How long an id may be: the width of the version table's column."""


def make(settings: Settings) -> None:
    """Make the folders and the template; leave alone what exists. Free of Alembic."""
    for folder in settings.folders:
        folder.mkdir(parents=True, exist_ok=True)
    template = settings.script_location / TEMPLATE_NAME
    if not template.exists():
        shutil.copyfile(TEMPLATE, template)


def script_directory(
    config: Config, history: t.Callable[..., History]
) -> ScriptDirectory:
    """Open the folder with the index behind it, and nothing printed.

    :raises DraftError: There is no folder.
    """
    from . import revisions

    location = config.get_main_option("script_location")
    if not Path(str(location)).is_dir():
        raise DraftError(
            f"There is no migrations folder {str(location)!r}.",
            fix="'flask db mkdir' makes it; ALEMBIC['script_location'] names another.",
        )
    script = revisions.script_directory(config, history)
    script.messaging_opts = {"quiet": True}
    stock = script._generate_template

    def generate(src: Path, dest: Path, **values: t.Any) -> None:
        several = bool(config.get_main_option("databases"))
        stock(usable_template(src, several=several), dest, **values)

    script._generate_template = generate  # type: ignore[method-assign]
    return script


def usable_template(path: Path, *, several: bool) -> Path:
    """The folder's own template, or ours where that can't hold the draft.

    :param several: The revision is for more than one database.
    """
    if not path.exists():
        return TEMPLATE
    text = path.read_text(encoding="utf-8")
    if several and "engine_name" not in text:
        logger.warning(
            "%s is for one database, but several are configured: the revision is written"
            " with the built-in template. Move it away and run 'flask db mkdir'.",
            path,
        )
        return TEMPLATE
    return path


def random_id() -> str:
    """Make an id as Alembic does: 12 hexadecimal digits. Free of Alembic."""
    return uuid.uuid4().hex[-12:]


def check_id(revision_id: str, known: t.Container[str]) -> None:
    """Refuse an id that would leave the folder, the column or the file's syntax.

    :param known: The ids that exist.
    :raises DraftError: Says why.
    """
    shown = repr(revision_id)
    if not ID.fullmatch(revision_id):
        raise DraftError(
            f"The revision id {shown} can't be used: letters, digits, '_' and '.' only."
        )
    if len(revision_id) > MAX_ID:
        raise DraftError(
            f"The revision id {shown} is longer than the version table's column"
            f" ({MAX_ID} characters)."
        )
    if revision_id in known:
        raise DraftError(f"There is a revision {shown} already.")


def docstring(message: str) -> str:
    """Write a message so that it is text, and only text, between triple quotes."""
    text = message.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]",
        lambda m: f"\\u{ord(m.group()):04x}",
        text,
    )


def check_written(path: Path, revision_id: str, message: str) -> None:
    """Take a file away again that isn't the revision it should be.

    :raises DraftError: Says what is wrong with it; the file is gone.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        compile(tree, str(path), "exec")
        problem = _problem(tree, revision_id, message)
    except (SyntaxError, ValueError) as e:
        problem = f"it doesn't compile: {e}"
    if problem:
        path.unlink()
        for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            cached.unlink()
        raise DraftError(
            f"The revision {revision_id} was not written to {path}: {problem}.",
            fix="Mend script.py.mako, or the hook that formats revisions.",
        )


def _problem(tree: ast.Module, revision_id: str, message: str) -> str | None:
    for node in tree.body:
        targets: t.Sequence[ast.expr] = getattr(node, "targets", ())
        if isinstance(node, ast.AnnAssign):
            targets = (node.target,)
        if any(
            isinstance(name, ast.Name) and name.id == "revision" for name in targets
        ):
            value = getattr(node, "value", None)
            if not isinstance(value, ast.Constant) or value.value != revision_id:
                return "its 'revision' isn't the id that was asked for"
            break
    else:
        return "it has no 'revision'"
    doc = ast.get_docstring(tree, clean=False) or ""
    if "\n" in message and message.replace("\r\n", "\n") not in doc:
        return "the template puts a message of several lines outside of the docstring"
    return None

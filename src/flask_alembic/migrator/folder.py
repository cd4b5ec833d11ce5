"""The folder of revisions: made, read as a script directory, written into."""

from __future__ import annotations

import ast
import contextlib
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
ID = r"[A-Za-z0-9][A-Za-z0-9_.]*"
LABEL = r"[^\s@:+]+"
SYMBOLS = frozenset(["base", "head", "heads", "current"])
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
    config: Config,
    settings: Settings,
    history: t.Callable[..., History],
    *,
    quiet: bool,
) -> ScriptDirectory:
    """Open the folder with the index behind it.

    :param quiet: Print nothing; Alembic says which files it writes.
    """
    from . import revisions

    script = revisions.script_directory(config, history)
    script.version_locations = [str(folder) for folder in settings.folders]
    if quiet:
        script.messaging_opts = t.cast(t.Any, {"quiet": True})
    stock = script._generate_template

    def generate(src: Path, dest: Path, **values: t.Any) -> None:
        several = bool(config.get_main_option("databases"))
        stock(usable_template(src, several=several), dest, **values)

    script._generate_template = generate  # type: ignore[method-assign]
    return script


@contextlib.contextmanager
def writing(
    script: ScriptDirectory, message: str, known: t.Container[str]
) -> t.Iterator[None]:
    """Check each file that is written in the block, before Alembic executes it.

    If anything fails, the files are taken away again.

    :param message: What stands in them as text, and only as text.
    :param known: The ids that exist.
    :raises DraftError: A file isn't the revision it should be, or can't be written.
    """
    generate, written = script._generate_template, list[Path]()

    def check(src: Path, dest: Path, **values: t.Any) -> None:
        check_id(values["up_revision"], known)
        check_place(dest, script.version_locations)
        if dest.exists():
            raise DraftError(
                f"There is a file {dest} already.", fix="Choose another id."
            )
        written.append(dest)
        generate(src, dest, **values)
        check_written(dest, values["up_revision"], message)

    script._generate_template = check  # type: ignore[method-assign]
    try:
        yield
    except BaseException as e:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(e, (SyntaxError, ValueError)) and written:
            raise _unwritten(written[-1], f"it doesn't compile: {e}") from e
        if isinstance(e, OSError):
            raise DraftError(
                f"The revision can't be written: {e}.",
                fix="Make the folder writable, or name another.",
            ) from e
        raise
    finally:
        script._generate_template = generate  # type: ignore[method-assign]


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
    if not re.fullmatch(ID, revision_id) or revision_id in SYMBOLS:
        raise DraftError(
            f"The revision id {shown} can't be used: it consists of letters, digits,"
            " '_' and '.', begins with one of the first two, and is no symbol such as"
            " 'head'."
        )
    if len(revision_id) > MAX_ID:
        raise DraftError(
            f"The revision id {shown} is longer than the version table's column"
            f" ({MAX_ID} characters)."
        )
    if revision_id in known:
        raise DraftError(f"There is a revision {shown} already.")


def check_label(label: str) -> None:
    """Refuse a branch label that couldn't be asked for.

    :raises DraftError: Says why.
    """
    if (
        not re.fullmatch(LABEL, label)
        or label in SYMBOLS
        or label.lstrip("-").isdigit()
    ):
        raise DraftError(
            f"The branch label {label!r} can't be used: it has no space, '@', ':' or"
            " '+', and is no number and no symbol such as 'head'."
        )


def docstring(message: str) -> str:
    """Write a message so that it is text, and only text, between triple quotes."""
    text = message.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]",
        lambda m: f"\\u{ord(m.group()):04x}",
        text,
    )


def check_place(path: Path, folders: t.Iterable[str]) -> None:
    """Refuse a file outside of the configured folders.

    :raises DraftError: Names it.
    """
    place = path.resolve()
    if not any(place.is_relative_to(Path(folder).resolve()) for folder in folders):
        raise DraftError(
            f"{place} lies outside of the configured folders.",
            fix="Correct 'file_template' in ALEMBIC, or the hook that names revisions.",
        )


def check_written(path: Path, revision_id: str, message: str) -> None:
    """Refuse a file that isn't the revision it should be.

    :raises DraftError: Says what is wrong with it.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        compile(tree, str(path), "exec")
        problem = _problem(tree, revision_id, message)
    except (SyntaxError, ValueError) as e:
        problem = f"it doesn't compile: {e}"
    if problem:
        raise _unwritten(path, problem)


def _unwritten(path: Path, problem: str) -> DraftError:
    return DraftError(
        f"No revision was written to {path}: {problem}.",
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

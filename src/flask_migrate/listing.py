"""What the commands that look print, line for line as Alembic prints it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from flask_alembic import DraftError
from flask_alembic import TargetError

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from flask_alembic import Alembic

Applied: t.TypeAlias = tuple[str, ...]


def templates(config: Config) -> None:
    """Print the names of the templates, and what each is for."""
    config.print_stdout("Available templates:\n")
    folder = Path(config.get_template_directory())
    for name in sorted(os.listdir(folder)):
        readme = folder / name / "README"
        if readme.is_file():
            with readme.open(encoding="utf-8") as lines:
                config.print_stdout("%s - %s", name, next(lines).strip())


def heads(
    alembic: Alembic, config: Config, verbose: bool, resolve_dependencies: bool
) -> None:
    """Print the revisions that nothing follows."""
    script = alembic.script_directory
    names: t.Any = "heads" if resolve_dependencies else script.get_heads()
    for head in script.get_revisions(names):
        if head is not None:
            config.print_stdout(
                head.cmd_format(verbose, include_branches=True, tree_indicators=False)
            )


def branches(alembic: Alembic, config: Config, verbose: bool) -> None:
    """Print the revisions that several follow, and those that follow them."""
    script = alembic.script_directory
    for point in script.walk_revisions():
        if point.is_branch_point:
            followers = [script.get_revision(id_) for id_ in point.nextrev]
            margin = " " * len(point.revision)
            lines = [
                f"{margin} -> "
                + follower.cmd_format(False, include_branches=True, include_doc=verbose)
                for follower in followers
            ]
            config.print_stdout(
                "%s\n%s\n",
                point.cmd_format(verbose, include_branches=True),
                "\n".join(lines),
            )


def show(alembic: Alembic, config: Config, revision: str) -> None:
    """Print all that is known of revisions."""

    def each(names: t.Any, script: ScriptDirectory) -> None:
        for found in script.get_revisions(names):
            if found is not None:
                config.print_stdout(found.log_entry)

    script = alembic.script_directory
    if revision == "current":
        alembic.visit(lambda applied, context: each(applied, script))
    else:
        each(revision, script)


def history(
    alembic: Alembic,
    config: Config,
    rev_range: str | None,
    verbose: bool,
    indicate_current: bool,
) -> None:
    """Print the revisions of a range, newest first.

    :param indicate_current: Mark what is applied; once for each database.
    """
    start, end = _split(rev_range)
    script = alembic.script_directory

    def walk(first: t.Any, last: t.Any, applied: Applied = ()) -> None:
        for found in script.walk_revisions(base=first or "base", head=last or "heads"):
            if indicate_current:
                found._db_current_indicator = found.revision in applied
            config.print_stdout(
                found.cmd_format(
                    verbose=verbose,
                    include_branches=True,
                    include_doc=True,
                    include_parents=True,
                )
            )

    def walk_from(applied: Applied, context: MigrationContext) -> None:
        # Alembic looks at the end first, and replaces one of them only.
        if end == "current":
            walk(start, applied, applied)
        else:
            walk(applied if start == "current" else start, end, applied)

    if indicate_current or "current" in (start, end):
        alembic.visit(walk_from)
    else:
        walk(start, end)


def _split(rev_range: str | None) -> tuple[str, str]:
    if rev_range is None:
        return "", ""
    start, colon, end = rev_range.strip().partition(":")
    if not colon or ":" in end:
        raise TargetError("History range requires [start]:[end], [start]:, or :[end]")
    return start, end


def current(alembic: Alembic, config: Config, verbose: bool) -> None:
    """Print what is applied to each database."""
    script = alembic.script_directory

    def each(applied: Applied, context: MigrationContext) -> None:
        if verbose and context.connection is not None:
            url = context.connection.engine.url.render_as_string(hide_password=True)
            config.print_stdout("Current revision(s) for %s:", url)
        for found in script.get_all_current(applied):
            config.print_stdout(found.cmd_format(verbose))

    alembic.visit(each)


def paths(alembic: Alembic, revision: str) -> list[str]:
    """The files of revisions.

    :raises TargetError: There are none.
    """
    names: list[str] = []
    if revision == "current":
        alembic.visit(lambda applied, context: names.extend(applied))
        if not names:
            raise TargetError("No current revisions")
    found = alembic.script_directory.get_revisions(names or revision)
    files = [script.path for script in found if script is not None]
    if not files:
        raise TargetError(f"No revision files indicated by symbol '{revision}'")
    return list(dict.fromkeys(files))


def check(alembic: Alembic) -> None:
    """Refuse if a database isn't at the heads, or the models differ from it.

    :raises DraftError: Says which.
    """
    heads = set(alembic.script_directory.get_revisions("heads"))

    def at_heads(applied: Applied, context: MigrationContext) -> None:
        if set(alembic.script_directory.get_revisions(applied)) != heads:
            raise DraftError(
                "Target database is not up to date.",
                fix="Run 'flask db upgrade' first.",
            )

    alembic.visit(at_heads)
    operations = alembic.diff().operations
    if operations:
        found = ", ".join(
            f"{item.change} {item.name}" + (f" ({item.note})" if item.note else "")
            for item in operations
        )
        raise DraftError(f"New upgrade operations detected: {found}")


def scripts(config: Config, written: t.Mapping[str, str]) -> dict[str, str]:
    """Print SQL that no env.py has written anywhere, and return it."""
    for name, text in written.items():
        if len(written) > 1:
            config.print_stdout("-- Database: %s", name)
        config.print_stdout(text.rstrip("\n"))
    return dict(written)

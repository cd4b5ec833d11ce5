"""Compare models and database; write a revision file."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from pathlib import Path

import sqlalchemy as sa
from alembic import autogenerate
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import Script

from ..errors import DraftError
from ..results import Operation
from . import folder
from .bridge import proxied
from .bridge import resolving
from .execute import operating
from .execute import StepContext
from .live import Live

SYMBOLS = frozenset(["head", "base"])


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a new revision should be; ids are as the caller wrote them.

    :param parents: What it follows.
    :param labels: Branch labels that it starts.
    :param path: The folder for its file.
    """

    id: str
    message: str
    parents: tuple[str, ...]
    depends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    path: Path | None = None
    splice: bool = False

    def arguments(self) -> dict[str, t.Any]:
        """The arguments of Alembic's ``revision`` command."""
        return {
            "message": folder.docstring(self.message),
            "sql": False,
            "head": list(self.parents),
            "splice": self.splice,
            "branch_label": list(self.labels) or None,
            "version_path": str(self.path) if self.path else None,
            "rev_id": self.id,
            "depends_on": list(self.depends) or None,
        }


def place(
    live: Live,
    *,
    branch: str,
    parents: t.Sequence[str],
    labels: t.Sequence[str],
    path: Path | None,
) -> tuple[tuple[str, ...], tuple[str, ...], Path | None]:
    """Decide where a revision goes: its parents, labels and folder.

    The first revision of a branch starts at base, is labelled with the branch's name
    and lies in the branch's folder. In a folder that something else filled, the branch
    "default" is the one line that has no label.

    :raises DraftError: Several lines could be meant.
    """
    settings = live.settings
    found = list(labels)
    parents = list(parents) or ["head"]
    if branch:
        path = path or settings.branch_path(branch)
        if has_branch(live, branch):
            parents = [f"{branch}@{p}" if p in SYMBOLS else p for p in parents]
        elif SYMBOLS.issuperset(parents):
            head = unlabelled_head(live) if branch == "default" else None
            parents = [head or "base"]
            if head is None:
                found.insert(0, branch)
        elif branch != "default":
            found.insert(0, branch)
    folders = settings.folders
    if path is not None and path not in folders:
        raise DraftError(
            f"{path} is not one of the configured folders.",
            fix=f"Configured: {', '.join(str(f) for f in folders)}"
            " (ALEMBIC['version_locations'] adds more).",
        )
    return tuple(parents), tuple(dict.fromkeys(found)), path or settings.home


def has_branch(live: Live, branch: str) -> bool:
    """Whether some revision starts this branch."""
    entries = live.history().entries.values()
    return any(branch in entry.revision.labels for entry in entries)


def unlabelled_head(live: Live) -> str | None:
    """The head of the one line without a branch label; None if every line has one.

    :raises DraftError: There are several such lines.
    """
    script = live.get_script()
    heads = script.get_revisions(script.get_heads())
    plain = [head.revision for head in heads if not head.branch_labels]
    if len(plain) > 1:
        raise DraftError(
            f"Several heads carry no branch label: {', '.join(sorted(plain))}.",
            fix="Name one with --parent, join them with 'flask db merge', or name a"
            " branch with --branch.",
        )
    return plain[0] if plain else None


def empty(live: Live, request: Request) -> list[Script]:
    """Write a revision with nothing in it, without asking a database."""
    return _write(live, _revision_context(live, request), request)


def autogenerating(
    live: Live, request: Request, *, empty: bool
) -> tuple[t.Any, t.Callable[[], list[Script]]]:
    """Prepare a revision that is written after a look at the databases.

    :param empty: Ask the application's hooks only, and compare nothing.
    :return: What ``run_migrations`` is called with, and what writes the files then.
    """
    context = _revision_context(live, request)

    def compare(heads: t.Any, migration_context: MigrationContext) -> list[t.Any]:
        if empty:
            context.run_no_autogenerate(heads, migration_context)
            return []
        history = live.history()
        if not history.at_head(heads):
            raise DraftError(
                f"Target database is not up to date: {database_name(migration_context)}"
                f" is at {', '.join(heads) or 'base'}, and"
                f" {len(history.pending(heads))} revisions are pending.",
                fix="Run 'flask db upgrade' first.",
            )
        context.run_autogenerate(heads, migration_context)
        return []

    def finish() -> list[Script]:
        if not empty and not has_changes(context.generated_revisions):
            return []
        return _write(live, context, request)

    return compare, finish


def database_name(context: MigrationContext) -> str:
    """Name a context's database for a message."""
    return repr(t.cast(StepContext, context).target.name)


def _revision_context(live: Live, request: Request) -> autogenerate.RevisionContext:
    check(live, request)
    script = live.get_script()
    return autogenerate.RevisionContext(live.get_config(), script, request.arguments())


def check(live: Live, request: Request) -> None:
    """Refuse an id or a label that can't be had.

    :raises DraftError: Says which.
    """
    entries = live.history().entries
    folder.check_id(request.id, entries)
    for entry in entries.values():
        for label in request.labels:
            if label in entry.revision.labels:
                raise DraftError(
                    f"The label {label!r} belongs to the revision {entry.revision.id}"
                    " already."
                )


def _write(
    live: Live, context: autogenerate.RevisionContext, request: Request
) -> list[Script]:
    """Write the files; if one turns out wrong, none stays."""
    with folder.writing(context.script_directory, request.message), resolving():
        written = [script for script in context.generate_scripts() if script]
    live.history(fresh=True)
    return [live.get_script().get_revision(script.revision) for script in written]


def merge(live: Live, request: Request) -> Script:
    """Write a revision that joins others."""
    check(live, request)
    script = live.get_script()
    with folder.writing(script, request.message), resolving():
        made = script.generate_revision(
            revid=request.id,
            message=folder.docstring(request.message),
            head=list(request.parents),
            refresh=True,
            branch_labels=list(request.labels) or None,
            config=live.get_config(),
        )
    if made is None:
        raise DraftError("The merge revision's file has a name that Alembic ignores.")
    live.history(fresh=True)
    return live.get_script().get_revision(request.id)


def has_changes(directives: t.Iterable[MigrationScript]) -> bool:
    """Whether there is anything to write."""
    return any(
        not ops.is_empty()
        for script in directives
        for ops in (*script.upgrade_ops_list, *script.downgrade_ops_list)
    )


def compare(live: Live, contexts: t.Mapping[str, StepContext]) -> list[MigrationScript]:
    """Find what a revision would hold, the application's hooks applied.

    Unlike writing a revision this doesn't ask for a database at the heads.
    """
    script = live.get_script()
    arguments = Request(id="pending", message="", parents=("head",)).arguments()
    revision = autogenerate.RevisionContext(live.get_config(), script, arguments)
    heads = tuple(script.get_revisions("heads"))
    for context in contexts.values():
        with reading(context), operating(context):
            revision.run_autogenerate(tuple(h.revision for h in heads), context)
    return revision.generated_revisions


def raw(contexts: t.Mapping[str, StepContext]) -> MigrationScript:
    """Produce Alembic's own answer; with several databases a list of operations each."""
    scripts = []
    for context in contexts.values():
        with reading(context), proxied():
            metadata = context.opts["target_metadata"]
            scripts.append(autogenerate.produce_migrations(context, metadata))
    first = scripts[0]
    if len(scripts) > 1:
        for script, context in zip(scripts, contexts.values(), strict=True):
            for ops in script.upgrade_ops_list:
                ops.upgrade_token = context.opts["upgrade_token"]
            for down in script.downgrade_ops_list:
                down.downgrade_token = context.opts["downgrade_token"]
        first.upgrade_ops = [ops for s in scripts for ops in s.upgrade_ops_list]
        first.downgrade_ops = [ops for s in scripts for ops in s.downgrade_ops_list]
    return first


@contextlib.contextmanager
def reading(context: StepContext) -> t.Iterator[None]:
    """Leave no transaction behind that only read."""
    began = not context.setup.callers and not context.live.in_transaction()
    yield
    if began and context.live.in_transaction():
        context.live.rollback()


def operations(
    directives: t.Iterable[MigrationScript], names: t.Sequence[str]
) -> tuple[Operation, ...]:
    """Describe what an upgrade would do, one line for each difference."""
    found = []
    for script in directives:
        for ops in script.upgrade_ops_list:
            database = ops.upgrade_token.removesuffix("_upgrades")
            database = database if database in names else names[0]
            for diff in ops.as_diffs():
                found += [
                    _describe(database, d)
                    for d in (diff if isinstance(diff, list) else [diff])
                ]
    return tuple(found)


def _describe(database: str, diff: t.Sequence[t.Any]) -> Operation:
    """Read one of Alembic's difference tuples."""
    kind = str(diff[0])
    change = kind.replace("_", " ")
    if kind in ("add_column", "remove_column"):
        return Operation(database, change, f"{_table(diff[1], diff[2])}.{diff[3].name}")
    if kind.startswith("modify_") and len(diff) > 5:
        note = f"{diff[5]} -> {diff[6]}"
        return Operation(
            database, change, f"{_table(diff[1], diff[2])}.{diff[3]}", note
        )
    return Operation(database, change, _object_name(diff[1]))


def _table(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _object_name(item: t.Any) -> str:
    if isinstance(item, sa.Table):
        return _table(item.schema, item.name)
    table = getattr(item, "table", None)
    name = getattr(item, "name", None) or type(item).__name__
    return (
        f"{_table(table.schema, table.name)}.{name}" if table is not None else str(name)
    )

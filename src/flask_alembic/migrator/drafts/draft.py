"""Compare models and database; write a revision file."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import typing as t
from pathlib import Path

from alembic import autogenerate
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.script import ScriptDirectory

from ...errors import DraftError
from ...results import Draft
from .. import folder
from ..bridge import resolving
from ..context import operating
from ..context import revision_data
from ..context import StepContext
from ..environments import Environment
from ..environments import Names
from ..live import Live
from . import differences
from . import required
from . import written
from .refining import Choices
from .refining import Refinement
from .refining import refining
from .renames import refiner as renaming
from .sql import upgrade_sql

SYMBOLS = frozenset(["head", "base"])


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a new revision should be; ids are as the caller wrote them.

    :param parents: What it follows.
    :param labels: Branch labels that it starts.
    :param path: The folder for its file.
    """

    id: str
    message: str | None
    parents: tuple[str, ...]
    depends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    path: Path | None = None
    splice: bool = False

    @property
    def text(self) -> str | None:
        """The message as it stands between triple quotes."""
        return None if self.message is None else folder.docstring(self.message)

    def arguments(self) -> dict[str, t.Any]:
        """The arguments of Alembic's ``revision`` command."""
        return {
            "message": self.text,
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
    if path is None and branch:
        path = settings.home
    return tuple(parents), tuple(dict.fromkeys(found)), path


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


def empty(live: Live, request: Request) -> Draft:
    """Write a revision with nothing in it, without asking a database."""
    context = _revision_context(live, request)
    return _draft([], [], _write(live, context, request))


def _draft(
    directives: t.Sequence[MigrationScript],
    refinements: t.Sequence[Refinement],
    scripts: t.Sequence[Script] = (),
    sql: t.Mapping[str, str] | None = None,
) -> Draft:
    """Describe what was found and written.

    :param refinements: In the order in which the databases were met.
    """
    names = [refinement.context.target.name for refinement in refinements]
    findings = tuple(f for item in refinements for f in item.findings)
    return Draft(
        path=str(scripts[0].path) if scripts else None,
        operations=differences.operations(directives, names, findings),
        renames={k: v for item in refinements for k, v in item.renames.items()},
        findings=findings,
        revisions=tuple(revision_data(script) for script in scripts),
        sql=sql or {},
    )


class Autogenerated:
    """A revision that is written after a look at the databases.

    :param empty: Ask the application's hooks only, and compare nothing.
    """

    def __init__(
        self, live: Live, request: Request, choices: Choices, *, empty: bool
    ) -> None:
        self.refinements: list[Refinement] = []
        self._live = live
        self._request = request
        self._choices = choices
        self._empty = empty
        self._context = _revision_context(live, request)

    @property
    def options(self) -> dict[str, t.Any]:
        """What an env.py may ask its environment for."""
        return {
            "template_args": self._context.template_args,
            "revision_context": self._context,
        }

    def compare(self, heads: t.Any, context: MigrationContext) -> list[t.Any]:
        """Look at one database; this is what ``run_migrations`` is called with."""
        if self._empty:
            self._context.run_no_autogenerate(heads, context)
            return []
        history = self._live.history()
        if not history.at_head(heads):
            raise DraftError(
                f"Target database is not up to date: {database_name(context)} is at"
                f" {', '.join(heads) or 'base'}, and {len(history.pending(heads))}"
                " revisions are pending.",
                fix="Run 'flask db upgrade' first.",
            )
        with refining(t.cast(StepContext, context), self._choices) as done:
            self._context.run_autogenerate(heads, context)
        self.refinements += done
        return []

    def write(self) -> Draft:
        """Write the files, if there is anything to write."""
        renaming.check_understood(self._choices, self.refinements)
        required.check_understood(self._choices, self.refinements)
        directives, scripts = self._context.generated_revisions, list[Script]()
        if self._empty or has_changes(directives):
            scripts = _write(self._live, self._context, self._request)
        return _draft(directives, self.refinements, scripts)


def database_name(context: MigrationContext) -> str:
    """Name a context's database for a message."""
    return repr(t.cast(StepContext, context).target.name)


def _revision_context(live: Live, request: Request) -> autogenerate.RevisionContext:
    check(live, request)
    script = live.get_script()
    return autogenerate.RevisionContext(live.get_config(), script, request.arguments())


@contextlib.contextmanager
def _writing(live: Live, script: ScriptDirectory, request: Request) -> t.Iterator[None]:
    """Let Alembic write, checked, and printing only what it prints of itself."""
    quiet = live.given_config is None
    entries = live.history().entries
    with contextlib.ExitStack() as stack:
        if quiet and script.hooks:
            # Alembic prints each hook that it runs, and can't be told not to.
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(written.quiet_hooks())
        stack.enter_context(folder.writing(script, request.message or "", entries))
        stack.enter_context(resolving())
        yield


def check(live: Live, request: Request) -> None:
    """Refuse an id or a label that can't be had.

    :raises DraftError: Says which.
    """
    entries = live.history().entries
    folder.check_id(request.id, entries)
    for label in request.labels:
        folder.check_label(label)
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
    autogen = getattr(context, "_last_autogen_context", None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_writing(live, context.script_directory, request))
        if autogen is not None:
            stack.enter_context(written.importing_types(autogen.opts))
            stack.enter_context(written.single_percents(autogen.migration_context))
        made = [script for script in context.generate_scripts() if script]
        for script in made:
            written.check_names(Path(script.path))
    live.history(fresh=True)
    return [live.get_script().get_revision(script.revision) for script in made]


def merge(live: Live, request: Request) -> Script:
    """Write a revision that joins others."""
    check(live, request)
    script = live.get_script()
    with _writing(live, script, request):
        made = script.generate_revision(
            revid=request.id,
            message=request.text,
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


def compare(
    live: Live, environment: Environment, names: Names, choices: Choices, *, sql: bool
) -> Draft:
    """Find what a revision would hold, the application's hooks applied.

    Unlike writing a revision this doesn't ask for a database at the heads.

    :param sql: Add the SQL of the upgrade.
    """
    script = live.get_script()
    arguments = Request(id="pending", message="", parents=("head",)).arguments()
    revision = autogenerate.RevisionContext(live.get_config(), script, arguments)
    heads = tuple(head.revision for head in script.get_revisions("heads"))
    refinements: list[Refinement] = []
    texts: dict[str, str] = {}

    def look(_: t.Any, context: t.Any) -> None:
        with operating(context), refining(context, choices) as done:
            revision.run_autogenerate(heads, context)
        refinements.extend(done)
        if sql:
            found = [s.upgrade_ops_list[-1] for s in revision.generated_revisions]
            texts[context.target.name] = upgrade_sql(done[0], found)

    environment.visit(look, names)
    renaming.check_understood(choices, refinements)
    required.check_understood(choices, refinements)
    return _draft(revision.generated_revisions, refinements, sql=texts)


def raw(environment: Environment) -> MigrationScript:
    """Produce Alembic's own answer; with several databases a list of operations each."""
    found: list[tuple[MigrationScript, t.Any]] = []

    def look(_: t.Any, context: t.Any) -> None:
        metadata = context.opts["target_metadata"]
        with operating(context):
            found.append((autogenerate.produce_migrations(context, metadata), context))

    environment.visit(look, None)
    first = found[0][0]
    if len(found) > 1:
        for script, context in found:
            script.upgrade_ops_list[-1].upgrade_token = context.opts["upgrade_token"]
            down = script.downgrade_ops_list[-1]
            down.downgrade_token = context.opts["downgrade_token"]
        first.upgrade_ops = [ops for s, _ in found for ops in s.upgrade_ops_list]
        first.downgrade_ops = [ops for s, _ in found for ops in s.downgrade_ops_list]
    return first

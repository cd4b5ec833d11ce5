"""Which tables a draft may touch: the application's own.

A table without a model is dropped only if a revision once made it. What nobody here has
made (another program's tables, an extension's) is left out and named.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import typing as t

import sqlalchemy as sa

from ...results import Finding
from ...settings import Settings
from .. import databases
from .created import Made
from .created import made_in_files

if t.TYPE_CHECKING:
    from ..context import StepContext
    from .refining import Choices
    from .refining import Refinement

Filter: t.TypeAlias = t.Callable[..., t.Any]

PRESETS: t.Mapping[str, tuple[str, ...]] = {
    "postgis": (
        "spatial_ref_sys",
        "geometry_columns",
        "geography_columns",
        "raster_columns",
        "raster_overviews",
        "topology.*",
        "tiger.*",
        "tiger_data.*",
    ),
    "spatialite": (
        "spatial_ref_sys*",
        "geometry_columns*",
        "views_geometry_columns*",
        "virts_geometry_columns*",
        "spatialite_history",
        "sql_statements_log",
        "data_licenses",
        "idx_*_*",
    ),
    "timescaledb": ("_timescaledb_*.*", "timescaledb_*.*"),
    "celery": ("celery_taskmeta", "celery_tasksetmeta"),
    "apscheduler": ("apscheduler_jobs",),
    "django": ("django_*", "auth_*"),
    "alembic_versions": ("alembic_version*", "*_alembic_version"),
}
"""Names that ``ALEMBIC_IGNORE_TABLES`` knows, and what they stand for."""


class Ownership:
    """Filters of a comparison: what is looked at, and what is left out.

    :ivar left_out: Tables that no revision has made, with their schemas.
    """

    def __init__(self, context: StepContext, choices: Choices) -> None:
        self.left_out: list[str] = []
        self._context = context
        self._patterns = patterns(context.settings)
        self._default = context.dialect.default_schema_name
        self._everything = choices.all_tables or context.settings.drop_unknown_tables

    def apply(self, opts: dict[str, t.Any]) -> None:
        """Filter beside the application's own filters, which are asked first.

        :param opts: The migration context's; they are put back by the caller.
        """
        opts["include_name"] = _both(opts.get("include_name"), self._include_name)
        opts["include_object"] = _both(opts.get("include_object"), self._include)

    def _include_name(
        self, name: str | None, kind: str, parents: t.Mapping[str, str | None]
    ) -> bool:
        return (
            kind != "table"
            or name is None
            or not self.ignores(name, parents.get("schema_name"))
        )

    def _include(
        self, item: t.Any, name: str, kind: str, reflected: bool, other: t.Any
    ) -> bool:
        if kind != "table":
            return True
        if self.ignores(name, item.schema):
            return False
        if not reflected or other is not None or self.owns(item):
            return True
        if not is_version_table(item):
            self.left_out.append(f"{item.schema}.{name}" if item.schema else name)
        return False

    def ignores(self, name: str, schema: str | None) -> bool:
        """Whether the application has said to leave this table alone."""
        if not self._patterns:
            return False
        full = f"{schema or self._default}.{name}"
        return any(
            fnmatch.fnmatchcase(full if "." in pattern else name, pattern)
            for pattern in self._patterns
        )

    def owns(self, table: sa.Table) -> bool:
        """Whether a draft may drop a table that has no model."""
        if is_version_table(table):
            return False
        return self._everything or self._is_made(table)

    def _is_made(self, table: sa.Table) -> bool:
        """Whether a revision has made the table, in this database."""
        schemas = {(table.schema or self._default or "").lower()}
        if table.schema in (None, self._default):
            schemas.add("")
        functions = function_names(self._context.target.name)
        return any(
            item.name == table.name.lower()
            and (item.schema or "") in schemas
            and (item.function is None or item.function in functions)
            for item in self._made
        )

    @functools.cached_property
    def _made(self) -> frozenset[Made]:
        entries = self._context.history().entries.values()
        return made_in_files(entry.revision.path for entry in entries)


def patterns(settings: Settings) -> tuple[str, ...]:
    """The configured patterns, presets spelled out."""
    found = [(name, *PRESETS.get(name, ())) for name in settings.ignore_tables]
    return tuple(pattern for names in found for pattern in names)


def _both(first: Filter | None, second: Filter) -> Filter:
    if first is None:
        return second

    def ask(*args: t.Any) -> bool:
        return bool(first(*args) and second(*args))

    return ask


def is_version_table(table: sa.Table) -> bool:
    """Whether it looks like the version table of somebody's migrations."""
    columns = list(table.columns)
    return (
        len(columns) == 1
        and columns[0].name == "version_num"
        and isinstance(columns[0].type, sa.String)
    )


def function_names(database: str) -> set[str]:
    """What ``upgrade_`` may be followed by for a database."""
    word = re.sub(r"\W", "_", database)
    return {word, ""} if database == databases.DEFAULT else {word}


def report(refinement: Refinement) -> None:
    """Name the tables that were left out."""
    left_out = sorted(refinement.ownership.left_out)
    if left_out:
        refinement.findings.append(
            Finding(
                "not-ours",
                "info",
                f"not ours: {', '.join(left_out)} (database"
                f" {refinement.context.target.name!r}) were made by no revision, and"
                " have no model.",
                effect="They are left out of the draft, and stay.",
                fix="ALEMBIC_IGNORE_TABLES hides them; --all-tables drops them.",
            )
        )

"""What Alembic gets to see of a comparison: the tables that may differ.

Tables that are surely as their models say are left out of what it compares, on both
sides, so that no objects are made of them. Where the application looks at everything
that is compared nothing is left out.
"""

from __future__ import annotations

import functools
import typing as t

from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from alembic.util import PriorityDispatchResult
from alembic.util import to_list

from ....dialects.bulk import TableKey
from .order import in_order
from .tables import Ask
from .tables import LeftOut
from .tables import Unchanged
from .tables import Watched

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps

    from ..reflection import Bulk

_KEY = "flask_alembic_unchanged"
_LEFT_OUT = "flask_alembic_left_out"
_OURS = frozenset(["alembic", "flask_alembic"])


def leave_out(
    opts: dict[str, t.Any],
    bulk: Bulk,
    filters: t.Mapping[str, t.Any],
    ask: Ask | None = None,
) -> None:
    """Let comparisons leave out what is surely the same.

    :param opts: The migration context's; they are put back by the caller.
    :param bulk: What is read of the database.
    :param filters: The application's own, which the options have under these names.
    :param ask: None where texts that differ are a difference.
    """
    opts[_KEY] = Watched(bulk, filters, ask)


def left_out(autogen: AutogenContext) -> LeftOut:
    """What the last comparison left out; the keys of tables as the database has them."""
    return t.cast("LeftOut", autogen.opts.get(_LEFT_OUT, LeftOut()))


def add_comparators(plugin: Plugin) -> None:
    """Come before and after what compares tables; before it all has been read."""
    plugin.add_autogenerate_comparator(
        _hide, "schema", "flask_alembic_hide", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(
        _show, "schema", "flask_alembic_show", priority=DispatchPriority.LAST
    )


def _hide(
    autogen: AutogenContext, _: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    watched: Watched | None = autogen.opts.get(_KEY)
    if watched is not None and not _is_watched(autogen, watched):
        found = Unchanged(autogen, watched).find(schemas)
        autogen.opts[_LEFT_OUT], unchanged = found, found.tables
        changing = t.cast(t.Any, autogen)
        changing.inspector = WithoutTables(autogen.inspector, unchanged)
        default = autogen.dialect.default_schema_name
        left = [
            table
            for table in autogen.table_key_to_table.values()
            if (None if table.schema == default else table.schema, table.name)
            not in unchanged
        ]
        changing.sorted_tables = in_order(to_list(autogen.metadata), left)
    return PriorityDispatchResult.CONTINUE


def _show(autogen: AutogenContext, *_: t.Any) -> PriorityDispatchResult:
    hiding = autogen.inspector
    if isinstance(hiding, WithoutTables):
        t.cast(t.Any, autogen).inspector = hiding.whole
        # It is found anew by whoever asks for it.
        vars(autogen).pop("sorted_tables")
    return PriorityDispatchResult.CONTINUE


def _is_watched(autogen: AutogenContext, watched: Watched) -> bool:
    """Whether somebody would see tables that don't differ."""
    context = autogen.migration_context
    compares = (context._user_compare_type, context._user_compare_server_default)
    if watched.filters.get("include_object") or any(map(callable, compares)):
        return True
    if type(context.impl).__module__.partition(".")[0] not in _OURS:
        return True
    return any(
        str(getattr(compare, "__module__", "")).partition(".")[0] not in _OURS
        for (target, *_), found in autogen.comparators._registry.items()
        if target in ("schema", "table", "column")
        for compare, _ in found
    )


class WithoutTables:
    """An inspector that doesn't name some tables.

    :ivar whole: The one that does.
    """

    def __init__(self, inspector: t.Any, tables: t.Collection[TableKey]) -> None:
        self.whole = inspector
        self._tables = tables

    def __getattr__(self, name: str) -> t.Any:
        method = getattr(self.whole, name)
        if not name.startswith("get_multi_"):
            return method
        return functools.update_wrapper(
            functools.partial(self._several, method), method
        )

    def _several(
        self,
        method: t.Callable[..., t.Any],
        schema: str | None = None,
        filter_names: t.Sequence[str] | None = None,
        **options: t.Any,
    ) -> t.Any:
        # To SQLAlchemy no names are all names.
        if filter_names is not None and not filter_names:
            return {}
        return method(schema=schema, filter_names=filter_names, **options)

    def get_table_names(self, schema: str | None = None, **options: t.Any) -> list[str]:
        """The tables that aren't left out."""
        found = self.whole.get_table_names(schema=schema, **options)
        return [name for name in found if (schema, name) not in self._tables]

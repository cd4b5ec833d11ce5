"""What callers ask for in many words, as one frozen value."""

from __future__ import annotations

import dataclasses
import os
import typing as t

if t.TYPE_CHECKING:
    from .migrator.targets import Target


@dataclasses.dataclass(frozen=True, slots=True)
class DraftRequest:
    """A new revision, in the caller's words: the parameters of :meth:`.Alembic.revision`.

    :param parent: As the caller wrote it, like ``depend``, ``label`` and ``path``.
    :param renames: Old name -> new name; False for none.
    :param defaults: Column -> SQL text.
    """

    message: str | None
    empty: bool = False
    branch: str = "default"
    parent: Target = "head"
    splice: bool = False
    depend: Target | None = None
    label: str | t.Sequence[str] | None = None
    path: str | os.PathLike[str] | None = None
    _: dataclasses.KW_ONLY
    rev_id: str | None = None
    renames: t.Mapping[str, str] | t.Literal[False] | None = None
    defaults: t.Mapping[str, str] | None = None
    ask: t.Callable[[t.Any], t.Any] | None = None
    all_tables: bool = False
    prove: bool | None = None

    def completed(self, more: t.Mapping[str, t.Any]) -> DraftRequest:
        """Add what stands there for parameters that were left at their defaults."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        missing = {
            name: value
            for name, value in more.items()
            if getattr(self, name) is fields[name].default
        }
        return dataclasses.replace(self, **missing)

"""Operations on foreign keys that stay as they are, and have to go for a while."""

from __future__ import annotations

import typing as t

from .directions import BothWays

if t.TYPE_CHECKING:
    from ...dialects.references import Reference
    from ...dialects.references import References


class DropReference(BothWays):
    """A foreign key goes before what it refers to is made anew."""

    def __init__(self, sql: References, reference: Reference) -> None:
        super().__init__(sql.drop(reference), sql.create(reference))
        self.reference = reference


class CreateReference(BothWays):
    """A foreign key comes back as it was."""

    def __init__(self, sql: References, reference: Reference) -> None:
        super().__init__(sql.create(reference), sql.drop(reference))
        self.reference = reference

"""SQLite's primary keys change in a rebuild, which looks at no foreign key."""

from __future__ import annotations

from ..keys import Keys


class SQLiteKeys(Keys):
    """An INTEGER that is the key alone counts by itself."""

    checks_references = False

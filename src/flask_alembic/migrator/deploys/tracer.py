"""The second connection of a dry run, which watches the first one's locks."""

from __future__ import annotations

import contextlib
import typing as t

from sqlalchemy.exc import SQLAlchemyError

from .. import databases
from ..runs import first_line

if t.TYPE_CHECKING:
    from ...dialects.base import LockTrace
    from ..context import StepContext


@contextlib.contextmanager
def tracing(context: StepContext) -> t.Iterator[LockTrace | None]:
    """Watch a migration connection from another one; None where that can't be done."""
    kind = context.target.dialect.lock_trace
    if kind is None:
        yield None
        return
    # Without a pool: what is set on this connection ends with it.
    engine = databases.own_async_engine(context.live.engine)
    own = engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        watching = own.connect()
    except SQLAlchemyError as e:
        context.part.warn(
            f"locks aren't known, without a second connection: {first_line(e)}"
        )
        yield None
        return
    try:
        yield kind(context.live, watching, ignored={context.version_table})
    finally:
        watching.close()

"""Values of rows and parameters as JSON, so that they come back as what they were."""

from __future__ import annotations

import base64
import datetime
import decimal
import hashlib
import json
import typing as t
import uuid


class UnstorableError(Exception):
    """A value of a type that can't be written down."""


# The first that fits: a datetime is a date, too.
_TYPES: t.Final[tuple[tuple[type[t.Any], str, t.Callable[[t.Any], str]], ...]] = (
    (float, "float", repr),
    (decimal.Decimal, "decimal", str),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode()),
    (bytearray, "bytearray", lambda value: base64.b64encode(value).decode()),
    (datetime.datetime, "datetime", lambda value: value.isoformat()),
    (datetime.date, "date", lambda value: value.isoformat()),
    (datetime.time, "time", lambda value: value.isoformat()),
    (uuid.UUID, "uuid", str),
)
_READERS: t.Final[t.Mapping[str, t.Callable[[t.Any], t.Any]]] = {
    "float": float,
    "decimal": decimal.Decimal,
    "bytes": base64.b64decode,
    "bytearray": lambda text: bytearray(base64.b64decode(text)),
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "uuid": uuid.UUID,
    "timedelta": lambda parts: datetime.timedelta(*parts),
}


def encode(value: t.Any) -> t.Any:
    """Write a value as JSON has it.

    :raises UnstorableError: It isn't of a type that drivers use.
    """
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, datetime.timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    for kind, name, write in _TYPES:
        # Subclasses may know more than would come back.
        if type(value) is kind:
            return {name: write(value)}
    raise UnstorableError(type(value).__name__)


def decode(value: t.Any) -> t.Any:
    """Read what :func:`encode` has written."""
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _READERS[kind](text)


def _parameters(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return [[str(name), _parameters(item)] for name, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_parameters(item) for item in value]
    if isinstance(value, str):
        # A subclass, such as an enum's member, is sent as its text.
        return str.__str__(value)
    return encode(value)


def digest(sql: str, parameters: t.Any) -> str | None:
    """A hash of text and parameters; None if the parameters can't be written down."""
    try:
        text = json.dumps([sql, _parameters(parameters)])
    except UnstorableError:
        return None
    return hash_of(text)


def hash_of(text: str) -> str:
    """A hash, as 64 hex digits.

    Not SHA-256: after each statement that the server takes its time for, OpenSSL would
    take twice as long to get going again.
    """
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()

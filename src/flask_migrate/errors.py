"""The error that ends a process, with what caused it."""

from __future__ import annotations


class MigrateError(SystemExit):
    """A command was refused or failed: exit code 1, the reason as ``__cause__``.

    :param message: What was logged.
    """

    def __init__(self, message: str) -> None:
        super().__init__(1)
        self.message = message

    def __str__(self) -> str:
        return self.message

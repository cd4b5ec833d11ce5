"""Methods that hand their arguments on: one signature for several of them."""

from __future__ import annotations

import inspect
import typing as t

P = t.ParamSpec("P")
R = t.TypeVar("R")


def with_parameters_of(
    method: t.Callable[P, object],
) -> t.Callable[[t.Callable[..., R]], t.Callable[P, R]]:
    """Let a method that hands its arguments on have the parameters of another one."""

    def decorate(own: t.Callable[..., R]) -> t.Callable[P, R]:
        returned = inspect.signature(own).return_annotation
        signature = inspect.signature(method).replace(return_annotation=returned)
        t.cast(t.Any, own).__signature__ = signature
        return own

    return decorate

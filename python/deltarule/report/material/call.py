"""The call that makes a model again, as it was asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def call_of(estimator: Any, without: Collection[str] = ()) -> str:
    """``dr.Name(...)`` with what is not the default.

    Parameters
    ----------
    estimator : object
        With ``get_params``, as have those that are among its parameters.
    without : collection of str
        Parameters that change nothing of what comes out.
    """
    default = type(estimator)().get_params(deep=False)
    told = [
        f"{name}={_value(value)}"
        for name, value in estimator.get_params(deep=False).items()
        if name not in without and not _is(value, default[name])
    ]
    return f"dr.{type(estimator).__name__}({', '.join(told)})"


def _is(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _value(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return call_of(value)
    return f"dr.{value!r}" if type(value).__module__.startswith("deltarule") else repr(value)

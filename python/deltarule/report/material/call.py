"""The call that makes a model again, as it was asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

_MOST_CHARACTERS = 300  # of a value, such as edges of bins


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


def layers_of(descriptions: Sequence[Any]) -> list[str]:
    """How layers are made, each with what is not the default; blocks around those within them."""
    told: list[tuple[int, str]] = []
    for place, layer in enumerate(descriptions):
        if layer.kind != "add":
            told.append((place, _description(layer)))
            continue
        # What a block is around began where its input comes from.
        within = [text for first, text in told if first >= layer.source]
        told = [each for each in told if each[0] < layer.source]
        told.append((layer.source, f"dr.Residual([{', '.join(within)}])"))
    return [text for _, text in told]


def _description(layer: Any) -> str:
    given = [
        f"{field.name}={_value(getattr(layer, field.name))}"
        for field in fields(layer)
        if not _is(getattr(layer, field.name), field.default)
    ]
    return f"dr.{type(layer).__name__}({', '.join(given)})"


def _is(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _value(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return call_of(value)
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    told = f"dr.{value!r}" if type(value).__module__.startswith("deltarule") else repr(value)
    return told if len(told) <= _MOST_CHARACTERS else f"{told[:_MOST_CHARACTERS]}..."

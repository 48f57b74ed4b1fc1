"""Dictionaries of parameters, ``W1, b1, ...``, and of what goes with each of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arrays import (
    as_dtype,
    described,
    dtype_of,
    is_ready,
    listing,
    real,
    require_shape,
)
from deltarule.blocks.caches import checked_Wb, in_model


@functools.cache
def layer_keys(L: int) -> tuple[tuple[str, str], ...]:
    """The keys ``W1, b1`` to ``WL, bL``, a pair a layer."""
    return tuple((f"W{layer}", f"b{layer}") for layer in range(1, L + 1))


@functools.cache
def gradient_keys(L: int) -> tuple[tuple[str, str], ...]:
    """The keys ``W1, dW1``, ``b1, db1`` and so on: a parameter's, and its gradient's."""
    return tuple((key, f"d{key}") for keys in layer_keys(L) for key in keys)


def require_mapping(where: str, name: str, value: object) -> None:
    """Hold what is to be a dictionary to being one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: {name} is {described(value)}: expected a dictionary of arrays")


def checked_parameters(where: str, parameters: Mapping[str, Array]) -> Mapping[str, Array]:
    """``W1, b1, ..., WL, bL``, each layer's checked by itself."""
    return parameters if are_ready(parameters) else _parameters_one_by_one(where, parameters)


def are_ready(parameters: Mapping[str, Array]) -> bool:
    """Whether all are `is_ready`, of one dtype, and need no message."""
    if type(parameters) is not dict or not parameters:
        return False
    get, L = parameters.get, len(parameters) // 2
    dtype = getattr(get("W1"), "dtype", None)
    for key_W, key_b in layer_keys(L):
        W: Any = get(key_W)
        b: Any = get(key_b)
        if not is_ready(W) or type(b) is not np.ndarray or not b.flags.aligned:
            return False
        n, n_prev = W.shape
        if b.shape != (n, 1) or not (n and n_prev):
            return False
        if W.dtype is not dtype or b.dtype is not dtype:
            return False
    return len(parameters) == 2 * L


def _parameters_one_by_one(where: str, parameters: Mapping[str, Array]) -> dict[str, Array]:
    require_mapping(where, "parameters", parameters)
    L = max(1, *(sum(str(key).startswith(kind) for key in parameters) for kind in "Wb"))
    expected = {f"{kind}{layer}": None for layer in range(1, L + 1) for kind in "Wb"}
    if parameters.keys() != expected.keys():
        raise ValueError(
            f"{where}: parameters has {listing(parameters)}: expected {listing(expected)}, "
            "the W and b of each layer, counted from 1"
        )
    p: dict[str, Array] = {}
    for layer in range(1, L + 1):
        W, b = f"W{layer}", f"b{layer}"
        p[W], p[b] = checked_Wb(in_model(layer), parameters[W], parameters[b])
    return p


def checked_gradients(
    where: str, argument: str, grads: Mapping[str, Array], p: Mapping[str, Array]
) -> Mapping[str, Array]:
    """``dW1, db1, ...``, one of the shape of each of the parameters ``p``."""
    return grads if _gradients_fit(grads, p) else _gradients_one_by_one(where, argument, grads, p)


def _gradients_fit(grads: Mapping[str, Array], p: Mapping[str, Array]) -> bool:
    """Whether each is of its parameter's shape and dtype, and needs no message."""
    if type(grads) is not dict:
        return False
    get = grads.get
    for key, key_d in gradient_keys(len(p) // 2):
        gradient, array = get(key_d), p[key]
        if type(gradient) is not np.ndarray or gradient.dtype is not array.dtype:
            return False
        if gradient.shape != array.shape:
            return False
    return True


def checked_step(
    where: str, parameters: Mapping[str, Array], grads: Mapping[str, Array]
) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    """Parameters and their gradients, of one dtype."""
    if are_ready(parameters) and _gradients_fit(grads, parameters):
        return parameters, grads
    p = _parameters_one_by_one(where, parameters)
    d = _gradients_one_by_one(where, "grads", grads, p)
    dtype = dtype_of([*p.values(), *d.values()])
    return as_dtypes(dtype, p), as_dtypes(dtype, d)


def as_gradients(
    where: str, argument: str, arrays: Mapping[str, Array], p: Mapping[str, Array]
) -> Mapping[str, Array]:
    """What goes with each of the parameters ``p``, in their dtype."""
    if _gradients_fit(arrays, p):
        return arrays
    d = _gradients_one_by_one(where, argument, arrays, p)
    return as_dtypes(dtype_of(p.values()), d)


def as_dtypes(dtype: np.dtype[Any], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """All of them in the dtype of a call."""
    return {key: as_dtype(dtype, array) for key, array in arrays.items()}


def _gradients_one_by_one(
    where: str, argument: str, grads: Mapping[str, Array], p: Mapping[str, Array]
) -> dict[str, Array]:
    require_mapping(where, argument, grads)
    missing = [f"d{name}" for name in p if f"d{name}" not in grads]
    if missing:
        raise ValueError(
            f"{where}: {argument} has {listing(grads)}: expected {missing[0]} too, "
            "as each of the parameters has its gradient"
        )
    d = {f"d{name}": real(where, f"d{name}", grads[f"d{name}"]) for name in p}
    for name, array in p.items():
        require_shape(where, f"d{name}", d[f"d{name}"], name, array, array.shape)
    return d

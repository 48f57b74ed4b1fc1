"""What a layer takes and leaves, held to go together, and how messages call it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import described, matrix, real, require_shape
from deltarule.layers.base import activation_named

LinearCache: TypeAlias = tuple[Array, Array, Array]  # A_prev, W, b

AnyCache: TypeAlias = tuple[LinearCache, Array]  # and Z

Left: TypeAlias = tuple[Array, Array, Array]  # A, A_prev, W


class Cache(AnyCache):
    """``((A_prev, W, b), Z)`` of a layer, a tuple that knows the layer's ``activation``.

    Examples
    --------
    >>> import numpy as np
    >>> W, b = np.ones((1, 2)), np.ones((1, 1))
    >>> A, cache = linear_activation_forward(np.ones((2, 3)), W, b, "tanh")
    >>> (A_prev, W, b), Z = cache
    >>> print(Z, cache.activation)
    [[3. 3. 3.]] tanh
    """

    activation: str
    # Of one that a forward step left: A, and A_prev and W as the core reads them.
    _left: Left | None = None

    def __new__(cls, linear_cache: LinearCache, Z: Array, activation: str) -> Self:
        """Make the tuple."""
        cache = tuple.__new__(cls, (linear_cache, Z))
        cache.activation = activation
        return cache

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.activation)

    def __getstate__(self) -> None:
        """Nothing: a copy is as one made by hand."""


@dataclass(frozen=True)
class Names:
    """What messages call the arrays of a layer: ``W`` where it stands alone, ``W2`` in a model."""

    where: str
    A_prev: str
    W: str
    b: str
    Z: str
    n: str


def alone(function: str) -> Names:
    """The names of a function by itself."""
    return Names(function, "A_prev", "W", "b", "Z", "n_l")


@functools.cache
def in_model(layer: int) -> Names:
    """The names of a layer of a model."""
    A_prev = "X" if layer == 1 else f"A{layer - 1}"
    return Names(f"layer {layer}", A_prev, f"W{layer}", f"b{layer}", f"Z{layer}", f"n_{layer}")


def checked_Wb(names: Names, W: object, b: object) -> tuple[Array, Array]:
    """A layer's weights and biases, of shapes that go together."""
    W = matrix(names.where, names.W, W)
    b = real(names.where, names.b, b)
    n = W.shape[0]
    if b.shape == (n,):
        raise ValueError(
            f"{names.where}: {names.b} is {b.shape} but {names.W} is {W.shape}: "
            f"expected {names.b} ({n}, 1), a column: {names.b}.reshape({n}, 1)"
        )
    if b.shape == (W.shape[1], 1) != (n, 1):
        raise ValueError(
            f"{names.where}: {names.W} is {W.shape} but {names.b} is {b.shape}: expected "
            f"{names.W} ({W.shape[1]}, n_prev), a row for each unit; {names.W}.T would fit"
        )
    require_shape(names.where, names.b, b, names.W, W, (n, 1))
    return W, b


def checked_linear(names: Names, A_prev: object, W: object, b: object) -> LinearCache:
    """What a layer's linear part takes, of shapes that go together."""
    A_prev = matrix(names.where, names.A_prev, A_prev)
    W, b = checked_Wb(names, W, b)
    n_prev = W.shape[1]
    # What a layer hands to the next one is never turned; what is handed in may be.
    if A_prev.shape[0] != n_prev == A_prev.shape[1] and names.A_prev in ("X", "A_prev"):
        raise ValueError(
            f"{names.where}: {names.A_prev} is {A_prev.shape} but {names.W} is {W.shape}: expected "
            f"{names.A_prev} ({n_prev}, m), an example a column; {names.A_prev}.T would fit"
        )
    # W goes with b, so that it is not turned.
    shape = (names.n, A_prev.shape[0])
    require_shape(names.where, names.W, W, names.A_prev, A_prev, shape, turned=False)
    return A_prev, W, b


def checked_linear_cache(names: Names, linear_cache: object) -> LinearCache:
    """A linear cache that is one."""
    if not isinstance(linear_cache, (tuple, list)) or len(linear_cache) != 3:
        raise TypeError(
            f"{names.where}: the linear cache is {described(linear_cache)}: expected (A_prev, W, b)"
        )
    return checked_linear(names, *linear_cache)


def checked_cache(names: Names, cache: object) -> AnyCache:
    """A layer's cache that is one."""
    if type(cache) is Cache and cache._left is not None:
        return cache  # checked by the forward step
    if not isinstance(cache, (tuple, list)) or len(cache) != 2:
        raise TypeError(
            f"{names.where}: the cache is {described(cache)}: expected ((A_prev, W, b), Z)"
        )
    linear_cache = checked_linear_cache(names, cache[0])
    A_prev, W, _ = linear_cache
    Z = matrix(names.where, names.Z, cache[1])
    require_shape(names.where, names.Z, Z, names.W, W, (W.shape[0], "m"))
    require_shape(names.where, names.Z, Z, names.A_prev, A_prev, (names.n, A_prev.shape[1]))
    return linear_cache, Z


_ACTIVATIONS = frozenset(_core.activation_names())


def activation_of(where: str, name: object) -> str:
    """The core's name of an activation."""
    if type(name) is str and name in _ACTIVATIONS:
        return name
    return activation_named(name, f"{where}: activation")


@functools.cache
def usual_activations(L: int) -> list[str]:
    """A name for each of L layers: the course's."""
    return ["relu"] * (L - 1) + ["sigmoid"]


def activations_of(where: str, activations: Sequence[str] | None, L: int) -> list[str]:
    """A name for each layer; the course's by default."""
    if activations is None:
        return usual_activations(L)
    if type(activations) is list and len(activations) == L and _ACTIVATIONS.issuperset(activations):
        return activations
    expected = f"{where}: activations is {activations!r}: expected a list of {L}, a name a layer"
    if isinstance(activations, str) or not isinstance(activations, Sequence):
        raise TypeError(expected)
    if len(activations) != L:
        raise ValueError(expected)
    return [activation_of(where, name) for name in activations]


def activation_behind(names: Names, cache: AnyCache, given: str | None) -> str | None:
    """The activation of a layer's forward step: what its cache knows, or else what is given."""
    known = getattr(cache, "activation", None)
    if known is None or given in (None, known):
        return known or given
    raise ValueError(
        f"{names.where}: the activation is {given!r} but the cache is of {known!r}: expected that "
        "of the forward step, or none, as the cache knows"
    )

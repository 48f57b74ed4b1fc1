"""The arguments of the building blocks, held to what they must be, and how messages call them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from deltarule._arrays import Array
from deltarule._checks import (
    NO_ALIASES,
    as_array,
    did_you_mean,
    expect_in_range,
    is_number,
    name_of,
)
from deltarule.layers.base import activation_named
from deltarule.losses import LOSS_ALIASES, LOSSES, Loss, expect_targets

LinearCache: TypeAlias = tuple[Array, Array, Array]  # A_prev, W, b

AnyCache: TypeAlias = tuple[LinearCache, Array]  # and Z


class Cache(AnyCache):
    """``((A_prev, W, b), Z)`` of a layer, a tuple that knows the layer's ``activation``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[0.5]])
    >>> A, cache = blocks.linear_activation_forward(np.ones((2, 3)), W, b, "relu")
    >>> linear_cache, Z = cache
    >>> cache.activation, Z.shape
    ('relu', (1, 3))
    """

    activation: str

    def __new__(cls, linear_cache: LinearCache, Z: Array, activation: str) -> Self:
        """Make the tuple."""
        cache = super().__new__(cls, (linear_cache, Z))
        cache.activation = activation
        return cache

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.activation)


_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "poisson",
    "binary_cross_entropy",
    "categorical_cross_entropy",
)


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


def described(value: object) -> str:
    """A value by its type and length."""
    size = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return f"{type(value).__name__}{size}"


def listing(mapping: Mapping[str, object]) -> str:
    """A mapping's keys, for a message."""
    return ", ".join(map(str, mapping)) or "no keys"


def real(where: str, name: str, value: object) -> Array:
    """An array of real numbers, as it lies: never a copy of one."""
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        raise TypeError(
            f"{where}: {name} is {described(value)}: expected an array; a forward step returns it "
            "and its caches, as in AL, caches = L_model_forward(X, parameters)"
        )
    array = as_array(value, where, name)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{where}: {name} is an array of {array.dtype}: "
            "expected real numbers: float32, float64, integers or bools"
        )
    return array


def matrix(where: str, name: str, value: object) -> Array:
    """Two dimensions of real numbers, neither of them 0."""
    array = real(where, name, value)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{where}: {name} is {array.shape}: expected two dimensions, neither of them 0"
        )
    return array


def require_shape(
    where: str,
    name: str,
    array: Array,
    other_name: str,
    other: Array,
    shape: tuple[int | str, ...],
    *,
    turned: bool = True,
) -> None:
    """`array` must have `shape`, which follows from `other`; a name in it stands for any number.

    `turned` is whether to say where the transposed array would have it.
    """
    if not _is_of(shape, array):
        raise ValueError(
            f"{where}: {name} is {array.shape} but {other_name} is {other.shape}: "
            f"expected {name} ({', '.join(map(str, shape))})"
            + (f"; {name}.T would fit" if turned and _is_of(shape, array.T) else "")
        )


def _is_of(shape: tuple[int | str, ...], array: Array) -> bool:
    return array.ndim == len(shape) and all(
        isinstance(expected, str) or expected == got
        for expected, got in zip(shape, array.shape, strict=True)
    )


def _checked_Wb(names: Names, W: object, b: object) -> tuple[Array, Array]:
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
    W, b = _checked_Wb(names, W, b)
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


def require_mapping(where: str, name: str, value: object) -> None:
    """Hold what is to be a dictionary to being one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: {name} is {described(value)}: expected a dictionary of arrays")


def checked_parameters(where: str, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """``W1, b1, ..., WL, bL`` in this order, each layer's checked by itself."""
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
        p[W], p[b] = _checked_Wb(in_model(layer), parameters[W], parameters[b])
    return p


def checked_gradients(
    where: str, argument: str, grads: Mapping[str, Array], p: Mapping[str, Array]
) -> dict[str, Array]:
    """``dW1, db1, ...``, one of the shape of each of the parameters ``p``."""
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


def target_of(where: str, Y: object, AL: Array, loss: Loss, dtype: npt.DTypeLike) -> Array:
    """`Y` as the core takes it: of the shape and dtype of the output, or int64 labels ``(m,)``."""
    array = real(where, "Y", Y)
    n, m = AL.shape
    if loss.takes_labels and array.shape in ((m,), (1, m)) and array.shape != (n, m):
        return _labels(where, array, n)
    fits = array.shape == (n, m) or (n == 1 and array.shape == (m,))
    if not fits:
        labels = f" one-hot, or ({m},) integer labels" if loss.takes_labels else ""
        turned = "; Y.T would fit: an example is a column" if array.shape == (m, n) else ""
        raise ValueError(
            f"{where}: Y is {array.shape} but AL is {AL.shape}: expected Y ({n}, {m}){labels}"
            f"{turned}"
        )
    expect_targets(array, loss, f"{where}: Y")
    return as_dtype(dtype, array.reshape(n, m))


def _labels(where: str, labels: Array, n: int) -> Array:
    if labels.dtype.kind == "f":
        raise TypeError(
            f"{where}: Y is {labels.shape} of {labels.dtype}: "
            f"expected integer labels, or one-hot of {n} rows"
        )
    outside = np.argwhere((labels < 0) | (labels >= n))
    if outside.size:
        index = tuple(outside[0].tolist())
        raise ValueError(
            f"{where}: Y[{', '.join(map(str, index))}] is {labels[index]}: "
            f"expected a label in 0 ... {n - 1}, as AL has {n} rows"
        )
    return labels.reshape(-1).astype(np.int64)


def choice(
    where: str,
    name: str,
    value: object,
    choices: Sequence[str] | Mapping[str, Any],
    aliases: Mapping[str, str] = NO_ALIASES,
) -> str:
    """One of several names."""
    found = name_of(value, choices, aliases) if isinstance(value, str) else None
    if found is None or found not in choices:
        raise ValueError(
            f"{where}: {name} is {value!r}: expected one of {', '.join(choices)}"
            f"{did_you_mean(value, choices, aliases)}"
        )
    return found


def activation_of(where: str, name: object) -> str:
    """The core's name of an activation."""
    return activation_named(name, f"{where}: activation")


def loss_of(where: str, name: str | None, usual: type[Loss]) -> Loss:
    """The loss of a name, or the usual one."""
    if name is None:
        return usual()
    return LOSSES[choice(where, "loss", name, _LOSSES, LOSS_ALIASES)]()


def activations_of(where: str, activations: Sequence[str] | None, L: int) -> list[str]:
    """A name for each layer; the course's by default."""
    if activations is None:
        return ["relu"] * (L - 1) + ["sigmoid"]
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


def size_of(where: str, name: str, value: int) -> int:
    """A size, 1 or more."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} is {value!r}: expected an integer") from None
    if size < 1:
        raise ValueError(f"{where}: {name} is {value!r}: expected an integer of at least 1")
    return size


def finite_number(where: str, name: str, value: float) -> float:
    """A finite number."""
    if not is_number(value):
        raise TypeError(f"{where}: {name} is {described(value)}: expected a number")
    return expect_in_range(value, f"{where}: {name}")


def dtype_of(arrays: Sequence[Array]) -> npt.DTypeLike:
    """The dtype of a call: float32 if all of its arrays are, else float64."""
    # The type and not the dtype, which knows byte orders.
    return np.float32 if all(array.dtype.type is np.float32 for array in arrays) else np.float64


def as_dtype(dtype: npt.DTypeLike, array: Array) -> Array:
    """An array as the core reads it in place."""
    # Column-major is what the core reads in place, and what it makes: a chain of blocks copies
    # nothing.
    array = np.asarray(array, dtype=dtype, order="F")
    return array if array.flags.aligned else array.copy(order="F")

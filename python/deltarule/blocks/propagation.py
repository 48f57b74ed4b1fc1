"""A whole network in one call, on the flat caches of the course's notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, overload

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import (
    as_dtype,
    described,
    dtype_of,
    is_ready,
    listing,
    matrix,
    real,
    require_shape,
)
from deltarule.blocks.caches import checked_linear, in_model
from deltarule.blocks.cost import target_of, with_formula
from deltarule.blocks.layer import dense_backward, dense_forward, ready_input
from deltarule.blocks.parameters import as_dtypes, checked_parameters, layer_keys

FlatCache: TypeAlias = Sequence[Array]


def layer_sizes(X: Array, Y: Array) -> tuple[int, int, int]:
    """The sizes of a network with one hidden layer for X and Y.

    Parameters
    ----------
    X : ndarray, (n_x, m)
    Y : ndarray, (n_y, m)

    Returns
    -------
    n_x, n_h, n_y : int
        With a hidden layer of 4 units, as the course has it.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix of real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> layer_sizes(np.ones((5, 3)), np.ones((2, 3)))
    (5, 4, 2)
    """
    X, Y = matrix("layer_sizes", "X", X), matrix("layer_sizes", "Y", Y)
    return X.shape[0], 4, Y.shape[0]


def forward_propagation(X: Array, parameters: Mapping[str, Array]) -> tuple[Array, Any]:
    """Forward through a network for two classes, as the course's notebooks build it.

    With one hidden layer it is the one of the flower: ``A1 = tanh(W1 X + b1)``,
    ``A2 = sigmoid(W2 A1 + b2)``. With more, or with none, hidden layers are ReLUs, and the output
    is a sigmoid again. `L_model_forward` takes any activations.

    Parameters
    ----------
    X : ndarray, (n_0, m)
        Inputs, an example a column.
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.

    Returns
    -------
    AL : ndarray, (n_L, m)
    cache : dict or tuple
        With one hidden layer the dictionary of ``Z1``, ``A1``, ``Z2`` and ``A2``; else the tuple
        ``(Z1, A1, W1, b1, ..., ZL, AL, WL, bL)``.

    Raises
    ------
    TypeError, ValueError
        As `L_model_forward`.

    References
    ----------
    ``docs/notation``, Forward.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[0.0, 0.0]]), "b1": np.array([[1.0]])}
    >>> parameters |= {"W2": np.array([[2.0]]), "b2": np.array([[0.0]])}
    >>> A2, cache = forward_propagation(np.ones((2, 3)), parameters)
    >>> print(cache["A1"])  # tanh 1
    [[0.76159416 0.76159416 0.76159416]]
    """
    where = "forward_propagation"
    if len(parameters) != 4:
        return flat_forward(where, X, parameters)
    A2, (Z1, A1, _, _, Z2, _, _, _) = flat_forward(where, X, parameters, hidden="tanh")
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


@overload
def backward_propagation(
    parameters: Mapping[str, Array], cache: Mapping[str, Array], X: Array, Y: Array, /
) -> dict[str, Array]: ...
@overload
def backward_propagation(X: Array, Y: Array, cache: FlatCache, /) -> dict[str, Array]: ...
def backward_propagation(*arguments: Any) -> dict[str, Array]:
    """Backward through the network of `forward_propagation`.

    ``backward_propagation(parameters, cache, X, Y)`` with one hidden layer,
    ``backward_propagation(X, Y, cache)`` with more, as the course's notebooks call it.

    ``dZ_L = AL - Y``, then for each layer ``dW_l = (1/m) dZ_l A_prev^T``,
    ``db_l = (1/m) sum over columns of dZ_l`` and ``dA_prev = W_l^T dZ_l``;
    ``dZ1 = dA1 * (1 - A1^2)`` of a tanh, and ``dZ_l = dA_l`` where ``A_l > 0`` of a ReLU.

    Parameters
    ----------
    *arguments
        ``parameters``: ``W1, b1, W2, b2``; ``cache`` as `forward_propagation` returned it;
        ``X (n_0, m)`` and the targets ``Y (n_L, m)``, 0 or 1.

    Returns
    -------
    dict of str to ndarray
        ``dW_l`` and ``db_l`` of each layer. With more than one hidden layer also ``dZ_l`` of each
        layer and ``dA_l`` of each hidden one.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape, or a cache of another network.

    References
    ----------
    ``docs/notation``, Backward.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[1, 0]])
    >>> parameters = initialize_parameters(2, 4, 1)
    >>> A2, cache = forward_propagation(X, parameters)
    >>> list(backward_propagation(parameters, cache, X, Y))
    ['dW1', 'db1', 'dW2', 'db2']
    """
    where = "backward_propagation"
    if len(arguments) == 4:
        return _through_one_hidden_layer(where, *arguments)
    if len(arguments) != 3:
        raise TypeError(
            f"{where}: {len(arguments)} arguments: expected (parameters, cache, X, Y) with one "
            "hidden layer, (X, Y, cache) with more"
        )
    X, Y, cache = arguments
    return backward(where, X, Y, expect_flat_cache(where, cache, 4))


def _through_one_hidden_layer(
    where: str, parameters: Mapping[str, Array], cache: Mapping[str, Array], X: Array, Y: Array
) -> dict[str, Array]:
    p = checked_parameters(where, parameters)
    if len(p) != 4:
        raise ValueError(
            f"{where}: parameters has {listing(p)}: expected W1, b1, W2, b2; with more layers it "
            "is backward_propagation(X, Y, cache)"
        )
    if not isinstance(cache, Mapping) or not {"A1", "A2"} <= cache.keys():
        raise TypeError(
            f"{where}: the cache is {described(cache)}: expected that of forward_propagation, with "
            "A1 and A2"
        )
    A0, as_read = inputs(where, X, parameters, p)
    A1 = _activation(where, "A1", cache["A1"], p["W1"].shape[0], A0)
    A2 = _activation(where, "A2", cache["A2"], p["W2"].shape[0], A0)
    Y = target_of(where, Y, A2, with_formula("binary_cross_entropy")[0], A0.dtype)
    dZ2 = A2 - Y
    dA1, dW2, db2 = dense_backward(dZ2, A1, as_read["W2"])
    dZ1 = A1 * A1
    np.subtract(1, dZ1, dZ1)
    dZ1 *= dA1
    _, dW1, db1 = dense_backward(dZ1, A0, as_read["W1"], input_gradient=False)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def _activation(where: str, name: str, A: object, n: int, A0: Array) -> Array:
    A = matrix(where, name, A)
    m = A0.shape[1]
    if A.shape != (n, m):
        raise ValueError(f"{where}: {name} is {A.shape}: expected ({n}, {m})")
    return ready_input(A0.dtype, A)


def expect_flat_cache(where: str, cache: Any, arrays: int) -> FlatCache:
    """A tuple of ``arrays`` a layer: 4, or with dropout 5 of each but the last."""
    if isinstance(cache, (tuple, list)) and cache and (len(cache) + arrays - 4) % arrays == 0:
        return cache
    each = "Z1, A1, W1, b1, ..." if arrays == 4 else "Z1, D1, A1, W1, b1, ..."
    also = ""
    if isinstance(cache, dict):
        also = "; that of one hidden layer goes into backward_propagation(parameters, cache, X, Y)"
    raise TypeError(f"{where}: the cache is {described(cache)}: expected ({each}){also}")


def inputs(
    where: str, X: Any, parameters: Mapping[str, Array], p: Mapping[str, Array]
) -> tuple[Array, Mapping[str, Array]]:
    """X and the checked parameters as the core reads them, of sizes that go together."""
    A: Array = X if is_ready(X) else real(where, "X", X)
    n_prev: int | None = None
    for layer, (key_W, key_b) in enumerate(layer_keys(len(p) // 2), start=1):
        W = p[key_W]
        if layer == 1:
            fits = A.ndim == 2 and A.shape[0] == W.shape[1] and A.shape[1] > 0
        else:
            fits = W.shape[1] == n_prev
        if not fits:
            A_prev = A if layer == 1 else np.empty((n_prev or 0, A.shape[1]))
            checked_linear(in_model(layer), A_prev, W, p[key_b])  # says so
        n_prev = W.shape[0]
    if p is parameters and A.dtype is p["W1"].dtype:
        return ready_input(A.dtype, A), p
    dtype = dtype_of([A, *p.values()])
    return ready_input(dtype, A), as_dtypes(dtype, p)


def flat_forward(
    where: str,
    X: Array,
    parameters: Mapping[str, Array],
    *,
    hidden: str = "relu",
    drop: Callable[[Array], Array] | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """Forward through hidden layers of one activation to a sigmoid: ``AL`` and the cache.

    ``drop`` drops some of each A in its place, and returns which are kept, for the cache.
    """
    p = checked_parameters(where, parameters)
    A, as_read = inputs(where, X, parameters, p)
    kept: list[Array] = []
    *before, last = layer_keys(len(p) // 2)
    for key_W, key_b in before:
        Z = dense_forward(A, as_read[key_W], as_read[key_b])
        A = _core.activation_forward(hidden, Z)
        kept += [Z, A, p[key_W], p[key_b]] if drop is None else [Z, drop(A), A, p[key_W], p[key_b]]
    key_W, key_b = last
    Z = dense_forward(A, as_read[key_W], as_read[key_b])
    AL = _core.activation_forward("sigmoid", Z)
    return AL, (*kept, Z, AL, p[key_W], p[key_b])


def backward(
    where: str,
    X: Array,
    Y: Array,
    cache: FlatCache,
    *,
    lambd: float = 0.0,
    masks: Sequence[Array] = (),
    keep_prob: float = 1.0,
) -> dict[str, Array]:
    """``dZ_l``, ``dA_l``, ``dW_l`` and ``db_l``, from ``dZ_L = AL - Y`` down through ReLUs."""
    L = len(cache) // 4
    A_prev = matrix(where, "X", X)
    layers = []
    for layer in range(1, L + 1):
        _, A, W, b = cache[4 * layer - 4 : 4 * layer]
        names = in_model(layer)
        checked_linear(names, A_prev, W, b)
        A = matrix(where, f"A{layer}", A)
        require_shape(names.where, f"A{layer}", A, names.W, W, (W.shape[0], A_prev.shape[1]))
        layers.append((A_prev, A, W))
        A_prev = A
    AL = A_prev
    dtype = dtype_of([array for kept in layers for array in kept])
    Y = target_of(where, Y, AL, with_formula("binary_cross_entropy")[0], dtype)
    m = AL.shape[1]
    dZ = as_dtype(dtype, AL) - Y
    grads: dict[str, Array] = {}
    for layer in range(L, 0, -1):
        A_prev, A, W = layers[layer - 1]
        if layer < L:
            dA = grads[f"dA{layer}"]
            if masks:
                dA *= masks[layer - 1]
                dA /= keep_prob
            dZ = _core.activation_backward("relu", dA, as_dtype(dtype, A))  # A > 0 as Z > 0
        W = as_dtype(dtype, W)
        dA_prev, dW, grads[f"db{layer}"] = dense_backward(
            dZ, ready_input(dtype, A_prev), W, input_gradient=layer > 1
        )
        if lambd:
            dW += lambd / m * W
        grads |= {f"dZ{layer}": dZ, f"dW{layer}": dW}
        if layer > 1:
            grads[f"dA{layer - 1}"] = dA_prev
    return grads

"""The building blocks: the course's functions, on dictionaries of arrays and explicit caches.

Everything here speaks the orientation of the equations: an example is a column, so ``X`` is
``(n_0, m)``, ``W`` is ``(n_l, n_prev)`` and ``b`` is ``(n_l, 1)``. A whole network is

    parameters = initialize_parameters_deep([12288, 20, 7, 5, 1])
    for _ in range(2500):
        AL, caches = L_model_forward(X, parameters)
        cost = compute_cost(AL, Y)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate=0.0075)

The defaults are the course's: ReLU in the hidden layers, a sigmoid output, binary cross-entropy.
``activations=`` and ``loss=`` open the rest: logistic regression is one layer, softmax
classification another output.

What holds for every function:

- Inputs are never modified, and results share no memory with them; caches alone hold the very
  arrays that were passed in.
- Arrays may lie in memory in any order. The work is done in float32 if every array of the call is
  float32 (labels ``Y`` excepted), else in float64; integers and bools are converted.
- NaN and Inf are numbers like others: they go through as IEEE 754 says.
- A wrong shape or name is a ValueError, a wrong type a TypeError, and both say what came and what
  was expected.

The notation, and the source of every equation: ``docs/notation``.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from deltarule import _core

__all__ = [
    "GradientCheck",
    "L_model_backward",
    "L_model_forward",
    "compute_cost",
    "gradient_check",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "update_parameters",
]

Array: TypeAlias = npt.NDArray[Any]
LinearCache: TypeAlias = tuple[Array, Array, Array]  # A_prev, W, b
Cache: TypeAlias = tuple[LinearCache, Array]  # and Z

_BINARY = "binary_cross_entropy"
_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "poisson",
    "binary_cross_entropy",
    "categorical_cross_entropy",
)

# The weights of a layer, from a source of standard normal numbers.
_INITIALIZERS: dict[str, Callable[[Callable[[int, int], Array], int, int], Array]] = {
    "lecun_normal": lambda randn, n, n_prev: randn(n, n_prev) / math.sqrt(n_prev),
    "small_normal": lambda randn, n, n_prev: randn(n, n_prev) * 0.01,
    "he_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / n_prev),
    "glorot_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / (n_prev + n)),
    "zeros": lambda _, n, n_prev: np.zeros((n, n_prev)),
}


# Initialisation ------------------------------------------------------------------------------


def initialize_parameters(
    n_x: int, n_h: int, n_y: int, *, init: str = "small_normal", seed: int = 1
) -> dict[str, Array]:
    """Parameters of a network with one hidden layer: ``W1 b1 W2 b2``.

    The same as ``initialize_parameters_deep([n_x, n_h, n_y])``, but for its default: small weights,
    ``W = 0.01 * randn``.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Inputs, hidden units and outputs.
    init : str
        How the weights are drawn; see `initialize_parameters_deep`.
    seed : int
        Seed of NumPy's legacy generator.

    Returns
    -------
    dict of str to ndarray
        ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``, ``b2 (n_y, 1)``, float64.

    Raises
    ------
    TypeError, ValueError
        A size that is no positive integer, or an unknown `init`.
    """
    return initialize_parameters_deep([n_x, n_h, n_y], init=init, seed=seed)


def initialize_parameters_deep(
    layer_dims: Sequence[int], *, init: str = "lecun_normal", seed: int = 1
) -> dict[str, Array]:
    """Parameters of a network of any depth: ``W1 b1 ... WL bL``.

    Weights are drawn from ``numpy.random.RandomState(seed)`` in the order of the layers, so that
    the course's seeds give the course's numbers; biases are zero.

    Parameters
    ----------
    layer_dims : sequence of int
        ``n_0, n_1, ..., n_L``: the inputs and the units of each layer.
    init : {"lecun_normal", "small_normal", "he_normal", "glorot_normal", "zeros"}
        The standard deviation of ``W_l``: ``sqrt(1 / n_prev)``, ``0.01``, ``sqrt(2 / n_prev)``,
        ``sqrt(2 / (n_prev + n_l))``, or no draw at all.
    seed : int
        Seed of the generator.

    Returns
    -------
    dict of str to ndarray
        ``W_l (n_l, n_prev)`` and ``b_l (n_l, 1)``, float64.

    Raises
    ------
    TypeError, ValueError
        Fewer than two sizes, a size that is no positive integer, or an unknown `init`.

    References
    ----------
    ``docs/notation``, Initialisation: LeCun et al. 1998, He et al. 2015, Glorot & Bengio 2010.
    """
    where = "initialize_parameters_deep"
    n = [_size(where, f"layer_dims[{i}]", size) for i, size in enumerate(layer_dims)]
    if len(n) < 2:
        raise ValueError(
            f"{where}: layer_dims is {list(layer_dims)}: "
            "expected n_0, n_1, ..., n_L, two sizes or more"
        )
    draw = _INITIALIZERS[_choice(where, "init", init, _INITIALIZERS)]
    randn = np.random.RandomState(seed).randn
    parameters: dict[str, Array] = {}
    for layer in range(1, len(n)):
        parameters[f"W{layer}"] = draw(randn, n[layer], n[layer - 1])
        parameters[f"b{layer}"] = np.zeros((n[layer], 1))
    return parameters


# Forward -------------------------------------------------------------------------------------


def linear_forward(A_prev: Array, W: Array, b: Array) -> tuple[Array, LinearCache]:
    """The linear part of a layer: ``Z = W A_prev + b``.

    Parameters
    ----------
    A_prev : ndarray, (n_prev, m)
        Activations of the layer before, or ``X``.
    W : ndarray, (n_l, n_prev)
    b : ndarray, (n_l, 1)

    Returns
    -------
    Z : ndarray, (n_l, m)
    linear_cache : tuple
        ``(A_prev, W, b)``, the arrays that were passed in.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers, or of the wrong shape.

    References
    ----------
    ``docs/notation``, Forward.
    """
    linear_cache = _checked_linear(_alone("linear_forward"), A_prev, W, b)
    return _dense_forward(linear_cache, _dtype_of(linear_cache)), linear_cache


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: str
) -> tuple[Array, Cache]:
    """A layer: ``Z = W A_prev + b``, ``A = g(Z)``.

    Parameters
    ----------
    A_prev : ndarray, (n_prev, m)
    W : ndarray, (n_l, n_prev)
    b : ndarray, (n_l, 1)
    activation : str
        The name of ``g``: identity, sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu,
        softplus, exponential or softmax.

    Returns
    -------
    A : ndarray, (n_l, m)
    cache : tuple
        ``(linear_cache, activation_cache)`` with ``linear_cache = (A_prev, W, b)``, the arrays that
        were passed in, and ``activation_cache = Z``.

    Raises
    ------
    TypeError, ValueError
        As `linear_forward`, and for an unknown activation.

    References
    ----------
    ``docs/notation``, Forward and Activations.
    """
    names = _alone("linear_activation_forward")
    _activation(names.where, activation)
    linear_cache = _checked_linear(names, A_prev, W, b)
    Z = _dense_forward(linear_cache, _dtype_of(linear_cache))
    return _core.activation_forward(activation, Z), (linear_cache, Z)


def L_model_forward(
    X: Array, parameters: Mapping[str, Array], *, activations: Sequence[str] | None = None
) -> tuple[Array, list[Cache]]:
    """All layers: ``A_0 = X``, ``A_l = g_l(W_l A_prev + b_l)`` for l = 1 ... L.

    Parameters
    ----------
    X : ndarray, (n_0, m)
        Inputs, an example a column.
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.
    activations : sequence of str, optional
        One name a layer; ReLU for every hidden layer and a sigmoid output if not given.

    Returns
    -------
    AL : ndarray, (n_L, m)
    caches : list of tuple
        The cache of each layer, as of `linear_activation_forward`.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape (the message names the layer),
        parameters that miss one, or an unknown activation.

    References
    ----------
    ``docs/notation``, Forward.
    """
    where = "L_model_forward"
    p = _checked_parameters(where, parameters)
    g = _activations(where, activations, len(p) // 2)
    A = _real(where, "X", X)
    dtype = _dtype_of([A, *p.values()])
    caches: list[Cache] = []
    for layer, activation in enumerate(g, start=1):
        linear_cache = _checked_linear(_in_model(layer), A, p[f"W{layer}"], p[f"b{layer}"])
        Z = _dense_forward(linear_cache, dtype)
        A = _core.activation_forward(activation, Z)
        caches.append((linear_cache, Z))
    return A, caches


# Cost ----------------------------------------------------------------------------------------


def compute_cost(AL: Array, Y: Array, *, loss: str = _BINARY) -> float:
    """The cost: the mean over the examples of the loss of ``AL`` against ``Y``.

    ``binary_cross_entropy``: the mean over outputs of ``-(y log a + (1 - y) log(1 - a))``;
    ``categorical_cross_entropy``: the sum over classes of ``-y log a``;
    ``mean_squared_error``: the mean over outputs of ``(a - y)^2``.
    ``mean_absolute_error``, ``huber`` with a delta of 1, ``log_cosh`` and ``poisson`` are means
    over outputs, too.

    As ``0 log 0`` is 0, an output that is certain and right costs nothing, and one that is certain
    and wrong costs inf.

    Parameters
    ----------
    AL : ndarray, (n_L, m)
        The network's output.
    Y : ndarray, (n_L, m)
        Targets; ``(m,)`` will do where there is one output. For ``categorical_cross_entropy`` also
        integer labels 0 ... n_L - 1, of shape ``(m,)`` or ``(1, m)``.
    loss : str
        The name of the loss.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape, a label out of range, or an
        unknown loss.

    References
    ----------
    ``docs/notation``, Losses.
    """
    where = "compute_cost"
    formula = _loss(where, loss)
    AL = _matrix(where, "AL", AL)
    dtype = _dtype_of([AL])
    m: int = AL.shape[1]
    total, _ = _core.loss_backward(formula, _as(dtype, AL), _target(where, Y, AL, formula, dtype))
    return float(total) / m


# Backward ------------------------------------------------------------------------------------


def linear_backward(dZ: Array, linear_cache: LinearCache) -> tuple[Array, Array, Array]:
    """Backward through the linear part of a layer.

    ``dA_prev = W^T dZ``, ``dW = (1/m) dZ A_prev^T``, ``db = (1/m) sum over columns of dZ``.

    Parameters
    ----------
    dZ : ndarray, (n_l, m)
        Gradient of each example's loss with respect to ``Z``.
    linear_cache : tuple
        ``(A_prev, W, b)``.

    Returns
    -------
    dA_prev : ndarray, (n_prev, m)
    dW : ndarray, (n_l, n_prev)
    db : ndarray, (n_l, 1)

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape, or something else than a cache.

    References
    ----------
    ``docs/notation``, Backward.
    """
    names = _alone("linear_backward")
    linear_cache = _checked_linear_cache(names, linear_cache)
    A_prev, W, _ = linear_cache
    dZ = _matrix(names.where, "dZ", dZ)
    _require_shape(names.where, "dZ", dZ, "W", W, (W.shape[0], "m"))
    _require_shape(names.where, "dZ", dZ, "A_prev", A_prev, ("n_l", A_prev.shape[1]))
    dtype = _dtype_of([dZ, *linear_cache])
    return _dense_backward(_as(dtype, dZ), linear_cache, dtype)


def linear_activation_backward(
    dA: Array, cache: Cache, activation: str
) -> tuple[Array, Array, Array]:
    """Backward through a layer: ``dZ = dA * g'(Z)``, then `linear_backward`.

    Parameters
    ----------
    dA : ndarray, (n_l, m)
        Gradient of each example's loss with respect to ``A``.
    cache : tuple
        ``((A_prev, W, b), Z)``.
    activation : str
        The name of ``g``, as for `linear_activation_forward`.

    Returns
    -------
    dA_prev : ndarray, (n_prev, m)
    dW : ndarray, (n_l, n_prev)
    db : ndarray, (n_l, 1)

    Raises
    ------
    TypeError, ValueError
        As `linear_backward`, and for an unknown activation.

    References
    ----------
    ``docs/notation``, Backward and Activations.
    """
    names = _alone("linear_activation_backward")
    _activation(names.where, activation)
    linear_cache, Z = _checked_cache(names, cache)
    dA = _matrix(names.where, "dA", dA)
    _require_shape(names.where, "dA", dA, "Z", Z, Z.shape)
    dtype = _dtype_of([dA, Z, *linear_cache])
    dZ = _core.activation_backward(activation, _as(dtype, dA), _as(dtype, Z))
    return _dense_backward(dZ, linear_cache, dtype)


def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[Cache],
    *,
    activations: Sequence[str] | None = None,
    loss: str = _BINARY,
    input_gradient: bool = False,
) -> dict[str, Array]:
    """Backward through all layers, from ``dA_L = d loss / d AL`` down to ``dW1`` and ``db1``.

    Parameters
    ----------
    AL : ndarray, (n_L, m)
        The network's output.
    Y : ndarray
        Targets, as for `compute_cost`.
    caches : sequence of tuple
        As `L_model_forward` returned them.
    activations : sequence of str, optional
        Those of the forward pass.
    loss : str
        As for `compute_cost`.
    input_gradient : bool
        Whether to compute ``dA0``, the gradient with respect to ``X``, too.

    Returns
    -------
    dict of str to ndarray
        ``dW_l (n_l, n_prev)`` and ``db_l (n_l, 1)``, the gradients of the cost, for l = 1 ... L;
        ``dA_l (n_l, m)``, the gradient of each example's loss with respect to ``A_l``, for
        l = 1 ... L - 1, and for l = 0 if asked for.

    Raises
    ------
    TypeError, ValueError
        As `compute_cost` and `linear_activation_backward`; the message names the layer.

    Notes
    -----
    ``dZ_L`` is the product ``dA_L * g'(Z_L)``. Where a sigmoid or softmax output is saturated that
    product is 0 times inf; there ``AL - Y`` is used, to which it is equal.

    References
    ----------
    ``docs/notation``, Backward and Losses.
    """
    where = "L_model_backward"
    formula = _loss(where, loss)
    AL = _matrix(where, "AL", AL)
    if not isinstance(caches, (list, tuple)) or not caches:
        raise TypeError(
            f"{where}: caches is {_described(caches)}: expected those that L_model_forward returned"
        )
    layers = [_checked_cache(_in_model(i), cache) for i, cache in enumerate(caches, start=1)]
    L = len(layers)
    g = _activations(where, activations, L)
    _require_shape(f"layer {L}", "AL", AL, f"Z{L}", layers[-1][1], layers[-1][1].shape)
    dtype = _dtype_of([AL, *(array for linear, Z in layers for array in (*linear, Z))])
    target = _target(where, Y, AL, formula, dtype)

    grads: dict[str, Array] = {}
    for layer in range(L, 0, -1):
        linear_cache, Z = layers[layer - 1]
        if layer == L:
            dZ = _output_dZ(_as(dtype, AL), target, _as(dtype, Z), g[-1], formula)
        else:
            dA = grads[f"dA{layer}"]
            _require_shape(f"layer {layer}", f"Z{layer}", Z, f"dA{layer}", dA, dA.shape)
            dZ = _core.activation_backward(g[layer - 1], dA, _as(dtype, Z))
        dA_prev, grads[f"dW{layer}"], grads[f"db{layer}"] = _dense_backward(
            dZ, linear_cache, dtype, input_gradient=input_gradient or layer > 1
        )
        if dA_prev is not None:
            grads[f"dA{layer - 1}"] = dA_prev
    return grads


# Update --------------------------------------------------------------------------------------


def update_parameters(
    parameters: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float
) -> dict[str, Array]:
    """A step of gradient descent: ``W := W - learning_rate dW``, ``b := b - learning_rate db``.

    Parameters
    ----------
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.
    grads : dict of str to ndarray
        ``dW1, db1, ..., dWL, dbL``; what else it holds is not looked at.
    learning_rate : float
        alpha, a finite number.

    Returns
    -------
    dict of str to ndarray
        The new parameters, in new arrays.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers, a gradient that is missing or not of its parameter's
        shape, or a learning rate that is no finite number.

    References
    ----------
    ``docs/notation``, Optimizers.
    """
    where = "update_parameters"
    alpha = _number(where, "learning_rate", learning_rate)
    p = _checked_parameters(where, parameters)
    _require_mapping(where, "grads", grads)
    missing = [f"d{name}" for name in p if f"d{name}" not in grads]
    if missing:
        raise ValueError(
            f"{where}: grads has {_listing(grads)}: expected {missing[0]} too, "
            "as each of the parameters has its gradient"
        )
    d = {name: _real(where, f"d{name}", grads[f"d{name}"]) for name in p}
    for name, array in p.items():
        _require_shape(where, f"d{name}", d[name], name, array, array.shape)
    dtype = _dtype_of([*p.values(), *d.values()])
    return {name: _as(dtype, p[name]) - alpha * _as(dtype, d[name]) for name in p}


# Checking a gradient -------------------------------------------------------------------------


@dataclass(frozen=True)
class GradientCheck:
    """What `gradient_check` found.

    Attributes
    ----------
    relative_difference : float
        ``|d - approx| / (|d| + |approx|)`` with Euclidean norms over all parameters; 0 where both
        are zero, NaN where an entry is not finite.
    worst_parameter : str
        The parameter that holds the worst entry, the one where the two are furthest apart, such
        as ``"W2"``.
    worst_index : tuple of int
        Where in that parameter.
    gradient : float
        The worst entry as `L_model_backward` has it.
    numerical_gradient : float
        The worst entry as the central difference has it.
    """

    relative_difference: float
    worst_parameter: str
    worst_index: tuple[int, int]
    gradient: float
    numerical_gradient: float


def gradient_check(
    parameters: Mapping[str, Array],
    X: Array,
    Y: Array,
    *,
    activations: Sequence[str] | None = None,
    loss: str = _BINARY,
    epsilon: float = 1e-7,
) -> GradientCheck:
    """Compare `L_model_backward` with central differences of the cost, entry by entry.

    ``approx_i = (J(p + epsilon e_i) - J(p - epsilon e_i)) / (2 epsilon)``, all in float64 whatever
    the dtypes given. Two forward passes an entry: for small networks.

    Parameters
    ----------
    parameters, X, Y, activations, loss
        As for `L_model_forward` and `compute_cost`.
    epsilon : float
        The step, a finite number above 0. A larger one suits smooth activations (rounding weighs
        less), a smaller one those with a kink (fewer units cross it).

    Returns
    -------
    GradientCheck
        Below 1e-7 backward is right; above 1e-3 it is surely wrong, unless a kink lies within
        epsilon.

    Raises
    ------
    TypeError, ValueError
        As the functions that it calls, and for an `epsilon` out of range.

    References
    ----------
    ``docs/notation``, Checking a gradient.
    """
    where = "gradient_check"
    step = _number(where, "epsilon", epsilon)
    if step <= 0:
        raise ValueError(f"{where}: epsilon is {epsilon!r}: expected a number above 0")
    X = _as(np.float64, _real(where, "X", X))
    # Copies, as each entry is moved and put back.
    p = {
        name: array.astype(np.float64)
        for name, array in _checked_parameters(where, parameters).items()
    }

    def cost() -> float:
        AL, _ = L_model_forward(X, p, activations=activations)
        return compute_cost(AL, Y, loss=loss)

    def central_difference(name: str, index: tuple[int, ...]) -> float:
        array = p[name]
        here = array[index]
        ahead, behind = here + step, here - step
        array[index] = ahead
        J_ahead = cost()
        array[index] = behind
        J_behind = cost()
        array[index] = here
        # Not 2 epsilon: beside a large parameter the step taken is a rounded one.
        return float((J_ahead - J_behind) / (ahead - behind))

    AL, caches = L_model_forward(X, p, activations=activations)
    grads = L_model_backward(AL, Y, caches, activations=activations, loss=loss)
    entries = [(name, index) for name, array in p.items() for index in np.ndindex(array.shape)]
    d = np.array([grads[f"d{name}"][index] for name, index in entries])

    with np.errstate(invalid="ignore"):  # NaN is an answer here
        approx = np.array([central_difference(name, index) for name, index in entries])
        difference = d - approx
        size = np.linalg.norm(d) + np.linalg.norm(approx)
        relative_difference = float(np.linalg.norm(difference) / size) if size != 0 else 0.0
    worst = int(np.argmax(np.abs(difference)))  # a NaN counts as the largest
    name, (row, column) = entries[worst]
    return GradientCheck(
        relative_difference, name, (row, column), float(d[worst]), float(approx[worst])
    )


# The core, called with arrays that were checked ----------------------------------------------


def _dense_forward(linear_cache: LinearCache, dtype: npt.DTypeLike) -> Array:
    A_prev, W, b = (_as(dtype, array) for array in linear_cache)
    Z: Array = _core.dense_forward(W, b, A_prev)
    return Z


def _dense_backward(
    dZ: Array, linear_cache: LinearCache, dtype: npt.DTypeLike, *, input_gradient: bool = True
) -> tuple[Any, Array, Array]:
    """``dA_prev, dW, db``, the first None unless it is asked for."""
    A_prev, W, _ = (_as(dtype, array) for array in linear_cache)
    m = A_prev.shape[1]
    dA_prev, dW, db = _core.dense_backward(W, A_prev, dZ, 1 / m, input_gradient)
    return dA_prev, dW, db


def _output_dZ(AL: Array, Y: Array, Z: Array, activation: str, loss: _core.Loss) -> Array:
    """``dZ_L = dA_L * g'(Z_L)``, or ``AL - Y`` where that product is 0 times inf."""
    _, dAL = _core.loss_backward(loss, AL, Y)
    dZ: Array = _core.activation_backward(activation, dAL, Z)
    if not _core.fused_with_output(loss, activation):
        return dZ
    # Below the normal numbers 1/AL overflows before AL is 0.
    saturated = (AL == 0) | (AL == 1) | np.isinf(dAL)
    if not saturated.any():
        return dZ
    n = AL.shape[0]
    if not _core.takes_labels(loss):
        return np.where(saturated, (AL - Y) / n, dZ)
    if Y.ndim == 1:
        Y = np.eye(n, dtype=AL.dtype)[:, Y]
    return np.where(saturated.any(axis=0), AL * Y.sum(axis=0) - Y, dZ)


# What messages call things -------------------------------------------------------------------


@dataclass(frozen=True)
class _Names:
    """What messages call the arrays of a layer: ``W`` where it stands alone, ``W2`` in a model."""

    where: str
    A_prev: str
    W: str
    b: str
    Z: str
    n: str


def _alone(function: str) -> _Names:
    return _Names(function, "A_prev", "W", "b", "Z", "n_l")


@functools.cache
def _in_model(layer: int) -> _Names:
    A_prev = "X" if layer == 1 else f"A{layer - 1}"
    return _Names(f"layer {layer}", A_prev, f"W{layer}", f"b{layer}", f"Z{layer}", f"n_{layer}")


def _described(value: object) -> str:
    size = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return f"{type(value).__name__}{size}"


def _listing(mapping: Mapping[str, object]) -> str:
    return ", ".join(map(str, mapping)) or "no keys"


# Checks, each in one place -------------------------------------------------------------------


def _real(where: str, name: str, value: object) -> Array:
    """An array of real numbers, as it lies: never a copy of one."""
    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{where}: {name} is an array of {array.dtype}: "
            "expected real numbers: float32, float64, integers or bools"
        )
    return array


def _matrix(where: str, name: str, value: object) -> Array:
    array = _real(where, name, value)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{where}: {name} is {array.shape}: expected two dimensions, neither of them 0"
        )
    return array


def _require_shape(
    where: str, name: str, array: Array, other_name: str, other: Array, shape: tuple[int | str, ...]
) -> None:
    """`array` must have `shape`, which follows from `other`; a name in it stands for any number."""
    fits = array.ndim == len(shape) and all(
        isinstance(expected, str) or expected == got
        for expected, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{where}: {name} is {array.shape} but {other_name} is {other.shape}: "
            f"expected {name} ({', '.join(map(str, shape))})"
        )


def _checked_Wb(names: _Names, W: object, b: object) -> tuple[Array, Array]:
    W = _matrix(names.where, names.W, W)
    b = _real(names.where, names.b, b)
    n = W.shape[0]
    if b.shape == (n,):
        raise ValueError(
            f"{names.where}: {names.b} is {b.shape} but {names.W} is {W.shape}: "
            f"expected {names.b} ({n}, 1), a column: {names.b}.reshape({n}, 1)"
        )
    _require_shape(names.where, names.b, b, names.W, W, (n, 1))
    return W, b


def _checked_linear(names: _Names, A_prev: object, W: object, b: object) -> LinearCache:
    A_prev = _matrix(names.where, names.A_prev, A_prev)
    W, b = _checked_Wb(names, W, b)
    _require_shape(names.where, names.W, W, names.A_prev, A_prev, (names.n, A_prev.shape[0]))
    return A_prev, W, b


def _checked_linear_cache(names: _Names, linear_cache: object) -> LinearCache:
    if not isinstance(linear_cache, (tuple, list)) or len(linear_cache) != 3:
        raise TypeError(
            f"{names.where}: the linear cache is {_described(linear_cache)}: "
            "expected (A_prev, W, b)"
        )
    return _checked_linear(names, *linear_cache)


def _checked_cache(names: _Names, cache: object) -> Cache:
    if not isinstance(cache, (tuple, list)) or len(cache) != 2:
        raise TypeError(
            f"{names.where}: the cache is {_described(cache)}: expected ((A_prev, W, b), Z)"
        )
    linear_cache = _checked_linear_cache(names, cache[0])
    A_prev, W, _ = linear_cache
    Z = _matrix(names.where, names.Z, cache[1])
    _require_shape(names.where, names.Z, Z, names.W, W, (W.shape[0], "m"))
    _require_shape(names.where, names.Z, Z, names.A_prev, A_prev, (names.n, A_prev.shape[1]))
    return linear_cache, Z


def _require_mapping(where: str, name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: {name} is {_described(value)}: expected a dictionary of arrays")


def _checked_parameters(where: str, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """``W1, b1, ..., WL, bL`` in this order, each layer's checked by itself."""
    _require_mapping(where, "parameters", parameters)
    L = max(1, *(sum(str(key).startswith(kind) for key in parameters) for kind in "Wb"))
    expected = {f"{kind}{layer}": None for layer in range(1, L + 1) for kind in "Wb"}
    if parameters.keys() != expected.keys():
        raise ValueError(
            f"{where}: parameters has {_listing(parameters)}: expected {_listing(expected)}, "
            "the W and b of each layer, counted from 1"
        )
    p: dict[str, Array] = {}
    for layer in range(1, L + 1):
        W, b = f"W{layer}", f"b{layer}"
        p[W], p[b] = _checked_Wb(_in_model(layer), parameters[W], parameters[b])
    return p


def _target(where: str, Y: object, AL: Array, loss: _core.Loss, dtype: npt.DTypeLike) -> Array:
    """`Y` as the core takes it: of the shape and dtype of the output, or int64 labels ``(m,)``."""
    array = _real(where, "Y", Y)
    n, m = AL.shape
    takes_labels = _core.takes_labels(loss)
    if array.shape == (n, m):
        return _as(dtype, array)
    if takes_labels and array.shape in ((m,), (1, m)):
        return _labels(where, array, n)
    if n == 1 and array.shape == (m,):
        return _as(dtype, array.reshape(1, m))
    labels = f" one-hot, or ({m},) integer labels" if takes_labels else ""
    raise ValueError(
        f"{where}: Y is {array.shape} but AL is {AL.shape}: expected Y ({n}, {m}){labels}"
    )


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


def _choice(where: str, name: str, value: str, choices: Sequence[str] | Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{where}: {name} is {value!r}: expected one of {', '.join(choices)}")
    return value


def _activation(where: str, name: str) -> str:
    return _choice(where, "activation", name, _core.activation_names())


def _loss(where: str, name: str) -> _core.Loss:
    return _core.Loss(_choice(where, "loss", name, _LOSSES))


def _activations(where: str, activations: Sequence[str] | None, L: int) -> list[str]:
    if activations is None:
        return ["relu"] * (L - 1) + ["sigmoid"]
    expected = f"{where}: activations is {activations!r}: expected a list of {L}, a name a layer"
    if isinstance(activations, str) or not isinstance(activations, Sequence):
        raise TypeError(expected)
    if len(activations) != L:
        raise ValueError(expected)
    return [_activation(where, name) for name in activations]


def _size(where: str, name: str, value: int) -> int:
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} is {value!r}: expected an integer") from None
    if size < 1:
        raise ValueError(f"{where}: {name} is {value!r}: expected an integer of at least 1")
    return size


def _number(where: str, name: str, value: float) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{where}: {name} is {_described(value)}: expected a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{where}: {name} is {value!r}: expected a finite number")
    return number


# The dtype of a call -------------------------------------------------------------------------


def _dtype_of(arrays: Sequence[Array]) -> npt.DTypeLike:
    # The type and not the dtype, which knows byte orders.
    return np.float32 if all(array.dtype.type is np.float32 for array in arrays) else np.float64


def _as(dtype: npt.DTypeLike, array: Array) -> Array:
    # Column-major is what the core reads in place, and what it makes: a chain of blocks copies
    # nothing.
    array = np.asarray(array, dtype=dtype, order="F")
    return array if array.flags.aligned else array.copy(order="F")

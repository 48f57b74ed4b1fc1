"""The course's functions, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arguments import (
    AnyCache,
    Cache,
    LinearCache,
    activation_behind,
    activation_of,
    activations_of,
    alone,
    as_dtype,
    checked_cache,
    checked_gradients,
    checked_linear,
    checked_linear_cache,
    checked_parameters,
    choice,
    described,
    dtype_of,
    finite_number,
    in_model,
    loss_of,
    matrix,
    real,
    require_shape,
    size_of,
    target_of,
)
from deltarule.initializers import INITIALIZER_ALIASES
from deltarule.losses import (
    BinaryCrossEntropy,
    Loss,
    Output,
    expect_output,
    expect_targets,
    usual_loss,
)

# The weights of a layer, from a source of standard normal numbers.
_INITIALIZERS: dict[str, Callable[[Callable[[int, int], Array], int, int], Array]] = {
    "lecun_normal": lambda randn, n, n_prev: randn(n, n_prev) / math.sqrt(n_prev),
    "small_normal": lambda randn, n, n_prev: randn(n, n_prev) * 0.01,
    "he_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / n_prev),
    "glorot_normal": lambda randn, n, n_prev: randn(n, n_prev) * math.sqrt(2 / (n_prev + n)),
    "zeros": lambda _, n, n_prev: np.zeros((n, n_prev)),
}


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

    Examples
    --------
    >>> from deltarule import blocks
    >>> parameters = blocks.initialize_parameters(2, 4, 1)
    >>> {name: each.shape for name, each in parameters.items()}
    {'W1': (4, 2), 'b1': (4, 1), 'W2': (1, 4), 'b2': (1, 1)}
    """
    return initialize_parameters_deep([n_x, n_h, n_y], init=init, seed=seed)


def initialize_parameters_deep(
    layer_dims: Sequence[int], *, init: str = "lecun_normal", seed: int = 1
) -> dict[str, Array]:
    """Parameters of a network of any depth: ``W1 b1`` to ``WL bL``.

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

    Examples
    --------
    >>> from deltarule import blocks
    >>> parameters = blocks.initialize_parameters_deep([2, 3, 1], init="he_normal")
    >>> sorted(parameters), parameters["W1"].shape
    (['W1', 'W2', 'b1', 'b2'], (3, 2))
    """
    where = "initialize_parameters_deep"
    n = [size_of(where, f"layer_dims[{i}]", size) for i, size in enumerate(layer_dims)]
    if len(n) < 2:
        raise ValueError(
            f"{where}: layer_dims is {list(layer_dims)}: "
            "expected n_0, n_1, ..., n_L, two sizes or more"
        )
    draw = _INITIALIZERS[choice(where, "init", init, _INITIALIZERS, INITIALIZER_ALIASES)]
    randn = np.random.RandomState(seed).randn
    parameters: dict[str, Array] = {}
    for layer in range(1, len(n)):
        parameters[f"W{layer}"] = draw(randn, n[layer], n[layer - 1])
        parameters[f"b{layer}"] = np.zeros((n[layer], 1))
    return parameters


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

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[0.5]])
    >>> Z, cache = blocks.linear_forward(np.array([[1.0, 2.0], [0.0, 2.0]]), W, b)
    >>> Z
    array([[1.5, 0.5]])
    """
    linear_cache = checked_linear(alone("linear_forward"), A_prev, W, b)
    return _dense_forward(linear_cache, dtype_of(linear_cache)), linear_cache


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
    cache : Cache
        A tuple ``(linear_cache, activation_cache)`` with ``linear_cache = (A_prev, W, b)``, the
        arrays that were passed in, and ``activation_cache = Z``. It knows the ``activation``.

    Raises
    ------
    TypeError, ValueError
        As `linear_forward`, and for an unknown activation.

    References
    ----------
    ``docs/notation``, Forward and Activations.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[0.5]])
    >>> A_prev = np.array([[1.0, 2.0], [3.0, 2.0]])
    >>> A, cache = blocks.linear_activation_forward(A_prev, W, b, "relu")
    >>> A
    array([[0. , 0.5]])
    """
    names = alone("linear_activation_forward")
    activation = activation_of(names.where, activation)
    linear_cache = checked_linear(names, A_prev, W, b)
    Z = _dense_forward(linear_cache, dtype_of(linear_cache))
    return _core.activation_forward(activation, Z), Cache(linear_cache, Z, activation)


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
    caches : list of Cache
        The cache of each layer, as of `linear_activation_forward`.

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape (the message names the layer),
        parameters that miss one, or an unknown activation.

    References
    ----------
    ``docs/notation``, Forward.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> parameters = blocks.initialize_parameters_deep([2, 3, 1], seed=1)
    >>> X, Y = np.array([[0.1, -0.4], [0.3, 0.2]]), np.array([[0, 1]])
    >>> AL, caches = blocks.L_model_forward(X, parameters)
    >>> AL.shape, len(caches)
    ((1, 2), 2)
    """
    where = "L_model_forward"
    p = checked_parameters(where, parameters)
    g = activations_of(where, activations, len(p) // 2)
    A = real(where, "X", X)
    dtype = dtype_of([A, *p.values()])
    caches: list[Cache] = []
    for layer, activation in enumerate(g, start=1):
        linear_cache = checked_linear(in_model(layer), A, p[f"W{layer}"], p[f"b{layer}"])
        Z = _dense_forward(linear_cache, dtype)
        A = _core.activation_forward(activation, Z)
        caches.append(Cache(linear_cache, Z, activation))
    return A, caches


def compute_cost(AL: Array, Y: Array, *, loss: str | None = None) -> float:
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
    loss : str, optional
        The name of the loss. With one output the binary cross-entropy if not given; with more it
        must be, as AL does not say whether it comes from sigmoids or from a softmax.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An array that is not of real numbers or of the wrong shape, an output, target or label out
        of the loss's range, or an unknown loss.

    References
    ----------
    ``docs/notation``, Losses.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> round(blocks.compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])), 4)
    0.2798
    """
    where = "compute_cost"
    AL = matrix(where, "AL", AL)
    n: int = AL.shape[0]
    m: int = AL.shape[1]
    if loss is None and n > 1:
        raise ValueError(
            f"{where}: loss is None but AL has {n} rows: expected 'categorical_cross_entropy' "
            "for a softmax, 'binary_cross_entropy' for sigmoids, or another loss"
        )
    kind = loss_of(where, loss, BinaryCrossEntropy)
    dtype = dtype_of([AL])
    if kind.outputs:  # where they are bounded, as the targets are
        expect_targets(AL, kind, f"{where}: AL")
    target = target_of(where, Y, AL, kind, dtype)
    total, _ = _core.loss_backward(kind._formula(), as_dtype(dtype, AL), target)
    return float(total) / m


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

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[0.5]])
    >>> Z, cache = blocks.linear_forward(np.array([[1.0, 2.0], [0.0, 2.0]]), W, b)
    >>> dA_prev, dW, db = blocks.linear_backward(np.array([[1.0, 0.0]]), cache)
    >>> dW, db
    (array([[0.5, 0. ]]), array([[0.5]]))
    """
    names = alone("linear_backward")
    linear_cache = checked_linear_cache(names, linear_cache)
    A_prev, W, _ = linear_cache
    dZ = matrix(names.where, "dZ", dZ)
    require_shape(names.where, "dZ", dZ, "W", W, (W.shape[0], "m"))
    require_shape(names.where, "dZ", dZ, "A_prev", A_prev, ("n_l", A_prev.shape[1]))
    dtype = dtype_of([dZ, *linear_cache])
    return _dense_backward(as_dtype(dtype, dZ), linear_cache, dtype)


def linear_activation_backward(
    dA: Array, cache: AnyCache, activation: str | None = None
) -> tuple[Array, Array, Array]:
    """Backward through a layer: ``dZ = dA * g'(Z)``, then `linear_backward`.

    Parameters
    ----------
    dA : ndarray, (n_l, m)
        Gradient of each example's loss with respect to ``A``.
    cache : Cache or tuple
        As `linear_activation_forward` returned it; or ``((A_prev, W, b), Z)``.
    activation : str, optional
        The name of ``g``, as for `linear_activation_forward`; needed where the cache is a plain
        tuple, which does not know it.

    Returns
    -------
    dA_prev : ndarray, (n_prev, m)
    dW : ndarray, (n_l, n_prev)
    db : ndarray, (n_l, 1)

    Raises
    ------
    TypeError, ValueError
        As `linear_backward`, for an unknown activation, and for another than the cache's.

    References
    ----------
    ``docs/notation``, Backward and Activations.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[0.5]])
    >>> A_prev = np.array([[1.0, 2.0], [3.0, 2.0]])
    >>> A, cache = blocks.linear_activation_forward(A_prev, W, b, "relu")
    >>> dA_prev, dW, db = blocks.linear_activation_backward(np.ones((1, 2)), cache)
    >>> dW, db
    (array([[1., 1.]]), array([[0.5]]))
    """
    names = alone("linear_activation_backward")
    given = None if activation is None else activation_of(names.where, activation)
    linear_cache, Z = checked_cache(names, cache)
    g = activation_of(names.where, activation_behind(names, cache, given))
    dA = matrix(names.where, "dA", dA)
    require_shape(names.where, "dA", dA, "Z", Z, Z.shape)
    dtype = dtype_of([dA, Z, *linear_cache])
    dZ = _core.activation_backward(g, as_dtype(dtype, dA), as_dtype(dtype, Z))
    return _dense_backward(dZ, linear_cache, dtype)


def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[AnyCache],
    *,
    activations: Sequence[str] | None = None,
    loss: str | None = None,
    input_gradient: bool = False,
) -> dict[str, Array]:
    """Backward through all layers, from ``dA_L = d loss / d AL`` down to ``dW1`` and ``db1``.

    Parameters
    ----------
    AL : ndarray, (n_L, m)
        The network's output.
    Y : ndarray
        Targets, as for `compute_cost`.
    caches : sequence of Cache or tuple
        As `L_model_forward` returned them; or ``((A_prev, W, b), Z)`` of each layer.
    activations : sequence of str, optional
        Those of the forward pass, which its caches know. Of plain tuples, which do not, they are
        those of `L_model_forward`'s default if not given.
    loss : str, optional
        As for `compute_cost`; by default the one that goes with the output activation: categorical
        cross-entropy for softmax, binary for sigmoid, squared error for the rest.
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
        As `compute_cost` and `linear_activation_backward`, and for a loss that cannot be of such
        outputs; the message names the layer.

    Notes
    -----
    ``dZ_L`` is the product ``dA_L * g'(Z_L)``. Where a sigmoid or softmax output is saturated that
    product is 0 times inf; there ``AL - Y`` is used, to which it is equal.

    References
    ----------
    ``docs/notation``, Backward and Losses.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> parameters = blocks.initialize_parameters_deep([2, 3, 1], seed=1)
    >>> X, Y = np.array([[0.1, -0.4], [0.3, 0.2]]), np.array([[0, 1]])
    >>> AL, caches = blocks.L_model_forward(X, parameters)
    >>> grads = blocks.L_model_backward(AL, Y, caches)
    >>> grads["dW1"].shape, grads["db2"].shape
    ((3, 2), (1, 1))
    """
    where = "L_model_backward"
    AL = matrix(where, "AL", AL)
    if not isinstance(caches, (list, tuple)) or not caches:
        raise TypeError(
            f"{where}: caches is {described(caches)}: expected those that L_model_forward returned"
        )
    layers = [checked_cache(in_model(i), cache) for i, cache in enumerate(caches, start=1)]
    L = len(layers)
    given = None if activations is None else activations_of(where, activations, L)
    g = [
        activation_behind(in_model(layer), cache, given[layer - 1] if given else None) or usual
        for layer, (cache, usual) in enumerate(
            zip(caches, activations_of(where, None, L), strict=True), start=1
        )
    ]
    kind = loss_of(where, loss, usual_loss(g[-1]))
    output = Output(g[-1], AL.shape[0], f"layer {L}", "activations=[..., {0!r}]")
    expect_output(kind, output, where)
    require_shape(f"layer {L}", "AL", AL, f"Z{L}", layers[-1][1], layers[-1][1].shape)
    dtype = dtype_of([AL, *(array for linear, Z in layers for array in (*linear, Z))])
    target = target_of(where, Y, AL, kind, dtype)

    grads: dict[str, Array] = {}
    for layer in range(L, 0, -1):
        linear_cache, Z = layers[layer - 1]
        if layer == L:
            dZ = _output_dZ(as_dtype(dtype, AL), target, as_dtype(dtype, Z), g[-1], kind)
        else:
            dA = grads[f"dA{layer}"]
            require_shape(f"layer {layer}", f"Z{layer}", Z, f"dA{layer}", dA, dA.shape)
            dZ = _core.activation_backward(g[layer - 1], dA, as_dtype(dtype, Z))
        dA_prev, grads[f"dW{layer}"], grads[f"db{layer}"] = _dense_backward(
            dZ, linear_cache, dtype, input_gradient=input_gradient or layer > 1
        )
        if dA_prev is not None:
            grads[f"dA{layer - 1}"] = dA_prev
    return grads


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

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import blocks
    >>> parameters = {"W1": np.ones((1, 2)), "b1": np.zeros((1, 1))}
    >>> grads = {"dW1": np.ones((1, 2)), "db1": np.ones((1, 1))}
    >>> blocks.update_parameters(parameters, grads, learning_rate=0.1)
    {'W1': array([[0.9, 0.9]]), 'b1': array([[-0.1]])}
    """
    where = "update_parameters"
    alpha = finite_number(where, "learning_rate", learning_rate)
    p = checked_parameters(where, parameters)
    d = checked_gradients(where, "grads", grads, p)
    dtype = dtype_of([*p.values(), *d.values()])
    return {name: as_dtype(dtype, p[name]) - alpha * as_dtype(dtype, d[f"d{name}"]) for name in p}


def _dense_forward(linear_cache: LinearCache, dtype: npt.DTypeLike) -> Array:
    A_prev, W, b = (as_dtype(dtype, array) for array in linear_cache)
    Z: Array = _core.dense_forward(W, b, A_prev)
    return Z


def _dense_backward(
    dZ: Array, linear_cache: LinearCache, dtype: npt.DTypeLike, *, input_gradient: bool = True
) -> tuple[Any, Array, Array]:
    """``dA_prev, dW, db``, the first None unless it is asked for."""
    A_prev, W, _ = (as_dtype(dtype, array) for array in linear_cache)
    m = A_prev.shape[1]
    dA_prev, dW, db = _core.dense_backward(W, A_prev, dZ, 1 / m, input_gradient)
    return dA_prev, dW, db


def _output_dZ(AL: Array, Y: Array, Z: Array, activation: str, loss: Loss) -> Array:
    """``dZ_L = dA_L * g'(Z_L)``, or ``AL - Y`` where that product is 0 times inf."""
    formula = loss._formula()
    _, dAL = _core.loss_backward(formula, AL, Y)
    dZ: Array = _core.activation_backward(activation, dAL, Z)
    if not _core.fused_with_output(formula, activation):
        return dZ
    # Below the normal numbers 1/AL overflows before AL is 0.
    saturated = (AL == 0) | (AL == 1) | np.isinf(dAL)
    if not saturated.any():
        return dZ
    n = AL.shape[0]
    if not loss.takes_labels:
        return np.where(saturated, (AL - Y) / n, dZ)
    if Y.ndim == 1:
        Y = np.eye(n, dtype=AL.dtype)[:, Y]
    return np.where(saturated.any(axis=0), AL * Y.sum(axis=0) - Y, dZ)

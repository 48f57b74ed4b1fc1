"""A layer by itself: its linear part, its activation, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import as_dtype, dtype_of, is_ready, matrix, require_shape
from deltarule.blocks.caches import (
    AnyCache,
    Cache,
    LinearCache,
    activation_behind,
    activation_of,
    alone,
    checked_cache,
    checked_linear,
    checked_linear_cache,
)

# From here on it takes longer to turn a matrix around than to multiply it as it lies.
_TURNED_UP_TO = 1 << 14


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
    >>> A_prev = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[1.0]])
    >>> Z, linear_cache = linear_forward(A_prev, W, b)
    >>> print(Z)
    [[-1.  4.]]
    """
    linear_cache = checked_linear(alone("linear_forward"), A_prev, W, b)
    dtype = dtype_of(linear_cache)
    return dense_forward(*ready(dtype, linear_cache)), linear_cache


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
    >>> A_prev = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[1.0]])
    >>> A, cache = linear_activation_forward(A_prev, W, b, "relu")
    >>> print(A, cache.activation)
    [[0. 4.]] relu
    """
    names = alone("linear_activation_forward")
    activation = activation_of(names.where, activation)
    linear_cache = checked_linear(names, A_prev, W, b)
    return layer_forward(linear_cache, activation, *ready(dtype_of(linear_cache), linear_cache))


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
    >>> A_prev = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[1.0]])
    >>> Z, linear_cache = linear_forward(A_prev, W, b)
    >>> dA_prev, dW, db = linear_backward(np.array([[0.5, -0.5]]), linear_cache)
    >>> print(dW, db)
    [[-0.25  1.  ]] [[0.]]
    """
    names = alone("linear_backward")
    linear_cache = checked_linear_cache(names, linear_cache)
    A_prev, W, _ = linear_cache
    dZ = matrix(names.where, "dZ", dZ)
    require_shape(names.where, "dZ", dZ, "W", W, (W.shape[0], "m"))
    require_shape(names.where, "dZ", dZ, "A_prev", A_prev, ("n_l", A_prev.shape[1]))
    dtype = dtype_of([dZ, *linear_cache])
    return dense_backward(as_dtype(dtype, dZ), *ready(dtype, linear_cache)[:2])


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
    >>> A_prev = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> W, b = np.array([[1.0, -1.0]]), np.array([[1.0]])
    >>> A, cache = linear_activation_forward(A_prev, W, b, "relu")
    >>> dA_prev, dW, db = linear_activation_backward(np.array([[0.5, -0.5]]), cache)
    >>> print(dA_prev)  # nothing goes back to the first example, whose Z is below 0
    [[ 0.  -0.5]
     [ 0.   0.5]]
    """
    names = alone("linear_activation_backward")
    given = None if activation is None else activation_of(names.where, activation)
    linear_cache, Z = checked_cache(names, cache)
    g = activation_of(names.where, activation_behind(names, cache, given))
    dA = matrix(names.where, "dA", dA)
    require_shape(names.where, "dA", dA, "Z", Z, Z.shape)
    dtype = dtype_of([dA, Z, *linear_cache])
    dZ = _core.activation_backward(g, as_dtype(dtype, dA), as_dtype(dtype, Z))
    return dense_backward(dZ, *ready(dtype, linear_cache)[:2])


def layer_forward(
    linear_cache: LinearCache, activation: str, A_prev: Array, W: Array, b: Array
) -> tuple[Array, Cache]:
    """``A = g(W A_prev + b)`` of arrays that are ready, and the cache of those that were given."""
    rows = not A_prev.flags.f_contiguous
    Z = dense_forward(A_prev, W, b) if rows else _core.dense_forward(W, b, A_prev)
    A: Array = _core.activation_forward(activation, Z)
    cache = Cache(linear_cache, Z, activation)
    cache._left = A, A_prev, W
    return A, cache


def dense_forward(A_prev: Array, W: Array, b: Array) -> Array:
    """``Z = W A_prev + b``, of arrays that are ready."""
    if A_prev.flags.f_contiguous:
        Z: Array = _core.dense_forward(W, b, A_prev)
        return Z
    # Row after row, its transpose is what the core reads in place, and W A_prev has the form of a
    # gradient: of weights (n_l, m), which are not looked at.
    weights = np.empty((W.shape[0], A_prev.shape[1]), W.dtype, "F")
    _, Z, _ = _core.dense_backward(weights, A_prev.T, W, 1.0, False)
    Z += b
    return Z


def dense_backward(
    dZ: Array, A_prev: Array, W: Array, *, input_gradient: bool = True
) -> tuple[Any, Array, Array]:
    """``dA_prev, dW, db``, the first None unless it is asked for, of arrays that are ready."""
    m = dZ.shape[1]
    if input_gradient or A_prev.flags.f_contiguous:
        gradients: tuple[Any, Array, Array] = _core.dense_backward(
            W, A_prev, dZ, 1 / m, input_gradient
        )
        return gradients
    # As in dense_forward: dZ A_prev^T has the form of a forward step.
    dZ = as_dtype(W.dtype, dZ / m)
    dW = _core.dense_forward(dZ, np.zeros((W.shape[0], 1), W.dtype), A_prev.T)
    return None, dW, as_dtype(W.dtype, dZ.sum(axis=1, keepdims=True))


def ready(dtype: np.dtype[Any], linear_cache: LinearCache) -> LinearCache:
    """A layer's ``A_prev``, ``W`` and ``b`` as the core reads them."""
    A_prev, W, b = linear_cache
    return ready_input(dtype, A_prev), as_dtype(dtype, W), as_dtype(dtype, b)


def ready_input(dtype: np.dtype[Any], A_prev: Array) -> Array:
    """As `as_dtype`; but a large matrix that lies row after row is left as it lies."""
    if A_prev.size > _TURNED_UP_TO and A_prev.flags.c_contiguous and A_prev.dtype is dtype:
        return A_prev if is_ready(A_prev) else as_dtype(dtype, A_prev)
    return as_dtype(dtype, A_prev)

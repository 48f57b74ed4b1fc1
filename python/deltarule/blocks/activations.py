"""The activations of the course by themselves, and the way back through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import as_dtype, dtype_of, is_ready, real, require_shape


def sigmoid(Z: Array) -> tuple[Array, Array]:
    """The logistic function: ``A = 1 / (1 + exp(-Z))``.

    Parameters
    ----------
    Z : ndarray
        Of any shape; a number will do.

    Returns
    -------
    A : ndarray
        Of Z's shape.
    activation_cache : ndarray
        ``Z``, which `sigmoid_backward` takes.

    Raises
    ------
    TypeError
        For what is not of real numbers.

    References
    ----------
    ``docs/notation``, Activations.

    Examples
    --------
    >>> A, cache = sigmoid([0.0, 2.0])
    >>> print(A)
    [0.5        0.88079708]
    """
    return _forward("sigmoid", Z)


def relu(Z: Array) -> tuple[Array, Array]:
    """The rectified linear unit: ``A = max(0, Z)``.

    Parameters
    ----------
    Z : ndarray
        Of any shape; a number will do.

    Returns
    -------
    A : ndarray
        Of Z's shape.
    activation_cache : ndarray
        ``Z``, which `relu_backward` takes.

    Raises
    ------
    TypeError
        For what is not of real numbers.

    References
    ----------
    ``docs/notation``, Activations.

    Examples
    --------
    >>> A, cache = relu([-1.0, 0.0, 2.0])
    >>> print(A)
    [0. 0. 2.]
    """
    return _forward("relu", Z)


def sigmoid_backward(dA: Array, cache: Array) -> Array:
    """Backward through a sigmoid: ``dZ = dA * A (1 - A)`` with ``A`` the sigmoid of ``Z``.

    Parameters
    ----------
    dA : ndarray
        The gradient with respect to ``A``.
    cache : ndarray
        ``Z``, of the same shape.

    Returns
    -------
    dZ : ndarray

    Raises
    ------
    TypeError, ValueError
        For what is not of real numbers, and for two shapes.

    References
    ----------
    ``docs/notation``, Backward and Activations.

    Examples
    --------
    >>> A, cache = sigmoid([0.0, 2.0])
    >>> print(sigmoid_backward([1.0, 1.0], cache))
    [0.25       0.10499359]
    """
    return _backward("sigmoid", dA, cache)


def relu_backward(dA: Array, cache: Array) -> Array:
    """Backward through a ReLU: ``dZ = dA`` where ``Z > 0``, else 0.

    Parameters
    ----------
    dA : ndarray
        The gradient with respect to ``A``.
    cache : ndarray
        ``Z``, of the same shape.

    Returns
    -------
    dZ : ndarray

    Raises
    ------
    TypeError, ValueError
        For what is not of real numbers, and for two shapes.

    References
    ----------
    ``docs/notation``, Backward and Activations.

    Examples
    --------
    >>> A, cache = relu([-1.0, 0.0, 2.0])
    >>> print(relu_backward([1.0, 1.0, 3.0], cache))
    [0. 0. 3.]
    """
    return _backward("relu", dA, cache)


def _forward(g: str, Z: object) -> tuple[Array, Array]:
    if is_ready(Z):
        return _core.activation_forward(g, Z), Z
    Z = real(g, "Z", Z)
    return _as_matrices(_core.activation_forward, g, Z), Z


def _backward(g: str, dA: object, Z: object) -> Array:
    where = f"{g}_backward"
    dA, Z = real(where, "dA", dA), real(where, "the cache", Z)
    require_shape(where, "dA", dA, "the cache", Z, Z.shape)
    return _as_matrices(_core.activation_backward, g, dA, Z)


def _as_matrices(kernel: Any, g: str, *arrays: Array) -> Array:
    """What a kernel makes of arrays of any one shape."""
    shape, dtype = arrays[0].shape, dtype_of(arrays)
    rows = (shape[0], -1) if len(shape) > 1 else (1, -1)
    if not arrays[0].size:
        return np.empty(shape, dtype)
    result: Array = kernel(g, *(as_dtype(dtype, array.reshape(rows)) for array in arrays))
    return result.reshape(shape)

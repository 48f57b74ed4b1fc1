"""All layers of a network, on a list of caches."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import (
    as_dtype,
    described,
    dtype_of,
    is_ready,
    matrix,
    real,
    require_shape,
)
from deltarule.blocks.caches import (
    AnyCache,
    Cache,
    activation_behind,
    activations_of,
    checked_cache,
    checked_linear,
    in_model,
    usual_activations,
)
from deltarule.blocks.cost import loss_of, target_of, with_formula
from deltarule.blocks.layer import dense_backward, layer_forward, ready, ready_input
from deltarule.blocks.parameters import as_dtypes, checked_parameters, layer_keys
from deltarule.losses import Loss, Output, expect_output, usual_loss


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
    >>> X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1, 0]])
    >>> parameters = initialize_parameters_deep([2, 3, 1])
    >>> AL, caches = L_model_forward(X, parameters)
    >>> AL.shape, [cache.activation for cache in caches]
    ((1, 2), ['relu', 'sigmoid'])
    """
    where = "L_model_forward"
    p = checked_parameters(where, parameters)
    L = len(p) // 2
    g = activations_of(where, activations, L)
    A = X if is_ready(X) else real(where, "X", X)
    if p is parameters and A.dtype is p["W1"].dtype:
        dtype, as_read = A.dtype, p
    else:
        dtype = dtype_of([A, *p.values()])
        as_read = as_dtypes(dtype, p)
    A_prev = ready_input(dtype, A) if A.ndim == 2 else A
    caches: list[Cache] = []
    for (key_W, key_b), activation in zip(layer_keys(L), g, strict=True):
        linear_cache = A, W, b = A, p[key_W], p[key_b]
        if A.ndim != 2 or A.shape[0] != W.shape[1] or not A.shape[1]:
            checked_linear(in_model(len(caches) + 1), A, W, b)  # says so
        A, cache = layer_forward(linear_cache, activation, A_prev, as_read[key_W], as_read[key_b])
        A_prev = A  # the core's own is ready
        caches.append(cache)
    return A, caches


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
    ``dZ_L`` is the product ``dA_L * g'(Z_L)``. Of a sigmoid with the binary cross-entropy and of a
    softmax with the categorical one it is equal to ``AL - Y``, which is used where AL is the very
    array that came with the caches, and where an output is saturated: there the product is 0 times
    inf.

    References
    ----------
    ``docs/notation``, Backward and Losses.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1, 0]])
    >>> parameters = initialize_parameters_deep([2, 3, 1])
    >>> AL, caches = L_model_forward(X, parameters)
    >>> grads = L_model_backward(AL, Y, caches)
    >>> {name: gradient.shape for name, gradient in grads.items()}
    {'dW2': (1, 3), 'db2': (1, 1), 'dA1': (3, 2), 'dW1': (3, 2), 'db1': (3, 1)}
    """
    where = "L_model_backward"
    AL = matrix(where, "AL", AL)
    if not isinstance(caches, (list, tuple)) or not caches:
        raise TypeError(
            f"{where}: caches is {described(caches)}: expected those that L_model_forward returned"
        )
    L = len(caches)
    layers: Sequence[AnyCache]
    g: Sequence[str]
    if activations is None and all(type(cache) is Cache and cache._left for cache in caches):
        layers, g = caches, [cache.activation for cache in caches]
    else:
        layers = [checked_cache(in_model(i), cache) for i, cache in enumerate(caches, start=1)]
        g = _activations_behind(where, caches, activations)
    kind, formula = loss_of(where, loss, usual_loss(g[-1]).name)
    _expect_output(kind.name, g[-1], AL.shape[0], L)
    Z = layers[-1][1]
    if AL.shape != Z.shape:
        require_shape(f"layer {L}", "AL", AL, f"Z{L}", Z, Z.shape)
    dtype = AL.dtype
    if not is_ready(AL) or dtype.type is np.float32:
        dtype = dtype_of([AL, *(array for linear, Z in layers for array in (*linear, Z))])
    target = target_of(where, Y, AL, kind, dtype)

    grads: dict[str, Array] = {}
    dA: Array | None = None
    for layer, (key_dA, key_dW, key_db) in _keys_backward(L):
        A, A_prev, W, Z = _as_read(layers[layer - 1], caches[layer - 1], dtype)
        if dA is not None:
            if Z.shape != dA.shape:
                require_shape(f"layer {layer}", f"Z{layer}", Z, f"dA{layer}", dA, dA.shape)
            dZ = _core.activation_backward(g[layer - 1], dA, Z)
        elif A is AL and _core.fused_with_output(formula, g[-1]):
            dZ = _fused_dZ(AL, target, kind)
        else:
            dZ = _output_dZ(as_dtype(dtype, AL), target, Z, g[-1], kind, formula)
        dA, grads[key_dW], grads[key_db] = dense_backward(
            dZ, A_prev, W, input_gradient=input_gradient or layer > 1
        )
        if dA is not None:
            grads[key_dA] = dA
    return grads


def _as_read(
    layer: AnyCache, cache: AnyCache, dtype: np.dtype[Any]
) -> tuple[Array | None, Array, Array, Array]:
    """What a forward step made of Z, where its cache knows, and the rest as the core reads it."""
    linear_cache, Z = layer
    left = getattr(cache, "_left", None)
    if left is not None and left[0].dtype is dtype:
        return (*left, Z)
    A_prev, W, _ = ready(dtype, linear_cache)
    return None, A_prev, W, as_dtype(dtype, Z)


@functools.cache
def _keys_backward(L: int) -> tuple[tuple[int, tuple[str, str, str]], ...]:
    """The layers from the last to the first, and the keys of what each of them gives."""
    return tuple((i, (f"dA{i - 1}", f"dW{i}", f"db{i}")) for i in range(L, 0, -1))


def _activations_behind(
    where: str, caches: Sequence[AnyCache], activations: Sequence[str] | None
) -> Sequence[str]:
    """The activation of each layer: what its cache knows, what is given, or the course's."""
    usual = usual_activations(len(caches))
    if activations is None:
        return [getattr(cache, "activation", g) for cache, g in zip(caches, usual, strict=True)]
    given = activations_of(where, activations, len(caches))
    return [
        str(activation_behind(in_model(layer), cache, given[layer - 1]))
        for layer, cache in enumerate(caches, start=1)
    ]


@functools.cache
def _expect_output(loss: str, activation: str, units: int, L: int) -> None:
    """Hold the output layer to one that the loss can be of; what has passed once is not asked."""
    output = Output(activation, units, f"layer {L}", "activations=[..., {0!r}]")
    expect_output(with_formula(loss)[0], output, "L_model_backward")


def _fused_dZ(AL: Array, Y: Array, loss: Loss) -> Array:
    """``dZ_L`` of an output and a loss that go together: ``AL - Y``, if Y's columns sum to 1."""
    n = AL.shape[0]
    if not loss.takes_labels:
        return AL - Y if n == 1 else (AL - Y) / n
    if Y.ndim == 1:
        Y = np.eye(n, dtype=AL.dtype)[:, Y]
    return as_dtype(AL.dtype, AL * Y.sum(axis=0) - Y)


def _output_dZ(
    AL: Array, Y: Array, Z: Array, activation: str, loss: Loss, formula: _core.Loss
) -> Array:
    """``dZ_L = dA_L * g'(Z_L)``, or its fused form where that product is 0 times inf."""
    _, dAL = _core.loss_backward(formula, AL, Y)
    dZ: Array = _core.activation_backward(activation, dAL, Z)
    if not _core.fused_with_output(formula, activation):
        return dZ
    # Below the normal numbers 1/AL overflows before AL is 0.
    saturated = (AL == 0) | (AL == 1) | np.isinf(dAL)
    if not saturated.any():
        return dZ
    if loss.takes_labels:
        saturated = saturated.any(axis=0)
    return as_dtype(AL.dtype, np.where(saturated, _fused_dZ(AL, Y, loss), dZ))

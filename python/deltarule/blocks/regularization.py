"""Against overfitting: gradients with a weight penalty, and dropout forward and backward."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_in_range
from deltarule.blocks.arrays import finite_number, real
from deltarule.blocks.propagation import FlatCache, backward, expect_flat_cache, flat_forward


def backward_propagation_with_regularization(
    X: Array, Y: Array, cache: FlatCache, lambd: float
) -> dict[str, Array]:
    """Backward as `backward_propagation`, of a cost with a penalty on large weights.

    ``dW_l = (1/m) dZ_l A_prev^T + (lambd / m) W_l``.

    Parameters
    ----------
    X : ndarray, (n_0, m)
    Y : ndarray, (n_L, m)
        Targets, 0 or 1.
    cache : tuple
        ``(Z1, A1, W1, b1, ..., ZL, AL, WL, bL)``, as `forward_propagation` returned it.
    lambd : float
        lambda, a finite number.

    Returns
    -------
    dict of str to ndarray
        ``dZ_l``, ``dW_l`` and ``db_l`` of each layer, and ``dA_l`` of each hidden one.

    Raises
    ------
    TypeError, ValueError
        As `backward_propagation`, and for a `lambd` that is no finite number.

    References
    ----------
    ``docs/notation``, Backward and Beside the update.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[1, 0]])
    >>> parameters = initialize_parameters_he([2, 4, 3, 1])
    >>> A3, cache = forward_propagation(X, parameters)
    >>> plain = backward_propagation(X, Y, cache)
    >>> grads = backward_propagation_with_regularization(X, Y, cache, lambd=0.5)
    >>> np.allclose(grads["dW2"], plain["dW2"] + 0.5 / 2 * parameters["W2"])
    True
    """
    where = "backward_propagation_with_regularization"
    lambd = finite_number(where, "lambd", lambd)
    return backward(where, X, Y, expect_flat_cache(where, cache, 4), lambd=lambd)


def forward_propagation_with_dropout(
    X: Array, parameters: Mapping[str, Array], keep_prob: float = 0.5, *, seed: int = 1
) -> tuple[Array, tuple[Array, ...]]:
    """Forward through hidden ReLUs some of which are dropped, and a sigmoid output.

    ``A_l = relu(Z_l) * D_l / keep_prob`` of each hidden layer, where ``D_l`` is True with
    probability ``keep_prob``.

    Parameters
    ----------
    X : ndarray, (n_0, m)
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.
    keep_prob : float
        How likely a unit is kept: above 0, 1 at most.
    seed : int
        Seed of NumPy's legacy generator, which draws the masks in the order of the layers. As in
        the course it begins anew in every call: in a training of your own hand in another seed a
        step, else the same units are dropped in all of them.

    Returns
    -------
    AL : ndarray, (n_L, m)
    cache : tuple
        ``(Z1, D1, A1, W1, b1, ..., ZL, AL, WL, bL)``, the masks D of bools.

    Raises
    ------
    TypeError, ValueError
        As `forward_propagation`, and for a `keep_prob` out of range.

    References
    ----------
    ``docs/notation``, Other layers: Srivastava et al. 2014.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = initialize_parameters_he([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(np.ones((2, 2)), parameters, keep_prob=0.7)
    >>> print(cache[1].astype(int))  # D1
    [[1 0]
     [1 1]
     [1 1]
     [1 1]]
    """
    where = "forward_propagation_with_dropout"
    keep_prob = _keep_prob(where, keep_prob)
    rand = np.random.RandomState(seed).rand

    def drop(A: Array) -> Array:
        D: Array = rand(*A.shape) < keep_prob
        A *= D
        A /= keep_prob
        return D

    return flat_forward(where, X, parameters, drop=drop)


def backward_propagation_with_dropout(
    X: Array, Y: Array, cache: FlatCache, keep_prob: float
) -> dict[str, Array]:
    """Backward through the network of `forward_propagation_with_dropout`.

    As `backward_propagation`, with ``dA_l := dA_l * D_l / keep_prob`` of each hidden layer.

    Parameters
    ----------
    X : ndarray, (n_0, m)
    Y : ndarray, (n_L, m)
        Targets, 0 or 1.
    cache : tuple
        As `forward_propagation_with_dropout` returned it.
    keep_prob : float
        That of the forward step.

    Returns
    -------
    dict of str to ndarray
        ``dZ_l``, ``dW_l`` and ``db_l`` of each layer, and ``dA_l`` of each hidden one.

    Raises
    ------
    TypeError, ValueError
        As `backward_propagation`, and for a `keep_prob` out of range.

    References
    ----------
    ``docs/notation``, Backward and Other layers.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[1, 0]])
    >>> parameters = initialize_parameters_he([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    >>> grads = backward_propagation_with_dropout(X, Y, cache, keep_prob=0.7)
    >>> bool(np.all(grads["dA1"][~cache[1]] == 0))  # nothing goes back to what was dropped
    True
    """
    where = "backward_propagation_with_dropout"
    keep_prob = _keep_prob(where, keep_prob)
    flat = list(expect_flat_cache(where, cache, 5))
    masks = [real(where, f"D{i + 1}", flat[5 * i + 1]) for i in range(len(flat) // 5)]
    for i, D in enumerate(masks):
        if D.shape != np.shape(flat[5 * i]):
            raise ValueError(
                f"{where}: D{i + 1} is {D.shape} but Z{i + 1} is {np.shape(flat[5 * i])}: expected "
                "as many"
            )
    del flat[1:-4:5]
    return backward(where, X, Y, flat, masks=masks, keep_prob=keep_prob)


def _keep_prob(where: str, keep_prob: float) -> float:
    return expect_in_range(keep_prob, f"{where}: keep_prob", above=0, most=1)

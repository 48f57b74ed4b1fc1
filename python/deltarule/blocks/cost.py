"""Losses and their targets, and the cost of an output."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule.blocks.arrays import (
    as_dtype,
    choice,
    dtype_of,
    finite_number,
    is_ready,
    matrix,
    real,
)
from deltarule.blocks.parameters import checked_parameters, layer_keys
from deltarule.losses import LOSS_ALIASES, LOSSES, Loss, expect_targets

_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "poisson",
    "binary_cross_entropy",
    "categorical_cross_entropy",
)


@functools.cache
def with_formula(name: str) -> tuple[Loss, _core.Loss]:
    """A loss with its defaults, and the core's own of it."""
    loss = LOSSES[name]()
    return loss, loss._formula()


def loss_of(where: str, name: str | None, usual: str) -> tuple[Loss, _core.Loss]:
    """The loss of a name, or the usual one, with its formula."""
    return with_formula(
        usual if name is None else choice(where, "loss", name, _LOSSES, LOSS_ALIASES)
    )


def are_targets_of(array: Array, loss: Loss) -> bool:
    """Whether all numbers are in the range that a loss takes; False where one is NaN."""
    # argmin and argmax cost a third of what min and max do, and stop at a NaN.
    flat = array.T if array.flags.f_contiguous else array
    _, least, most = loss.targets
    return bool(least <= flat.item(flat.argmin()) and flat.item(flat.argmax()) <= most)


def target_of(where: str, Y: object, AL: Array, loss: Loss, dtype: np.dtype[Any]) -> Array:
    """`Y` as the core takes it: of the shape and dtype of the output, or int64 labels ``(m,)``."""
    if type(Y) is np.ndarray and Y.shape == AL.shape and Y.dtype.kind in "buif":
        target = as_dtype(dtype, Y) if Y.dtype is dtype else Y.astype(dtype, "F")
        if not are_targets_of(target, loss):
            expect_targets(Y, loss, f"{where}: Y")  # number by number
        return target
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


def compute_cost(
    AL: Array,
    Y: Array,
    parameters: Mapping[str, Array] | None = None,
    *,
    loss: str | None = None,
) -> float:
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
    parameters : dict of str to ndarray, optional
        Not looked at: one of the course's notebooks hands them in.
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
    >>> AL, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])
    >>> print(f"{compute_cost(AL, Y):.6f}")
    0.279777
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
    kind, formula = loss_of(where, loss, "binary_cross_entropy")
    if kind.outputs and not are_targets_of(AL, kind):  # they are bounded as the targets are
        expect_targets(AL, kind, f"{where}: AL")
    if not is_ready(AL):
        AL = as_dtype(dtype_of([AL]), AL)
    target = target_of(where, Y, AL, kind, AL.dtype)
    total, _ = _core.loss_backward(formula, AL, target)
    return total / m


def compute_cost_with_regularization(
    A3: Array, Y: Array, parameters: Mapping[str, Array], lambd: float, *, loss: str | None = None
) -> float:
    """The cost, and a penalty on large weights.

    ``J = compute_cost(A3, Y) + (lambd / 2m) (|W_1|^2 + ... + |W_L|^2)``, with Frobenius norms.

    Parameters
    ----------
    A3 : ndarray, (n_L, m)
        The network's output, of whatever number of layers.
    Y : ndarray
        Targets, as for `compute_cost`.
    parameters : dict of str to ndarray
        ``W1, b1, ..., WL, bL``.
    lambd : float
        lambda, a finite number.
    loss : str, optional
        As for `compute_cost`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As `compute_cost`, for parameters that are no layers', and for a `lambd` that is no finite
        number.

    References
    ----------
    ``docs/notation``, Beside the update.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.zeros((1, 1))}
    >>> A, Y = np.array([[0.5, 0.5]]), np.array([[1, 0]])
    >>> cost = compute_cost_with_regularization(A, Y, parameters, lambd=0.4)
    >>> print(f"{cost:.6f}")  # log 2, and 0.4 / 4 * 5
    1.193147
    """
    where = "compute_cost_with_regularization"
    lambd = finite_number(where, "lambd", lambd)
    p = checked_parameters(where, parameters)
    cost = compute_cost(A3, Y, loss=loss)
    m: int = np.shape(A3)[1]
    squares = sum(
        float(np.sum(np.square(p[key_W], dtype=np.float64))) for key_W, _ in layer_keys(len(p) // 2)
    )
    return cost + lambd / (2 * m) * squares

"""Whether `L_model_backward` is right: its gradients beside central differences of the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arguments import (
    as_dtype,
    checked_parameters,
    finite_number,
    real,
)
from deltarule.blocks.functions import BINARY, L_model_backward, L_model_forward, compute_cost


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
    loss: str = BINARY,
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
    step = finite_number(where, "epsilon", epsilon)
    if step <= 0:
        raise ValueError(f"{where}: epsilon is {epsilon!r}: expected a number above 0")
    X = as_dtype(np.float64, real(where, "X", X))
    # Copies, as each entry is moved and put back.
    p = {
        name: array.astype(np.float64)
        for name, array in checked_parameters(where, parameters).items()
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

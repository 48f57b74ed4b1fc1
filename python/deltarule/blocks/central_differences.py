"""Whether gradients are right, `L_model_backward`'s or your own, beside central differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arrays import as_dtype, finite_number, real
from deltarule.blocks.cost import compute_cost
from deltarule.blocks.deep import L_model_backward, L_model_forward
from deltarule.blocks.parameters import checked_gradients, checked_parameters
from deltarule.losses import usual_loss


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
        The worst entry as `L_model_backward` has it, or as it was given.
    numerical_gradient : float
        The worst entry as the central difference has it.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[0.1, -0.4], [0.3, 0.2]]), np.array([[0, 1]])
    >>> check = gradient_check(initialize_parameters_deep([2, 3, 1]), X, Y)
    >>> check.relative_difference < 1e-7
    True
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
    loss: str | None = None,
    epsilon: float = 1e-7,
    gradients: Mapping[str, Array] | None = None,
) -> GradientCheck:
    """Compare gradients with central differences of the cost, entry by entry.

    ``approx_i = (J(p + epsilon e_i) - J(p - epsilon e_i)) / (2 epsilon)``, all in float64 whatever
    the dtypes given. Two forward passes an entry: for small networks.

    Parameters
    ----------
    parameters, X, Y, activations, loss
        As for `L_model_forward` and `L_model_backward`.
    epsilon : float
        The step, a finite number above 0. A larger one suits smooth activations (rounding weighs
        less), a smaller one those with a kink (fewer units cross it).
    gradients : dict of str to ndarray, optional
        Your own, ``dW1, db1, ..., dWL, dbL``, to be checked in the place of `L_model_backward`'s;
        what else it holds is not looked at. Those made in float32 are right to some 1e-6 alone.

    Returns
    -------
    GradientCheck
        With ``relative_difference``: below 1e-7 the gradients are right; above 1e-3 they are surely
        wrong, unless a kink lies within epsilon. ``worst_parameter`` and ``worst_index`` say where.

    Raises
    ------
    TypeError, ValueError
        As the functions that it calls, for gradients that are missing or not of their parameters'
        shapes, and for an `epsilon` out of range.

    References
    ----------
    ``docs/notation``, Checking a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> parameters = initialize_parameters_deep([2, 3, 1])
    >>> X, Y = np.array([[0.1, -0.4], [0.3, 0.2]]), np.array([[0, 1]])
    >>> AL, caches = L_model_forward(X, parameters)
    >>> mine = L_model_backward(AL, Y, caches)
    >>> mine["dW1"][2, 0] += 0.5
    >>> check = gradient_check(parameters, X, Y, gradients=mine)
    >>> check.worst_parameter, check.worst_index
    ('W1', (2, 0))
    """
    where = "gradient_check"
    step = finite_number(where, "epsilon", epsilon)
    if step <= 0:
        raise ValueError(f"{where}: epsilon is {epsilon!r}: expected a number above 0")
    X = as_dtype(np.dtype(np.float64), real(where, "X", X))
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
    loss = usual_loss(caches[-1].activation).name if loss is None else loss
    # Of the network's own making in any case, as it checks what goes together.
    grads: Mapping[str, Array] = L_model_backward(AL, Y, caches, loss=loss)
    if gradients is not None:
        grads = checked_gradients(where, "gradients", gradients, p)
    entries = [(name, index) for name, array in p.items() for index in np.ndindex(array.shape)]
    d = np.array([grads[f"d{name}"][index] for name, index in entries], np.float64)

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

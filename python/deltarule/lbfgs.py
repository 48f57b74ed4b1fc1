"""L-BFGS on the cost of all examples: SciPy's minimiser, and the core's cost and gradients.

The network's own weights are written where an iteration ends, and nowhere else: what the line
search tries lies in a vector of its own. So whatever stops the fit, the network has the weights of
the last iteration that was finished.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule import _core
from deltarule.last_good import TrainingDivergedError
from deltarule.optimizers import LBFGS, aligned_zeros

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]


class _NotFiniteError(ArithmeticError):
    """Out of the minimiser, to the message."""


# Activations that are kept at a time for the backward pass; more examples go in parts.
_NUMBERS_A_PART = 1 << 24


def minimize(
    network: "Network",
    optimizer: LBFGS,
    loss: str,
    rows: Array,
    target: "_core.Target",
    iterations: int,
    end_iteration: Callable[[int, float], None],
) -> None:
    """Lower a network's cost over all examples by so many iterations at the most.

    After each, ``end_iteration`` is told which it was, from 0 on, and its cost.
    """
    try:
        from scipy.optimize import minimize as scipy_minimize
    except ModuleNotFoundError as missing:
        message = "fit: LBFGS needs SciPy, which is not installed: pip install scipy"
        raise ImportError(message) from missing
    if not iterations:
        return
    for layer in network.layers:
        kind = layer.description.kind
        if kind == "dropout" or (kind == "batch_norm" and not layer.frozen):
            raise ValueError(
                f"fit: LBFGS needs a cost that is the same each time, but the network has a "
                f"{type(layer.description).__name__} layer: expected one without, or a frozen one; "
                "or train with Adam"
            )
    options = optimizer._values()
    cost_of = _Cost(network, loss, rows, target)
    made = 0

    def end(x: Array) -> None:
        nonlocal made
        network.parameters[:] = x
        optimizer.step += 1
        end_iteration(made, cost_of.latest)  # the line search ends where it computed the cost last
        made += 1

    try:
        result = scipy_minimize(
            cost_of,
            network.parameters.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=end,
            options={
                "maxiter": iterations,
                "maxcor": int(options["history_size"]),
                "maxfun": int(options["max_evaluations"]),
                "maxls": int(options["max_line_search"]),
                "ftol": options["tolerance"],
                "gtol": options["gradient_tolerance"],
            },
        )
    except _NotFiniteError as error:
        kept = f"iteration {made}" if made else "the beginning"
        raise TrainingDivergedError(
            f"fit: the cost or its gradient is not finite in iteration {made + 1}: the network "
            f"keeps the weights of {kept}, the last whose cost was finite; expected data and "
            "targets scaled to about 1"
        ) from error
    optimizer.message = str(result.message)


class _Cost:
    """The cost and its gradient as functions of a flat float64 vector."""

    def __init__(self, network: "Network", loss: str, rows: Array, target: "_core.Target") -> None:
        self._network, self._rows, self._target = network, rows, target
        self._trainer, self._gradients = network._training_room(loss)
        self._parameters = aligned_zeros(network.parameters.size, network.dtype)
        units = network.input_size + sum(layer.units for layer in network.layers)
        self._rows_a_part = max(1, _NUMBERS_A_PART // units)
        self.latest = np.inf

    def __call__(self, x: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore"):
            self._parameters[:] = x
        total = weight = 0.0
        gradients = np.zeros(x.shape)
        for first in range(0, len(self._rows), self._rows_a_part):
            part = slice(first, first + self._rows_a_part)
            part_total, part_weight = self._trainer.loss_and_gradients(
                self._network._core,
                self._parameters,
                self._rows[part],
                _part(self._target, part),
                self._network._pass_of(training=False),
                self._gradients,
            )
            total += part_total
            weight += part_weight
            gradients += part_weight * self._gradients
        self.latest = total / weight
        gradients /= weight
        numbers = (self.latest, gradients, self._parameters)
        if not all(np.isfinite(each).all() for each in numbers):
            raise _NotFiniteError(f"the cost is {self.latest}")
        return self.latest, gradients


def _part(target: "_core.Target", part: slice) -> "_core.Target":
    return _core.Target(
        None if target.Y is None else target.Y[part],
        None if target.labels is None else target.labels[part],
        None if target.weights is None else target.weights[part],
    )
